"""Blobs that were erased and that a step makes again: they stay erased for the next steps of the same runtime."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.runtime import Config
from gritstone_conformance.properties.runtime.lockstep import LockstepModel, StartOptions
from gritstone_conformance.properties.wit.registry import in_each_format
from gritstone_conformance.strategies import programs
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_RULE: Final = "grit.erase.no-return"
_ERASED: Final = (b"first", b"second", programs.append("log", b"ran"))
"""The data of the blobs: two that a later step of the same actor reads, and a program that another actor runs."""


def made_again(trial: Trial, fmt: Format) -> None:
    """If a step makes an erased blob again, the blob stays erased: a transition of a later step that reads it fails."""
    lockstep = LockstepModel(trial, fmt, StartOptions(config=Config(0, 0, 1)))
    stage = lockstep.stage
    actors = [lockstep.born(b"actor %d" % number) for number in range(len(_ERASED))]
    receiver = lockstep.born(b"receiver")
    blobs = [stage.blob(data) for data in _ERASED]
    more = stage.program(programs.append("log", b"more"))
    lockstep.fill()
    for blob in blobs:
        lockstep.request(lockstep.pair.erase(blob))
    lockstep.tell(actors[0], stage.program(programs.write("log", _ERASED[0])), rule=_RULE)
    lockstep.tell(actors[0], more, rule=_RULE)  # in another run of the runtime
    to_itself = programs.write("log", _ERASED[1]) + programs.send(programs.ACTOR, 0)
    lockstep.tell(actors[1], stage.program(to_itself, more), rule=_RULE)  # in the same run
    as_program = programs.write("program", _ERASED[2]) + programs.send(0, programs.CORE)
    lockstep.tell(actors[2], stage.program(as_program, receiver), rule=_RULE)
    marked = {name for name in lockstep.pair.model.references if name.startswith("failed/")}
    assert marked == {f"failed/{actor.hex()}" for actor in (*actors[:2], receiver)}, "each reader fails in the model"
    lockstep.refs(rule=_RULE)
    for blob in blobs:
        lockstep.request(lockstep.pair.get(blob, rule=_RULE))
    lockstep.export(rule=_RULE)


PROPERTIES: Final = (
    *in_each_format("runtime/erase/made-again", made_again, _RULE, features=("external", "erase"), cost=200),
)
