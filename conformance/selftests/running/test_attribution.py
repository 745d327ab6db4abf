"""A wrong answer is reported under the rule that it violates, not under the rule of the case that found it.

Each planted fault is an entry of ``mutants/``; the cases are those that once reported it under their own rule.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gritstone_conformance.attachment.base64url import encode_bytes
from gritstone_conformance.cases import CaseStep
from gritstone_conformance.judge import Difference, compare
from gritstone_conformance.model.bundle import write
from gritstone_conformance.model.formats import FRAMED_SHA256
from gritstone_conformance.model.limits import Limits
from gritstone_conformance.model.values import Blob
from gritstone_conformance.properties.relying import relying
from gritstone_conformance.replies import Json, Ok, Refused, Reply
from gritstone_conformance.reporting.conclusions import closing_lines
from gritstone_conformance.reporting.messages import Teller
from gritstone_conformance.results.judgement import judge_run
from gritstone_conformance.results.outcomes import Divergent, Outcome
from gritstone_conformance.results.repeated_replies import linked
from gritstone_conformance.results.report import read_report
from gritstone_conformance.running.attribution import attributed_rule, rule_alone
from gritstone_conformance.trial import Property, Trial
from gritstone_conformance.vectors.files import read_vector_file
from selftests.fakes.runs import run as run_fake
from selftests.fakes.subject import Answer, FakeSubject
from selftests.reporting.test_messages import BOOK, HEADER, failed
from selftests.terminal import Run, mutant, verify

PLANTED = (
    ("framed-writes-headers-as-they-come", "grit/name/near-twins-framed", "grit.header.order"),
    ("framed-writes-headers-as-they-come", "grit/transcode/not-a-bundle-cbor", "grit.header.order"),
    ("names-of-references-may-be-two-dots", "harness/store/dir-only", "grit.ref.grammar"),
    ("a-second-genesis-runs", "wit/genesis/program-in-the-core", "wit.genesis.again"),
    ("a-second-genesis-runs", "wit/genesis/handler-in-the-core", "wit.genesis.again"),
    ("any-previous-is-admitted", "wit/update/failing-code-framed", "wit.admit.previous"),
    ("a-wrong-proposal-is-rejected", "wit/puppet/leave-framed", "wit.proposal.valid"),
    ("a-wrong-proposal-is-rejected", "wit/transition/no-stale-framed", "wit.proposal.valid"),
    ("what-is-absent-is-a-tombstone", "wit/puppet/generated-framed", "wit.admit.closed"),
    ("a-run-that-is-stale-is-adopted", "runtime/head/stale-framed", "runtime.head.cas"),
    ("what-is-queued-has-no-previous", "runtime/golden/s3-free", "runtime.agent.inject"),
    ("a-receipt-is-queued-behind-nothing", "runtime/receipt/sent-cbor", "runtime.receipt.form"),
    ("a-failure-leaves-no-mark", "runtime/fail/bad-steps-cbor", "runtime.fail.mark"),
    ("a-tombstone-of-a-bundle-erases", "grit/erase/not-over-bytes-framed", "grit.bundle.no-erase"),
    ("flow-a-cycle-is-no-defect", "flow/check/graphs", "flow.check.defects"),
    ("flow-a-guard-without-an-exit-holds", "flow/check/graphs", "flow.check.guard"),
    ("limit-is-one-late", "harness/hello/later-offers", "grit.object.size-limit"),
)


@pytest.mark.parametrize(("fault", "case", "rule"), PLANTED)
def test_planted_fault_is_reported_under_its_rule(run: Run, fault: str, case: str, rule: str) -> None:
    code, out, _ = run(*verify(mutant(fault), "-k", case, "--quiet"))
    assert code == 1, out
    outcomes = read_report(Path(".gritstone/report.jsonl")).outcomes
    assert {outcome.rule for outcome in outcomes if outcome.verdict == "fail"} == {rule}, out


def test_encoder_that_keeps_the_header_order_returns_valid_ids(run: Run) -> None:
    code, out, _ = run(*verify(mutant("framed-writes-headers-as-they-come"), "-k", "grit/id/whole-framed", "--quiet"))
    assert code == 0, out


TREE = b"tree 68\0b\0" + bytes([2]) * 32 + b"a\0" + bytes([1]) * 32


def encoding(entries: list[list[str]], got: bytes) -> str:
    step = CaseStep(
        "grit.encode", {"format": "framed-sha256", "object": {"kind": "tree", "entries": entries}}, {"ok": {}}
    )
    return attributed_rule("grit.tree.name-bytewise", step, Difference("/bytes", "AA", encode_bytes(got), "x"))


def test_keys_in_request_order_violate_the_order_rule() -> None:
    descending = [["b", "02" * 32], ["a", "01" * 32]]
    assert encoding(descending, TREE) == "grit.tree.key-order"
    assert encoding(descending[::-1], TREE) == "grit.tree.name-bytewise", "the encoder changes the order itself"
    assert encoding(descending, b"tree 1\0") == "grit.tree.name-bytewise", (
        "bytes that are not an object have other faults"
    )
    assert encoding(descending, TREE[:8] + TREE[42:] + TREE[8:42]) == "grit.tree.name-bytewise", "the order is correct"


def test_bundle_with_unordered_keys_violates_the_order_rule() -> None:
    data = write(FRAMED_SHA256, {}, {})
    step = CaseStep("grit.transcode", {}, {"ok": {}})
    assert attributed_rule("grit.transcode.shape", step, Difference("/bundle", "AA", encode_bytes(data), "x")) == (
        "grit.transcode.shape"
    )
    blob = b"blob 9\0b\x001\0a\x002\0\0"
    tree = b"tree 34\0x\0" + FRAMED_SHA256.hash(blob)
    frames: dict[bytes, bytes | None] = {FRAMED_SHA256.hash(each): each for each in (blob, tree)}
    spelled = encode_bytes(write(FRAMED_SHA256, {"tags/x": FRAMED_SHA256.hash(tree)}, frames))
    assert (
        attributed_rule("grit.transcode.shape", step, Difference("/bundle", "AA", spelled, "x")) == "grit.header.order"
    )


@pytest.mark.parametrize(
    ("rule", "expected", "got", "blamed"),
    [
        ("wit.puppet.leave", {"ok": {}}, {"refused": "invalid", "code": "proposal"}, "wit.proposal.valid"),
        ("wit.puppet.leave", {"refused": "invalid", "code": "proposal"}, {"ok": {}}, "wit.proposal.valid"),
        ("wit.puppet.leave", {"ok": {}}, {"refused": "rejected", "code": "failed"}, "wit.puppet.leave"),
        ("wit.kind.precedence", {"ok": {}}, {"refused": "invalid", "code": "proposal"}, "wit.kind.precedence"),
        ("wit.transition.class", {"ok": {}}, {"refused": "invalid", "code": "proposal"}, "wit.transition.class"),
    ],
)
def test_wrong_proposal_violates_the_proposal_rule(rule: str, expected: Json, got: Json, blamed: str) -> None:
    assert attributed_rule(rule, CaseStep("wit.step", {}, {}), Difference("", expected, got, "x")) == blamed


@pytest.mark.parametrize(("broken", "rule"), [("grit.import", "grit.blob.any"), ("", "grit.store.flat")])
def test_failing_case_runs_the_control_of_the_rule_it_relies_on(broken: str, rule: str) -> None:
    def body(trial: Trial) -> None:
        def control() -> None:
            trial.expect("grit.import", {"n": "control"}, {"ok": {"id": 1}}, rule="grit.blob.any")

        with relying(trial, control, "an import", rule="grit.store.flat"):
            trial.expect("grit.transcode", {"n": "body"}, {"ok": {"id": 1}})

    def answer(op: str, args: dict[str, Json]) -> Answer:
        return Ok({"id": 2 if op in ("grit.transcode", broken) else 1})

    subject = FakeSubject(answer)
    found = run_fake(subject, properties=[Property("grit/tree/relies", ("grit.tree.key-order",), body)])
    outcome = found["grit/tree/relies"]
    assert outcome.rule == rule
    assert ((outcome.detail or "") == "found by a case that relies on this: an import fails too") is bool(broken)
    assert outcome.divergence is not None
    assert outcome.divergence.op == (broken or "grit.transcode")


def test_passing_case_runs_no_control() -> None:
    def body(trial: Trial) -> None:
        with relying(trial, lambda: pytest.fail("the control was run"), "an import"):
            trial.expect("grit.transcode", {"n": "body"}, {"ok": {"id": 1}})

    found = run_fake(
        FakeSubject(lambda op, args: Ok({"id": 1})), properties=[Property("grit/tree/x", ("a.b.c",), body)]
    )
    assert found["grit/tree/x"].verdict == "pass"


def again(name: str, rule: str, steps: int, **members: Json) -> Outcome:
    told = Divergent(steps - 1, "grit.get", "/bytes", "AA", "BB", steps, {"store": "s", "id": "0f"})
    return failed(name, rule=rule, divergence=replace(told, **members))


@pytest.mark.rule("suite.report.follows")
def test_failure_with_the_same_reply_names_the_rule_of_the_smallest_case() -> None:
    small, large = again("grit/blob/x", "grit.blob.any", 2), again("grit/tree/x", "grit.tree.key-order", 3)
    both = linked((large, small))
    assert [outcome.may_follow_from for outcome in both] == ["grit.blob.any", None]
    assert [outcome.verdict for outcome in both] == ["fail", "fail"]
    lines = closing_lines(HEADER, both, judge_run(both, BOOK, ("grit",), ()), "r.jsonl")
    assert lines[-1].startswith("2 rules fail, 0 errors")
    assert Outcome.from_json(both[0].to_json()) == both[0]
    shown = Teller(BOOK, {}, HEADER, Path(), 100).block(both[0], {})
    assert "  may follow   from grit.blob.any, which failed with the same reply to the same request" in shown
    assert "grit.blob.any" not in shown[0]


@pytest.mark.rule("suite.report.follows")
@pytest.mark.parametrize(
    "members",
    [{"args": {"store": "s", "id": "10"}}, {"got": "CC"}, {"path": "/other"}, {"op": "grit.put"}, {"expected": "DD"}],
    ids=str,
)
def test_failure_with_another_request_or_reply_follows_from_nothing(members: dict[str, Json]) -> None:
    small, large = again("grit/blob/x", "grit.blob.any", 2), again("grit/tree/x", "grit.tree.key-order", 3, **members)
    assert [outcome.may_follow_from for outcome in linked((large, small))] == [None, None]


@pytest.mark.rule("suite.report.follows")
def test_arguments_that_were_cut_are_no_evidence() -> None:
    cut = {"args": {"bytes": "AA…9999 characters…BB"}}
    small, large = (
        again("grit/blob/x", "grit.blob.any", 2, **cut),
        again("grit/tree/x", "grit.tree.key-order", 3, **cut),
    )
    assert [outcome.may_follow_from for outcome in linked((large, small))] == [None, None]


@pytest.mark.rule("suite.report.follows")
def test_independent_faults_are_not_said_to_follow(run: Run) -> None:
    run(*verify(mutant("a-failure-leaves-no-mark"), "-k", "runtime/fail/*-framed", "--quiet"))
    outcomes = read_report(Path(".gritstone/report.jsonl")).outcomes
    failures = [outcome for outcome in outcomes if outcome.verdict == "fail"]
    assert len({outcome.rule for outcome in failures}) > 2
    for outcome in failures:
        same = {each.rule for each in failures if _wrong_reply(each) == _wrong_reply(outcome)}
        assert outcome.may_follow_from in {None, *same} - {outcome.rule}


def _wrong_reply(outcome: Outcome) -> Json:
    told = outcome.divergence
    return None if told is None else [told.op, told.args, told.path, told.expected, told.got]


def checked(rule: str, wanted: list[list[str]], got: Json) -> str:
    step = CaseStep("flow.check", {}, {"ok": {"defects": wanted}})
    reply = Ok({"defects": got}) if isinstance(got, list) else got
    difference = compare(step.expect, reply, {})
    assert difference is not None
    found = attributed_rule(rule, step, difference)
    assert attributed_rule(found, step, difference) == found, "the attribution is final"
    return found


def test_defect_that_is_missing_decides_which_rule_is_violated() -> None:
    guard, cycle, shape = ["a", "guard"], ["b", "cycle"], ["", "shape"]
    assert checked("flow.check.guard", [guard, cycle], [guard]) == "flow.check.defects"
    assert checked("flow.check.guard", [cycle], []) == "flow.check.defects"
    assert checked("flow.check.guard", [guard, cycle], [cycle]) == "flow.check.guard"
    assert checked("flow.check.guard", [guard, cycle], []) == "flow.check.guard"
    assert checked("flow.check.defects", [cycle], [guard, cycle]) == "flow.check.guard"
    assert checked("flow.check.total", [cycle], [cycle, cycle]) == "flow.check.defects"
    assert checked("flow.check.defects", [cycle], Refused("invalid")) == "flow.check.total"
    assert checked("flow.check.closed", [shape], []) == "flow.check.closed", "a narrower rule than the list"


def alone(rule: str, op: str, data: bytes, expect: dict[str, Json], reply: Reply) -> str:
    step = CaseStep(op, {"format": "framed-sha256", "bytes": encode_bytes(data)}, expect)
    difference = compare(expect, reply, {})
    assert difference is not None
    return rule_alone(rule, step, difference, Limits(object_bytes=1 << 20))


@pytest.mark.rule("suite.shrink.rule")
def test_rule_on_earlier_requests_is_not_blamed_without_any() -> None:
    later, large, blob = "harness.hello.in-force", bytes((1 << 20) + 1), FRAMED_SHA256.encode(Blob((), b"x"))
    exhausted, done = {"refused": "exhausted"}, {"ok": {"id": "0" * 64}}
    assert alone(later, "grit.id", large, exhausted, Ok({"id": "1" * 64})) == "grit.object.size-limit"
    assert alone(later, "grit.id", blob, done, Ok({"id": "1" * 64})) == "grit.id.whole"
    assert alone(later, "grit.decode", b"tree 1\0", {"refused": "malformed"}, Ok({})) != later
    assert alone("harness.frame.limit", "grit.id", blob, done, Ok({"id": "1" * 64})) == "harness.frame.limit"
    assert alone(later, "grit.put", blob, done, Ok({"id": "1" * 64})) == later


@pytest.mark.rule("suite.shrink.rule")
def test_shrunk_case_violates_the_rule_of_its_failure() -> None:
    """Without the first request the second one has another fault, with the same signature."""
    asked: list[str] = []

    def answer(op: str, args: dict[str, Json]) -> Answer:
        asked.append(op)
        if op == "ping":
            return Ok({})
        places = "ac" if "ping" in asked[-2:] else "zb"
        return Ok({"defects": [[places[0], "cycle"], [places[1], "guard"]]})

    def body(trial: Trial) -> None:
        trial.expect("ping", {}, {"ok": {}})
        trial.expect("flow.check", {}, {"ok": {"defects": [["a", "cycle"], ["b", "guard"]]}})

    checks = Property("grit/tree/x", ("flow.check.guard",), body)
    outcome = run_fake(FakeSubject(answer), properties=[checks])["grit/tree/x"]
    assert outcome.divergence is not None
    assert (outcome.rule, outcome.divergence.steps) == ("flow.check.guard", 2)


@pytest.mark.rule("suite.shrink.rule")
def test_saved_case_fails_by_the_rule_of_the_failure(tmp_path: Path) -> None:
    def body(trial: Trial) -> None:
        with relying(trial, lambda: None, "nothing", rule="grit.blob.any"):
            trial.expect("grit.id", {"n": 1}, {"ok": {"id": 2}}, rule="grit.id.whole")

    item = Property("grit/tree/x", ("a.b.c",), body)
    outcome = run_fake(FakeSubject(lambda op, args: Ok({"id": 1})), properties=[item], home=tmp_path)["grit/tree/x"]
    assert outcome.rule == "grit.blob.any"
    (case,) = read_vector_file(tmp_path / str(outcome.found)).cases
    again = run_fake(FakeSubject(lambda op, args: Ok({"id": 1})), [case])[case.name]
    assert (again.verdict, again.rule) == ("fail", outcome.rule)
