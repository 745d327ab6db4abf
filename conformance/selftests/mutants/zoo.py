"""The numbers of the zoo, added up from what the tests of one session recorded.

A test that hunts one mutant is marked ``zoo`` and calls ``note``; ``conftest.py`` gives this module the reports of the
session, those of all workers of ``-n`` too. Nothing is counted that was not run in that session, and a session that ran
only a part of the zoo says so.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, field

from gritstone_conformance.rules import Rule
from selftests.mutants.mutate import Mutant, StaleMutantError, check_fresh

__all__ = ["Summary", "Zoo", "note", "note_check", "note_kill", "unproven_rules"]

Recorder = Callable[[str, object], None]
"""The fixture ``record_property``."""


def note(record_property: Recorder, mutant: Mutant) -> None:
    """Record which mutant this test hunts, and that it is stale where it is; raises StaleMutantError then."""
    note_kill(record_property, mutant.id, mutant.violates)
    try:
        check_fresh(mutant)
    except StaleMutantError:
        record_property("stale", mutant.id)
        raise


def note_kill(record_property: Recorder, name: str, rule: str) -> None:
    """Record that this test hunts the mutant ``name``, which must be found by the name of ``rule``."""
    record_property("mutant", name)
    record_property("violates", rule)


def note_check(record_property: Recorder, check: str, rule: str, *, broke: bool = False) -> None:
    """Record that this test switches off a check of the judge or the model, as ``rule`` demands.

    Args:
        record_property: the fixture.
        check: which one.
        rule: what demands it.
        broke: whether nothing was found wrong, but the suite broke.
    """
    record_property("check", check)
    record_property("violates", rule)
    if broke:
        record_property("broke", check)


def unproven_rules(rules: Iterable[Rule], broken: Container[str]) -> list[str]:
    """Return a line for each MUST that has neither a mutant nor a reason, or both; ``broken`` has a mutant.

    Spec: :rule:`suite.rules.proven`.
    """
    musts = [rule for rule in rules if rule.level == "MUST"]
    neither = [f"{rule.id}: no mutant, no reason" for rule in musts if rule.id not in broken and rule.unproven is None]
    both = [f"{rule.id}: a mutant and a reason" for rule in musts if rule.id in broken and rule.unproven is not None]
    return neither + both


@dataclass(slots=True)
class Zoo:
    """What became of the mutants of one session.

    Attributes:
        killed: mutant -> the rule by whose name it was found.
        survivors: mutants that were not found, or not by that name.
        loose: mutant -> rules that failed too and that its entry does not name.
        stale: mutants that do not apply.
        checks: checks of judge and model that were switched off -> whether that was seen.
        broken: those of them that were seen only because the suite then breaks.
    """

    killed: dict[str, str] = field(default_factory=dict)
    survivors: set[str] = field(default_factory=set)
    loose: dict[str, str] = field(default_factory=dict)
    stale: set[str] = field(default_factory=set)
    checks: dict[str, bool] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)

    @property
    def hunted(self) -> int:
        """How many tests of the zoo were played: mutants, and checks that were switched off."""
        return self.size + len(self.checks)

    @property
    def size(self) -> int:
        """How many mutants were hunted."""
        return len(self.killed) + len(self.survivors) + len(self.stale)

    def add(self, properties: Iterable[tuple[str, object]], *, passed: bool) -> None:
        """Take the recorded properties of one test; a test that hunted nothing has none."""
        told = {name: str(value) for name, value in properties}
        if "check" in told:
            self.checks[told["check"]] = passed
        if "broke" in told:
            self.broken.add(told["broke"])
        if "mutant" not in told:
            return
        if told.get("loose"):
            self.loose[told["mutant"]] = told["loose"]
        if "stale" in told:
            self.stale.add(told["mutant"])
        elif passed:
            self.killed[told["mutant"]] = told["violates"]
        else:
            self.survivors.add(told["mutant"])


@dataclass(frozen=True, slots=True)
class Summary:
    """What the numbers of a session say about the rules.

    Attributes:
        zoo: what was hunted.
        rules: those of the spec.
        expected: how many mutants there are, hunted or not.
        equivalent: how many entries of the catalogue are out of the count.
    """

    zoo: Zoo
    rules: Sequence[Rule]
    expected: int
    equivalent: int

    @property
    def musts(self) -> set[str]:
        """The ids of the rules that have to be proven."""
        return {rule.id for rule in self.rules if rule.level == "MUST"}

    @property
    def proven(self) -> set[str]:
        """The rules of which a mutant was found by their name."""
        return self.musts & set(self.zoo.killed.values())

    @property
    def excluded(self) -> dict[str, str]:
        """The rules that have no mutant, with the reason."""
        return {rule.id: rule.unproven for rule in self.rules if rule.level == "MUST" and rule.unproven is not None}

    @property
    def unproven(self) -> set[str]:
        """The rules that have neither a mutant that was found nor a reason."""
        return self.musts - self.proven - set(self.excluded)

    @property
    def is_whole(self) -> bool:
        """Whether every mutant was hunted and found, and every rule is proven or excluded."""
        zoo = self.zoo
        is_all = zoo.hunted >= self.expected and all(zoo.checks.values())
        return is_all and not (zoo.survivors or zoo.stale or self.unproven)

    def lines(self) -> list[str]:
        """Return the block that a session ends with."""
        zoo = self.zoo
        lines = [
            f"mutants {zoo.size} · detected {len(zoo.killed)} · survivors {len(zoo.survivors)} · "
            f"loose {len(zoo.loose)} · rules {len(self.musts)} · mutant-proven {len(self.proven)} · "
            f"excluded {len(self.excluded)} · stale {len(zoo.stale)}"
        ]
        if zoo.checks:
            unseen = sorted(check for check, was_seen in zoo.checks.items() if not was_seen)
            total, broken = len(zoo.checks), len(zoo.broken)
            lines.append(
                f"checks of judge and model disabled {total} · by a fail {total - len(unseen) - broken} · "
                f"by an error of the suite {broken} · undetected {len(unseen)}"
            )
            lines += [f"undetected {check}" for check in unseen]
        if zoo.hunted < self.expected:
            lines.append(f"a part of the zoo: {zoo.hunted} of {self.expected} mutants were run in this session")
        if self.equivalent:
            lines.append(f"equivalent to the original by proof, not counted: {self.equivalent}")
        lines += [f"survivor {name}" for name in sorted(zoo.survivors)]
        lines += [f"stale {name}" for name in sorted(zoo.stale)]
        lines += [f"loose {name}: {rules}" for name, rules in sorted(zoo.loose.items())]
        lines += [f"excluded {rule}: {reason}" for rule, reason in sorted(self.excluded.items())]
        if zoo.hunted >= self.expected:
            lines += [f"no mutant proves {rule}" for rule in sorted(self.unproven)]
        return lines
