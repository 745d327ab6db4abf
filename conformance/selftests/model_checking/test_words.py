"""Behaviours of the model of the core in words."""

from __future__ import annotations

from typing import Any

import pytest

from gritstone_conformance.model_checking.values import State
from gritstone_conformance.model_checking.words import trace_words

FAIL = (("fail",),)
IDLE: dict[str, Any] = {"isolated": {"a": []}, "delayed": {"a": []}, "declined": {"a": []}}
STEP = {"covered": (("agent", FAIL),), "sent": (("b", (("nop",), ("note",))),)}


def state(action: str, *, durable: Any = None, own: Any = None, run: Any = None, memory: Any = None) -> State:
    """Return a state of a model with the actor ``a`` and one runtime."""
    db = {"heads": {"a": ()}, "marks": {"a": ()}, "away": []} | (durable or {})
    return State(
        action,
        {
            "db": db,
            "view": {"r": db | (own or {})},
            "run": {"r": {"a": run or {"on": False}}},
            "memory": {"r": IDLE | (memory or {})},
        },
    )


RUNS = {"on": True, "proposal": {"agent": FAIL, "b": ()}, "attempt": 2}


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (
            state(""),
            state("Begin", run=RUNS),
            "a run of a begins with the proposal {agent: fail}, attempt 2",
        ),
        (
            state("", run=RUNS),
            state("End", durable={"heads": {"a": (STEP,)}}),
            "the run of a ends; a step of a covers fail of agent and sends nop < note to b",
        ),
        (
            state("", run=RUNS),
            state("End", own={"heads": {"a": (STEP,)}}),
            "the run of a ends; not durable yet: a step of a covers fail of agent and sends nop < note to b",
        ),
        (
            state("", run=RUNS),
            state("End", durable={"marks": {"a": ("agent", FAIL)}}),
            "the run of a ends; a is marked for fail of agent",
        ),
        (
            state("", run=RUNS),
            state("End", memory={"isolated": {"a": [("agent", FAIL)]}}),
            "the run of a ends; the run failed: a is isolated",
        ),
        (
            state("", run=RUNS),
            state("End", memory={"delayed": {"a": [("agent", FAIL)]}}),
            "the run of a ends; the run failed: fail of agent to a is delayed",
        ),
        (
            state("", run=RUNS),
            state("End", memory={"declined": {"a": [{}]}}),
            "the run of a ends; a declined the proposal",
        ),
        (
            state("", durable={"heads": {"a": (STEP,)}}),
            state("CollectCommit", durable={"away": ["a"]}),
            "CollectCommit; the head of a is removed; away: a",
        ),
        (state(""), state("Kill"), "a runtime is killed and started again"),
    ],
)
def test_action_in_words(before: State, after: State, words: str) -> None:
    assert trace_words([before, after]) == [f"  1  {words}"]
