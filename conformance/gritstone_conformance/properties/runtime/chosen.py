"""Chosen schedules and the suite's clock: what may run is listed, what is chosen runs, and nothing else does."""

from __future__ import annotations

import time
from typing import Any, Final

from hypothesis import strategies as st

from gritstone_conformance.model.choices import choices
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.refusals import ok, refused
from gritstone_conformance.model.runtime import Config
from gritstone_conformance.properties.runtime.choosing import CHOSEN, born, choose_of
from gritstone_conformance.properties.runtime.lockstep import GENESIS, LockstepModel, StartOptions, start_args
from gritstone_conformance.properties.runtime.situations import note_situations
from gritstone_conformance.properties.wit.registry import Given, in_each_format
from gritstone_conformance.strategies import programs, scenarios
from gritstone_conformance.strategies.scenarios import Scenario
from gritstone_conformance.strategies.tape import Tape, from_tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_MOST_CHOICES: Final = 120


def _drawn(*, cleanups: bool) -> Given:
    """Draw ``scenario``, and ``tape`` for the choices."""

    def given(fmt: Format) -> dict[str, st.SearchStrategy[Any]]:
        return {
            "scenario": scenarios.scenarios(fmt, asks=False, cleanups=cleanups),
            "tape": from_tape(lambda tape: tape, 80),
        }

    return given


def exact_choices(trial: Trial, fmt: Format, scenario: Scenario, tape: Tape) -> None:
    """The choices are those that follow from heads, marks, delays and what was declined, and each does what it says."""
    terms = StartOptions(schedule="chosen", config=Config(0, 0, scenario.max_attempts))
    _run(LockstepModel(trial, fmt, terms), scenario, tape)


def exact_in_time(trial: Trial, fmt: Format, scenario: Scenario, tape: Tape) -> None:
    """The same with delays on the suite's clock."""
    terms = StartOptions(schedule="chosen", clock="suite", config=Config(10, 40, scenario.max_attempts))
    _run(LockstepModel(trial, fmt, terms), scenario, tape, waits=True)


def _run(lockstep: LockstepModel, scenario: Scenario, tape: Tape, *, waits: bool = False) -> None:
    """Inject and choose in turn; with ``waits`` also what fails at first, so that its actor waits for the clock."""
    note_situations(lockstep.trial, scenario)
    lockstep.load(scenario)
    for injection in scenario.injections:
        lockstep.inject(injection.to, injection.content, mode=injection.mode, headers=injection.headers)
        if waits and tape.below(4):
            lockstep.inject(tape.pick(scenario.actors), lockstep.stage.program(programs.try_again(1)))
        for _ in range(tape.below(4)):
            _choose(lockstep, tape)
    for _ in range(_MOST_CHOICES):
        if not _choose(lockstep, tape):
            break
    lockstep.refs(rule="runtime.schedule.exact")
    lockstep.export(rule="runtime.schedule.exact")


def _choose(lockstep: LockstepModel, tape: Tape) -> bool:
    """Make one choice, or move the time where there is none; returns whether there was anything to do."""
    count = lockstep.ready(rule="runtime.schedule.exact")
    lockstep.trial.reach("more than one choice", count > 1)
    if count:
        step = lockstep.choose(tape.below(256), rule="runtime.schedule.exact")
        lockstep.trial.reach("a choice makes no step", step is None)
        return True
    due = lockstep.model.next_due_ms()
    if due is None:
        lockstep.choose(0, rule="runtime.schedule.exact")
        return False
    lockstep.trial.reach("an actor waits for the clock")
    if tape.below(2):
        lockstep.time(due - 1, rule="runtime.retry.delay")
        lockstep.ready(rule="runtime.retry.delay")
    lockstep.time(due, rule="runtime.retry.delay")
    return True


def another_runtime_resumes(trial: Trial, fmt: Format) -> None:
    """What one runtime did on a store and reported is what another runtime on it reports and resumes from."""
    rule = "runtime.query.monotone"
    lockstep = LockstepModel(trial, fmt, StartOptions(schedule="chosen", config=Config(0, 0, 3)))
    stage = lockstep.stage
    actor = born(lockstep, b"a")
    lockstep.ask_plainly("runtime.start", start_args(lockstep.terms, runtime="second"), ok(agent=lockstep.agent.hex()))
    say = stage.program(programs.append("log", b"x") + programs.send(0, 1, "say"), lockstep.agent, stage.blob(b"hello"))
    for _ in range(2):
        lockstep.inject(actor, say)
        step = lockstep.model.run(*choices(lockstep.model)[0])
        assert step is not None
        lockstep.ask_plainly(
            "runtime.choose", {"runtime": "second", "choice": 0}, ok(step=step.hex()), "runtime.head.cas"
        )
        lockstep.query(actor, "get", b"log", rule=rule)
        lockstep.mail(rule="runtime.agent.mail")
        lockstep.ready(rule="runtime.schedule.exact")
        lockstep.refs(rule="runtime.head.cas")
    lockstep.export(rule="runtime.head.cas")


