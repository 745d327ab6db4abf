"""Chosen schedules and the suite's clock: what may run is listed, what is chosen runs, and nothing else does."""

from __future__ import annotations

import time
from typing import Any, Final

from hypothesis import strategies as st

from gritstone_conformance.model.choices import choices
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.refusals import ok, refused
from gritstone_conformance.model.runtime import Config
from gritstone_conformance.properties.runtime.double import GENESIS, Double, Terms, start_args
from gritstone_conformance.properties.wit.registry import Given, in_each_format
from gritstone_conformance.strategies import programs, scenarios
from gritstone_conformance.strategies.scenarios import Scenario
from gritstone_conformance.strategies.tape import Tape, from_tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_MOST_CHOICES: Final = 120
_CHOSEN: Final = Terms(schedule="chosen", clock="suite", config=Config(10, 40, 3))


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
    _play(Double(trial, fmt, terms), scenario, tape)


def _play(double: Double, scenario: Scenario, tape: Tape) -> None:
    double.load(scenario)
    for injection in scenario.injections:
        double.inject(injection.to, injection.content, mode=injection.mode, headers=injection.headers)
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
    if count:
        double.choose(tape.below(256), rule="runtime.schedule.exact")
        return True
    due = double.model.next_due_ms()
    if due is None:
        double.choose(0, rule="runtime.schedule.exact")
        return False
    if tape.below(2):
        double.time(due - 1, rule="runtime.retry.delay")
        double.ready(rule="runtime.retry.delay")
    double.time(due, rule="runtime.retry.delay")
    return True


def isolated(trial: Trial, fmt: Format) -> None:
    """After a failed batch messages run one at a time: those before the one at fault and of other senders are read."""
    rule = "runtime.retry.isolate"
    double = Double(trial, fmt, _CHOSEN)
    stage = double.stage
    actor, other = _born(double, b"a"), _born(double, b"b")
    log = [stage.program(programs.append("log", b"%d" % number)) for number in range(4)]
    double.inject(other, stage.program(programs.send(0, 1) + programs.send(0, 2), actor, log[2], log[3]))
    _choose_largest(double)
    for content in (log[0], stage.program(programs.fail()), log[1]):
        double.inject(actor, content)
    double.ready(rule=rule)
    _choose_largest(double, rule=rule)
    for _ in range(12):
        count = double.ready(rule=rule)
        if count:
            double.choose(0, rule=rule)
            continue
        due = double.model.next_due_ms()
        if due is None:
            break
        double.time(due, rule=rule)
    double.refs(rule=rule)
    double.query(actor, "get", b"log", rule=rule)
    double.export(rule=rule)


def _born(double: Double, title: bytes, **entries: bytes) -> bytes:
    """Create an actor by a choice."""
    actor = double.stage.core(title, **entries)
    double.inject(actor, actor, headers=GENESIS)
    double.choose(0)
    return actor


def _choose_largest(double: Double, *, rule: str | None = None) -> None:
    """Choose what reads most."""
    listed = choices(double.model)
    sizes = [len(proposal.covered) for _, proposal in listed]
    double.choose(sizes.index(max(sizes)), rule=rule)


def at_each_millisecond(trial: Trial, fmt: Format) -> None:
    """The k-th delay is the least of cap and base times two to the k-1, to the millisecond."""
    rule = "runtime.retry.delay"
    for config in (Config(10, 35, 5), Config(1, 1000, 6), Config(0, 9, 3), Config(7, 0, 3)):
        double = Double(trial, fmt, Terms(clock="suite", config=config))
        stage = double.stage
        actor, late = stage.core(b"a"), stage.core(b"late", program=stage.blob(programs.try_again(1)))
        for core in (actor, late):
            double.inject(core, core, headers=GENESIS)
            cause = double.run(rule=rule)
            while cause == "waiting":
                cause = _next(double, rule)
        double.inject(actor, stage.program(programs.try_again(config.max_attempts - 1) + programs.append("log", b"x")))
        cause = double.run(rule=rule)
        while cause == "waiting":
            cause = _next(double, rule)
        double.query(actor, "get", b"log", rule=rule)
        double.inject(actor, stage.program(programs.fail()))
        cause = double.run(rule=rule)
        while cause == "waiting":
            cause = _next(double, rule)
        double.refs(rule="runtime.retry.count")
        double.export(rule=rule)
        trial.expect("grit.close", {"store": "s"}, ok())


def long_delays(trial: Trial, fmt: Format) -> None:
    """Delays double also where they no longer fit 32 bits, up to a cap as far away."""
    rule = "runtime.retry.delay"
    double = Double(trial, fmt, Terms(clock="suite", config=Config(1, 1 << 34, 37)))
    actor = double.born()
    double.tell(actor, double.stage.program(programs.fail()), rule=rule)
    while (due := double.model.next_due_ms()) is not None:
        double.time(due - 1, rule=rule)
        double.time(due, rule=rule)
        double.run(rule=rule)
    double.refs(rule="runtime.retry.count")
    double.export(rule=rule)


