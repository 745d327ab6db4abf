"""How mutants are read and applied, what counts as detected, and the summary of a session.

Spec: :rule:`suite.mutant.named`, :rule:`suite.mutant.fresh` and :rule:`suite.rules.proven`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gritstone_conformance.rules import Rule
from selftests.mutants.detection import detect, run_gate
from selftests.mutants.matrix import in_part
from selftests.mutants.mutate import Edit, Mutant, StaleMutantError, detectable, read_mutants
from selftests.mutants.zoo import Summary, Zoo, record_mutant, unproven_rules
from selftests.paths import LIAR, PLANTED

HERE = Path(__file__).resolve().parent
MUTE = (
    'file = "gritstone_conformance/__init__.py"\nold = "SUITE_VERSION = \\"0.1.0\\""\nnew = "SUITE_VERSION = \\"9\\""\n'
)


def catalogue(home: Path, entry: str) -> Path:
    (home / "one.toml").write_text(f"[[mutant]]\n{entry}", encoding="utf-8")
    return home


def rule(name: str, level: str = "MUST", unproven: str | None = None) -> Rule:
    return Rule(name, level, "0.1", (), "", "", "", unproven=unproven)


def test_entry_is_either_an_edit_or_a_liar(tmp_path: Path) -> None:
    head = 'id = "one"\nviolates = "suite.exit.law"\n'
    (mutant,) = read_mutants(catalogue(tmp_path, head + MUTE) / "one.toml")
    assert (mutant.is_of_suite, mutant.proxy, mutant.equivalent) == (True, None, None)
    (mutant,) = read_mutants(catalogue(tmp_path, head + 'proxy = "banner"\n') / "one.toml")
    assert (mutant.is_of_suite, mutant.edits, mutant.proxy) == (False, (), "banner")
    for wrong in ("", MUTE + 'proxy = "banner"\n'):
        with pytest.raises(ValueError, match="is either an edit"):
            read_mutants(catalogue(tmp_path, head + wrong) / "one.toml")


def test_unknown_or_missing_key_of_an_entry_is_named(tmp_path: Path) -> None:
    head = 'id = "one"\nkills = "suite.exit.law"\nviolates = "suite.exit.law"\n'
    with pytest.raises(ValueError, match=r"one\.toml: one: got an unexpected key 'kills'"):
        read_mutants(catalogue(tmp_path, head + MUTE) / "one.toml")
    with pytest.raises(ValueError, match=r"one\.toml: one: missing 1 required key: 'violates'"):
        read_mutants(catalogue(tmp_path, 'id = "one"\n' + MUTE) / "one.toml")


def test_suite_fault_reaches_each_process(tmp_path: Path) -> None:
    """The program under test and the processes that it starts have the edit; nothing on disk has it."""
    asks = "from gritstone_conformance import SUITE_VERSION; print(SUITE_VERSION, flush=True)"
    (tmp_path / "asks.py").write_text(
        f"{asks}; import subprocess, sys; subprocess.run([sys.executable, '-c', {asks!r}])"
    )
    program = (
        "import mutate, pathlib, sys\n"
        f"mutate.find_mutant.__defaults__ = (pathlib.Path({str(tmp_path)!r}),)\n"
        "sys.exit(mutate.main(['one', '--', '-m', 'asks']))\n"
    )
    catalogue(tmp_path, 'id = "one"\nviolates = "suite.exit.law"\n' + MUTE)
    command = [sys.executable, "-c", f"import sys; sys.path.insert(1, {str(HERE)!r})\n{program}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["9", "9"], done.stderr


@pytest.mark.rule("suite.mutant.named")
@pytest.mark.parametrize(
    ("liar", "violates", "is_found"),
    [
        ("double", "harness.reply.one", True),
        ("banner", "harness.frame.stdout-clean", True),
        ("exits-0", "harness.reply.total", False),
        ("double", "harness.reply.order", False),
    ],
    ids=["watch-of-the-rule", "at-hello", "death", "another-rule"],
)
def test_liar_counts_as_detected_only_under_its_rule(liar: str, violates: str, is_found: bool, tmp_path: Path) -> None:
    """A fault of the wire fails the watch of its rule; a death or a failure of another rule does not count."""
    command = [sys.executable, str(LIAR), liar, "--", sys.executable, str(PLANTED / "honest.py")]
    found = detect(command, Mutant(liar, violates, (), proxy=liar), tmp_path)
    assert (violates in found.failed) is is_found, found


def test_summary_counts_only_mutants_that_ran() -> None:
    zoo = Zoo()
    zoo.add([("mutant", "a"), ("violates", "grit.x.one"), ("loose", "grit.x.two")], passed=True)
    zoo.add([("mutant", "b"), ("violates", "grit.x.two"), ("loose", "")], passed=False)
    zoo.add([("mutant", "c"), ("violates", "grit.x.two"), ("stale", "c")], passed=False)
    zoo.add([("something", "else")], passed=True)
    rules = (
        rule("grit.x.one"),
        rule("grit.x.two"),
        rule("grit.x.three", "SHOULD"),
        rule("grit.x.four", unproven="why"),
    )
    summary = Summary(zoo, rules, 4, 1)
    assert summary.lines() == [
        "mutants 3 · detected 1 · survivors 1 · loose 1 · rules 3 · mutant-proven 1 · excluded 1 · stale 1",
        "a part of the zoo: 3 of 4 mutants were run in this session",
        "equivalent to the original by proof, not counted: 1",
        "survivor b",
        "stale c",
        "loose a: grit.x.two",
        "excluded grit.x.four: why",
    ]
    assert not summary.is_complete
    assert Summary(zoo, rules, 3, 0).lines()[-1] == "no mutant proves grit.x.two"


@pytest.mark.rule("suite.mutant.named")
def test_death_does_not_fail_the_rule(tmp_path: Path) -> None:
    """The case gets the verdict error, which does not name the rule of the mutant."""
    command = [sys.executable, str(LIAR), "exits-0", "--", sys.executable, "-m", "gritstone.harness"]
    found = detect(command, Mutant("exits-0", "grit.tree.key-order", (), by="grit/tree/names-descending"), tmp_path)
    assert found.cases[0] == "grit/tree/names-descending"
    assert found.failed == set()


@pytest.mark.parametrize(("liar", "is_found"), [("double", True), ("exits-0", False)])
def test_play_gate_runs_harness_cases_and_watches(liar: str, is_found: bool, tmp_path: Path) -> None:
    """An adapter without a profile gets the harness cases only; the watches are judged at the end."""
    command = [sys.executable, str(LIAR), liar, "--", sys.executable, str(PLANTED / "honest.py")]
    found = run_gate(command, Mutant(liar, "harness.reply.one", (), proxy=liar), tmp_path)
    assert ("harness.reply.one" in found.failed) is is_found


def test_parts_of_the_matrix_are_disjoint_and_complete() -> None:
    names = set(detectable())
    parts = [{name for name in names if in_part(name, f"{number}/7")} for number in range(1, 8)]
    assert set.union(*parts) == names
    assert sum(map(len, parts)) == len(names)
    assert all(in_part(name, "0/1") for name in names)


@pytest.mark.rule("suite.mutant.fresh")
def test_stale_mutant_fails_its_test() -> None:
    for old in ("no such text", "e"):
        recorded: list[tuple[str, object]] = []
        stale = Mutant("stale", "suite.exit.law", (Edit("gritstone_conformance/errors.py", old, "x"),))
        with pytest.raises(StaleMutantError, match="times in"):
            record_mutant(lambda name, value, into=recorded: into.append((name, value)), stale)  # type: ignore[misc]
        assert ("stale", "stale") in recorded


def test_summary_separates_failing_from_breaking_checks() -> None:
    zoo = Zoo()
    zoo.add([("check", "x:a#1"), ("violates", "suite.check.alive")], passed=True)
    zoo.add([("check", "x:a#2"), ("violates", "suite.check.alive"), ("broke", "x:a#2")], passed=True)
    zoo.add([("check", "x:a#3"), ("violates", "suite.check.alive")], passed=False)
    assert Summary(zoo, (), 3, 0).lines()[1:] == [
        "checks of judge and model disabled 3 · by a fail 1 · by an error of the suite 1 · undetected 1",
        "undetected x:a#3",
    ]


@pytest.mark.rule("suite.rules.proven")
def test_must_has_either_a_mutant_or_a_reason() -> None:
    rules = [rule("grit.x.one"), rule("grit.x.two", "SHOULD"), rule("grit.x.three", unproven="why (2026-01-31)")]
    assert unproven_rules(rules, {"grit.x.one"}) == []
    assert unproven_rules(rules, set()) == ["grit.x.one: no mutant, no reason"]
    assert unproven_rules(rules, {"grit.x.one", "grit.x.three"}) == ["grit.x.three: a mutant and a reason"]


@pytest.mark.rule("suite.rules.proven")
def test_complete_zoo_needs_each_rule_proven_or_excluded() -> None:
    zoo = Zoo()
    zoo.add([("mutant", "a"), ("violates", "grit.x.one")], passed=True)
    assert Summary(zoo, (rule("grit.x.one"), rule("grit.x.two", unproven="why")), 1, 0).is_complete
    assert not Summary(zoo, (rule("grit.x.one"), rule("grit.x.two")), 1, 0).is_complete
    assert not Summary(zoo, (rule("grit.x.one"),), 2, 0).is_complete


@pytest.mark.parametrize("workers", ["0", "2"])
def test_summary_adds_up_all_workers(workers: str, tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "import pytest\n"
        "@pytest.mark.zoo\n"
        "@pytest.mark.parametrize('name', ['a', 'b', 'c'])\n"
        "def test_it(name, record_property):\n"
        "    record_property('mutant', name)\n"
        "    record_property('violates', 'grit.tree.key-order')\n"
        "    assert name != 'c'\n"
    )
    argv = [
        "-m",
        "pytest",
        "-q",
        "-p",
        "selftests.conftest",
        "-n",
        workers,
        "-o",
        "markers=zoo: a mutant",
        "--whole-zoo",
    ]
    command = [sys.executable, *argv, "test_it.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "mutants 3 · detected 2 · survivors 1 · loose 0 · " in done.stdout
    assert " · mutant-proven 1 · " in done.stdout
    assert "a part of the zoo: 3 of " in done.stdout
