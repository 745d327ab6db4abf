"""Reports: format, seal, stability, merging, and that texts are derived from the lines alone."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gritstone_conformance import SPEC_VERSION
from gritstone_conformance.attachment.target import Target
from gritstone_conformance.cli import main
from gritstone_conformance.errors import DataError, UsageError
from gritstone_conformance.planning.context import RunContext, header_line, header_of
from gritstone_conformance.planning.plan import Selection, make_plan
from gritstone_conformance.planning.settings import RunSettings
from gritstone_conformance.planning.suite import SuiteData, load_data
from gritstone_conformance.results.judgement import judge_run, verdict_root
from gritstone_conformance.results.merging import merge_outcomes, merged_header
from gritstone_conformance.results.outcomes import Divergent, Outcome
from gritstone_conformance.results.report import Report, footer_line, read_report, write_report, write_sealed
from gritstone_conformance.rules import load_rules
from gritstone_conformance.running.plan_runner import execute
from gritstone_conformance.running.verification import conclude
from gritstone_conformance.schemas import violation
from gritstone_conformance.vectors.files import VectorSet
from selftests.fakes.subject import HELLO, FakeSubject, accept, fake_book, honest, reject

BOOK = fake_book()
TOLD = Divergent(0, "grit.id", "/id", 1, "\u001b[31m2", 1, {"n": "x"})
OUTCOMES = (
    Outcome("grit/tree/good", "a" * 64, "vector", ("grit.tree.key-order",), "MUST", "pass", 1, 0.25),
    Outcome(
        "grit/tree/bad",
        "b" * 64,
        "property",
        ("grit.tree.key-order",),
        "MUST",
        "fail",
        7,
        0.5,
        rule="grit.tree.key-order",
        signature="expected ok got refused:invalid",
        divergence=TOLD,
        found="found/0123456789abcdef.json",
        shrunk_from=41,
    ),
    Outcome("grit/tree/c", "c" * 64, "vector", ("grit.blob.any",), "MUST", "error", cause="hung:blocked", detail="x"),
    Outcome("grit/tree/d", "d" * 64, "vector", ("grit.blob.any",), "MUST", "skip", reason="format x is not claimed"),
)


def header(**changes: Any) -> dict[str, Any]:
    context = RunContext(Target("stdio", ("./adapter", "--fast")))
    made = header_line(BOOK, "0" * 64, context, HELLO, "2026-01-02T03:04:05.678Z")
    return {**made, **changes}


def write(path: Path, outcomes: tuple[Outcome, ...] = OUTCOMES, **changes: Any) -> Path:
    judgement = judge_run(outcomes, BOOK, ("grit",), ())
    footer = footer_line(outcomes, judgement, 0, "2026-01-02T03:04:06.000Z")
    write_report(path, header(**changes), outcomes, footer)
    return path


@pytest.mark.rule("suite.rules.judged")
@pytest.mark.parametrize(
    ("spoken", "spec"), [(["7.1"], "7.1"), (["7.1", "7.2"], "7.2"), (["8.0"], SPEC_VERSION), (None, SPEC_VERSION)]
)
def test_header_names_the_judged_version(spoken: list[str] | None, spec: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spec: :rule:`suite.rules.judged`."""
    monkeypatch.setattr("gritstone_conformance.attachment.claims.SPEC_VERSIONS", ("7.1", "7.2"))
    iut = None if spoken is None else {**HELLO, "spec": spoken}
    made = header_of(RunContext(Target("stdio")), load_data(), iut, "2026-01-02T03:04:05.678Z")
    assert made["spec"] == spec


@pytest.mark.rule("suite.exit.law", "suite.verdict.total")
def test_report_is_read_as_it_was_written(tmp_path: Path) -> None:
    report = read_report(write(tmp_path / "deep" / "report.jsonl"))
    assert report.outcomes == OUTCOMES
    assert report.header == header()
    assert report.footer["cases"] == {"pass": 1, "fail": 1, "error": 1, "skip": 1}
    assert report.footer["exit"] == 1
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["report.jsonl"]


def test_every_line_matches_the_schema(tmp_path: Path) -> None:
    for line in write(tmp_path / "r").read_bytes().splitlines():
        assert violation("report", json.loads(line)) is None


@pytest.mark.rule("suite.report.sealed")
def test_report_truncated_at_any_line_is_rejected(tmp_path: Path) -> None:
    rows = write(tmp_path / "r").read_bytes().splitlines(keepends=True)
    for count in range(len(rows)):
        (tmp_path / "cut").write_bytes(b"".join(rows[:count]))
        with pytest.raises(DataError):
            read_report(tmp_path / "cut")


