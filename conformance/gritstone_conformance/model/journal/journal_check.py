"""Check 17: the journal of an image accounts for every change of its references.

A finding begins with the fault of the table of the text. Records after the first one at fault are not judged.

Spec: ``image/history``, "Check 17: the journal"; :rule:`image.history.journal`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from gritstone_conformance.model.chains import Chain, read_chain
from gritstone_conformance.model.channels import unread
from gritstone_conformance.model.evidence import History
from gritstone_conformance.model.findings import Finding, Place
from gritstone_conformance.model.graph import Tombstone
from gritstone_conformance.model.image.contents import TEXT
from gritstone_conformance.model.image.record import NotRecord, Record, parse_record
from gritstone_conformance.model.image.world import Entry, World, first_entry
from gritstone_conformance.model.proposals import message_type
from gritstone_conformance.model.values import Blob, Step

__all__ = ["FAULTS", "Journal", "Sent", "check_journal"]

FAULTS: Final = {
    "start": "image.start.made",
    "pairs": "image.op.one-step",
    "record": "image.op.record",
    "clock": "image.clock.forward",
    "fold": "image.serial.chain",
    "sends": "image.op.one-step",
    "side": "image.op.only-writer",
    "mark": "image.runtime.run",
}
"""The faults of the check, in the order of the table, to their rules."""

_MARKS: Final = ("failed/", "archived/", "closed/", "moved/")

Sent = dict[bytes, tuple[bytes, ...]]
"""Receivers to the messages that one step sends, oldest first."""


@dataclass(slots=True)
class Journal:
    """The journal of a history.

    Attributes:
        chain: the chain of K, or None if it has none.
        entries: the operations up to the first one with a fault or without a readable record, that one not included.
        sent: what R sends in each of them, without the message to K.
        findings: the faults.
        is_cut: whether a record was erased, so that the later ones are not judged.
    """

    chain: Chain | None = None
    entries: list[Entry] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    is_cut: bool = False

    def place(self, history: History, index: int, path: str = "core/op") -> Place:
        """Return the place of a record."""
        if self.chain is None or index >= len(self.chain):
            assert history.kernel is not None, "the store is an image"
            return Place(f"heads/{history.kernel.hex()}", history.kernel)
        return self.chain.place(index, path)


def check_journal(history: History) -> Journal:
    """Judge the journal of an image."""
    assert history.kernel is not None, "the store is an image"
    journal = Journal(_kernel_chain(history, history.kernel))
    agents = None if history.agent is None else history.chains.get(history.agent)
    assert journal.chain is not None, "a reference leads to a step of K"
    if agents is None or agents.cut:
        place = Place(f"heads/{history.kernel.hex()}", history.kernel)
        journal.findings.append(_finding("start", place, "the chain of R or K does not begin with operation 0"))
        return journal
    fold = _Fold(history, agents, journal)
    for index in range(len(journal.chain)):
        fault = fold.fault(index)
        if fault is not None:
            journal.findings.append(_finding(fault[0], journal.place(history, index), fault[1]))
            break
        if journal.is_cut:
            history.unverified.append(f"{journal.place(history, index).path}: the record was erased")
            break
    else:
        journal.findings += fold.aside()
    journal.findings += _marks(history)
    return journal


def _finding(fault: str, place: Place, words: str) -> Finding:
    return Finding("journal", place, f"{fault}: {words}", FAULTS[fault])


def _kernel_chain(history: History, kernel: bytes) -> Chain | None:
    """Return the chain of K, also if only another reference leads to one of its steps."""
    found = history.chains.get(kernel)
    for _, target in sorted(history.references.items()) if found is None else ():
        at: bytes | None = target
        while at is not None:
            step = history.shelf.look(at)
            if not isinstance(step, Step):
                break
            if step.actor == kernel:
                return read_chain(history.shelf, kernel, at)
            at = step.previous
    return found


def _marks(history: History) -> Iterator[Finding]:
    for name in sorted(history.references):
        if name.startswith(_MARKS):
            yield _finding("mark", Place(name), "an image has no such reference")


@dataclass(slots=True)
class _Fold:
    """The records that were applied so far.

    Attributes:
        world: their world.
    """

    history: History
    agents: Chain
    journal: Journal
    world: World = field(default_factory=lambda: World({}, {}))

    def fault(self, index: int) -> tuple[str, str] | None:
        """Apply record k and return its first fault, or None; note if it was erased."""
        if index == 0 and not self._begins():
            return "start", "the steps are not those of operation 0"
        sent = self._sent(index + 1)
        content = self._pair(index, sent)
        if content is None:
            return "pairs", "a step of R and one of K do not belong together"
        found = self.history.shelf.look(content)
        if isinstance(found, Tombstone):
            self.journal.is_cut = True
            return None
        try:
            is_text = isinstance(found, Blob) and found.headers == TEXT
            record = parse_record(found.data if isinstance(found, Blob) and is_text else b"")
        except NotRecord as problem:
            return "record", str(problem)
        words = record.fault() if record.seq == index else f"the number is {record.seq}, expected {index}"
        if words is not None:
            return "record", words
        others = {receiver: ids for receiver, ids in sent.items() if receiver != self.history.kernel}
        fault = self._clock(record, index, others) or self._lines(record) or self._sends(record, index, others)
        if fault is None:
            self._apply(Entry(record, self.agents.ids[index + 1], self._kernels.ids[index]), others)
        return fault

    def aside(self) -> Iterator[Finding]:
        """Yield the references that are not those of the fold."""
        shown = World.of(self.history.references)
        wanted, found = dict(self.world.refs()), dict(shown.refs())
        for name in sorted(wanted.keys() | found.keys()):
            if wanted.get(name) != found.get(name):
                yield _finding("side", Place(name), "the reference is not that of the newest record")

    @property
    def _kernels(self) -> Chain:
        assert self.journal.chain is not None, "it is judged"
        return self.journal.chain

    def _begins(self) -> bool:
        if len(self.agents) < 2:
            return False
        wanted = first_entry(self.history.shelf, self.agents.actor, self.agents.ids[0])
        return (wanted.agent_step, wanted.kernel_step) == (self.agents.ids[1], self._kernels.ids[0])

    def _sent(self, index: int) -> Sent:
        """Return what a step of R sends."""
        if index >= len(self.agents):
            return {}
        old, new = self.agents.before(index)[1], self.agents.outboxes[index]
        shelf = self.history.shelf
        moved = sorted(receiver for receiver, tip in new.items() if old.get(receiver) != tip)
        return {receiver: unread(shelf, new[receiver], old.get(receiver)).ids for receiver in moved}

    def _pair(self, index: int, sent: Mapping[bytes, tuple[bytes, ...]]) -> bytes | None:
        """Return the content of the message from R to K that a step of K keeps, or None if there is none."""
        shelf, kernels = self.history.shelf, self._kernels
        messages = sent.get(kernels.actor, ())
        covered = kernels.covered(shelf, index)
        if len(messages) != 1 or covered != ((self.agents.actor, messages[0]),):
            return None
        message = shelf.message(messages[0])
        op = shelf.names(kernels.steps[index].core).get("op")
        if index == 0:
            return op if message_type(message) == "genesis" else None
        return op if message_type(message) == "image.op" and message.content == op else None

    def _clock(self, record: Record, index: int, sent: Sent) -> tuple[str, str] | None:
        before = self.journal.entries[-1].record.clock if self.journal.entries else 0
        is_alone = not record.roots and not sent and not self._acknowledged(index)
        if record.clock < before or (record.clock != before and not is_alone):
            return "clock", f"the clock moves from {before} to {record.clock}"
        return None

    def _lines(self, record: Record) -> tuple[str, str] | None:
        """Return the fault of the lines ``head``, ``read`` and ``gone``."""
        after = set(self.world.heads)
        for actor, old, new in record.heads:
            words = self._head_line(actor, old, new)
            if words is not None:
                return "fold", f"{words}: {actor.hex()}"
            after.add(actor)
        for actor, step in record.reads:
            if self.world.heads.get(actor) != step or actor in (self.agents.actor, self._kernels.actor):
                return "fold", f"a line read is not the head of the actor: {actor.hex()}"
        for actor in record.gone:
            if actor not in after or actor in (self.agents.actor, self._kernels.actor):
                return "fold", f"a line gone names an actor without a head: {actor.hex()}"
        return None

    def _head_line(self, actor: bytes, old: bytes | None, new: bytes) -> str | None:
        if actor in (self.agents.actor, self._kernels.actor) or actor in self.world.gone:
            return "a line head names R, K or an actor that is gone"
        if self.world.heads.get(actor) != old:
            return "the step before is not the head of the actor"
        places = self._places(actor)
        if new not in places or (old is not None and places[new] <= places.get(old, len(places))):
            return "the step after is not a later step of the actor"
        return None

    def _places(self, actor: bytes) -> Mapping[bytes, int]:
        chain = self.history.chains.get(actor)
        return {} if chain is None else chain.places()

    def _sends(self, record: Record, index: int, sent: Sent) -> tuple[str, str] | None:
        """Return the fault of what R sends and acknowledges in addition to the record."""
        acknowledged = self._acknowledged(index)
        if record.roots and acknowledged:
            return "sends", "an operation with roots acknowledges mail"
        if not record.roots and (sum(map(len, sent.values())) > 1 or acknowledged > 1):
            return "sends", "an operation without roots sends or acknowledges more than one message"
        for receiver, messages in sent.items() if record.roots else ():
            roots = [message for sender, to, message in record.roots if (sender, to) == (self.agents.actor, receiver)]
            if list(messages) != [message for message in roots if message in messages]:
                return "sends", f"R sends a message that is not a root, to {receiver.hex()}"
        return None

    def _acknowledged(self, index: int) -> int:
        """Return for how many senders the inbox of R moves; operation 0 acknowledges nothing."""
        old, new = self.agents.before(index + 1)[0], self.agents.inboxes[index + 1]
        return sum(1 for sender in old.keys() | new.keys() if old.get(sender) != new.get(sender))

    def _apply(self, entry: Entry, sent: Sent) -> None:
        self.world.apply(entry.record)
        self.world.heads |= {self.agents.actor: entry.agent_step, self._kernels.actor: entry.kernel_step}
        self.journal.entries.append(entry)
        self.journal.sent.append(sent)
