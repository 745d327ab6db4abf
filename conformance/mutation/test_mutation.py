"""Tests of the automatic mutation itself; `tox -e mutation` runs them first."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mutation.marked import Marks
from mutation.mutants import Decision, Mutant, Result, named, read_decisions, read_results, stale, write_results
from mutation.mutated import MARKS
from mutation.playing import Bench, Work, planned, read_reach
from mutation.scores import Score, recorded_scores, score, write_generated
from mutation.targets import Reference, places

SOURCE = "a = 1\nif a == 1 and not b:\n    for c in d:\n        break\n"


def test_places_of_a_module_have_operator_line_and_text() -> None:
    found = {(operator.removeprefix("core/"), line, text) for operator, line, text, _ in places(SOURCE)}
    assert {
        ("NumberReplacer", 1, "1"),
        ("ReplaceComparisonOperator_Eq_NotEq", 2, "a == 1"),
        ("ReplaceAndWithOr", 2, "and"),
        ("ReplaceBreakWithContinue", 4, "break"),
    } <= found


def test_a_name_stays_while_its_line_moves_and_goes_with_its_text() -> None:
    change = ("x", "EqualityOperator", "a < b", "a <= b")
    (before,) = named([("0", "x", 1, *change[1:])], {"x": ["if (a < b) {"]})
    (moved,) = named([("7", "x", 2, *change[1:])], {"x": ["// new", "  if (a < b) {"]})
    (changed,) = named([("0", "x", 1, *change[1:])], {"x": ["while (a < b) {"]})
    assert before.name == moved.name != changed.name


def test_equal_changes_of_equal_lines_have_different_names() -> None:
    change = ("BooleanLiteral", "true", "false")
    mutants = named([(str(line), "x", line, *change) for line in (1, 2)], {"x": ["return true;", "return true;"]})
    assert len({mutant.name for mutant in mutants}) == 2


def test_a_decision_about_a_changed_line_is_stale(tmp_path: Path) -> None:
    path = tmp_path / "decisions.toml"
    path.write_text('[equivalent]\naaaaaaaaaaaa = "no one sees it"\n[out-of-scope]\nbbbbbbbbbbbb = "speed only"\n')
    assert read_decisions(path)["bbbbbbbbbbbb"] == Decision("out-of-scope", "speed only")
    assert stale(path, [Mutant("0", "aaaaaaaaaaaa", "x", 1, "", "", "")]) == ["bbbbbbbbbbbb"]


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    results = [Result("b" * 12, "y", "survived"), Result("a" * 12, "x", "right-topic", "grit/a/b", "grit.a.b")]
    write_results(tmp_path / "results" / "r.jsonl", results)
    assert list(read_results(tmp_path / "results" / "r.jsonl").values()) == results[::-1]


def test_a_decision_counts_only_where_no_case_notices_the_mutant() -> None:
    results = [Result("a", "x", "survived"), Result("b", "x", "right-topic"), Result("c", "x", "survived")]
    decisions = {name: Decision("equivalent", "same") for name in ("a", "b")}
    counts = Counter({"equivalent": 1, "right-topic": 1, "survived": 1})
    assert score(results, {"x": ["wit.*"]}, decisions, {"x": 5}) == {"wit": Score(5, counts)}
    assert Score(5, counts).detection == "50.0 %"


def test_recorded_scores_count_generated_and_judged_mutants(tmp_path: Path) -> None:
    write_generated(tmp_path / "results", "javascript", {"src/wit/x.js": 3, "src/wasm/y.js": 2})
    write_generated(tmp_path / "results", "reference", {"wit/x.py": 9})
    write_results(tmp_path / "results" / "javascript.jsonl", [Result("a", "src/wit/x.js", "error", "wit/a")])
    assert recorded_scores("javascript", tmp_path) == {"wasm": Score(2), "wit": Score(3, Counter({"error": 1}))}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    target, folder = Reference(), tmp_path_factory.mktemp("build")
    mutants = target.build(folder, "grit/cbor.py")
    return Bench(target, folder, mutants, {"grit/cbor.py": ["grit.cbor.*"]}, planned())


@pytest.fixture
def mutant(bench: Bench) -> Mutant:
    """Return the one that reads indefinite lengths."""
    return next(each for each in bench.mutants if each.original == "info == 31" and "Eq_NotEq" in each.operator)


def test_a_case_under_a_rule_of_the_topic_decides(bench: Bench, mutant: Mutant) -> None:
    result = bench.judge(Work(mutant, [name for name in bench.items if name.startswith("grit/cbor/")]))
    assert result is not None
    assert (result.verdict, result.file) == ("right-topic", "grit/cbor.py")
    assert result.rule is not None
    assert result.rule.startswith("grit.cbor.")


def test_a_mutant_that_its_cases_do_not_notice_survives(bench: Bench, mutant: Mutant) -> None:
    result = bench.judge(Work(mutant, ["grit/blob/one-byte"]))
    assert result == Result(mutant.name, mutant.file, "survived")


def test_after_its_time_a_mutant_gets_no_further_case(bench: Bench, mutant: Mutant) -> None:
    names = [name for name in bench.items if name.startswith("grit/blob/")]
    names += [name for name in bench.items if name.startswith("grit/cbor/")]
    result = replace(bench, limit_s=0.0).judge(Work(mutant, names[: len(names) // 2]))
    assert result == Result(mutant.name, mutant.file, "survived")


def test_without_cases_a_mutant_is_not_reached(bench: Bench, mutant: Mutant) -> None:
    assert bench.judge(Work(mutant, [])) == Result(mutant.name, mutant.file, "not-reached")


def test_a_case_reaches_the_code_that_it_runs(bench: Bench, mutant: Mutant) -> None:
    blob, mailbox = bench.reach(["grit/blob/one-byte", "grit/mailbox/key-as-text-in-cbor"])
    assert (blob.cases, mailbox.cases) == (["grit/blob/one-byte"], ["grit/mailbox/key-as-text-in-cbor"])
    place = bench.target.places(mutant)
    assert mailbox.places & place
    assert not blob.places & place
    assert blob.places


def test_each_case_is_in_one_batch_of_its_folder(bench: Bench) -> None:
    batches = bench.batches()
    assert sorted(name for batch in batches for name in batch) == sorted(bench.items)
    assert all(len({name.rpartition("/")[0] for name in batch}) == 1 for batch in batches)


def test_what_a_batch_reaches_counts_for_each_of_its_cases(tmp_path: Path) -> None:
    path = tmp_path / "reach"
    path.write_text('[[["a", "b"], [1.0, 2.0], "3"]]\n[[["c"], [0.5], "c"], [["d"], [0.1], "4"]]\n')
    reach = read_reach(path)
    assert [reach.cases(1 << place) for place in range(4)] == [["a", "b"], ["a", "b"], ["c", "d"], ["c"]]
    assert reach.seconds() == {"a": 1.0, "b": 2.0, "c": 0.5, "d": 0.1}


MARKED = """A = 1
B = 2


