"""Verdicts: twins, controls, rules, profiles, the exit codes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gritstone_conformance.planning.plan import Plan, Selection, make_plan
from gritstone_conformance.results.judgement import Scope, exit_code, judge_run, rule_verdicts, verdict_root
from gritstone_conformance.results.outcomes import Outcome
from gritstone_conformance.running.final_verdicts import final_outcomes
from selftests.fakes.subject import accept, fake_book, reject

GOOD, BAD = accept(), reject()
RULE = "grit.tree.key-order"


def outcome(name: str = "grit/tree/good", verdict: str = "pass", **members: Any) -> Outcome:
    rules = members.pop("rules", (RULE,))
    if verdict == "fail":
        members.setdefault("rule", rules[0])
    return Outcome(
        name, "0" * 64, members.pop("kind", "vector"), rules, members.pop("level", "MUST"), verdict, **members
    )


def plan(*cases: Any, watched: tuple[str, ...] = ()) -> Plan:
    return make_plan(cases, (), watched, Selection(), 1)


def settled(
    *outcomes: Outcome, cases: tuple[Any, ...] = (GOOD, BAD), watched: tuple[str, ...] = ()
) -> dict[str, Outcome]:
    return {found.case: found for found in final_outcomes(outcomes, plan(*cases, watched=watched))}


@pytest.mark.rule("suite.verdict.twin")
@pytest.mark.parametrize(
    ("twin", "verdict", "cause"),
    [("pass", "pass", None), ("fail", "error", "twin"), ("error", "error", "twin"), ("skip", "skip", None)],
)
def test_reject_passes_only_with_its_twin(twin: str, verdict: str, cause: str | None) -> None:
    reason = "feature x is not claimed" if twin == "skip" else None
    found = settled(outcome(verdict=twin, reason=reason), outcome("grit/tree/bad"))["grit/tree/bad"]
    assert (found.verdict, found.cause) == (verdict, cause)


@pytest.mark.rule("suite.verdict.twin")
def test_reject_without_its_twin_in_the_run_does_not_pass() -> None:
    assert settled(outcome("grit/tree/bad"), cases=(BAD,))["grit/tree/bad"].verdict == "error"


def test_failed_reject_stays_failed() -> None:
    found = settled(outcome(verdict="fail"), outcome("grit/tree/bad", "fail"))
    assert found["grit/tree/bad"].verdict == "fail"


@pytest.mark.parametrize(("good", "verdict"), [("pass", "pass"), ("fail", "error")])
def test_harness_case_needs_a_correct_answer_with_content(good: str, verdict: str) -> None:
    watch = outcome("harness/watch/frame-line", kind="watch", rules=("harness.frame.line",))
    found = settled(outcome(verdict=good), watch, cases=(GOOD,), watched=("harness.frame.line",))
    assert found["harness/watch/frame-line"].verdict == verdict


def test_empty_ok_proves_nothing() -> None:
    step = GOOD.steps[0]
    empty = accept("grit/tree/empty", steps=(replace(step, expect={"ok": {}}),))
    watch = outcome("harness/watch/frame-line", kind="watch", rules=("harness.frame.line",))
    found = settled(outcome("grit/tree/empty"), watch, cases=(empty,), watched=("harness.frame.line",))
    assert found["harness/watch/frame-line"].cause == "twin"


def test_disputed_case_is_shown_and_not_scored() -> None:
    disputed = accept(status={"disputed": "https://example.org/1"})
    found = settled(outcome(verdict="fail"), cases=(disputed,))["grit/tree/good"]
    assert (found.verdict, found.reason) == ("skip", "disputed (https://example.org/1); not scored: fail")


def test_supporting_cases_get_no_line() -> None:
    whole = plan(GOOD, BAD)
    items = tuple(replace(item, counted=item.name == "grit/tree/bad") for item in whole.items)
    found = final_outcomes([outcome(), outcome("grit/tree/bad")], replace(whole, items=items))
    assert [each.case for each in found] == ["grit/tree/bad"]


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (["pass", "fail", "error", "skip"], "fail"),
        (["pass", "error", "skip"], "error"),
        (["pass", "skip"], "pass"),
        (["skip"], "skip"),
    ],
)
def test_worst_case_decides_a_rule(verdicts: list[str], expected: str) -> None:
    found = [outcome(f"grit/tree/{index}", verdict) for index, verdict in enumerate(verdicts)]
    assert rule_verdicts(found) == {RULE: expected}


def test_failure_counts_only_against_the_reported_rule() -> None:
    failed = outcome(verdict="fail", rules=(RULE, "grit.blob.any"), rule="grit.blob.any")
    assert rule_verdicts([failed]) == {"grit.blob.any": "fail", RULE: "error"}
    assert rule_verdicts([failed, outcome("grit/tree/x")])[RULE] == "pass"


def test_rule_of_a_case_that_shared_state_failed_does_not_pass() -> None:
    failed = outcome("grit/tree/y", verdict="fail", rule="harness.state.isolated")
    assert rule_verdicts([failed, outcome("grit/tree/x")]) == {RULE: "error", "harness.state.isolated": "fail"}


BOOK = fake_book([RULE, "grit.blob.any", "harness.frame.line"])
ALL_GOOD = (
    outcome(),
    outcome("grit/blob/x", rules=("grit.blob.any",)),
    outcome("harness/watch/frame-line", kind="watch", rules=("harness.frame.line",)),
)


def test_profile_conforms_when_every_required_rule_passes() -> None:
    judged = judge_run(ALL_GOOD, BOOK, ("grit",), ())
    assert (judged.conforms, judged.exit, judged.unexpected) == ({"grit": True}, 0, 0)
    assert judged.rule_counts() == {"total": 3, "required": 3, "pass": 3, "fail": 0, "error": 0, "skip": 0}


@pytest.mark.rule("suite.exit.law")
@pytest.mark.parametrize("index", [0, 1, 2])
@pytest.mark.parametrize("verdict", ["fail", "error"])
def test_one_failed_rule_prevents_conformance(index: int, verdict: str) -> None:
    changed = replace(ALL_GOOD[index], verdict=verdict, rule=ALL_GOOD[index].rules[0])
    judged = judge_run([*ALL_GOOD[:index], changed, *ALL_GOOD[index + 1 :]], BOOK, ("grit",), ())
    assert (judged.conforms, judged.exit) == ({"grit": False}, 1)


def test_required_rule_without_a_case_prevents_conformance() -> None:
    assert judge_run(ALL_GOOD[:1] + ALL_GOOD[2:], BOOK, ("grit",), ()).conforms == {"grit": False}


@pytest.mark.parametrize(
    ("reason", "conforms"), [("format cbor-blake3 is not claimed", True), ("attached without restart", False)]
)
def test_only_a_rule_outside_the_claims_may_be_skipped(reason: str, conforms: bool) -> None:
    skipped = replace(ALL_GOOD[1], verdict="skip", reason=reason)
    assert judge_run([ALL_GOOD[0], skipped, ALL_GOOD[2]], BOOK, ("grit",), ()).conforms == {"grit": conforms}


@pytest.mark.parametrize(("features", "conforms"), [(("flow.pure",), {"flow.pure": True}), ((), {})])
def test_feature_without_a_profile_is_judged_by_itself(features: tuple[str, ...], conforms: dict[str, bool]) -> None:
    rules = ["flow.expr.a", "harness.frame.line"]
    book = fake_book(rules)
    judged = judge_run([outcome("flow/expr/x", rules=("flow.expr.a",)), ALL_GOOD[2]], book, (), features)
    assert (judged.conforms, judged.exit) == (conforms, 0 if conforms else 3)
    failed = [outcome("flow/expr/x", "fail", rules=("flow.expr.a",)), ALL_GOOD[2]]
    assert judge_run(failed, book, (), ("flow.pure",)).conforms == {"flow.pure": False}


def test_rule_of_an_included_feature_is_required() -> None:
    """A profile that includes a feature is not judged without its rules, whether the feature is named or not."""
    rule = replace(BOOK.rules[RULE], id="flow.expr.a", needs=("flow.pure",))
    book = replace(BOOK, rules={"flow.expr.a": rule})
    other = outcome("flow/expr/y", rules=("flow.expr.b",))
    assert judge_run([other], book, ("flow",), ()).conforms == {"flow": False}


def test_profile_selected_alone_must_have_run_a_case() -> None:
    alone = judge_run(ALL_GOOD, BOOK, ("grit",), (), scope=Scope(wanted=("wit",), whole=False, complete=True))
    assert (alone.conforms, alone.exit) == ({}, 3)
    assert judge_run(ALL_GOOD, BOOK, ("grit",), (), scope=Scope(wanted=("wit",), whole=False)).exit == 0


def test_should_counts_only_when_strict() -> None:
    book = fake_book([RULE, "grit.store.flat"], flat="SHOULD")
    outcomes = [outcome(), outcome("grit/store/flat", "fail", rules=("grit.store.flat",), level="SHOULD")]
    assert judge_run(outcomes, book, ("grit",), ()).exit == 0
    assert judge_run(outcomes, book, ("grit",), ()).conforms == {"grit": True}
    assert judge_run(outcomes, book, ("grit",), (), scope=Scope(strict=True)).exit == 1


@pytest.mark.rule("suite.rules.judged", "suite.rules.frozen")
def test_rule_newer_than_the_judged_version_does_not_count() -> None:
    """Spec: :rule:`suite.rules.judged`."""
    book = replace(fake_book([RULE, "grit.blob.any"]), versions={"0.1": ((RULE, "MUST", "0" * 16),)})
    outcomes = [outcome(), outcome("grit/blob/any", "fail", rules=("grit.blob.any",))]
    judged = [judge_run(outcomes, book.judging(version), ("grit",), ()) for version in ("0.1", "0.2")]
    assert [each.exit for each in judged] == [0, 1]
    assert [each.conforms for each in judged] == [{"grit": True}, {"grit": False}]


def test_executor_rules_bind_claimants_of_the_feature() -> None:
    """Spec: ``wasm/classes``."""
    rules = {"grit/tree/good": RULE, "wit/step/a": "wit.step.any", "wasm/abi/a": "wasm.abi.any"}
    book = fake_book(list(rules.values()))
    good = [outcome(name, rules=(rule,)) for name, rule in rules.items()]
    bad = [*good[:2], outcome("wasm/abi/a", "fail", rules=("wasm.abi.any",))]
    claims = ("grit", "wit")
    assert judge_run(good, book, claims, ("wasm.executor",)).conforms == {"grit": True, "wit": True}
    assert judge_run(good, book, claims, ("wasm.executor",)).required["wasm"] == ("wasm.abi.any",)
    assert judge_run(bad, book, claims, ("wasm.executor",)).conforms == {"grit": True, "wit": False}
    skipped = [*good[:2], outcome("wasm/abi/a", "skip", rules=("wasm.abi.any",), reason="profile wasm is not claimed")]
    assert judge_run(skipped, book, claims, ()).conforms == {"grit": True, "wit": True}


def test_partial_run_supports_no_claim() -> None:
    assert judge_run(ALL_GOOD, BOOK, ("grit",), (), scope=Scope(whole=False)).conforms == {}


@pytest.mark.rule("suite.exit.law", "suite.exit.nothing")
@pytest.mark.parametrize(
    ("executed", "profiles", "unexpected", "code"),
    [
        ({"grit"}, ("grit",), 0, 0),
        ({"grit"}, ("grit",), 1, 1),
        ({"grit", "harness"}, ("grit",), 0, 0),
        ({"grit"}, ("grit", "wit"), 0, 3),
        ({"grit"}, ("grit", "wit"), 5, 3),
        ({"harness"}, ("grit",), 0, 3),
        ({"harness"}, (), 1, 3),
        (set(), (), 0, 3),
        (set(), None, 0, 3),
        ({"grit"}, None, 0, 0),
        ({"grit"}, None, 2, 1),
        ({"harness"}, None, 0, 0),
    ],
)
def test_exit_codes_follow_the_verdict(
    executed: set[str], profiles: tuple[str, ...] | None, unexpected: int, code: int
) -> None:
    assert exit_code(frozenset(executed), profiles, unexpected) == code


@pytest.mark.rule("suite.exit.nothing")
def test_not_run_and_unproven_cases_are_not_executed() -> None:
    outcomes = [outcome(verdict="error", cause=cause) for cause in ("not-run", "not-started", "twin")]
    assert judge_run(outcomes, BOOK, ("grit",), ()).exit == 3
    assert judge_run([*outcomes, outcome(verdict="error", cause="hung:blocked")], BOOK, ("grit",), ()).exit == 1


@pytest.mark.rule("suite.exit.nothing")
def test_watches_alone_execute_nothing() -> None:
    assert judge_run(ALL_GOOD[2:], BOOK, ("harness",), ()).exit == 3


def test_verdict_root_is_that_of_the_spec() -> None:
    two_names = "9297f869bebaadd4bdcb11c147a11d33d567620b94d2862680f0249150c541cc"
    descending = "9eb1d2cfc4507b4da9d4ab9b678f6e66ecd206a187a19c61b88eda7521698ea7"
    outcomes = [replace(outcome(), digest=digest) for digest in (descending, two_names)]
    root = "0fa82cecd3b9d9dcd12e22ff1bbddbeadfd6ffee70904bebaeca10d969c9fd37"
    assert verdict_root(outcomes) == verdict_root(reversed(outcomes)) == root
    assert verdict_root([replace(outcomes[0], verdict="fail"), outcomes[1]]) != root
