"""Lives: a runtime stops after some steps, and another one resumes from its export until nothing is left to do.

With a chosen schedule the other makes the choices that were left, and all references are those of a run without a stop.
With a free one the next step is unknown, so the history that is left has to be legal and at rest.

Spec: :rule:`suite.resume.matrix`, :rule:`harness.schedule.order`, :rule:`runtime.history.bundle`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Final

from gritstone_conformance.comparing.matrix import Difference, Host, Matrix, Stuck
from gritstone_conformance.model.bundle import scan
from gritstone_conformance.model.continuing import Sent, check_sent
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.history import check_history
from gritstone_conformance.model.runtime import Config
from gritstone_conformance.model.values import to_base64
from gritstone_conformance.properties.runtime.double import Terms, start_args
from gritstone_conformance.replies import Json, Ok
from gritstone_conformance.strategies.scenarios import SCENARIO_TAPE, Scenario, build
from gritstone_conformance.strategies.tape import Tape

__all__ = ["LIVES", "Life", "play_lives"]

_MOST_STEPS: Final = 200
_ATTEMPTS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Life:
    """A scenario on a runtime.

    Attributes:
        number: makes the decisions of the scenario.
        schedule: ``chosen`` or ``free``.
    """

    number: int
    schedule: str

    @property
    def name(self) -> str:
        """Its name."""
        return f"life-{self.schedule}-{self.number}"

    def is_led_by(self, host: Host) -> bool:
        """Return whether an implementation claims what it needs."""
        claims = host.subject.claims
        return "runtime" in claims.profiles and (self.schedule == "free" or "schedule" in claims.features)

    def scenario(self, fmt: Format) -> Scenario:
        """Return its scenario: no program fails, for how often one did is known to one runtime only."""
        blocks = (hashlib.sha256(b"life %d %d" % (self.number, at)).digest() for at in range(SCENARIO_TAPE // 32 + 1))
        return build(Tape(b"".join(blocks)[:SCENARIO_TAPE]), fmt, fails=False, asks=False)


_EVENTFUL: Final = (1, 8, 17, 21)
LIVES: Final = tuple(Life(number, schedule) for schedule in ("chosen", "free") for number in _EVENTFUL)


@dataclass(slots=True)
class _Past:
    """What a life has come to, at every cut.

    Attributes:
        bundles: the export before the first step and after each.
        made: the choices that were made, by actor and mail.
        refs: the references when nothing was left to do.
        sent: what was injected.
    """

    bundles: list[bytes] = field(default_factory=list)
    made: list[Json] = field(default_factory=list)
    refs: Json = None
    sent: list[Sent] = field(default_factory=list)


def play_lives(matrix: Matrix, hosts: Sequence[Host], formats: Iterable[Format], lives: Iterable[Life]) -> None:
    """Run scenarios over all ordered pairs and all cuts, and add the results to the matrix.

    Raises:
        Stuck: an operation that a life needs was not answered.
        SubjectFault: a process broke.
    """
    named, planned = dict(zip(matrix.letters, hosts, strict=True)), list(lives)
    with ExitStack() as ends:
        others = {letter: Host(host.subject.spawn(), host.title) for letter, host in named.items() if planned}
        for other in others.values():
            ends.callback(other.subject.close)
        for fmt in formats:
            for life in planned:
                crew = {letter: host for letter, host in named.items() if _leads(host, life, fmt)}
                try:
                    _play(matrix, crew, others, life, fmt)
                except Stuck as problem:
                    raise Stuck(f"{life.name}, {fmt.name}: {problem}") from problem


def _leads(host: Host, life: Life, fmt: Format) -> bool:
    return fmt.name in host.subject.claims.formats and life.is_led_by(host)


def _play(matrix: Matrix, crew: dict[str, Host], others: dict[str, Host], life: Life, fmt: Format) -> None:
    scenario = life.scenario(fmt)
    pasts = {letter: _straight(host, life, scenario, fmt) for letter, host in crew.items()}
    if pasts and life.name not in matrix.journeys:
        matrix.journeys.append(life.name)
    first = next(iter(pasts.values()), None)
    for letter, past in pasts.items():
        if life.schedule == "chosen" and first is not None and past.refs != first.refs:
            parted, step = _parted(first.refs, past.refs), max(len(past.made), 1)
            matrix.differences.append(Difference(life.name, fmt.name, letter, letter, 0, step, parted))
    for target in pasts:
        for source, past in pasts.items():
            for cut in range(len(past.bundles)):
                matrix.cuts[source, target] = matrix.cuts.get((source, target), 0) + 1
                words, steps = _resume(others[target], life, fmt, past, cut)
                matrix.steps += steps
                if words is not None:
                    step = max(cut + steps, 1)
                    matrix.differences.append(Difference(life.name, fmt.name, source, target, cut, step, words))


def _straight(host: Host, life: Life, scenario: Scenario, fmt: Format) -> _Past:
    """Run a scenario to its end, and export at every cut."""
    handle, past = host.open(fmt), _Past()
    for data in scenario.graph.encodings.values():
        host.ask("grit.put", store=handle, bytes=to_base64(data))
    runtime = _start(host, handle, life)
    for each in scenario.injections:
        headers = [[*pair] for pair in each.headers]
        letter = {"to": each.to.hex(), "headers": headers, "content": each.content.hex(), "mode": each.mode}
        reply = host.subject.ask("runtime.inject", {"runtime": runtime, **letter})
        if isinstance(reply, Ok):  # a second genesis message, for one, is rejected
            message = bytes.fromhex(reply.value["message"])
            past.sent.append(Sent(each.to, each.headers, each.content, each.mode, message))
    past.bundles.append(host.carry(handle))
    for made in _chosen(host, runtime, ()) if life.schedule == "chosen" else _freely(host, runtime):
        past.made.append(made)
        past.bundles.append(host.carry(handle))
    past.refs = _refs(host, handle)
    _end(host, runtime, handle)
    return past


def _resume(host: Host, life: Life, fmt: Format, past: _Past, cut: int) -> tuple[str | None, int]:
    """Resume from a cut; returns in words what is wrong, or None, and how many steps were made."""
    handle = host.open(fmt)
    host.take(handle, past.bundles[cut])
    runtime = _start(host, handle, life)
    left = past.made[cut:]
    steps = 0
    try:
        if life.schedule == "chosen":
            steps = sum(1 for _ in _chosen(host, runtime, left))
            refs = _refs(host, handle)
            if refs != past.refs:
                return _parted(past.refs, refs), steps
        else:
            steps = host.ask("runtime.run", runtime=runtime, max_steps=_MOST_STEPS)["steps"]
        return _illegal(host.carry(handle), past.sent), steps
    finally:
        _end(host, runtime, handle)


def _start(host: Host, handle: str, life: Life) -> str:
    clock = "suite" if life.schedule == "chosen" and "clock" in host.subject.claims.features else "system"
    terms = Terms(schedule=life.schedule, clock=clock, config=Config(0, 0, _ATTEMPTS))
    runtime = f"l{handle}"
    host.ask("runtime.start", **start_args(terms, handle, runtime))
    return runtime


def _end(host: Host, runtime: str, handle: str) -> None:
    host.ask("runtime.stop", runtime=runtime, how="now")
    host.close(handle)


def _chosen(host: Host, runtime: str, wanted: Sequence[Json]) -> Iterator[Json]:
    """Make the choices that are wanted, and then any, until there is none; gives each that made a step."""
    ahead, declined = list(wanted), 0
    for number in range(_MOST_STEPS):
        listed = host.ask("runtime.ready", runtime=runtime)["choices"]
        if not listed or declined >= len(listed):
            return
        if ahead and ahead[0] not in listed:
            raise Stuck(f"the choice {ahead[0]['actor'][:12]} that was left is not listed")
        at = listed.index(ahead.pop(0)) if ahead else (number * 7 + declined) % len(listed)
        if host.ask("runtime.choose", runtime=runtime, choice=at)["step"] is None:
            declined += 1
        else:
            declined = 0
            yield listed[at]


def _freely(host: Host, runtime: str) -> Iterator[Json]:
    """Make one step after the other on a runtime with a free schedule; yields after each."""
    for _ in range(_MOST_STEPS):
        if host.ask("runtime.run", runtime=runtime, max_steps=1)["cause"] != "max-steps":
            return
        yield None


def _refs(host: Host, handle: str) -> Json:
    return host.ask("grit.refs", store=handle, prefix="", after=None, limit=4_096)["refs"]


def _parted(one: Json, other: Json) -> str:
    mine, theirs = dict(one), dict(other)
    names = [name for name in mine.keys() | theirs.keys() if mine.get(name) != theirs.get(name)]
    if not names:
        return "the same references in another order"
    name = min(names)
    said = " and ".join((each.get(name) or "none")[:12] for each in (mine, theirs))
    return f"{name[:18]} differs: {said}"


def _illegal(data: bytes, sent: Sequence[Sent]) -> str | None:
    verdict = check_history(scan(data), at_rest=True, max_attempts=_ATTEMPTS, is_whole=True)
    findings = list(verdict.findings)
    if not findings and verdict.history is not None:
        findings += check_sent(verdict.history, sent)
    return f"history {findings[0].fault}: {findings[0].words}" if findings else None
