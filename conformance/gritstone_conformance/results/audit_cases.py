"""The cases of an audit, and the rules that each judges."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from gritstone_conformance.model.findings import FAULTS
from gritstone_conformance.model.journal.journal_check import FAULTS as JOURNAL_FAULTS
from gritstone_conformance.model.journal.operation_check import OPERATION_RULES

__all__ = ["BUNDLE_CASES", "CASES", "HISTORY_CHECKS", "ORDER_CASE", "ORDER_RULES", "HistoryCheck"]

BUNDLE_CASES: Final = {
    "grit/audit/layout": ("grit.bundle.conditions",),
    "grit/audit/whole": ("grit.bundle.truncated",),
    "grit/audit/format": ("grit.bundle.format",),
    "grit/audit/digest": ("grit.bundle.verify",),
    "grit/audit/closure": ("grit.bundle.exact", "grit.graph.edges"),
    "grit/audit/kinds": ("grit.graph.kinds",),
    "grit/audit/references": ("grit.ref.grammar", "grit.ref.target"),
    "grit/audit/objects": ("grit.store.put-strict",),
}
"""Case to the rules it judges; a defect under any other rule is one of an object."""


ORDER_CASE: Final = "grit/audit/order"
ORDER_RULES: Final = ("grit.tree.key-order", "grit.mailbox.key-order", "grit.header.order")

_SLUGS: Final = {
    2: "agent",
    3: "actor",
    4: "first",
    5: "inbox",
    6: "sent",
    7: "alone",
    8: "recompute",
    9: "outbox",
    10: "core",
    11: "acyclic",
    12: "marks",
    13: "names",
    14: "rest",
    15: "continued",
    16: "residency",
    17: "journal",
    18: "operations",
}
"""Check to the slug of its case; check 1 is that of the bundle itself."""

_PROFILES: Final = {16: "session", 17: "image", 18: "image"}
"""Check to the profile of its case, if it is not ``runtime``."""

_NARROWED: Final = {
    8: ("wit.update.merge", "wit.update.refused", "wit.genesis.again", "image.kernel.step"),
    17: tuple(JOURNAL_FAULTS.values()),
    18: OPERATION_RULES,
}


@dataclass(frozen=True, slots=True)
class HistoryCheck:
    """One check of a history, and the rules that its case judges."""

    number: int
    rules: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name of its case."""
        return f"{self.profile}/audit/{_SLUGS[self.number]}"

    @property
    def profile(self) -> str:
        """The profile of its case."""
        return _PROFILES.get(self.number, "runtime")


def _checks() -> Iterator[HistoryCheck]:
    for number in _SLUGS:
        own = [rule for check, rule in FAULTS.values() if check == number]
        yield HistoryCheck(number, tuple(dict.fromkeys([*own, *_NARROWED.get(number, ())])))


HISTORY_CHECKS: Final = tuple(_checks())
"""The checks of a history, in order."""

CASES: Final = {**BUNDLE_CASES, ORDER_CASE: ORDER_RULES, **{check.name: check.rules for check in HISTORY_CHECKS}}
"""Every case of an audit, and the rules that it judges."""
