"""Tables of state dimensions: which values a row may combine, and what a row needs.

A *row* gives each dimension of a table one value. A *pair* is two dimensions with one value each. A pair is possible if
some row that contains it has no impossible combination.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import combinations, product
from pathlib import Path
from typing import Any, Final, TypeAlias

from hypothesis import strategies as st

__all__ = ["FOLDER", "Impossible", "Pair", "Row", "Table", "drawn_rows", "load_tables", "pairs_of"]

FOLDER: Final = Path(__file__).parent

Row: TypeAlias = Mapping[str, str]
"""Dimension -> value."""

Pair: TypeAlias = frozenset[tuple[str, str]]
"""Two dimensions with their values."""

_Order: TypeAlias = Callable[[str, Sequence[str]], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Impossible:
    """Values that cannot occur together.

    Attributes:
        when: dimension -> values; a row is impossible if each of these dimensions has one of its values.
        reason: why.
    """

    when: Mapping[str, tuple[str, ...]]
    reason: str

    def excludes(self, row: Row) -> bool:
        """Return whether a complete or partial row is impossible for this reason."""
        return all(row.get(dimension) in values for dimension, values in self.when.items())


@dataclass(frozen=True)
class Table:
    """The state dimensions of some operations.

    Attributes:
        name: the profile and the name of the table, ``grit/objects``.
        about: what a row does, in one phrase.
        dimensions: dimension -> values.
        impossible: the values that cannot occur together.
        needs: (dimension, value) -> the features that it requires.
        costly: dimension -> values that no row has without need, because they take long.
    """

    name: str
    about: str
    dimensions: Mapping[str, tuple[str, ...]]
    impossible: tuple[Impossible, ...]
    needs: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    costly: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def allows(self, row: Row) -> bool:
        """Return whether a complete or partial row has no impossible combination."""
        return not any(each.excludes(row) for each in self.impossible)

    def complete(self, part: Row, order: _Order = lambda _, values: values) -> dict[str, str] | None:
        """Return a possible row that contains a partial one, or None.

        Args:
            part: values of some dimensions.
            order: returns the order in which the values of a dimension are tried.
        """
        if not self.allows(part):
            return None
        missing = next((name for name in self.dimensions if name not in part), None)
        if missing is None:
            return dict(part)
        for value in order(missing, self.dimensions[missing]):
            row = self.complete({**part, missing: value}, order)
            if row is not None:
                return row
        return None

    @cached_property
    def pairs(self) -> tuple[frozenset[Pair], frozenset[Pair]]:
        """The possible and the impossible pairs; finding them takes up to a second."""
        found: tuple[set[Pair], set[Pair]] = (set(), set())
        for (one, values), (other, others) in combinations(self.dimensions.items(), 2):
            for value, second in product(values, others):
                row = {one: value, other: second}
                found[self.complete(row) is None].add(frozenset(row.items()))
        return frozenset(found[0]), frozenset(found[1])

    def reasons(self) -> Iterator[tuple[str, int]]:
        """Yield the reason of each impossible combination and how many impossible pairs it contains alone."""
        _, impossible = self.pairs
        for each in self.impossible:
            yield each.reason, sum(each.excludes(dict(pair)) for pair in impossible)

    def features(self, row: Row) -> tuple[str, ...]:
        """Return the features that a row requires, ascending."""
        return tuple(sorted({feature for item in row.items() for feature in self.needs.get(item, ())}))


def pairs_of(row: Row) -> set[Pair]:
    """Return the pairs that a row contains."""
    return {frozenset(pair) for pair in combinations(row.items(), 2)}


def drawn_rows(table: Table, features: Sequence[str], **given: tuple[str, ...]) -> st.SearchStrategy[dict[str, str]]:
    """Return the strategy of all rows that need only these features, with one of the given values of a dimension."""
    kept = {
        name: tuple(
            value
            for value in given.get(name, values)
            if value in values and set(table.needs.get((name, value), ())) <= set(features)
        )
        for name, values in table.dimensions.items()
    }

    @st.composite
    def rows(draw: st.DrawFn) -> dict[str, str]:
        def order(name: str, _: Sequence[str]) -> Sequence[str]:
            first = draw(st.integers(0, len(kept[name]) - 1))
            return (*kept[name][first:], *kept[name][:first])

        row = table.complete({}, order)
        assert row is not None, "some row needs none of the other features"
        return row

    return rows()


@cache
def load_tables() -> Mapping[str, Table]:
    """Return every table by its name."""
    found = {}
    for path in sorted(FOLDER.glob("*.toml")):
        for name, entry in tomllib.loads(path.read_text(encoding="utf-8")).items():
            table = _read(f"{path.stem}/{name}", entry)
            found[table.name] = table
    return found


def _read(name: str, entry: Mapping[str, Any]) -> Table:
    dimensions = {dimension: tuple(values) for dimension, values in entry["dimensions"].items()}
    impossible = tuple(
        Impossible({dimension: tuple(values) for dimension, values in each["when"].items()}, each["reason"])
        for each in entry.get("impossible", ())
    )
    needs = {
        (dimension, value): tuple(features)
        for dimension, values in entry.get("needs", {}).items()
        for value, features in values.items()
    }
    known = {(dimension, value) for dimension, values in dimensions.items() for value in values}
    costly = {dimension: tuple(values) for dimension, values in entry.get("costly", {}).items()}
    used = {(dimension, value) for each in impossible for dimension in each.when for value in each.when[dimension]}
    used |= {(dimension, value) for dimension, values in costly.items() for value in values}
    unknown = sorted((used | set(needs)) - known)
    if unknown:
        raise ValueError(f"{name} names values that no dimension has: {unknown}")
    return Table(name, entry["about"], dimensions, impossible, needs, costly)
