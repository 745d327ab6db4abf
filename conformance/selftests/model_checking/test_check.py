"""The check of the model: counts, violations, mutants, witnesses and holes, with a script in place of Java.

Spec: :rule:`suite.model.checked`, :rule:`suite.model.bites`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from gritstone_conformance.errors import UsageError
from gritstone_conformance.model_checking.check import (
    Finding,
    Part,
    check_parts,
    hole_part,
    mutant_part,
    run_part,
)
from gritstone_conformance.model_checking.tables import Tables, read_tables
from gritstone_conformance.model_checking.tlc import Tlc
from selftests.model_checking.fakes import CLEAN, FIRST, LONG_RUN, VIOLATED, fake_tlc, write_tables

MORE = 'mutant = []\n[[hole]]\npromise = "Gap"\nkind = "S"\nrun = "pond"\nrules = ["wit.one"]\nsentence = "A gap."\n'
POND = {
    "defaults": {"Store": {"Broken": "none"}},
    "runs": {"pond": {"about": "Another run.", "module": "Store", "gate": {"states": 7, "depth": 3}}},
    "witnesses": [{"witness": "present # {}", "run": "pond"}],
}


@pytest.fixture
def tables(tmp_path: Path) -> Tables:
    return read_tables(write_tables(tmp_path, profiles_bounds=POND, profiles_mutants=MORE))


def found(tlc: Tlc, part: Part) -> Finding:
    """Check one part and return what was found."""
    findings: list[Finding] = []
    right = check_parts(tlc, [part], 1, findings.append)
    assert [each.is_right for each in findings] == [right]
    return findings[0]


@pytest.mark.rule("suite.model.checked")
def test_run_with_its_count_is_right(tmp_path: Path, tables: Tables) -> None:
    finding = found(fake_tlc(tmp_path), run_part(tables.gate["store"], tables))
    assert finding.is_right
    assert "7 states, depth 3" in finding.line


@pytest.mark.rule("suite.model.checked")
@pytest.mark.parametrize("output", [CLEAN.replace("7 distinct", "8 distinct"), CLEAN.replace("is 3.", "is 4.")])
def test_run_with_another_count_is_wrong(tmp_path: Path, tables: Tables, output: str) -> None:
    finding = found(fake_tlc(tmp_path, output), run_part(tables.gate["store"], tables))
    assert not finding.is_right
    assert "expected 7 states, depth 3" in finding.line


@pytest.mark.rule("suite.model.checked")
def test_run_without_a_pinned_count_is_wrong(tmp_path: Path, tables: Tables) -> None:
    finding = found(fake_tlc(tmp_path), run_part(tables.nightly["store"], tables, is_nightly=True))
    assert not finding.is_right
    assert "no count yet" in finding.line


@pytest.mark.rule("suite.model.checked")
def test_violation_is_printed_in_words(tmp_path: Path, tables: Tables) -> None:
    finding = found(fake_tlc(tmp_path, VIOLATED), run_part(tables.gate["store"], tables))
    assert not finding.is_right
    assert finding.line == "Sent is violated (wit.one) after 1 actions"
    assert finding.details == ("  1  Put: present = (step), left = {operations: 0}",)


@pytest.mark.rule("suite.model.checked")
def test_violation_by_the_first_state_is_a_violation(tmp_path: Path, tables: Tables) -> None:
    finding = found(fake_tlc(tmp_path, FIRST), run_part(tables.gate["store"], tables))
    assert not finding.is_right
    assert finding.line == "Sent is violated (wit.one) after 0 actions"


@pytest.mark.rule("suite.model.checked")
@pytest.mark.parametrize("output", ["", "Error: Parsing failed\nat line 7\n", CLEAN.splitlines()[1]])
def test_failure_of_tlc_is_no_verdict(tmp_path: Path, tables: Tables, output: str) -> None:
    with pytest.raises(UsageError, match=r"^store: TLC cannot check Store"):
        found(fake_tlc(tmp_path, output), run_part(tables.gate["store"], tables))


@pytest.mark.rule("suite.model.bites")
def test_mutant_violates_its_promise(tmp_path: Path, tables: Tables) -> None:
    finding = found(fake_tlc(tmp_path, fence=VIOLATED), mutant_part(tables.mutants[0], tables))
    assert finding.is_right
    assert "violates Sent in store, 2 states" in finding.line


@pytest.mark.rule("suite.model.bites")
@pytest.mark.parametrize("output", [VIOLATED.replace("Sent", "Once"), LONG_RUN])
def test_mutant_that_violates_another_promise_first_is_wrong(tmp_path: Path, tables: Tables, output: str) -> None:
    finding = found(fake_tlc(tmp_path, fence=output), mutant_part(tables.mutants[0], tables))
    assert not finding.is_right
    assert "first in store, expected Sent" in finding.line
    assert finding.details


@pytest.mark.rule("suite.model.bites")
def test_mutant_that_violates_nothing_is_wrong(tmp_path: Path, tables: Tables) -> None:
    finding = found(fake_tlc(tmp_path, fence=CLEAN), mutant_part(tables.mutants[0], tables))
    assert not finding.is_right
    assert "violates nothing in 7 states" in finding.line


@pytest.mark.rule("suite.model.checked")
def test_witness_that_is_never_reached_is_wrong(tmp_path: Path, tables: Tables) -> None:
    part = run_part(tables.gate["pond"], tables)
    assert "~ (present # {})" in part.extra[part.module]
    assert "INVARIANT Witness0" in part.config
    assert found(fake_tlc(tmp_path, '<<"witness", 0>>\n' + CLEAN), part).is_right
    missed = found(fake_tlc(tmp_path), part)
    assert not missed.is_right
    assert missed.details == ("present # {}",)
    assert "1 of 1 witnesses are never reached" in missed.line


def test_hole_that_is_mended_is_noticed(tmp_path: Path, tables: Tables) -> None:
    part = hole_part(tables.holes[0], tables)
    assert found(fake_tlc(tmp_path, VIOLATED.replace("Sent", "Gap")), part).is_right
    assert not found(fake_tlc(tmp_path), part).is_right


def test_parts_are_reported_in_order_and_each_has_a_folder_of_its_own(tmp_path: Path, tables: Tables) -> None:
    parts = [run_part(tables.gate["store"], tables), mutant_part(tables.mutants[0], tables)] * 3
    findings: list[Finding] = []
    assert check_parts(fake_tlc(tmp_path, fence=VIOLATED), parts, 3, findings.append)
    assert [each.name for each in findings] == ["store", "fence"] * 3
    lines = (tmp_path / "arguments").read_text().splitlines()
    folders = {word for line in lines for word in line.split() if word.startswith("-Djava.io.tmpdir=")}
    assert len(lines) == len(folders) == 6
