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
from gritstone_conformance.properties.runtime.double import GENESIS, Double, Terms, start_args
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


def exact(trial: Trial, fmt: Format, scenario: Scenario, tape: Tape) -> None:
    """The choices are those that follow from heads, marks, delays and what was declined, and each does what it says."""
    terms = Terms(schedule="chosen", config=Config(0, 0, scenario.max_attempts))
    _play(Double(trial, fmt, terms), scenario, tape)


def exact_in_time(trial: Trial, fmt: Format, scenario: Scenario, tape: Tape) -> None:
    """The same with delays on the suite's clock."""
    terms = Terms(schedule="chosen", clock="suite", config=Config(10, 40, scenario.max_attempts))
    _play(Double(trial, fmt, terms), scenario, tape, waits=True)


def _play(double: Double, scenario: Scenario, tape: Tape, *, waits: bool = False) -> None:
    """Inject and choose in turn; with ``waits`` also what fails at first, so that its actor waits for the clock."""
    note_situations(double.trial, scenario)
    double.load(scenario)
    for injection in scenario.injections:
        double.inject(injection.to, injection.content, mode=injection.mode, headers=injection.headers)
        if waits and tape.below(4):
            double.inject(tape.pick(scenario.actors), double.stage.program(programs.try_again(1)))
        for _ in range(tape.below(4)):
            _choose(double, tape)
    for _ in range(_MOST_CHOICES):
        if not _choose(double, tape):
            break
    double.refs(rule="runtime.schedule.exact")
    double.export(rule="runtime.schedule.exact")


def _choose(double: Double, tape: Tape) -> bool:
    """Make one choice, or move the time where there is none; returns whether there was anything to do."""
    count = double.ready(rule="runtime.schedule.exact")
    double.trial.reach("more than one choice", count > 1)
    if count:
        step = double.choose(tape.below(256), rule="runtime.schedule.exact")
        double.trial.reach("a choice makes no step", step is None)
        return True
    due = double.model.next_due_ms()
    if due is None:
        double.choose(0, rule="runtime.schedule.exact")
        return False
    double.trial.reach("an actor waits for the clock")
    if tape.below(2):
        double.time(due - 1, rule="runtime.retry.delay")
        double.ready(rule="runtime.retry.delay")
    double.time(due, rule="runtime.retry.delay")
    return True


def beside(trial: Trial, fmt: Format) -> None:
    """What one runtime did on a store and reported is what another runtime on it reports and resumes from."""
    rule = "runtime.query.monotone"
    double = Double(trial, fmt, Terms(schedule="chosen", config=Config(0, 0, 3)))
    stage = double.stage
    actor = born(double, b"a")
    double.ask_plainly("runtime.start", start_args(double.terms, runtime="second"), ok(agent=double.agent.hex()))
    say = stage.program(programs.append("log", b"x") + programs.send(0, 1, "say"), double.agent, stage.blob(b"hello"))
    for _ in range(2):
        double.inject(actor, say)
        step = double.model.run(*choices(double.model)[0])
        assert step is not None
        double.ask_plainly(
            "runtime.choose", {"runtime": "second", "choice": 0}, ok(step=step.hex()), "runtime.head.cas"
        )
        double.query(actor, "get", b"log", rule=rule)
        double.mail(rule="runtime.agent.mail")
        double.ready(rule="runtime.schedule.exact")
        double.refs(rule="runtime.head.cas")
    double.export(rule="runtime.head.cas")


def cleanups_wait(trial: Trial, fmt: Format) -> None:
    """A cleanup waits while another channel has unread mail whose oldest is no cleanup."""
    rule = "wit.cleanup.begin"
    double = Double(trial, fmt, CHOSEN)
    stage = double.stage
    actor, other = born(double, b"a"), born(double, b"b")
    log, held = stage.program(programs.append("log", b"x")), stage.program(programs.leave("k"))
    says = programs.send(0, 1) + programs.send(0, 2) + programs.send(0, 1, "cleanup")
    double.inject(actor, log, "cleanup")
    double.inject(other, stage.program(says, actor, log, held))
    double.ready(rule=rule)
    choose_of(double, other, other)
    for _ in range(3):
        double.ready(rule=rule)
        double.choose(0, rule=rule)
    double.ready(rule=rule)
    double.inject(other, stage.program(programs.send(0, 1), actor, stage.program(programs.write("k", b"v"))))
    for _ in range(8):
        if double.ready(rule=rule):
            double.choose(0, rule=rule)
    double.export(rule="wit.cleanup.cut")