@pytest.mark.rule("suite.report.sealed")
def test_report_with_any_byte_changed_is_rejected(tmp_path: Path) -> None:
    raw = write(tmp_path / "r").read_bytes()
    body = raw[: raw.rstrip(b"\n").rfind(b"\n") + 1]
    for at in range(len(body)):
        (tmp_path / "changed").write_bytes(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])
        with pytest.raises(DataError):
            read_report(tmp_path / "changed")


@pytest.mark.rule("suite.report.sealed")
def test_footer_with_wrong_counts_is_rejected(tmp_path: Path) -> None:
    rows = write(tmp_path / "r").read_bytes().splitlines(keepends=True)
    footer = json.loads(rows[-1])
    (tmp_path / "r").write_bytes(b"".join(rows[:-1]) + json.dumps({**footer, "lines": 9}).encode() + b"\n")
    with pytest.raises(DataError, match="the footer states 9 lines, the file has 5"):
        read_report(tmp_path / "r")


@pytest.mark.parametrize(
    ("raw", "words"),
    [(b"", "not a header"), (b"{}\n", "not a header"), (b"nonsense\n", "line 1 is not JSON"), (b"[]\n", "not a JSON")],
)
def test_invalid_report_is_rejected_in_one_line(tmp_path: Path, raw: bytes, words: str) -> None:
    (tmp_path / "r").write_bytes(raw)
    with pytest.raises(DataError, match=words) as caught:
        read_report(tmp_path / "r")
    assert "\n" not in str(caught.value)


def test_missing_report_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        read_report(tmp_path / "none")


@pytest.mark.parametrize(("line", "member"), [(0, "today"), (-1, "conforms")])
def test_sealed_report_with_an_incomplete_end_is_rejected(tmp_path: Path, line: int, member: str) -> None:
    rows = [json.loads(row) for row in write(tmp_path / "r.jsonl").read_bytes().splitlines()]
    del rows[line][member]
    footer = {name: value for name, value in rows[-1].items() if name != "sha256"}
    write_sealed(tmp_path / "r.jsonl", rows[0], rows[1:-1], footer)
    with pytest.raises(DataError, match=f'"{member}" is a required property'):
        read_report(tmp_path / "r.jsonl")


def test_sealed_case_line_without_a_member_is_rejected(tmp_path: Path) -> None:
    rows = write(tmp_path / "r").read_bytes().splitlines(keepends=True)
    rows[1] = rows[1].replace(b'"level":"MUST",', b"")
    footer = json.loads(rows[-1])
    footer["sha256"] = hashlib.sha256(b"".join(rows[:-1])).hexdigest()
    (tmp_path / "r").write_bytes(b"".join(rows[:-1]) + json.dumps(footer).encode() + b"\n")
    with pytest.raises(DataError, match=r"line 2 is not a valid report line: /: .level. is a required property"):
        read_report(tmp_path / "r")


def run_gate(tmp_path: Path, name: str) -> bytes:
    plan = make_plan([accept(), reject(), accept("grit/tree/x")], (), ("harness.frame.line",), Selection(), 1)
    result = execute(plan, FakeSubject(honest), BOOK, RunSettings(saves=False), lambda _: None)
    return write(tmp_path / name, result.outcomes).read_bytes()


def without_times(raw: bytes) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in raw.splitlines()]
    for line in lines:
        for name in ("started", "finished", "times", "sha256"):
            line.pop(name, None)
    return lines


@pytest.mark.rule("suite.report.stable")
def test_two_runs_differ_only_in_times(tmp_path: Path) -> None:
    one, two = run_gate(tmp_path, "one"), run_gate(tmp_path, "two")
    assert without_times(one) == without_times(two)
    assert b'"verdict":"pass"' in one


@pytest.mark.rule("suite.report.stable")
def test_rules_are_in_the_order_of_their_case() -> None:
    rules = [f"grit.tree.rule-{number}" for number in range(30)]
    for order in (rules, rules[::-1]):
        assert replace(OUTCOMES[0], rules=tuple(order)).to_json()["rules"] == order


@pytest.mark.rule("suite.report.stable")
def test_report_does_not_depend_on_the_hash_seed(tmp_path: Path) -> None:
    reports = []
    for seed in ("1", "2"):
        command = [sys.executable, "-m", "gritstone_conformance.cli", "verify", "-k", "grit/tree/*"]
        command += ["--iut", f"{sys.executable} -m gritstone.harness", "--report", f"{seed}.jsonl"]
        done = subprocess.run(command, cwd=tmp_path, env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True)
        assert done.returncode == 0, done.stderr
        reports.append(without_times((tmp_path / f"{seed}.jsonl").read_bytes()))
    assert max(len(line.get("rules", ())) for line in reports[0]) > 1
    assert reports[0] == reports[1]


