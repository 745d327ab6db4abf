"""Properties in a run on a fake implementation: draws, shrinking, found cases, faults."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.configuration import storage_directory
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants

from gritstone_conformance.cases import CaseStep, case_order
from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.judge import reported
from gritstone_conformance.planning.plan import Selection, make_plan
from gritstone_conformance.planning.settings import RunSettings
from gritstone_conformance.replies import Json, Ok, Trouble
from gritstone_conformance.results.judgement import judge_run
from gritstone_conformance.running import property_runner, vector_runner
from gritstone_conformance.running.found_cases import locate, was_signature
from gritstone_conformance.running.plan_runner import execute
from gritstone_conformance.trial import Property, Trial
from gritstone_conformance.vectors.files import read_vector_file
from selftests.fakes.runs import BOOK, RULE, many, run, verdicts
from selftests.fakes.subject import Answer, FakeSubject, accept, fake_claims, honest, reject


def adding(trial: Trial, numbers: list[int]) -> None:
    """The implementation answers the sum of numbers; the control is an empty list."""
    trial.expect("grit.id", {"numbers": []}, {"ok": {"sum": 0}})
    for number in numbers:
        trial.expect("grit.id", {"numbers": [number]}, {"ok": {"sum": number}})


class Clock:
    """A clock that only the test advances."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def summing(limit: int) -> Any:
    def answer(op: str, args: dict[str, Json]) -> Answer:
        total = sum(args["numbers"])
        return Ok({"sum": total if total < limit else limit})

    return answer


NUMBERS = {"numbers": st.lists(st.integers(0, 10_000), max_size=8)}


PROPERTY = Property("grit/tree/sums", (RULE,), adding, NUMBERS)


def test_property_that_holds_passes() -> None:
    found = run(FakeSubject(summing(10**9)), properties=[PROPERTY])["grit/tree/sums"]
    assert (found.verdict, found.kind) == ("pass", "property")
    assert found.requests > 100


def test_error_that_a_property_finds_wrong_fails_under_its_rule() -> None:
    def finds(trial: Trial) -> None:
        trial.fail({"unsupported": "x"}, reported(trial.observe("grit.id", {})), words="expected unsupported")

    def expects(trial: Trial) -> None:
        trial.expect("grit.id", {}, {"unsupported": "x"})

    properties = [Property(f"grit/tree/{body.__name__}", (RULE,), body) for body in (finds, expects)]
    found = run(FakeSubject(lambda *_: Trouble("KeyError('x')")), properties=properties)
    assert verdicts(found) == {"grit/tree/finds": "fail", "grit/tree/expects": "error"}
    shown = found["grit/tree/finds"].divergence
    assert shown is not None
    assert shown.got == "error: KeyError('x')"


@pytest.mark.rule("suite.property.gate")
def test_gate_sends_the_same_lines_in_every_run() -> None:
    def lines(**settings: Any) -> list[str]:
        subject = FakeSubject(summing(10**9))
        run(subject, properties=[PROPERTY], **settings)
        return subject.lines()

    assert lines() == lines()
    assert lines(seed=2) != lines()


def test_engine_keeps_its_files_next_to_the_reports(tmp_path: Path) -> None:
    seen: set[Path] = set()

    def body(trial: Trial, number: int) -> None:
        seen.add(storage_directory().path)

    before = storage_directory().path
    property_ = Property("grit/tree/numbers", (RULE,), body, {"number": st.integers()})
    run(FakeSubject(honest), properties=[property_], home=tmp_path)
    assert seen == {tmp_path / "hypothesis"}
    assert storage_directory().path == before


def counting(most: int) -> Any:
    """Answer how much was injected since the start, as far as the counter reaches."""
    state = {"sum": 0}

    def answer(op: str, args: dict[str, Json]) -> Answer:
        state["sum"] = 0 if op == "runtime.start" else state["sum"] + args.get("number", 0)
        return Ok({"sum": min(state["sum"], most)} if op == "runtime.ready" else {})

    return answer


