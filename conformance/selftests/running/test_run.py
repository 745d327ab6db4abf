"""A run on a fake implementation: pipelining, causes, resending, bindings, places."""

from __future__ import annotations

import os

import pytest

from gritstone_conformance.cases import CaseStep, Requires
from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.planning.plan import Selection, make_plan
from gritstone_conformance.planning.settings import RunSettings
from gritstone_conformance.replies import Json, Ok, Refused, Trouble, Unsupported
from gritstone_conformance.running.plan_runner import RunResult, execute, execute_nothing
from gritstone_conformance.running.temporary_paths import names_in
from gritstone_conformance.running.vector_runner import segments
from selftests.fakes.runs import BOOK, RULE, many, run, verdicts
from selftests.fakes.subject import Answer, FakeSubject, accept, honest, reject


@pytest.mark.rule("suite.verdict.total")
def test_every_planned_case_has_one_outcome() -> None:
    subject = FakeSubject(honest)
    found = run(subject, [*many(20), accept(), reject()])
    assert set(verdicts(found).values()) == {"pass"}
    assert len(subject.asked) == 22
    assert subject.closed


def test_wrong_answer_fails_only_its_case() -> None:
    wrong = FakeSubject(lambda op, args: Ok({"id": 2 if args["n"] == "grit/tree/good-7" else 1}))
    found = run(wrong, many(20))
    assert [name for name, verdict in verdicts(found).items() if verdict != "pass"] == ["grit/tree/good-7"]
    outcome = found["grit/tree/good-7"]
    assert (outcome.verdict, outcome.rule, outcome.signature) == ("fail", RULE, "expected value got value at /id")
    assert outcome.divergence is not None
    assert (outcome.divergence.step, outcome.divergence.path, outcome.divergence.expected, outcome.divergence.got) == (
        0,
        "/id",
        1,
        2,
    )


def test_unsupported_is_a_failure_and_error_is_an_error() -> None:
    answers: dict[str, Answer] = {"grit/tree/a": Unsupported("grit.id"), "grit/tree/b": Trouble("out of luck")}
    found = run(FakeSubject(lambda op, args: answers[args["n"]]), [accept("grit/tree/a"), accept("grit/tree/b")])
    assert found["grit/tree/a"].signature == "expected ok got unsupported"
    assert (found["grit/tree/b"].verdict, found["grit/tree/b"].cause) == ("error", "adapter")
    assert found["grit/tree/b"].detail == "out of luck"


@pytest.mark.rule("suite.verdict.total")
def test_unclaimed_operation_is_never_requested() -> None:
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
    """An implementation that dies each time it is asked for one of the named cases."""

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
def test_death_fails_only_its_own_case() -> None:
    found = run(FakeSubject(Fragile("grit/tree/good-37")), many(100))
    assert [name for name, verdict in verdicts(found).items() if verdict != "pass"] == ["grit/tree/good-37"]
    outcome = found["grit/tree/good-37"]
    assert (outcome.verdict, outcome.cause, outcome.detail) == ("error", "dead:signal-SEGV", "stderr is empty")


@pytest.mark.rule("suite.crash.isolated")
def test_death_that_does_not_recur_is_unreproduced() -> None:
    subject = FakeSubject(Fragile("grit/tree/good-3", once=True))
    outcome = run(subject, many(10))["grit/tree/good-3"]
    assert (outcome.verdict, outcome.detail) == ("error", "unreproduced: stderr is empty")
    assert subject.kills == 1, "the request is sent again in a new process"


@pytest.mark.rule("suite.crash.not-refusal")
def test_death_is_not_a_refusal() -> None:
    found = run(FakeSubject(Fragile("grit/tree/bad")), [accept(), reject()])
    assert verdicts(found) == {"grit/tree/good": "pass", "grit/tree/bad": "error"}


@pytest.mark.rule("suite.liveness.three")
def test_late_answer_is_an_error_and_the_process_continues() -> None:
    subject = FakeSubject(
        lambda op, args: SubjectFault("late", "6 s") if args["n"].endswith("-2") else honest(op, args)
    )
    found = run(subject, many(10))
    assert found["grit/tree/good-2"].cause == "late"
    assert sum(verdict == "pass" for verdict in verdicts(found).values()) == 9
    assert len(subject.asked) == 10, "a request was sent again"


def test_fault_under_a_rule_of_the_case_fails_it() -> None:
    fault = SubjectFault("protocol:frame.line", "not JSON", "harness.frame.line")
    case = accept("harness/frame/line", rule="harness.frame.line")
    found = run(FakeSubject(lambda op, args: fault), [case])["harness/frame/line"]
    assert (found.verdict, found.rule, found.signature) == ("fail", "harness.frame.line", "protocol:frame.line")


