"""How crossings are registered: each stored row of a table as one case, and the whole table as a case of the search."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, Final

from gritstone_conformance.cases import Requires
from gritstone_conformance.model.formats import FORMATS
from gritstone_conformance.replies import Claims
from gritstone_conformance.strategies.crossings.rows import rows_of
from gritstone_conformance.strategies.crossings.table import Row, Table, drawn_rows, load_tables
from gritstone_conformance.trial import Divergence, Property, Trial

__all__ = ["each_row"]

_COST: Final = 8  # vectors
_EXAMPLES: Final = 50  # of the search, before its factor

Rules = Callable[[Iterable[str]], tuple[str, ...]]
"""The rules that a row judges, from the features that it needs."""


def each_row(
    name: str, body: Callable[[Trial, Row], None], rules: Rules, features: tuple[str, ...] = (), profile: str = ""
) -> tuple[Property, ...]:
    """Return one property for each stored row of a table, and one of the search that draws from all possible rows.

    Args:
        name: the name of the table.
        body: runs one row.
        rules: the rules that a row judges.
        features: the features that every row needs.
        profile: the profile that every row needs; by default that of the table.
    """
    table = load_tables()[name]
    topic, _, slug = name.partition("/")
    needed = (profile or topic,)
    rows = [
        Property(
            name=f"{topic}/crossing/{row.get('operation', slug)}-{number:03}",
            rules=rules(table.features(row)),
            body=partial(_run, body, row=row),
            requires=Requires((row["format"],), (*features, *table.features(row)), needed),
            cost=_COST,
        )
        for number, row in enumerate(rows_of(table), start=1)
    ]
    whole = Property(
        name=f"{topic}/crossing/{slug}",
        rules=rules(()),
        body=partial(_run, body),
        given=partial(_given, table),
        requires=Requires((), features, needed),
        search_only=True,
        examples=_EXAMPLES,
    )
    return (*rows, whole)


def _run(body: Callable[[Trial, Row], None], trial: Trial, row: Row) -> None:
    """Run one row; a failure shows its values."""
    try:
        body(trial, row)
    except Divergence as divergence:
        values = ", ".join(f"{dimension} {value}" for dimension, value in row.items())
        divergence.remark = f"row: {values}"
        raise


def _given(table: Table, claims: Claims) -> dict[str, Any]:
    formats = tuple(name for name in FORMATS if name in claims.formats)
    return {"row": drawn_rows(table, claims.features, format=formats)}
