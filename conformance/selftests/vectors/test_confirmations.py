"""Confirmations: the implementations that gave the expected replies of a vector, from reports of whole runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gritstone_conformance.bundled import vectors_dir
from gritstone_conformance.cases import Case
from gritstone_conformance.cli import main
from gritstone_conformance.reporting import verdict_files
from gritstone_conformance.results.report import Report
from gritstone_conformance.vectors.confirmations import (
    CONFIRMED,
    confirmations_text,
    confirmed_by,
    lint_confirmations,
    lost_confirmations,
)
from gritstone_conformance.vectors.files import VectorSet, load_vectors
from selftests.fakes.reports import made_outcome
from selftests.reporting.test_verdict_files import reported
from selftests.vectors.test_vectors import small_set, write_set

GOOD, BAD = "grit/tree/two-names", "grit/tree/names-descending"


@pytest.fixture
def vectors(tmp_path: Path) -> VectorSet:
    return load_vectors(write_set(tmp_path, small_set()))


def report(vectors: VectorSet, name: str, verdicts: Mapping[str, str], **changed: str) -> Report:
    """Return the report of an implementation; ``changed`` are digests of cases other than those of the set."""
    digests = {case.name: case.identity() for case in vectors.cases()} | changed
    outcomes = tuple(replace(made_outcome(case, verdict), digest=digests[case]) for case, verdict in verdicts.items())
    return Report({"iut": {"implementation": {"name": name}}}, outcomes, {})


def named(vectors: VectorSet, **changed: Any) -> dict[str, Case]:
    """Return the cases by their names, with other members."""
    return {case.name: replace(case, **changed) for case in vectors.cases()}


def both(verdict: str = "pass") -> dict[str, str]:
    return {GOOD: "pass", BAD: verdict}


@pytest.mark.rule("suite.vector.origin")
def test_topic_is_one_group_if_the_same_implementations_passed_it(vectors: VectorSet) -> None:
    text = confirmations_text(vectors, [report(vectors, "one", both()), report(vectors, "two", both())])
    assert json.loads(text) == {"confirmed": [{"by": ["one", "two"], "cases": ["grit/tree/*"]}]}
    text = confirmations_text(vectors, [report(vectors, "one", both()), report(vectors, "two", both("fail"))])
    assert json.loads(text) == {"confirmed": [{"by": ["one"], "cases": [BAD]}, {"by": ["one", "two"], "cases": [GOOD]}]}


@pytest.mark.rule("suite.vector.origin")
def test_a_case_that_changed_since_is_not_confirmed(vectors: VectorSet) -> None:
    reports = [report(vectors, "one", both(), **{GOOD: "0" * 64})]
    assert json.loads(confirmations_text(vectors, reports))["confirmed"][0] == {"by": [], "cases": [GOOD]}


@pytest.mark.rule("suite.vector.origin")
@pytest.mark.parametrize(
    ("verdict", "shown"), [("pass", ""), ("fail", f"{CONFIRMED}: {BAD}: confirmed by one, expected at least 2")]
)
def test_lint_names_vectors_that_fewer_than_two_confirmed(
    vectors: VectorSet, verdict: str, shown: str, tmp_path: Path
) -> None:
    reports = [report(vectors, "one", both()), report(vectors, "two", both(verdict))]
    (tmp_path / CONFIRMED).write_text(confirmations_text(vectors, reports), encoding="utf-8")
    assert list(lint_confirmations(tmp_path, named(vectors))) == ([shown] if shown else [])


@pytest.mark.rule("suite.vector.origin")
def test_one_confirms_what_a_script_made(vectors: VectorSet, tmp_path: Path) -> None:
    text = confirmations_text(vectors, [report(vectors, "one", {GOOD: "pass"})])
    (tmp_path / CONFIRMED).write_text(text, encoding="utf-8")
    scripted = named(vectors, origin={"by": "script", "script": "x"})
    shown = f"{CONFIRMED}: {BAD}: confirmed by no implementation, expected at least 1"
    assert list(lint_confirmations(tmp_path, scripted)) == [shown]


@pytest.mark.rule("suite.vector.origin")
def test_probe_of_a_sandbox_is_confirmed_in_any_abi(vectors: VectorSet, tmp_path: Path) -> None:
    (case, *_) = named(vectors, origin={"by": "script", "script": "x"}).values()
    cases = dict.fromkeys(("sandbox/a/wasi-b-c", "sandbox/a/grit-b-c", "sandbox/b/grit-b-c", "image/a/grit-b-c"), case)
    (tmp_path / CONFIRMED).write_text('{"confirmed": [{"by": ["one"], "cases": ["sandbox/a/wasi-b-c"]}]}')
    found = [line.split(": ")[1] for line in lint_confirmations(tmp_path, cases)]
    assert found == ["sandbox/b/grit-b-c", "image/a/grit-b-c"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"confirmed": [1]}', '{"confirmed": [{"by": 1, "cases": ["a"]}]}'])
def test_invalid_file_is_one_finding(vectors: VectorSet, text: str, tmp_path: Path) -> None:
    (tmp_path / CONFIRMED).write_text(text, encoding="utf-8")
    (found,) = lint_confirmations(tmp_path, named(vectors))
    assert found.startswith(f"{tmp_path / CONFIRMED}: invalid list of confirmations: ")


@pytest.mark.rule("suite.vector.origin")
@pytest.mark.parametrize(
    ("name", "lost"), [("one", [f"{BAD}: {CONFIRMED} names one, its verdict is error"]), ("other", [])]
)
def test_a_confirmation_can_be_lost(vectors: VectorSet, name: str, lost: list[str], tmp_path: Path) -> None:
    text = confirmations_text(vectors, [report(vectors, "one", both()), report(vectors, "two", both())])
    (tmp_path / CONFIRMED).write_text(text, encoding="utf-8")
    assert list(lost_confirmations(tmp_path, report(vectors, name, both("error")))) == lost


@pytest.mark.rule("suite.vector.origin")
def test_a_property_of_the_same_topic_is_never_confirmed(vectors: VectorSet, tmp_path: Path) -> None:
    text = confirmations_text(vectors, [report(vectors, "one", both())])
    (tmp_path / CONFIRMED).write_text(text, encoding="utf-8")
    drawn = replace(made_outcome("grit/tree/drawn", "skip"), kind="property")
    found = report(vectors, "one", both())
    assert not list(lost_confirmations(tmp_path, replace(found, outcomes=(*found.outcomes, drawn))))


@pytest.mark.rule("suite.vector.origin")
def test_lost_confirmation_fails_the_check_of_verdicts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, found = tmp_path / "acme.json", reported(tmp_path / "r.jsonl", "fail")
    verdict_files.main(["--write", str(kept), found])
    monkeypatch.setattr(verdict_files, "vectors_dir", lambda: tmp_path)
    (tmp_path / CONFIRMED).write_text('{"confirmed": [{"by": ["acme"], "cases": ["grit/tree/*"]}]}', encoding="utf-8")
    assert verdict_files.main(["--check", str(kept), found]) == 1
    assert f"grit/tree/a: {CONFIRMED} names acme, its verdict is fail" in capsys.readouterr().err


@pytest.mark.rule("suite.vector.origin")
def test_command_writes_the_file_and_the_lint_reads_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_set(tmp_path / "set", small_set())
    assert main(["vectors", "--root", str(root), "--confirm", reported(tmp_path / "r.jsonl", "pass")]) == 0
    assert main(["vectors", "--root", str(root), "--lint"]) == 4
    assert f"{CONFIRMED}: {GOOD}: confirmed by no implementation, expected at least 2" in capsys.readouterr().out


@pytest.mark.rule("suite.vector.origin")
def test_each_bundled_vector_is_confirmed_and_names_its_script() -> None:
    vectors = load_vectors(vectors_dir())
    assert list(lint_confirmations(vectors_dir(), named(vectors))) == []
    scripts = {str(case.origin["script"]) for case in vectors.cases() if case.origin["by"] == "script"}
    assert {script for script in scripts if not (Path(__file__).parent / f"{script}.py").is_file()} == set()
    assert len({by for group in confirmed_by(vectors_dir(), [GOOD]).values() for by in group}) > 2
