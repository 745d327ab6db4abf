"""Checks 6 and 7, and the rest of 3 and 5: what each step covers, held against what was sent.

Spec: ``runtime/history``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from gritstone_conformance.model.chains import Chain, Channel
from gritstone_conformance.model.evidence import History
from gritstone_conformance.model.findings import Finding
from gritstone_conformance.model.proposals import CONTROL, Covered, message_kind, message_type

__all__ = ["Matches", "match_all"]


@dataclass(slots=True)
class Matches:
    """What was matched.

    Attributes:
        findings: what is wrong.
        covered: actors to what each of their steps covers.
        sources: actors to the steps, as (sender, index), that sent what each of their steps covers.
    """

    findings: list[Finding] = field(default_factory=list)
    covered: dict[bytes, list[Covered]] = field(default_factory=dict)
    sources: dict[bytes, list[list[tuple[bytes, int]]]] = field(default_factory=dict)


def match_all(history: History) -> Matches:
    """Match every covered message with a position in what its sender sent."""
    matches = Matches()
    for actor, chain in history.chains.items():
        if chain.cut:
            _believe_first(history, chain)
        covered = matches.covered[actor] = [
            () if _is_believed(history, chain, index) else chain.covered(history.shelf, index)
            for index in range(len(chain))
        ]
        adopted = history.adopted_steps(actor)
        unmatched = _unmatched_senders(history, chain, covered) if adopted else set()
        sources: list[list[tuple[bytes, int]]] = []
        for index, messages in enumerate(covered):
            sources.append([])
            for sender, message in messages:
                if index < adopted and sender in unmatched:
                    history.unverified.append(f"{message.hex()} may have been covered in another store")
                    continue
                position = _match(history, chain, index, (sender, message), matches)
                if position is not None and index >= adopted and not history.is_open(sender):
                    sources[-1].append((sender, history.channels[sender, actor].senders[position]))
            if actor != history.agent and not _is_believed(history, chain, index):
                matches.findings += _of_kinds(history, chain, index, messages)
        matches.sources[actor] = sources
    return matches


def _is_believed(history: History, chain: Chain, index: int) -> bool:
    return index == 0 and (chain.cut or chain.actor == history.agent)


def _believe_first(history: History, chain: Chain) -> None:
    """Match what the first step of a cut history has read with its first position, before all else."""
    for sender, message in chain.inboxes[0].items():
        channel = history.channels.get((sender, chain.actor))
        places = channel.places.get(message) if channel is not None else None
        if channel is not None and places:
            channel.note(places[0])


def _match(history: History, chain: Chain, index: int, who: tuple[bytes, bytes], matches: Matches) -> int | None:
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
    matches.findings.append(Finding(fault, place, f"{_WORDS[fault]}: {message.hex()}"))
    return None


def _unmatched_senders(history: History, chain: Chain, covered: list[Covered]) -> set[bytes]:
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