def test_watch_fails_on_the_first_violation_of_its_rule() -> None:
    def answer(op: str, args: dict[str, Json]) -> Answer:
        if args["n"] == "grit/tree/good-5":
            return SubjectFault("protocol:frame.line", "not JSON: hello", "harness.frame.line")
        return honest(op, args)

    found = run(FakeSubject(answer), many(10), watched=("harness.frame.line", "harness.reply.order"))
    outcome = found["harness/watch/frame-line"]
    assert (outcome.verdict, outcome.detail, outcome.rule) == ("fail", "not JSON: hello", "harness.frame.line")
    assert found["harness/watch/reply-order"].verdict == "pass"
    assert found["grit/tree/good-5"].verdict == "error"


@pytest.mark.rule("suite.verdict.total", "suite.liveness.bounded")
def test_run_gives_up_on_a_process_that_never_answers() -> None:
    subject = FakeSubject(lambda op, args: SubjectFault("hung:blocked", "no reply"))
    found = run(subject, many(50), watched=("harness.frame.line",))
    causes = [outcome.cause for outcome in found.values() if outcome.kind == "vector"]
    assert causes.count("not-run") == 48
    assert len(subject.asked) <= 4 * 50
    assert found["harness/watch/frame-line"].verdict == "skip"


def steps_with_binding() -> tuple[CaseStep, ...]:
    return (
        CaseStep("grit.put", {"store": "s"}, {"ok": {"id": {"$": "x"}}}),
        CaseStep("grit.get", {"store": "s", "id": {"$": "x"}}, {"ok": {"bytes": "AA"}}),
        CaseStep("grit.has", {"store": "s", "ids": [{"$": "x"}]}, {"ok": {"has": [True]}}),
    )


def test_step_waits_only_for_the_answer_it_uses() -> None:
    steps = steps_with_binding()
    assert segments(steps, [names_in(step.args) for step in steps]) == (range(1), range(1, 3))
    placed = (CaseStep("grit.open", {"dir": {"$": "dir"}}, {"ok": {}}), *many(1)[0].steps)
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


def test_places_are_created_and_removed() -> None:
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
    steps = (CaseStep("grit.open", place, {"ok": {}}),)
    found = run(FakeSubject(answer), [accept(f"grit/store/{n}", steps=steps, value=n) for n in "a"])
    assert set(verdicts(found).values()) == {"pass"}
    assert seen[0]["dir"] != seen[0]["more"]
    assert not any(os.path.exists(seen[0][name]) for name in ("dir", "more", "to"))


def test_handles_that_a_case_leaves_open_are_closed() -> None:
    steps = (CaseStep("grit.open", {"store": "s"}, {"ok": {}}), CaseStep("grit.open", {"store": "t"}, {"ok": {}}))
    closing = (*steps, CaseStep("grit.close", {"store": "s"}, {"ok": {}}))
    subject = FakeSubject(lambda op, args: Ok({}))
    run(subject, [accept("grit/store/leaves", steps=closing)])
    assert [args["store"] for op, args in subject.asked if op == "grit.close"] == ["s", "t"]


def test_handles_are_closed_when_a_case_fails_early() -> None:
    steps = (CaseStep("grit.open", {"store": "s"}, {"ok": {}}), *steps_with_binding())
    subject = FakeSubject(lambda op, args: Refused("invalid") if op == "grit.put" else Ok({}))
    found = run(subject, [accept("grit/store/early", steps=steps)])
    assert verdicts(found) == {"grit/store/early": "fail"}
    assert [op for op, _ in subject.asked] == ["grit.open", "grit.put", "grit.close"]


@pytest.mark.rule("suite.verdict.total")
def test_run_without_hello_has_a_line_for_each_case() -> None:
    plan = make_plan([accept(), reject()], (), ("harness.frame.line",), Selection(), 1)
    found = execute_nothing(plan, SubjectFault("dead:exit-1", "stderr: no such option", "harness.frame.line"), BOOK)
    assert {outcome.cause for outcome in found} == {"not-started"}
    assert len(found) == 3


def test_result_contains_claims_and_restarts() -> None:
    subject = FakeSubject(Fragile("grit/tree/good-1"))
    plan = make_plan(many(3), (), (), Selection(), 1)
    result = execute(plan, subject, BOOK, RunSettings(saves=False), lambda _: None)
    assert isinstance(result, RunResult)
    assert (result.claims.name, result.restarts) == ("fake", 2)
