"""The data of the suite: rules, vectors and properties, and the plan of a run with them."""

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

__all__ = ["SuiteData", "check_selection", "known_cases", "load_data", "plan_run"]


@dataclass(frozen=True, slots=True)
class SuiteData:
    """The bundled rules and vectors."""

    book: RuleBook
    vectors: VectorSet


@cache
def load_data() -> SuiteData:
    """Load the bundled rules and vectors, once per process; raises DataError if they are invalid."""
    return SuiteData(load_rules(), load_vectors())


def plan_run(data: SuiteData, selection: Selection, seed: int) -> Plan:
    """Return the plan of a run with the bundled vectors, properties and watches."""
    return make_plan(data.vectors.cases(), load_properties(), WATCHED, selection, seed)


def check_selection(selection: Selection) -> None:
    """Raise UsageError if a filter names an unknown profile or rule; a glob of cases may match no case."""
    for profile in selection.profiles:
        if profile not in PROFILES and profile != "harness":
            raise UsageError(f"--profile {profile}: unknown profile, expected {', '.join(['harness', *PROFILES])}")
    if selection.rule is not None:
        book = load_rules()
        if not any(fnmatchcase(rule, selection.rule) for rule in book.rules):
            raise UsageError(f"--rule {selection.rule}: no rule of spec {book.spec} matches")


def known_cases(data: SuiteData) -> dict[str, tuple[str, ...]]:
    """Return every case of this suite, including those of an audit, with the rules that it judges."""
    return {**CASES, **{item.name: item.rules for item in plan_run(data, Selection(), 1).items}}
