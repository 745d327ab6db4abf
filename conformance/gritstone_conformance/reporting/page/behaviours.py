"""A page with the diagrams of behaviours of the formal model; it needs neither scripts nor a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gritstone_conformance.reporting.diagrams.diagram import Diagram
from gritstone_conformance.reporting.diagrams.explorer import source as explorer_source
from gritstone_conformance.reporting.markup import Node, element, page_head, write_html
from gritstone_conformance.reporting.page.graph import draw_figure
from gritstone_conformance.reporting.page.whole import source

__all__ = ["Behaviour", "make_behaviour_page"]

_CAPTION: Final = (
    "One lane for each actor, its steps from left to right, arrows for the messages that a step reads. A step has the "
    "number of its action. Marked: what a right runtime does not do. Dashed line: a kill or a restart."
)
_TITLE: Final = "Behaviours of the formal model"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """A behaviour on the page: its heading, a sentence, its diagram, and further lines."""

    name: str
    words: str
    diagram: Diagram
    lines: tuple[str, ...] = ()


def make_behaviour_page(behaviours: Sequence[Behaviour]) -> str:
    """Return a page with the diagram of each behaviour."""
    head = page_head(_TITLE, source("page.css") + explorer_source("explorer.css"))
    masthead = element("header", {"class": "masthead"}, element("h1", {}, _TITLE))
    main = element("main", {"id": "main"}, *map(_section, behaviours))
    return write_html(element("html", {"lang": "en"}, head, element("body", {}, masthead, main)))


def _section(behaviour: Behaviour) -> Node:
    figure = draw_figure(behaviour.diagram, "Behaviour", _CAPTION)
    lines = element("ul", {"class": "findings"}, *(element("li", {}, line.strip()) for line in behaviour.lines))
    heading = element("h2", {}, behaviour.name)
    return element("section", {}, heading, element("p", {}, behaviour.words), figure, lines)
