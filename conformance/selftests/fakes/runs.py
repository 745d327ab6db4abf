"""Run cases on a fake implementation and return their verdicts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gritstone_conformance.cases import Case
from gritstone_conformance.planning.plan import Selection, make_plan
from gritstone_conformance.planning.settings import RunSettings
from gritstone_conformance.results.outcomes import Outcome
from gritstone_conformance.running.plan_runner import execute
from selftests.fakes.subject import FakeSubject, accept, fake_book

BOOK = fake_book()
RULE = "grit.tree.key-order"


def run(
    subject: FakeSubject,
    cases: Any = (),
    properties: Any = (),
    watched: tuple[str, ...] = (),
    home: Path | None = None,
    **settings: Any,
) -> dict[str, Outcome]:
    """Run cases, properties and watches on a subject; returns the outcome of each by its name."""
    plan = make_plan(cases, properties, watched, Selection(), 1)
    options = RunSettings(saves=home is not None, home=home or Path(), **settings)
    result = execute(plan, subject, BOOK, options, lambda _: None)
    assert [found.case for found in result.outcomes] == [item.name for item in plan.items]
    return {found.case: found for found in result.outcomes}


def many(count: int) -> list[Case]:
    """Return ``count`` cases that an honest subject passes."""
    return [accept(f"grit/tree/good-{number}") for number in range(count)]


def verdicts(outcomes: dict[str, Outcome]) -> dict[str, str]:
    """Return the verdict of each case."""
    return {name: found.verdict for name, found in outcomes.items()}
