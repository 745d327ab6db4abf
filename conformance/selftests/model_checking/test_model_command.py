"""``gritstone model check``: exit codes, and bad input in one line; and a few runs of the real TLC.

Spec: :rule:`suite.model.checked`.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from gritstone_conformance.cli import main
from gritstone_conformance.commands import model
from gritstone_conformance.errors import UsageError
from gritstone_conformance.model_checking import tlc
from gritstone_conformance.model_checking.check import Finding, check_parts, mutant_part, run_part
from gritstone_conformance.model_checking.tables import read_tables
from gritstone_conformance.model_checking.tlc import Tlc, find_tlc
from selftests.model_checking.fakes import CLEAN, VIOLATED, fake_tlc, write_tables


def check(monkeypatch: pytest.MonkeyPatch, folder: Path, found: Tlc, *options: str) -> int:
    """Run the command on small tables and a script in place of Java."""
    tables = read_tables(write_tables(folder))
    monkeypatch.setattr(model, "read_tables", lambda: tables)
    monkeypatch.setattr(model, "check_citations", lambda *_: None)
    monkeypatch.setattr(model, "find_tlc", lambda: found)
    return main(["model", "check", *options])


@pytest.mark.rule("suite.model.checked")
def test_all_as_expected_is_exit_0(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(monkeypatch, tmp_path, fake_tlc(tmp_path, fence=VIOLATED), "--jobs", "2") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["ok   store", "ok   fence", "1 run, 1 mutant"]
    assert lines[-1].endswith("all as expected")


@pytest.mark.rule("suite.model.checked")
@pytest.mark.parametrize(
    ("output", "fence"), [(CLEAN, CLEAN), (VIOLATED, VIOLATED), (CLEAN.replace("7", "8"), VIOLATED)]
)
def test_anything_else_is_exit_1(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    output: str,
    fence: str,
) -> None:
    assert check(monkeypatch, tmp_path, fake_tlc(tmp_path, output, fence=fence)) == 1
    out = capsys.readouterr().out
    assert out.splitlines()[-1] == "1 run, 1 mutant: not all as expected"
    assert ("       1  Put: " in out) == (output is VIOLATED)


@pytest.mark.rule("suite.model.checked")
def test_nightly_has_no_mutants(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(monkeypatch, tmp_path, fake_tlc(tmp_path), "--nightly") == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("1 run: ")


@pytest.mark.rule("suite.model.checked")
@pytest.mark.parametrize("options", [("--only", "pond"), ("--nightly", "--only", "fence")])
def test_unknown_name_is_exit_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: tuple[str, ...]
) -> None:
    assert check(monkeypatch, tmp_path, fake_tlc(tmp_path), *options) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"gritstone: unknown run, mutant or hole {options[-1]!r}; known are ")
    assert err.count("\n") == 1


@pytest.mark.rule("suite.model.checked")
@pytest.mark.parametrize(
    "output", ["Error: no\nsuch module\n", VIOLATED.replace('{"step"}', "{{step")], ids=["tlc", "value"]
)
def test_output_that_is_no_outcome_is_exit_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], output: str
) -> None:
    assert check(monkeypatch, tmp_path, fake_tlc(tmp_path, output)) == 2
    err = capsys.readouterr().err
    assert err.startswith("gritstone: store: ")
    assert err.count("\n") == 1


@pytest.mark.rule("suite.model.checked")
def test_tlc_that_does_not_end_is_refused(tmp_path: Path) -> None:
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\nexec sleep 60\n")
    java.chmod(0o755)
    with pytest.raises(UsageError, match=r"did not end within 0\.1 seconds"):
        Tlc(str(java), tmp_path / "tlc.jar").run("Store", "", limit_s=0.1)


@pytest.mark.rule("suite.model.checked")
def test_java_that_cannot_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot run .*no-java: No such file"):
        Tlc(str(tmp_path / "no-java"), tmp_path / "tlc.jar").run("Store", "")


@pytest.mark.rule("suite.model.checked")
def test_other_tlc_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "tlc.jar"
    archive.write_bytes(b"another")
    monkeypatch.setenv("GRITSTONE_TLC", str(archive))
    monkeypatch.setattr(tlc, "_find_java", lambda: "java")
    digest = hashlib.sha256(b"another").hexdigest()
    with pytest.raises(UsageError, match=f"is another TLC: got SHA-256 {digest}, expected "):
        find_tlc()


@pytest.mark.rule("suite.model.checked")
def test_missing_tlc_and_java_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(UsageError, match="Java is not installed"):
        find_tlc()
    monkeypatch.setattr(tlc, "_find_java", lambda: "java")
    monkeypatch.delenv("GRITSTONE_TLC", raising=False)
    monkeypatch.setenv("M2_REPO", str(tmp_path))
    with pytest.raises(UsageError, match="neither mvn nor jgo is installed"):
        find_tlc()
    monkeypatch.setenv("GRITSTONE_TLC", str(tmp_path / "absent.jar"))
    with pytest.raises(UsageError, match="GRITSTONE_TLC names no file"):
        find_tlc()


@pytest.mark.model
@pytest.mark.rule("suite.model.checked", slow=True)
def test_real_tlc_checks_a_run_and_notices_a_lowered_bound(tlc: Tlc) -> None:
    tables = read_tables()
    run = tables.gate["stillborn"]
    lowered = replace(run, constants={**run.constants, "Kills": 0})
    findings: list[Finding] = []
    assert not check_parts(tlc, [run_part(run, tables), run_part(lowered, tables)], 1, findings.append)
    assert [each.is_right for each in findings] == [True, False]


@pytest.mark.model
@pytest.mark.rule("suite.model.bites", slow=True)
def test_real_tlc_finds_a_mutant_in_words(tlc: Tlc) -> None:
    tables = read_tables()
    mutant = next(each for each in tables.mutants if each.guard == "waiting-runs")
    findings: list[Finding] = []
    assert check_parts(tlc, [mutant_part(mutant, tables)], 1, findings.append)
    assert any("is marked for fail of agent" in line for line in findings[0].details)


@pytest.mark.rule("suite.model.checked")
@pytest.mark.parametrize(("script", "words"), [("echo no route; exit 1", "no route"), ("exit 0", "did not store")])
def test_failed_download_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, words: str) -> None:
    client = tmp_path / "mvn"
    client.write_text(f"#!/bin/sh\n{script}\n")
    client.chmod(0o755)
    monkeypatch.setattr(tlc, "_find_java", lambda: "java")
    monkeypatch.setattr(shutil, "which", lambda _: str(client))
    monkeypatch.delenv("GRITSTONE_TLC", raising=False)
    monkeypatch.setenv("M2_REPO", str(tmp_path))
    with pytest.raises(UsageError, match=words):
        find_tlc()
