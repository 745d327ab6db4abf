"""The history of a failure: the diagram of the part around the fault, its caption, and a text version."""

from __future__ import annotations

from collections.abc import Mapping

from gritstone_conformance.replies import Json
from gritstone_conformance.reporting.diagrams.diagram import Diagram
from gritstone_conformance.reporting.diagrams.drawing import draw_diagram, in_words
from gritstone_conformance.reporting.diagrams.histories import diagram_of
from gritstone_conformance.reporting.markup import Node, element
from gritstone_conformance.text import counted

__all__ = ["caption_words", "draw_figure", "draw_graph"]


def draw_graph(history: Mapping[str, Json]) -> Node:
    """Return the figure of the ``history`` member of a case line."""
    return draw_figure(diagram_of(history), "History", caption_words(history))


def draw_figure(diagram: Diagram, label: str, caption: str) -> Node:
    """Return a diagram with its label for screen readers, its caption and a text version."""
    about = {"class": "scroll", "tabindex": "0", "role": "group", "aria-label": label}
    scroll = element("div", about, draw_diagram(diagram))
    return element("figure", {"class": "history"}, scroll, element("figcaption", {}, caption), in_words(diagram))


def caption_words(history: Mapping[str, Json]) -> str:
    """Return how the drawing of a history is read, and what of it is not drawn."""
    out = history["left_out"]
    parts = ["One lane for each actor, its steps from left to right, arrows for the messages that a step reads."]
    if "illegal" in history:
        step = history["steps"][history["illegal"]]
        parts.append(
            f"Marked: the step at fault, number {step['index']} of its chain ({history['fault']}), and its cause."
        )
    parts += [f"Dashed line: {cut['label']}." for cut in history.get("cuts", ())]
    if out["steps"] or out["actors"]:
        parts.append(f"Not drawn: {counted(out['steps'], 'step')} further away, {counted(out['actors'], 'actor')}.")
    return " ".join(parts)
