"""Each mutant of the reference and each liar in front of it is reported under the rule that it violates.

Spec: :rule:`suite.mutant.named` and :rule:`suite.mutant.fresh`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gritstone_conformance.reporting.verdict_files import load_verdicts
from gritstone_conformance.rules import load_rules
from selftests.mutants.detection import detect
from selftests.mutants.mutate import (
    STALE,
    Edit,
    Mutant,
    StaleMutantError,
    apply_edits,
    check_fresh,
    detectable,
    load_mutants,
)
from selftests.mutants.zoo import record_mutant
from selftests.paths import CHECKOUT

HERE = Path(__file__).resolve().parent
VERDICTS = CHECKOUT / "docs" / "verdicts"
MUTANTS = load_mutants()
DETECTABLE = dict(sorted(detectable().items(), key=lambda entry: [edit.file for edit in entry[1].edits]))
"""Sorted by edited file, because the mutants of one file are forked from the same process."""

REFERENCE_ADAPTER = (sys.executable, "-m", "gritstone.harness")


@pytest.mark.zoo
@pytest.mark.parametrize("mutant", DETECTABLE.values(), ids=DETECTABLE)
def test_mutant_is_reported_under_its_rule(
    mutant: Mutant,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)  # some leave files where they run
    record_mutant(record_property, mutant)
    found = detect(mutant.command("gritstone.harness"), mutant, tmp_path)
    loose = found.failed - {mutant.violates, *mutant.also}
    record_property("loose", " ".join(sorted(loose)))
    assert mutant.violates in found.failed, found.cases
    assert not loose, "the mutant also failed rules that its entry does not name"


def test_reference_passes_each_rule_with_a_mutant() -> None:
    """The control of all mutants. CI compares this file with the verdicts of the gate, see ``tox -e conform``."""
    kept = load_verdicts(VERDICTS / "reference.json")["verdicts"]
    rules = {mutant.violates for mutant in DETECTABLE.values() if not mutant.listens}
    assert {rule: kept.get(rule) for rule in rules if kept.get(rule) != "pass"} == {}


@pytest.mark.parametrize("rule", ["grit.tree.key-order", "harness.frame.line", "harness.connect.same"])
def test_reference_without_fault_fails_no_rule(rule: str, tmp_path: Path) -> None:
    none = Mutant("none", rule, (), listens=rule == "harness.connect.same")
    found = detect(REFERENCE_ADAPTER, none, tmp_path)
    assert found.cases
    assert not found.failed


def test_verify_reports_the_rule_of_a_mutant(tmp_path: Path) -> None:
    """``gritstone verify`` exits with code 1 and its report names the rule."""
    mutant = MUTANTS["framed-tree-takes-any-order"]
    report = tmp_path / "report.jsonl"
    argv = [
        "verify",
        "--iut",
        " ".join(mutant.command("gritstone.harness")),
        "--rule",
        mutant.violates,
        "--report",
        str(report),
    ]
    command = [sys.executable, "-m", "gritstone_conformance.cli", *argv]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    lines = [json.loads(line) for line in report.read_text(encoding="utf-8").splitlines()]
    failed = {line["rule"] for line in lines if line["type"] == "case" and line["verdict"] == "fail"}
    assert mutant.violates in failed <= {mutant.violates, *mutant.also}


@pytest.mark.parametrize("mutant", MUTANTS.values(), ids=MUTANTS)
def test_mutant_is_fresh(mutant: Mutant) -> None:
    check_fresh(mutant)
    assert {mutant.violates, *mutant.also} <= set(load_rules().rules)


@pytest.mark.rule("suite.mutant.fresh")
def test_apply_rejects_stale_mutant() -> None:
    stale = Mutant("gone", "grit.id.zero", (Edit("x.py", "no such text", ""),))
    with pytest.raises(StaleMutantError, match="occurs 0 times"):
        apply_edits(stale, "x.py", "source")
    with pytest.raises(StaleMutantError, match="occurs 2 times"):
        apply_edits(Mutant("twice", "grit.id.zero", (Edit("x.py", "a", "b"),)), "x.py", "aa")


def test_stale_mutant_exits_with_its_own_code(tmp_path: Path) -> None:
    catalogue = tmp_path / "one.toml"
    catalogue.write_text(
        '[[mutant]]\nid = "gone"\nviolates = "grit.id.zero"\nfile = "gritstone/errors.py"\nold = "?!"\nnew = ""\n'
    )
    program = (
        "import mutate, pathlib, sys\n"
        f"mutate.find_mutant.__defaults__ = (pathlib.Path({str(tmp_path)!r}),)\n"
        "sys.exit(mutate.main(['gone', '--', '-m', 'gritstone.harness']))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=HERE, capture_output=True, text=True, timeout=30)
    assert done.returncode == STALE
    assert "occurs 0 times" in done.stderr
