"""Retries where the suite chooses or owns the clock: counts, delays, isolation, and what a heal ends."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.choices import choices
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.refusals import ok
from gritstone_conformance.model.runtime import Config
from gritstone_conformance.properties.runtime.choosing import CHOSEN, born, choose_largest, choose_of
from gritstone_conformance.properties.runtime.lockstep import GENESIS, LockstepModel, StartOptions
from gritstone_conformance.properties.wit.registry import in_each_format
from gritstone_conformance.strategies import programs
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]


def messages_isolated_after_failure(trial: Trial, fmt: Format) -> None:
    """After a failed batch messages run one at a time: those before the one at fault and of other senders are read.

    They are read in their first attempt, whatever the attempts of the one at fault.
    """
    rule = "runtime.retry.isolate"
    lockstep = LockstepModel(trial, fmt, CHOSEN)
    stage = lockstep.stage
    actor, other = born(lockstep, b"a"), born(lockstep, b"b")
    first = programs.try_again(0)  # fails if its attempt is not at least 1
    log = [stage.program(first + programs.append("log", b"%d" % number)) for number in range(4)]
    lockstep.inject(other, stage.program(programs.send(0, 1) + programs.send(0, 2), actor, log[2], log[3]))
    choose_largest(lockstep)
    for content in (log[0], stage.program(programs.fail()), log[1]):
        lockstep.inject(actor, content)
    lockstep.ready(rule=rule)
    choose_largest(lockstep, rule=rule)
    lockstep.inject(other, stage.program(programs.send(0, 1), actor, log[3]))
    for _ in range(14):
        count = lockstep.ready(rule=rule)
        if count:
            lockstep.choose(0, rule=rule)
            continue
        due = lockstep.model.next_due_ms()
        if due is None:
            break
        lockstep.time(due, rule=rule)
    lockstep.refs(rule=rule)
    lockstep.query(actor, "get", b"log", rule=rule)
    lockstep.export(rule=rule)


def at_each_millisecond(trial: Trial, fmt: Format) -> None:
    """The k-th delay is the least of cap and base times two to the k-1, to the millisecond."""
    rule = "runtime.retry.delay"
    for config in (Config(10, 35, 5), Config(1, 1000, 6), Config(0, 9, 3), Config(7, 0, 3)):
        lockstep = LockstepModel(trial, fmt, StartOptions(clock="suite", config=config))
        stage = lockstep.stage
        actor, late = stage.core(b"a"), stage.core(b"late", program=stage.blob(programs.try_again(1)))
        for core in (actor, late):
            lockstep.inject(core, core, headers=GENESIS)
            cause = lockstep.run(rule=rule)
            while cause == "waiting":
                cause = _next(lockstep, rule)
        lockstep.inject(
            actor, stage.program(programs.try_again(config.max_attempts - 1) + programs.append("log", b"x"))
        )
        cause = lockstep.run(rule=rule)
        while cause == "waiting":
            cause = _next(lockstep, rule)
        lockstep.query(actor, "get", b"log", rule=rule)
        lockstep.inject(actor, stage.program(programs.fail()))
        cause = lockstep.run(rule=rule)
        while cause == "waiting":
            cause = _next(lockstep, rule)
        lockstep.refs(rule="runtime.retry.count")
        lockstep.export(rule=rule)
        trial.expect("grit.close", {"store": "s"}, ok())


def _next(lockstep: LockstepModel, rule: str) -> str:
    """Move the time to one millisecond before the next attempt, then to it; returns what the runtime then says."""
    due = lockstep.model.next_due_ms()
    assert due is not None
    if due - 1 > lockstep.model.now_ms:
        lockstep.time(due - 1, rule=rule)
        lockstep.run(rule=rule)
    lockstep.refs(rule=rule)
    lockstep.time(due, rule=rule)
    return lockstep.run(rule=rule)


def long_delays(trial: Trial, fmt: Format) -> None:
    """Delays double also where they no longer fit 32 bits, up to a cap as far away."""
    rule = "runtime.retry.delay"
    lockstep = LockstepModel(trial, fmt, StartOptions(clock="suite", config=Config(1, 1 << 34, 37)))
    actor = lockstep.born()
    lockstep.tell(actor, lockstep.stage.program(programs.fail()), rule=rule)
    while (due := lockstep.model.next_due_ms()) is not None:
        lockstep.time(due - 1, rule=rule)
        lockstep.time(due, rule=rule)
        lockstep.run(rule=rule)
    lockstep.refs(rule="runtime.retry.count")
    lockstep.export(rule=rule)


def mark_ends_other_failures(trial: Trial, fmt: Format) -> None:
    """With a mark, the counts, delays and isolation of the actor's other messages end as well."""
    rule = "runtime.fail.unmark"
    lockstep = LockstepModel(trial, fmt, StartOptions(schedule="chosen", clock="suite", config=Config(10, 40, 3)))
    stage = lockstep.stage
    actor, other, poisoner, mender = (born(lockstep, title) for title in (b"a", b"b", b"p", b"m"))
    slow, late = (stage.program(programs.try_again(n) + programs.append("log", b"%d" % n)) for n in (2, 1))
    log, fixed = stage.program(programs.append("log", b"x")), stage.tree(k=stage.blob(b"k"))

    def say(sender: bytes, content: bytes, mt: str = "") -> None:
        lockstep.inject(sender, stage.program(programs.send(0, 1, mt), actor, content))
        choose_of(lockstep, sender, sender)

    def fails(sender: bytes) -> None:
        choose_of(lockstep, actor, sender, rule=rule)
        lockstep.time(lockstep.model.now_ms + 40, rule=rule)

    say(other, slow)
    fails(other)
    say(poisoner, stage.program(programs.fail()))
    for content in (late, log):
        lockstep.inject(actor, content)
    choose_largest(lockstep, rule="runtime.retry.isolate")
    lockstep.ready(rule="runtime.retry.isolate")
    fails(actor)
    for _ in range(3):
        fails(poisoner)
    lockstep.refs(rule="runtime.fail.mark")
    say(mender, fixed, "update")
    choose_of(lockstep, actor, mender, rule=rule)
    lockstep.refs(rule=rule)
    lockstep.ready(rule=rule)
    for sender in (other, actor, other, actor, other):
        fails(sender)
        lockstep.ready(rule=rule)
    lockstep.query(actor, "get", b"log", rule=rule)
    lockstep.export(rule=rule)


