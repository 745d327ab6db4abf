"""An implementation without ``grit.import`` is judged by the cases that use imports only to set up their store."""

from __future__ import annotations

from pathlib import Path

import pytest

from gritstone_conformance.cases import Case, CaseStep, Requires
from gritstone_conformance.model.formats import CBOR_BLAKE3
from gritstone_conformance.model.refusals import ok
from gritstone_conformance.model.values import Blob, Tree, to_base64
from gritstone_conformance.replies import Json, Ok, Trouble
from gritstone_conformance.results.report import read_report
from gritstone_conformance.running.import_replacement import INSTEAD, without_import
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.trial import Property, Trial
from selftests.fakes.runs import run as run_fake
from selftests.fakes.subject import Answer, FakeSubject, fake_claims
from selftests.terminal import Run, mutant, planted, verify

CLAIMS = fake_claims(profiles=["grit", "wit"])


def graph() -> Graph:
    made = Graph(CBOR_BLAKE3)
    made.references["tags/a"] = made.add(Tree((("b", made.add(Blob((), b"below"))),)))
    return made


def importing(name: str, data: bytes, expect: dict[str, Json] | None = None) -> Case:
    half = len(data) // 2
    steps = (
        CaseStep("grit.import", {"store": "s", "bytes": to_base64(data[:half]), "more": True}, ok(objects=0, refs=0)),
        CaseStep("grit.import", {"store": "s", "bytes": to_base64(data[half:]), "more": False}, expect or ok()),
        CaseStep("wit.step", {"store": "s"}, ok(step="a"), "wit.admit.kind"),
    )
    return Case(name, ("wit.update.merge",), Requires(), steps)


@pytest.mark.rule("suite.set-up.import")
def test_import_is_replaced_by_puts_of_children_first() -> None:
    made = graph()
    case = without_import(importing("wit/update/x", made.bundle()))
    blob, tree = made.encodings
    assert [step.op for step in case.steps] == ["grit.put", "grit.put", "grit.cas", "wit.step"]
    assert [step.expect for step in case.steps[:3]] == [ok(id=blob.hex()), ok(id=tree.hex()), ok()]
    assert case.steps[2].args["changes"] == [{"name": "tags/a", "old": None, "new": tree.hex()}]
    assert case.steps[3].rule == "wit.admit.kind"


def test_rejected_import_or_one_with_a_tombstone_is_kept() -> None:
    refused = importing("wit/update/x", graph().bundle(), {"refused": "rejected"})
    assert [step.op for step in without_import(refused).steps][-2:] == ["grit.import", "wit.step"]
    cut = importing("wit/update/x", graph().bundle()[:-1])
    assert [step.op for step in without_import(cut).steps][-2:] == ["grit.import", "wit.step"]


@pytest.mark.rule("suite.set-up.import")
@pytest.mark.parametrize("how", ["unsupported", "error"])
def test_cases_of_wit_are_judged_without_imports(run: Run, how: str) -> None:
    code, out, _ = run(*verify(f"{planted('without')} {how} grit.import", "-k", "wit/merge/*", "--quiet"))
    outcomes = [each for each in read_report(Path(".gritstone/report.jsonl")).outcomes if each.profile == "wit"]
    assert {each.verdict for each in outcomes} == {"pass"}, out
    assert sum(each.detail == INSTEAD for each in outcomes) > 20
    assert code == 0, out


def test_fault_of_wit_is_found_without_imports(run: Run) -> None:
    command = mutant("any-previous-is-admitted").removesuffix("gritstone.harness")
    code, out, _ = run(
        *verify(
            f"{command}selftests.fakes.planted.without error grit.import",
            "-k",
            "wit/admit/no-previous*",
            "--quiet",
        )
    )
    outcomes = read_report(Path(".gritstone/report.jsonl")).outcomes
    assert {each.rule for each in outcomes if each.verdict == "fail"} == {"wit.admit.previous"}, out
    assert not [each for each in outcomes if each.verdict == "error"]
    assert code == 1


def answering(op: str, args: dict[str, Json]) -> Answer:
    if op == "grit.import":
        return Trouble("no such operation")
    if op == "grit.put":
        return Ok(
            {"id": next(each.hex() for each, data in graph().encodings.items() if to_base64(data) == args["bytes"])}
        )
    return Ok({"step": "a"} if op == "wit.step" else {})


def test_property_that_imports_is_run_again() -> None:
    def body(trial: Trial) -> None:
        for step in importing("wit/channel/x", graph().bundle()).steps:
            trial.expect(step.op, step.args, step.expect)

    names = ("wit/channel/x", "wit/channel/y")
    found = run_fake(
        FakeSubject(answering, CLAIMS), properties=[Property(name, ("wit.channel.unread",), body) for name in names]
    )
    assert {name: found[name].verdict for name in names} == dict.fromkeys(names, "pass")


def test_error_for_one_bundle_is_an_error_of_its_case() -> None:
    def answer(op: str, args: dict[str, Json]) -> Answer:
        empty = op == "grit.import" and args["store"] == "set-up"
        return Ok({"objects": 0, "refs": 0}) if empty else answering(op, args)

    case = importing("wit/update/x", graph().bundle())
    assert run_fake(FakeSubject(answer, CLAIMS), [case])["wit/update/x"].verdict == "error"
    assert run_fake(FakeSubject(answering, CLAIMS), [case])["wit/update/x"].verdict == "pass"
    about = importing("grit/tree/x", graph().bundle())
    assert run_fake(FakeSubject(answering, CLAIMS), [about])["grit/tree/x"].verdict == "error"