def injecting(trial: Trial, numbers: list[int]) -> None:
    trial.expect("runtime.start", {}, {"ok": {}})
    for at, number in enumerate(numbers):
        trial.expect("runtime.inject", {"number": number}, {"ok": {}})
        trial.expect("runtime.ready", {}, {"ok": {"sum": sum(numbers[: at + 1])}})


def test_shrinking_keeps_requests_that_advance_a_runtime(tmp_path: Path) -> None:
    property_ = Property("grit/tree/sums", (RULE,), injecting, {"numbers": st.lists(st.integers(1, 40), max_size=8)})
    found = run(FakeSubject(counting(100)), properties=[property_], home=tmp_path)["grit/tree/sums"]
    assert found.found is not None
    (case,) = read_vector_file(tmp_path / found.found).cases
    ops = [step.op for step in case.steps]
    assert ops == ["runtime.start", *["runtime.inject"] * (len(ops) - 2), "runtime.ready"], (
        "only read requests are removed"
    )
    assert verdicts(run(FakeSubject(counting(100)), [case])) == {case.name: "fail"}
    assert verdicts(run(FakeSubject(counting(10**9)), [case])) == {case.name: "pass"}, "the expected values are wrong"


@pytest.mark.rule("suite.property.gate")
def test_draws_do_not_depend_on_loaded_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    assert callable(providers._get_local_constants), (
        "the engine collects literals of loaded source files with this function"
    )
    monkeypatch.setattr(providers, "_get_local_constants", lambda: Constants(integers={97}))
    seen: list[int] = []

    def body(trial: Trial, number: int) -> None:
        seen.append(len(providers._get_local_constants()))

    run(FakeSubject(honest), properties=[Property("grit/tree/n", (RULE,), body, {"number": st.integers()})])
    assert set(seen) == {0}, "a collected literal was drawn"


@pytest.mark.rule("suite.found.small", "suite.found.replays")
def test_failure_is_shrunk_saved_and_replayable(tmp_path: Path) -> None:
    found = run(FakeSubject(summing(1000)), properties=[PROPERTY], home=tmp_path)["grit/tree/sums"]
    assert (found.verdict, found.rule, found.signature) == ("fail", RULE, "expected value got value at /sum")
    assert found.divergence is not None
    assert (found.divergence.expected, found.divergence.got) == (1001, 1000), "the number is not the smallest wrong one"
    assert found.divergence.steps == 1, "an unrelated request was kept"
    assert found.found is not None
    assert found.shrunk_from is not None
    assert found.shrunk_from >= 2

    (case,) = read_vector_file(tmp_path / found.found).cases
    assert case.steps == (CaseStep("grit.id", {"numbers": [1001]}, {"ok": {"sum": 1001}}),)
    assert case.name == f"grit/tree/found-{case.identity()[:8]}"
    assert case.judge == "exact"
    assert case.origin == {"by": "shrunk", "from": "grit/tree/sums", "seed": 1}
    assert was_signature(case) == found.signature
    assert locate(case.identity()[:8], tmp_path) == tmp_path / found.found

    assert verdicts(run(FakeSubject(summing(1000)), [case])) == {case.name: "fail"}
    assert verdicts(run(FakeSubject(summing(10**9)), [case])) == {case.name: "pass"}


def test_failure_that_its_lines_do_not_show_is_kept_as_history(tmp_path: Path) -> None:
    def body(trial: Trial) -> None:
        trial.observe("grit.id", {"n": "good"})
        trial.fail(1, 2, words="took too long")

    found = run(FakeSubject(honest), properties=[Property("grit/tree/slow", (RULE,), body)], home=tmp_path)
    outcome = found["grit/tree/slow"]
    assert (outcome.verdict, outcome.signature) == ("fail", "took too long")
    assert outcome.found is not None
    assert read_vector_file(tmp_path / outcome.found).cases[0].judge == "history"


def test_fault_ends_a_property_at_once() -> None:
    subject = FakeSubject(lambda op, args: SubjectFault("hung:spinning", "5 s of processor time"))
    found = run(subject, properties=[PROPERTY])["grit/tree/sums"]
    assert (found.verdict, found.cause) == ("error", "hung:spinning")
    assert len(subject.asked) <= 2


