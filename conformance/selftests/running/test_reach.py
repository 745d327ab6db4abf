"""Floors: a gate that does not reach the situations that a property declares is an error of the suite.

Spec: :rule:`suite.property.reach`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from gritstone_conformance.errors import DataError, SubjectFault
from gritstone_conformance.planning.settings import RunSettings
from gritstone_conformance.properties import load_properties
from gritstone_conformance.replies import Json, Ok, Refused, Reply
from gritstone_conformance.running.ledger import Ledger, ObservedSubject
from gritstone_conformance.running.property_runner import PropertyRun as Result
from gritstone_conformance.running.property_runner import run_property
from gritstone_conformance.trial import Property, Trial
from selftests.fakes.subject import FakeSubject

RULE = "grit.tree.key-order"


def body(trial: Trial, number: int) -> None:
    """Send a number; it is even in about half of the examples."""
    trial.reach("an even number", number % 2 == 0)
    refused: dict[str, Json] = {"refused": "missing"} if number % 4 == 0 else {"ok": {}}
    trial.expect("grit.id", {"number": number}, refused)


def honest(op: str, args: dict[str, Json]) -> Reply:
    return Refused("missing") if args["number"] % 4 == 0 else Ok({})


def run_for(reach: Mapping[str, float], subject: Any = None, **settings: Any) -> Result:
    prop = Property("grit/tree/numbers", (RULE,), body, {"number": st.integers(0, 255)}, reach=reach)
    observed = ObservedSubject(subject or FakeSubject(honest), Ledger())
    return run_property(prop, observed, RunSettings(saves=False, shrink_s=0.0, **settings))


@pytest.mark.rule("suite.property.reach")
@pytest.mark.parametrize("situation", ["an even number", "grit.id refused", "a situation that never occurs"])
def test_gate_below_a_floor_is_an_error_of_the_suite(situation: str) -> None:
    with pytest.raises(
        DataError,
        match=rf"grit/tree/numbers declares a situation that too few examples reach, '{situation}': \d+ of 100",
    ):
        run_for({situation: 0.99})


@pytest.mark.rule("suite.property.reach")
def test_reached_situations_are_counted_over_the_examples() -> None:
    tested = run_for({"an even number": 0.2, "grit.id refused": 0.1, "grit.id accepted": 0.2})
    assert tested.divergence is None
    assert tested.examples == 100
    assert 20 < tested.reached["an even number"] < 80
    assert tested.reached["grit.id refused"] + tested.reached["grit.id accepted"] == 100


def spared(reach: Mapping[str, float], subject: FakeSubject) -> Result | None:
    """Return the result, or None if the floors were applied."""
    try:
        return run_for(reach, subject)
    except DataError:
        return None


@pytest.mark.rule("suite.property.reach")
def test_failed_or_broken_property_is_not_held_to_its_floors() -> None:

    def fails(op: str, args: dict[str, Json]) -> Reply:
        return honest(op, args) if args["number"] < 100 else Ok({"more": 1})

    failed = spared({"a situation that never occurs": 0.99}, FakeSubject(fails))
    assert failed is not None
    assert failed.divergence is not None

    def dies(op: str, args: dict[str, Json]) -> Reply | SubjectFault:
        return honest(op, args) if args["number"] < 100 else SubjectFault("dead:exit-1", "")

    broke = spared({"a situation that never occurs": 0.99}, FakeSubject(dies))
    assert broke is not None
    assert broke.fault is not None


@pytest.mark.rule("suite.property.reach")
def test_search_is_not_held_to_floors(tmp_path: Path) -> None:
    assert run_for({"an even number": 0.99}, profile="search", home=tmp_path).examples > 100


def test_every_profile_has_floors_that_can_fail() -> None:
    reaching = [prop for prop in load_properties() if prop.reach]
    assert len(reaching) >= 25
    assert {prop.name.partition("/")[0] for prop in reaching} >= {"harness", "grit", "wit", "runtime", "wasm"}
    for prop in reaching:
        assert prop.given, f"{prop.name} draws nothing"
        assert all(0 < floor <= 0.5 for floor in prop.reach.values()), prop.name
        assert replace(prop, reach={}) != prop
