"""The bundled audits: the checker's verdict on each one, their format, and the lint's report on a wrong one."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gritstone_conformance.attachment.base64url import decode_bytes
from gritstone_conformance.bundled import vectors_dir
from gritstone_conformance.cli import main
from gritstone_conformance.model.findings import FAULTS
from gritstone_conformance.rules import load_rules
from gritstone_conformance.vectors.audits import Audit, judge_audit, lint_audits, load_audits

BUNDLED = {audit.name: audit for file in load_audits() for audit in file.audits}
FORGED = [audit for audit in BUNDLED.values() if audit.finding is not None]
SEEN_BY_THE_BUNDLE = {"name"}  # a name without a tree is rejected before the history is checked


def fault_of(audit: Audit) -> str:
    return str((audit.finding or {}).get("fault", "legal"))


@pytest.mark.rule("suite.audit.recorded")
@pytest.mark.parametrize("name", BUNDLED)
def test_checker_finds_the_fault_of_each_audit(name: str) -> None:
    assert judge_audit(BUNDLED[name]) is None


def test_every_fault_has_a_forged_history_in_both_formats() -> None:
    forged = {(fault_of(audit), audit.format) for audit in FORGED}
    wanted = set(FAULTS) - SEEN_BY_THE_BUNDLE
    assert forged == {(fault, fmt) for fault in wanted for fmt in ("framed-sha256", "cbor-blake3")}


def test_each_twin_differs_from_its_forged_history() -> None:
    def content(audit: Audit) -> tuple[object, ...]:
        return audit.bundle, audit.earlier, audit.injected

    assert all(content(audit) != content(BUNDLED[audit.twin or ""]) for audit in FORGED)


@pytest.mark.parametrize("member", ["check", "fault", "rule", "path"])
def test_different_finding_is_reported(member: str) -> None:
    audit = BUNDLED["audit/history/another-core"]
    assert audit.finding is not None
    other = {"check": 9, "fault": "outbox", "rule": "wit.admit.outbox", "path": "heads/0"}[member]
    words = judge_audit(replace(audit, finding={**audit.finding, member: other}))
    assert words is not None
    assert "recompute" in words


def test_wrong_verdict_on_an_audit_is_reported_either_way() -> None:
    forged = BUNDLED["audit/history/lost-mail"]
    legal = BUNDLED["audit/history/lost-mail-legal"]
    assert "expected a legal history" in (judge_audit(replace(forged, finding=None)) or "")
    assert "found nothing" in (judge_audit(replace(legal, finding=forged.finding)) or "")
    assert "1 findings are unverified" not in (judge_audit(replace(legal, unverified=1)) or "")
    assert "0 findings are unverified, expected 1" in (judge_audit(replace(legal, unverified=1)) or "")


@pytest.mark.parametrize("fault", ["bootstrap", "foreign", "unsent", "recompute", "mark", "lost", "bundle"])
def test_command_returns_the_same_verdict(fault: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    audit = next(audit for audit in FORGED if fault_of(audit) == fault)
    twin = BUNDLED[audit.twin or ""]
    for each in (audit, twin):
        (tmp_path / "x.grit").write_bytes(decode_bytes(each.bundle))
        options = ["--at-rest"] if each.at_rest else []
        code = main(["audit", str(tmp_path / "x.grit"), *options, "--report", str(tmp_path / "report.jsonl")])
        output = capsys.readouterr().out
        assert (code == 0) == (each is twin), output
        assert each is twin or str((audit.finding or {})["rule"]) in output
        assert each is twin or fault == "bundle" or f"detail       {fault} at " in output
        assert each is not twin or "0 findings · " in output
        assert each is not twin or "continuation (--before)" in output


def write_audits(root: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    wanted = {"audit/history/lost-mail", "audit/history/lost-mail-legal"}
    content = json.loads((vectors_dir() / "audit" / "history.json").read_text(encoding="utf-8"))
    content["audits"] = [copy.deepcopy(each) for each in content["audits"] if each["name"] in wanted]
    content["audits"].sort(key=lambda each: str(each["name"]))
    content["count"] = 2
    change(content)
    (root / "audit").mkdir()
    (root / "audit" / "history.json").write_text(json.dumps(content), encoding="utf-8")
    return root


def test_two_valid_audits_have_no_findings(tmp_path: Path) -> None:
    assert list(lint_audits(write_audits(tmp_path, lambda content: None), load_rules())) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda content: content.update(count=3), "count is 3, there are 2 audits"),
        (lambda content: content.update(topic="marks"), "its topic requires the name audit/marks.json"),
        (
            lambda content: content["audits"][0].update(name="audit/marks/x"),
            "its name does not begin with audit/history/",
        ),
        (lambda content: content["audits"][0].update(name=content["audits"][1]["name"]), "the name occurs twice"),
        (lambda content: content["audits"][0].update(twin="audit/history/none"), "is not a legal history of this file"),
        (
            lambda content: content["audits"][0].update(twin="audit/history/lost-mail"),
            "is not a legal history of this file",
        ),
        (lambda content: content["audits"][0].pop("twin"), '"twin" is a required property'),
        (
            lambda content: content["audits"][1].update(format="cbor-blake3"),
            "is not a legal history of this file and format",
        ),
        (
            lambda content: content["audits"][0].update(rules=["runtime.route.lost"]),
            "names runtime.route.lost, which is",
        ),
        (lambda content: content["audits"][0]["finding"].update(check=13), "names the fault lost, which check 13"),
        (lambda content: content["audits"][0]["finding"].update(fault="gone"), "names the fault gone, which check 14"),
        (lambda content: content["audits"][0].update(bundle="="), "does not match"),
    ],
)
def test_lint_reports_each_fault(tmp_path: Path, change: Callable[[dict[str, Any]], None], words: str) -> None:
    findings = list(lint_audits(write_audits(tmp_path, change), load_rules()))
    assert any(words in finding for finding in findings), findings


def test_invalid_json_is_reported(tmp_path: Path) -> None:
    (write_audits(tmp_path, lambda content: None) / "audit" / "more.json").write_text("{")
    assert any("audit/more.json: not JSON" in finding for finding in lint_audits(tmp_path, load_rules()))


def test_command_judges_all_audits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["vectors", "--root", str(write_audits(tmp_path, lambda content: None)), "--audits"]) == 0
    assert capsys.readouterr().out == "audits: 2 judged, 0 with an unexpected result\n"
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    write_audits(wrong, lambda content: content["audits"][0].update(at_rest=False))
    assert main(["vectors", "--root", str(wrong), "--audits"]) == 4
    assert "audits: 2 judged, 1 with an unexpected result" in capsys.readouterr().out
