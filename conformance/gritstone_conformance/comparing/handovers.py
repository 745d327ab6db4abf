"""Runtime handovers: a runtime stops after some steps, and another one resumes from its export to the end.

With a chosen schedule the other one makes the remaining choices, and all references must equal those of a run without a
stop. With a free schedule the next step is unknown; the resulting history must be legal and at rest.

Spec: :rule:`suite.resume.matrix`, :rule:`harness.schedule.order`, :rule:`runtime.history.bundle`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final

from gritstone_conformance.comparing.matrix import Implementation, Matrix, ResumeDifference, Stuck, difference_of
from gritstone_conformance.model.bundle import scan
from gritstone_conformance.model.continuing import Sent, check_sent
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.history import check_history
from gritstone_conformance.model.runtime import Config
from gritstone_conformance.model.values import to_base64
from gritstone_conformance.properties.runtime.lockstep import StartOptions, start_args
from gritstone_conformance.replies import Json, Ok
from gritstone_conformance.strategies.scenarios import SCENARIO_TAPE, Scenario, build
from gritstone_conformance.strategies.tape import Tape

__all__ = ["HANDOVERS", "Handover", "run_handovers"]

_MOST_STEPS: Final = 200
_ATTEMPTS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Handover:
    """A scenario that one runtime begins and another one ends.

    Attributes:
        number: the seed of the scenario.
        schedule: ``chosen`` or ``free``.
    """

    number: int
    schedule: str

    @property
    def name(self) -> str:
        """Its name."""
        return f"handover-{self.schedule}-{self.number}"

    def is_claimed_by(self, host: Implementation) -> bool:
        """Return whether an implementation makes the required claims."""
        claims = host.subject.claims
        return "runtime" in claims.profiles and (self.schedule == "free" or "schedule" in claims.features)

    def scenario(self, fmt: Format) -> Scenario:
        """Return its scenario; programs never fail, since the export does not contain the number of failures."""
        blocks = (hashlib.sha256(b"life %d %d" % (self.number, at)).digest() for at in range(SCENARIO_TAPE // 32 + 1))
        return build(Tape(b"".join(blocks)[:SCENARIO_TAPE]), fmt, fails=False, asks=False)


_EVENTFUL: Final = (1, 8, 17, 21)
HANDOVERS: Final = tuple(Handover(number, schedule) for schedule in ("chosen", "free") for number in _EVENTFUL)


@dataclass(slots=True)
class _StraightRun:
    """A run of the scenario without a stop.

    Attributes:
        bundles: the export before the first step and after each.
        made: the choices, by actor and mail.
        refs: the references at the end.
        sent: the injected messages.
    """

    bundles: list[bytes] = field(default_factory=list)
    made: list[Json] = field(default_factory=list)
    refs: Json = None
    sent: list[Sent] = field(default_factory=list)


def run_handovers(
    matrix: Matrix, hosts: Sequence[Implementation], formats: Iterable[Format], handovers: Iterable[Handover]
) -> None:
    """Run scenarios over all ordered pairs and all cuts, and add the results to the matrix.

    Raises:
        Stuck: a request that a handover requires was not accepted.
        SubjectFault: a process broke.
    """
    named, planned = dict(zip(matrix.letters, hosts, strict=True)), list(handovers)
    with ExitStack() as ends:
        others = {letter: Implementation(host.subject.spawn(), host.title) for letter, host in named.items() if planned}
        for other in others.values():
            ends.callback(other.subject.close)
        for fmt in formats:
            for handover in planned:
                crew = {letter: host for letter, host in named.items() if _claims(host, handover, fmt)}
                try:
                    _run(matrix, crew, others, handover, fmt)
                except Stuck as problem:
                    raise Stuck(f"{handover.name}, {fmt.name}: {problem}") from problem


def _claims(host: Implementation, handover: Handover, fmt: Format) -> bool:
    return fmt.name in host.subject.claims.formats and handover.is_claimed_by(host)


def _run(
    matrix: Matrix, crew: dict[str, Implementation], others: dict[str, Implementation], handover: Handover, fmt: Format
) -> None:
    scenario = handover.scenario(fmt)
    runs = {letter: _straight(host, handover, scenario, fmt) for letter, host in crew.items()}
    if runs and handover.name not in matrix.journeys:
        matrix.journeys.append(handover.name)
    first = next(iter(runs.values()), None)
    for letter, straight in runs.items():
        if handover.schedule == "chosen" and first is not None and straight.refs != first.refs:
            where, step = difference_of(first.refs, straight.refs), max(len(straight.made), 1)
            matrix.differences.append(ResumeDifference(handover.name, fmt.name, letter, letter, 0, step, where))
    for target in runs:
        for source, straight in runs.items():
            for cut in range(len(straight.bundles)):
                matrix.cuts[source, target] = matrix.cuts.get((source, target), 0) + 1
                words, steps = _resume(others[target], handover, fmt, straight, cut)
                matrix.steps += steps
                if words is not None:
                    step = max(cut + steps, 1)
                    matrix.differences.append(
                        ResumeDifference(handover.name, fmt.name, source, target, cut, step, words)
                    )


def _straight(host: Implementation, handover: Handover, scenario: Scenario, fmt: Format) -> _StraightRun:
    """Run a scenario to its end, and export at every cut."""
    handle, straight = host.open(fmt), _StraightRun()
    for data in scenario.graph.encodings.values():
        host.ask("grit.put", store=handle, bytes=to_base64(data))
    runtime = _start(host, handle, handover)
    for each in scenario.injections:
        headers = [[*pair] for pair in each.headers]
        letter = {"to": each.to.hex(), "headers": headers, "content": each.content.hex(), "mode": each.mode}
        reply = host.subject.ask("runtime.inject", {"runtime": runtime, **letter})
        if isinstance(reply, Ok):  # a second genesis message, for example, is rejected
            message = bytes.fromhex(reply.value["message"])
            straight.sent.append(Sent(each.to, each.headers, each.content, each.mode, message))
    straight.bundles.append(host.carry(handle))
    for made in _chosen(host, runtime, ()) if handover.schedule == "chosen" else _freely(host, runtime):
        straight.made.append(made)
        straight.bundles.append(host.carry(handle))
    straight.refs = host.references(handle)
    _end(host, runtime, handle)
    return straight


def _resume(
    host: Implementation, handover: Handover, fmt: Format, straight: _StraightRun, cut: int
) -> tuple[str | None, int]:
    """Resume from a cut; return a description of the fault, or None, and the number of steps."""
    handle = host.open(fmt)
    host.take(handle, straight.bundles[cut])
    runtime = _start(host, handle, handover)
    left = straight.made[cut:]
    steps = 0
    try:
        if handover.schedule == "chosen":
            steps = sum(1 for _ in _chosen(host, runtime, left))
            refs = host.references(handle)
            if refs != straight.refs:
                return difference_of(straight.refs, refs), steps
        else:
            steps = host.ask("runtime.run", runtime=runtime, max_steps=_MOST_STEPS)["steps"]
        return _illegal(host.carry(handle), straight.sent), steps
    finally:
        _end(host, runtime, handle)


def _start(host: Implementation, handle: str, handover: Handover) -> str:
    clock = "suite" if handover.schedule == "chosen" and "clock" in host.subject.claims.features else "system"
    terms = StartOptions(schedule=handover.schedule, clock=clock, config=Config(0, 0, _ATTEMPTS))
    runtime = f"l{handle}"
    host.ask("runtime.start", **start_args(terms, handle, runtime))
    return runtime


def _end(host: Implementation, runtime: str, handle: str) -> None:
    host.ask("runtime.stop", runtime=runtime, how="now")
    host.close(handle)


def _chosen(host: Implementation, runtime: str, wanted: Sequence[Json]) -> Iterator[Json]:
    """Make the given choices, then any others until none is listed; yield each choice that made a step."""
    ahead, declined = list(wanted), 0
    for number in range(_MOST_STEPS):
        listed = host.ask("runtime.ready", runtime=runtime)["choices"]
        if not listed or declined >= len(listed):
            return
        if ahead and ahead[0] not in listed:
            raise Stuck(f"the choice {ahead[0]['actor'][:12]} is not listed")
        at = listed.index(ahead.pop(0)) if ahead else (number * 7 + declined) % len(listed)
        if host.ask("runtime.choose", runtime=runtime, choice=at)["step"] is None:
            declined += 1
        else:
            declined = 0
            yield listed[at]


def _freely(host: Implementation, runtime: str) -> Iterator[Json]:
    """Make single steps on a runtime with a free schedule; yield after each."""
    for _ in range(_MOST_STEPS):
        if host.ask("runtime.run", runtime=runtime, max_steps=1)["cause"] != "max-steps":
            return
        yield None


def _illegal(data: bytes, sent: Sequence[Sent]) -> str | None:
    verdict = check_history(scan(data), at_rest=True, max_attempts=_ATTEMPTS, is_whole=True)
    findings = list(verdict.findings)
    if not findings and verdict.history is not None:
        findings += check_sent(verdict.history, sent)
    return f"history {findings[0].fault}: {findings[0].words}" if findings else None