@pytest.mark.rule("suite.crash.not-refusal")
@pytest.mark.parametrize("cause", ["dead:exit-0", "dead:exit-1", "dead:signal-SEGV", "dead:closed", "hung:blocked"])
def test_fault_is_not_an_expected_refusal(cause: str) -> None:
    def refusing(trial: Trial) -> None:
        trial.expect("grit.id", {"n": "good"}, {"ok": {"id": 1}})
        trial.expect("grit.id", {"n": "fatal"}, {"refused": "invalid"})

    def answer(op: str, args: dict[str, Json]) -> Answer:
        return SubjectFault(cause, "stderr is empty") if args["n"] == "fatal" else honest(op, args)

    property_ = Property("grit/tree/refusing", (RULE,), refusing)
    fatal = accept(
        "grit/tree/fatal", steps=(CaseStep("grit.id", {"n": "fatal"}, {"any": [{"refused": "invalid"}, {"ok": {}}]}),)
    )
    found = run(FakeSubject(answer), [fatal], properties=[property_])
    assert [(outcome.verdict, outcome.cause) for outcome in found.values()] == [("error", cause)] * 2


class FailsToClose(FakeSubject):
    """An implementation that fails when a store is closed."""

    def ask_each(self, requests: Any) -> list[Answer]:
        if requests[0][0] != "grit.close":
            return super().ask_each(requests)
        self.faults.append(SubjectFault("dead:exit-9", "while closing"))
        return [self.faults[-1]]


def test_fault_during_cleanup_is_an_error_of_the_property() -> None:
    def body(trial: Trial, number: int) -> None:
        trial.expect("grit.open", {"store": "s", "dir": trial.directory()}, {"ok": {}})

    property_ = Property("grit/store/opens", (RULE,), body, {"number": st.integers()})
    found = run(FailsToClose(lambda op, args: Ok({})), properties=[property_])["grit/store/opens"]
    assert (found.verdict, found.cause, found.detail) == ("error", "dead:exit-9", "while closing")


def test_search_draws_more_and_uses_its_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few, ticks = replace(PROPERTY, examples=2), itertools.count()
    clock = SimpleNamespace(perf_counter=time.perf_counter, monotonic=lambda: next(ticks) / 200)
    monkeypatch.setattr(property_runner, "time", clock)

    def lines(profile: str, **settings: Any) -> list[str]:
        subject = FakeSubject(summing(10**9))
        plan = make_plan((), [few], (), Selection(), 1)
        execute(plan, subject, BOOK, RunSettings(profile=profile, home=tmp_path, **settings), lambda _: None)
        return subject.lines()

    gate, once, longer = lines("gate"), lines("search"), lines("search", search_s=0.5)
    empty = json.dumps(["grit.id", {"numbers": []}])
    assert gate.count(empty) == 2
    assert once.count(empty) == 20, "a search has ten times the examples"
    assert longer.count(empty) > 40
    assert len(set(longer)) > len(set(once)), "further rounds draw no new examples"


@pytest.mark.parametrize(
    ("profile", "formats", "verdict"),
    [
        ("gate", ["framed-sha256", "cbor-blake3"], "skip"),
        ("gate", ["framed-sha256"], "pass"),
        ("search", ["framed-sha256", "cbor-blake3"], "pass"),
    ],
)
def test_gate_omits_a_property_that_runs_in_another_format(
    tmp_path: Path, profile: str, formats: list[str], verdict: str
) -> None:
    subject = FakeSubject(summing(10**9))
    subject.claims = replace(subject.claims, formats=tuple(formats))
    plan = make_plan((), [replace(PROPERTY, spared_by="cbor-blake3")], (), Selection(), 1)
    settings = RunSettings(profile=profile, home=tmp_path)
    (outcome,) = execute(plan, subject, BOOK, settings, lambda _: None).outcomes
    assert (outcome.verdict, outcome.reason) == (verdict, "needs --search" if verdict == "skip" else None)