def same_message(trial: Trial, fmt: Format) -> None:
    """The same message of two senders is counted, delayed and declined for each of them alone."""
    lockstep = LockstepModel(trial, fmt, CHOSEN)
    stage = lockstep.stage
    actor, *senders = (born(lockstep, title) for title in (b"a", b"b", b"c"))
    for ops, rule in (
        (programs.leave("k") + programs.append("log", b"held"), "runtime.run.declined"),
        (programs.try_again(2) + programs.append("log", b"x"), "runtime.retry.count"),
    ):
        content = stage.program(ops)
        for sender in senders:
            lockstep.inject(sender, stage.program(programs.send(0, 1, "", b"s"), actor, content))
            choose_of(lockstep, sender, sender)
        lockstep.ready(rule=rule)
        choose_of(lockstep, actor, senders[0], rule=rule)
        lockstep.ready(rule=rule)
        lockstep.time(lockstep.model.now_ms + 40, rule=rule)
        choose_of(lockstep, actor, senders[1], rule=rule)
        lockstep.ready(rule=rule)
        lockstep.time(lockstep.model.now_ms + 40, rule=rule)
    for _ in range(2):
        for sender in senders:
            choose_of(lockstep, actor, sender, rule="runtime.retry.count")
            lockstep.time(lockstep.model.now_ms + 40, rule=rule)
    lockstep.refs(rule="runtime.fail.mark")
    lockstep.query(actor, "get", b"log", rule="runtime.retry.count")
    lockstep.export(rule="runtime.retry.count")


