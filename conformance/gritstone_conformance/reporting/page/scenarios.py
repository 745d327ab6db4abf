"""Scenarios of the formal model as space-time diagrams, and a page of them.

A point is a step of an actor or of the agent; an arrow is a message; a cut is a stop of the runtime. The step
that a mutant of the model makes, and that a right runtime does not make, is the illegal one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from gritstone_conformance.reporting.diagrams.diagram import Arrow, Cut, Diagram, Lane, Point
from gritstone_conformance.reporting.diagrams.drawing import draw_diagram, in_words
from gritstone_conformance.reporting.diagrams.explorer import source as explorer_source
from gritstone_conformance.reporting.markup import Node, digest_source, element, embedded, write_html
from gritstone_conformance.reporting.page.whole import source
from gritstone_conformance.scenarios import behaviours

__all__ = ["diagram_of_scenario", "make_scenario_page"]

_RESTARTS: Final = ("restart", "leave", "return", "unmark")
_Channel: TypeAlias = tuple[str, str]


@dataclass(slots=True)
class _Drawing:
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


def diagram_of_scenario(scenario: Mapping[str, Any]) -> Diagram:
    """Return the diagram of a scenario; of one with paths, that of the longest."""
    drawing = _Drawing(["agent", *scenario["actors"]])
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


def _step(drawing: _Drawing, number: int, name: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
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
    style = source("page.css") + explorer_source("explorer.css")
    policy = f"default-src 'none'; style-src {digest_source(style)}; base-uri 'none'; form-action 'none'"
    head = element(
        "head",
        {},
        element("meta", {"charset": "utf-8"}),
        element("meta", {"http-equiv": "Content-Security-Policy", "content": policy}),
        element("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}),
        element("meta", {"name": "color-scheme", "content": "light dark"}),
        element("title", {}, "Behaviours of the formal model"),
        embedded("style", style),
    )
    masthead = element("header", {"class": "masthead"}, element("h1", {}, "Behaviours of the formal model"))
    main = element("main", {"id": "main"}, *(_section(each) for each in scenarios))
    return write_html(element("html", {"lang": "en"}, head, element("body", {}, masthead, main)))


def _section(scenario: Mapping[str, Any]) -> Node:
    diagram = diagram_of_scenario(scenario)
    figure = element("figure", {}, draw_diagram(diagram), in_words(diagram))
    number = len(behaviours(scenario))
    note = f" The longest of {number} paths." if number > 1 else ""
    rules = element("p", {}, "Rules: " + ", ".join(scenario["rules"]) + "." + note)
    return element("section", {}, element("h2", {}, scenario["name"]), rules, figure)
