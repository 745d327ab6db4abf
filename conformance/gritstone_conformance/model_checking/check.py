"""The check of the model: no run has a violation, each has its pinned count, and each mutant violates its promise."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from gritstone_conformance.errors import UsageError
from gritstone_conformance.model_checking.tables import Hole, Mutant, Promise, Run, Tables, config_of
from gritstone_conformance.model_checking.tlc import Outcome, Tlc
from gritstone_conformance.model_checking.values import State
from gritstone_conformance.model_checking.words import trace_words
from gritstone_conformance.text import counted

__all__ = ["Finding", "Part", "check_parts", "hole_part", "mutant_part", "run_part"]

_MUTANT_S = 300
"""Seconds after which a mutant counts as undetected: a broken model may have infinitely many states."""

_WITNESSES = "Witnesses"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one part of the check.

    Attributes:
        name: the run, mutant or hole.
        is_right: whether the result is the expected one.
        line: the result in one line.
        details: further lines, for example a behaviour in words.
        trace: the behaviour that violates a promise, or nothing.
    """

    name: str
    is_right: bool
    line: str
    details: tuple[str, ...] = ()
    trace: tuple[State, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the check: one run of TLC, and what is found from its outcome."""

    name: str
    module: str
    config: str
    judge: Callable[[Outcome, float], Finding]
    extra: dict[str, str]
    is_short: bool = True


def check_parts(tlc: Tlc, parts: Sequence[Part], jobs: int, say: Callable[[Finding], None]) -> bool:
    """Check parts, several at a time, report each in order, and return whether all have the expected result."""
    right = True
    with ThreadPoolExecutor(jobs) as pool:
        found = [pool.submit(_checked, tlc, part) for part in parts]
        try:
            for each in found:
                finding = each.result()
                say(finding)
                right = right and finding.is_right
        finally:
            for each in found:
                each.cancel()  # after an error or an interruption nothing else begins
    return right


def _checked(tlc: Tlc, part: Part) -> Finding:
    begun = time.monotonic()
    limit_s = {"limit_s": _MUTANT_S} if part.is_short else {}
    try:
        outcome = tlc.run(part.module, part.config, extra=part.extra, is_short=part.is_short, **limit_s)
    except UsageError as problem:
        raise UsageError(f"{part.name}: {problem}") from problem
    return part.judge(outcome, time.monotonic() - begun)


def run_part(run: Run, tables: Tables, *, is_nightly: bool = False) -> Part:
    """Return the part that checks a run: its promises, its counts and, in the gate, that it reaches its witnesses."""
    config = config_of(run, _promises(run, tables))
    witnesses = () if is_nightly else tuple(each.predicate for each in tables.witnesses if each.run == run.name)
    extra = {_WITNESSES: _witnesses_module(run.module, witnesses)} if witnesses else {}
    config += "".join(f"INVARIANT Witness{number}\n" for number in range(len(witnesses)))
    module = _WITNESSES if witnesses else run.module
    return Part(
        run.name, module, config, lambda *found: _run_finding(run, witnesses, tables, *found), extra, not is_nightly
    )


def _witnesses_module(module: str, witnesses: Sequence[str]) -> str:
    """Return a module that prints when a witness is reached for the first time; its invariants are always true."""
    lines = [f"---- MODULE {_WITNESSES} ----", f"EXTENDS {module}, TLC"]
    for number, witness in enumerate(witnesses):
        reached = f'TLCSet({number}, TRUE) /\\ PrintT(<<"witness", {number}>>)'
        lines.append(f"ASSUME TLCSet({number}, FALSE)")
        lines.append(f"Witness{number} == TLCGet({number}) \\/ ~ ({witness}) \\/ ({reached})")
    return "\n".join([*lines, "====", ""])


def _promises(run: Run, tables: Tables) -> Iterable[Promise]:
    return (tables.promises[name] for name in run.promises)


def _run_finding(run: Run, witnesses: Sequence[str], tables: Tables, outcome: Outcome, seconds: float) -> Finding:
    if outcome.violated:
        promise = tables.promises.get(outcome.violated)
        rules = f" ({', '.join(promise.rules)})" if promise else ""
        line = f"{outcome.violated} is violated{rules} after {max(0, len(outcome.trace) - 1)} actions"
        return Finding(run.name, False, line, tuple(trace_words(outcome.trace)), tuple(outcome.trace))
    got, expected = (outcome.states, outcome.depth), (run.states, run.depth)
    line = f"{outcome.states} states, depth {outcome.depth}, {seconds:.0f} s"
    if got != expected:
        wanted = f"{run.states} states, depth {run.depth}" if run.states else "no count yet"
        return Finding(run.name, False, f"{line}; expected {wanted}: the model changed, look at it and pin the count")
    reached = {each[1] for each in outcome.said if each[0] == "witness"}
    if missed := [witness for number, witness in enumerate(witnesses) if number not in reached]:
        never = f"{len(missed)} of {len(witnesses)} witnesses are never reached"
        return Finding(run.name, False, f"{line}; {never}", tuple(missed))
    return Finding(run.name, True, f"{line}, {counted(len(witnesses), 'witness', 'witnesses')}" if witnesses else line)


def mutant_part(mutant: Mutant, tables: Tables) -> Part:
    """Return the part that checks that a mutant violates its promise before any other."""
    run, promise = tables.gate[mutant.run], tables.promises[mutant.invariant]
    config = config_of(run, _promises(run, tables), Broken=mutant.guard, **mutant.constants)
    return Part(mutant.guard, run.module, config, lambda *found: _violating(mutant.guard, promise, run, *found), {})


def hole_part(hole: Hole, tables: Tables) -> Part:
    """Return the part that checks that a hole is still one: the model itself violates the sentence."""
    run = tables.gate[hole.run]
    config = config_of(run, [hole.promise], **hole.constants)
    name = f"hole {hole.promise.name}"
    return Part(name, run.module, config, lambda *found: _violating(name, hole.promise, run, *found), {})


def _violating(name: str, promise: Promise, run: Run, outcome: Outcome, seconds: float) -> Finding:
    words = tuple(trace_words(outcome.trace))
    if outcome.violated == promise.name or (outcome.violated == "temporal" and promise.kind == "L"):
        line = f"violates {promise.name} in {run.name}, {len(outcome.trace)} states, {seconds:.0f} s"
        return Finding(name, True, line, words, tuple(outcome.trace))
    got = f"violates {outcome.violated} first" if outcome.violated else f"violates nothing in {outcome.states} states"
    return Finding(name, False, f"{got} in {run.name}, expected {promise.name}", words, tuple(outcome.trace))
