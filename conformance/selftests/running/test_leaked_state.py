"""Failures that earlier cases cause: reported under the rule on shared state, with the case that causes them."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from gritstone_conformance.cases import Case
from gritstone_conformance.cli import main
from gritstone_conformance.planning.plan import Selection, make_plan
from gritstone_conformance.planning.settings import RunSettings
from gritstone_conformance.replies import Json, Ok
from gritstone_conformance.running.plan_runner import execute
from gritstone_conformance.running.request_history import RequestHistory
from gritstone_conformance.vectors.files import read_vector_file
from selftests.fakes.subject import Answer, FakeSubject, accept, fake_book
from selftests.running.test_blame import ADAPTER, RULE, Counted, asks, case_of, most_starts, numbered, others_pass, run

SHARED = "harness.state.isolated"
CONFIRMATIONS = 2 * 2


def cases(most: int) -> list[Case]:
    return [case_of(number) for number in range(1, most + 1)]


@pytest.mark.rule("suite.state.blamed")
def test_failure_that_needs_an_earlier_case_is_shared_state(tmp_path: Path) -> None:
    _, outcomes = run(tmp_path, "lies", 90, 12)
    failed = outcomes["grit/blob/n-090"]
    assert (failed.verdict, failed.rule, failed.poisoned_by) == ("fail", SHARED, "grit/blob/n-012")
    assert failed.detail == (
        "passes alone in a new process, and fails only after grit/blob/n-012; "
        f"it failed after at least 89 cases with 89 requests; its own rule is {RULE}"
    )
    assert others_pass(outcomes, "grit/blob/n-090")
    assert Counted.starts <= most_starts(89, 2) + CONFIRMATIONS
    (kept,) = read_vector_file(tmp_path / str(failed.found)).cases
    assert kept.steps == (numbered(12), numbered(90))


@pytest.mark.rule("suite.state.blamed")
def test_case_that_fails_alone_keeps_its_rule(tmp_path: Path) -> None:
    _, outcomes = run(tmp_path, "lies", 50)
    failed = outcomes["grit/blob/n-050"]
    assert (failed.verdict, failed.rule, failed.poisoned_by, failed.detail) == ("fail", RULE, None, None)
    assert others_pass(outcomes, "grit/blob/n-050")
    assert Counted.starts == 2


@pytest.mark.rule("suite.state.blamed")
def test_failure_that_does_not_recur_keeps_its_rule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISONED_ONCE", str(tmp_path / "mark"))
    _, outcomes = run(tmp_path, "slips", 50)
    failed = outcomes["grit/blob/n-050"]
    assert (failed.verdict, failed.rule, failed.poisoned_by) == ("fail", RULE, None)
    assert str(failed.detail).startswith("not repeatable: passes alone in a new process, also after the earlier cases")


@pytest.mark.rule("suite.state.blamed")
def test_failure_reports_the_age_of_its_process(tmp_path: Path) -> None:
    _, outcomes = run(tmp_path, "ages", 20, cases=cases(30))
    failed = [name for name, outcome in outcomes.items() if outcome.verdict == "fail"]
    assert failed == [f"grit/blob/n-{number:03d}" for number in range(20, 31)]
    assert {outcomes[name].rule for name in failed} == {SHARED}
    first, last = (str(outcomes[name].detail) for name in (failed[0], failed[-1]))
    assert first.startswith("passes alone in a new process, and fails only after some of ")
    assert last == (
        f"passes alone in a new process; it failed after at least 29 cases with 29 requests; its own rule is {RULE}"
    )
    assert Counted.starts <= most_starts(19, 20) + CONFIRMATIONS + 2 * len(failed)


@pytest.mark.rule("suite.state.blamed")
def test_failure_after_the_time_of_searches_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gritstone_conformance.running.leaked_state.MOST_SECONDS_OF_ALL", 1e-9)
    _, told = run(tmp_path, "ages", 20, cases=cases(22))
    failed = [outcome for outcome in told.values() if outcome.verdict == "fail"]
    assert [outcome.rule for outcome in failed] == [SHARED, RULE, RULE]
    late = f"may depend on {SHARED}: not repeated alone, because the time for that is over"
    assert [outcome.detail for outcome in failed[1:]] == [late, late]


def test_broken_implementation_is_restarted_once_per_rule(tmp_path: Path) -> None:
    _, outcomes = run(tmp_path, "ages", 1, cases=cases(30))
    assert {outcome.rule for outcome in outcomes.values()} == {RULE}
    assert Counted.starts == 2


def test_one_property_may_make_another_fail(tmp_path: Path) -> None:
    _, outcomes = run(tmp_path, "lies", 90, 12, cases=[case_of(1)], properties=[asks(11, 12), asks(14, 90)])
    failed = outcomes["grit/blob/p-090"]
    assert (failed.verdict, failed.rule, failed.poisoned_by) == ("fail", SHARED, "grit/blob/p-012")
    (kept,) = read_vector_file(tmp_path / str(failed.found)).cases
    assert kept.steps == (numbered(12), numbered(90))


def test_property_that_fails_alone_keeps_its_rule(tmp_path: Path) -> None:
    _, outcomes = run(tmp_path, "lies", 90, 12, cases=[case_of(1)], properties=[asks(11, 12, 14, 90)])
    failed = outcomes["grit/blob/p-090"]
    assert (failed.verdict, failed.rule, failed.poisoned_by) == ("fail", RULE, None)


def test_replay_repeats_a_failure_with_its_earlier_case(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("gritstone_conformance.rules.RuleBook.judging", lambda book, _: book)
    _, outcomes = run(tmp_path, "lies", 30, 12, cases=cases(30))
    file = tmp_path / str(outcomes["grit/blob/n-030"].found)
    command = f"{sys.executable} {ADAPTER}"
    assert main(["replay", str(file), "--iut", f"{command} lies 30 12"]) == 1
    assert capsys.readouterr().out.startswith("FAIL")
    assert main(["replay", str(file), "--iut", f"{command} lies 30 11"]) == 0
    assert capsys.readouterr().out.startswith("FIXED")


def test_failures_over_a_connection_keep_their_rule(tmp_path: Path) -> None:
    def answer(op: str, args: dict[str, Json]) -> Answer:
        seen.append(args)
        return Ok({"id": 2 if len(seen) == 3 else 1})

    seen: list[Json] = []
    subject = FakeSubject(answer)
    subject.attached = True
    names = ("grit/tree/a", "grit/tree/b", "grit/tree/c")
    plan = make_plan([accept(name, value=1) for name in names], (), (), Selection(), 1)
    outcomes = execute(plan, subject, fake_book(), RunSettings(home=tmp_path), lambda _: None).outcomes
    assert [outcome.rule for outcome in outcomes if outcome.verdict == "fail"] == ["grit.tree.key-order"]
    assert len(seen) == 3


def test_process_history_drops_only_old_examples() -> None:
    history, vector = RequestHistory(), case_of(1)
    history.note(vector)
    many = tuple(numbered(1) for _ in range(9_000))
    examples = [replace(case_of(number), steps=many) for number in (2, 3, 4)]
    for example in examples:
        history.note(example, drawn=True)
    assert history.before(case_of(5)) == (vector, *examples[1:])
    assert history.before(examples[2]) == (vector, examples[1])