def counted_among_others(trial: Trial, fmt: Format) -> None:
    """The attempt of a run is one more than the largest count it covers, whichever message that is of."""
    rule = "wit.transition.attempt"
    lockstep = LockstepModel(trial, fmt, StartOptions(schedule="chosen", config=Config(0, 0, 3)))
    actor, *senders = (born(lockstep, title) for title in (b"a", b"b", b"c"))
    for number, order in enumerate((senders, senders[::-1])):
        for sender in order:
            content = lockstep.stage.program(programs.try_again(1) + programs.append("log", b"%d" % number))
            lockstep.inject(sender, lockstep.stage.program(programs.send(0, 1), actor, content))
            choose_of(lockstep, sender, sender)
            if sender == order[0]:
                choose_of(lockstep, actor, sender, rule=rule)
        choose_largest(lockstep, rule=rule)
        lockstep.query(actor, "get", b"log", rule=rule)
    lockstep.export(rule=rule)


def others_leave_a_count_alone(trial: Trial, fmt: Format) -> None:
    """Steps that cover other messages do not change the count of one that failed."""
    rule = "runtime.retry.others"
    lockstep = LockstepModel(trial, fmt, CHOSEN)
    stage = lockstep.stage
    actor, other = born(lockstep, b"a"), born(lockstep, b"b")
    log = stage.program(programs.append("log", b"x"))
    lockstep.inject(actor, stage.program(programs.try_again(2) + programs.append("log", b"done")))
    for _ in range(2):
        lockstep.choose(0, rule=rule)
        lockstep.inject(other, stage.program(programs.send(0, 1), actor, log))
        choose_of(lockstep, other, other)
        due = lockstep.model.next_due_ms()
        assert due is not None
        lockstep.time(due, rule=rule)
        lockstep.ready(rule=rule)
        choose_of(lockstep, actor, other, rule=rule)
    lockstep.ready(rule=rule)
    lockstep.choose(0, rule=rule)
    lockstep.query(actor, "get", b"log", rule=rule)
    lockstep.export(rule=rule)


def updates_pass(trial: Trial, fmt: Format) -> None:
    """An update is run without waiting for a delay; one that is queued behind the message at fault waits."""
    rule = "runtime.fail.pass"
    terms = StartOptions(clock="suite", config=Config(1000, 1000, 3))
    for way in ("other", "signal", "queued"):
        lockstep = LockstepModel(trial, fmt, terms)
        stage = lockstep.stage
        actor, other = lockstep.born(b"a"), lockstep.born(b"b")
        update = stage.tree(k=stage.blob(b"new"))
        lockstep.tell(actor, stage.program(programs.try_again(2) + programs.append("log", b"x")), rule=rule)
        if way == "other":
            lockstep.tell(other, stage.program(programs.send(0, 1, "update"), actor, update), rule=rule)
        else:
            lockstep.tell(actor, update, "update", "signal" if way == "signal" else "queue", rule=rule)
        lockstep.refs(rule=rule)
        lockstep.query(actor, "get", b"k", rule=rule)
        while lockstep.model.next_due_ms() is not None:
            _next(lockstep, rule)
        lockstep.query(actor, "get", b"k", rule=rule)
        lockstep.export(rule=rule)
        trial.expect("grit.close", {"store": "s"}, ok())


def declined_while_failing(trial: Trial, fmt: Format) -> None:
    """Failures of other mail, counted or not, leave a declined proposal declined; a start makes it a choice again."""
    rule = "runtime.run.declined"
    lockstep = LockstepModel(trial, fmt, CHOSEN)
    stage = lockstep.stage
    actor, other = born(lockstep, b"a"), born(lockstep, b"b")
    held = stage.program(programs.leave("k") + programs.append("log", b"held"))
    fails = [stage.program(programs.try_again(2) + programs.append("log", b"x")), stage.program(programs.fail())]
    lockstep.inject(actor, held)
    for content in fails:
        lockstep.inject(other, stage.program(programs.send(0, 1), actor, content))
        choose_of(lockstep, other, other)
        choose_of(lockstep, actor, actor, rule=rule)
        lockstep.ready(rule=rule)
        if content == fails[1]:
            choose_largest(lockstep, rule="runtime.retry.isolate")
            lockstep.ready(rule=rule)
        while (actor in lockstep.model.mailroom.heads) and choices(lockstep.model):
            lockstep.choose(0, rule=rule)
            lockstep.ready(rule=rule)
            _pass_delay(lockstep, rule)
    lockstep.refs(rule="runtime.fail.mark")
    lockstep.restart(rule=rule)
    lockstep.ready(rule=rule)
    lockstep.export(rule=rule)


