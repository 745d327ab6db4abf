"""Scenarios of the formal model as space-time diagrams.

A point is a step of an actor or of the agent; an arrow is a message; a cut is a stop of the runtime. The step
that a mutant of the model makes, and that a right runtime does not make, is the illegal one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from gritstone_conformance.reporting.diagrams.diagram import Diagram
from gritstone_conformance.reporting.diagrams.growing import Drawing
from gritstone_conformance.reporting.page.behaviours import Behaviour, make_behaviour_page
from gritstone_conformance.scenarios import behaviours

__all__ = ["diagram_of_scenario", "make_scenario_page"]

_RESTARTS: Final = ("restart", "leave", "return", "unmark")


def diagram_of_scenario(scenario: Mapping[str, Any]) -> Diagram:
    """Return the diagram of a scenario; of one with paths, that of the longest."""
    drawing = Drawing(["agent", *scenario["actors"]])
    heads: Mapping[str, Any] = scenario["first"]["heads"]
    longest = max(behaviours(scenario), key=len)
    for number, act in enumerate(longest, 1):
        if act["do"] in _RESTARTS:
            drawing.cut(act["do"])
        after = act["then"].get("heads", heads)
        changed = [name for name in drawing.lanes if after[name] != heads[name] and after[name]]
        failed = act["do"] == "run" and act["actor"] not in changed
        if failed:
            drawing.point(act["actor"], "!", f"act {number}: a run of {act['actor']} without a step")
        for name in sorted(changed, key=lambda name: name == "agent" and act["do"] == "run"):
            _step(drawing, number, name, heads[name] or {"inbox": {}, "outbox": {}}, after[name])
        heads = after
    refused = scenario.get("refuses", {})
    if "runs" in refused:
        point = drawing.point(refused["runs"], "x", f"the refused run of {refused['runs']}", "illegal")
        for sender, tip in refused["inbox"].items():
            drawing.reads(point, (sender, refused["runs"]), tip, "cause")
    return drawing.diagram()


def _step(drawing: Drawing, number: int, name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    point = drawing.point(name, str(number), f"act {number}: a step of {name}")
    for sender, tip in new["inbox"].items():
        if sender in drawing.lanes and tip != old["inbox"].get(sender):
            drawing.reads(point, (sender, name), tip)
    for to, tip in new["outbox"].items():
        before = old["outbox"].get(to, [])
        if to in drawing.lanes and tip != before:
            drawing.sends(point, (name, to), before, tip)


def make_scenario_page(scenarios: Sequence[Mapping[str, Any]]) -> str:
    """Return a page with the diagram of each scenario; it needs neither scripts nor a network."""
    return make_behaviour_page([_behaviour(each) for each in scenarios])


def _behaviour(scenario: Mapping[str, Any]) -> Behaviour:
    number = len(behaviours(scenario))
    note = f" The longest of {number} paths." if number > 1 else ""
    rules = "Rules: " + ", ".join(scenario["rules"]) + "."
    return Behaviour(scenario["name"], rules + note, diagram_of_scenario(scenario))
