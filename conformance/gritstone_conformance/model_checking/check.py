"""The check of the model: every run has no violation and its pinned count, and every mutant violates its promise."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gritstone_conformance.errors import UsageError
from gritstone_conformance.model_checking.tables import Mutant, Run, Tables, config_of
from gritstone_conformance.model_checking.tlc import Outcome, Tlc
from gritstone_conformance.model_checking.words import trace_words

__all__ = ["Finding", "check_mutants", "check_runs"]

_MUTANT_S = 300
"""Seconds after which a mutant counts as undetected: a broken model may have infinitely many states."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one run of the model or of one mutant.

    Attributes:
        name: the run or the mutant.
        is_right: whether the result is the expected one.
        line: the result in one line.
        details: further lines, for example a behaviour in words.
    """

    name: str
    is_right: bool
    line: str
    details: tuple[str, ...] = ()


def check_runs(tlc: Tlc, runs: Iterable[Run], tables: Tables, say: Callable[[Finding], None]) -> bool:
    """Check runs, report each, and return whether all have the expected result."""
    right = True
    for run in runs:
        begun = time.monotonic()
        outcome = tlc.run(run.module, config_of(run, tables.promises))
        finding = _judged(run, outcome, time.monotonic() - begun, tables)
        say(finding)
        right = right and finding.is_right
    return right


def _judged(run: Run, outcome: Outcome, seconds: float, tables: Tables) -> Finding:
    if outcome.violated:
        promise = tables.promises.get(outcome.violated)
        rules = f" ({', '.join(promise.rules)})" if promise else ""
        line = f"{outcome.violated} is violated{rules} after {max(0, len(outcome.trace) - 1)} actions"
        return Finding(run.name, False, line, tuple(trace_words(outcome.trace)))
    got, expected = (outcome.states, outcome.depth), (run.states, run.depth)
    line = f"{outcome.states} states, depth {outcome.depth}, {seconds:.0f} s"
    if got != expected:
        wanted = f"{run.states} states, depth {run.depth}" if run.states else "no count yet"
        return Finding(run.name, False, f"{line}; expected {wanted}: the model changed, look at it and pin the count")
    return Finding(run.name, True, line)


def check_mutants(
    tlc: Tlc, mutants: Iterable[Mutant], tables: Tables, say: Callable[[Finding], None]
) -> bool:
    """Check mutants, report each, and return whether each violates its promise before any other."""
    right = True
    for mutant in sorted(mutants, key=lambda each: list(tables.gate).index(each.run)):
        finding = _mutated(tlc, mutant, tables)
        say(finding)
        right = right and finding.is_right
    return right


def _mutated(tlc: Tlc, mutant: Mutant, tables: Tables) -> Finding:
    run = tables.gate[mutant.run]
    begun = time.monotonic()
    config = config_of(run, tables.promises, Broken=mutant.guard, **mutant.constants)
    try:
        outcome = tlc.run(run.module, config, limit_s=_MUTANT_S)
    except UsageError as problem:
        return Finding(mutant.guard, False, f"in {run.name}: {problem}")
    seconds = time.monotonic() - begun
    liveness = outcome.violated == "temporal" and tables.promises[mutant.invariant].kind == "L"
    if outcome.violated == mutant.invariant or liveness:
        line = f"violates {mutant.invariant} in {run.name}, {len(outcome.trace)} states, {seconds:.0f} s"
        return Finding(mutant.guard, True, line, tuple(trace_words(outcome.trace)))
    got = f"violates {outcome.violated} first" if outcome.violated else f"violates nothing in {outcome.states} states"
    return Finding(
        mutant.guard, False, f"{got} in {run.name}, expected {mutant.invariant}", tuple(trace_words(outcome.trace))
    )