class C:
    def f(self, x=3):
        "Text."
        if x:
            return A + x
        return 0


def _g():
    return B
"""


@pytest.fixture
def marks(tmp_path: Path) -> Marks:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "a.py").write_text(MARKED)
    marks = Marks()
    marks.write(tmp_path / "source", tmp_path / "copy")
    return marks


def test_a_line_belongs_to_the_innermost_statement(marks: Marks) -> None:
    whole, inner, last, other = (marks.mask("a.py", line) for line in (8, 9, 10, 14))
    assert len({whole, inner, last, other}) == 4
    assert all(mask.bit_count() == 1 for mask in (whole, inner, last, other))


def test_a_constant_is_reached_where_it_is_named(marks: Marks) -> None:
    assert marks.mask("a.py", 1) == marks.mask("a.py", 9)
    assert marks.mask("a.py", 2) == marks.mask("a.py", 14)


def test_a_name_that_no_statement_uses_is_reached_in_the_whole_file(marks: Marks) -> None:
    assert marks.mask("a.py", 13) == marks.mask("a.py", 6) == (1 << marks.count) - 1


def test_a_marked_copy_sets_the_bytes_of_its_statements(marks: Marks, tmp_path: Path) -> None:
    seen = bytearray(marks.count)
    names: dict[str, Any] = {MARKS: seen}
    exec((tmp_path / "copy" / "a.py").read_text(), names)
    assert names["C"]().f() == 4
    reached = int(bytes(seen)[::-1].hex()[1::2], 2)
    assert reached == marks.mask("a.py", 8) | marks.mask("a.py", 9)


def test_a_star_that_is_no_product_is_not_changed() -> None:
    found = [text for operator, _, text, _ in places("def f(a, *, b):\n    return a * b\n") if "Mul_" in operator]
    assert found == ["*"]


def test_short_cases_of_several_folders_run_first(bench: Bench) -> None:
    names = ["grit/blob/one-byte", "grit/blob/empty", "grit/cbor/float-kind"]
    seconds = {"grit/blob/one-byte": 0.2, "grit/blob/empty": 0.1, "grit/cbor/float-kind": 0.3}
    assert replace(bench, seconds=seconds).ranked(names) == [names[1], names[2], names[0]]
