"""The crossings: the stored rows contain every possible pair of each table, and a table lists what is impossible."""

from __future__ import annotations

import pytest

from gritstone_conformance import SPEC_VERSIONS
from gritstone_conformance.model.image_host import ImageHost
from gritstone_conformance.properties import load_properties
from gritstone_conformance.strategies.crossings import rows
from gritstone_conformance.strategies.crossings.rows import rows_of, salt_of_rows, uncovered
from gritstone_conformance.strategies.crossings.table import Impossible, Table, load_tables, pairs_of
from gritstone_conformance.trial import Property, Trial
from selftests.strategies.cover import cover

TABLES = list(load_tables().values())
ROWS = [prop for prop in load_properties() if "/crossing/" in prop.name and not prop.search_only]
PLAYED = [prop for number, prop in enumerate(ROWS) if number % 8 == 0 or prop.name.startswith("session/")]
SMALL = Table(
    "t/small",
    "a table of a test",
    {"a": ("1", "2", "3"), "b": ("x", "y"), "c": ("p", "q"), "d": ("m", "n")},
    (Impossible({"a": ("1",), "b": ("x",)}, "one and x"), Impossible({"c": ("p",), "b": ("y",)}, "p and y")),
)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_rows_contain_every_possible_pair(table: Table) -> None:
    possible, impossible = table.pairs
    missing = uncovered(table)
    print(
        f"{table.name}: {len(rows_of(table))} rows, {len(possible) - len(missing)} of {len(possible)} possible pairs,"
    )
    print(f"{len(impossible)} impossible pairs")
    assert not missing, f"pairs without a row: {sorted(map(sorted, missing))[:5]}; run cover.py --write"


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_rows_are_possible_and_all_different(table: Table) -> None:
    every = rows_of(table)
    assert all(table.allows(row) for row in every)
    assert len({tuple(row.values()) for row in every}) == len(every)
    assert all(row[name] in table.dimensions[name] for row in every for name in row)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_each_reason_excludes_some_row(table: Table) -> None:
    for number, each in enumerate(table.impossible):
        others = Table(table.name, "", table.dimensions, table.impossible[:number] + table.impossible[number + 1 :])
        parts = [{name: values[0] for name, values in each.when.items()}]
        assert any(others.complete(part) is not None for part in parts), f"needless: {each.reason}"


def test_rows_were_made_for_this_version() -> None:
    assert salt_of_rows() == SPEC_VERSIONS[-1], "run conformance/selftests/strategies/cover.py --write"


def test_uncovered_names_the_pair_of_a_removed_row(monkeypatch: pytest.MonkeyPatch) -> None:
    made = cover(SMALL, "salt")
    monkeypatch.setattr(rows, "_stored", lambda: {"rows": {SMALL.name: made}})
    assert not uncovered(SMALL)
    monkeypatch.setattr(rows, "_stored", lambda: {"rows": {SMALL.name: [row for row in made if row[0] != "3"]}})
    assert uncovered(SMALL) >= {
        frozenset({("a", "3"), (name, value)}) for name in "bcd" for value in SMALL.dimensions[name]
    }


def test_pairs_are_impossible_if_no_row_completes_them() -> None:
    possible, impossible = SMALL.pairs
    assert impossible == {
        frozenset({("a", "1"), ("b", "x")}),
        frozenset({("b", "y"), ("c", "p")}),
        frozenset({("a", "1"), ("c", "p")}),  # because neither x nor y is possible with both
    }
    assert len(possible) + len(impossible) == 6 + 6 + 6 + 4 + 4 + 4


def test_another_salt_covers_the_pairs_with_other_rows() -> None:
    table = TABLES[0]
    one, other = (cover(table, salt) for salt in ("0.6", "0.7"))
    assert {tuple(row) for row in one} != {tuple(row) for row in other}
    possible, _ = table.pairs
    for made in (one, other):
        found = [pairs_of(dict(zip(table.dimensions, row, strict=True))) for row in made]
        assert possible == set().union(*found)


@pytest.mark.parametrize(
    "prop", [*ROWS[::8], *(prop for prop in ROWS if prop.name.startswith("session"))], ids=lambda prop: prop.name
)
def test_each_step_judges_a_rule_of_its_case(prop: Property) -> None:
    model = ImageHost()
    trial = Trial(model, prop.rules[0], model.spawn)
    prop.body(trial)
    trial.finish()
    assert {step.rule for step in trial.steps if step.rule is not None} <= set(prop.rules)
