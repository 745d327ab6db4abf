"""Sphinx: ``state-table`` and ``state-diagram``, both made from the same transition table in JSON.

The file has the members ``states``, ``resting``, ``events``, ``changes`` and ``transitions``; the chapter on states of
the spec says what they mean. The diagram is a picture with one line for each state and one arrow for each transition;
it is drawn into HTML pages only, and says nothing that the table does not say. A name that a transition uses and the
file does not explain fails the build, and so does one that is explained and never used.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

Machine = dict[str, Any]

_RESTING = "resting"  # the word of the tables for whichever state fits
_COLUMN, _ROW, _HEAD, _SIDE = (
    150,
    34,
    48,
    430,
)  # pixels: a state, a transition, the heading, the text next to the diagram


def load_machine(path: Path) -> Machine:
    """Read a transition table.

    Raises:
        ExtensionError: a name is used and not explained, or explained and not used.
    """
    machine: Machine = json.loads(path.read_text(encoding="utf-8"))
    rows = machine["transitions"]
    used = {
        "states": {row["state"] for row in rows} | {row["next"] for row in rows if row["next"] != _RESTING},
        "events": {row["event"] for row in rows},
        "changes": {change for row in rows for change in row["change"]},
    }
    used["states"] |= {row["state"] for row in machine[_RESTING]}
    for member, names in used.items():
        if names != machine[member].keys():
            raise ExtensionError(f"{path}: {member}: {sorted(names ^ machine[member].keys())} on one side only")
    if len({(row["state"], row["event"]) for row in rows}) < len(rows):
        raise ExtensionError(f"{path}: a state has two transitions for one event")
    return machine


class _OfMachine(SphinxDirective):
    """A directive whose argument is the file, relative to the page."""

    required_arguments = 1

    def machine(self) -> Machine:
        relative, absolute = self.env.relfn2path(self.arguments[0])
        self.env.note_dependency(relative)
        return load_machine(Path(absolute))


class StateTable(_OfMachine):
    """``.. state-table:: FILE``: the states, how one rests, and each transition with its durable change."""

    def run(self) -> list[nodes.Node]:
        """Return three tables."""
        machine = self.machine()
        parts = [_states(machine), _resting(machine), _transitions(machine)]
        return [node for lines in parts for node in self.parse_text_to_nodes("\n".join(lines))]


def _table(widths: str, *rows: tuple[str, ...]) -> list[str]:
    """Return a list-table; the first row is the heading."""
    lines = [".. list-table::", "   :header-rows: 1", f"   :widths: {widths}", ""]
    for row in rows:
        first, *others = row
        lines += [f"   * - {first}", *(f"     - {cell}" for cell in others)]
    return [*lines, ""]


def _states(machine: Machine) -> list[str]:
    return _table("20 80", ("state", "when"), *((f"``{name}``", words) for name, words in machine["states"].items()))


def _resting(machine: Machine) -> list[str]:
    rows = ((_condition(row["when"]), f"``{row['state']}``") for row in machine[_RESTING])
    return _table("60 40", ("at rest, if", "the state is"), *rows)


def _condition(when: dict[str, bool]) -> str:
    words = {"mark": "a mark", "delayed": "a delayed message", "head": "a head"}
    return ", ".join(words[name] if there else f"no {words[name].removeprefix('a ')}" for name, there in when.items())


def _transitions(machine: Machine) -> list[str]:
    rows = []
    for row in machine["transitions"]:
        change = "; ".join(machine["changes"][name] for name in row["change"])
        event = f"``{row['event']}``: {machine['events'][row['event']]}"
        rows.append((f"``{row['state']}``", event, f"``{row['next']}``", change))
    return _table("14 40 14 32", ("state", "event", "next", "durable change, one update"), *rows)


class StateDiagram(_OfMachine):
    """``.. state-diagram:: FILE``: a picture, a line for each state and an arrow for each transition."""

    def run(self) -> list[nodes.Node]:
        """Return the picture, which only HTML shows."""
        return [nodes.raw("", draw(self.machine()), format="html")]


def draw(machine: Machine) -> str:
    """Return the picture of a transition table as SVG."""
    columns = {name: _COLUMN * at + _COLUMN // 2 for at, name in enumerate([*machine["states"], _RESTING])}
    arrows = [(row["state"], row["next"], _event(row)) for row in machine["transitions"]]
    arrows += [(_RESTING, row["state"], _condition(row["when"])) for row in machine[_RESTING]]
    width, height = _COLUMN * len(columns) + _SIDE, _HEAD + _ROW * len(arrows) + 12
    parts = [*_lines(columns, height)]
    for number, (start, end, words) in enumerate(arrows):
        y = _HEAD + _ROW * number + 26
        parts += _arrow(columns[start], columns[end], y, dashed=start == _RESTING)
        parts.append(_text(_COLUMN * len(columns) + 8, y + 4, words))
    title = "<title>States and transitions; the table below says the same in words</title>"
    style = "font-family:monospace;font-size:12px;max-width:100%;height:auto"
    opening = f'<svg class="state-diagram" role="img" viewBox="0 0 {width} {height}" style="{style}">'
    return "\n".join([opening, title, *parts, "</svg>"])


def _event(row: Machine) -> str:
    """Return the text next to the arrow of a transition."""
    changes = f"  [{', '.join(row['change'])}]" if row["change"] else ""
    return f"{row['event']}{changes}"


def _lines(columns: dict[str, int], height: int) -> Iterator[str]:
    """Yield the headings and the line below each."""
    for name, x in columns.items():
        box = f'x="{x - _COLUMN // 2 + 6}" y="6" width="{_COLUMN - 12}" height="26" rx="6"'
        dash = ' stroke-dasharray="4 3"' if name == _RESTING else ""
        yield f'<rect {box} fill="none" stroke="currentColor"{dash}/>'
        yield _text(x, 23, name, anchor="middle")
        yield f'<path d="M{x} 32V{height}" stroke="currentColor" stroke-opacity="0.35" stroke-dasharray="2 4"/>'


def _arrow(start: int, end: int, y: int, *, dashed: bool) -> Iterator[str]:
    """Yield a shaft from line to line, or a loop at one line, its dot at the beginning and its head at the end."""
    back = 8 if end > start else -8
    dash = ' stroke-dasharray="5 3"' if dashed else ""
    above, below, shaft = (y - 4, y + 4, f"h20v8H{end}") if start == end else (y, y, f"H{end}")
    yield f'<path d="M{start} {above}{shaft}" fill="none" stroke="currentColor"{dash}/>'
    yield f'<circle cx="{start}" cy="{above}" r="3" fill="currentColor"/>'
    yield f'<path d="M{end} {below}l{-back} -4v8z" fill="currentColor"/>'


def _text(x: int, y: int, words: str, *, anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="currentColor">{escape(words)}</text>'


def setup(app: Sphinx) -> dict[str, bool]:
    """Register both directives."""
    app.add_directive("state-table", StateTable)
    app.add_directive("state-diagram", StateDiagram)
    return {"parallel_read_safe": True}