def cleanups_wait(trial: Trial, fmt: Format) -> None:
    """A cleanup waits while another channel has unread mail whose oldest is no cleanup."""
    rule = "wit.cleanup.begin"
    lockstep = LockstepModel(trial, fmt, CHOSEN)
    stage = lockstep.stage
    actor, other = born(lockstep, b"a"), born(lockstep, b"b")
    log, held = stage.program(programs.append("log", b"x")), stage.program(programs.leave("k"))
    says = programs.send(0, 1) + programs.send(0, 2) + programs.send(0, 1, "cleanup")
    lockstep.inject(actor, log, "cleanup")
    lockstep.inject(other, stage.program(says, actor, log, held))
    lockstep.ready(rule=rule)
    choose_of(lockstep, other, other)
    for _ in range(3):
        lockstep.ready(rule=rule)
        lockstep.choose(0, rule=rule)
    lockstep.ready(rule=rule)
    lockstep.inject(other, stage.program(programs.send(0, 1), actor, stage.program(programs.write("k", b"v"))))
    for _ in range(8):
        if lockstep.ready(rule=rule):
            lockstep.choose(0, rule=rule)
    lockstep.export(rule="wit.cleanup.cut")


def only_chosen(trial: Trial, fmt: Format) -> None:
    """Nothing runs and no mark is set but in answering a choice."""
    rule = "harness.schedule.only-chosen"
    lockstep = LockstepModel(trial, fmt, StartOptions(schedule="chosen", config=Config(0, 0, 1)))
    stage = lockstep.stage
    actor, bad = stage.core(b"a"), stage.core(b"bad", program=stage.blob(programs.fail()))
    for core in (actor, bad):
        lockstep.inject(core, core, headers=GENESIS)
    lockstep.inject(actor, stage.program(programs.send(0, 1), lockstep.agent, stage.blob(b"x")))
    for _ in range(10):
        lockstep.ready(rule=rule)
        lockstep.refs(rule=rule)
    lockstep.flush()
    time.sleep(0.2)
    lockstep.mail(rule=rule)
    lockstep.query(actor, "step", rule=rule)
    lockstep.collect(rule=rule)
    lockstep.refs(rule=rule)
    lockstep.ask("runtime.run", {"max_steps": 1}, refused("rejected"), rule)
    lockstep.refs(rule=rule)
    for _ in range(4):
        lockstep.choose(0, rule=rule)
        lockstep.refs(rule=rule)
    lockstep.export(rule=rule)


def same_order(trial: Trial, fmt: Format, scenario: Scenario, tape: Tape) -> None:
    """The choices are in order, and depend on the store and the requests alone: another process lists the same."""
    lockstep = LockstepModel(trial, fmt, StartOptions(schedule="chosen", config=Config(0, 0, scenario.max_attempts)))
    lockstep.flush()
    lockstep.load(scenario)
    for injection in scenario.injections:
        lockstep.inject(injection.to, injection.content, mode=injection.mode, headers=injection.headers)
    for _ in range(20):
        if not lockstep.ready(rule="harness.schedule.order"):
            break
        lockstep.choose(tape.below(256), rule="harness.schedule.order")
    asked = lockstep.waiting()
    lockstep.flush()
    other = trial.spawn()
    trial.expect_many([*lockstep.opening(), *asked], on=other)


