"""Counterexamples of the model as space-time diagrams.

An actor is a lane, a step a point, a message an arrow, and a kill a cut.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gritstone_conformance.model_checking.behaviours import labels
from gritstone_conformance.model_checking.profile_words import is_profile
from gritstone_conformance.model_checking.values import State
from gritstone_conformance.reporting.diagrams.diagram import Diagram
from gritstone_conformance.reporting.diagrams.growing import Drawing

__all__ = ["diagram_of_trace"]

_Heads = Mapping[str, Sequence[Mapping[str, Any]]]


def diagram_of_trace(trace: Sequence[State]) -> Diagram | None:
    """Return the diagram of a behaviour; None if it is one of a model without chains of steps.

    A step is drawn when a runtime first has it, durable or not. The steps of the last action, which violates the
    promise, are the illegal ones.
    """
    if not trace or is_profile(trace) or "view" not in trace[0].variables:
        return None
    heads = _heads(trace[0].variables)
    drawing = Drawing(["agent", *sorted(heads.keys() - {"agent"})])
    for number, state in enumerate(trace[1:], 1):
        style = "illegal" if number == len(trace) - 1 else ""
        if state.action == "Kill":
            drawing.cut("kill")
        after = _heads(state.variables)
        for name in drawing.lanes:
            for step in after[name][_common(heads[name], after[name]) :]:
                _draw_step(
                    drawing, drawing.point(name, str(number), f"action {number}: a step of {name}", style), name, step
                )
        for name in _marked(trace[number - 1], state):
            drawing.point(name, "!", f"action {number}: {name} is marked", style)
        heads = after
    return drawing.diagram()


def _draw_step(drawing: Drawing, point: int, name: str, step: Mapping[str, Any]) -> None:
    for sender, message in step["covered"]:
        drawing.reads(point, (sender, name), labels(message))
    for receiver, message in step["sent"]:
        drawing.unread.setdefault((name, receiver), []).append((labels(message), point))


def _heads(variables: Mapping[str, Any]) -> _Heads:
    """Return the chain of each actor: the durable one, or a longer one that a runtime has and did not store yet."""
    stores = [variables["db"]["heads"], *(view["heads"] for view in variables["view"].values())]
    return {name: max((heads[name] for heads in stores), key=len) for name in stores[0]}


def _common(old: Sequence[Any], new: Sequence[Any]) -> int:
    """Return how many steps two chains have in common."""
    return next((at for at, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))


def _marked(before: State, after: State) -> list[str]:
    """Return the actors that are marked after an action and were not before, in a store or in what a runtime knows."""

    def marks(state: State) -> set[str]:
        stores = [state.variables["db"], *state.variables["view"].values()]
        return {name for store in stores for name, mark in store["marks"].items() if mark}

    return sorted(marks(after) - marks(before))
