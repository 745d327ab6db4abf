"""The rows of the gate: for each table a covering array, in which every possible pair occurs.

``conformance/selftests/strategies/cover.py --write`` makes ``rows.json`` from the tables. The file is stored, so that
every installation sends the same requests, whatever version of the generator it has.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Final

from gritstone_conformance.strategies.crossings.table import FOLDER, Pair, Table, pairs_of

__all__ = ["ROWS_FILE", "rows_of", "salt_of_rows", "uncovered"]

ROWS_FILE: Final = FOLDER / "rows.json"


@cache
def _stored() -> dict[str, object]:
    stored: dict[str, object] = json.loads(ROWS_FILE.read_text(encoding="utf-8"))
    return stored


def salt_of_rows() -> str:
    """Return the version of the specification for which the rows were made."""
    return str(_stored()["version"])


def rows_of(table: Table) -> tuple[dict[str, str], ...]:
    """Return the rows of a table, in the stored order."""
    stored = _stored()["rows"]
    assert isinstance(stored, dict), "the file has rows for each table"
    return tuple(dict(zip(table.dimensions, row, strict=True)) for row in stored[table.name])


def uncovered(table: Table) -> set[Pair]:
    """Return the possible pairs that no stored row contains."""
    possible, _ = table.pairs
    return set(possible.difference(*(pairs_of(row) for row in rows_of(table))))
