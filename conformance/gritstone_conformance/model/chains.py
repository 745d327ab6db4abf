"""Chains of steps, and what they sent: the terms in which histories are judged.

Spec: "Terms" of ``runtime/history``.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from gritstone_conformance.model.channels import unread
from gritstone_conformance.model.findings import Place
from gritstone_conformance.model.packed import Ids, ReadList
from gritstone_conformance.model.proposals import Covered, message_type
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.values import Blob, Step

__all__ = ["Chain", "Channel", "read_chain"]

_NEAR: Final = 8  # positions of a channel that are looked at before they are indexed


@dataclass(slots=True)
class Chain:
    """H(a): the steps of an actor, first step first.

    Attributes:
        actor: the actor.
        ids: ids of the steps.
        steps: the steps.
        inboxes: their inboxes as maps, not to be changed.
        outboxes: their outboxes as maps, not to be changed.
        cut: whether the first step is believed.
        read_before: for the agent, (step, sender) of an entry that returns to the inbox, to what was dropped.
        sent_before: the same for the outbox and its receivers.
    """

    actor: bytes
    ids: Sequence[bytes]
    steps: Sequence[Step]
    inboxes: Sequence[dict[bytes, bytes]]
    outboxes: Sequence[dict[bytes, bytes]]
    cut: bool
    read_before: dict[tuple[int, bytes], bytes] = field(default_factory=dict)
    sent_before: dict[tuple[int, bytes], bytes] = field(default_factory=dict)
    _places: dict[bytes, int] = field(default_factory=dict)

    def __len__(self) -> int:
        """Return the number of steps."""
        return len(self.ids)

    def places(self) -> dict[bytes, int]:
        """Return the place of each step in the chain, from 0; not to be changed."""
        if not self._places:
            self._places = {step: number for number, step in enumerate(self.ids)}
        return self._places

    def before(self, index: int) -> tuple[dict[bytes, bytes], dict[bytes, bytes]]:
        """Return inbox and outbox before a step; empty before the first."""
        return (self.inboxes[index - 1], self.outboxes[index - 1]) if index else ({}, {})

    def covered(self, shelf: Shelf, index: int) -> Covered:
        """Return what a step newly covers: senders ascending, of each oldest first."""
        old, new = self.before(index)[0], self.inboxes[index]
        moved = sorted(sender for sender, message in new.items() if old.get(sender) != message)
        cursors = {sender: old.get(sender, self.read_before.get((index, sender))) for sender in moved}
        return tuple((sender, each) for sender in moved for each in unread(shelf, new[sender], cursors[sender]).ids)

    def place(self, index: int, field_path: str) -> Place:
        """Return a place in a step of the chain."""
        path = f"heads/{self.actor.hex()}~{len(self.ids) - 1 - index}/{field_path}"
        return Place(path, self.actor, index, self.ids[index])


def read_chain(shelf: Shelf, actor: bytes, head: bytes, *, is_agent: bool = False) -> Chain:
    """Return the chain of a head; on a shelf that forgets, its steps and mailboxes are read when they are asked for."""
    ids, steps, inboxes, outboxes = _packed(shelf, head) if shelf.forgets else _listed(shelf, head)
    if is_agent:
        returns = _returns(inboxes), _returns(outboxes)
        return Chain(actor, ids, steps, inboxes, outboxes, _is_note(shelf, inboxes[0].get(actor)), *returns)
    cut = any(message_type(shelf.message(message)) == "cleanup" for message in inboxes[0].values())
    return Chain(actor, ids, steps, inboxes, outboxes, cut)


_Boxes = Sequence[dict[bytes, bytes]]


def _listed(shelf: Shelf, head: bytes) -> tuple[Sequence[bytes], Sequence[Step], _Boxes, _Boxes]:
    ids = [head]
    steps = [shelf.step(head)]
    while (previous := steps[-1].previous) is not None:
        ids.append(previous)
        steps.append(shelf.step(previous))
    ids.reverse()
    steps.reverse()
    return ids, steps, [shelf.mail(step.inbox) for step in steps], [shelf.mail(step.outbox) for step in steps]


def _packed(shelf: Shelf, head: bytes) -> tuple[Sequence[bytes], Sequence[Step], _Boxes, _Boxes]:
    ids = Ids()
    at: bytes | None = head
    while at is not None:
        ids.append(at)
        at = shelf.step(at).previous
        shelf.trim()
    ids.reverse()

    def step(index: int) -> Step:
        return shelf.step(ids[index])

    inboxes = ReadList(len(ids), lambda index: shelf.mail(step(index).inbox))
    return ids, ReadList(len(ids), step), inboxes, ReadList(len(ids), lambda index: shelf.mail(step(index).outbox))


def _is_note(shelf: Shelf, message: bytes | None) -> bool:
    """Return whether a message is the note of a cut of the agent's chain.

    Spec: :rule:`runtime.cut.step`.
    """
    if message is None:
        return False
    note = shelf.message(message)
    headers = dict(note.headers)
    is_id = len(headers.get("cut", "")) == 64 and not set(headers.get("cut", "")) - set("0123456789abcdef")
    is_empty = shelf.look(note.content) == Blob((), b"")
    return note.previous is None and is_empty and is_id and headers == {"mt": "cleanup", "cut": headers["cut"]}


def _returns(boxes: _Boxes) -> dict[tuple[int, bytes], bytes]:
    """Return (step, actor) of each entry that is there again after it was dropped, to what it was before."""
    found: dict[tuple[int, bytes], bytes] = {}
    dropped: dict[bytes, bytes] = {}
    before: dict[bytes, bytes] = {}
    for index, after in enumerate(boxes):
        if before is after:
            continue
        for actor in before.keys() - after.keys():
            dropped[actor] = before[actor]
        for actor in (after.keys() - before.keys()) & dropped.keys():
            found[index, actor] = dropped.pop(actor)
        before = after
    return found


@dataclass(slots=True)
class Channel:
    """Sent(x, a): what one actor sent to another, in order, with the step that sent it; and what was matched.

    Attributes:
        messages: the messages.
        senders: for each, the index of the step that sent it.
        last: the position matched last, -1 before the first.
        begins: positions at which a chain begins, ascending.
    """

    messages: Ids = field(default_factory=Ids)
    senders: array[int] = field(default_factory=lambda: array("I"))
    last: int = -1
    begins: array[int] = field(default_factory=lambda: array("I"))
    _matched: bytearray = field(default_factory=bytearray)
    _places: dict[bytes, list[int]] = field(default_factory=dict)

    @property
    def places(self) -> dict[bytes, list[int]]:
        """Message to its positions, ascending; not to be changed."""
        if not self._places:
            for position, message in enumerate(self.messages):
                self._places.setdefault(message, []).append(position)
        return self._places

    def send(self, message: bytes, previous: bytes | None, step: int) -> None:
        """Note that a step sent a message."""
        position = len(self._matched)
        if previous is None or position == 0 or not self.messages.is_at(position - 1, previous):
            self.begins.append(position)
        self.messages.append(message)
        self.senders.append(step)
        self._matched.append(0)
        if self._places:
            self._places.setdefault(message, []).append(position)

    def match(self, message: bytes) -> int | None:
        """Match a covered message with its first position after the last, and return it; None where there is none."""
        position = self._next(message, self.last)
        if position is not None:
            self.note(position)
        return position

    def note(self, position: int) -> None:
        """Note a position as the one matched last."""
        self._matched[position] = 1
        self.last = position

    def is_matched(self, position: int) -> bool:
        """Return whether a position was matched with a step of the receiver."""
        return bool(self._matched[position])

    def matched(self) -> Iterator[int]:
        """Yield the positions that were matched with a step of the receiver, ascending."""
        return (position for position, is_matched in enumerate(self._matched) if is_matched)

    def can_match(self, messages: Iterable[bytes]) -> bool:
        """Return whether all of these messages could be matched, in this order."""
        last = self.last
        for message in messages:
            position = self._next(message, last)
            if position is None:
                return False
            last = position
        return True

    def unmatch(self) -> None:
        """Forget what was matched."""
        self._matched = bytearray(len(self._matched))
        self.last = -1

    def fault(self, message: bytes) -> str:
        """Return the fault of a message that could not be matched."""
        open_ones = [position for position in self.places.get(message, ()) if not self._matched[position]]
        if message not in self.places:
            return "unsent"
        if not open_ones:
            return "twice"
        began = bisect_right(self.begins, self.last) > bisect_right(self.begins, open_ones[-1])
        return "stale" if began else "disorder"

    def unmatched(self, message: bytes) -> int | None:
        """Return the last position of a message that was matched with no step, or None."""
        return max((position for position in self.places.get(message, ()) if not self._matched[position]), default=None)

    def _next(self, message: bytes, last: int) -> int | None:
        """Return the first position of a message after another one; most often it is the next."""
        for position in range(last + 1, last + 1 + _NEAR):
            if self.messages.is_at(position, message):
                return position
        places = self.places.get(message, [])
        at = bisect_right(places, last)
        return None if at == len(places) else places[at]
