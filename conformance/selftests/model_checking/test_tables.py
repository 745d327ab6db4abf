"""The tables of the model: what is refused, and that every rule of the covered parts is cited or excused. No Java here.

Spec: :rule:`suite.model.cited`, :rule:`suite.model.bites`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gritstone_conformance.errors import UsageError
from gritstone_conformance.model_checking.citing import check_citations
from gritstone_conformance.model_checking.tables import config_of, model_dir, read_tables
from gritstone_conformance.rules import load_rules
from selftests.model_checking.fakes import write_tables

PROMISE = {"name": "Idle", "kind": "S", "module": "Store", "rules": ["wit.one"], "sentence": "It is idle."}

IDLE = '[[mutant]]\nguard = "fence"\nrun = "store"\ninvariant = "Idle"\nrules = []\n'


def refused(tmp_path: Path, *rules: str, **changes: Any) -> str:
    """Return why the tables are refused with these rules of the spec."""
    with pytest.raises(UsageError) as problem:
        check_citations(read_tables(write_tables(tmp_path, **changes)), rules or ("wit.one",))
    return str(problem.value)


@pytest.mark.rule("suite.model.cited")
def test_all_rules_are_cited_or_excused() -> None:
    check_citations(read_tables(), load_rules().rules)


@pytest.mark.rule("suite.model.cited")
def test_dead_id_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path, rules=("wit.one", "wit.dead")) == "promise Sent: unknown rule 'wit.dead'"
    excused = {"invariants": [], "excused": {"wit.dead": "form"}}
    assert refused(tmp_path, profiles_invariants=excused) == "excused: unknown rule 'wit.dead'"


@pytest.mark.rule("suite.model.cited")
@pytest.mark.parametrize("rule", ["wit.two", "runtime.two", "grit.ref.two", "session.two", "flow.two", "image.two"])
def test_rule_without_promise_or_excuse_is_refused(tmp_path: Path, rule: str) -> None:
    expected = f"rule {rule} is neither cited by a promise of the model nor excused"
    assert refused(tmp_path, "wit.one", "grit.blob.two", rule) == expected


@pytest.mark.rule("suite.model.cited")
def test_excuse_needs_a_reason_and_no_promise(tmp_path: Path) -> None:
    wrong = {"invariants": [], "excused": {"wit.two": "difficult"}}
    assert "excused with 'difficult'" in refused(tmp_path, "wit.one", "wit.two", profiles_invariants=wrong)
    cited = {"invariants": [], "excused": {"wit.one": "form"}}
    assert refused(tmp_path, profiles_invariants=cited) == "rule wit.one is excused, but a promise cites it"


@pytest.mark.rule("suite.model.bites")
def test_idle_promise_is_refused(tmp_path: Path) -> None:
    idle = {"invariants": [PROMISE], "excused": {}}
    assert refused(tmp_path, profiles_invariants=idle) == "promise Idle: no mutant violates it"


@pytest.mark.rule("suite.model.checked")
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bounds": "{"}, "invalid table of the model"),
        ({"bounds": {"runs": {"store": {"about": "One run.", "gate": {}}}}}, "invalid table of the model"),
        ({"invariants": {"invariants": [{"name": "Sent"}], "excused": {}}}, "invalid table of the model"),
        ({"mutants": "[["}, "invalid table of the model"),
        (
            {"profiles_invariants": {"invariants": [{**PROMISE, "name": "Sent"}], "excused": {}}},
            "two tables have 'Sent'",
        ),
        (
            {"mutants": '[[mutant]]\nguard = "fence"\nrun = "pond"\ninvariant = "Sent"\nrules = []\n'},
            "mutant fence: unknown run 'pond'",
        ),
        (
            {"mutants": '[[mutant]]\nguard = "fence"\nrun = "store"\ninvariant = "Once"\nrules = []\n'},
            "mutant fence: unknown promise 'Once'",
        ),
        (
            {"profiles_invariants": {"invariants": [{**PROMISE, "module": "Wit"}], "excused": {}}, "mutants": IDLE},
            "mutant fence: the run store does not check Idle",
        ),
        (
            {"profiles_bounds": {"defaults": {}, "runs": {}, "witnesses": [{"witness": "TRUE", "run": "pond"}]}},
            "witness TRUE: unknown run 'pond'",
        ),
        (
            {
                "bounds": {
                    "defaults": {},
                    "runs": {"store": {"about": "", "module": "Store", "gate": {"Broken": "fence"}}},
                }
            },
            "run store: the constant Broken is 'fence', expected 'none'",
        ),
        (
            {"bounds": {"defaults": {}, "runs": {"store": {"about": "", "promises": ["Once"], "gate": {}}}}},
            "run store: unknown promise 'Once'",
        ),
    ],
)
def test_invalid_table_is_refused_in_one_line(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    message = refused(tmp_path, **changes)
    assert words in message
    assert "\n" not in message


def test_missing_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read the tables of the model: .*invariants.json"):
        read_tables(tmp_path)


def test_constant_without_spelling_is_refused(tmp_path: Path) -> None:
    tables = read_tables(write_tables(tmp_path))
    with pytest.raises(UsageError, match=r"invalid constant of the model: got 1\.5"):
        config_of(tables.gate["store"], (), Kills=1.5)


def test_configuration_names_constants_and_promises(tmp_path: Path) -> None:
    tables = read_tables(write_tables(tmp_path))
    text = config_of(tables.gate["store"], tables.promises.values(), Broken="fence", Labels=["a", 1, True])
    assert text.splitlines() == [
        "SPECIFICATION Spec",
        "CHECK_DEADLOCK FALSE",
        "CONSTANTS",
        '  Broken = "fence"',
        "  Kills = 1",
        '  Labels = {"a", 1, TRUE}',
        "INVARIANT Sent",
    ]


def test_every_guard_of_a_mutant_is_in_the_model() -> None:
    text = "\n".join(path.read_text("utf-8") for path in model_dir().glob("*.tla"))
    for mutant in read_tables().mutants:
        assert f'"{mutant.guard}"' in text, mutant.guard
