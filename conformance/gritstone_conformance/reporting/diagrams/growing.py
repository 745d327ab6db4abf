"""A diagram that grows step by step, in the order of a behaviour."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from gritstone_conformance.reporting.diagrams.diagram import Arrow, Cut, Diagram, Lane, Point

__all__ = ["Drawing"]

_Channel: TypeAlias = tuple[str, str]


@dataclass(slots=True)
class Drawing:
    """A diagram in the making.

    Attributes:
        unread: for each channel the messages that were sent and not read, each with the point that sent it.
    """

    lanes: list[str]
    points: list[Point] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)
    cuts: list[Cut] = field(default_factory=list)
    unread: dict[_Channel, list[tuple[list[str], int]]] = field(default_factory=dict)

    def point(self, name: str, label: str, words: str, style: str = "") -> int:
        """Add a point and return its number."""
        self.points.append(Point(self.lanes.index(name), label, words, style))
        return len(self.points) - 1

    def cut(self, label: str) -> None:
        """Add a cut behind all points."""
        before = [sum(point.lane == lane for point in self.points) for lane in range(len(self.lanes))]
        self.cuts.append(Cut(label, tuple(before)))

    def sends(self, point: int, channel: _Channel, old: list[str], new: list[str]) -> None:
        """Add the messages of a changed outbox entry; what was superseded or withdrawn stays unread."""
        start = len(old) if old and new[: len(old)] == old else 0
        waiting = self.unread.setdefault(channel, [])
        waiting += [(new[: end + 1], point) for end in range(start, len(new))]

    def reads(self, point: int, channel: _Channel, tip: list[str], style: str = "") -> None:
        """Add the arrows of all unread messages of a channel up to one."""
        waiting = self.unread.get(channel, [])
        for message, start in [each for each in waiting if tip[: len(each[0])] == each[0]]:
            self.arrows.append(Arrow(start, point, message[-1], style=style))
            waiting.remove((message, start))

    def diagram(self) -> Diagram:
        """Return the diagram, with arrows for the messages that were not read."""
        lost = [
            Arrow(start, None, message[-1], self.lanes.index(to))
            for (_, to), waiting in self.unread.items()
            for message, start in waiting
        ]
        lanes = tuple(Lane(name) for name in self.lanes)
        return Diagram(lanes, tuple(self.points), (*self.arrows, *lost), tuple(self.cuts))
