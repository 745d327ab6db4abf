"""Verdict files store a report's verdict on each rule, and a check reports every difference."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gritstone_conformance.attachment.target import Target
from gritstone_conformance.errors import DataError
from gritstone_conformance.planning.context import RunContext, header_line
from gritstone_conformance.reporting.mutants import mutants_by_rule
from gritstone_conformance.reporting.verdict_files import load_verdicts, main
from gritstone_conformance.results.judgement import Scope, judge_run
from gritstone_conformance.results.report import footer_line, write_report
from selftests.fakes.reports import made_outcome
from selftests.fakes.subject import HELLO, fake_book
from selftests.mutants.mutate import load_mutants

BOOK = fake_book()
DAY = "2026-01-02T03:04:05.678Z"


def reported(path: Path, verdict: str, *, name: str = "acme", whole: bool = True) -> str:
    """Write a report of one case; return its path."""
    iut = {**HELLO, "implementation": {"name": name, "version": "1", "language": "x"}}
    header = header_line(BOOK, "0" * 64, RunContext(Target("stdio")), iut, DAY)
    outcome = made_outcome("grit/tree/a", verdict)
    judgement = judge_run((outcome,), BOOK, ("grit",), (), scope=Scope(whole=whole))
    write_report(path, header, (outcome,), footer_line((outcome,), judgement, 0, DAY))
    return str(path)


def test_verdict_file_agrees_with_the_report(tmp_path: Path) -> None:
    kept = tmp_path / "acme.json"
    assert main(["--write", str(kept), reported(tmp_path / "r.jsonl", "pass")]) == 0
    written = load_verdicts(kept)
    assert written["implementation"] == {"name": "acme", "version": "1", "language": "x"}
    assert written["profiles"] == HELLO["profiles"]
    assert written["verdicts"] == {"grit.tree.key-order": "pass"}
    assert main(["--check", str(kept), str(tmp_path / "r.jsonl")]) == 0


@pytest.mark.parametrize(
    ("verdict", "name", "line"),
    [
        ("fail", "acme", "grit.tree.key-order (MUST): stored pass, found fail"),
        ("skip", "acme", "grit.tree.key-order (MUST): stored pass, found skip"),
        ("pass", "other", "stored for acme, found for other"),
    ],
)
def test_difference_fails_the_check(
    verdict: str, name: str, line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "acme.json"
    main(["--write", str(kept), reported(tmp_path / "r.jsonl", "pass")])
    assert main(["--check", str(kept), reported(tmp_path / "other.jsonl", verdict, name=name)]) == 1
    said = capsys.readouterr()
    assert line in said.err
    assert said.out.endswith(f"--write {kept} {tmp_path / 'other.jsonl'}\n")


def test_differing_should_is_reported_and_passes_the_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Speed is a SHOULD, and a busy machine is slow."""
    kept, report = tmp_path / "acme.json", reported(tmp_path / "r.jsonl", "pass")
    main(["--write", str(kept), report])
    written = load_verdicts(kept)
    kept.write_text(json.dumps({**written, "verdicts": {**written["verdicts"], "grit.store.flat": "pass"}}))
    assert main(["--check", str(kept), report]) == 0
    assert "grit.store.flat (SHOULD): stored pass, found nothing" in capsys.readouterr().err


@pytest.mark.parametrize("gone", [True, False])
def test_rule_on_one_side_only_fails_the_check(gone: bool, tmp_path: Path) -> None:
    kept, report = tmp_path / "acme.json", reported(tmp_path / "r.jsonl", "pass")
    main(["--write", str(kept), report])
    written = load_verdicts(kept)
    written["verdicts"] = {} if gone else {**written["verdicts"], "grit.tree.key-unique": "pass"}
    kept.write_text(json.dumps(written))
    assert main(["--check", str(kept), report]) == 1


def test_partial_run_is_not_stored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    part = reported(tmp_path / "r.jsonl", "pass", whole=False)
    assert main(["--write", str(tmp_path / "acme.json"), part]) == 4
    assert "a verdict file requires a whole run" in capsys.readouterr().err
    assert not (tmp_path / "acme.json").exists()


@pytest.mark.parametrize("text", ["", "[]", '{"spec": "0.1"}'])
def test_invalid_files_are_rejected(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(DataError, match="invalid verdict file"):
        load_verdicts(tmp_path / "x.json")


def test_mutants_are_named_by_the_rule_they_violate(tmp_path: Path) -> None:
    """The names that the suite shows are those of the mutants that the self-tests run."""
    shown = {name: rule for rule, names in mutants_by_rule().items() for name in names}
    assert shown == {name: mutant.violates for name, mutant in load_mutants().items() if not mutant.equivalent}
    (tmp_path / "odd.toml").write_text("[[mutant]]\nid = 'a'\n")
    with pytest.raises(DataError, match=r"odd\.toml: invalid file of mutants"):
        mutants_by_rule(tmp_path)
    assert mutants_by_rule(tmp_path / "none") == {}
