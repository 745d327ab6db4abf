"""Texts for people: excerpts, failures, claims; output of an implementation is escaped before it is shown."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gritstone_conformance.cases import Case, CaseStep, Requires
from gritstone_conformance.planning.plan import Selection, make_plan
from gritstone_conformance.planning.suite import SuiteData
from gritstone_conformance.reporting.conclusions import closing_lines, ending_lines, profile_lines
from gritstone_conformance.reporting.console import Console, ConsoleOutput
from gritstone_conformance.reporting.messages import Teller, opening_lines, smallest_of_each
from gritstone_conformance.results.judgement import Scope, judge_run
from gritstone_conformance.results.outcomes import Divergent, Outcome
from gritstone_conformance.results.report import Conclusion, footer_line
from gritstone_conformance.rules import RuleBook
from gritstone_conformance.vectors.files import VectorSet
from selftests.fakes.subject import HELLO, accept, fake_book, reject

RULE = "grit.tree.key-order"
BOOK = fake_book()
HEADER: dict[str, Any] = {
    "suite": "0.1.0",
    "spec": "0.6",
    "vectors": "9e3e384f" * 8,
    "seed": 1,
    "profile": "gate",
    "shard": [0, 1],
    "attach": "stdio",
    "command": ["./acme", "-v"],
    "iut": HELLO,
}
ID = "3048fd0d5fc394c1d75bd9010ba1d58953270a35ef852c3c61247152b37b58f0"


def failed(name: str = "grit/tree/bad", **members: Any) -> Outcome:
    divergence = Divergent(
        0, "grit.decode", "", {"refused": "invalid"}, {"ok": {"id": ID}}, 1, {"format": "framed-sha256"}
    )
    members = {"rule": RULE, "signature": "expected refused:invalid got ok", "divergence": divergence, **members}
    return Outcome(name, "0" * 64, "vector", (RULE,), "MUST", members.pop("verdict", "fail"), **members)


def teller(*cases: Case, width: int = 100, **header: Any) -> Teller:
    return Teller(BOOK, {case.name: case for case in cases}, {**HEADER, **header}, Path(".gritstone"), width)


TREE = CaseStep("grit.decode", {"format": "framed-sha256", "bytes": "dHJlZSAwAA"}, {"refused": "invalid"})
EDIT = {"step": 0, "arg": "bytes", "at": 8, "was": "YQ", "now": "Yw"}
BAD = Case("grit/tree/bad", (RULE,), Requires(), (TREE,), twin="grit/tree/good", edit=EDIT)


@pytest.mark.rule("suite.message.explains")
def test_failure_is_explained() -> None:
    lines = teller(BAD).block(failed(shrunk_from=41, found="found/9eb1d2cfc4507b4d.json"), {"grit/tree/good": "pass"})
    assert lines == [
        "FAIL grit.tree.key-order          grit/tree/bad   shrunk: 41 requests -> 1   (MUST)",
        "  An implementation MUST keep grit.tree.key-order.",
        "  step 1 of 1  grit.decode  framed-sha256",
        "  expected     refused invalid",
        '  got          ok  {"id":"3048fd0d5fc3…"}',
        "  twin         grit/tree/good passes (offset 8: 61 -> 63)",
        "  again        gritstone replay .gritstone/found/9eb1d2cfc4507b4d.json --iut './acme -v'",
    ]


@pytest.mark.rule("suite.message.explains")
def test_difference_inside_an_answer_names_its_path() -> None:
    divergence = Divergent(2, "grit.refs", "/refs/0/1", ID, None, 4, {"store": "s"})
    lines = teller().block(failed(divergence=divergence), {})
    assert "  step 3 of 4  grit.refs  s" in lines
    assert "  path         /refs/0/1" in lines
    assert "  expected     3048fd0d5fc3…" in lines
    assert "  got          nothing, or null" in lines


@pytest.mark.rule("suite.message.explains")
def test_attached_implementation_is_named_by_its_address() -> None:
    assert teller(BAD, attach="unix:/run/x").block(failed(), {})[-1].endswith("--connect unix:/run/x")


def test_should_is_marked() -> None:
    assert "(SHOULD)" in teller().block(replace(failed(), level="SHOULD"), {})[0]


def test_error_shows_the_output_without_escapes() -> None:
    broken = failed(verdict="error", cause="dead:exit-1", detail="stderr: \x1b[31mred\x07", divergence=None, rule=None)
    lines = teller().block(broken, {})
    assert lines[0] == "ERROR grit/tree/bad   dead:exit-1   (MUST)"
    assert lines[1] == "  detail       stderr: \\x1b[31mred\\x07"


def test_only_the_command_is_wider_than_the_terminal() -> None:
    divergence = Divergent(0, "grit.decode", "/x" * 200, "A" * 900, {"b": ["C" * 900]}, 1, {"bytes": "AAAA" * 300})
    for width in (60, 80, 200):
        lines = teller(BAD, width=width).block(failed(divergence=divergence), {})
        assert all(len(line) <= width for line in lines if not line.startswith(("  again", "  twin")))


def test_smallest_failure_of_each_kind_is_shown() -> None:
    def of(name: str, steps: int, **members: Any) -> Outcome:
        return failed(name, divergence=Divergent(0, "grit.id", "", 1, 2, steps, {}), **members)

    shown = smallest_of_each(
        [
            of("grit/a/large", 9),
            of("grit/a/small", 2),
            of("grit/a/other", 5, signature="expected ok got error"),
            failed("grit/a/error", verdict="error", cause="late", rule=None, signature=None),
            failed("grit/a/twin", verdict="error", cause="twin", rule=None, signature=None),
        ]
    )
    assert [outcome.case for outcome in shown] == ["grit/a/small", "grit/a/other", "grit/a/error"]


def test_opening_lines_name_the_run() -> None:
    assert opening_lines(HEADER) == [
        "gritstone 0.1.0 · spec 0.6 · vectors 9e3e384f · seed 1 · gate",
        "fake 1 (python) · framed-sha256 · grit · no features",
    ]
    hostile = {**HELLO, "implementation": {"name": "a\x1b[2Jb", "version": "1\n", "language": "c"}}
    assert opening_lines({**HEADER, "iut": hostile})[1].startswith("a\\x1b[2Jb 1\\n (c)")


def good(name: str, rule: str, **members: Any) -> Outcome:
    return Outcome(name, "0" * 64, "vector", (rule,), "MUST", "pass", **members)


GOOD = (good("grit/tree/a", RULE, seconds=1.25), good("harness/watch/x", "harness.frame.line"))
SMALL = fake_book([RULE, "harness.frame.line"])
NEEDS = {"grit.cbor.any": ("cbor-blake3",), "grit.store.lasts": ("durable",)}
NEEDY = fake_book([RULE, "harness.frame.line", *NEEDS])
NEEDY = replace(NEEDY, rules={name: replace(rule, needs=NEEDS.get(name, ())) for name, rule in NEEDY.rules.items()})


@pytest.mark.rule("suite.report.claim")
def test_claim_names_everything_it_depends_on() -> None:
    judgement = judge_run(GOOD, NEEDY, ("grit",), ("framed-sha256",))
    line = closing_lines(HEADER, GOOD, judgement, "r.jsonl")[-1]
    scope = "(framed-sha256; no features; 1 of 3 rules tested; suite 0.1.0, vectors 9e3e384f)"
    assert line == f"fake 1 conforms to grit of spec 0.6 {scope}   r.jsonl"
    assert profile_lines(GOOD, judgement) == [
        "harness  1 of 1 rules tested, 1 pass; cases: 1 pass   0 fail   0 error   0 skip   0.0 s",
        "grit     1 of 3 rules tested, 1 pass; cases: 1 pass   0 fail   0 error   0 skip   1.2 s",
    ]
    able = {**HEADER, "iut": {**HELLO, "features": ["durable", "erase"]}}
    assert "(framed-sha256; durable erase; 1 of 3 rules" in closing_lines(able, GOOD, judgement, "r.jsonl")[-1]


@pytest.mark.rule("suite.report.unasked")
def test_unjudged_rules_are_listed_with_the_reason() -> None:
    reason = "its twin grit/a/b was skipped: feature durable is not claimed"
    skipped = replace(good("grit/a/c", "grit.store.lasts", reason=reason), verdict="skip")
    judgement = judge_run((*GOOD, skipped), NEEDY, ("grit",), ("framed-sha256",))
    assert judgement.unasked == {
        "grit.cbor.any": "cbor-blake3 is not claimed",
        "grit.store.lasts": "feature durable is not claimed",
    }
    assert closing_lines(HEADER, (*GOOD, skipped), judgement, "r.jsonl")[:2] == [
        "not tested: 1 rule, cbor-blake3 is not claimed: grit.cbor.any",
        "not tested: 1 rule, feature durable is not claimed: grit.store.lasts",
    ]
    assert footer_line(GOOD, judgement, 0, "")["unasked"] == judgement.unasked
    assert judge_run(GOOD, NEEDY, ("grit",), (), scope=Scope(whole=False)).unasked == {}


@pytest.mark.rule("suite.report.unasked")
def test_unclaimed_format_is_the_reason_if_every_case_lacks_it() -> None:
    reasons = ["format cbor-blake3 is not claimed"] * 2 + ["feature durable is not claimed"]
    skipped = [
        replace(good(f"grit/a/{number}", "grit.store.lasts", reason=reason), verdict="skip")
        for number, reason in enumerate(reasons)
    ]
    for cases, expected in ((skipped, reasons[2]), (skipped[:2], reasons[0])):
        judgement = judge_run((*GOOD, *cases), NEEDY, ("grit",), ("framed-sha256",))
        assert judgement.unasked["grit.store.lasts"] == expected


@pytest.mark.rule("suite.report.unasked")
def test_need_of_the_rule_is_the_reason_although_more_cases_need_a_profile() -> None:
    reasons = ["profile wasm is not claimed"] * 2 + ["feature durable is not claimed"]
    skipped = [
        replace(good(f"grit/a/{number}", "grit.store.lasts", reason=reason), verdict="skip")
        for number, reason in enumerate(reasons)
    ]
    judgement = judge_run((*GOOD, *skipped), NEEDY, ("grit",), ("framed-sha256",))
    assert judgement.unasked["grit.store.lasts"] == "feature durable is not claimed"


def test_failed_rule_of_a_claimed_format_refutes_the_claim() -> None:
    broken = failed("grit/cbor/a", rule="grit.cbor.any", signature="x")
    outcomes = (*GOOD, replace(broken, rules=("grit.cbor.any",)))
    assert judge_run(outcomes, NEEDY, ("grit",), ("cbor-blake3",)).conforms == {"grit": False}


def test_partial_runs_count_the_selected_cases() -> None:
    book = fake_book([RULE, "grit.blob.any", "harness.frame.line"])
    part = judge_run(GOOD, book, ("grit",), (), scope=Scope(whole=False))
    assert profile_lines(GOOD, part)[1].startswith("grit     1 of 2 rules tested, 1 pass; cases: 1 pass")
    bad = judge_run((failed(), *GOOD), SMALL, ("grit",), (), scope=Scope(whole=False))
    assert profile_lines((failed(), *GOOD), bad)[1].startswith(
        "grit     1 of 1 rules tested, 0 pass; cases: 1 pass   1 fail"
    )


def test_skips_name_the_missing_claim() -> None:
    reasons = (
        "feature durable is not claimed",
        "format cbor-blake3 is not claimed",
        "its twin grit/a/b was skipped: feature durable is not claimed",
        "attached without restart",
    )
    skipped = tuple(good(f"grit/a/{at}", RULE, reason=reason) for at, reason in enumerate(reasons))
    skipped = tuple(replace(outcome, verdict="skip") for outcome in skipped)
    outcomes = (*GOOD, *skipped)
    assert profile_lines(outcomes, judge_run(outcomes, SMALL, ("grit",), ()))[2:] == [
        "         not claimed: 1 × cbor-blake3, 2 × durable",
        "         skipped: 1 × attached without restart",
    ]


def test_unclaimed_profile_takes_one_line() -> None:
    skipped = replace(good("wit/a/b", "wit.a.b", reason="profile wit is not claimed"), verdict="skip")
    outcomes = (*GOOD, skipped)
    assert profile_lines(outcomes, judge_run(outcomes, SMALL, ("grit",), ()))[2:] == [
        "wit      is not claimed: 1 case not run"
    ]


def test_unsupported_conclusion_is_not_claimed() -> None:
    outcomes = (failed(), *GOOD)
    judgement = judge_run(outcomes, SMALL, ("grit",), ())
    *_, line = closing_lines(HEADER, outcomes, judgement, "r.jsonl")
    assert line == "1 rule fails, 0 errors; fake 1 does not conform to grit of spec 0.6   exit 1   r.jsonl"
    part = judge_run(GOOD, SMALL, ("grit",), (), scope=Scope(whole=False))
    assert "this is not a claim" in closing_lines(HEADER, GOOD, part, "r.jsonl")[0]
    missing = judge_run(GOOD, fake_book([RULE, "grit.blob.any", "harness.frame.line"]), ("grit",), ())
    lines = closing_lines(HEADER, GOOD, missing, "r.jsonl")
    assert lines[0] == "not tested: 1 rule, no case in this suite: grit.blob.any"
    assert "does not conform" in lines[1]


@pytest.mark.rule("suite.report.each-rule")
def test_each_failed_rule_has_a_line() -> None:
    unique = failed("grit/tree/e", rule="grit.tree.key-unique")  # the signature of the others
    outcomes = (*(failed(f"grit/tree/{at}") for at in "abc"), failed("grit/tree/d", signature="another way"), unique)
    judgement = judge_run((*outcomes, *GOOD), SMALL, ("grit",), ())
    assert closing_lines(HEADER, (*outcomes, *GOOD), judgement, ".gritstone/report.jsonl")[:3] == [
        "grit.tree.key-order fails in 4 cases: grit/tree/a",
        "grit.tree.key-unique fails in 1 case: grit/tree/e",
        "`gritstone show RULE` lists the cases of a rule",
    ]
    assert closing_lines(HEADER, outcomes[:2], judgement, "a b.jsonl")[1] == (
        "`gritstone show RULE --report 'a b.jsonl'` lists the cases of a rule"
    )
    should = replace(failed(rule="grit.store.flat"), level="SHOULD", expected={"rule": "grit.store.flat"})
    (line,) = (each for each in closing_lines(HEADER, (should,), judgement, "r.jsonl") if "grit.store.flat" in each)
    assert line == f"grit.store.flat fails (SHOULD) (known) in 1 case: {should.case}"


@pytest.mark.rule("suite.report.each-rule")
def test_each_of_many_failed_rules_is_named_on_the_terminal() -> None:
    rules = [f"grit.tree.r{number}" for number in range(40)]
    outcomes = [failed(f"grit/tree/{number}", rule=rule) for number, rule in enumerate(rules)]
    told = Divergent(0, "grit.open", "", {"ok": {}}, {"unsupported": "durable"}, 3, {"store": "s"})
    outcomes += [failed(f"grit/a/{rule}", rule=rule, divergence=told) for rule in ("grit.a.b", "grit.a.c")]
    judgement = judge_run(outcomes, fake_book([*rules, "grit.a.b", "grit.a.c"]), ("grit",), ())
    lines = closing_lines(HEADER, outcomes, judgement, "r.jsonl")
    for rule in (*rules, "grit.a.b", "grit.a.c"):
        assert any(line.startswith(f"{rule} fails ") for line in lines), rule


@pytest.mark.rule("suite.report.claim")
def test_claim_is_never_cut() -> None:
    features = [f"sandbox.abi.feature-{number}" for number in range(60)]
    able = {**HEADER, "iut": {**HELLO, "features": features}}
    judgement = judge_run(GOOD, NEEDY, ("grit",), ("framed-sha256",))
    for line in (opening_lines(able)[1], closing_lines(able, GOOD, judgement, "r.jsonl")[-1]):
        assert " ".join(features) in line
        assert "…" not in line


def test_unsupported_operation_is_reported_once_instead_of_its_rules() -> None:
    told = Divergent(0, "grit.open", "", {"ok": {}}, {"unsupported": "durable"}, 3, {"store": "s"})
    rules = (RULE, RULE, "grit.tree.key-unique")
    lacking = tuple(
        failed(f"grit/tree/{at}", rule=rule, signature="expected ok got unsupported", divergence=told)
        for at, rule in enumerate(rules)
    )
    expected = replace(told, expected={"unsupported": "grit.open"}, got={"unsupported": "x"})
    other = failed("grit/tree/wrong-feature", divergence=expected)
    assert smallest_of_each((*lacking, other)) == [lacking[0], other]
    advice = "  advice       a claim in `hello` requires grit.open: implement it, or remove the claim"
    assert advice in teller().block(lacking[0], {})
    assert advice not in teller().block(other, {})
    outcomes = (*lacking, *GOOD)
    judgement = judge_run(outcomes, fake_book([*rules, "harness.frame.line"]), ("grit",), ())
    assert closing_lines(HEADER, outcomes, judgement, "r.jsonl")[3] == (
        "3 cases fail because the adapter replies `unsupported`: 3 × grit.open; "
        "implement the operation, remove the claim that requires it, or select other cases with -k"
    )


def test_rule_selection_reports_other_rules_in_one_line() -> None:
    other = failed("grit/tree/other", rule="grit.tree.key-unique")
    outcomes, asked = (other, *GOOD), "grit.tree.key-order"
    book = fake_book([RULE, "grit.tree.key-unique", "harness.frame.line"])
    part = judge_run(outcomes, book, ("grit",), (), scope=Scope(whole=False))
    assert profile_lines(outcomes, part, asked)[1].startswith(
        "grit     1 of 1 rules tested, 1 pass; cases: 1 pass   1 fail"
    )
    lines = closing_lines(HEADER, outcomes, part, "r.jsonl", asked)
    assert lines[0] == "grit.tree.key-unique fails (not selected) in 1 case: grit/tree/other"
    assert "not selected" not in closing_lines(HEADER, outcomes, part, "r.jsonl")[0]
    out = io.StringIO()
    shown = console(out, Selection(rule=asked))
    shown.begin(HEADER, [])
    shown.notice(other)
    assert "FAIL" not in out.getvalue()
    shown.notice(failed())
    assert "FAIL grit.tree.key-order" in out.getvalue()


def test_supporting_cases_have_no_line() -> None:
    part = judge_run(GOOD, SMALL, ("grit",), (), scope=Scope(wanted=("harness",), whole=False))
    assert [line.split()[0] for line in profile_lines(GOOD, part)] == ["harness"]
    bad = judge_run((failed(), *GOOD), SMALL, ("grit",), (), scope=Scope(wanted=("harness",), whole=False))
    assert profile_lines((failed(), *GOOD), bad)[1].startswith(
        "grit     no MUST rule of grit tested; cases: 1 pass   1 fail"
    )


@pytest.mark.rule("suite.rules.frozen")
def test_unscored_rules_are_listed_as_such() -> None:
    book = RuleBook("0.6", BOOK.rules, {"0.6": (("harness.frame.line", "MUST", "0" * 16),)}, "0" * 64)
    outcomes = (failed(), *GOOD)
    judgement = judge_run(outcomes, book, ("grit",), ())
    assert closing_lines(HEADER, outcomes, judgement, "r.jsonl")[1] == (
        "1 rule is newer than spec 0.6 and not scored: 1 fail: grit.tree.key-order"
    )
    assert "not scored: newer than spec 0.6" in Teller(book, {}, HEADER, Path(), 100).block(failed(), {})[0]
    assert "not scored" not in teller().block(failed(), {})[0]
    scored = judge_run(outcomes, BOOK, ("grit",), ())
    assert not any("not scored" in line for line in closing_lines(HEADER, outcomes, scored, "r.jsonl"))


def test_errors_of_one_cause_are_counted() -> None:
    causes = ("hung:blocked", "adapter", "hung:blocked", "twin", "twin", "not-started", "not-started")
    broken = [
        failed(f"grit/x/{index}", verdict="error", cause=cause, rule=None, signature=None, divergence=None)
        for index, cause in enumerate(causes)
    ]
    lines = closing_lines(HEADER, broken, judge_run(broken, SMALL, ("grit",), ()), "r.jsonl")
    assert [line for line in lines if "with error" in line] == ["2 cases with error hung:blocked"]


def test_violated_should_is_named() -> None:
    outcomes = (replace(failed(), level="SHOULD"), *GOOD)
    lines = closing_lines(HEADER, outcomes, judge_run(outcomes, SMALL, ("grit",), ()), "r.jsonl")
    assert lines[0] == "grit.tree.key-order fails (SHOULD) in 1 case: grit/tree/bad"


SKIPPED = replace(GOOD[0], verdict="skip", reason="profile grit is not claimed")


@pytest.mark.parametrize(
    ("iut", "outcomes", "words"),
    [
        (None, (), "no reply to hello"),
        ({**HELLO, "profiles": []}, (), "no profile is claimed"),
        (HELLO, (), "no case was selected"),
        (HELLO, (SKIPPED,), "no case of a claimed or requested profile"),
    ],
)
def test_run_without_a_verdict_says_so(iut: Any, outcomes: tuple[Outcome, ...], words: str) -> None:
    judgement = judge_run(outcomes, SMALL, ("grit",), ())
    line = closing_lines({**HEADER, "iut": iut}, outcomes, judgement, "r.jsonl")[-1]
    assert line.startswith(f"nothing was judged: {words}")
    assert "exit 3" in line


def console(out: io.StringIO, selection: Selection | None = None) -> Console:
    plan = make_plan([accept(), reject()], (), (), selection or Selection(), 1)
    return Console(SuiteData(BOOK, VectorSet((), "0" * 64)), plan, Path(".gritstone"), ConsoleOutput(out, live=False))


def test_implementation_without_hello_has_no_profiles() -> None:
    dead = tuple(replace(outcome, verdict="error", cause="not-started") for outcome in GOOD)
    judgement = judge_run(dead, SMALL, (), ())
    assert ending_lines(Conclusion({**HEADER, "iut": None}, dead, judgement, Path("r.jsonl"))) == [
        "nothing was judged: no reply to hello   exit 3   r.jsonl"
    ]


def test_last_output_of_a_process_has_its_own_lines() -> None:
    log = "\\n".join(["stderr: Traceback", *(f"  line {at}" for at in range(20)), "ValueError: 1"])
    shown = teller().block(replace(good("grit/a/b", RULE), verdict="error", cause="dead:exit-1", detail=log), {})
    at = shown.index("  detail       stderr:")
    assert shown[at + 1] == "                 … 10 lines before"
    assert shown[at + 13] == "                 ValueError: 1"


def test_failure_is_shown_when_found_and_once_per_kind() -> None:
    out = io.StringIO()
    shown = console(out)
    shown.begin(HEADER, ["a note"])
    assert "note: a note" in out.getvalue()
    shown.notice(failed("grit/tree/a"))
    assert "grit/tree/a" in out.getvalue()
    shown.notice(failed("grit/tree/b"))
    assert "grit/tree/b" not in out.getvalue()
    shown.close(["the end"])
    assert out.getvalue().endswith("the end\n")


def test_ten_kinds_of_failure_are_shown() -> None:
    out = io.StringIO()
    shown = console(out)
    shown.begin(HEADER, [])
    for number in range(14):
        shown.notice(failed(f"grit/tree/n-{number}", signature=f"kind {number}"))
    shown.close([])
    assert out.getvalue().count("FAIL ") == 10
    assert "and 4 more kinds of failure: `gritstone report FILE` shows all" in out.getvalue()


def test_terminal_gets_a_line_per_profile() -> None:
    out = io.StringIO()
    plan = make_plan([accept(), reject()], (), (), Selection(), 1)
    shown = Console(SuiteData(BOOK, VectorSet((), "0" * 64)), plan, Path(".gritstone"), ConsoleOutput(out, live=True))
    shown.begin(HEADER, [])
    shown.notice(good("grit/tree/good", RULE))
    bar = shown._bar("grit", shown._tallies["grit"], 1.0)
    assert bar.startswith("grit     ██████████           ")
    assert "1/2   0 fail   0 error   0 skip   1.0 s   grit.tree.key-order" in bar
    shown.notice(failed())
    shown.close(["the end"])
    assert "FAIL grit.tree.key-order" in out.getvalue()
    assert out.getvalue().endswith("the end\n")
