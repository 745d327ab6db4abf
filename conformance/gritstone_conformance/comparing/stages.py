"""Stages on runtimes: each stage is carried out by a runtime that is started for it, on any of the implementations.

What a runtime knows in memory only is lost at the end of a stage. So a stop changes nothing: after each stage, all
references must equal those of the run without a stop.

Spec: :rule:`suite.resume.matrix`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TypeAlias

from gritstone_conformance.comparing.matrix import Implementation, Matrix, ResumeDifference, Stuck, difference_of
from gritstone_conformance.model.bundle import scan
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.history import check_history
from gritstone_conformance.replies import Claims, Json

__all__ = ["Stage", "Staged", "run_stages"]

Stage: TypeAlias = Callable[[Implementation, str], None]
"""Starts a runtime of an implementation on the store with a handle, makes requests of it, and stops it."""


@dataclass(frozen=True, slots=True)
class Staged:
    """A sequence of requests that one implementation begins and another one ends.

    Attributes:
        name: its name.
        stages: returns what each started runtime does in a format.
        is_claimed_by: returns whether an implementation makes the required claims.
    """

    name: str
    stages: Callable[[Format], Sequence[Stage]]
    is_claimed_by: Callable[[Claims], bool]


@dataclass(slots=True)
class _StraightRun:
    """A run without a stop: the export before the first stage and after each, and the references after each."""

    bundles: list[bytes] = field(default_factory=list)
    refs: list[Json] = field(default_factory=list)


def run_stages(
    matrix: Matrix, hosts: Sequence[Implementation], formats: Iterable[Format], staged: Iterable[Staged]
) -> None:
    """Run stages over all ordered pairs and all cuts, and add the results to the matrix.

    Raises:
        Stuck: a required request was not accepted.
        SubjectFault: a process broke.
    """
    planned = list(staged)
    named = {letter: host for letter, host in zip(matrix.letters, hosts, strict=True) if planned}
    with ExitStack() as ends:
        others = {letter: Implementation(host.subject.spawn(), host.title) for letter, host in named.items()}
        for other in others.values():
            ends.callback(other.subject.close)
        for fmt in formats:
            for each in planned:
                crew = {letter: host for letter, host in named.items() if _claims(host, each, fmt)}
                try:
                    _run(matrix, crew, others, each, fmt)
                except Stuck as problem:
                    raise Stuck(f"{each.name}, {fmt.name}: {problem}") from problem


def _claims(host: Implementation, each: Staged, fmt: Format) -> bool:
    return fmt.name in host.subject.claims.formats and each.is_claimed_by(host.subject.claims)


def _run(
    matrix: Matrix, crew: dict[str, Implementation], others: dict[str, Implementation], each: Staged, fmt: Format
) -> None:
    runs = {letter: _straight(host, each, fmt) for letter, host in crew.items()}
    if not runs:
        return
    if each.name not in matrix.journeys:
        matrix.journeys.append(each.name)
    first = next(iter(runs.values()))
    for letter, run in runs.items():
        _compare(matrix, (each.name, fmt.name, letter, letter, 0), first.refs, run.refs)
    for target in runs:
        resumed: set[tuple[bytes, str]] = set()  # bundles from which the expected references followed
        for source, run in runs.items():
            for cut in range(len(run.bundles)):
                matrix.cuts[source, target] = matrix.cuts.get((source, target), 0) + 1
                matrix.steps += len(run.refs) - cut
                same = (run.bundles[cut], repr(run.refs))  # another source may have exported the same bytes
                if same in resumed:
                    continue
                place = (each.name, fmt.name, source, target, cut)
                found, illegal = _resume(others[target], each, fmt, run.bundles[cut], cut)
                if not _compare(matrix, place, run.refs[cut:], found):
                    continue
                if illegal is None:
                    resumed.add(same)
                else:
                    matrix.differences.append(ResumeDifference(*place, len(run.refs), illegal))


def _straight(host: Implementation, each: Staged, fmt: Format) -> _StraightRun:
    handle, run = host.open(fmt), _StraightRun()
    run.bundles.append(host.carry(handle))
    for refs in _carry_out(host, handle, each.stages(fmt)):
        run.refs.append(refs)
        run.bundles.append(host.carry(handle))
    host.close(handle)
    return run


def _resume(host: Implementation, each: Staged, fmt: Format, bundle: bytes, cut: int) -> tuple[list[Json], str | None]:
    """Resume from a cut in another process; return the references after each stage, and the fault of the history."""
    handle = host.open(fmt)
    host.take(handle, bundle)
    found = list(_carry_out(host, handle, each.stages(fmt)[cut:]))
    verdict = check_history(scan(host.carry(handle)), at_rest=True, max_attempts=2, is_whole=True)
    host.close(handle)
    fault = next(iter(verdict.findings), None)
    return found, None if fault is None else f"history {fault.fault}: {fault.words}"


def _carry_out(host: Implementation, handle: str, stages: Sequence[Stage]) -> Iterator[Json]:
    """Carry out stages, each in a runtime of its own; yield the references after each."""
    for stage in stages:
        stage(host, handle)
        yield host.references(handle)


def _compare(
    matrix: Matrix, place: tuple[str, str, str, str, int], wanted: Sequence[Json], found: Sequence[Json]
) -> bool:
    """Record the first difference of two runs, if any; return whether there is none."""
    for number, (one, other) in enumerate(zip(wanted, found, strict=True), place[-1] + 1):
        if one != other:
            matrix.differences.append(ResumeDifference(*place, number, difference_of(one, other)))
            return False
    return True
