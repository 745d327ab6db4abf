"""``gritstone model``: check the formal model of the spec."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from gritstone_conformance.bundled import vectors_dir
from gritstone_conformance.errors import UsageError
from gritstone_conformance.model_checking.check import Finding, check_mutants, check_runs
from gritstone_conformance.model_checking.plan import make_scenarios, outdated, write_scenarios
from gritstone_conformance.model_checking.tables import Tables, read_tables
from gritstone_conformance.model_checking.tlc import Tlc, find_tlc
from gritstone_conformance.reporting.diagrams.scenarios import make_scenario_page
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
    tlc = find_tlc()
    if options.task == "plan":
        return _plan(options, tlc, tables)
    return _check(options, tlc, tables)


def _plan(options: argparse.Namespace, tlc: Tlc, tables: Tables) -> int:
    """Make scenarios; write them as vectors, or compare them with the vectors."""
    if options.write and options.only:
        raise UsageError("--write requires all scenarios: omit --only")
    made, problems = make_scenarios(tlc, tables, options.only or (), say)
    if options.html is not None:
        _write_page(options.html, made)
    if options.write:
        write_scenarios(made, vectors_dir())
        say(f"{counted(len(made), 'scenario')} written; run `gritstone vectors --digest --write`")
    else:
        problems += [f"{name}: differs from the vectors" for name in outdated(made)]
    for problem in problems:
        say(f"FAIL {problem}")
    say(f"{counted(len(made), 'scenario')}, {counted(len(problems), 'problem')}")
    return 1 if problems else 0


def _write_page(path: Path, scenarios: list[dict[str, Any]]) -> None:
    try:
        path.write_text(make_scenario_page(scenarios), encoding="utf-8", newline="\n")
    except OSError as problem:
        raise UsageError(f"{path}: {problem.strerror or problem}") from problem


def _check(options: argparse.Namespace, tlc: Tlc, tables: Tables) -> int:
    only = frozenset(options.only or ())
    runs = tables.nightly if options.nightly else tables.gate
    chosen = [run for name, run in runs.items() if not only or name in only]
    mutants = (
        [each for each in tables.mutants if not only or only & {each.guard, each.run}] if not options.nightly else []
    )
    if not chosen and not mutants:
        known = ", ".join([*runs, *(each.guard for each in tables.mutants)])
        raise UsageError(f"unknown run or mutant {', '.join(sorted(only))!r}; known are {known}")

    def tell(finding: Finding) -> None:
        say(f"{'ok  ' if finding.is_right else 'FAIL'} {finding.name}: {finding.line}")
        if not finding.is_right or options.traces:
            for line in finding.details:
                say(f"     {line}")

    right = check_runs(tlc, chosen, tables, tell)
    right = check_mutants(tlc, mutants, tables, tell) and right
    say(f"{counted(len(chosen), 'run')}, {counted(len(mutants), 'mutant')}: {'all as expected' if right else 'not all as expected'}")
    return 0 if right else 1