def counted_while_declining(trial: Trial, fmt: Format) -> None:
    """A message that has failed keeps its count while it declines and while other mail of its actor is read."""
    rule = "runtime.retry.others"
    lockstep = LockstepModel(trial, fmt, CHOSEN)
    stage = lockstep.stage
    actor, other = born(lockstep, b"a"), born(lockstep, b"b")
    slow = programs.try_again(2) + programs.leave("k") + programs.append("log", b"held")
    lockstep.inject(actor, stage.program(slow))
    for _ in range(2):
        lockstep.choose(0, rule=rule)
        _pass_delay(lockstep, rule)
    for ops in (programs.append("log", b"x"), programs.write("k", b"v")):
        choose_of(lockstep, actor, actor, rule=rule)
        lockstep.ready(rule="runtime.run.declined")
        lockstep.inject(other, stage.program(programs.send(0, 1), actor, stage.program(ops)))
        choose_of(lockstep, other, other)
        choose_of(lockstep, actor, other, rule=rule)
        lockstep.ready(rule=rule)
    choose_of(lockstep, actor, actor, rule=rule)
    lockstep.query(actor, "get", b"log", rule=rule)
    lockstep.export(rule=rule)


def _pass_delay(lockstep: LockstepModel, rule: str) -> None:
    """Move the time past the only delay, if there is one."""
    due = lockstep.model.next_due_ms()
    if due is not None:
        lockstep.time(due, rule=rule)
        lockstep.ready(rule=rule)


def declined_until_mail_changes(trial: Trial, fmt: Format) -> None:
    """The actor's own mail, and mail that is withdrawn, make what was declined a choice again."""
    rule = "runtime.run.declined"
    lockstep = LockstepModel(trial, fmt, StartOptions(schedule="chosen", config=Config(0, 0, 2)))
    stage = lockstep.stage
    actor, other = stage.core(b"a"), stage.core(b"b")
    held = stage.program(programs.leave("k") + programs.append("log", b"held"))
    own = stage.program(programs.send(0, 1), actor, held)

    def settle() -> None:
        while lockstep.ready(rule=rule):
            lockstep.choose(0, rule=rule)
        lockstep.refs(rule=rule)

    for core in (actor, other):
        lockstep.inject(core, core, headers=GENESIS)
    settle()
    lockstep.inject(actor, own)
    settle()
    for content in (held, held):
        lockstep.inject(other, stage.program(programs.send(0, 1), actor, content))
        settle()
    lockstep.inject(other, stage.program(programs.release(0), actor))
    settle()
    lockstep.inject(actor, stage.program(programs.write("k", b"v")))
    settle()
    lockstep.query(actor, "get", b"log", rule=rule)
    lockstep.export(rule=rule)


PROPERTIES: Final = (
    *in_each_format(
        *("runtime/run/declined-while-failing", declined_while_failing, "runtime.run.declined", "runtime.fail.mark"),
        features=("external", "schedule", "clock"),
    ),
    *in_each_format(
        *("runtime/retry/while-declining", counted_while_declining, "runtime.retry.others", "runtime.run.declined"),
        features=("external", "schedule", "clock"),
    ),
    *in_each_format(
        *("runtime/run/declined-until-mail-changes", declined_until_mail_changes, "runtime.run.declined"),
        features=("external", "schedule"),
    ),
    *in_each_format(
        *("runtime/retry/isolated", messages_isolated_after_failure, "runtime.retry.isolate"),
        features=("external", "schedule", "clock"),
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
        *("runtime/retry/same", same_message, "runtime.retry.count", "runtime.run.declined"),
        features=("external", "schedule", "clock"),
    ),
    *in_each_format(
        *("runtime/fail/healed-of-all", mark_ends_other_failures, "runtime.fail.unmark", "runtime.retry.isolate"),
        features=("external", "schedule", "clock"),
    ),
    *in_each_format(
        *("runtime/retry/others", others_leave_a_count_alone, "runtime.retry.others"),
        features=("external", "schedule", "clock"),
    ),
    *in_each_format("runtime/fail/delayed", updates_pass, "runtime.fail.pass", features=("external", "clock")),
)
