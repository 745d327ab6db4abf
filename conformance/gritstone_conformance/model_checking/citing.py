"""Which rules the promises of the model cite, and which no promise cites, with the reason."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from gritstone_conformance.errors import UsageError
from gritstone_conformance.model_checking.tables import REASONS, Tables

__all__ = ["check_citations"]

_COVERED: Final = ("wit.", "runtime.", "grit.ref.", "session.", "flow.", "image.")
"""The parts of the spec that the model covers: each of their rules is cited or excused."""


def check_citations(tables: Tables, rules: Collection[str]) -> None:
    """Check that all named rules exist, that each covered rule is cited or excused, and that no promise is idle.

    Args:
        tables: the tables of the model.
        rules: the ids of all rules of the spec.

    Raises:
        UsageError: one of these is not so.
    """
    for where, named in _named(tables):
        for rule in named:
            if rule not in rules:
                raise UsageError(f"{where}: unknown rule {rule!r}")
    _check_excuses(tables, rules)
    violated = {mutant.invariant for mutant in tables.mutants}
    for name in tables.promises:
        if name not in violated:
            raise UsageError(f"promise {name}: no mutant violates it")


def _check_excuses(tables: Tables, rules: Collection[str]) -> None:
    cited = {rule for promise in tables.promises.values() for rule in promise.rules}
    for rule, reason in tables.excused.items():
        if reason not in REASONS:
            raise UsageError(f"rule {rule} is excused with {reason!r}, expected one of {', '.join(REASONS)}")
        if rule in cited:
            raise UsageError(f"rule {rule} is excused, but a promise cites it")
    for rule in sorted(rules):
        if rule.startswith(_COVERED) and rule not in cited and rule not in tables.excused:
            raise UsageError(f"rule {rule} is neither cited by a promise of the model nor excused")


def _named(tables: Tables) -> list[tuple[str, Collection[str]]]:
    return [
        *((f"promise {each.name}", each.rules) for each in tables.promises.values()),
        *((f"mutant {each.guard}", each.rules) for each in tables.mutants),
        *((f"hole {each.promise.name}", each.promise.rules) for each in tables.holes),
        ("excused", tables.excused),
    ]
