"""A diagram of many points as an SVG that a script draws: zoom, pan, a filter by actor, and a reading of each point.

The script draws only what is visible. Without scripts the page shows the drawing of a small part instead.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import Final

from gritstone_conformance.replies import Json
from gritstone_conformance.reporting.diagrams.diagram import STYLES, Diagram, columns
from gritstone_conformance.reporting.diagrams.drawing import draw_diagram, title_of
from gritstone_conformance.reporting.markup import Node, element, embedded, safe

__all__ = ["KEYS", "explorer", "source"]

KEYS: Final = (
    ("← →", "the step before, the step after"),
    ("↑ ↓", "the nearest step of the actor above, below"),
    ("Home, End", "the first, the last step of the actor"),
    ("+, -", "zoom in, zoom out"),
    ("Page Up, Page Down", "half a view to the left, to the right"),
    ("0", "everything"),
    ("f", "the step at fault"),
)
"""The keys of the explorer, with what each shows."""

_WORDS: Final = "One lane for each actor, its steps from left to right, arrows for the messages that a step reads."


def source(name: str) -> str:
    """Return the style (``explorer.css``) or script (``explorer.js``) of the explorer."""
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def explorer(whole: Diagram, part: Diagram) -> Node:
    """Return the figure of a diagram; its script is not part of it.

    Args:
        whole: what the script draws.
        part: what is drawn where scripts are disabled.
    """
    about = {
        "id": "stage",
        "class": "scroll",
        "data-title": f"History: {title_of(whole)}",
        "data-words": _WORDS,
    }
    return element(
        "figure",
        {"class": "history"},
        _controls(),
        element("div", about, draw_diagram(part)),
        element("output", {"id": "reading", "aria-live": "polite", "hidden": True, "data-scripted": True}),
        _embedded_data(_data(whole)),
    )


def _embedded_data(text: str) -> Node:
    node = embedded("script", text)
    node.set("type", "application/json")
    node.set("id", "diagram-data")
    return node


def _controls() -> Node:
    field = element("input", {"type": "search", "name": "actors", "size": "18", "placeholder": "ids, or parts of them"})
    partners = element("input", {"type": "checkbox", "name": "partners"})
    names = (("+", "Zoom in"), ("-", "Zoom out"), ("0", "Everything"), ("f", "Step at fault"))
    return element(
        "form",
        {"id": "controls", "role": "search", "aria-label": "View and filter of the history", "hidden": True},
        element("label", {}, "Actors ", field),
        element("label", {}, partners, " and their partners"),
        *(element("button", {"type": "button", "data-key": key}, name) for key, name in names),
        element("button", {"type": "reset"}, "Show all actors"),
        element("output", {"name": "range", "aria-live": "off"}),
    )


def _data(diagram: Diagram) -> str:
    """Return a diagram as JSON that cannot end the element it stands in."""
    placed, floors = columns(diagram)
    kinds = {words: number for number, words in enumerate(dict.fromkeys(arrow.words for arrow in diagram.arrows))}
    data: Json = {
        "lanes": [[safe(lane.name), safe(lane.words)] for lane in diagram.lanes],
        "points": [
            [point.lane, column, safe(point.label), safe(point.name), _style(point.style)]
            for point, column in zip(diagram.points, placed, strict=True)
        ],
        "arrows": [
            [
                _number(each.start),
                _number(each.end),
                kinds[each.words],
                _number(each.receiver),
                STYLES.index(each.style),
            ]
            for each in diagram.arrows
        ],
        "kinds": [safe(words) for words in kinds],
        "cuts": [[column, safe(cut.label)] for column, cut in zip(floors, diagram.cuts, strict=True)],
    }
    return json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")


def _number(number: int | None) -> int:
    return -1 if number is None else number


def _style(style: str) -> int:
    return STYLES.index(style)
