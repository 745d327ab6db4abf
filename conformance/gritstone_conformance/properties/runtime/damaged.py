"""A damaged object of one actor: the other actors run, and requests about them are answered."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from gritstone_conformance.model.choices import choices
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.refusals import ok, refused
from gritstone_conformance.model.values import to_base64
from gritstone_conformance.properties.runtime.free_schedule_fixture import RAN
from gritstone_conformance.properties.runtime.lockstep import LockstepModel
from gritstone_conformance.properties.wit.registry import in_each_format
from gritstone_conformance.replies import Json
from gritstone_conformance.strategies import programs
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_RULE: Final = "runtime.fail.damaged"
_ANSWERED: Final = ok(step={"$": "any"}, result={"$": "any"})
_INJECTED: Final = {"any": [ok(message={"$": "any"}), refused("missing"), refused("rejected")]}


def _question(actor: bytes) -> dict[str, Json]:
    return {"runtime": "r", "actor": actor.hex(), "name": "get", "args": to_base64(b"log")}


def _head(lockstep: LockstepModel, actor: bytes) -> bytes:
    return lockstep.model.mailroom.heads[actor]


def _core(lockstep: LockstepModel, actor: bytes) -> bytes:
    return lockstep.model.shelf.step(_head(lockstep, actor)).core


def damaged(
    victim: Callable[[LockstepModel, bytes], bytes], trial: Trial, fmt: Format, *, restarts: bool = False
) -> None:
    """The head of an actor, or its core, becomes corrupt; then it gets mail, and so does another actor, which runs.

    Args:
        victim: returns the object of an actor that is damaged.
        trial: of the property.
        fmt: the format.
        restarts: whether no runtime is started while the object is damaged.
    """
    lockstep = LockstepModel(trial, fmt)
    stage = lockstep.stage
    bad, good = lockstep.born(b"bad"), lockstep.born(b"good")
    log = stage.program(programs.append("log", b"x"))
    lockstep.tell(bad, log)
    if restarts:
        lockstep.stop()
    lockstep.flush()
    trial.expect("grit.damage", {"store": "s", "id": victim(lockstep, bad).hex(), "offset": 5, "xor": 1}, ok())
    if restarts:
        lockstep.start(rule=_RULE)
    lockstep.flush()
    mail = {"runtime": "r", "to": bad.hex(), "headers": [], "content": log.hex(), "mode": "queue"}
    trial.expect("runtime.inject", mail, _INJECTED)
    for program in (programs.append("log", b"x"), programs.append("log", b"y") + programs.send(0, 1)):
        lockstep.inject(good, stage.program(program, bad, log), rule=_RULE)
        lockstep.flush()
        lockstep.model.run(*next(each for each in choices(lockstep.model) if each[0] == good))
        trial.expect("runtime.run", {"runtime": "r", "max_steps": 1}, RAN, rule=_RULE)
        if trial.expect("runtime.query", _question(good), _ANSWERED)["step"] != _head(lockstep, good).hex():
            # the damaged actor made a step, because its objects are still in memory
            trial.expect("runtime.run", {"runtime": "r", "max_steps": 1}, RAN, rule=_RULE)
        lockstep.query(good, "get", b"log", rule=_RULE)
        lockstep.collect(rule=_RULE)
        lockstep.flush()
    lockstep.stop("now", rule=_RULE)
    lockstep.flush()


PROPERTIES: Final = tuple(
    prop
    for name, victim in (("core", _core), ("head", _head))
    for when, restarts in (("", False), ("-restarted", True))
    for prop in in_each_format(
        f"runtime/damaged/{name}{when}",
        partial(damaged, victim, restarts=restarts),
        _RULE,
        features=("external", "damage"),
        once=True,
    )
)
