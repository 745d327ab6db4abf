"""The plan: order, selection, twins, controls, shards."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from gritstone_conformance.cases import Case, Requires, case_order
from gritstone_conformance.errors import DataError
from gritstone_conformance.planning.plan import Selection, Watch, make_plan, shard_of, uncovered_rules
from gritstone_conformance.trial import Property, Trial
from selftests.fakes.subject import accept, fake_book, reject

GOLDEN = ["grit/tree/names-descending", "grit/tree/two-names", "grit/blob/hello", "grit/blob/empty"]
CASES = [accept(name) for name in GOLDEN]


def names(plan: object) -> list[str]:
    return [item.name for item in plan.items]  # type: ignore[attr-defined]


@pytest.mark.rule("suite.request.shuffled")
def test_order_follows_the_seed_as_specified() -> None:
    assert names(make_plan(reversed(CASES), (), (), Selection(), 1)) == GOLDEN
    assert names(make_plan(CASES, (), (), Selection(), 2)) != GOLDEN


@pytest.mark.rule("suite.request.blind")
def test_vectors_run_last_if_requested() -> None:
    properties = [Property(f"grit/tree/drawn-{number}", ("grit.tree.key-order",), _nothing) for number in range(4)]
    usual = names(make_plan(CASES, properties, (), Selection(), 1))
    last = names(make_plan(CASES, properties, (), Selection(vectors_last=True), 1))
    drawn = [name for name in usual if "/drawn-" in name]
    assert last == drawn + [name for name in usual if name not in drawn]
    assert usual != last


def test_shards_are_those_of_the_spec() -> None:
    given = ["grit/tree/two-names", "grit/tree/names-descending", "grit/blob/hello", "grit/blob/empty"]
    assert [shard_of(name, 4) for name in given] == [0, 3, 2, 1]


@pytest.mark.parametrize("count", [1, 2, 7])
def test_shards_are_disjoint_and_complete(count: int) -> None:
    cases = [accept(f"grit/tree/case-{number}") for number in range(60)]
    parts = [make_plan(cases, (), (), Selection(shard=(index, count)), 1) for index in range(count)]
    counted = [item.name for part in parts for item in part.items if item.counted]
    assert sorted(counted) == sorted(case.name for case in cases)


@pytest.mark.parametrize("count", [1, 2, 7])
def test_jobs_get_equal_shares_of_the_cost(count: int) -> None:
    cases = [accept(f"grit/tree/case-{number}") for number in range(60)]
    properties = [
        Property(f"grit/tree/dear-{number}", ("grit.tree.key-order",), _nothing, cost=100 * number)
        for number in range(1, 9)
    ]
    plans = [
        make_plan(cases, properties, (), Selection(shard=(index, count), by_cost=True), 1) for index in range(count)
    ]
    counted = [[item for item in plan.items if item.counted] for plan in plans]
    assert sorted(item.name for part in counted for item in part) == names_of_all(cases, properties)
    costs = [sum(item.cost for item in part) for part in counted]
    assert max(costs) <= max(800, sum(costs) / count + 100)


def test_search_only_cases_have_no_cost_for_jobs() -> None:
    searched = [
        Property(f"grit/tree/long-{number}", ("grit.tree.key-order",), _nothing, cost=2_000, search_only=True)
        for number in range(3)
    ]
    cases = [accept(f"grit/tree/case-{number}") for number in range(60)]
    plans = [make_plan(cases, searched, (), Selection(shard=(index, 2), by_cost=True), 1) for index in range(2)]
    assert [len(plan.of_kind("vector")) for plan in plans] == [30, 30]


def _nothing(trial: Trial) -> None:
    pass


def names_of_all(cases: Sequence[Case], properties: Sequence[Property]) -> list[str]:
    return sorted([*(case.name for case in cases), *(prop.name for prop in properties)])


def test_selection_includes_cases_of_each_pattern() -> None:
    cases = [accept(), accept("grit/tree/other"), accept("grit/tree/third")]
    plan = make_plan(cases, (), (), Selection(globs=("*/third", "*/good")), 1)
    assert sorted(names(plan)) == ["grit/tree/good", "grit/tree/third"]


@pytest.mark.rule("suite.verdict.twin")
def test_filter_adds_the_twin() -> None:
    cases = [accept(), reject(), accept("grit/tree/other")]
    plan = make_plan(cases, (), (), Selection(globs=("*/bad",)), 1)
    assert sorted(names(plan)) == ["grit/tree/bad", "grit/tree/good"]
    assert all(item.counted for item in plan.items)


@pytest.mark.rule("suite.verdict.twin")
def test_shard_adds_the_twin_without_counting_it() -> None:
    good = next(f"grit/tree/good-{n}" for n in range(99) if shard_of(f"grit/tree/good-{n}", 2) == 0)
    bad = next(f"grit/tree/bad-{n}" for n in range(99) if shard_of(f"grit/tree/bad-{n}", 2) == 1)
    plan = make_plan([accept(good), reject(bad, twin=good)], (), (), Selection(shard=(1, 2)), 1)
    assert {item.name: item.counted for item in plan.items} == {good: False, bad: True}


def test_harness_cases_add_one_control_per_format() -> None:
    framed, cbor = Requires(formats=("framed-sha256",)), Requires(formats=("cbor-blake3",))
    cases = [
        accept("grit/tree/b", requires=framed),
        accept("grit/tree/a", requires=framed),
        accept("grit/tree/c", requires=cbor),
        reject("grit/tree/bad", twin="grit/tree/a"),
    ]
    plan = make_plan(cases, (), ("harness.frame.line",), Selection(profiles=("harness",)), 1)
    assert sorted(names(plan)) == ["grit/tree/a", "grit/tree/c", "harness/watch/frame-line"]


def test_watch_is_in_every_shard() -> None:
    plans = [make_plan(CASES, (), ("harness.frame.line",), Selection(shard=(index, 3)), 1) for index in range(3)]
    watches = [[item.source for item in plan.of_kind("watch")] for plan in plans]
    assert watches == [[Watch("harness.frame.line")]] * 3


def test_selection_by_rule_includes_the_rules_of_steps() -> None:
    stepped = accept("grit/tree/stepped")
    step = stepped.steps[0]
    stepped = accept("grit/tree/stepped", steps=(type(step)(step.op, step.args, step.expect, "grit.blob.any"),))
    plan = make_plan([*CASES, stepped], (), (), Selection(rule="grit.blob.*"), 1)
    assert names(plan) == ["grit/tree/stepped"]


def test_profile_selection_includes_the_harness() -> None:
    prop = Property("wit/step/any", ("grit.blob.any",), lambda trial: None)
    plan = make_plan(CASES, [prop], ("harness.frame.line",), Selection(profiles=("grit",)), 1)
    assert {item.profile for item in plan.items} == {"grit", "harness"}


def test_retired_cases_are_not_planned() -> None:
    retired = accept("grit/tree/old", status={"retired": "the spec changed"})
    assert "grit/tree/old" not in names(make_plan([*CASES, retired], (), (), Selection(), 1))


def test_duplicate_names_are_rejected() -> None:
    prop = Property(GOLDEN[0], ("grit.blob.any",), lambda trial: None)
    with pytest.raises(DataError, match="two cases are named grit/tree/names-descending"):
        make_plan(CASES, [prop], (), Selection(), 1)


def test_cases_with_equal_requests_and_results_are_merged() -> None:
    again = accept("grit/tree/again", steps=CASES[0].steps)
    with pytest.raises(
        DataError, match="grit/tree/again has the same requests and expected answers as grit/tree/names-descending"
    ):
        make_plan([CASES[0], again], (), (), Selection(), 1).check_identities()


def test_complete_selections_support_a_claim() -> None:
    assert Selection().is_whole
    assert Selection(profiles=("grit",)).is_whole
    assert Selection(profiles=("wit", "grit")).is_whole
    part = [Selection(globs=("*",)), Selection(rule="*"), Selection(shard=(0, 2)), Selection(profiles=("harness",))]
    assert not any(selection.is_whole for selection in part)
    assert all(selection.is_filtered for selection in part)


def test_profile_without_its_base_profiles_supports_no_claim() -> None:
    alone = Selection(profiles=("wit",))
    assert not alone.is_whole
    assert not alone.is_filtered


@pytest.mark.rule("suite.rules.covered")
def test_uncovered_rules_are_reported() -> None:
    plan = make_plan(CASES, (), ("harness.frame.line",), Selection(), 1)
    book = fake_book(["grit.tree.key-order", "grit.blob.any", "harness.frame.line"])
    assert uncovered_rules(book, plan.items) == ("grit.blob.any",)


@pytest.mark.rule("suite.request.shuffled")
def test_case_order_is_the_hash_of_seed_and_name() -> None:
    assert case_order(1, "grit/tree/two-names") == case_order(1, "grit/tree/two-names")
    assert len({case_order(seed, "grit/tree/two-names") for seed in range(20)}) == 20


@pytest.mark.parametrize(
    ("profiles", "left_out"),
    [(("grit",), "runtime"), (("wit",), "runtime"), (("runtime",), None), (("harness",), None), ((), None)],
)
def test_harness_cases_of_unselected_profiles_are_omitted(profiles: tuple[str, ...], left_out: str | None) -> None:
    cases = [
        Property("harness/fault/a", ("harness.fault.exact",), _nothing, requires=Requires(profiles=("runtime",))),
        Property("harness/frame/a", ("harness.frame.limit",), _nothing, requires=Requires(profiles=("grit",))),
    ]
    items = make_plan([accept()], cases, (), Selection(profiles), 1).items
    found = {item.name: item.unasked for item in items if item.profile == "harness"}
    assert found == {"harness/fault/a": left_out, "harness/frame/a": None}
