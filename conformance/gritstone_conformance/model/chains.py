"""Chains of steps, and what they sent: the terms in which histories are judged.

Spec: "Terms" of ``runtime/history``.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

from gritstone_conformance.model.channels import unread
from gritstone_conformance.model.findings import Place
from gritstone_conformance.model.proposals import Covered, message_type
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.values import Step

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
    """

    actor: bytes
    ids: list[bytes]
    steps: list[Step]
    inboxes: list[dict[bytes, bytes]]
    outboxes: list[dict[bytes, bytes]]
    cut: bool

    def __len__(self) -> int:
        """Return the number of steps."""
        return len(self.ids)

    def before(self, index: int) -> tuple[dict[bytes, bytes], dict[bytes, bytes]]:
        """Return inbox and outbox before a step; empty before the first."""
        return (self.inboxes[index - 1], self.outboxes[index - 1]) if index else ({}, {})

    def covered(self, shelf: Shelf, index: int) -> Covered:
        """Return what a step newly covers: senders ascending, of each oldest first."""
        old, new = self.before(index)[0], self.inboxes[index]
        moved = sorted(sender for sender, message in new.items() if old.get(sender) != message)
        return tuple((sender, each) for sender in moved for each in unread(shelf, new[sender], old.get(sender)).ids)

    def place(self, index: int, field_path: str) -> Place:
        """Return a place in a step of the chain."""
        path = f"heads/{self.actor.hex()}~{len(self.ids) - 1 - index}/{field_path}"
        return Place(path, self.actor, index, self.ids[index])


def read_chain(shelf: Shelf, actor: bytes, head: bytes) -> Chain:
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
    cut = any(message_type(shelf.message(message)) == "cleanup" for message in inboxes[0].values())
    return Chain(actor, ids, steps, inboxes, outboxes, cut)


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
        found = next((position for position in self.places.get(message, ()) if position > self.last), None)
        if found is not None:
            self.matched.add(found)
            self.last = found
        return found

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
