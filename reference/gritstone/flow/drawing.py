"""The graph of a program as a text for Mermaid, or as an SVG image.

With a trace, the nodes and exits that the flow has entered are drawn thick.

Spec: ``flow/documents``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from itertools import pairwise
from typing import NamedTuple, TypeAlias

from gritstone.flow.shapes import is_node
from gritstone.flow.values import Value

__all__ = ["Edge", "edges_of", "mermaid", "svg"]

_EXITS = ("next", "then", "else", "on_error")
_MOST_LABEL = 40
_MOST_WIDE = 30  # characters that fit into a box
_BOX, _GAP_X, _GAP_Y, _MARGIN = (200, 44), 40, 60, 30
_COLORS = {"call": "#dbeafe", "parallel": "#e0e7ff", "branch": "#fef3c7", "wait": "#f3e8ff", "end": "#dcfce7"}

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
    shapes = {"branch": ("{", "}"), "end": ("([", "])"), "wait": ("{{", "}}"), "parallel": ("[[", "]]")}
    lines = ["flowchart TD"]
    for name, node in nodes.items():
        before, after = shapes.get(node["kind"], ("[", "]"))
        text = "<br/>".join(_quoted(line) for line in _label(name, node))
        lines.append(f'  n_{name}{before}"{text}"{after}')
    start = _start_of(program)
    if start in nodes:
        lines += ["  begin(( ))", f"  begin --> n_{start}"]
    steps = set(pairwise(way))
    for edge in edges_of(nodes):
        arrow = "==>" if (edge.source, edge.target) in steps else "-.->" if edge.word == "on_error" else "-->"
        text = "" if edge.word == "next" else f"|{edge.word}|"
        lines.append(f"  n_{edge.source} {arrow}{text} n_{edge.target}")
    taken = [f"n_{name}" for name in dict.fromkeys(way) if name in nodes]
    if taken:
        lines += ["  classDef entered stroke-width:3px", f"  class {','.join(taken)} entered"]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return escape(text, quote=False).replace("#", "#35;").replace('"', "#quot;")


def svg(program: Value, trace: _Events = ()) -> str:
    """Return the graph as an SVG image: each node in the row after the first one that leads to it.

    Args:
        program: the document of a program; nodes that are not of their form are left out.
        trace: the events of a flow.
    """
    nodes, way = _nodes_of(program), _entered(trace)
    edges = list(edges_of(nodes))
    places = _places(nodes, edges, _start_of(program))
    width = max((x for x, _ in places.values()), default=0) + _BOX[0] + 3 * _MARGIN
    height = max((y for _, y in places.values()), default=0) + _BOX[1] + _MARGIN
    steps, entered = set(pairwise(way)), set(way)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        ' font-family="sans-serif" font-size="12" text-anchor="middle">',
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0 L8 4 L0 8 z"/></marker></defs>',
        *(_line(edge, places, is_taken=(edge.source, edge.target) in steps) for edge in edges),
        *(_box(name, node, places[name], is_entered=name in entered) for name, node in nodes.items()),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _places(
    nodes: Mapping[str, Mapping[str, Value]], edges: Iterable[Edge], start: Value
) -> dict[str, tuple[int, int]]:
    """Return the left upper corner of each node."""
    following: dict[str, list[str]] = {}
    for edge in edges:
        following.setdefault(edge.source, []).append(edge.target)
    rows: list[list[str]] = []
    row = [start] if start in nodes else list(nodes)[:1]
    left = dict.fromkeys(nodes)
    while left:
        row = row or list(left)[:1]
        rows.append(row)
        for name in row:
            del left[name]
        row = [one for one in dict.fromkeys(one for name in row for one in following.get(name, ())) if one in left]
    step_x, step_y = _BOX[0] + _GAP_X, _BOX[1] + _GAP_Y
    return {
        name: (2 * _MARGIN + column * step_x, _MARGIN + number * step_y)
        for number, listed in enumerate(rows)
        for column, name in enumerate(listed)
    }


def _box(name: str, node: Mapping[str, Value], place: tuple[int, int], *, is_entered: bool) -> str:
    x, y = place
    first, second = (escape(line) for line in _label(name, node))
    stroke = 3 if is_entered else 1
    middle = x + _BOX[0] // 2
    squeezed = f' textLength="{_BOX[0] - 12}" lengthAdjust="spacingAndGlyphs"' if len(second) > _MOST_WIDE else ""
    return (
        f'<g><rect x="{x}" y="{y}" width="{_BOX[0]}" height="{_BOX[1]}" rx="8" fill="{_COLORS[node["kind"]]}"'
        f' stroke="#333" stroke-width="{stroke}"/>'
        f'<text x="{middle}" y="{y + 18}" font-weight="bold">{first}</text>'
        f'<text x="{middle}" y="{y + 35}"{squeezed}>{second}</text></g>'
    )


def _line(edge: Edge, places: Mapping[str, tuple[int, int]], *, is_taken: bool) -> str:
    (x, y), (to_x, to_y) = places[edge.source], places[edge.target]
    half, (wide, high) = _BOX[0] // 2, _BOX
    if to_y > y:
        begin, stop = (x + half, y + high), (to_x + half, to_y)
        path = f"M{begin[0]} {begin[1]} C{begin[0]} {begin[1] + 30} {stop[0]} {stop[1] - 30} {stop[0]} {stop[1]}"
        text = (begin[0] + stop[0]) // 2, (begin[1] + stop[1]) // 2
    else:  # back to an earlier row, or to the same one: around the right side
        begin, stop = (x + wide, y + high // 2), (to_x + wide, to_y + high // 2)
        aside = max(begin[0], stop[0]) + _GAP_X
        path = f"M{begin[0]} {begin[1]} C{aside} {begin[1]} {aside} {stop[1]} {stop[0]} {stop[1]}"
        text = aside - 10, (begin[1] + stop[1]) // 2
    dashes = ' stroke-dasharray="5 4"' if edge.word == "on_error" else ""
    word = "" if edge.word == "next" else f'<text x="{text[0]}" y="{text[1]}" fill="#555">{edge.word}</text>'
    return (
        f'<path d="{path}" fill="none" stroke="#333" stroke-width="{3 if is_taken else 1}"{dashes}'
        f' marker-end="url(#arrow)"/>{word}'
    )
