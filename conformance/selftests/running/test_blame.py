"""The cause of a fault of an implementation: the case itself, an earlier one, or none that can be named."""

from __future__ import annotations

import base64
import hashlib
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from gritstone_conformance.attachment.process import Command
from gritstone_conformance.attachment.settings import AttachSettings
from gritstone_conformance.attachment.subject import Subject
from gritstone_conformance.cases import Case, CaseStep, Requires
from gritstone_conformance.cli import main
from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.planning.plan import Selection, make_plan
from gritstone_conformance.planning.settings import RunSettings
from gritstone_conformance.replies import Json
from gritstone_conformance.results.outcomes import Outcome
from gritstone_conformance.running.blame import minimal_sublist
from gritstone_conformance.running.plan_runner import RunResult, execute
from gritstone_conformance.trial import Property, Trial
from gritstone_conformance.vectors.files import read_vector_file
from selftests.fakes.scripts import Brisk
from selftests.fakes.subject import Answer, FakeSubject, accept, fake_book, honest
from selftests.paths import PLANTED

ADAPTER = PLANTED / "poisoned.py"
RULE = "grit.blob.any"


def numbered(number: int) -> CaseStep:
    data = b"%d" % number
    args = {"format": "framed-sha256", "bytes": base64.urlsafe_b64encode(data).rstrip(b"=").decode()}
    return CaseStep("grit.id", args, {"ok": {"id": hashlib.sha256(data).hexdigest()}})


def case_of(number: int) -> Case:
    return Case(f"grit/blob/n-{number:03d}", (RULE,), Requires(), (numbered(number),))


class Counted(Command):
    """A command that counts its starts."""

    starts = 0

    def open(self):  # type: ignore[no-untyped-def]
        Counted.starts += 1
        return super().open()


def run(
    home: Path,
    *words: object,
    cases: Sequence[Case] = (),
    properties: Sequence[Property] = (),
    attach_settings: AttachSettings | None = None,
) -> tuple[RunResult, dict[str, Outcome]]:
    """Run cases in the order of their numbers."""
    Counted.starts = 0
    command = Counted((sys.executable, str(ADAPTER), *map(str, words)))
    plan = make_plan(cases or [case_of(number) for number in range(1, 101)], properties, (), Selection(), 1)
    plan = type(plan)(tuple(sorted(plan.items, key=lambda item: item.name)), 1, plan.selection)
    subject = Subject(command, attach_settings or AttachSettings())
    result = execute(plan, subject, fake_book(), RunSettings(home=home, shrink_s=5), lambda _: None)
    return result, {outcome.case: outcome for outcome in result.outcomes}


def others_pass(outcomes: dict[str, Outcome], *names: str) -> bool:
    return all(outcome.verdict == "pass" for name, outcome in outcomes.items() if name not in names)


def most_starts(cases: int, requests: int) -> int:
    """Return the limit of process starts for a run with one search: two of the run, one alone, and the search's."""
    return 3 + sum(2 * math.ceil(math.log2(max(count, 2))) + 8 for count in (cases, requests))


@pytest.mark.rule("suite.crash.blamed")
def test_death_that_needs_an_earlier_case_names_both(tmp_path: Path) -> None:
    _, outcomes = run(tmp_path, "dies", 90, 12)
    dead = outcomes["grit/blob/n-090"]
    assert (dead.verdict, dead.cause, dead.poisoned_by) == ("error", "dead:exit-9", "grit/blob/n-012")
    assert dead.detail == "only after grit/blob/n-012: stderr: poisoned"
    assert others_pass(outcomes, "grit/blob/n-090")
    assert Counted.starts <= most_starts(89, 2)
    (kept,) = read_vector_file(tmp_path / str(dead.found)).cases
    assert kept.steps == (numbered(12), numbered(90))
    assert kept.origin["from"] == "grit/blob/n-090"


@pytest.mark.rule("suite.crash.blamed", slow=True)
def test_death_that_needs_two_earlier_cases_names_them_all(tmp_path: Path) -> None:
    _, outcomes = run(tmp_path, "dies", 77, 3, 41)
    dead = outcomes["grit/blob/n-077"]
    assert dead.poisoned_by == "grit/blob/n-041"
    assert dead.detail == "only after grit/blob/n-003 and grit/blob/n-041: stderr: poisoned"
    assert others_pass(outcomes, "grit/blob/n-077")
    assert Counted.starts <= most_starts(76, 3)
    (kept,) = read_vector_file(tmp_path / str(dead.found)).cases
    assert kept.steps == (numbered(3), numbered(41), numbered(77))


def test_case_that_breaks_alone_is_its_own_cause(tmp_path: Path) -> None:
    _, outcomes = run(tmp_path, "dies", 50)
    dead = outcomes["grit/blob/n-050"]
    assert (dead.verdict, dead.poisoned_by, dead.detail) == ("error", None, "stderr: poisoned")
    assert others_pass(outcomes, "grit/blob/n-050")
    assert Counted.starts == 3


@pytest.mark.rule("suite.crash.blamed")
def test_death_that_does_not_recur_is_unreproduced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POISONED_ONCE", str(tmp_path / "mark"))
    _, outcomes = run(tmp_path, "once", 50)
    dead = outcomes["grit/blob/n-050"]
    assert (dead.verdict, dead.poisoned_by, dead.found) == ("error", None, None)
    assert dead.detail == "unreproduced: stderr: poisoned"
    assert others_pass(outcomes, "grit/blob/n-050")


