"""The objects of an audited bundle: one outcome per case about its layout, closure, references and objects.

The bundle reader of the model has the defects; this module maps them to cases.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from gritstone_conformance.cases import Requires
from gritstone_conformance.model.bundle import Bundle
from gritstone_conformance.model.refusals import Defect
from gritstone_conformance.planning.plan import Planned, Watch, named_identity
from gritstone_conformance.results.audit_cases import BUNDLE_CASES
from gritstone_conformance.results.outcomes import Outcome
from gritstone_conformance.rules import RuleBook
from gritstone_conformance.running.outcome_builder import OutcomeBuilder

__all__ = ["audit_outcomes"]

_AFTER_LAYOUT: Final = frozenset(BUNDLE_CASES) - {"grit/audit/layout", "grit/audit/whole", "grit/audit/format"}


def audit_outcomes(bundle: Bundle, book: RuleBook) -> tuple[Outcome, ...]:
    """Return one outcome per audit case, in the order of the checks."""
    recorder = OutcomeBuilder(book)
    by_case: dict[str, list[Defect]] = {name: [] for name in BUNDLE_CASES}
    for defect in bundle.defects:
        by_case[_case_of(defect.rule)].append(defect)
    outcomes = []
    for name, rules in BUNDLE_CASES.items():
        item = Planned(name, "audit", partial(named_identity, "audit", name), rules, Requires(), Watch(rules[0]))
        found = by_case[name]
        if found:
            outcomes.append(_failed(recorder, item, found))
        elif name in _AFTER_LAYOUT and not bundle.readable:
            outcomes.append(recorder.skipped(item, "the bundle cannot be read completely"))
        else:
            outcomes.append(recorder.blank(item, "pass"))
    return tuple(outcomes)


def _failed(recorder: OutcomeBuilder, item: Planned, found: Sequence[Defect]) -> Outcome:
    first = found[0]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return replace(
        recorder.blank(item, "fail"),
        rule=first.rule,
        level=recorder.level(first.rule),
        signature=f"audit {first.kind}",
        detail=f"{first.words}{more}",
    )


def _case_of(rule: str) -> str:
    return next((name for name, rules in BUNDLE_CASES.items() if rule in rules), "grit/audit/objects")
