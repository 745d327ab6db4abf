"""What the suite brings along: rules, vectors and properties, and the plan of a run over them."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache

from gritstone_conformance.attachment.claims import PROFILES
from gritstone_conformance.errors import UsageError
from gritstone_conformance.planning.plan import Plan, Selection, make_plan
from gritstone_conformance.planning.watches import WATCHED
from gritstone_conformance.properties import load_properties
from gritstone_conformance.results.audit_cases import CASES
from gritstone_conformance.rules import RuleBook, load_rules
from gritstone_conformance.vectors.files import VectorSet, load_vectors

__all__ = ["Data", "check_selection", "known_cases", "load_data", "plan_run"]


@dataclass(frozen=True, slots=True)
class Data:
    """What the suite brings along: rules and vectors."""

    book: RuleBook
    vectors: VectorSet


@cache
def load_data() -> Data:
    """Load the bundled rules and vectors, once in a process; raises DataError when they are not valid."""
    return Data(load_rules(), load_vectors())


def plan_run(data: Data, selection: Selection, seed: int) -> Plan:
    """Plan a run over the bundled vectors, properties and watches."""
    return make_plan(data.vectors.cases(), load_properties(), WATCHED, selection, seed)


def check_selection(selection: Selection) -> None:
    """Raise UsageError when a filter names what the spec does not know; a glob of cases may match nothing."""
    for profile in selection.profiles:
        if profile not in PROFILES and profile != "harness":
            raise UsageError(f"--profile {profile}: the spec knows {', '.join(['harness', *PROFILES])}")
    if selection.rule is not None:
        book = load_rules()
        if not any(fnmatchcase(rule, selection.rule) for rule in book.rules):
            raise UsageError(f"--rule {selection.rule}: no rule of spec {book.spec} matches")


def known_cases(data: Data) -> dict[str, tuple[str, ...]]:
    """Return every case that this suite has, those of an audit too, and the rules that each judges."""
    return {**CASES, **{item.name: item.rules for item in plan_run(data, Selection(), 1).items}}