def test_failure_that_does_not_recur_is_reported_as_such() -> None:
    asked: list[int] = []

    def answer(op: str, args: dict[str, Json]) -> Answer:
        asked.append(1)
        return Ok({"sum": -1 if len(asked) == 9 else sum(args["numbers"])})

    found = run(FakeSubject(answer), properties=[PROPERTY])["grit/tree/sums"]
    assert found.verdict == "fail"
    assert found.detail is not None
    assert found.detail.startswith("not repeatable")


@pytest.mark.rule("suite.verdict.own-fault", "suite.verdict.own-case")
def test_suite_exception_in_a_property_is_not_a_verdict() -> None:
    examples: list[int] = []

    def broken(trial: Trial, numbers: list[int]) -> None:
        examples.append(len(numbers))
        trial.expect("grit.id", {"numbers": numbers}, {"ok": {"sum": sum(numbers)}})
        if len(numbers) > 3:
            raise ZeroDivisionError("in the property itself")

    properties = [PROPERTY, Property("grit/tree/broken", (RULE,), broken, NUMBERS)]
    outcomes = run(FakeSubject(summing(10**9)), [accept()], properties)
    found = outcomes["grit/tree/broken"]
    assert (found.verdict, found.cause, found.rule) == ("error", "suite", None)
    assert found.detail is not None
    assert "ZeroDivisionError: in the property itself; drawn: {'numbers': [" in found.detail
    assert examples.count(examples[-1]) == 1 or max(examples) == examples[-1], "the exception was shrunk"
    assert outcomes[PROPERTY.name].verdict == "pass"
    judged = judge_run(tuple(outcomes.values()), BOOK, ["grit"], [])
    assert (judged.exit, judged.unexpected) == (4, 0)


@pytest.mark.rule("suite.verdict.own-case")
def test_suite_exception_in_a_vector_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = many(12)
    guilty = cases[5].name

    def take(self: vector_runner.VectorRun, answers: Sequence[Any]) -> bool:
        if self.case.name == guilty:
            raise ZeroDivisionError("a bug in the judge")
        return honestly(self, answers)

    honestly = vector_runner.VectorRun.take
    monkeypatch.setattr(vector_runner.VectorRun, "take", take)
    outcomes = run(FakeSubject(honest), cases)
    assert {name: (found.verdict, found.cause) for name, found in outcomes.items()} == {
        case.name: ("error", "suite") if case.name == guilty else ("pass", None) for case in cases
    }


@pytest.mark.rule("suite.search.span")
def test_search_ends_with_its_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock)

    def slow(trial: Trial, numbers: list[int]) -> None:
        clock.now += 1
        adding(trial, numbers)

    properties = [replace(PROPERTY, name=f"grit/tree/slow-{at}", body=slow) for at in range(4)]
    for most in (10**9, 1000):  # the second one fails, and shrinking it would take long
        clock.now = 0.0
        subject = FakeSubject(summing(most))
        outcomes = run(subject, many(40), properties, profile="search", search_s=40.0, home=tmp_path)
        assert 40 <= clock.now <= 42
        found = {outcomes[each.name].verdict for each in properties}
        assert "error" not in found, "a failure at the end of the time is reported as an error"
        assert ("fail" in found) is (most == 1000)
        asked = [outcomes[each.name].requests for each in properties]
        assert most == 1000 or min(asked) > max(asked) / 3, "the shares are not equal"
    clock.now = 0.0
    outcomes = run(FakeSubject(summing(10**9)), properties=properties, profile="search", search_s=0.5, home=tmp_path)
    assert clock.now == 1
    assert [found.reason for found in outcomes.values()] == ["the time of the search was over"] * 4


