"""Counts and numbers at the ends of their ranges: choices, times, delays, attempts, and actors in one release."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.runtime import Config
from gritstone_conformance.properties.runtime.choosing import CHOSEN, born, choose_largest, choose_of
from gritstone_conformance.properties.runtime.lockstep import GENESIS, LockstepModel, StartOptions
from gritstone_conformance.properties.wit.registry import in_each_format
from gritstone_conformance.strategies import programs
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_MOST_UINT: Final = (1 << 53) - 1
_MOST_U64: Final = (1 << 64) - 1
_MOST_RELEASED: Final = 32
_MOST_ATTEMPTS: Final = 1_000
_MOST_MAIL: Final = 4_096  # messages in one request, and unread messages in one reply
_SENT: Final = 512  # by one step


def large_choices(trial: Trial, fmt: Format) -> None:
    """A choice is taken modulo the length of the list also where it does not fit 31, 32 or 52 bits."""
    rule = "runtime.schedule.exact"
    lockstep = LockstepModel(trial, fmt, CHOSEN)
    actors = [lockstep.stage.core(b"%d" % number) for number in range(10)]
    for actor in actors:
        lockstep.inject(actor, actor, headers=GENESIS)
    for choice in ((1 << 31) + 1, 1 << 32, (1 << 32) + 5, (1 << 33) + 1, 1 << 52, _MOST_UINT, _MOST_UINT - 1):
        lockstep.choose(choice, rule=rule)
        lockstep.refs(rule=rule)
    lockstep.export(rule=rule)


def large_times(trial: Trial, fmt: Format) -> None:
    """Delays are measured to the millisecond at times past 32, 53 and 63 bits; no time is below an earlier one."""
    rule = "runtime.retry.delay"
    lockstep = LockstepModel(trial, fmt, StartOptions(clock="suite", config=Config(3, 1_000, 3)))
    actor = lockstep.born()
    nows = [1 << bits for bits in (31, 32, 53, 63)] + [(1 << 63) + (1 << 53) + 1, _MOST_U64 - 3]
    for now_ms in nows:
        lockstep.time(now_ms, rule=rule)
        lockstep.tell(actor, lockstep.stage.program(programs.try_again(1) + programs.append("log", b"x")), rule=rule)
        for due in (now_ms + 2, now_ms + 3):
            lockstep.time(due, rule=rule)
            lockstep.run(rule=rule)
            lockstep.refs(rule=rule)
        lockstep.ask("runtime.time", {"now_ms": str(now_ms + 2)}, {"refused": "rejected"}, rule)
    lockstep.query(actor, "get", b"log", rule=rule)
    lockstep.export(rule=rule)


def large_delays(trial: Trial, fmt: Format) -> None:
    """A delay of 2^53 - 1 milliseconds ends then, also one that began late."""
    rule = "runtime.retry.delay"
    lockstep = LockstepModel(trial, fmt, StartOptions(clock="suite", config=Config(_MOST_UINT, _MOST_UINT, 3)))
    actor = lockstep.born()
    for start_ms in (0, 1 << 54):
        lockstep.time(max(start_ms, lockstep.model.now_ms), rule=rule)
        lockstep.tell(actor, lockstep.stage.program(programs.try_again(1) + programs.append("log", b"x")), rule=rule)
        due = lockstep.model.now_ms + _MOST_UINT
        for now_ms in (due - 1, due):
            lockstep.time(now_ms, rule=rule)
            lockstep.run(rule=rule)
            lockstep.refs(rule=rule)
    lockstep.query(actor, "get", b"log", rule=rule)
    lockstep.export(rule=rule)


def most_attempts(trial: Trial, fmt: Format) -> None:
    """With ``max_attempts`` 1,000 an actor is marked after as many failures, and not after one less."""
    rule = "runtime.retry.count"
    lockstep = LockstepModel(trial, fmt, StartOptions(schedule="chosen", config=Config(0, 0, _MOST_ATTEMPTS)))
    actor = born(lockstep, b"a")
    lockstep.inject(actor, lockstep.stage.program(programs.fail()))
    for _ in range(_MOST_ATTEMPTS - 1):
        lockstep.choose(0, rule=rule)
    lockstep.refs(rule=rule)
    lockstep.ready(rule=rule)
    lockstep.choose(0, rule=rule)
    lockstep.refs(rule=rule)
    lockstep.ready(rule=rule)
    lockstep.export(rule=rule)


def most_released(trial: Trial, fmt: Format) -> None:
    """A release of 31 or 32 actors drops the entries of each; an actor that is named twice is answered once."""
    rule = "runtime.release.entries"
    lockstep = LockstepModel(trial, fmt, CHOSEN)
    actors = [born(lockstep, b"%d" % number) for number in range(2 * _MOST_RELEASED)]
    for number in (_MOST_RELEASED - 1, _MOST_RELEASED):
        lockstep.release(*actors[:number], rule=rule)
        lockstep.refs(rule=rule)
        del actors[:number]
    (last,) = actors
    lockstep.release(*[last] * _MOST_RELEASED, rule=rule)
    lockstep.release(last, last, rule=rule)
    lockstep.export(rule=rule)


def most_mail(trial: Trial, fmt: Format) -> None:
    """One step covers 4,097 messages of one sender, and a list of 4,096 messages to the agent is complete.

    The limit of 4,096 messages in one request, or in the reply to ``wit.unread``, is not a limit of a run.
    """
    rule = "runtime.schedule.exact"
    lockstep = LockstepModel(trial, fmt, CHOSEN)
    stage = lockstep.stage
    sender, reader = born(lockstep, b"sender"), born(lockstep, b"reader")
    empty = stage.program(b"")
    many = stage.program((programs.send(0, 1) + programs.send(2, 1)) * _SENT, reader, empty, lockstep.agent)
    one = stage.program(programs.send(0, 1), reader, empty)
    for content in (*[many] * (_MOST_MAIL // _SENT), one):
        lockstep.inject(sender, content)
        choose_of(lockstep, sender, sender)
    lockstep.ready(rule=rule)
    choose_largest(lockstep, rule=rule)
    lockstep.ack(*lockstep.mail(rule="runtime.agent.mail")[-1], rule="runtime.agent.mail")
    lockstep.mail(rule="runtime.agent.mail")
    lockstep.export(rule=rule)


PROPERTIES: Final = (
    *in_each_format(
        *("runtime/schedule/large-choices", large_choices, "runtime.schedule.exact"),
        features=("external", "schedule", "clock"),
    ),
    *in_each_format(*("runtime/retry/large-times", large_times, "runtime.retry.delay"), features=("external", "clock")),
    *in_each_format(
        *("runtime/retry/large-delays", large_delays, "runtime.retry.delay"), features=("external", "clock")
    ),
    *in_each_format(
        *("runtime/retry/most-attempts", most_attempts, "runtime.retry.count"), features=("external", "schedule")
    ),
    *in_each_format(
        *("runtime/schedule/most-mail", most_mail, "runtime.schedule.exact", "runtime.agent.mail"),
        features=("external", "schedule", "clock"),
        once=True,
    ),
    *in_each_format(
        *("runtime/release/most", most_released, "runtime.release.entries"),
        features=("external", "schedule", "clock"),
    ),
)
