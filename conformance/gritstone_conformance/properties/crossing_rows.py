"""How crossings are registered: each stored row of a table as one case, and the whole table as a case of the search."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

from gritstone_conformance.cases import Requires
from gritstone_conformance.model.formats import FORMATS
from gritstone_conformance.replies import Claims
from gritstone_conformance.strategies.crossings.rows import rows_of
from gritstone_conformance.strategies.crossings.table import Row, Table, drawn_rows, load_tables
from gritstone_conformance.trial import Divergence, Property, SubjectLike, Trial

__all__ = ["NUMBERS", "Scene", "each_row"]

NUMBERS: Final = {
    "0": 0,
    "1": 1,
    "2^31": 1 << 31,
    "2^32": 1 << 32,
    "2^53 - 1": (1 << 53) - 1,
    "2^53": 1 << 53,
    "2^62": 1 << 62,
    "2^63 - 1": (1 << 63) - 1,
}
"""Values of dimensions that are numbers."""

_COST: Final = 8  # vectors
_KILL_COST: Final = 200
_EXAMPLES: Final = 50  # of the search, before its factor

Rules = Callable[[Iterable[str]], tuple[str, ...]]
"""The rules that a row judges, from the features that it needs."""

Scene = Callable[[Trial, Row, SubjectLike, str], Iterator[None]]
"""Runs one row with a store of the given handle in another process, and yields where that process is killed."""


def each_row(
    name: str,
    body: Callable[[Trial, Row], None],
    rules: Rules,
    features: tuple[str, ...] = (),
    profile: str = "",
    scene: Scene | None = None,
) -> tuple[Property, ...]:
    """Return one property for each stored row of a table, and one of the search that draws from all possible rows.

    The rows with a value ``kill`` share one property for each format, and one process.

    Args:
        name: the name of the table.
        body: runs one row.
        rules: the rules that a row judges.
        features: the features that every row needs.
        profile: the profile that every row needs; by default that of the table.
        scene: runs one row with a value ``kill``.
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
        if not _kills(row)
    ]
    if scene is not None:
        rows += _killed_together(table, scene, rules, features, needed)
    whole = Property(
        name=f"{topic}/crossing/{slug}",
        rules=rules(()),
        body=partial(_run_any, body, scene),
        given=partial(_given, table),
        requires=Requires((), features, needed),
        search_only=True,
        examples=_EXAMPLES,
    )
    return (*rows, whole)


def _killed_together(
    table: Table, scene: Scene, rules: Rules, features: tuple[str, ...], profiles: tuple[str, ...]
) -> Iterator[Property]:
    """Yield a property for each format that runs all stored rows with a value ``kill``."""
    topic, _, slug = table.name.partition("/")
    for name in FORMATS:
        killed = [row for row in rows_of(table) if row["format"] == name and _kills(row)]
        if not killed:
            continue
        needs = tuple(dict.fromkeys((*features, *(each for row in killed for each in table.features(row)))))
        yield Property(
            name=f"{topic}/crossing/killed-{slug}-{name.partition('-')[0]}",
            rules=rules(needs),
            body=partial(_run_killed, scene, rows=killed),
            requires=Requires((name,), needs, profiles),
            kind="crash",
            cost=_KILL_COST,
        )


def _kills(row: Row) -> bool:
    return "kill" in row.values()


def _run_killed(scene: Scene, trial: Trial, rows: Sequence[Row]) -> None:
    """Run rows in one process, which is killed each time when all that are left wait for it."""
    victim = trial.spawn()
    left = [(row, scene(trial, row, victim, f"s-{number}")) for number, row in enumerate(rows)]
    while left:
        left = [(row, parts) for row, parts in left if _continue(row, parts)]
        victim.kill()


def _continue(row: Row, parts: Iterator[None]) -> bool:
    """Run a row up to the next kill; return whether there is one."""
    with _showing(row):
        return next(parts, _OVER) is not _OVER


_OVER: Final = object()


def _run_any(body: Callable[[Trial, Row], None], scene: Scene | None, trial: Trial, row: Row) -> None:
    """Run a drawn row."""
    if scene is not None and _kills(row):
        _run_killed(scene, trial, [row])
    else:
        _run(body, trial, row)


def _run(body: Callable[[Trial, Row], None], trial: Trial, row: Row) -> None:
    """Run one row."""
    with _showing(row):
        body(trial, row)


@contextmanager
def _showing(row: Row) -> Iterator[None]:
    """Show the values of a row in a failure of the block."""
    try:
        yield
    except Divergence as divergence:
        values = ", ".join(f"{dimension} {value}" for dimension, value in row.items())
        divergence.remark = f"row: {values}"
        raise


def _given(table: Table, claims: Claims) -> dict[str, Any]:
    formats = tuple(name for name in FORMATS if name in claims.formats)
    return {"row": drawn_rows(table, claims.features, format=formats)}
