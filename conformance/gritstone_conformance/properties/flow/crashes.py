"""Flows whose runtime dies: each ends with the trace that it has without a death, and each key is performed once."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.refusals import ok
from gritstone_conformance.properties.flow.kernels import SubjectKernel
from gritstone_conformance.properties.flow.living import (
    BUDGET,
    KEY,
    LOST,
    ONCE,
    Unharmed,
    carry_out,
    judge_life,
    live_on_model,
    live_unharmed,
    of_flows,
)
from gritstone_conformance.properties.flow.peer import Peer
from gritstone_conformance.properties.relying import relying
from gritstone_conformance.properties.runtime.free_schedule_fixture import StoreOptions
from gritstone_conformance.properties.runtime.kills import NEVER
from gritstone_conformance.properties.wit.registry import tape
from gritstone_conformance.strategies.flow_lives import LIFE_TAPE, LIVES, Life, draw_life
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Property, Trial

__all__ = ["PROPERTIES"]

_EVERY: Final = "flow.crash.every-boundary"
_MOST_PROCESSES: Final = 400


# --- deaths ----------------------------------------------------------------------------------------------------


class _Mortal:
    """A life on a durable store, whose process is killed."""

    def __init__(self, trial: Trial, fmt: Format, life: Life, model: Unharmed) -> None:
        self.trial, self.model, self.deaths = trial, model, 0
        self.victim = trial.spawn()
        self.can_arm = "fault.kill" in trial.claims.features
        opening = StoreOptions(trial.directory(), self.victim)
        self.kernel = SubjectKernel(trial, fmt, model[0], opening, rule=_EVERY)
        self.peer = Peer(self.kernel, life)

    def arm(self, number: int, when: str) -> None:
        """Request that the process dies at a durable write."""
        self.trial.expect("fault.arm", {"writes": number, "when": when}, ok(), on=self.victim)

    def go_on(self) -> bool:
        """Start the runtime, and carry the life on until it ends or the process dies; return whether it ended."""
        try:
            self.kernel.start()
            self.peer.live()
        except SubjectFault as fault:
            if not fault.is_sigkill:
                raise
            self.deaths += 1
            self.victim.kill()
            self.kernel.reopen()
            return False
        return True

    def judge(self) -> None:
        """Judge what the life left."""
        if self.can_arm:
            self.arm(NEVER, "before")
        judge_life(self.trial, self.kernel, self.peer, self.model, _EVERY)
        self.kernel.fixture.close()
        self.victim.kill()


def _dies_again(trial: Trial, fmt: Format, life: Life, model: Unharmed, first: int, growth: float) -> None:
    """Die at the durable write ``first``, and in each next process later than in the one before, until the life ends.

    A process makes ``growth`` times as many writes as the one before, and at least one more.
    """
    mortal, writes = _Mortal(trial, fmt, life, model), first
    for number in range(_MOST_PROCESSES):
        mortal.arm(writes, ("before", "after")[number % 2])
        if mortal.go_on():
            break
        writes = max(writes + 1, int(growth * writes))
    else:
        trial.fail(f"at most {_MOST_PROCESSES} processes", "more", words="the life never ends", rule=_EVERY)
    mortal.judge()
    trial.remark = f"{mortal.deaths} deaths in one life, each after more writes than the one before"


def _dies_once(trial: Trial, fmt: Format, life: Life, model: Unharmed) -> None:
    """Die before and after each durable write, once in each life."""
    deaths = 0
    for when in ("before", "after"):
        for number in range(1, 50 * _MOST_PROCESSES):
            mortal = _Mortal(trial, fmt, life, model)
            mortal.arm(number, when)
            is_over = mortal.go_on()
            if not is_over and not mortal.go_on():
                trial.fail("one death", "two", words="a process dies twice", rule="harness.fault.exact")
            mortal.judge()
            if is_over:
                break
            deaths += 1
    trial.remark = f"{deaths} deaths, before and after every durable write"


def again(name: str, first: int, growth: float, trial: Trial, fmt: Format) -> None:
    """However often the runtime dies, also while it starts, the trace and the performed keys are the same."""
    life = LIVES[name]()
    model = live_on_model(fmt, life)
    with relying(trial, partial(live_unharmed, trial, fmt, life, model), "the same life without a death"):
        _dies_again(trial, fmt, life, model, first, growth)


def each_write(name: str, trial: Trial, fmt: Format) -> None:
    """Whatever durable write the runtime dies before or after, the trace and the performed keys are the same."""
    life = LIVES[name]()
    model = live_on_model(fmt, life)
    with relying(trial, partial(live_unharmed, trial, fmt, life, model), "the same life without a death"):
        _dies_once(trial, fmt, life, model)


def drawn_deaths(trial: Trial, fmt: Format, tape: Tape) -> None:
    """The same for drawn programs, answers and moves."""
    life = draw_life(tape)
    model = live_on_model(fmt, life)
    with relying(trial, partial(live_unharmed, trial, fmt, life, model), "the same life without a death"):
        _dies_again(trial, fmt, life, model, tape.within(1, 4), 1)


# --- without a death -------------------------------------------------------------------------------------------


def two_runtimes(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Two runtimes on one store, asked in turn, send no call twice."""
    carry_out(trial, fmt, draw_life(tape), ONCE, SubjectKernel.start_second)


def restarted(trial: Trial, fmt: Format, tape: Tape) -> None:
    """The counters and the trace are the same if the runtime is stopped and started again in the meantime."""
    life = draw_life(tape)

    def prepare(kernel: SubjectKernel) -> None:
        kernel.restarts = tape.within(2, 6)

    carry_out(trial, fmt, life, BUDGET, prepare)


_MORTAL: Final = ("durable", "fault.kill")
_GATE: Final = {"parallel": 2, "retry": 3, "successor": 4, "erase": 5}
"""The lives of the gate, and the write at which their first process dies."""
_RULES: Final = (_EVERY, LOST, ONCE, KEY, BUDGET)


def _lives() -> tuple[Property, ...]:
    """Return the properties of the lives that are worked out."""
    found: list[Property] = []
    for name in LIVES:
        options: dict[str, Any] = {"kind": "crash", "features": _MORTAL}
        if name in _GATE:
            body = partial(again, name, _GATE[name], 1.6)
            found += of_flows(f"crash/sometimes-{name}", body, *_RULES, cost=900, **options)
        often = partial(again, name, 1, 1)
        found += of_flows(f"crash/often-{name}", often, *_RULES, search_only=True, **options)
        found += of_flows(f"crash/each-write-{name}", partial(each_write, name), *_RULES, search_only=True, **options)
    return tuple(found)


PROPERTIES: Final = (
    *_lives(),
    *of_flows(
        *("crash/drawn", drawn_deaths, *_RULES),
        given=tape(LIFE_TAPE),
        features=_MORTAL,
        kind="crash",
        examples=2,
        search_only=True,
    ),
    *of_flows("crash/two-runtimes", two_runtimes, ONCE, KEY, LOST, given=tape(LIFE_TAPE), examples=3),
    *of_flows("crash/restarted", restarted, BUDGET, KEY, LOST, given=tape(LIFE_TAPE), examples=3),
)
