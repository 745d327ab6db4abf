"""Situations of scenarios: what is drawn and has to be, for what may break to be met at all."""

from __future__ import annotations

from gritstone_conformance.strategies.scenarios import Scenario
from gritstone_conformance.trial import Trial

__all__ = ["note_situations"]


def note_situations(trial: Trial, scenario: Scenario) -> None:
    """Report to the trial which situations a scenario reaches.

    Spec: :rule:`suite.property.reach`.
    """
    queued: set[bytes] = set()
    for number, each in enumerate(scenario.injections):
        if each.mode == "queue":
            queued.add(each.to)
        trial.reach("signal after queue", each.mode == "signal" and each.to in queued)
        trial.reach("an update", ("mt", "update") in each.headers)
        trial.reach("mail after a pause", number - 1 in scenario.pauses)
