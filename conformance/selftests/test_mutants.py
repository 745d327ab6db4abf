"""Each mutant of the reference is found, and by the name of the rule that it breaks."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from gritstone_conformance.rules import load_rules
from selftests.mutate import STALE, Edit, Mutant, StaleMutantError, apply_edits, load_mutants

HERE = Path(__file__).resolve().parent
REFERENCE = HERE.parents[1] / "reference"
MUTANTS = load_mutants()


def verify(command: str, rule: str, directory: Path) -> list[dict[str, Any]]:
    """Run the gate on the cases of one rule; returns the lines of the report."""
    report = directory / "report.jsonl"
    argv = ["verify", "--iut", command, "--rule", rule, "--report", str(report)]
    done = subprocess.run(
        [sys.executable, "-m", "gritstone_conformance.cli", *argv],
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert report.exists(), f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return [json.loads(line) for line in report.read_text(encoding="utf-8").splitlines()]


def failed_rules(lines: Iterable[dict[str, Any]]) -> set[str]:
    """Return the rules by whose name a case failed; an ``error`` names none."""
    return {line["rule"] for line in lines if line["type"] == "case" and line["verdict"] == "fail"}


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
def test_mutant_is_killed_by_name(mutant: Mutant, tmp_path: Path) -> None:
    command = f"{sys.executable} {HERE / 'mutate.py'} {mutant.id} -- -m gritstone.harness"
    failed = failed_rules(verify(command, mutant.kills, tmp_path))
    assert mutant.kills in failed
    assert failed <= {mutant.kills, *mutant.also}, "a rule that the mutant does not break was named too"


def test_the_reference_itself_fails_none_of_those_rules(tmp_path: Path) -> None:
    command = f"{sys.executable} -m gritstone.harness"
    for rule in sorted({mutant.kills for mutant in MUTANTS.values()})[:6]:
        lines = verify(command, rule, tmp_path)
        assert any(line["type"] == "case" and line["verdict"] == "pass" for line in lines), rule
        assert not failed_rules(lines)


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
def test_mutant_is_fresh(mutant: Mutant) -> None:
    for file in {edit.file for edit in mutant.edits}:
        source = (REFERENCE / file).read_text(encoding="utf-8")
        assert apply_edits(mutant, file, source) != source
    assert {mutant.kills, *mutant.also} <= set(load_rules().rules)


def test_a_stale_mutant_is_refused() -> None:
    stale = Mutant("gone", "grit.id.zero", (Edit("x.py", "no such text", ""),))
    with pytest.raises(StaleMutantError, match="occurs 0 times"):
        apply_edits(stale, "x.py", "source")
    with pytest.raises(StaleMutantError, match="occurs 2 times"):
        apply_edits(Mutant("twice", "grit.id.zero", (Edit("x.py", "a", "b"),)), "x.py", "aa")


def test_a_stale_mutant_ends_the_program(tmp_path: Path) -> None:
    catalogue = tmp_path / "mutants.toml"
    catalogue.write_text(
        '[[mutant]]\nid = "gone"\nkills = "grit.id.zero"\nfile = "gritstone/errors.py"\nold = "?!"\nnew = ""\n'
    )
    program = (
        "import mutate, pathlib, sys\n"
        f"mutate.load_mutants.__defaults__ = (pathlib.Path({str(catalogue)!r}),)\n"
        "sys.exit(mutate.main(['gone', '--', '-m', 'gritstone.harness']))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=HERE, capture_output=True, text=True, timeout=30)
    assert done.returncode == STALE
    assert "occurs 0 times" in done.stderr
