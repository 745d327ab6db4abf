"""A diagram as one SVG that needs no script, for up to some hundred points."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gritstone_conformance.reporting.diagrams.diagram import Diagram, columns, described, message_words
from gritstone_conformance.reporting.markup import Node, element
from gritstone_conformance.text import counted

__all__ = ["draw_diagram", "in_words", "title_of"]

_LABEL: Final = 104  # width of the lane names
_COLUMN: Final = 46
_LANE: Final = 54
_TOP: Final = 24
_RADIUS: Final = 12
_MOST_LISTED: Final = 60  # points that are also listed as text


@dataclass(frozen=True, slots=True)
class _Sheet:
    """Positions and size of a drawing."""

    diagram: Diagram
    columns: list[int]
    cuts: list[int]

    def at(self, point: int) -> tuple[int, int]:
        """Return the centre of a point."""
        return self.column(self.columns[point]), self.lane(self.diagram.points[point].lane)

    def column(self, number: int) -> int:
        """Return the horizontal centre of a column."""
        return _LABEL + 24 + _COLUMN * number

    def lane(self, number: int) -> int:
        """Return the vertical centre of a lane."""
        return _TOP + 16 + _LANE * number

    @property
    def width(self) -> int:
        """The width of the drawing."""
        return self.column(max(self.columns, default=0) + 1) + 12

    @property
    def height(self) -> int:
        """The height of the drawing."""
        return _TOP + _LANE * len(self.diagram.lanes)


def draw_diagram(diagram: Diagram) -> Node:
    """Return the drawing of a diagram, with a title and a description."""
    sheet = _Sheet(diagram, *columns(diagram))
    size = {"viewBox": f"0 0 {sheet.width} {sheet.height}", "width": sheet.width, "height": sheet.height}
    return element(
        "svg",
        {**size, "role": "img", "aria-label": title_of(diagram)},
        element("title", {}, title_of(diagram)),
        element("desc", {}, _description(diagram)),
        *_lanes(sheet),
        *_cuts(sheet),
        *_arrows(sheet),
        *_points(sheet),
    )


def title_of(diagram: Diagram) -> str:
    """Return what a diagram shows, in a few words."""
    words = f"{counted(len(diagram.points), 'step')} of {counted(len(diagram.lanes), 'actor')}"
    illegal = diagram.styled("illegal")
    return f"{words}; illegal: {diagram.points[illegal[0]].name}" if illegal else words


def in_words(diagram: Diagram) -> Node:
    """Return the points of a diagram as a list that can be unfolded."""
    lines = list(described(diagram))
    items = [element("li", {}, line) for line in lines[:_MOST_LISTED]]
    more = len(lines) - len(items)
    items += [element("li", {}, f"and {counted(more, 'step')} more")] if more else []
    return element("details", {}, element("summary", {}, "Text version"), element("ol", {}, *items))


def _description(diagram: Diagram) -> str:
    words = ["One lane for each actor, its steps from left to right, arrows for the messages that a step reads."]
    causes = [message_words(diagram, arrow) for arrow in diagram.arrows if arrow.style == "cause"]
    words += [f"Cause: {', '.join(causes)}."] if causes else []
    words += [f"Cut: {cut.label}." for cut in diagram.cuts]
    return " ".join(words)


def _lanes(sheet: _Sheet) -> Iterator[Node]:
    ends: dict[int, tuple[int, int]] = {}
    for number, point in enumerate(sheet.diagram.points):
        x = sheet.at(number)[0]
        first, last = ends.get(point.lane, (x, x))
        ends[point.lane] = min(first, x), max(last, x)
    for number, lane in enumerate(sheet.diagram.lanes):
        y = sheet.lane(number)
        name = element("text", {"class": "lane", "x": 0, "y": y - 1}, lane.name)
        yield element("g", {}, name, element("text", {"class": "quiet", "x": 0, "y": y + 13}, lane.words))
        if number in ends:
            yield element("line", {"class": "chain", "x1": ends[number][0], "y1": y, "x2": ends[number][1], "y2": y})


def _cuts(sheet: _Sheet) -> Iterator[Node]:
    for cut, column in zip(sheet.diagram.cuts, sheet.cuts, strict=True):
        x = sheet.column(column) - _COLUMN // 2
        line = element("path", {"d": f"M{x} 14 V{sheet.height}"})
        yield element("g", {"class": "cut"}, line, element("text", {"x": x + 4, "y": 11}, cut.label))


def _arrows(sheet: _Sheet) -> Iterator[Node]:
    for arrow in sorted(sheet.diagram.arrows, key=lambda each: each.style == "cause"):
        words = arrow.words or "message"
        if arrow.start is not None and arrow.end is not None:
            yield _curve(sheet.at(arrow.start), sheet.at(arrow.end), words, is_cause=arrow.style == "cause")
        elif arrow.end is not None:
            yield _unsent(*sheet.at(arrow.end), f"{words}, sent by no step")
        elif arrow.start is not None and arrow.receiver is not None:
            yield _unread(sheet, arrow.start, arrow.receiver, words)


def _curve(start: tuple[int, int], end: tuple[int, int], words: str, *, is_cause: bool) -> Node:
    """Return a curve that leaves a point to the right or downwards and arrives from the left or from above."""
    (x1, y1), (x2, y2) = start, end
    down = 1 if y2 > y1 else -1
    if y1 == y2:
        high = y1 - min(40, 24 + (x2 - x1) // 16)
        curve = f"M{x1} {y1 - _RADIUS} C{x1} {high} {x2} {high} {x2} {y2 - _RADIUS - 5}"
        down = 1
    else:
        top, bottom = y1 + down * _RADIUS, y2 - down * (_RADIUS + 5)
        bend = max(14, abs(bottom - top) // 2)
        curve = f"M{x1} {top} C{x1} {top + down * bend} {x2} {bottom - down * bend} {x2} {bottom}"
    head = element("path", {"class": "tip", "d": f"M{x2} {y2 - down * _RADIUS} l-4 {-7 * down} h8 z"})
    path = element("path", {"class": "mail", "d": curve})
    label = element("text", {"class": "kind", "x": x2 + 9, "y": y2 - down * 24}, words) if is_cause else None
    return element("g", {"class": "into" if is_cause else None}, _hint(words), path, head, label)


def _unsent(x: int, y: int, words: str) -> Node:
    line = element("path", {"class": "mail", "d": f"M{x - 25} {y - 29} L{x - 11} {y - 14}"})
    mark = element("text", {"class": "kind", "x": x - 34, "y": y - 30}, "?")
    return element("g", {"class": "unsent"}, _hint(words), line, mark)


def _unread(sheet: _Sheet, start: int, receiver: int, words: str) -> Node:
    x, y = sheet.at(start)
    down = 1 if receiver > sheet.diagram.points[start].lane else -1
    end = y + down * 26
    line = element("path", {"class": "mail", "d": f"M{x} {y + down * _RADIUS} L{x + 10} {end - down * 4}"})
    words = f"{words}, not read by {sheet.diagram.lanes[receiver].name}"
    return element("g", {"class": "unread"}, _hint(words), line, element("circle", {"cx": x + 11, "cy": end, "r": 3}))


def _points(sheet: _Sheet) -> Iterator[Node]:
    for number, point in enumerate(sheet.diagram.points):
        x, y = sheet.at(number)
        is_ringed = point.style == "illegal"
        ring = element("circle", {"class": "ring", "cx": x, "cy": y, "r": _RADIUS + 5}) if is_ringed else None
        dot = element("circle", {"cx": x, "cy": y, "r": _RADIUS})
        label = element("text", {"x": x, "y": y + 4}, point.label)
        yield element("g", {"class": point.style or "step"}, _hint(point.name), ring, dot, label)


def _hint(words: str) -> Node:
    return element("title", {}, words)
