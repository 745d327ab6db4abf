"""A failure is reported with its first difference: the first wrong step, and the first wrong place in its reply.

Spec: :rule:`suite.divergence.first`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gritstone_conformance.cases import Case, CaseStep, Requires
from gritstone_conformance.judge import Difference, compare, difference_of
from gritstone_conformance.planning.plan import Selection, make_plan
from gritstone_conformance.planning.settings import RunSettings
from gritstone_conformance.replies import Json, Ok, Refused, Reply
from gritstone_conformance.running.ledger import Ledger, ObservedSubject
from gritstone_conformance.running.plan_runner import execute
from gritstone_conformance.trial import Divergence, Trial
from selftests.fakes.subject import FakeSubject, fake_book

RULE = "grit.tree.key-order"
STEPS = 40


def wrong_from(place: int, how: Callable[[int], Reply]) -> FakeSubject:
    """Return a subject whose replies are right before step ``place`` and wrong from there on."""
    return FakeSubject(lambda op, args: Ok({"id": args["at"]}) if args["at"] < place else how(args["at"]))


WRONG: tuple[Callable[[int], Reply], ...] = (lambda at: Ok({"id": -1 - at}), lambda at: Refused("invalid"))


@pytest.mark.rule("suite.divergence.first")
@pytest.mark.parametrize("how", WRONG, ids=["value", "refusal"])
def test_first_wrong_step_of_a_vector_is_named(how: Callable[[int], Reply]) -> None:
    steps = tuple(CaseStep("grit.id", {"at": at}, {"ok": {"id": at}}) for at in range(STEPS))
    plan = make_plan([Case("grit/tree/forty", (RULE,), Requires(), steps)], (), (), Selection(), 1)
    for place in range(STEPS):
        result = execute(plan, wrong_from(place, how), fake_book(), RunSettings(saves=False), lambda _: None)
        (divergence,) = (outcome.divergence for outcome in result.outcomes)
        assert divergence is not None
        assert (divergence.step, divergence.steps) == (place, STEPS)
        assert divergence.args == {"at": place}


def one_by_one(trial: Trial, asked: list[Any]) -> None:
    for op, args, expect in asked:
        trial.expect(op, args, expect)


@pytest.mark.rule("suite.divergence.first")
@pytest.mark.parametrize("ask", [one_by_one, Trial.expect_many])
def test_first_wrong_request_of_a_property_is_named(ask: Callable[[Trial, list[Any]], object]) -> None:
    asked = [("grit.id", {"at": at}, {"ok": {"id": at}}) for at in range(STEPS)]
    for place in range(STEPS):
        trial = Trial(ObservedSubject(wrong_from(place, WRONG[0]), Ledger()), RULE)
        with pytest.raises(Divergence) as caught:
            ask(trial, asked)
        assert len(caught.value.steps) == place + 1
        assert caught.value.steps[-1].args == {"at": place}


def test_words_of_64_bits_are_texts_in_a_failure() -> None:
    trial = Trial(ObservedSubject(wrong_from(0, WRONG[0]), Ledger()), RULE)
    with pytest.raises(Divergence) as caught:
        trial.fail([1 << 53, (1 << 53) - 1, True], {"got": [-(1 << 63), "x", None]}, words="other words")
    found = caught.value.difference
    assert (found.expected, found.got) == ([str(1 << 53), (1 << 53) - 1, True], {"got": [str(-(1 << 63)), "x", None]})


def first_place(expected: Json, got: Json) -> str:
    difference = compare({"ok": expected}, Ok(got), {})
    assert isinstance(difference, Difference)
    return difference.path


def broken_from(place: int, value: Any) -> Any:
    """Return a copy of a list or object whose entries are wrong from ``place`` on, counted by index or sorted name."""
    if isinstance(value, list):
        return [*value[:place], *(-1 for _ in value[place:])]
    wrong = sorted(value)[place:]
    return {name: -1 if name in wrong else value[name] for name in value}


@pytest.mark.rule("suite.divergence.first")
def test_first_wrong_place_of_an_answer_is_named() -> None:
    names = [f"m{(at * 7) % STEPS:02}" for at in range(STEPS)]  # not sorted by name
    members: dict[str, Json] = {name: at for at, name in enumerate(names)}
    items: list[Json] = list(range(STEPS))
    for place in range(STEPS):
        assert first_place(members, broken_from(place, members)) == f"/m{place:02}"
        assert first_place({"a": 0, "b": items}, {"a": 0, "b": broken_from(place, items)}) == f"/b/{place}"
        nested = {"b": [members, members], "c": 1}
        assert first_place(nested, {"b": [members, broken_from(place, members)], "c": 2}) == f"/b/1/m{place:02}"


@pytest.mark.rule("suite.divergence.first", "suite.check.alive")
def test_missing_and_surplus_members_are_named() -> None:
    assert first_place({"a": 1, "b": 2, "c": 3}, {"a": 1, "c": 4}) == "/b"
    assert first_place({"a": 1, "c": 3}, {"a": 1, "b": 2, "c": 4}) == "/b"
    assert first_place({"a": [1, 2]}, {"a": [1]}) == "/a/1"
    assert first_place({"a": [1], "b": 1}, {"a": [1, 2], "b": 2}) == "/a/1"


def test_wildcard_is_literal_between_two_answers() -> None:
    wild = {"$": "any"}
    assert difference_of({"at": wild}, {"at": wild}) is None
    assert difference_of({"at": wild}, {}) == ("/at", wild, None)
    assert difference_of({"at": wild}, {"at": 1}) == ("/at", wild, 1)
    assert difference_of([wild], []) == ("/0", wild, None)
