"""Frames: the parts of an operation that fail as a whole, and the fuel that is spent in them.

Spec: ``image/operation``, "Frames"; ``image/quotas``, "Fuel".
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from gritstone_conformance.model.image.denial import Denied, Ended

__all__ = ["Frame", "Meter", "Sending"]


class Sending(NamedTuple):
    """A message on its way: sender, target and id."""

    sender: bytes
    target: bytes
    message: bytes


@dataclass(slots=True)
class Frame:
    """A frame that is open.

    Attributes:
        queue: the messages that are not yet taken.
        waiting: the same as a set.
        limit: its fuel limit, or None.
        begun: the fuel that the operation had spent when it began.
    """

    limit: int | None
    begun: int
    queue: deque[Sending] = field(default_factory=deque)
    waiting: set[Sending] = field(default_factory=set)

    def add(self, sendings: Iterable[Sending]) -> None:
        """Put messages into the queue."""
        for sending in sendings:
            self.queue.append(sending)
            self.waiting.add(sending)

    def take(self) -> Sending:
        """Remove the first message of the queue and return it."""
        sending = self.queue.popleft()
        self.waiting.discard(sending)
        return sending


@dataclass(slots=True)
class Meter:
    """The open frames, the outermost first, and the fuel spent, which is never undone."""

    frames: list[Frame] = field(default_factory=list)
    spent: int = 0

    def rest(self) -> tuple[int, int] | None:
        """Return what is left in the frame with the least left, and the depth of the outermost such frame, or None."""
        left = [
            (frame.limit - self.spent + frame.begun, depth)
            for depth, frame in enumerate(self.frames)
            if frame.limit is not None
        ]
        return min(left, default=None)

    def charge(self, units: int) -> None:
        """Charge fuel.

        Raises:
            Ended: the charge passes the limit of a frame; nothing is charged.

        Spec: :rule:`image.fuel.exact`.
        """
        for depth, frame in enumerate(self.frames):
            if frame.limit is not None and self.spent - frame.begun + units > frame.limit:
                raise Ended(depth, Denied("exhausted", "fuel"))
        self.spent += units
