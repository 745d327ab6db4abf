"""Crossings of numbers: delays, times and attempts at the ends of their ranges, in each state of the mail that fails.

A row of the table ``runtime/numbers`` defines the numbers. The schedule is chosen and the clock is that of the suite,
so the model determines each reply and the whole store.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from gritstone_conformance.model.formats import FORMATS
from gritstone_conformance.model.runtime import Config
from gritstone_conformance.properties.crossing_rows import NUMBERS, each_row
from gritstone_conformance.properties.runtime.choosing import born, choose_largest, choose_of
from gritstone_conformance.properties.runtime.lockstep import LockstepModel, StartOptions
from gritstone_conformance.strategies import programs
from gritstone_conformance.strategies.crossings.table import Row
from gritstone_conformance.trial import Property, Trial

__all__ = ["PROPERTIES"]

_FAILURES: Final = {"one": programs.try_again(1), "two": programs.try_again(2), "always": programs.fail()}
_MOST_CHOICES: Final = 12
_DELAY: Final = "runtime.retry.delay"
_EXACT: Final = "runtime.schedule.exact"
_COUNT: Final = "runtime.retry.count"
_RULES: Final = (
    *(_DELAY, _EXACT, _COUNT, "runtime.retry.isolate", "runtime.retry.kept", "runtime.fail.unmark"),
    *("runtime.recover.continue", "runtime.query.rest", "runtime.history.bundle"),
)


@dataclass
class _Crossing:
    """One row on its way.

    Attributes:
        row: the row.
        lockstep: both runtimes.
        actor: the actor whose mail fails.
        other: an actor that sends it mail, too.
    """

    row: Row
    lockstep: LockstepModel
    actor: bytes
    other: bytes

    def log(self, data: bytes) -> bytes:
        """Return a program that writes down that it was read."""
        return self.lockstep.stage.program(programs.append("log", data))


def cross(trial: Trial, row: Row) -> None:
    """Run a message that fails, add other mail, move the time around the end of the delay, and run to rest."""
    attempts = int(row["attempts"])
    config = Config(NUMBERS[row["base"]], NUMBERS[row["cap"]], attempts)
    terms = StartOptions(schedule="chosen", clock="suite", config=config)
    lockstep = LockstepModel(trial, FORMATS[row["format"]], terms)
    crossing = _Crossing(row, lockstep, born(lockstep, b"a"), born(lockstep, b"other"))
    lockstep.time(NUMBERS[row["now"]], rule=_DELAY)
    _fail(crossing)
    _add_mail(crossing)
    _move(crossing)
    _change(crossing)
    _settle(crossing)
    lockstep.query(crossing.actor, "get", b"log", rule="runtime.query.rest")
    lockstep.refs(rule=_COUNT)
    lockstep.export(rule="runtime.history.bundle")


def _fail(crossing: _Crossing) -> None:
    """Run the message that fails once, alone or after a run together with another one."""
    lockstep, actor = crossing.lockstep, crossing.actor
    if crossing.row["mail"] == "together":
        lockstep.inject(actor, crossing.log(b"t"))
    lockstep.inject(actor, lockstep.stage.program(_FAILURES[crossing.row["failures"]] + programs.append("log", b"f")))
    if crossing.row["mail"] == "together":
        choose_largest(lockstep, rule="runtime.retry.isolate")
        choose_of(lockstep, actor, lockstep.agent, rule="runtime.retry.isolate")
    choose_of(lockstep, actor, lockstep.agent, rule=_EXACT)


def _add_mail(crossing: _Crossing) -> None:
    """Send other mail to the actor while its message is delayed."""
    lockstep, actor, other = crossing.lockstep, crossing.actor, crossing.other
    match crossing.row["mail"]:
        case "behind":
            lockstep.inject(actor, crossing.log(b"b"))
        case "superseding":
            lockstep.inject(actor, crossing.log(b"s"), mode="signal")
        case "update":
            lockstep.inject(actor, lockstep.stage.tree(k=lockstep.stage.blob(b"v")), "update", "signal")
        case "other-sender" | "other-failure":
            fails = programs.try_again(1) if crossing.row["mail"] == "other-failure" else b""
            said = lockstep.stage.program(fails + programs.append("log", b"o"))
            lockstep.inject(other, lockstep.stage.program(programs.send(0, 1), actor, said))
            choose_of(lockstep, other, lockstep.agent)
    lockstep.ready(rule=_EXACT)


def _move(crossing: _Crossing) -> None:
    """Move the time around the end of the first delay."""
    lockstep = crossing.lockstep
    due = lockstep.model.next_due_ms()
    if due is None:
        return
    more = {"before": -1, "at": 0, "after": 1}[crossing.row["move"]]
    lockstep.time(max(due + more, lockstep.model.now_ms), rule=_DELAY)
    lockstep.ready(rule=_DELAY)


def _change(crossing: _Crossing) -> None:
    """Change something before the next attempt."""
    lockstep = crossing.lockstep
    match crossing.row["then"]:
        case "restart":
            lockstep.restart(rule="runtime.recover.continue")
        case "update":
            lockstep.inject(crossing.actor, lockstep.stage.tree(k=lockstep.stage.blob(b"w")), "update", "signal")
        case "same-time":
            lockstep.time(lockstep.model.now_ms, rule=_DELAY)
        case "past":
            now_ms = max(0, lockstep.model.now_ms - 1)
            expect = {"refused": "rejected"} if now_ms < lockstep.model.now_ms else {"ok": {"due": 0}}
            lockstep.ask("runtime.time", {"now_ms": str(now_ms)}, expect, "runtime.clock.refused")


def _settle(crossing: _Crossing) -> None:
    """Make choices until there are none, and move the time to the millisecond at which each delay ends."""
    lockstep = crossing.lockstep
    for _ in range(_MOST_CHOICES):
        due = lockstep.model.next_due_ms()
        if lockstep.ready(rule=_EXACT):
            lockstep.choose(0, rule=_COUNT)
        elif due is not None:
            lockstep.time(due, rule=_DELAY)
        else:
            return


def _rules(_: Iterable[str]) -> tuple[str, ...]:
    return (*_RULES, "runtime.clock.refused")


PROPERTIES: Final[tuple[Property, ...]] = each_row(
    "runtime/numbers", cross, _rules, features=("clock", "external", "schedule")
)
