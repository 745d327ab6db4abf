"""Chosen schedules in small: terms, and the choices that cases make by what they want to happen next."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.choices import choices
from gritstone_conformance.model.runtime import Config
from gritstone_conformance.properties.runtime.double import GENESIS, Double, Terms

__all__ = ["CHOSEN", "born", "choose_largest", "choose_of"]

CHOSEN: Final = Terms(schedule="chosen", clock="suite", config=Config(10, 40, 3))
"""Three attempts, and delays of 10 to 40 milliseconds on the suite's clock."""


def born(double: Double, title: bytes, **entries: bytes) -> bytes:
    """Create an actor by a choice."""
    actor = double.stage.core(title, **entries)
    double.inject(actor, actor, headers=GENESIS)
    double.choose(0)
    return actor


def choose_largest(double: Double, *, rule: str | None = None) -> None:
    """Choose what reads most."""
    listed = choices(double.model)
    sizes = [len(proposal.covered) for _, proposal in listed]
    double.choose(sizes.index(max(sizes)), rule=rule)


def choose_of(double: Double, actor: bytes, sender: bytes, *, rule: str | None = None) -> None:
    """Choose what an actor reads of one sender, or for a sender that is the actor itself of the outside."""
    wanted = double.agent if sender == actor else sender
    for number, (who, proposal) in enumerate(choices(double.model)):
        if who == actor and {each for each, _ in proposal.covered} == {wanted}:
            double.choose(number, rule=rule)
            return
    raise AssertionError("the script has no such choice")
