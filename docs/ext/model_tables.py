"""Sphinx: the formal model: its promises, runs, holes and excused rules.

``model-promises`` has a row for each promise of one module: the rules that it states, the mutants that violate it, the
runs that check it. ``model-runs`` lists the runs with their counts of states, ``model-holes`` the sentences that the
rules do not keep, ``model-excused`` the rules that no promise states. All of it is made from ``spec/formal``.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import groupby
from typing import Final

from docutils import nodes
from sphinx.application import Sphinx
from trace_tables import GeneratedTable

from gritstone_conformance.model_checking.tables import Run, Tables, read_tables

_KINDS: Final = {"S": "every state", "A": "every action", "L": "the long run"}
_NONE: Final = "—"


@cache
def model_tables() -> Tables:
    """Return the tables of the model."""
    return read_tables()


@cache
def promises_by_rule() -> dict[str, list[str]]:
    """Return the names of the promises that state each rule."""
    found: dict[str, list[str]] = {}
    for promise in model_tables().promises.values():
        for rule in promise.rules:
            found.setdefault(rule, []).append(promise.name)
    return found


class ModelPromises(GeneratedTable):
    """``.. model-promises:: module``: the promises of a module."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        tables = model_tables()
        rows: list[Sequence[str | Sequence[str]]] = [("Promise", "Rules", "Mutants", "Runs")]
        for promise in tables.promises.values():
            if promise.module != self.arguments[0]:
                continue
            mutants = [f"``{each.guard}``" for each in tables.mutants if each.invariant == promise.name]
            rows.append(
                (
                    (f"``{promise.name}``, for {_KINDS[promise.kind]}", "", promise.sentence),
                    ", ".join(f":rule:`{rule}`" for rule in promise.rules),
                    ", ".join(dict.fromkeys(mutants)),
                    _runs_of(promise.name, tables),
                )
            )
        return self.table(("class: trace", "widths: 38 32 16 14"), rows)


def _runs_of(name: str, tables: Tables) -> str:
    checking = [run for run in tables.gate.values() if name in run.promises]
    same_module = [run for run in tables.gate.values() if run.module == checking[0].module]
    if len(checking) > 3:
        more = "all" if len(checking) == len(same_module) else str(len(checking))
        return f"{more} runs of the module, {sum(run.states or 0 for run in checking):,} states"
    return ", ".join(f"``{run.name}`` ({run.states:,} states)" for run in checking)


class ModelRuns(GeneratedTable):
    """``.. model-runs::``: the runs, with their counts of distinct states."""

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        tables = model_tables()
        rows: list[Sequence[str]] = [("Run", "What happens in it", "States", "Depth", "Nightly states", "Depth")]
        for name in dict.fromkeys([*tables.gate, *tables.nightly]):
            gate, nightly = tables.gate.get(name), tables.nightly.get(name)
            about = (gate or nightly or next(iter(tables.gate.values()))).about
            rows.append((f"``{name}``", about, *_counts(gate), *_counts(nightly)))
        return self.table(("class: numbers", "widths: 16 44 10 10 10 10"), rows)


def _counts(run: Run | None) -> tuple[str, str]:
    return (f"{run.states:,}", str(run.depth)) if run and run.states else (_NONE, _NONE)


class ModelHoles(GeneratedTable):
    """``.. model-holes::``: the sentences that the model violates although no guard is off."""

    def run(self) -> list[nodes.Node]:
        """Return the list."""
        self.env.note_reread()
        lines = []
        for hole in model_tables().holes:
            rules = ", ".join(f":rule:`{rule}`" for rule in hole.promise.rules)
            lines.append(f"- {rules}: {hole.promise.sentence} (``{hole.promise.name}``, run ``{hole.run}``)")
        return self.parse_text_to_nodes("\n".join(lines) or "None.")


class ModelExcused(GeneratedTable):
    """``.. model-excused::``: the rules that no promise states, by the reason."""

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        excused = sorted(model_tables().excused.items(), key=lambda item: (item[1], item[0]))
        rows: list[Sequence[str]] = [("Reason", "Rules")]
        for reason, items in groupby(excused, key=lambda item: item[1]):
            rows.append((f"``{reason}``", ", ".join(f":rule:`{rule}`" for rule, _ in items)))
        return self.table(("class: trace", "widths: 12 88"), rows)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    app.add_directive("model-promises", ModelPromises)
    app.add_directive("model-runs", ModelRuns)
    app.add_directive("model-holes", ModelHoles)
    app.add_directive("model-excused", ModelExcused)
    return {"parallel_read_safe": True}
