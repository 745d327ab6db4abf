"""A store that is full of references: what needs no further one goes on, and what frees one is carried out."""

from __future__ import annotations

import time
from typing import Final

from gritstone_conformance.model.choices import choices
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.refusals import ok
from gritstone_conformance.model.runtime import Config
from gritstone_conformance.model.store import Change
from gritstone_conformance.properties.grit.registry import is_first
from gritstone_conformance.properties.runtime.lockstep import GENESIS, LockstepModel, StartOptions
from gritstone_conformance.properties.wit.registry import in_each_format
from gritstone_conformance.strategies import programs
from gritstone_conformance.trial import Trial

__all__ = ["MOST_REFERENCES", "PROPERTIES", "fill_references"]

_LIMIT: Final = "grit.ref.limit"
_FULL: Final = "runtime.run.full"
_REPEATED_AFTER_S: Final = 1.0
MOST_REFERENCES: Final = 32_768
"""A store with a higher limit of references is not filled."""


def at_the_limit(trial: Trial, fmt: Format) -> None:
    """In a store of ``refs`` references, steps, releases, cuts, collections and heals are made; so is a last mark."""
    lockstep = LockstepModel(trial, fmt, StartOptions(config=Config(0, 0, 1)))
    if lockstep.pair.model.limits.refs > MOST_REFERENCES:
        trial.remark = f"not tried: the limit is above {MOST_REFERENCES}"
        return
    stage = lockstep.stage
    actor, mortal, bad = lockstep.born(b"a"), stage.core(b"mortal"), lockstep.born(b"bad")
    lockstep.tell(actor, stage.program(programs.send(0, 0, "genesis"), mortal))
    log = stage.program(programs.append("log", b"x"))
    lockstep.fill()
    fill_references(lockstep, log, room=1)
    lockstep.tell(bad, stage.program(programs.fail()), rule=_LIMIT)
    _look(lockstep)
    lockstep.tell(actor, log, rule=_LIMIT)
    lockstep.tell(actor, stage.program(programs.release(0), mortal), rule=_LIMIT)
    lockstep.collect(rule=_LIMIT)
    lockstep.release(actor, rule=_LIMIT)
    lockstep.cut(rule=_LIMIT)
    _look(lockstep)
    lockstep.restart(rule=_LIMIT)
    lockstep.query(actor, "get", b"log", rule=_LIMIT)
    lockstep.tell(bad, stage.tree(k=log), "update", rule=_LIMIT)
    _look(lockstep)
    lockstep.tell(bad, stage.program(programs.fail()), rule=_LIMIT)
    _look(lockstep)
    lockstep.flush()


def fill_references(lockstep: LockstepModel, target: bytes, room: int) -> None:
    """Create references until the store has room for only ``room`` more."""
    model = lockstep.pair.model
    names = [f"t/{number}" for number in range(model.limits.refs - len(model.references) - room)]
    width = min(model.limits.cas_names, 4096)
    for start in range(0, len(names), width):
        changes = [Change(name, None, target) for name in names[start : start + width]]
        lockstep.ask_plainly("grit.cas", {"store": "s", "changes": [one.to_json() for one in changes]}, ok())
    model.references |= dict.fromkeys(names, target)


def mark_without_room(trial: Trial, fmt: Format) -> None:
    """Runs are abandoned if the store has no room for a mark or a first head, and are repeated; other actors go on."""
    lockstep = LockstepModel(trial, fmt, StartOptions(config=Config(0, 0, 1)))
    if lockstep.pair.model.limits.refs > MOST_REFERENCES:
        trial.remark = f"not tried: the limit is above {MOST_REFERENCES}"
        return
    stage = lockstep.stage
    bad, other, marker = lockstep.born(b"bad"), lockstep.born(b"other"), stage.blob(b"")
    unborn, log = stage.core(b"unborn"), stage.program(programs.append("log", b"x"))
    lockstep.fill()
    is_full = is_first(trial, fmt)  # it takes a second
    if is_full:
        fill_references(lockstep, marker, room=0)
    lockstep.inject(bad, stage.program(programs.fail()), rule=_FULL)
    for turn in range(2 if is_full else 0):
        if turn > 0:
            lockstep.restart(rule=_FULL)
            lockstep.inject(unborn, unborn, GENESIS, rule=_FULL)
        lockstep.inject(other, log, rule=_FULL)
        lockstep.run_without_room(bad, unborn, rule=_FULL)
        lockstep.query(bad, "get", b"log", rule=_FULL)
        lockstep.query(other, "get", b"log", rule=_FULL)
        _look(lockstep, _FULL)
    if is_full:
        changes = [Change(name, marker, None) for name in ("t/0", "t/1")]
        lockstep.request(lockstep.pair.cas(*changes, rule=_FULL))
        lockstep.flush()
        time.sleep(_REPEATED_AFTER_S)
        for choice in choices(lockstep.model):
            lockstep.model.run(*choice)
    lockstep.run(rule=_FULL)
    _look(lockstep, _FULL)
    lockstep.flush()


def _look(lockstep: LockstepModel, rule: str = _LIMIT) -> None:
    """Ask that the references of the runtime are those of the model."""
    for prefix in ("failed/", "gone/", "heads/"):
        lockstep.request(lockstep.pair.refs(prefix, rule=rule))


PROPERTIES: Final = (
    *in_each_format("runtime/head/at-the-limit", at_the_limit, _LIMIT, cost=1_000),
    *in_each_format("runtime/run/mark-without-room", mark_without_room, _FULL, cost=2_000),
)