def healed_of_all(trial: Trial, fmt: Format) -> None:
    """With a mark, the counts, delays and isolation of the actor's other messages end as well."""
    rule = "runtime.fail.heal"
    double = Double(trial, fmt, Terms(schedule="chosen", clock="suite", config=Config(10, 40, 3)))
    stage = double.stage
    actor, other, poisoner, mender = (_born(double, title) for title in (b"a", b"b", b"p", b"m"))
    slow, late = (stage.program(programs.try_again(n) + programs.append("log", b"%d" % n)) for n in (2, 1))
    log, mended = stage.program(programs.append("log", b"x")), stage.tree(k=stage.blob(b"k"))

    def say(sender: bytes, content: bytes, mt: str = "") -> None:
        double.inject(sender, stage.program(programs.send(0, 1, mt), actor, content))
        _choose_of(double, sender, sender)

    def fails(sender: bytes) -> None:
        _choose_of(double, actor, sender, rule=rule)
        double.time(double.model.now_ms + 40, rule=rule)

    say(other, slow)
    fails(other)
    say(poisoner, stage.program(programs.fail()))
    for content in (late, log):
        double.inject(actor, content)
    _choose_largest(double, rule="runtime.retry.isolate")
    double.ready(rule="runtime.retry.isolate")
    fails(actor)
    for _ in range(3):
        fails(poisoner)
    double.refs(rule="runtime.fail.mark")
    say(mender, mended, "update")
    _choose_of(double, actor, mender, rule=rule)
    double.refs(rule=rule)
    double.ready(rule=rule)
    for sender in (other, actor, other, actor, other):
        fails(sender)
        double.ready(rule=rule)
    double.query(actor, "get", b"log", rule=rule)
    double.export(rule=rule)


def same_message(trial: Trial, fmt: Format) -> None:
    """The same message of two senders is counted, delayed and declined for each of them alone."""
    double = Double(trial, fmt, _CHOSEN)
    stage = double.stage
    actor, *senders = (_born(double, title) for title in (b"a", b"b", b"c"))
    for ops, rule in (
        (programs.leave("k") + programs.append("log", b"held"), "runtime.run.declined"),
        (programs.try_again(2) + programs.append("log", b"x"), "runtime.retry.count"),
    ):
        content = stage.program(ops)
        for sender in senders:
            double.inject(sender, stage.program(programs.send(0, 1, "", b"s"), actor, content))
            _choose_of(double, sender, sender)
        double.ready(rule=rule)
        _choose_of(double, actor, senders[0], rule=rule)
        double.ready(rule=rule)
        double.time(double.model.now_ms + 40, rule=rule)
        _choose_of(double, actor, senders[1], rule=rule)
        double.ready(rule=rule)
        double.time(double.model.now_ms + 40, rule=rule)
    for _ in range(2):
        for sender in senders:
            _choose_of(double, actor, sender, rule="runtime.retry.count")
            double.time(double.model.now_ms + 40, rule=rule)
    double.refs(rule="runtime.fail.mark")
    double.query(actor, "get", b"log", rule="runtime.retry.count")
    double.export(rule="runtime.retry.count")


def counted_among_others(trial: Trial, fmt: Format) -> None:
    """The attempt of a run is one more than the largest count it covers, whichever message that is of."""
    rule = "wit.transition.attempt"
    double = Double(trial, fmt, Terms(schedule="chosen", config=Config(0, 0, 3)))
    actor, *senders = (_born(double, title) for title in (b"a", b"b", b"c"))
    for number, order in enumerate((senders, senders[::-1])):
        for sender in order:
            content = double.stage.program(programs.try_again(1) + programs.append("log", b"%d" % number))
            double.inject(sender, double.stage.program(programs.send(0, 1), actor, content))
            _choose_of(double, sender, sender)
            if sender == order[0]:
                _choose_of(double, actor, sender, rule=rule)
        _choose_largest(double, rule=rule)
        double.query(actor, "get", b"log", rule=rule)
    double.export(rule=rule)


def beside(trial: Trial, fmt: Format) -> None:
    """What one runtime did on a store and let the process know is what another one on it tells and goes on from."""
    rule = "runtime.query.monotone"
    double = Double(trial, fmt, Terms(schedule="chosen", config=Config(0, 0, 3)))
    stage = double.stage
    actor = _born(double, b"a")
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
        double.mail(rule="runtime.agent.ack")
        double.ready(rule="runtime.schedule.exact")
        double.refs(rule="runtime.head.cas")
    double.export(rule="runtime.head.cas")


def _next(double: Double, rule: str) -> str:
    """Move the time to one millisecond before the next attempt, then to it; returns what the runtime then says."""
    due = double.model.next_due_ms()
    assert due is not None
    if due - 1 > double.model.now_ms:
        double.time(due - 1, rule=rule)
        double.run(rule=rule)
    double.refs(rule=rule)
    double.time(due, rule=rule)
    return double.run(rule=rule)


