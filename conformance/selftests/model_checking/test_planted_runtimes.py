"""Planted runtimes: the frozen scenarios alone notice faults that mutants of the model also have.

Spec: :rule:`suite.model.scenarios`.
"""

from __future__ import annotations

import sys
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
    """Start the reference with a fault, or without one."""
    plain = (sys.executable, "-m", "gritstone.harness")
    command = plain if mutant is NONE else mutant.command("gritstone.harness")
    with edits_in_environment(mutant):
        subject = Launcher(opener(command, mutant), AttachSettings()).start()
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


@pytest.mark.zoo
@pytest.mark.parametrize(
    ("fault", "scenario"),
    [
        ("a-mark-is-forgotten-at-a-start", "fail/reaches-restarted-while-marked"),
        ("a-batch-that-failed-is-run-again", "fail/refuses-not-isolated"),
        ("one-attempt-more", "fail/reaches-running-failed-last"),
        ("an-update-leaves-the-mark", "heal/reaches-running-update-admitted"),
        ("a-refused-update-heals", "heal/reaches-refused-while-marked"),
        ("an-update-marks", "heal/reaches-running-failed-last-update"),
        ("what-was-declined-is-never-run-again", "leave/refuses-declined-for-ever"),
        ("a-collected-actor-keeps-its-mark", "withdrawn/reaches-irrecoverable-collected"),
        ("a-start-makes-a-step", "fail/reaches-restarted-while-marked"),
        ("a-name-does-not-prevent-collection", "last/refuses-collect-named"),
    ],
)
@pytest.mark.rule("suite.model.scenarios", slow=True)
def test_scenario_notices_a_planted_runtime(
    fault: str, scenario: str, record_property: Callable[[str, object], None]
) -> None:
    rule = SCENARIOS[f"model/{scenario}"]["rules"][0]
    record_fault(record_property, f"{fault} in a scenario", rule)
    with started(MUTANTS[fault]) as subject:
        assert difference(subject, f"model/{scenario}") == rule


def test_reference_without_fault_shows_no_difference() -> None:
    with started(NONE) as subject:
        found = {name: difference(subject, name) for name in SCENARIOS if not name.startswith("model/tour/")}
    assert found
    assert set(found.values()) == {None}
