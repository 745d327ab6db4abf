"""A space-time diagram as plain data: lanes of actors, points in order, arrows between them, and cuts.

It contains nothing of histories or of drawing. :mod:`histories` makes diagrams of histories; the driver of a model
makes one of a counterexample from lanes, points, arrows and cuts. :mod:`drawing` and :mod:`explorer` draw any of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

__all__ = ["STYLES", "Arrow", "Cut", "Diagram", "Lane", "Point", "columns", "described", "message_words"]

STYLES: Final = ("", "illegal", "cause", "after")
"""Styles of points and arrows: plain, the illegal one, its cause, and what follows the illegal one on its lane."""

Style: TypeAlias = str


@dataclass(frozen=True, slots=True)
class Lane:
    """One actor.

    Attributes:
        name: its short name.
        words: a note below the name.
    """

    name: str
    words: str = ""


@dataclass(frozen=True, slots=True)
class Point:
    """One step.

    Attributes:
        lane: the number of its lane.
        label: the text in the point, of few characters.
        name: what it is, as a noun phrase: ``step 3 of 1a2b3c4d``.
        style: one of ``STYLES``.
    """

    lane: int
    label: str
    name: str
    style: Style = ""


@dataclass(frozen=True, slots=True)
class Arrow:
    """One message. An arrow has a start, an end, or both.

    Attributes:
        start: the number of the point that sent it, or None if no point did.
        end: the number of the point that read it, or None if no point did.
        words: its kind.
        receiver: the lane that did not read it, if it has no end.
        style: one of ``STYLES``.
    """

    start: int | None
    end: int | None
    words: str = ""
    receiver: int | None = None
    style: Style = ""


@dataclass(frozen=True, slots=True)
class Cut:
    """A cut through all lanes: a kill, or an earlier export.

    Attributes:
        label: what it is.
        before: for each lane, how many of its points are before the cut.
    """

    label: str
    before: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Diagram:
    """A space-time diagram.

    Points are in an order in which each follows those before it on its lane, and those from which arrows lead to it;
    arrows that lead backwards are drawn, but do not move a point. Cuts are in their order in time.

    Attributes:
        lanes: the actors, from above.
        points: the steps.
        arrows: the messages.
        cuts: the cuts.
    """

    lanes: tuple[Lane, ...]
    points: tuple[Point, ...]
    arrows: tuple[Arrow, ...] = ()
    cuts: tuple[Cut, ...] = ()

    def styled(self, style: Style) -> list[int]:
        """Return the numbers of the points with a style."""
        return [number for number, point in enumerate(self.points) if point.style == style]


def columns(diagram: Diagram) -> tuple[list[int], list[int]]:
    """Return the column of each point, and for each cut the first column after it.

    A point is one column to the right of the rightmost point that it depends on, and all points after a cut are to the
    right of all points before it.
    """
    epochs = _epochs(diagram)
    senders: dict[int, list[int]] = {}
    for arrow in diagram.arrows:
        if arrow.start is not None and arrow.end is not None and arrow.start < arrow.end:
            senders.setdefault(arrow.end, []).append(arrow.start)
    found = [0] * len(diagram.points)
    last: dict[int, int] = {}
    floors: list[int] = []
    begin = end = 0
    for epoch in range(len(diagram.cuts) + 1):
        for number in (number for number, each in enumerate(epochs) if each == epoch):
            before = [found[sender] for sender in senders.get(number, ()) if epochs[sender] <= epoch]
            column = max(begin, last.get(diagram.points[number].lane, -1) + 1, *(each + 1 for each in before))
            found[number] = last[diagram.points[number].lane] = column
            end = max(end, column + 1)
        begin = end
        floors.append(begin)
    return found, floors[:-1]


def _epochs(diagram: Diagram) -> list[int]:
    """Return for each point how many cuts are before it."""
    seen = [0] * len(diagram.lanes)
    epochs = []
    for point in diagram.points:
        epochs.append(sum(seen[point.lane] >= cut.before[point.lane] for cut in diagram.cuts))
        seen[point.lane] += 1
    return epochs


def described(diagram: Diagram) -> Iterator[str]:
    """Yield a sentence without a full stop for each point: what it is, what it reads, and whether it is illegal."""
    reads: dict[int, list[str]] = {}
    for arrow in diagram.arrows:
        if arrow.end is not None:
            reads.setdefault(arrow.end, []).append(message_words(diagram, arrow))
    for number, point in enumerate(diagram.points):
        words = f"{point.name} reads {', '.join(reads[number])}" if number in reads else point.name
        yield f"{words} — illegal" if point.style == "illegal" else words


def message_words(diagram: Diagram, arrow: Arrow) -> str:
    """Return a noun phrase for a message, with its sender."""
    words = arrow.words or "a message"
    return f"{words} that no step sent" if arrow.start is None else f"{words} from {diagram.points[arrow.start].name}"
