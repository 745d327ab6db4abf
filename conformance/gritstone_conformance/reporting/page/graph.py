"""Graphs: the part of a history around a fault, as lanes of actors with their steps in order and mail as arrows.

Columns depend only on the order of steps: each step is to the right of those that it depends on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from gritstone_conformance.replies import Json
from gritstone_conformance.reporting.page.markup import Node, element
from gritstone_conformance.text import counted

__all__ = ["columns", "draw_graph"]

_LABEL: Final = 104  # width of the lane names
_COLUMN: Final = 46
_LANE: Final = 54
_TOP: Final = 24
_RADIUS: Final = 12
_MOST_LISTED: Final = 60  # steps that are also listed as text


@dataclass(frozen=True, slots=True)
class _Sheet:
    """Positions and size of a drawing."""

    history: Mapping[str, Json]
    columns: list[int]

    def at(self, step: int) -> tuple[int, int]:
        """Return the centre of a step."""
        return _LABEL + 24 + _COLUMN * self.columns[step], self.lane(self.history["steps"][step]["actor"])

    def lane(self, actor: int) -> int:
        """Return the vertical centre of a lane."""
        return _TOP + 16 + _LANE * actor

    @property
    def width(self) -> int:
        """The width of the drawing."""
        return _LABEL + 24 + _COLUMN * (max(self.columns, default=0) + 1) + 12

    @property
    def height(self) -> int:
        """The height of the drawing."""
        return _TOP + _LANE * len(self.history["actors"])


def columns(history: Mapping[str, Json]) -> list[int]:
    """Return the column of each step: one to the right of the rightmost step that it depends on."""
    places = {(step["actor"], step["index"]): number for number, step in enumerate(history["steps"])}
    senders: dict[int, list[int]] = {}
    for message in history["messages"]:
        if "from" in message and "to" in message:
            senders.setdefault(message["to"], []).append(message["from"])
    found: list[int] = []
    for number, step in enumerate(history["steps"]):
        before = [*senders.get(number, ()), places.get((step["actor"], step["index"] - 1), number)]
        found.append(max((found[each] + 1 for each in before if each < number), default=0))
    return found


def draw_graph(history: Mapping[str, Json]) -> Node:
    """Return the graph of the ``history`` member of a case line, with a text version below."""
    sheet = _Sheet(history, columns(history))
    drawn = element(
        "svg",
        {
            "viewBox": f"0 0 {sheet.width} {sheet.height}",
            "width": sheet.width,
            "height": sheet.height,
            "role": "img",
            "aria-label": _title(history),
        },
        *_lanes(sheet),
        *_messages(sheet),
        *_steps(sheet),
    )
    scroll = element("div", {"class": "scroll", "tabindex": "0", "role": "group", "aria-label": "History"}, drawn)
    return element("figure", {"class": "history"}, scroll, _caption(history), _in_words(history))


def _title(history: Mapping[str, Json]) -> str:
    words = f"{counted(len(history['steps']), 'step')} of {counted(len(history['actors']), 'actor')}"
    illegal = history.get("illegal")
    return words if illegal is None else f"{words}; illegal: {_step_words(history, illegal)}"


def _caption(history: Mapping[str, Json]) -> Node:
    out = history["left_out"]
    parts = ["One lane for each actor, its steps from left to right, arrows for the mail that a step reads."]
    if "illegal" in history:
        step = history["steps"][history["illegal"]]
        parts.append(f"Marked: the step at fault, number {step['index']} of its chain ({history['fault']}).")
    if out["steps"] or out["actors"]:
        parts.append(f"Not drawn: {counted(out['steps'], 'step')} further away, {counted(out['actors'], 'actor')}.")
    return element("figcaption", {}, " ".join(parts))


def _lanes(sheet: _Sheet) -> Iterator[Node]:
    for number, actor in enumerate(sheet.history["actors"]):
        y = sheet.lane(number)
        mine = [sheet.at(each)[0] for each, step in enumerate(sheet.history["steps"]) if step["actor"] == number]
        name = element("text", {"class": "lane", "x": 0, "y": y - 1}, actor["id"][:8])
        words = "runtime actor" if actor.get("agent") else counted(actor["steps"], "step")
        yield element("g", {}, name, element("text", {"class": "quiet", "x": 0, "y": y + 13}, words))
        if mine:
            yield element("line", {"class": "chain", "x1": min(mine), "y1": y, "x2": max(mine), "y2": y})


def _messages(sheet: _Sheet) -> Iterator[Node]:
    illegal = sheet.history.get("illegal")
    for message in sorted(sheet.history["messages"], key=lambda each: each.get("to") == illegal):
        kind = message.get("type", "") or "message"
        if "from" in message and "to" in message:
            named = message["to"] == illegal
            yield _arrow(sheet.at(message["from"]), sheet.at(message["to"]), kind, named=named)
        elif "to" in message:
            yield _unsent(*sheet.at(message["to"]), f"{kind}, sent by no step")
        elif "from" in message and "unread_by" in message:
            x, y = sheet.at(message["from"])
            down = 1 if message["unread_by"] > sheet.history["steps"][message["from"]]["actor"] else -1
            yield _stub(x, y, down, f"{kind}, not read by {sheet.history['actors'][message['unread_by']]['id'][:8]}")


def _arrow(start: tuple[int, int], end: tuple[int, int], words: str, *, named: bool) -> Node:
    """Return a curve that leaves a step to the right or downwards and arrives from the left or from above."""
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
    label = element("text", {"class": "kind", "x": x2 + 9, "y": y2 - down * 24}, words) if named else None
    return element("g", {"class": "into" if named else None}, _hint(words), path, head, label)


def _unsent(x: int, y: int, words: str) -> Node:
    line = element("path", {"class": "mail", "d": f"M{x - 25} {y - 29} L{x - 11} {y - 14}"})
    mark = element("text", {"class": "kind", "x": x - 34, "y": y - 30}, "?")
    return element("g", {"class": "unsent"}, _hint(words), line, mark)


def _stub(x: int, y: int, down: int, words: str) -> Node:
    end = y + down * 26
    line = element("path", {"class": "mail", "d": f"M{x} {y + down * _RADIUS} L{x + 10} {end - down * 4}"})
    return element("g", {"class": "unread"}, _hint(words), line, element("circle", {"cx": x + 11, "cy": end, "r": 3}))


def _steps(sheet: _Sheet) -> Iterator[Node]:
    history = sheet.history
    illegal = history.get("illegal")
    fault = history["steps"][illegal] if illegal is not None else None
    for number, step in enumerate(history["steps"]):
        x, y = sheet.at(number)
        follows = fault is not None and step["actor"] == fault["actor"] and step["index"] > fault["index"]
        style = "illegal" if number == illegal else "after" if follows else "step"
        ring = element("circle", {"class": "ring", "cx": x, "cy": y, "r": _RADIUS + 5}) if number == illegal else None
        dot = element("circle", {"cx": x, "cy": y, "r": _RADIUS})
        index = element("text", {"x": x, "y": y + 4}, str(step["index"]))
        yield element("g", {"class": style}, _hint(_step_words(history, number)), ring, dot, index)


def _hint(words: str) -> Node:
    return element("title", {}, words)


def _step_words(history: Mapping[str, Json], number: int) -> str:
    step = history["steps"][number]
    return f"step {step['index']} of {history['actors'][step['actor']]['id'][:8]} ({step['id'][:8]})"


def _in_words(history: Mapping[str, Json]) -> Node:
    reads: dict[int, list[str]] = {}
    for message in history["messages"]:
        if "to" in message:
            kind = message.get("type", "") or "a message"
            source = f"from {_step_words(history, message['from'])}" if "from" in message else "that no step sent"
            reads.setdefault(message["to"], []).append(f"{kind} {source}")
    lines = []
    for number in range(min(len(history["steps"]), _MOST_LISTED)):
        words = f"{_step_words(history, number)} reads {', '.join(reads[number])}" if number in reads else ""
        mark = " — illegal" if number == history.get("illegal") else ""
        lines.append(element("li", {}, (words or _step_words(history, number)) + mark))
    more = len(history["steps"]) - len(lines)
    lines += [element("li", {}, f"and {counted(more, 'step')} more")] if more else []
    return element("details", {}, element("summary", {}, "Text version"), element("ol", {}, *lines))
