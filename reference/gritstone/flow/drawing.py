"""The graph of a program as a text for Mermaid.

With a trace, the nodes and exits that the flow has entered are drawn thick.

Spec: ``flow/documents``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple, TypeAlias

from gritstone.flow.shapes import is_node
from gritstone.flow.values import Value

__all__ = ["Edge", "edges_of", "mermaid"]

_EXITS = ("next", "then", "else", "on_error")
_MOST_LABEL = 40
_SAFE = frozenset(" _.-,$=!()[]'…")

_Events: TypeAlias = Iterable[Mapping[str, Value]]


class Edge(NamedTuple):
    """An exit of a node.

    Attributes:
        source: the node.
        word: ``next``, ``then``, ``else`` or ``on_error``.
        target: the node that is entered.
    """

    source: str
    word: str
    target: str


def _nodes_of(program: Value) -> dict[str, Mapping[str, Value]]:
    """Return the nodes that are of their form, in the order of the program."""
    nodes = program.get("nodes") if isinstance(program, dict) else None
    return {name: node for name, node in nodes.items() if is_node(node)} if isinstance(nodes, dict) else {}


def _start_of(program: Value) -> str | None:
    start = program.get("start") if isinstance(program, dict) else None
    return start if isinstance(start, str) else None


def edges_of(nodes: Mapping[str, Mapping[str, Value]]) -> Iterator[Edge]:
    """Yield the exits between nodes that exist."""
    for name, node in nodes.items():
        for word in _EXITS:
            if node.get(word) in nodes:
                yield Edge(name, word, node[word])


def _label(name: str, node: Mapping[str, Value]) -> tuple[str, str]:
    """Return the two lines of the label of a node."""
    match node["kind"]:
        case "call":
            what = node["tool"]
        case "parallel":
            what = ", ".join(one["tool"] for one in node["calls"].values())
        case "branch":
            what = node["if"]
        case "wait":
            what = f"wait for {node['event']}"
        case _:
            what = node["outcome"]
    flat = " ".join(what.split())
    return name, flat if len(flat) <= _MOST_LABEL else flat[: _MOST_LABEL - 1] + "…"


def _entered(trace: _Events) -> list[str]:
    return [event["node"] for event in trace if event["e"] == "entered"]


def mermaid(program: Value, trace: _Events = ()) -> str:
    """Return the graph as a flowchart of Mermaid.

    Args:
        program: the document of a program; nodes that are not of their form are left out.
        trace: the events of a flow.
    """
    nodes, way = _nodes_of(program), _entered(trace)
    ids = {name: f"n{number}" for number, name in enumerate(nodes)}
    shapes = {"branch": ("{", "}"), "end": ("([", "])"), "wait": ("{{", "}}"), "parallel": ("[[", "]]")}
    lines = ["flowchart TD"]
    for name, node in nodes.items():
        before, after = shapes.get(node["kind"], ("[", "]"))
        text = "<br/>".join(_quoted(line) for line in _label(name, node))
        lines.append(f'  {ids[name]}{before}"{text}"{after}')
    start = _start_of(program)
    if start in nodes:
        lines += ["  begin(( ))", f"  begin --> {ids[start]}"]
    steps = set(pairwise(way))
    for edge in edges_of(nodes):
        arrow = "==>" if (edge.source, edge.target) in steps else "-.->" if edge.word == "on_error" else "-->"
        text = "" if edge.word == "next" else f"|{edge.word}|"
        lines.append(f"  {ids[edge.source]} {arrow}{text} {ids[edge.target]}")
    taken = [ids[name] for name in dict.fromkeys(way) if name in nodes]
    if taken:
        lines += ["  classDef entered stroke-width:3px", f"  class {','.join(taken)} entered"]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """Return a text inside the quotes of a label: the letters of names and expressions, and all others as entities."""
    return "".join(one if one.isalnum() or one in _SAFE else f"#{ord(one)};" for one in text)
