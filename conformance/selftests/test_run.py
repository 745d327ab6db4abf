"""A run on a fake implementation: pipelining, blame, resending, bindings, properties, shrinking, found cases."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.configuration import storage_directory
from hypothesis.internal.conjecture import providers

from gritstone_conformance.cases import Case, Requires, Step
from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.replies import Json, Ok, Refused, Trouble, Unsupported
from gritstone_conformance.running.outcomes import Outcome
from gritstone_conformance.running.places import names_in
from gritstone_conformance.running.plan import Selection, make_plan
from gritstone_conformance.running.run import RunResult, execute, execute_nothing
from gritstone_conformance.running.settings import RunSettings
from gritstone_conformance.running.window import segments
from gritstone_conformance.trial import Property, Trial
from gritstone_conformance.vectors.files import read_vector_file
from gritstone_conformance.vectors.found import locate, was_signature
from selftests.fakes import Answer, FakeSubject, accept, fake_book, fake_claims, honest, reject

BOOK = fake_book()
RULE = "grit.tree.key-order"


def run(
    subject: FakeSubject,
    cases: Any = (),
    properties: Any = (),
    watched: tuple[str, ...] = (),
    home: Path | None = None,
    **settings: Any,
) -> dict[str, Outcome]:
    plan = make_plan(cases, properties, watched, Selection(), 1)
    options = RunSettings(saves=home is not None, home=home or Path(), **settings)
    result = execute(plan, subject, BOOK, options, lambda _: None)
    assert [found.case for found in result.outcomes] == [item.name for item in plan.items]
    return {found.case: found for found in result.outcomes}


def many(count: int) -> list[Case]:
    return [accept(f"grit/tree/good-{number}") for number in range(count)]


def verdicts(outcomes: dict[str, Outcome]) -> dict[str, str]:
    return {name: found.verdict for name, found in outcomes.items()}


@pytest.mark.rule("suite.verdict.total")
def test_every_planned_case_gets_one_outcome_and_the_subject_is_closed() -> None:
    subject = FakeSubject(honest)
    found = run(subject, [*many(20), accept(), reject()])
    assert set(verdicts(found).values()) == {"pass"}
    assert len(subject.asked) == 22
    assert subject.closed


def test_a_wrong_answer_fails_its_case_only() -> None:
    wrong = FakeSubject(lambda op, args: Ok({"id": 2 if args["n"] == "grit/tree/good-7" else 1}))
    found = run(wrong, many(20))
    assert [name for name, verdict in verdicts(found).items() if verdict != "pass"] == ["grit/tree/good-7"]
    told = found["grit/tree/good-7"]
    assert (told.verdict, told.rule, told.signature) == ("fail", RULE, "expected value got value at /id")
    assert told.divergence is not None
    assert (told.divergence.step, told.divergence.path, told.divergence.expected, told.divergence.got) == (
        0,
        "/id",
        1,
        2,
    )


def test_unsupported_fails_and_an_error_is_an_error() -> None:
    answers: dict[str, Answer] = {"grit/tree/a": Unsupported("grit.id"), "grit/tree/b": Trouble("out of luck")}
    found = run(FakeSubject(lambda op, args: answers[args["n"]]), [accept("grit/tree/a"), accept("grit/tree/b")])
    assert found["grit/tree/a"].signature == "expected ok got unsupported"
    assert (found["grit/tree/b"].verdict, found["grit/tree/b"].cause) == ("error", "adapter")
    assert found["grit/tree/b"].detail == "out of luck"


@pytest.mark.rule("suite.verdict.total")
def test_what_is_not_claimed_is_never_asked() -> None:
    needs = [
        accept("grit/tree/a", requires=Requires(formats=("cbor-blake3",))),
        accept("grit/tree/b", requires=Requires(features=("erase",))),
        accept("wit/tree/c"),
    ]
    subject = FakeSubject(honest)
    found = run(subject, needs)
    assert [outcome.reason for _, outcome in sorted(found.items())] == [
        "format cbor-blake3 is not claimed",
        "feature erase is not claimed",
        "profile wit is not claimed",
    ]
    assert subject.asked == []


class Fragile:
    """Dies each time it is asked for one of the named cases."""

    def __init__(self, *fatal: str, once: bool = False) -> None:
        self.fatal = set(fatal)
        self.once = once

    def __call__(self, op: str, args: dict[str, Json]) -> Answer:
        if args.get("n") in self.fatal:
            if self.once:
                self.fatal.discard(args["n"])
            return SubjectFault("dead:signal-SEGV", "stderr is empty")
        return honest(op, args)


@pytest.mark.rule("suite.crash.isolated")
def test_a_death_marks_its_own_case_only() -> None:
    found = run(FakeSubject(Fragile("grit/tree/good-37")), many(100))
    assert [name for name, verdict in verdicts(found).items() if verdict != "pass"] == ["grit/tree/good-37"]
    told = found["grit/tree/good-37"]
    assert (told.verdict, told.cause, told.detail) == ("error", "dead:signal-SEGV", "stderr is empty")


@pytest.mark.rule("suite.crash.isolated")
def test_a_death_that_does_not_come_again_is_unreproduced() -> None:
    subject = FakeSubject(Fragile("grit/tree/good-3", once=True))
    told = run(subject, many(10))["grit/tree/good-3"]
    assert (told.verdict, told.detail) == ("error", "unreproduced: stderr is empty")
    assert subject.kills == 1, "it is asked again in a fresh process"


@pytest.mark.rule("suite.crash.not-refusal")
def test_a_death_is_no_refusal() -> None:
    found = run(FakeSubject(Fragile("grit/tree/bad")), [accept(), reject()])
    assert verdicts(found) == {"grit/tree/good": "pass", "grit/tree/bad": "error"}


@pytest.mark.rule("suite.liveness.three")
def test_a_late_answer_is_an_error_and_the_process_goes_on() -> None:
    subject = FakeSubject(
        lambda op, args: SubjectFault("late", "6 s") if args["n"].endswith("-2") else honest(op, args)
    )
    found = run(subject, many(10))
    assert found["grit/tree/good-2"].cause == "late"
    assert sum(verdict == "pass" for verdict in verdicts(found).values()) == 9
    assert len(subject.asked) == 10, "nothing is sent again"


def test_a_fault_under_a_rule_of_the_case_fails_it() -> None:
    fault = SubjectFault("protocol:frame.line", "not JSON", "harness.frame.line")
    case = accept("harness/frame/line", rule="harness.frame.line")
    found = run(FakeSubject(lambda op, args: fault), [case])["harness/frame/line"]
    assert (found.verdict, found.rule, found.signature) == ("fail", "harness.frame.line", "protocol:frame.line")


def test_a_watch_fails_on_the_first_breach_of_its_rule() -> None:
    def answer(op: str, args: dict[str, Json]) -> Answer:
        if args["n"] == "grit/tree/good-5":
            return SubjectFault("protocol:frame.line", "not JSON: hello", "harness.frame.line")
        return honest(op, args)

    found = run(FakeSubject(answer), many(10), watched=("harness.frame.line", "harness.reply.order"))
    told = found["harness/watch/frame-line"]
    assert (told.verdict, told.detail, told.rule) == ("fail", "not JSON: hello", "harness.frame.line")
    assert found["harness/watch/reply-order"].verdict == "pass"
    assert found["grit/tree/good-5"].verdict == "error"


@pytest.mark.rule("suite.verdict.total", "suite.liveness.bounded")
def test_it_gives_up_on_one_that_never_answers() -> None:
    subject = FakeSubject(lambda op, args: SubjectFault("hung:blocked", "no reply"))
    found = run(subject, many(50), watched=("harness.frame.line",))
    causes = [outcome.cause for outcome in found.values() if outcome.kind == "vector"]
    assert causes.count("not-run") == 48
    assert len(subject.asked) <= 4 * 50
    assert found["harness/watch/frame-line"].verdict == "skip"


def steps_with_binding() -> tuple[Step, ...]:
    return (
        Step("grit.put", {"store": "s"}, {"ok": {"id": {"$": "x"}}}),
        Step("grit.get", {"store": "s", "id": {"$": "x"}}, {"ok": {"bytes": "AA"}}),
        Step("grit.has", {"store": "s", "ids": [{"$": "x"}]}, {"ok": {"has": [True]}}),
    )


def test_a_step_waits_for_the_answer_it_uses_and_for_no_other() -> None:
    steps = steps_with_binding()
    assert segments(steps, [names_in(step.args) for step in steps]) == (range(1), range(1, 3))
    placed = (Step("grit.open", {"dir": {"$": "dir"}}, {"ok": {}}), *many(1)[0].steps)
    assert segments(placed, [names_in(step.args) for step in placed]) == (range(2),)


def test_bound_values_are_sent_and_compared() -> None:
    def answer(op: str, args: dict[str, Json]) -> Answer:
        match op:
            case "grit.put":
                return Ok({"id": "f00d"})
            case "grit.get":
                return Ok({"bytes": "AA"}) if args["id"] == "f00d" else Refused("missing")
            case "grit.has":
                return Ok({"has": [args["ids"] == ["f00d"]]})
            case _:
                return honest(op, args)

    cases = [*many(5), accept("grit/store/bound", steps=steps_with_binding())]
    assert set(verdicts(run(FakeSubject(answer), cases)).values()) == {"pass"}


def test_places_are_provided_and_removed() -> None:
    seen: list[dict[str, Json]] = []

    def answer(op: str, args: dict[str, Json]) -> Answer:
        if op == "grit.open":
            assert os.path.isdir(args["dir"])
            assert os.listdir(args["dir"]) == []
            assert not os.path.exists(args["to"])
            assert os.path.isdir(os.path.dirname(args["to"]))
            seen.append(args)
        return Ok({})

    place = {"store": "s", "dir": {"$": "dir"}, "more": {"$": "dir-1"}, "to": {"$": "path"}}
    steps = (Step("grit.open", place, {"ok": {}}),)
    found = run(FakeSubject(answer), [accept(f"grit/store/{n}", steps=steps, value=n) for n in "a"])
    assert set(verdicts(found).values()) == {"pass"}
    assert seen[0]["dir"] != seen[0]["more"]
    assert not any(os.path.exists(seen[0][name]) for name in ("dir", "more", "to"))


def test_what_a_case_leaves_open_is_closed() -> None:
    steps = (Step("grit.open", {"store": "s"}, {"ok": {}}), Step("grit.open", {"store": "t"}, {"ok": {}}))
    closing = (*steps, Step("grit.close", {"store": "s"}, {"ok": {}}))
    subject = FakeSubject(lambda op, args: Ok({}))
    run(subject, [accept("grit/store/leaves", steps=closing)])
    assert [args["store"] for op, args in subject.asked if op == "grit.close"] == ["s", "t"]


def test_what_a_case_opened_is_closed_when_it_fails_early() -> None:
    steps = (Step("grit.open", {"store": "s"}, {"ok": {}}), *steps_with_binding())
    subject = FakeSubject(lambda op, args: Refused("invalid") if op == "grit.put" else Ok({}))
    found = run(subject, [accept("grit/store/early", steps=steps)])
    assert verdicts(found) == {"grit/store/early": "fail"}
    assert [op for op, _ in subject.asked] == ["grit.open", "grit.put", "grit.close"]


@pytest.mark.rule("suite.verdict.total")
def test_one_that_never_said_hello_gets_a_line_for_each_case() -> None:
    plan = make_plan([accept(), reject()], (), ("harness.frame.line",), Selection(), 1)
    found = execute_nothing(plan, SubjectFault("dead:exit-1", "stderr: no such option", "harness.frame.line"), BOOK)
    assert {outcome.cause for outcome in found} == {"not-started"}
    assert len(found) == 3


def adding(trial: Trial, numbers: list[int]) -> None:
    """The sum of numbers is answered; the control is an empty list."""
    trial.expect("grit.id", {"numbers": []}, {"ok": {"sum": 0}})
    for number in numbers:
        trial.expect("grit.id", {"numbers": [number]}, {"ok": {"sum": number}})


def summing(limit: int) -> Any:
    def answer(op: str, args: dict[str, Json]) -> Answer:
        total = sum(args["numbers"])
        return Ok({"sum": total if total < limit else limit})

    return answer


NUMBERS = {"numbers": st.lists(st.integers(0, 10_000), max_size=8)}
PROPERTY = Property("grit/tree/sums", (RULE,), adding, NUMBERS)


def test_a_property_that_holds_passes() -> None:
    found = run(FakeSubject(summing(10**9)), properties=[PROPERTY])["grit/tree/sums"]
    assert (found.verdict, found.kind) == ("pass", "property")
    assert found.requests > 100


@pytest.mark.rule("suite.property.gate")
def test_the_gate_sends_the_same_lines_in_every_run() -> None:
    def lines(**settings: Any) -> list[str]:
        subject = FakeSubject(summing(10**9))
        run(subject, properties=[PROPERTY], **settings)
        return subject.lines()

    assert lines() == lines()
    assert lines(seed=2) != lines()


def test_the_engine_keeps_its_files_beside_the_reports(tmp_path: Path) -> None:
    seen: set[Path] = set()

    def body(trial: Trial, number: int) -> None:
        seen.add(storage_directory().path)

    before = storage_directory().path
    property_ = Property("grit/tree/numbers", (RULE,), body, {"number": st.integers()})
    run(FakeSubject(honest), properties=[property_], home=tmp_path)
    assert seen == {tmp_path / "hypothesis"}
    assert storage_directory().path == before


def counting(most: int) -> Any:
    """Answer how much was injected since the start, as far as one can count."""
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


def test_nothing_is_left_out_that_moves_a_runtime(tmp_path: Path) -> None:
    property_ = Property("grit/tree/sums", (RULE,), injecting, {"numbers": st.lists(st.integers(1, 40), max_size=8)})
    found = run(FakeSubject(counting(100)), properties=[property_], home=tmp_path)["grit/tree/sums"]
    assert found.found is not None
    (case,) = read_vector_file(tmp_path / found.found).cases
    ops = [step.op for step in case.steps]
    assert ops == ["runtime.start", *["runtime.inject"] * (len(ops) - 2), "runtime.ready"], "only looks are left out"
    assert verdicts(run(FakeSubject(counting(100)), [case])) == {case.name: "fail"}
    assert verdicts(run(FakeSubject(counting(10**9)), [case])) == {case.name: "pass"}, "what is expected is right"


@pytest.mark.rule("suite.property.gate")
def test_draws_do_not_depend_on_what_else_is_loaded() -> None:
    seen: list[int] = []

    def body(trial: Trial, number: int) -> None:
        seen.append(len(providers._get_local_constants()))

    run(FakeSubject(honest), properties=[Property("grit/tree/n", (RULE,), body, {"number": st.integers()})])
    assert set(seen) == {0}, "literals of loaded source files are not drawn"


def test_a_failure_is_shrunk_saved_and_replayable(tmp_path: Path) -> None:
    found = run(FakeSubject(summing(1000)), properties=[PROPERTY], home=tmp_path)["grit/tree/sums"]
    assert (found.verdict, found.rule, found.signature) == ("fail", RULE, "expected value got value at /sum")
    assert found.divergence is not None
    assert (found.divergence.expected, found.divergence.got) == (1001, 1000), "the smallest number that is wrong"
    assert found.divergence.steps == 1, "what had nothing to do with it is left out"
    assert found.found is not None
    assert found.shrunk_from is not None
    assert found.shrunk_from >= 2

    (case,) = read_vector_file(tmp_path / found.found).cases
    assert case.steps == (Step("grit.id", {"numbers": [1001]}, {"ok": {"sum": 1001}}),)
    assert case.name == f"grit/tree/found-{case.identity()[:8]}"
    assert case.judge == "exact"
    assert case.origin == {"by": "shrunk", "from": "grit/tree/sums", "seed": 1}
    assert was_signature(case) == found.signature
    assert locate(case.identity()[:8], tmp_path) == tmp_path / found.found

    assert verdicts(run(FakeSubject(summing(1000)), [case])) == {case.name: "fail"}
    assert verdicts(run(FakeSubject(summing(10**9)), [case])) == {case.name: "pass"}


def test_a_failure_that_its_lines_do_not_show_is_kept_as_history(tmp_path: Path) -> None:
    def body(trial: Trial) -> None:
        trial.observe("grit.id", {"n": "good"})
        trial.fail(1, 2, words="took too long")

    found = run(FakeSubject(honest), properties=[Property("grit/tree/slow", (RULE,), body)], home=tmp_path)
    told = found["grit/tree/slow"]
    assert (told.verdict, told.signature) == ("fail", "took too long")
    assert told.found is not None
    assert read_vector_file(tmp_path / told.found).cases[0].judge == "history"


def test_a_fault_ends_a_property_at_once() -> None:
    subject = FakeSubject(lambda op, args: SubjectFault("hung:spinning", "5 s of processor time"))
    found = run(subject, properties=[PROPERTY])["grit/tree/sums"]
    assert (found.verdict, found.cause) == ("error", "hung:spinning")
    assert len(subject.asked) <= 2


@pytest.mark.rule("suite.crash.not-refusal")
@pytest.mark.parametrize("cause", ["dead:exit-0", "dead:exit-1", "dead:signal-SEGV", "dead:closed", "hung:blocked"])
def test_a_fault_is_no_answer_that_a_property_waits_for(cause: str) -> None:
    def refusing(trial: Trial) -> None:
        trial.expect("grit.id", {"n": "good"}, {"ok": {"id": 1}})
        trial.expect("grit.id", {"n": "fatal"}, {"refused": "invalid"})

    def answer(op: str, args: dict[str, Json]) -> Answer:
        return SubjectFault(cause, "stderr is empty") if args["n"] == "fatal" else honest(op, args)

    property_ = Property("grit/tree/refusing", (RULE,), refusing)
    fatal = accept(
        "grit/tree/fatal", steps=(Step("grit.id", {"n": "fatal"}, {"any": [{"refused": "invalid"}, {"ok": {}}]}),)
    )
    found = run(FakeSubject(answer), [fatal], properties=[property_])
    assert [(told.verdict, told.cause) for told in found.values()] == [("error", cause)] * 2


class FailsToClose(FakeSubject):
    """Breaks when a store is closed."""

    def ask_each(self, requests: Any) -> list[Answer]:
        if requests[0][0] != "grit.close":
            return super().ask_each(requests)
        self.faults.append(SubjectFault("dead:exit-9", "while closing"))
        return [self.faults[-1]]


def test_a_fault_while_cleaning_up_is_the_propertys_error() -> None:
    def body(trial: Trial, number: int) -> None:
        trial.expect("grit.open", {"store": "s", "dir": trial.directory()}, {"ok": {}})

    property_ = Property("grit/store/opens", (RULE,), body, {"number": st.integers()})
    found = run(FailsToClose(lambda op, args: Ok({})), properties=[property_])["grit/store/opens"]
    assert (found.verdict, found.cause, found.detail) == ("error", "dead:exit-9", "while closing")


def test_a_search_draws_more_and_goes_on_for_its_span(tmp_path: Path) -> None:
    few = replace(PROPERTY, examples=2)

    def lines(profile: str, **settings: Any) -> list[str]:
        subject = FakeSubject(summing(10**9))
        plan = make_plan((), [few], (), Selection(), 1)
        execute(plan, subject, BOOK, RunSettings(profile=profile, home=tmp_path, **settings), lambda _: None)
        return subject.lines()

    gate, once, longer = lines("gate"), lines("search"), lines("search", search_s=0.5)
    empty = json.dumps(["grit.id", {"numbers": []}])
    assert gate.count(empty) == 2
    assert once.count(empty) == 20, "ten times the examples"
    assert longer.count(empty) > 40
    assert len(set(longer)) > len(set(once)), "further rounds draw something else"


def test_a_failure_that_does_not_come_again_is_told_as_such() -> None:
    asked: list[int] = []

    def answer(op: str, args: dict[str, Json]) -> Answer:
        asked.append(1)
        return Ok({"sum": -1 if len(asked) == 9 else sum(args["numbers"])})

    found = run(FakeSubject(answer), properties=[PROPERTY])["grit/tree/sums"]
    assert found.verdict == "fail"
    assert found.detail is not None
    assert found.detail.startswith("not repeatable")


@pytest.mark.rule("suite.verdict.own-fault")
def test_an_exception_of_the_suite_is_no_verdict() -> None:
    def broken(trial: Trial, numbers: list[int]) -> None:
        raise ZeroDivisionError("in the property itself")

    with pytest.raises(ZeroDivisionError):
        run(FakeSubject(honest), properties=[Property("grit/tree/broken", (RULE,), broken, NUMBERS)])


@pytest.mark.parametrize("seed", range(4))
def test_shrinking_keeps_to_the_first_kind_of_failure(seed: int) -> None:
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
    assert found.divergence.got == {"large": 501, "small": 21}[seen[0]], "and still finds the smallest of its kind"


def test_shrinking_ends_with_its_budget() -> None:
    hasty = run(FakeSubject(summing(1000)), properties=[PROPERTY], shrink_s=0.0)["grit/tree/sums"]
    patient = run(FakeSubject(summing(1000)), properties=[PROPERTY])["grit/tree/sums"]
    assert (hasty.verdict, hasty.signature) == ("fail", patient.signature)
    assert hasty.requests < patient.requests
    assert patient.divergence is not None
    assert patient.divergence.expected == 1001


def test_a_case_that_needs_a_restart_is_skipped_when_attached() -> None:
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


def test_the_result_names_claims_and_restarts() -> None:
    subject = FakeSubject(Fragile("grit/tree/good-1"))
    plan = make_plan(many(3), (), (), Selection(), 1)
    result = execute(plan, subject, BOOK, RunSettings(saves=False), lambda _: None)
    assert isinstance(result, RunResult)
    assert (result.claims.name, result.restarts) == ("fake", 2)
