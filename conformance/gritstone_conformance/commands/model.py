"""``gritstone model``: check the formal model of the spec, make scenarios from it, and replay exported histories in it.

Spec: :rule:`suite.model.checked`, :rule:`suite.model.cited`, :rule:`suite.model.bites`, :rule:`suite.model.scenarios`,
:rule:`suite.model.same`.
"""

from __future__ import annotations

import argparse
import mmap
from collections.abc import Iterator, Set
from contextlib import ExitStack
from pathlib import Path

from gritstone_conformance.bundled import vectors_dir
from gritstone_conformance.commands.mapping import mapped
from gritstone_conformance.errors import UsageError
from gritstone_conformance.files import write_file
from gritstone_conformance.model.bundle import scan
from gritstone_conformance.model.evidence import History, has_history, open_history
from gritstone_conformance.model_checking.check import (
    Finding,
    Part,
    check_parts,
    hole_part,
    mutant_part,
    run_part,
)
from gritstone_conformance.model_checking.citing import check_citations
from gritstone_conformance.model_checking.pictures import diagram_of_trace
from gritstone_conformance.model_checking.plan import make_scenarios, outdated, write_scenarios
from gritstone_conformance.model_checking.tables import Tables, read_tables
from gritstone_conformance.model_checking.tlc import find_tlc
from gritstone_conformance.model_checking.traces import replay
from gritstone_conformance.reporting.page.behaviours import Behaviour, make_behaviour_page
from gritstone_conformance.reporting.page.scenarios import make_scenario_page
from gritstone_conformance.rules import load_rules
from gritstone_conformance.text import counted, say

__all__ = ["run_command"]


def run_command(options: argparse.Namespace) -> int:
    """Run ``gritstone model``.

    Returns:
        The exit code: 0 all as expected; 1 a promise is violated, a count differs, a mutant is undetected, a scenario
        differs, or a history is refused.

    Raises:
        UsageError: Java or TLC is missing, a table of the model or a bundle is invalid, or a name is unknown.
    """
    if options.bundle and options.task != "trace":
        raise UsageError(f"gritstone model {options.task} takes no file: got {options.bundle[0]}")
    match options.task:
        case "plan":
            return _plan(options)
        case "trace":
            return _trace(options.bundle)
        case _:
            return _check(options)


def _check(options: argparse.Namespace) -> int:
    tables = read_tables()
    check_citations(tables, load_rules().rules)
    only = frozenset(options.only or ())
    parts = _nightly(only, tables) if options.nightly else _gate(only, tables)

    drawn: list[Behaviour] = []

    def tell(finding: Finding) -> None:
        say(f"{'ok  ' if finding.is_right else 'FAIL'} {finding.name}: {finding.line}")
        if not finding.is_right or options.traces:
            for line in finding.details:
                say(f"     {line}")
            if (diagram := diagram_of_trace(finding.trace)) is not None:
                drawn.append(Behaviour(finding.name, finding.line, diagram, finding.details))

    every = [part for group in parts.values() for part in group]
    right = check_parts(find_tlc(), every, options.jobs, tell)
    if options.html is not None:
        write_file(options.html, make_behaviour_page(drawn))
    counts = ", ".join(counted(len(group), kind) for kind, group in parts.items() if group)
    say(f"{counts}: {'all as expected' if right else 'not all as expected'}")
    return 0 if right else 1


def _gate(only: frozenset[str], tables: Tables) -> dict[str, list[Part]]:
    known = tables.gate.keys() | {each.guard for each in tables.mutants} | {each.promise.name for each in tables.holes}
    _refuse_unknown(only, known)
    return {
        "run": [run_part(run, tables) for run in tables.gate.values() if not only or run.name in only],
        "mutant": [mutant_part(each, tables) for each in tables.mutants if not only or only & {each.guard, each.run}],
        "hole": [hole_part(each, tables) for each in tables.holes if not only or only & {each.promise.name, each.run}],
    }


def _nightly(only: frozenset[str], tables: Tables) -> dict[str, list[Part]]:
    _refuse_unknown(only, tables.nightly.keys())
    runs = [run for run in tables.nightly.values() if not only or run.name in only]
    return {"run": [run_part(run, tables, is_nightly=True) for run in runs]}


def _refuse_unknown(only: frozenset[str], known: Set[str]) -> None:
    if unknown := sorted(only - known):
        raise UsageError(f"unknown run, mutant or hole {unknown[0]!r}; known are {', '.join(sorted(known))}")


def _plan(options: argparse.Namespace) -> int:
    """Make scenarios; write them as vectors, or compare them with the vectors."""
    if options.write and options.only:
        raise UsageError("--write requires all scenarios: omit --only")
    made, problems = make_scenarios(find_tlc(), read_tables(), options.only or (), say, options.jobs)
    if options.html is not None:
        write_file(options.html, make_scenario_page(made))
    if options.write:
        write_scenarios(made, vectors_dir())
        say(f"{counted(len(made), 'scenario')} written; run `gritstone vectors --digest --write`")
    else:
        problems += [f"{name}: differs from the vectors" for name in outdated(made, is_whole=not options.only)]
    for problem in problems:
        say(f"FAIL {problem}")
    say(f"{counted(len(made), 'scenario')}, {counted(len(problems), 'problem')}")
    return 1 if problems else 0


def _trace(paths: list[Path]) -> int:
    """Replay the histories of bundles in the model."""
    if not paths:
        raise UsageError("gritstone model trace needs an exported store, for example export.grit")
    with ExitStack() as maps:
        histories = [_history_of(path, maps.enter_context(mapped(path))) for path in paths]
        found = replay(find_tlc(), histories)
    for path, history, refusals in zip(paths, histories, found, strict=True):
        steps = counted(sum(map(len, history.chains.values())), "step")
        say(f"{'FAIL' if refusals else 'ok  '} {path}: {steps} of {counted(len(history.actors()), 'actor')}")
        for refusal in refusals:
            say(f"     {refusal}")
        for line in _unchecked(history):
            say(f"     not checked: {line}")
    refused = sum(map(bool, found))
    words = f"{refused} refused" if refused else "all are behaviours of the model"
    say(f"{counted(len(histories), 'history', 'histories')}: {words}")
    return 1 if refused else 0


def _unchecked(history: History) -> Iterator[str]:
    """Yield what the model accepts without a check because the steps that sent it are not here."""
    boxes = [box for chain in history.chains.values() for box in chain.inboxes]
    if unknown := sum(map(history.is_open, history.chains.keys() | set().union(*boxes))):
        yield f"mail from {counted(unknown, 'actor')} of which the bundle lacks steps"
    if adopted := sum(history.adopted_steps(actor) > 0 for actor in history.chains):
        yield f"what {counted(adopted, 'actor')} read in another store"


def _history_of(path: Path, raw: bytes | mmap.mmap) -> History:
    bundle = scan(raw)
    if bundle.defects:
        raise UsageError(f"{path}: not a legal bundle: {bundle.defects[0].words}; gritstone audit reports its defects")
    if not has_history(bundle):
        raise UsageError(f"{path}: the bundle has no history, because no runtime was started on the store")
    return open_history(bundle)