@pytest.mark.rule("suite.search.span")
def test_vectors_end_with_the_time_of_a_search(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock)

    def slow(op: str, args: dict[str, Json]) -> Answer:
        clock.now += 1
        asked.append(str(args["n"]))
        return honest(op, args)

    asked: list[str] = []
    cases = [*many(600), *(reject(f"grit/tree/bad-{at}", twin=f"grit/tree/good-{at}") for at in range(600))]
    outcomes = run(FakeSubject(slow), cases, profile="search", search_s=200.0, home=tmp_path)
    assert 200 <= clock.now <= 220
    found = [outcome.verdict for outcome in outcomes.values()]
    assert found.count("pass") > 50
    assert found.count("pass") + found.count("skip") == 1200
    skipped = {outcome.reason for outcome in outcomes.values() if outcome.verdict == "skip"}
    assert skipped == {"the time of the search was over"}
    assert len(set(asked)) > found.count("pass"), "rejects that ran before their twins were not skipped"


@pytest.mark.rule("suite.search.span")
def test_search_without_time_for_a_control_skips_the_harness(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock)

    def late(trial: Trial) -> None:
        trial.expect("grit.id", {}, {"ok": {"id": 1}})
        clock.now += 100

    names = (f"harness/frame/drawn-{at}" for at in range(100))
    first = next(name for name in names if case_order(1, name) < case_order(1, "grit/tree/good-0"))
    properties, watched = [Property(first, ("harness.frame.line",), late)], ("harness.frame.line",)
    search: dict[str, Any] = {"profile": "search", "search_s": 40.0, "home": tmp_path}
    outcomes = run(FakeSubject(honest), many(1), properties, watched, **search)
    assert len(outcomes) == 3
    assert {(each.verdict, each.reason) for each in outcomes.values()} == {("skip", "the time of the search was over")}
    assert set(verdicts(run(FakeSubject(honest), many(1), properties, watched)).values()) == {"pass"}


@pytest.mark.parametrize("seed", range(4))
def test_shrinking_keeps_the_first_kind_of_failure(seed: int) -> None:
    seen: list[str] = []

    def body(trial: Trial, number: int) -> None:
        if number > 20:
            words, rule = ("large", "grit.blob.any") if number > 500 else ("small", RULE)
            seen.append(words)
            trial.fail(0, number, words=words, rule=rule)

    property_ = Property("grit/tree/two", (RULE,), body, {"number": st.integers(0, 1000)})
    found = run(FakeSubject(honest), properties=[property_], seed=seed)["grit/tree/two"]
    assert found.signature == seen[0]
    assert found.rule == {"large": "grit.blob.any", "small": RULE}[seen[0]]
    assert found.divergence is not None
    assert found.divergence.got == {"large": 501, "small": 21}[seen[0]], "the failure is not the smallest of its kind"


def test_shrinking_ends_with_its_budget() -> None:
    shortened = run(FakeSubject(summing(1000)), properties=[PROPERTY], shrink_s=0.0)["grit/tree/sums"]
    patient = run(FakeSubject(summing(1000)), properties=[PROPERTY])["grit/tree/sums"]
    assert (shortened.verdict, shortened.signature) == ("fail", patient.signature)
    assert shortened.requests < patient.requests
    assert patient.divergence is not None
    assert patient.divergence.expected == 1001


def test_case_that_needs_a_restart_is_skipped_when_attached() -> None:
    def body(trial: Trial) -> None:
        trial.subject.kill()

    subject = FakeSubject(honest)
    subject.attached = True
    found = run(subject, properties=[Property("grit/store/crash", (RULE,), body, kind="crash")])["grit/store/crash"]
    assert (found.verdict, found.reason) == ("skip", "attached without restart")


def test_properties_may_depend_on_the_claims() -> None:
    def body(trial: Trial, number: int) -> None:
        trial.expect("grit.id", {"numbers": [number]}, {"ok": {"sum": trial.claims.limits["cas_names"]}})

    property_ = Property(
        "grit/tree/limit", (RULE,), body, lambda claims: {"number": st.just(claims.limits["cas_names"])}
    )
    subject = FakeSubject(summing(10**9), fake_claims(limits={**fake_claims().limits, "cas_names": 77}))
    assert verdicts(run(subject, properties=[property_])) == {"grit/tree/limit": "pass"}
    assert subject.asked[0] == ("grit.id", {"numbers": [77]})
