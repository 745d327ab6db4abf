"""Chains of steps, and what they sent: the terms in which histories are judged.

Spec: "Terms" of ``runtime/history``.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field

from gritstone_conformance.model.channels import unread
from gritstone_conformance.model.findings import Place
from gritstone_conformance.model.proposals import Covered, message_type
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.values import Blob, Step

__all__ = ["Chain", "Channel", "read_chain"]


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
    ids: list[bytes]
    steps: list[Step]
    inboxes: list[dict[bytes, bytes]]
    outboxes: list[dict[bytes, bytes]]
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
    """Return the chain of a head."""
    ids = [head]
    steps = [shelf.step(head)]
    while (previous := steps[-1].previous) is not None:
        ids.append(previous)
        steps.append(shelf.step(previous))
    ids.reverse()
    steps.reverse()
    inboxes = [shelf.mail(step.inbox) for step in steps]
    outboxes = [shelf.mail(step.outbox) for step in steps]
    if is_agent:
        returns = _returns(inboxes), _returns(outboxes)
        return Chain(actor, ids, steps, inboxes, outboxes, _is_note(shelf, inboxes[0].get(actor)), *returns)
    cut = any(message_type(shelf.message(message)) == "cleanup" for message in inboxes[0].values())
    return Chain(actor, ids, steps, inboxes, outboxes, cut)


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


def _returns(boxes: list[dict[bytes, bytes]]) -> dict[tuple[int, bytes], bytes]:
    """Return (step, actor) of each entry that is there again after it was dropped, to what it was before."""
    found: dict[tuple[int, bytes], bytes] = {}
    dropped: dict[bytes, bytes] = {}
    for index in range(1, len(boxes)):
        before, after = boxes[index - 1], boxes[index]
        if before is after:
            continue
        for actor in before.keys() - after.keys():
            dropped[actor] = before[actor]
        for actor in (after.keys() - before.keys()) & dropped.keys():
            found[index, actor] = dropped.pop(actor)
    return found


@dataclass(slots=True)
class Channel:
    """Sent(x, a): what one actor sent to another, in order, with the step that sent it; and what was matched.

    Attributes:
        messages: the messages.
        senders: for each, the index of the step that sent it.
        matched: positions that a step of the receiver was matched with.
        last: the position matched last, -1 before the first.
        places: message to its positions, ascending.
        begins: positions at which a chain begins, ascending.
    """

    messages: list[bytes] = field(default_factory=list)
    senders: list[int] = field(default_factory=list)
    matched: set[int] = field(default_factory=set)
    last: int = -1
    places: dict[bytes, list[int]] = field(default_factory=dict)
    begins: list[int] = field(default_factory=list)

    def send(self, message: bytes, previous: bytes | None, step: int) -> None:
        """Note that a step sent a message."""
        position = len(self.messages)
        if previous is None or position == 0 or self.messages[-1] != previous:
            self.begins.append(position)
        self.messages.append(message)
        self.senders.append(step)
        self.places.setdefault(message, []).append(position)

    def match(self, message: bytes) -> int | None:
        """Match a covered message with its first position after the last, and return it; None where there is none."""
        places = self.places.get(message, [])
        at = bisect_right(places, self.last)
        if at == len(places):
            return None
        self.matched.add(places[at])
        self.last = places[at]
        return self.last

    def can_match(self, messages: Iterable[bytes]) -> bool:
        """Return whether all of these messages could be matched, in this order."""
        last = self.last
        for message in messages:
            places = self.places.get(message, [])
            at = bisect_right(places, last)
            if at == len(places):
                return False
            last = places[at]
        return True

    def unmatch(self) -> None:
        """Forget what was matched."""
        self.matched.clear()
        self.last = -1

    def fault(self, message: bytes) -> str:
        """Return the fault of a message that could not be matched."""
        open_ones = [position for position in self.places.get(message, ()) if position not in self.matched]
        if message not in self.places:
            return "unsent"
        if not open_ones:
            return "twice"
        began = bisect_right(self.begins, self.last) > bisect_right(self.begins, open_ones[-1])
        return "stale" if began else "disorder"

    def unmatched(self, message: bytes) -> int | None:
        """Return the last position of a message that was matched with no step, or None."""
        return max(
            (position for position in self.places.get(message, ()) if position not in self.matched), default=None
        )