def owned_clock(trial: Trial, fmt: Format) -> None:
    """No delay ends and no transition times out but by ``runtime.time``, however long the suite waits."""
    rule = "harness.clock.only-suite"
    terms = StartOptions(clock="suite", config=Config(20, 20, 3), transition_ms=30)
    lockstep = LockstepModel(trial, fmt, terms)
    stage = lockstep.stage
    actor = lockstep.born(b"a")
    lockstep.tell(actor, stage.program(programs.sleep(2000) + programs.append("log", b"z")), rule=rule)
    lockstep.query(actor, "get", b"log", rule=rule)
    lockstep.tell(actor, stage.program(programs.try_again(1) + programs.append("log", b"x")), rule=rule)
    lockstep.refs(rule=rule)
    lockstep.flush()
    time.sleep(0.15)
    lockstep.run(rule=rule)
    lockstep.refs(rule=rule)
    lockstep.time(19, rule=rule)
    lockstep.run(rule=rule)
    lockstep.refs(rule=rule)
    lockstep.time(20, rule=rule)
    lockstep.run(rule=rule)
    lockstep.ask("runtime.time", {"now_ms": "19"}, refused("rejected"), rule)
    lockstep.time(20, rule=rule)
    lockstep.time((1 << 64) - 1, rule=rule)
    lockstep.export(rule=rule)


def wrong_schedule(trial: Trial, fmt: Format) -> None:
    """A free schedule offers no choices, and the system's clock is not set."""
    lockstep = LockstepModel(trial, fmt, StartOptions())
    for op, args in (("runtime.ready", {}), ("runtime.choose", {"choice": 0}), ("runtime.time", {"now_ms": "1"})):
        if op != "runtime.time" or "clock" in trial.claims.features:
            lockstep.ask(op, args, refused("rejected"), "runtime.schedule.exact")
    lockstep.born(b"a")
    lockstep.export(rule="runtime.schedule.exact")


def held_effects(trial: Trial, fmt: Format) -> None:
    """An effect is not performed, answered or acknowledged but by ``runtime.resolve`` or ``runtime.ack``."""
    rule = "harness.effects.held"
    lockstep = LockstepModel(trial, fmt)
    stage = lockstep.stage
    actor = lockstep.born(b"a")
    request = stage.blob(b'{"url":"http://127.0.0.1:9/"}', ("ct", "j"))
    lockstep.tell(actor, stage.program(programs.send(0, 1, "effect.http"), lockstep.agent, request))
    names = lockstep.effects(rule="runtime.effect.open")
    lockstep.flush()
    time.sleep(0.3)
    lockstep.run(rule=rule)
    lockstep.refs(rule=rule)
    lockstep.mail(rule=rule)
    lockstep.effects(rule=rule)
    lockstep.resolve(names[0], "ok", b"answer", rule="runtime.effect.linked")
    lockstep.run(rule="runtime.effect.linked")
    lockstep.export(rule=rule)


_EXACT: Final = (
    *("runtime.schedule.exact", "harness.schedule.order", "harness.schedule.only-chosen"),
    *("runtime.agent.inject", "runtime.retry.count"),
)

PROPERTIES: Final = (
    *in_each_format(
        "runtime/schedule/exact",
        exact_choices,
        *_EXACT,
        reach={"more than one choice": 0.1, "a choice makes no step": 0.05},
        given=_drawn(cleanups=True),
        features=("external", "schedule"),
        examples=20,
        once=True,
    ),
    *in_each_format(
        "runtime/schedule/exact-in-time",
        exact_in_time,
        *_EXACT,
        "runtime.retry.delay",
        reach={"more than one choice": 0.15, "an actor waits for the clock": 0.1, "a choice makes no step": 0.1},
        given=_drawn(cleanups=False),
        features=("external", "schedule", "clock"),
        examples=20,
        once=True,
    ),
    *in_each_format(
        *(
            "runtime/head/beside",
            another_runtime_resumes,
            "runtime.head.cas",
            "runtime.query.monotone",
            "runtime.agent.mail",
        ),
        features=("external", "schedule"),
    ),
    *in_each_format(
        *("runtime/schedule/cleanups", cleanups_wait, "wit.cleanup.begin", "wit.cleanup.cut"),
        features=("external", "schedule", "clock"),
    ),
    *in_each_format(
        *("harness/schedule/only-chosen", only_chosen, "harness.schedule.only-chosen"),
        features=("external", "schedule"),
    ),
    *in_each_format(
        "harness/schedule/order",
        same_order,
        "harness.schedule.order",
        given=_drawn(cleanups=False),
        features=("external", "schedule"),
        once=True,
        examples=2,
    ),
    *in_each_format(
        *("harness/clock/only-suite", owned_clock, "harness.clock.only-suite"), features=("external", "clock")
    ),
    *in_each_format(
        *("runtime/schedule/wrong", wrong_schedule, "runtime.schedule.exact"), features=("external", "schedule")
    ),
    *in_each_format(*("harness/effects/held", held_effects, "harness.effects.held"), features=("external", "effects")),
)