def only_chosen(trial: Trial, fmt: Format) -> None:
    """Nothing runs and no mark is set but in answering a choice."""
    rule = "harness.schedule.only-chosen"
    double = Double(trial, fmt, Terms(schedule="chosen", config=Config(0, 0, 1)))
    stage = double.stage
    actor, bad = stage.core(b"a"), stage.core(b"bad", program=stage.blob(programs.fail()))
    for core in (actor, bad):
        double.inject(core, core, headers=GENESIS)
    double.inject(actor, stage.program(programs.send(0, 1), double.agent, stage.blob(b"x")))
    for _ in range(10):
        double.ready(rule=rule)
        double.refs(rule=rule)
    double.play()
    time.sleep(0.2)
    double.mail(rule=rule)
    double.query(actor, "step", rule=rule)
    double.collect(rule=rule)
    double.refs(rule=rule)
    double.ask("runtime.run", {"max_steps": 1}, refused("rejected"), rule)
    double.refs(rule=rule)
    for _ in range(4):
        double.choose(0, rule=rule)
        double.refs(rule=rule)
    double.export(rule=rule)


def same_order(trial: Trial, fmt: Format, scenario: Scenario, tape: Tape) -> None:
    """The choices are in order, and depend on the store and the requests alone: another process lists the same."""
    double = Double(trial, fmt, Terms(schedule="chosen", config=Config(0, 0, scenario.max_attempts)))
    double.play()
    double.load(scenario)
    for injection in scenario.injections:
        double.inject(injection.to, injection.content, mode=injection.mode, headers=injection.headers)
    for _ in range(20):
        if not double.ready(rule="harness.schedule.order"):
            break
        double.choose(tape.below(256), rule="harness.schedule.order")
    asked = double.waiting()
    double.play()
    other = trial.spawn()
    trial.expect_many([*double.opening(), *asked], on=other)


def owned_clock(trial: Trial, fmt: Format) -> None:
    """No delay ends and no transition times out but by ``runtime.time``, however long the suite waits."""
    rule = "harness.clock.only-suite"
    terms = Terms(clock="suite", config=Config(20, 20, 3), transition_ms=30)
    double = Double(trial, fmt, terms)
    stage = double.stage
    actor = double.born(b"a")
    double.tell(actor, stage.program(programs.sleep(2000) + programs.append("log", b"z")), rule=rule)
    double.query(actor, "get", b"log", rule=rule)
    double.tell(actor, stage.program(programs.try_again(1) + programs.append("log", b"x")), rule=rule)
    double.refs(rule=rule)
    double.play()
    time.sleep(0.15)
    double.run(rule=rule)
    double.refs(rule=rule)
    double.time(19, rule=rule)
    double.run(rule=rule)
    double.refs(rule=rule)
    double.time(20, rule=rule)
    double.run(rule=rule)
    double.ask("runtime.time", {"now_ms": "19"}, refused("rejected"), rule)
    double.time(20, rule=rule)
    double.time((1 << 64) - 1, rule=rule)
    double.export(rule=rule)


def wrong_schedule(trial: Trial, fmt: Format) -> None:
    """A free schedule offers no choices, and the system's clock is not set."""
    double = Double(trial, fmt, Terms())
    for op, args in (("runtime.ready", {}), ("runtime.choose", {"choice": 0}), ("runtime.time", {"now_ms": "1"})):
        if op != "runtime.time" or "clock" in trial.claims.features:
            double.ask(op, args, refused("rejected"), "runtime.schedule.exact")
    double.born(b"a")
    double.export(rule="runtime.schedule.exact")


def held_effects(trial: Trial, fmt: Format) -> None:
    """An effect is not performed, answered or acknowledged but by ``runtime.resolve`` or ``runtime.ack``."""
    rule = "harness.effects.held"
    double = Double(trial, fmt)
    stage = double.stage
    actor = double.born(b"a")
    request = stage.blob(b'{"url":"http://127.0.0.1:9/"}', ("ct", "j"))
    double.tell(actor, stage.program(programs.send(0, 1, "effect.http"), double.agent, request))
    names = double.effects(rule="runtime.effect.open")
    double.play()
    time.sleep(0.3)
    double.run(rule=rule)
    double.refs(rule=rule)
    double.mail(rule=rule)
    double.effects(rule=rule)
    double.resolve(names[0], "ok", b"answer", rule="runtime.effect.linked")
    double.run(rule="runtime.effect.linked")
    double.export(rule=rule)


_EXACT: Final = (
    *("runtime.schedule.exact", "harness.schedule.order", "harness.schedule.only-chosen"),
    *("runtime.agent.inject", "runtime.retry.count"),
)

PROPERTIES: Final = (
    *in_each_format(
        "runtime/schedule/exact",
        exact,
        *_EXACT,
        reach={"more than one choice": 0.1, "a choice makes no step": 0.05},
        given=_drawn(cleanups=True),
        features=("external", "schedule"),
        examples=20,
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
    ),
    *in_each_format(
        *("runtime/head/beside", beside, "runtime.head.cas", "runtime.query.monotone", "runtime.agent.mail"),
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
