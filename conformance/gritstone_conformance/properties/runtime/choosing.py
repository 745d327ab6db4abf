"""Chosen schedules in small: terms, and the choices that cases make by what they want to happen next."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.choices import choices
from gritstone_conformance.model.runtime import Config
from gritstone_conformance.properties.runtime.lockstep import GENESIS, LockstepModel, StartOptions

__all__ = ["CHOSEN", "born", "choose_largest", "choose_of"]

CHOSEN: Final = StartOptions(schedule="chosen", clock="suite", config=Config(10, 40, 3))
"""Three attempts, and delays of 10 to 40 milliseconds on the suite's clock."""


def born(lockstep: LockstepModel, title: bytes, **entries: bytes) -> bytes:
    """Create an actor by a choice."""
    actor = lockstep.stage.core(title, **entries)
    lockstep.inject(actor, actor, headers=GENESIS)
    lockstep.choose(0)
    return actor


def choose_largest(lockstep: LockstepModel, *, rule: str | None = None) -> None:
    """Choose what reads most."""
    listed = choices(lockstep.model)
    sizes = [len(proposal.covered) for _, proposal in listed]
    lockstep.choose(sizes.index(max(sizes)), rule=rule)


def choose_of(lockstep: LockstepModel, actor: bytes, sender: bytes, *, rule: str | None = None) -> None:
    """Choose what an actor reads of one sender, or for a sender that is the actor itself of the outside."""
    wanted = lockstep.agent if sender == actor else sender
    for number, (who, proposal) in enumerate(choices(lockstep.model)):
        if who == actor and {each for each, _ in proposal.covered} == {wanted}:
            lockstep.choose(number, rule=rule)
            return
    raise AssertionError("the script has no such choice")
