"""The plan: the cases that a run executes, and their order.

Selection, order and shards depend on the cases and options only. Whether an implementation claims what a case requires
is checked when its claims are known; if it does not, the case is planned and gets the verdict ``skip``.

Invariants: the twin of each planned reject case is planned; the counted cases of two shards are disjoint, and all
shards together are the unsharded plan; the order depends on the seed and the names only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import cached_property, partial
from typing import Final, TypeAlias

from gritstone_conformance.attachment.claims import with_lower
from gritstone_conformance.cases import Case, Requires, canonical_json, case_order
from gritstone_conformance.errors import DataError
from gritstone_conformance.rules import RuleBook
from gritstone_conformance.trial import Property

__all__ = [
    "Plan",
    "Planned",
    "Selection",
    "Watch",
    "dealt",
    "gives_control",
    "make_plan",
    "named_identity",
    "shard_of",
    "uncovered_rules",
]


@dataclass(frozen=True, slots=True)
class Watch:
    """A case without requests: it fails if any fault of the run violates its rule."""

    rule: str

    @property
    def name(self) -> str:
        """Its case name, ``harness/watch/<topic>-<slug>``."""
        return "harness/watch/" + self.rule.split(".", 1)[1].replace(".", "-")


_COSTS: Final = {"property": 100, "wire": 150, "machine": 150, "crash": 600}  # in ``gate``; a vector costs 1

Source: TypeAlias = Case | Property | Watch


@dataclass(frozen=True, slots=True)
class Selection:
    """The cases that the user selected; empty members select every case.

    Attributes:
        profiles: select only cases of these profiles and of ``harness``.
        globs: select only cases whose name matches one of these, for example ``grit/tree/*``.
        rule: select only cases that judge a matching rule, for example ``grit.tree.*``.
        shard: the index from 0, and the number of shards.
        by_cost: whether cases are assigned to shards by their cost instead of their names.
        vectors_last: whether all properties run before the first vector.
    """

    profiles: tuple[str, ...] = ()
    globs: tuple[str, ...] = ()
    rule: str | None = None
    shard: tuple[int, int] = (0, 1)
    by_cost: bool = False
    vectors_last: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether a run can support a claim: there are no filters except complete profiles and those they require."""
        built_on = {lower for name in self.profiles for lower in with_lower(name)}
        return not self.is_filtered and built_on <= set(self.profiles)

    @property
    def is_filtered(self) -> bool:
        """Whether some cases of a selected profile may be missing."""
        filtered = bool(self.globs) or self.rule is not None or self.shard[1] > 1
        return filtered or self.profiles == ("harness",)

    def left_out(self, item: Planned) -> str | None:
        """Return a profile that a selected case requires and that the user did not select, or None."""
        asked = {lower for name in self.profiles for lower in with_lower(name)} - {"harness"}
        return next((name for name in item.requires.profiles if asked and name not in asked), None)

    def selects(self, item: Planned) -> bool:
        """Return whether the options select a case (:func:`make_plan` adds twins)."""
        return (
            (not self.profiles or item.profile in (*self.profiles, "harness"))
            and (not self.globs or any(fnmatchcase(item.name, glob) for glob in self.globs))
            and (self.rule is None or any(fnmatchcase(rule, self.rule) for rule in item.rules))
        )


@dataclass(frozen=True)
class Planned:
    """One case of a plan.

    Attributes:
        name: the case name.
        kind: ``vector``, ``property``, ``machine``, ``crash``, ``wire`` or ``watch``.
        identity: returns its identity, SHA-256 in hex; not called for cases that other parts run.
        rules: the rules that it judges; the steps of a vector may name more.
        requires: the claims that it requires.
        source: the case, property or watch.
        counted: False for a twin that only another shard reports.
        unasked: a profile that it requires and that was not selected, or None.
    """

    name: str
    kind: str
    identity: Callable[[], str]
    rules: tuple[str, ...]
    requires: Requires
    source: Source
    counted: bool = True
    unasked: str | None = None

    @cached_property
    def digest(self) -> str:
        """Its identity, SHA-256 in hex."""
        return self.identity()

    @property
    def profile(self) -> str:
        """The first segment of the name."""
        return self.name.split("/", 1)[0]

    @property
    def cost(self) -> float:
        """Its cost in ``gate``; that of a vector is 1."""
        if isinstance(self.source, Property) and self.source.search_only:
            return 1  # the gate does not run it
        if isinstance(self.source, Property) and self.source.cost is not None:
            return self.source.cost
        return _COSTS.get(self.kind, 1)

    @property
    def twin(self) -> str | None:
        """The name of the accept vector that must pass too, or None."""
        return self.source.twin if isinstance(self.source, Case) else None


@dataclass(frozen=True, slots=True)
class Plan:
    """The cases of a run, in order of execution.

    Attributes:
        items: ascending by SHA-256 of ``seed:name``.
        seed: the seed.
        selection: the requested selection.
    """

    items: tuple[Planned, ...] = field(repr=False)
    seed: int
    selection: Selection

    def of_kind(self, *kinds: str) -> tuple[Planned, ...]:
        """Return the items of these kinds, in order."""
        return tuple(item for item in self.items if item.kind in kinds)

    def check_identities(self) -> None:
        """Raise DataError if two counted cases have the same requests and expected answers."""
        names: dict[str, str] = {}
        for item in self.items:
            if item.counted and names.setdefault(item.digest, item.name) != item.name:
                raise DataError(f"{item.name} has the same requests and expected answers as {names[item.digest]}")

    def controls(self) -> tuple[Planned, ...]:
        """Return the items that can serve as controls of harness cases, in order."""
        return tuple(item for item in self.items if _is_control(item))


def shard_of(name: str, count: int) -> int:
    """Return the shard (0 to ``count`` - 1) that reports a case: first 8 hex digits of SHA-256(name) mod count."""
    return int(hashlib.sha256(name.encode()).hexdigest()[:8], 16) % count


def dealt(items: Iterable[Planned], count: int) -> dict[str, int]:
    """Assign cases to shards of about equal cost: the most expensive case first, each to the cheapest shard so far.

    Returns:
        Case name -> shard (0 to ``count`` - 1); it depends on the cases only.
    """
    costs = [0.0] * count
    shards: dict[str, int] = {}
    for item in sorted(items, key=lambda item: (-item.cost, item.name)):
        shards[item.name] = index = costs.index(min(costs))
        costs[index] += item.cost
    return shards


def make_plan(
    cases: Iterable[Case], properties: Iterable[Property], watched: Iterable[str], selection: Selection, seed: int
) -> Plan:
    """Select and order the cases of a run.

    Args:
        cases: the vectors; retired ones are omitted.
        properties: the registered properties.
        watched: the ids of the harness rules that have a watch.
        selection: the options of the user.
        seed: determines the order of the cases.

    Returns:
        The plan; twins and one control are added even if the options do not select them.

    Raises:
        DataError: two cases have the same name.
    """
    every: dict[str, Planned] = {}
    for item in _all_items(cases, properties, watched):
        if every.setdefault(item.name, item) is not item:
            raise DataError(f"two cases are named {item.name}")
    chosen = {name for name, item in every.items() if selection.selects(item)}
    chosen |= _pulled_in(chosen, every)
    index, count = selection.shard
    shards = (
        dealt((every[name] for name in chosen), count)
        if selection.by_cost
        else {name: shard_of(name, count) for name in chosen}
    )
    mine = {name for name in chosen if shards[name] == index or every[name].kind == "watch"}
    support = _pulled_in(mine, every) - mine
    items = [replace(every[name], unasked=selection.left_out(every[name])) for name in mine]
    items += [replace(every[name], counted=False) for name in support]
    last = Case if selection.vectors_last else ()
    items.sort(key=lambda item: (isinstance(item.source, last), case_order(seed, item.name)))
    return Plan(tuple(items), seed, selection)


def uncovered_rules(book: RuleBook, items: Iterable[Planned]) -> tuple[str, ...]:
    """Return the rules that no case judges and that have no ``untested`` reason, ascending."""
    covered: set[str] = set()
    for item in items:
        covered.update(item.rules)
    return tuple(rule.id for rule in book.rules.values() if rule.id not in covered and rule.untested is None)


def gives_control(case: Case) -> bool:
    """Return whether this vector passes only with a right answer with content, so that it can serve as a control."""
    return case.profile != "harness" and any(step.expect.get("ok") for step in case.steps)


def _pulled_in(chosen: set[str], every: Mapping[str, Planned]) -> set[str]:
    """Return the twins of the chosen cases and, if there are harness cases and no control, one control."""
    twins = {twin for name in chosen if (twin := every[name].twin) is not None and twin in every}
    if any(every[name].profile == "harness" for name in chosen):
        controls = sorted(name for name, item in every.items() if _is_control(item))
        if not chosen.intersection(controls) and not twins.intersection(controls):
            twins.update(_per_format(controls, every))
    return twins


def _per_format(controls: Iterable[str], every: Mapping[str, Planned]) -> set[str]:
    """Return the first control of each set of required formats, so that any implementation can answer one."""
    first: dict[tuple[str, ...], str] = {}
    for name in controls:
        first.setdefault(every[name].requires.formats, name)
    return set(first.values())


def _is_control(item: Planned) -> bool:
    case = item.source
    return isinstance(case, Case) and case.twin is None and not case.requires.features and gives_control(case)


def _all_items(cases: Iterable[Case], properties: Iterable[Property], watched: Iterable[str]) -> Iterable[Planned]:
    for case in cases:
        if not (isinstance(case.status, dict) and "retired" in case.status):
            rules = tuple(dict.fromkeys((*case.rules, *(step.rule for step in case.steps if step.rule))))
            yield Planned(case.name, "vector", case.identity, rules, case.requires, case)
    for prop in properties:
        identity = partial(named_identity, "property", prop.name)
        yield Planned(prop.name, prop.kind, identity, prop.rules, prop.requires, prop)
    for rule in watched:
        watch = Watch(rule)
        yield Planned(watch.name, "watch", partial(named_identity, "watch", watch.name), (rule,), Requires(), watch)


def named_identity(kind: str, name: str) -> str:
    """Return the digest of a case without steps; ``kind`` is ``property``, ``watch`` or ``audit``."""
    return hashlib.sha256(canonical_json({kind: name})).hexdigest()