class Silent:
    """A listener that ignores every event."""

    def begin(self, header: Any, notes: Any) -> None:
        pass

    def notice(self, outcome: Outcome) -> None:
        pass

    def progress(self, case: str, seconds: float, tries: int) -> None:
        pass

    def end(self, conclusion: Any) -> None:
        pass


@pytest.mark.rule("suite.exit.law", "suite.exit.nothing")
@pytest.mark.parametrize(("outcomes", "code"), [(OUTCOMES, 1), (OUTCOMES[:1], 0), (OUTCOMES[3:], 3), ((), 3)])
def test_exit_code_of_a_run_equals_the_footers(tmp_path: Path, outcomes: tuple[Outcome, ...], code: int) -> None:
    data, path = SuiteData(BOOK, VectorSet((), "0" * 64)), tmp_path / "r"
    assert conclude(RunContext(Target("stdio"), report=path), data, header(), outcomes, 0, Silent()) == code
    assert read_report(path).footer["exit"] == code


@pytest.mark.rule("suite.verdict.total")
def test_each_outcome_is_one_line(tmp_path: Path) -> None:
    lines = [json.loads(line) for line in write(tmp_path / "r").read_bytes().splitlines()]
    assert [line["case"] for line in lines[1:-1]] == [outcome.case for outcome in OUTCOMES]
    assert [line["verdict"] for line in lines[1:-1]] == [outcome.verdict for outcome in OUTCOMES]


def part(index: int, count: int, outcomes: tuple[Outcome, ...], **changes: Any) -> Report:
    return Report(header(shard=[index, count], **changes), outcomes, {"restarts": 1})


WATCH = Outcome("harness/watch/x", "e" * 64, "watch", ("harness.frame.line",), "MUST", "pass", 10)


def test_merged_parts_equal_the_whole() -> None:
    parts = [part(1, 2, (*OUTCOMES[2:], WATCH)), part(0, 2, (*OUTCOMES[:2], replace(WATCH, requests=5)))]
    merged = merge_outcomes(parts)
    assert merged_header(parts) == header()
    assert verdict_root(merged) == verdict_root((*OUTCOMES, WATCH))
    assert next(found.requests for found in merged if found.case == WATCH.case) == 15


def test_merged_watch_has_the_worst_verdict() -> None:
    failed = replace(WATCH, verdict="fail", rule=WATCH.rules[0], signature="protocol:frame.line")
    for order in ((WATCH, failed), (failed, WATCH)):
        (found,) = merge_outcomes([part(0, 2, order[:1]), part(1, 2, order[1:])])
        assert found.verdict == "fail"


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ([], "no reports to merge"),
        ([part(0, 2, ())], "expected the shards 0 to 1 of 2"),
        ([part(0, 2, ()), part(0, 2, ())], "expected the shards 0 to 1 of 2"),
        ([part(0, 2, ()), part(1, 3, ())], "expected the shards 0 to 1 of 2"),
        ([part(0, 2, ()), part(1, 2, (), seed=2)], "seed differs"),
        ([part(0, 2, ()), part(1, 2, (), vectors="1" * 64)], "vectors differs"),
    ],
)
def test_parts_of_different_runs_are_rejected(parts: list[Report], words: str) -> None:
    with pytest.raises(DataError, match=words):
        merged_header(parts)


def test_case_in_two_parts_is_rejected() -> None:
    with pytest.raises(DataError, match="is in two parts"):
        merge_outcomes([part(0, 2, OUTCOMES[:1]), part(1, 2, OUTCOMES[:1])])


def test_text_is_derived_from_the_lines_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(write(tmp_path / "r", rules=load_rules().digest))]) == 1
    output = capsys.readouterr().out
    assert "FAIL grit.tree.key-order          grit/tree/bad   shrunk: 41 requests -> 1" in output
    assert load_rules().rules["grit.tree.key-order"].text[:60] in output
    assert f"gritstone replay {tmp_path}/found/0123456789abcdef.json --iut './adapter --fast'" in output
    assert "ERROR grit/tree/c   hung:blocked" in output
    assert "not claimed: 1 × x" in output
    assert "fake 1 does not conform to grit of spec 0.1   exit 1" in output
    assert "\u001b" not in output
    assert r"\x1b[31m2" in output


def test_several_reports_need_merge(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(write(tmp_path / "r"))
    assert main(["report", path, path]) == 2
    assert capsys.readouterr().err == "gritstone: several reports require --merge FILE\n"
