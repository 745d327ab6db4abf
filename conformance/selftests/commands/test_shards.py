"""Shards: disjoint, complete, and together equal to an unsharded run; an inconsistent part is rejected.

Spec: :rule:`suite.shard.union`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from gritstone_conformance.errors import DataError
from gritstone_conformance.planning.plan import Selection, dealt, make_plan, shard_of
from gritstone_conformance.planning.settings import RunSettings
from gritstone_conformance.planning.suite import load_data, plan_run
from gritstone_conformance.replies import Json, Ok
from gritstone_conformance.results.judgement import verdict_root
from gritstone_conformance.results.merging import merge_outcomes, merged_header
from gritstone_conformance.results.outcomes import Outcome
from gritstone_conformance.results.report import Report
from gritstone_conformance.running.plan_runner import execute
from gritstone_conformance.trial import Property, Trial
from selftests.fakes.reports import made_report
from selftests.fakes.subject import Answer, FakeSubject, accept, fake_book, honest, reject

RULE = "grit.tree.key-order"
WATCHED = ("harness.frame.line", "harness.reply.order")
BOOK = fake_book()
COUNTS = [1, 2, 7]


def passes(trial: Trial) -> None:
    """Send one request."""
    trial.expect("grit.id", {"n": "alive"}, {"ok": {"id": 1}})


CASES = [
    *(accept(f"grit/tree/good-{number}") for number in range(30)),
    *(reject(f"grit/tree/bad-{number}", twin=f"grit/tree/good-{number}") for number in range(20)),
]
PROPERTIES = [Property(f"grit/tree/drawn-{number}", (RULE,), passes, cost=50.0 * number) for number in range(1, 6)]


def fails_at_times(op: str, args: dict[str, Json]) -> Answer:
    return Ok({"id": 2}) if args.get("n") in ("grit/tree/good-7", "grit/tree/good-25") else honest(op, args)


def run_plan(selection: Selection) -> tuple[Outcome, ...]:
    plan = make_plan(CASES, PROPERTIES, WATCHED, selection, 1)
    settings = RunSettings(saves=False, shrink_s=0.0)
    return execute(plan, FakeSubject(fails_at_times), BOOK, settings, lambda _: None).outcomes


def part(index: int, count: int, outcomes: Sequence[Outcome], **changes: Any) -> Report:
    return made_report(BOOK, *outcomes, shard=[index, count], **changes)


def parts_of(count: int, *, by_cost: bool = False) -> list[Report]:
    shards = [Selection(shard=(index, count), by_cost=by_cost) for index in range(count)]
    return [part(index, count, run_plan(shard)) for index, shard in enumerate(shards)]


@pytest.mark.rule("suite.shard.union")
def test_part_of_a_case_depends_on_its_name() -> None:
    given = ["grit/tree/two-names", "grit/tree/names-descending", "grit/blob/hello", "grit/blob/empty"]
    assert [shard_of(name, 4) for name in given] == [0, 3, 2, 1]
    assert [shard_of(name, 1000) for name in given] == [200, 563, 98, 193]


@pytest.mark.rule("suite.shard.union")
@pytest.mark.parametrize("count", COUNTS)
def test_merged_parts_equal_an_unsharded_run(count: int) -> None:
    parts, whole = parts_of(count), run_plan(Selection())
    assert {outcome.verdict for outcome in whole} == {"pass", "fail", "error"}
    merged = merge_outcomes(parts[::-1], partial(shard_of, count=count), [outcome.case for outcome in whole])
    assert merged_header(parts)["shard"] == [0, 1]
    assert [outcome.case for outcome in merged] == [outcome.case for outcome in whole]
    assert verdict_root(merged) == verdict_root(whole)


@pytest.mark.rule("suite.shard.union")
@pytest.mark.parametrize("count", COUNTS)
def test_merged_parts_dealt_by_cost_equal_an_unsharded_run(count: int) -> None:
    places = dealt(make_plan(CASES, PROPERTIES, WATCHED, Selection(), 1).items, count)
    merged = merge_outcomes(parts_of(count, by_cost=True), places.get, places)
    assert verdict_root(merged) == verdict_root(run_plan(Selection()))


@pytest.mark.rule("suite.shard.union", slow=True)
@pytest.mark.parametrize("by_cost", [False, True], ids=["by-name", "by-cost"])
def test_parts_of_the_bundled_suite_equal_an_unsharded_run(by_cost: bool) -> None:
    data = load_data()
    whole = sorted(item.name for item in plan_run(data, Selection(), 1).items if item.kind != "watch")
    for count in COUNTS:
        shards = [Selection(shard=(index, count), by_cost=by_cost) for index in range(count)]
        plans = [plan_run(data, shard, 1) for shard in shards]
        counted = [item.name for plan in plans for item in plan.items if item.counted and item.kind != "watch"]
        assert sorted(counted) == whole


def refused(parts: Sequence[Report], words: str, **options: Any) -> None:
    def merge() -> None:
        merged_header(parts)
        merge_outcomes(parts, partial(shard_of, count=2), **options)

    with pytest.raises(DataError, match=words):
        merge()


@pytest.mark.rule("suite.shard.union")
def test_missing_duplicate_or_foreign_part_is_rejected() -> None:
    one, two = parts_of(2)
    refused([one], "expected the shards 0 to 1 of 2, each once")
    refused([one, two, two], "expected the shards 0 to 1 of 2, each once")
    refused([one, one], "expected the shards 0 to 1 of 2, each once")
    refused([one, part(1, 3, two.outcomes)], "expected the shards 0 to 1 of 2, each once")
    refused([one, part(1, 2, two.outcomes, seed=2)], "different runs: seed differs")
    refused([one, part(1, 2, two.outcomes, command=["./another"])], "different runs: command differs")


@pytest.mark.rule("suite.shard.union")
def test_part_with_missing_or_foreign_cases_is_rejected() -> None:
    one, two = parts_of(2)
    stray = next(outcome for outcome in one.outcomes if outcome.kind == "vector")
    kept = [outcome for outcome in one.outcomes if outcome != stray]
    planned = [outcome.case for report in (one, two) for outcome in report.outcomes]
    refused([part(0, 2, kept), two], f"1 cases are in no part, among them {stray.case}", planned=planned)
    refused([part(0, 2, kept), part(1, 2, [*two.outcomes, stray])], f"{stray.case} is in part 1, but was assigned")
    refused([one, part(1, 2, [*two.outcomes, stray])], f"{stray.case} is in part 1, but was assigned")
    doubled = [part(0, 2, [stray]), part(1, 2, [replace(stray, verdict="fail")])]
    with pytest.raises(DataError, match="is in two parts"):
        merge_outcomes(doubled)
