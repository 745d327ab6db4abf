"""Each rule for the suite has a self-test marked with it, and these tests detect each mutant of the suite."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gritstone_conformance.rules import load_rules
from selftests.mutants import proving
from selftests.mutants.marks import Proof, proofs_by_rule
from selftests.mutants.mutate import CATALOGUE, Edit, Mutant, read_mutants, source_of
from selftests.mutants.proving import ProofResults, prove
from selftests.mutants.zoo import record_mutant

BOOK = load_rules()
PROOFS = proofs_by_rule()
MUTANTS = {mutant.id: mutant for mutant in read_mutants(CATALOGUE / "suite.toml")}
DETECTABLE = {
    mutant.id: mutant
    for mutant in sorted(MUTANTS.values(), key=lambda mutant: [edit.file for edit in mutant.edits])
    if not mutant.equivalent
}
"""Ordered by the edited files: mutants of the same file are forked from the same process."""
BINDING = sorted(rule.id for rule in BOOK.rules.values() if rule.profile == "suite" and rule.level == "MUST")


@pytest.mark.parametrize("rule", BINDING)
def test_suite_rule_has_a_test_and_a_mutant(rule: str) -> None:
    assert any(not proof.slow for proof in PROOFS.get(rule, ())), "no self-test is marked with it"
    if BOOK.rules[rule].unproven is None:
        assert rule in {mutant.violates for mutant in DETECTABLE.values()}, "no mutant in suite.toml violates it"


@pytest.mark.rule("suite.rules.known")
def test_rules_in_test_marks_exist() -> None:
    assert set(PROOFS) <= set(BOOK.rules)


def test_first_test_of_a_mutant_is_marked_with_its_rule() -> None:
    first = {(mutant.id, mutant.violates, mutant.by.partition("[")[0]) for mutant in DETECTABLE.values() if mutant.by}
    assert [
        (name, by)
        for name, rule, by in sorted(first)
        if by not in {proof.test.partition("::")[2] for proof in PROOFS[rule] if not proof.slow}
    ] == []


@pytest.mark.zoo
@pytest.mark.parametrize("mutant", DETECTABLE.values(), ids=DETECTABLE)
def test_suite_mutant_is_detected_by_a_test_of_its_rule(
    mutant: Mutant, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    record_mutant(record_property, mutant)
    assert mutant.is_of_suite
    results = prove(mutant, tmp_path)
    assert results.found, results


CONTROLS = {"suite.exit.law", "suite.request.shuffled", "suite.verdict.twin"}
"""The rules whose marked tests run without a fault in each CI run; the nightly run does this for all rules."""


def harmless(rule: str) -> Mutant:
    """Return a mutant that edits the same files as the mutants of a rule without a change."""
    files = sorted({edit.file for mutant in DETECTABLE.values() if mutant.violates == rule for edit in mutant.edits})
    docstrings = [source_of(file).split('"""')[1] for file in files]
    return Mutant("harmless", rule, tuple(Edit(file, text, text) for file, text in zip(files, docstrings, strict=True)))


@pytest.mark.parametrize(
    "rule",
    [
        pytest.param(rule, marks=[] if rule in CONTROLS else [pytest.mark.nightly])
        for rule in sorted({mutant.violates for mutant in DETECTABLE.values()})
    ],
)
def test_proofs_pass_without_a_fault(rule: str, tmp_path: Path) -> None:
    results = prove(harmless(rule), tmp_path)
    assert results.passed
    assert not results.found
    assert not results.broken


def unlisted(old: str, new: str) -> Mutant:
    """Return a mutant that is in no catalogue."""
    return Mutant("unlisted", "suite.divergence.first", (Edit("gritstone_conformance/judge.py", old, new),))


def test_edit_that_breaks_the_import_detects_nothing(tmp_path: Path) -> None:
    results = prove(unlisted("import re\n", "import re, no_such_module\n"), tmp_path)
    assert (results.passed, results.found, len(results.broken)) == (0, [], 1)
    assert "no_such_module" in results.broken[0]


COMPARES = '    if "any" in expect:\n'


@pytest.mark.parametrize("line", ["assert not expect", "raise ZeroDivisionError", "raise SystemExit"])
def test_exception_of_the_suite_detects_nothing(tmp_path: Path, line: str) -> None:
    results = prove(unlisted(COMPARES, f"    {line}\n{COMPARES}"), tmp_path)
    assert results.found == []
    assert results.broken


def test_silent_child_detects_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proving, "PATIENCE_S", 3)
    results = prove(unlisted(COMPARES, f"    while True:\n        pass\n{COMPARES}"), tmp_path)
    assert results == ProofResults(broken=["the child ended before any test did: nothing for 3 s"])


def test_undetected_fault_survives(tmp_path: Path) -> None:
    results = prove(unlisted('"nothing")', '"no answer")'), tmp_path)
    assert results.passed
    assert not results.found
    assert not results.broken


def test_marks_are_read_from_the_sources(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text(
        "import pytest\n"
        '@pytest.mark.rule("suite.a.b", "suite.c.d", slow=True)\n'
        '@pytest.mark.parametrize("x", [1])\n'
        "def test_one(x: int) -> None: ...\n"
        '@pytest.mark.rule("suite.a.b")\n'
        "def test_two() -> None: ...\n"
        "def test_three() -> None: ...\n"
    )
    assert proofs_by_rule(tmp_path) == {
        "suite.a.b": (Proof("test_a.py::test_one", slow=True), Proof("test_a.py::test_two")),
        "suite.c.d": (Proof("test_a.py::test_one", slow=True),),
    }
