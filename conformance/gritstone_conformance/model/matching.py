"""Checks 6 and 7, and the rest of 3 and 5: what each step covers, held against what was sent.

Spec: ``runtime/history``.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from gritstone_conformance.model.chains import Chain, Channel
from gritstone_conformance.model.evidence import History
from gritstone_conformance.model.findings import Finding
from gritstone_conformance.model.packed import ReadList
from gritstone_conformance.model.proposals import CONTROL, Covered, message_kind, message_type

__all__ = ["Matching", "Sources", "covered_by"]


class Sources:
    """The steps that sent what each step of an actor covers, in 12 bytes for each message; actors are numbers."""

    __slots__ = ("_ends", "_senders", "_steps")

    def __init__(self) -> None:
        self._senders, self._steps, self._ends = array("I"), array("I"), array("I")

    def append(self, sources: Iterable[tuple[int, int]]) -> None:
        """Append the sources of the next step: senders, and indexes of their steps."""
        for sender, index in sources:
            self._senders.append(sender)
            self._steps.append(index)
        self._ends.append(len(self._steps))

    def of(self, index: int) -> list[tuple[int, int]]:
        """Return the sources of a step: senders, and indexes of their steps."""
        begin, end = self._ends[index - 1] if index else 0, self._ends[index]
        return list(zip(self._senders[begin:end], self._steps[begin:end], strict=True)) if end > begin else []


def covered_by(history: History, chain: Chain) -> Sequence[Covered]:
    """Return what each step of an actor covers; nothing where that is believed."""

    def read(index: int) -> Covered:
        return () if _is_believed(history, chain, index) else chain.covered(history.shelf, index)

    return ReadList(len(chain), read) if history.shelf.forgets else list(map(read, range(len(chain))))


@dataclass(slots=True)
class Matching:
    """Matches every message that an actor covers with a position in what its sender sent, step by step.

    Attributes:
        history: the history, with all channels to the actor.
        chain: the chain of the actor.
        covered: what each of its steps covers.
        sources: the steps that sent what its steps cover; actors are their numbers in the history.
        findings: what is wrong.
        senders: whose channels to the actor were looked at.
    """

    history: History
    chain: Chain
    covered: Sequence[Covered]
    sources: Sources = field(default_factory=Sources)
    findings: list[Finding] = field(default_factory=list)
    senders: set[bytes] = field(default_factory=set)
    _adopted: int = field(init=False)
    _unmatched: set[bytes] = field(init=False)

    def __post_init__(self) -> None:
        """Match what is believed, before any step."""
        if self.chain.cut:
            _believe_first(self.history, self.chain)
            self.senders.update(self.chain.inboxes[0])
        self._adopted = self.history.adopted_steps(self.chain.actor)
        self._unmatched = _unmatched_senders(self.history, self.chain, self.covered) if self._adopted else set()

    def match(self, index: int) -> None:
        """Match what the next step covers."""
        history, actor, sources = self.history, self.chain.actor, []
        for sender, message in self.covered[index]:
            self.senders.add(sender)
            if index < self._adopted and sender in self._unmatched:
                history.unverified.append(f"{message.hex()} may have been covered in another store")
                continue
            position = _match(history, self.chain, index, (sender, message), self.findings)
            if position is not None and index >= self._adopted and not history.is_open(sender):
                sources.append((history.numbers[sender], history.channels[sender, actor].senders[position]))
        self.sources.append(sources)
        if actor != history.agent and not _is_believed(history, self.chain, index):
            self.findings += _of_kinds(history, self.chain, index, self.covered[index])


def _is_believed(history: History, chain: Chain, index: int) -> bool:
    return index == 0 and (chain.cut or chain.actor == history.agent)


def _believe_first(history: History, chain: Chain) -> None:
    """Match what the first step of a cut history has read with its first position, before all else."""
    for sender, message in chain.inboxes[0].items():
        channel = history.channels.get((sender, chain.actor))
        places = channel.places.get(message) if channel is not None else None
        if channel is not None and places:
            channel.note(places[0])


def _match(history: History, chain: Chain, index: int, who: tuple[bytes, bytes], findings: list[Finding]) -> int | None:
    """Match one message that a step covers and return its position; None where it has none, which is noted."""
    sender, message = who
    channel = history.channels.get((sender, chain.actor), _NOTHING)
    position = channel.match(message)
    if position is not None:
        return position
    if history.is_open(sender):
        history.unverified.append(f"{message.hex()} was covered, and what its sender sent is not known in full")
        return None
    fault = channel.fault(message)
    place = chain.place(index, f"inbox/{sender.hex()}")
    findings.append(Finding(fault, place, f"{_WORDS[fault]}: {message.hex()}"))
    return None


def _unmatched_senders(history: History, chain: Chain, covered: Sequence[Covered]) -> set[bytes]:
    """Return the senders whose mail to an adopted actor cannot all be matched; nothing of them is matched so far.

    Spec: :rule:`wasm.handoff.recorded`.
    """
    read: dict[bytes, list[bytes]] = {}
    for messages in covered:
        for sender, message in messages:
            read.setdefault(sender, []).append(message)
    found: set[bytes] = set()
    for sender, mail in read.items():
        channel = history.channels.get((sender, chain.actor), _NOTHING)
        if not channel.can_match(mail):
            channel.unmatch()
            found.add(sender)
    return found


_NOTHING = Channel()

_WORDS = {
    "unsent": "no step of the sender sent this message on this channel",
    "twice": "an earlier sending of this message was covered, and there is no other",
    "stale": "this message was superseded by one covered before",
    "disorder": "this message was sent before one that is already covered",
}


def _of_kinds(history: History, chain: Chain, index: int, messages: Covered) -> Iterator[Finding]:
    """Checks 3 (cleanup), 5 (progress) and 7."""
    if not messages:
        yield Finding("still", chain.place(index, "inbox"), "the step covers nothing")
        return
    if index == 0:
        return
    shelf = history.shelf
    if any(message_type(shelf.message(message)) == "cleanup" for _, message in messages):
        yield Finding("uncut", chain.place(index, "previous"), "the step covers a cleanup and has a previous")
    controls = [
        each for each in messages if message_kind(chain.actor, shelf.message(each[1]), has_step=True) in CONTROL
    ]
    if len(messages) > 1 and controls:
        place = chain.place(index, f"inbox/{controls[0][0].hex()}")
        yield Finding("crowd", place, f"{controls[0][1].hex()} is a control message and was not covered alone")