@pytest.mark.rule("suite.crash.blamed", slow=True)
def test_hang_is_investigated_within_bounds(tmp_path: Path) -> None:
    _, outcomes = run(
        tmp_path, "hangs", 20, 7, cases=[case_of(n) for n in range(1, 25)], attach_settings=Brisk(deadline_scale=0.05)
    )
    hung = outcomes["grit/blob/n-020"]
    assert (hung.verdict, hung.cause, hung.poisoned_by) == ("error", "hung:blocked", "grit/blob/n-007")
    assert others_pass(outcomes, "grit/blob/n-020")


def test_hang_that_needs_every_request_is_not_awaited_twice(tmp_path: Path) -> None:
    _, outcomes = run(
        tmp_path, "hangs", 2, 1, cases=[case_of(1), case_of(2)], attach_settings=Brisk(deadline_scale=0.05)
    )
    hung = outcomes["grit/blob/n-002"]
    assert (hung.verdict, hung.poisoned_by) == ("error", "grit/blob/n-001")
    # the run's own wait, the case alone, the case after the other one, the last request without the others
    assert Counted.starts == 4


def test_death_that_needs_many_cases_is_reported_within_bounds(tmp_path: Path) -> None:
    _, outcomes = run(tmp_path, "counts", 20, cases=[case_of(number) for number in range(1, 31)])
    dead = outcomes["grit/blob/n-020"]
    assert (dead.verdict, dead.poisoned_by) == ("error", None)
    assert str(dead.detail).startswith("only after some of ")
    assert others_pass(outcomes, "grit/blob/n-020")
    assert Counted.starts <= most_starts(19, 20)


def test_replay_repeats_a_death_and_reports_a_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("gritstone_conformance.rules.RuleBook.judging", lambda book, _: book)
    _, outcomes = run(tmp_path, "dies", 30, 12, cases=[case_of(number) for number in range(1, 31)])
    file = tmp_path / str(outcomes["grit/blob/n-030"].found)
    command = f"{sys.executable} {ADAPTER}"
    assert main(["replay", str(file), "--iut", f"{command} dies 30 12"]) == 1
    output = capsys.readouterr().out
    assert output.startswith("ERROR")
    assert "(when saved: dead:exit-9)" in output
    assert "step" not in output.splitlines()[0]
    assert main(["replay", str(file), "--iut", f"{command} dies 30 11"]) == 0
    assert capsys.readouterr().out.startswith("FIXED")


def test_attached_implementation_is_not_restarted(tmp_path: Path) -> None:
    def answer(op: str, args: dict[str, Json]) -> Answer:
        seen.append(args)
        return SubjectFault("dead:closed", "") if len(seen) == 3 else honest(op, args)

    seen: list[Json] = []
    subject = FakeSubject(answer)
    subject.attached = True
    plan = make_plan(
        [accept("grit/tree/a", value=1), accept("grit/tree/b", value=1), accept("grit/tree/c", value=1)],
        (),
        (),
        Selection(),
        1,
    )
    outcomes = execute(plan, subject, fake_book(), RunSettings(home=tmp_path), lambda _: None).outcomes
    (broken,) = [outcome for outcome in outcomes if outcome.verdict == "error"]
    assert (broken.detail, broken.poisoned_by, broken.found) == ("unreproduced", None, None)


def asks(*numbers: int) -> Property:
    def body(trial: Trial) -> None:
        for number in numbers:
            step = numbered(number)
            trial.expect(step.op, step.args, step.expect)

    return Property(f"grit/blob/p-{numbers[-1]:03d}", (RULE,), body)


def test_requests_of_a_property_that_broke_are_saved_as_a_case(tmp_path: Path) -> None:
    _, outcomes = run(tmp_path, "dies", 90, 12, cases=[case_of(1)], properties=[asks(10, 11, 12, 13, 14, 90)])
    dead = outcomes["grit/blob/p-090"]
    assert (dead.verdict, dead.poisoned_by, dead.detail) == ("error", None, "stderr: poisoned")
    (kept,) = read_vector_file(tmp_path / str(dead.found)).cases
    assert kept.steps == (numbered(12), numbered(90))


def test_one_property_may_break_another(tmp_path: Path) -> None:
    _, outcomes = run(tmp_path, "dies", 90, 12, cases=[case_of(1)], properties=[asks(11, 12), asks(14, 90)])
    dead = outcomes["grit/blob/p-090"]
    assert (dead.verdict, dead.poisoned_by) == ("error", "grit/blob/p-012")
    (kept,) = read_vector_file(tmp_path / str(dead.found)).cases
    assert kept.steps == (numbered(12), numbered(90))


@pytest.mark.parametrize("needed", [[0], [99], [12], [0, 99], [30, 31], [3, 41, 77]])
def test_fewest_items_are_found_in_few_tries(needed: list[int]) -> None:
    tries: list[list[int]] = []

    def breaks(items: list[int]) -> bool:
        tries.append(items)
        return set(needed) <= set(items)

    assert minimal_sublist(list(range(100)), breaks, lambda: True) == (needed, True)
    assert len(tries) <= len(needed) * (math.ceil(math.log2(100)) + 1)
