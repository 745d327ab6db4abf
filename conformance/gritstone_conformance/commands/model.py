"""``gritstone model``: check the formal model of the spec.

Spec: :rule:`suite.model.checked`, :rule:`suite.model.cited`, :rule:`suite.model.bites`.
"""

from __future__ import annotations

import argparse
from collections.abc import Set

from gritstone_conformance.errors import UsageError
from gritstone_conformance.model_checking.check import (
    Finding,
    Part,
    check_parts,
    goal_part,
    hole_part,
    mutant_part,
    run_part,
)
from gritstone_conformance.model_checking.citing import check_citations
from gritstone_conformance.model_checking.tables import Tables, read_tables
from gritstone_conformance.model_checking.tlc import find_tlc
from gritstone_conformance.rules import load_rules
from gritstone_conformance.text import counted, say

__all__ = ["run_command"]


def run_command(options: argparse.Namespace) -> int:
    """Run ``gritstone model``.

    Returns:
        The exit code: 0 all as expected; 1 a promise is violated, a count differs, or a mutant is undetected.

    Raises:
        UsageError: Java or TLC is missing, or a table of the model is invalid.
    """
    tables = read_tables()
    check_citations(tables, load_rules().rules)
    only = frozenset(options.only or ())
    parts = _nightly(only, tables) if options.nightly else _gate(only, tables)

    def tell(finding: Finding) -> None:
        say(f"{'ok  ' if finding.is_right else 'FAIL'} {finding.name}: {finding.line}")
        if not finding.is_right or options.traces:
            for line in finding.details:
                say(f"     {line}")

    every = [part for group in parts.values() for part in group]
    right = check_parts(find_tlc(), every, options.jobs, tell)
    counts = ", ".join(counted(len(group), kind) for kind, group in parts.items() if group)
    say(f"{counts}: {'all as expected' if right else 'not all as expected'}")
    return 0 if right else 1


def _gate(only: frozenset[str], tables: Tables) -> dict[str, list[Part]]:
    known = tables.gate.keys() | {each.guard for each in tables.mutants} | {each.promise.name for each in tables.holes}
    _refuse_unknown(only, known)
    return {
        "run": [run_part(run, tables) for run in tables.gate.values() if not only or run.name in only],
        "mutant": [mutant_part(each, tables) for each in tables.mutants if not only or only & {each.guard, each.run}],
        "goal": [goal_part(each, tables) for each in tables.goals if not only or each.run in only],
        "hole": [hole_part(each, tables) for each in tables.holes if not only or only & {each.promise.name, each.run}],
    }


def _nightly(only: frozenset[str], tables: Tables) -> dict[str, list[Part]]:
    _refuse_unknown(only, tables.nightly.keys())
    runs = [run for run in tables.nightly.values() if not only or run.name in only]
    return {"run": [run_part(run, tables, is_nightly=True) for run in runs]}


def _refuse_unknown(only: frozenset[str], known: Set[str]) -> None:
    if unknown := sorted(only - known):
        raise UsageError(f"unknown run, mutant or hole {unknown[0]!r}; known are {', '.join(sorted(known))}")
