"""Counts and numbers at the ends of their ranges: choices, times, delays, attempts, and actors in one release."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.runtime import Config
from gritstone_conformance.properties.runtime.choosing import CHOSEN, born, choose_largest, choose_of
from gritstone_conformance.properties.runtime.double import GENESIS, Double, Terms
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
    double = Double(trial, fmt, CHOSEN)
    actors = [double.stage.core(b"%d" % number) for number in range(10)]
    for actor in actors:
        double.inject(actor, actor, headers=GENESIS)
    for choice in ((1 << 31) + 1, 1 << 32, (1 << 32) + 5, (1 << 33) + 1, 1 << 52, _MOST_UINT, _MOST_UINT - 1):
        double.choose(choice, rule=rule)
        double.refs(rule=rule)
    double.export(rule=rule)


def large_times(trial: Trial, fmt: Format) -> None:
    """Delays are measured to the millisecond at times past 32, 53 and 63 bits; no time is below an earlier one."""
    rule = "runtime.retry.delay"
    double = Double(trial, fmt, Terms(clock="suite", config=Config(3, 1_000, 3)))
    actor = double.born()
    nows = [1 << bits for bits in (31, 32, 53, 63)] + [(1 << 63) + (1 << 53) + 1, _MOST_U64 - 3]
    for now_ms in nows:
        double.time(now_ms, rule=rule)
        double.tell(actor, double.stage.program(programs.try_again(1) + programs.append("log", b"x")), rule=rule)
        for due in (now_ms + 2, now_ms + 3):
            double.time(due, rule=rule)
            double.run(rule=rule)
            double.refs(rule=rule)
        double.ask("runtime.time", {"now_ms": str(now_ms + 2)}, {"refused": "rejected"}, rule)
    double.query(actor, "get", b"log", rule=rule)
    double.export(rule=rule)


def large_delays(trial: Trial, fmt: Format) -> None:
    """A delay of 2^53 - 1 milliseconds ends then, also one that began late."""
    rule = "runtime.retry.delay"
    double = Double(trial, fmt, Terms(clock="suite", config=Config(_MOST_UINT, _MOST_UINT, 3)))
    actor = double.born()
    for start_ms in (0, 1 << 54):
        double.time(max(start_ms, double.model.now_ms), rule=rule)
        double.tell(actor, double.stage.program(programs.try_again(1) + programs.append("log", b"x")), rule=rule)
        due = double.model.now_ms + _MOST_UINT
        for now_ms in (due - 1, due):
            double.time(now_ms, rule=rule)
            double.run(rule=rule)
            double.refs(rule=rule)
    double.query(actor, "get", b"log", rule=rule)
    double.export(rule=rule)


def most_attempts(trial: Trial, fmt: Format) -> None:
    """With ``max_attempts`` 1,000 an actor is marked after as many failures, and not after one less."""
    rule = "runtime.retry.count"
    double = Double(trial, fmt, Terms(schedule="chosen", config=Config(0, 0, _MOST_ATTEMPTS)))
    actor = born(double, b"a")
    double.inject(actor, double.stage.program(programs.fail()))
    for _ in range(_MOST_ATTEMPTS - 1):
        double.choose(0, rule=rule)
    double.refs(rule=rule)
    double.ready(rule=rule)
    double.choose(0, rule=rule)
    double.refs(rule=rule)
    double.ready(rule=rule)
    double.export(rule=rule)


def most_released(trial: Trial, fmt: Format) -> None:
    """A release of 31 or 32 actors drops the entries of each; an actor that is named twice is answered once."""
    rule = "runtime.release.entries"
    double = Double(trial, fmt, CHOSEN)
    actors = [born(double, b"%d" % number) for number in range(2 * _MOST_RELEASED)]
    for number in (_MOST_RELEASED - 1, _MOST_RELEASED):
        double.release(*actors[:number], rule=rule)
        double.refs(rule=rule)
        del actors[:number]
    (last,) = actors
    double.release(*[last] * _MOST_RELEASED, rule=rule)
    double.release(last, last, rule=rule)
    double.export(rule=rule)


def most_mail(trial: Trial, fmt: Format) -> None:
    """One step covers 4,097 messages of one sender, and a list of 4,096 messages to the agent is complete.

    The limit of 4,096 messages in one request, or in the reply to ``wit.unread``, is not a limit of a run.
    """
    rule = "runtime.schedule.exact"
    double = Double(trial, fmt, CHOSEN)
    stage = double.stage
    sender, reader = born(double, b"sender"), born(double, b"reader")
    empty = stage.program(b"")
    many = stage.program((programs.send(0, 1) + programs.send(2, 1)) * _SENT, reader, empty, double.agent)
    one = stage.program(programs.send(0, 1), reader, empty)
    for content in (*[many] * (_MOST_MAIL // _SENT), one):
        double.inject(sender, content)
        choose_of(double, sender, sender)
    double.ready(rule=rule)
    choose_largest(double, rule=rule)
    double.ack(*double.mail(rule="runtime.agent.mail")[-1], rule="runtime.agent.mail")
    double.mail(rule="runtime.agent.mail")
    double.export(rule=rule)


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
    ),
    *in_each_format(
        *("runtime/release/most", most_released, "runtime.release.entries"),
        features=("external", "schedule", "clock"),
    ),
)
