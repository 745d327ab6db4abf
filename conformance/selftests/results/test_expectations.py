"""Expected failures: the failures that an entry matches, every way in which it becomes stale, and unchanged claims."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from gritstone_conformance.reporting.conclusions import closing_lines, profile_lines
from gritstone_conformance.results.expectations import Expectation, Expectations, Stale, foresee
from gritstone_conformance.results.judgement import Scope, judge_run, rule_verdicts
from gritstone_conformance.results.outcomes import Outcome
from selftests.fakes.subject import HELLO, fake_book

ORDER, BLOB = "grit.tree.key-order", "grit.blob.any"
LAX = "expected refused:invalid got ok"
TODAY = "2027-01-15"
LINES = {
    "first": 3,
    "last": 9,
    "case": 4,
    "rule": 4,
    "signature": 5,
    "kind": 6,
    "reason": 7,
    "expires": 8,
    "matches": 9,
}
BOOK = fake_book([ORDER, BLOB])


def outcome(name: str, verdict: str = "pass", **members: Any) -> Outcome:
    rules = members.pop("rules", (ORDER,))
    if verdict == "fail":
        members = {"rule": rules[0], "signature": LAX, **members}
    if verdict == "error":
        members = {"cause": "dead:signal-SEGV", **members}
    if verdict == "skip":
        members = {"reason": "feature files is not claimed", **members}
    return Outcome(name, "0" * 64, members.pop("kind", "vector"), rules, "MUST", verdict, **members)


def entry(**members: Any) -> Expectation:
    whole = {"signature": LAX, "kind": "wontfix", "reason": "so it is", "lines": LINES, **members}
    if "case" not in whole and "rule" not in whole:
        whole["case"] = "grit/tree/a"
    return Expectation(**whole)


RUN = (
    outcome("grit/tree/a", "fail"),
    outcome("grit/tree/b", "fail"),
    outcome("grit/tree/c"),
    outcome("grit/tree/d", "skip"),
    outcome("grit/blob/huge", "error", rules=(BLOB,)),
    outcome("grit/blob/small", rules=(BLOB,)),
)
KNOWN = {each.case: each.rules for each in RUN}


def judged(
    *entries: Expectation, run: tuple[Outcome, ...] = RUN, known: Mapping[str, tuple[str, ...]] = KNOWN
) -> tuple[dict[str, str], tuple[Stale, ...]]:
    """Return the reasons of the entries by the case that each matches, and the stale entries."""
    marked, stale = foresee(Expectations("acme.expect.toml", "0" * 64, entries), run, known, TODAY)
    return {each.case: each.expected["reason"] for each in marked if each.expected is not None}, stale


@pytest.mark.rule("suite.expect.strict")
@pytest.mark.parametrize(
    ("right", "cases"),
    [
        (entry(case="grit/tree/a"), ["grit/tree/a"]),
        (entry(case="grit/tree/a", matches=1), ["grit/tree/a"]),
        (entry(case="grit/tree/*", matches=2), ["grit/tree/a", "grit/tree/b"]),
        (entry(case="grit/tree/[ab]", matches=2), ["grit/tree/a", "grit/tree/b"]),
        (entry(rule=ORDER, matches=2), ["grit/tree/a", "grit/tree/b"]),
        (entry(case="grit/blob/huge", signature="dead:signal-SEGV"), ["grit/blob/huge"]),
        (entry(rule=BLOB, signature="dead:signal-SEGV", matches=1), ["grit/blob/huge"]),
        (entry(case="grit/tree/a", kind="bug", expires=TODAY), ["grit/tree/a"]),
    ],
)
def test_valid_entry_matches_its_failures(right: Expectation, cases: list[str]) -> None:
    assert judged(right) == (dict.fromkeys(cases, "so it is"), ())


STALE = {
    "passes": (entry(case="grit/tree/c"), "passes now", ["- lines 3-9"]),
    "is skipped": (
        entry(case="grit/tree/d"),
        "is skipped now: feature files is not claimed",
        ["- lines 3-9"],
    ),
    "another signature": (
        entry(case="grit/tree/a", signature="expected ok got value at /id"),
        "fails with another signature now",
        ['- 5: signature = "expected ok got value at /id"', f'+ 5: signature = "{LAX}"'],
    ),
    "a cause is no signature of a fail": (
        entry(case="grit/blob/huge"),
        "fails with another signature now",
        [f'- 5: signature = "{LAX}"', '+ 5: signature = "dead:signal-SEGV"'],
    ),
    "another signature and another number": (
        entry(rule=ORDER, signature="expected ok got value at /id", matches=5),
        "fails with another signature now",
        [
            '- 5: signature = "expected ok got value at /id"',
            f'+ 5: signature = "{LAX}"',
            "- 9: matches = 5",
            "+ 9: matches = 2",
        ],
    ),
    "fewer": (
        entry(case="grit/tree/*", matches=3),
        "expects 3 failures, found 2: grit/tree/a grit/tree/b",
        ["- 9: matches = 3", "+ 9: matches = 2"],
    ),
    "more": (
        entry(rule=ORDER, matches=1),
        "expects 1 failure, found 2: grit/tree/a grit/tree/b",
        ["- 9: matches = 1", "+ 9: matches = 2"],
    ),
    "expired": (
        entry(case="grit/tree/a", kind="bug", expires="2027-01-14"),
        "expired on 2027-01-14: fix the failure, or set a later day",
        ["- 8: expires = 2027-01-14"],
    ),
    "no such case": (entry(case="grit/tree/aa"), "no case has this name", ["- lines 3-9"]),
    "no match": (entry(case="wit/*", matches=1), "no case matches", ["- lines 3-9"]),
    "no such rule": (entry(rule="grit.tree.odd", matches=1), "no case judges a rule of this name", ["- lines 3-9"]),
    "nothing fails on the rule": (
        entry(rule=BLOB, signature="history gap", matches=1),
        "fails with another signature now",
        ['- 5: signature = "history gap"', '+ 5: signature = "dead:signal-SEGV"'],
    ),
}


@pytest.mark.rule("suite.expect.strict")
@pytest.mark.parametrize("kind", STALE)
def test_stale_entry_matches_nothing_and_names_its_lines(kind: str) -> None:
    one, why, patch = STALE[kind]
    foreseen, stale = judged(one)
    assert foreseen == {}
    assert stale == (Stale("acme.expect.toml:3", one.title, why, tuple(patch)),)


@pytest.mark.rule("suite.expect.strict")
@pytest.mark.parametrize(
    "second",
    [entry(reason="again"), entry(case="grit/tree/*", matches=2), entry(rule=ORDER, matches=1)],
    ids=["the same", "overlaps", "overlaps by rule"],
)
def test_failure_belongs_to_one_entry(second: Expectation) -> None:
    foreseen, stale = judged(entry(), second)
    assert foreseen == {"grit/tree/a": "so it is"}
    assert [each.why for each in stale] == ["already covered by the entry of line 3"]


@pytest.mark.rule("suite.expect.strict")
def test_entry_after_a_stale_one_matches_its_failures() -> None:
    foreseen, stale = judged(entry(expires="2020-01-01"), entry(case="grit/tree/*", matches=2, reason="better"))
    assert foreseen == {"grit/tree/a": "better", "grit/tree/b": "better"}
    assert len(stale) == 1


@pytest.mark.rule("suite.expect.strict")
@pytest.mark.parametrize(
    ("one", "is_stale"),
    [
        (entry(case="grit/tree/b"), False),  # not run
        (entry(case="grit/tree/b", kind="bug", expires="2026-12-31"), True),  # expired, run or not
        (entry(case="grit/tree/*", matches=2), False),
        (entry(case="grit/tree/*", matches=4), False),  # the three that did not run may fail
        (entry(case="grit/tree/*", matches=5), True),
        (entry(rule=ORDER, matches=5), True),
        (entry(case="grit/tree/a", signature="history gap"), True),
        (entry(case="grit/blob/*", matches=1, signature="dead:signal-SEGV"), False),
        (entry(case="grit/tree/e"), True),
    ],
)
def test_entry_for_cases_that_did_not_run_is_not_judged(one: Expectation, is_stale: bool) -> None:
    assert bool(judged(one, run=RUN[:1])[1]) is is_stale


@pytest.mark.rule("suite.expect.strict")
def test_watch_is_judged_only_on_its_part_of_a_run() -> None:
    rule = "harness.frame.line"
    watch = outcome("harness/watch/frame-line", kind="watch", rules=(rule,))
    known = {**KNOWN, watch.case: watch.rules}
    one = entry(case=watch.case, signature="protocol:frame.line")
    assert judged(one, run=(*RUN[:1], watch), known=known)[1] == ()
    assert [each.why for each in judged(one, run=(*RUN, watch), known=known)[1]] == ["passes now"]
    assert judged(entry(rule=rule, signature="protocol:frame.line", matches=9), run=RUN[:1], known=known)[1] != ()
    broken = outcome(
        "grit/tree/b", "error", rule=rule, cause="protocol:frame.line"
    )  # a case that does not list the rule
    one = entry(rule=rule, signature="protocol:frame.line", matches=1)
    assert judged(one, run=RUN[:1], known=known)[1] == ()
    assert judged(one, run=(RUN[0], broken, *RUN[2:], watch), known=known)[0] == {"grit/tree/b": "so it is"}


def test_audit_cases_are_not_judged_by_a_run() -> None:
    known = {**KNOWN, "grit/audit/digest": ("grit.bundle.verify",)}
    assert judged(entry(case="grit/audit/digest"), known=known)[1] == ()
    assert [each.why for each in judged(entry(case="grit/tree/c"), known=known)[1]] == ["passes now"]


def test_marks_of_an_earlier_judgement_are_replaced() -> None:
    marked, _ = foresee(Expectations("f", "0" * 64, (entry(),)), RUN, KNOWN, TODAY)
    again, _ = foresee(Expectations("f", "0" * 64, ()), marked, KNOWN, TODAY)
    assert again == RUN


ALL = (
    entry(case="grit/tree/*", matches=2),
    entry(case="grit/blob/huge", signature="dead:signal-SEGV"),
)


@pytest.mark.rule("suite.expect.claim")
def test_expected_failures_change_only_the_unexpected_count() -> None:
    marked, stale = foresee(Expectations("f", "0" * 64, ALL), RUN, KNOWN, TODAY)
    before, after = judge_run(RUN, BOOK, ("grit",), ()), judge_run(marked, BOOK, ("grit",), (), stale=stale)
    assert (before.unexpected, before.exit) == (3, 1)
    assert (after.unexpected, after.exit) == (0, 0)
    assert after.conforms == before.conforms == {"grit": False}
    assert after.rules == before.rules == rule_verdicts(RUN)
    assert (after.cases, after.required) == (before.cases, before.required)


@pytest.mark.rule("suite.expect.claim")
def test_texts_make_the_same_claim_with_expected_failures() -> None:
    marked, stale = foresee(Expectations("f", "0" * 64, ALL), RUN, KNOWN, TODAY)
    header = {"iut": HELLO, "spec": "0.6", "suite": "0.1.0", "vectors": "0" * 64}
    before, after = judge_run(RUN, BOOK, ("grit",), ()), judge_run(marked, BOOK, ("grit",), (), stale=stale)
    was, now = closing_lines(header, RUN, before, "r")[-1], closing_lines(header, marked, after, "r")[-1]
    assert was == "1 rule fails, 1 error; fake 1 does not conform to grit of spec 0.6   exit 1   r"
    assert now == "3 known; fake 1 does not conform to grit of spec 0.6   r"
    assert profile_lines(marked, after) == profile_lines(RUN, before)


@pytest.mark.parametrize(("strict", "unexpected"), [(False, 0), (True, 1)])
def test_violated_should_can_be_expected(strict: bool, unexpected: int) -> None:
    run = (replace(RUN[0], level="SHOULD"), replace(RUN[1], level="SHOULD"), *RUN[2:4])
    marked, stale = foresee(Expectations("f", "0" * 64, (entry(case="grit/tree/a"),)), run, KNOWN, TODAY)
    assert stale == ()
    judgement = judge_run(marked, BOOK, ("grit",), (), stale=stale, scope=Scope(strict=strict))
    assert (judgement.unexpected, judgement.exit) == (unexpected, unexpected)


@pytest.mark.rule("suite.expect.claim")
def test_only_matched_failures_are_expected() -> None:
    marked, stale = foresee(Expectations("f", "0" * 64, ALL[:1]), RUN, KNOWN, TODAY)
    assert judge_run(marked, BOOK, ("grit",), (), stale=stale).unexpected == 1


@pytest.mark.rule("suite.expect.strict")
@pytest.mark.parametrize(("wanted", "code"), [(("grit",), 1), (("grit", "wit"), 3)])
def test_stale_entry_alone_is_exit_1_unless_3_applies(wanted: tuple[str, ...], code: int) -> None:
    good = RUN[2:3]
    marked, stale = foresee(Expectations("f", "0" * 64, (entry(case="grit/tree/c"),)), good, KNOWN, TODAY)
    assert judge_run(good, BOOK, wanted, (), stale=()).exit == (0 if code == 1 else 3)
    assert judge_run(marked, BOOK, wanted, (), stale=stale).exit == code
    assert judge_run(marked, BOOK, wanted, (), stale=stale).unexpected == 1


def test_entry_round_trips_through_a_report() -> None:
    for one in (*ALL, entry(rule=ORDER, matches=3, kind="suite-dispute", issue="https://x.example/1")):
        assert Expectation.from_json(one.to_json()) == one
    whole = Expectations("acme.expect.toml", "0" * 64, ALL)
    assert Expectations.from_json(whole.to_json()) == whole


def test_control_characters_of_an_entry_are_escaped() -> None:
    one = entry(case="grit/tree/a\x1b[2J", reason="\x1b]0;x\x07", signature="\x1b[1m")
    (stale,) = judged(one)[1]
    assert "\x1b" not in "".join(stale.lines()) + one.words()
    (stale,) = judged(entry(case="grit/tree/a", signature="\x1b[1m"))[1]
    assert "\x1b" not in "".join(stale.lines())
