"""Planted runtimes: the frozen scenarios alone notice faults that mutants of the model also have.

Spec: :rule:`suite.model.scenarios`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from gritstone_conformance.attachment.launcher import Launcher
from gritstone_conformance.attachment.settings import AttachSettings
from gritstone_conformance.attachment.subject import Subject
from gritstone_conformance.model.formats import FRAMED_SHA256
from gritstone_conformance.properties.runtime.played import play
from gritstone_conformance.scenarios import load_scenarios
from gritstone_conformance.trial import Divergence, Trial
from selftests.mutants.detection import opener
from selftests.mutants.mutate import Mutant, edits_in_environment, load_mutants
from selftests.mutants.zoo import record_fault

SCENARIOS = {each["name"]: each for file in load_scenarios() for each in file.scenarios}
MUTANTS = load_mutants()
NONE = Mutant("none", "runtime.fail.stop", ())


@contextmanager
def started(mutant: Mutant) -> Iterator[Subject]:
    """Start the reference with a fault."""
    with edits_in_environment(mutant):
        subject = Launcher(opener(mutant.command("gritstone.harness"), mutant), AttachSettings()).start()
        try:
            yield subject
        finally:
            subject.close()


def difference(subject: Subject, name: str) -> str | None:
    """Return the rule under which a scenario notices a difference, or None."""
    scenario = SCENARIOS[name]
    trial = Trial(subject, scenario["rules"][0])
    try:
        play(trial, FRAMED_SHA256, scenario)
    except Divergence as found:
        return found.rule
    finally:
        trial.finish()
    return None
