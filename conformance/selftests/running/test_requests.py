"""Request lines: they contain the operation and its arguments, and nothing about the case or the expected answer.

Spec: :rule:`suite.request.no-answer` and :rule:`suite.request.shuffled`.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from gritstone_conformance.attachment.launcher import Launcher
from gritstone_conformance.attachment.seqs import seq_number
from gritstone_conformance.attachment.settings import AttachSettings
from gritstone_conformance.cases import Case, CaseStep, Requires, case_order
from gritstone_conformance.planning.plan import Plan, Selection, make_plan
from gritstone_conformance.planning.settings import RunSettings
from gritstone_conformance.replies import Json
from gritstone_conformance.running.plan_runner import execute
from selftests.fakes.subject import fake_book
from selftests.paths import PLANTED

RULE = "harness.frame.line"
HONEST = PLANTED / "honest.py"


def wanted(number: int) -> Case:
    """Return a case that the honest adapter answers: every other one is a reject of bytes outside the alphabet."""
    good = f"harness/kind/good-{number}"
    args: dict[str, Json] = {"format": "framed-sha256", "bytes": "A" * (4 * number)}
    expect: dict[str, Json] = {"ok": {"id": hashlib.sha256(bytes(3 * number)).hexdigest()}}
    case = Case(good, (RULE,), Requires(), (CaseStep("grit.id", args, expect),))
    if number % 2:
        return case
    step = CaseStep("grit.id", {**args, "bytes": "=" * number}, {"error": True})
    return replace(case, name=f"harness/kind/bad-{number}", steps=(step,))


def lines_of(tmp_path: Path, cases: list[Case], seed: int) -> tuple[list[Any], Plan]:
    """Return the lines of a plan that was run on the honest adapter, and the plan."""
    trace = tmp_path / f"trace-{seed}-{len(cases)}"
    plan = make_plan(cases, (), (), Selection(), seed)
    subject = Launcher.for_command([sys.executable, str(HONEST)], AttachSettings(seed=seed, trace=trace)).start()
    result = execute(plan, subject, fake_book(), RunSettings(seed=seed, saves=False), lambda _: None)
    assert not {outcome.case for outcome in result.outcomes if outcome.verdict == "fail"}
    return [json.loads(line[2:]) for line in trace.read_bytes().splitlines() if line.startswith(b"> ")], plan


CASES = [wanted(number) for number in range(1, 25)]


@pytest.mark.rule("suite.request.no-answer")
def test_line_contains_the_request_and_an_opaque_number(tmp_path: Path) -> None:
    lines, plan = lines_of(tmp_path, CASES, 1)
    assert all(set(line) == {"seq", "op", "args"} for line in lines)
    assert [line["seq"] for line in lines] == [seq_number(1, at) for at in range(len(lines))]
    asked = [(line["op"], line["args"]) for line in lines if line["op"] == "grit.id"]
    planned = [item.source for item in plan.items if isinstance(item.source, Case)]
    assert asked == [(step.op, step.args) for case in planned for step in case.steps]


@pytest.mark.rule("suite.request.no-answer")
def test_neither_number_nor_text_reveals_the_case(tmp_path: Path) -> None:
    lines, plan = lines_of(tmp_path, CASES, 1)
    few, _ = lines_of(tmp_path, CASES[:6], 1)
    numbers = [line["seq"] for line in lines]
    assert numbers[: len(few)] == [line["seq"] for line in few], "the numbers depend on the requests"
    assert sorted(numbers) != numbers
    text = json.dumps(lines)
    for item in plan.items:
        words = (item.name, item.name.rpartition("/")[2], *item.rules, "good", "bad", "reject", "twin")
        assert [word for word in words if word in text] == []


@pytest.mark.rule("suite.request.shuffled")
def test_lines_are_in_the_order_of_the_hashes(tmp_path: Path) -> None:
    for seed in (1, 2):
        lines, _ = lines_of(tmp_path, CASES, seed)
        by_hash = sorted(CASES, key=lambda case: case_order(seed, case.name))
        assert [line["args"] for line in lines if line["op"] == "grit.id"] == [case.steps[0].args for case in by_hash]
        assert [line["seq"] for line in lines] == [seq_number(seed, at) for at in range(len(lines))]


@pytest.mark.rule("suite.request.shuffled")
def test_position_of_a_case_does_not_depend_on_its_kind() -> None:
    plan = make_plan(CASES, (), (), Selection(), 1)
    kinds = [item.name.startswith("harness/kind/bad") for item in plan.items]
    assert 4 < sum(one != other for one, other in pairwise(kinds)) < len(kinds) - 4
