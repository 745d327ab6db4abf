"""The table of states is that of the specification."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from gritstone.errors import InternalError
from gritstone.runtime.states import TRANSITIONS, Event, State, Write, follow, resting_state

SPEC = json.loads((Path(__file__).parents[3] / "spec" / "runtime" / "states.json").read_text())


def test_state_names_match_the_spec() -> None:
    assert {state.value for state in State} == set(SPEC["states"])
    assert {event.value for event in Event} == set(SPEC["events"])
    assert {change.value for change in Write} == set(SPEC["changes"])


def test_transition_table_matches_the_spec() -> None:
    table = [
        {
            "state": state.value,
            "event": event.value,
            "next": "resting" if following is None else following.value,
            "change": [change.value for change in changes],
        }
        for (state, event), (following, changes) in TRANSITIONS.items()
    ]
    assert table == SPEC["transitions"]


def test_resting_state_follows_mark_and_delay() -> None:
    for marked, delayed, exists in itertools.product((False, True), repeat=3):
        facts = {"mark": marked, "delayed": delayed, "head": exists}
        row = next(one for one in SPEC["resting"] if one["when"].items() <= facts.items())
        assert resting_state(marked=marked, delayed=delayed, exists=exists).value == row["state"]


def test_follow_rejects_pairs_outside_the_table() -> None:
    for pair in itertools.product(State, Event):
        if pair in TRANSITIONS:
            assert follow(*pair) == TRANSITIONS[pair]
        else:
            with pytest.raises(InternalError):
                follow(*pair)