def others_leave_a_count_alone(trial: Trial, fmt: Format) -> None:
    """Steps that cover other messages do not change the count of one that failed."""
    rule = "runtime.retry.others"
    double = Double(trial, fmt, _CHOSEN)
    stage = double.stage
    actor, other = _born(double, b"a"), _born(double, b"b")
    log = stage.program(programs.append("log", b"x"))
    double.inject(actor, stage.program(programs.try_again(2) + programs.append("log", b"done")))
    for _ in range(2):
        double.choose(0, rule=rule)
        double.inject(other, stage.program(programs.send(0, 1), actor, log))
        _choose_of(double, other, other)
        due = double.model.next_due_ms()
        assert due is not None
        double.time(due, rule=rule)
        double.ready(rule=rule)
        _choose_of(double, actor, other, rule=rule)
    double.ready(rule=rule)
    double.choose(0, rule=rule)
    double.query(actor, "get", b"log", rule=rule)
    double.export(rule=rule)


def _choose_of(double: Double, actor: bytes, sender: bytes, *, rule: str | None = None) -> None:
    """Choose what an actor reads of one sender, or for a sender that is the actor itself of the outside."""
    wanted = double.agent if sender == actor else sender
    for number, (who, proposal) in enumerate(choices(double.model)):
        if who == actor and {each for each, _ in proposal.covered} == {wanted}:
            double.choose(number, rule=rule)
            return
    raise AssertionError("the script has no such choice")


def updates_pass(trial: Trial, fmt: Format) -> None:
    """An update is run without waiting for a delay; one that is queued behind the message at fault waits."""
    rule = "runtime.fail.pass"
    terms = Terms(clock="suite", config=Config(1000, 1000, 3))
    for way in ("other", "signal", "queued"):
        double = Double(trial, fmt, terms)
        stage = double.stage
        actor, other = double.born(b"a"), double.born(b"b")
        update = stage.tree(k=stage.blob(b"new"))
        double.tell(actor, stage.program(programs.try_again(2) + programs.append("log", b"x")), rule=rule)
        if way == "other":
            double.tell(other, stage.program(programs.send(0, 1, "update"), actor, update), rule=rule)
        else:
            double.tell(actor, update, "update", "signal" if way == "signal" else "queue", rule=rule)
        double.refs(rule=rule)
        double.query(actor, "get", b"k", rule=rule)
        while double.model.next_due_ms() is not None:
            _next(double, rule)
        double.query(actor, "get", b"k", rule=rule)
        double.export(rule=rule)
        trial.expect("grit.close", {"store": "s"}, ok())


def cleanups_wait(trial: Trial, fmt: Format) -> None:
    """A cleanup waits while another channel has unread mail whose oldest is no cleanup."""
    rule = "wit.cleanup.last"
    double = Double(trial, fmt, _CHOSEN)
    stage = double.stage
    actor, other = _born(double, b"a"), _born(double, b"b")
    log, held = stage.program(programs.append("log", b"x")), stage.program(programs.leave("k"))
    says = programs.send(0, 1) + programs.send(0, 2) + programs.send(0, 1, "cleanup")
    double.inject(actor, log, "cleanup")
    double.inject(other, stage.program(says, actor, log, held))
    double.ready(rule=rule)
    _choose_of(double, other, other)
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
    names = double.effects(rule="runtime.effect.offered")
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
        given=_drawn(cleanups=True),
        features=("external", "schedule"),
        examples=20,
    ),
    *in_each_format(
        "runtime/schedule/exact-in-time",
        exact_in_time,
        *_EXACT,
        "runtime.retry.delay",
        given=_drawn(cleanups=False),
        features=("external", "schedule", "clock"),
        examples=20,
    ),
    *in_each_format(
        *("runtime/retry/isolated", isolated, "runtime.retry.isolate"), features=("external", "schedule", "clock")
    ),
    *in_each_format(
        *("runtime/retry/delay", at_each_millisecond, "runtime.retry.delay", "runtime.retry.count"),
        features=("external", "clock"),
    ),
    *in_each_format(
        *("runtime/retry/long", long_delays, "runtime.retry.delay", "runtime.retry.count"),
        features=("external", "clock"),
    ),
    *in_each_format(
        *("runtime/retry/among-others", counted_among_others, "wit.transition.attempt"),
        features=("external", "schedule"),
    ),
    *in_each_format(
        *("runtime/head/beside", beside, "runtime.head.cas", "runtime.query.monotone", "runtime.agent.ack"),
        features=("external", "schedule"),
    ),
    *in_each_format(
        *("runtime/retry/same", same_message, "runtime.retry.count", "runtime.run.declined"),
        features=("external", "schedule", "clock"),
    ),
    *in_each_format(
        *("runtime/fail/healed-of-all", healed_of_all, "runtime.fail.heal", "runtime.retry.isolate"),
        features=("external", "schedule", "clock"),
    ),
    *in_each_format(
        *("runtime/retry/others", others_leave_a_count_alone, "runtime.retry.others"),
        features=("external", "schedule", "clock"),
    ),
    *in_each_format("runtime/fail/delayed", updates_pass, "runtime.fail.pass", features=("external", "clock")),
    *in_each_format(
        *("runtime/schedule/cleanups", cleanups_wait, "wit.cleanup.last", "wit.cleanup.cut"),
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
