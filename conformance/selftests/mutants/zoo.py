"""The summary of the zoo, computed from the properties that the tests of one session recorded.

A test that runs one mutant is marked ``zoo`` and calls ``record_mutant``. ``conftest.py`` passes the test reports of
the session to this module, including those of all workers. Only mutants that ran in the session are counted, and the
summary of a session that ran only some of the mutants states this.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass, field

from gritstone_conformance.rules import Rule
from selftests.mutants.mutate import Mutant, StaleMutantError, check_fresh

__all__ = ["Summary", "Zoo", "record_check", "record_fault", "record_mutant", "unproven_rules"]

Recorder = Callable[[str, object], None]
"""The fixture ``record_property``."""


def record_mutant(record_property: Recorder, mutant: Mutant) -> None:
    """Record the mutant that this test runs; if it is stale, record this too and raise StaleMutantError."""
    record_fault(record_property, mutant.id, mutant.violates)
    try:
        check_fresh(mutant)
    except StaleMutantError:
        record_property("stale", mutant.id)
        raise


def record_fault(record_property: Recorder, name: str, rule: str) -> None:
    """Record that this test runs the mutant ``name``, which must be reported under ``rule``."""
    record_property("mutant", name)
    record_property("violates", rule)


def record_check(record_property: Recorder, check: str, rule: str, *, broke: bool = False) -> None:
    """Record that this test switches off a check of the judge or the model, as ``rule`` requires.

    Args:
        record_property: the fixture.
        check: the id of the check.
        rule: the rule that requires the test.
        broke: whether no probe failed, but the suite broke.
    """
    record_property("check", check)
    record_property("violates", rule)
    if broke:
        record_property("broke", check)


def unproven_rules(rules: Iterable[Rule], broken: Container[str]) -> list[str]:
    """Return a line for each MUST that has neither a mutant nor a reason, or both; those in ``broken`` have a mutant.

    Spec: :rule:`suite.rules.proven`.
    """
    musts = [rule for rule in rules if rule.level == "MUST"]
    neither = [f"{rule.id}: no mutant, no reason" for rule in musts if rule.id not in broken and rule.unproven is None]
    both = [f"{rule.id}: a mutant and a reason" for rule in musts if rule.id in broken and rule.unproven is not None]
    return neither + both


@dataclass(slots=True)
class Zoo:
    """The results of the mutants of one session.

    Attributes:
        detected: mutant -> the rule under which it was reported.
        survivors: mutants that were not reported, or not under their rule.
        loose: mutant -> rules that failed although its entry does not name them.
        stale: mutants whose edits do not apply.
        checks: checks of judge and model that were switched off -> whether this was detected.
        broken: checks that were detected only because the suite broke.
    """

    detected: dict[str, str] = field(default_factory=dict)
    survivors: set[str] = field(default_factory=set)
    loose: dict[str, str] = field(default_factory=dict)
    stale: set[str] = field(default_factory=set)
    checks: dict[str, bool] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)

    @property
    def ran(self) -> int:
        """The number of zoo tests that ran: of mutants, and of checks that were switched off."""
        return self.size + len(self.checks)

    @property
    def size(self) -> int:
        """The number of mutants that ran."""
        return len(self.detected) + len(self.survivors) + len(self.stale)

    def add(self, properties: Iterable[tuple[str, object]], *, passed: bool) -> None:
        """Add the recorded properties of one test; a test outside the zoo has none of them."""
        recorded = {name: str(value) for name, value in properties}
        if "check" in recorded:
            self.checks[recorded["check"]] = passed
        if "broke" in recorded:
            self.broken.add(recorded["broke"])
        if "mutant" not in recorded:
            return
        if recorded.get("loose"):
            self.loose[recorded["mutant"]] = recorded["loose"]
        if "stale" in recorded:
            self.stale.add(recorded["mutant"])
        elif passed:
            self.detected[recorded["mutant"]] = recorded["violates"]
        else:
            self.survivors.add(recorded["mutant"])


@dataclass(frozen=True, slots=True)
class Summary:
    """The results of a session together with the rules.

    Attributes:
        zoo: the results of the mutants.
        rules: the rules of the spec.
        expected: the number of zoo tests, whether they ran or not.
        equivalent: the number of entries of the catalogue that are not counted.
    """

    zoo: Zoo
    rules: Sequence[Rule]
    expected: int
    equivalent: int

    @property
    def musts(self) -> set[str]:
        """The ids of the rules that must be proven."""
        return {rule.id for rule in self.rules if rule.level == "MUST"}

    @property
    def proven(self) -> set[str]:
        """The rules under which a mutant was reported."""
        return self.musts & set(self.zoo.detected.values())

    @property
    def excluded(self) -> dict[str, str]:
        """The rules that have no mutant, with the reason."""
        return {rule.id: rule.unproven for rule in self.rules if rule.level == "MUST" and rule.unproven is not None}

    @property
    def unproven(self) -> set[str]:
        """The rules that have neither a detected mutant nor a reason."""
        return self.musts - self.proven - set(self.excluded)

    @property
    def is_complete(self) -> bool:
        """Whether every mutant ran and was detected, and every rule is proven or excluded."""
        zoo = self.zoo
        is_all = zoo.ran >= self.expected and all(zoo.checks.values())
        return is_all and not (zoo.survivors or zoo.stale or self.unproven)

    def lines(self) -> list[str]:
        """Return the lines of the summary."""
        zoo = self.zoo
        lines = [
            f"mutants {zoo.size} · detected {len(zoo.detected)} · survivors {len(zoo.survivors)} · "
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
        if zoo.ran < self.expected:
            lines.append(f"a part of the zoo: {zoo.ran} of {self.expected} mutants were run in this session")
        if self.equivalent:
            lines.append(f"equivalent to the original by proof, not counted: {self.equivalent}")
        lines += [f"survivor {name}" for name in sorted(zoo.survivors)]
        lines += [f"stale {name}" for name in sorted(zoo.stale)]
        lines += [f"loose {name}: {rules}" for name, rules in sorted(zoo.loose.items())]
        lines += [f"excluded {rule}: {reason}" for rule, reason in sorted(self.excluded.items())]
        if zoo.ran >= self.expected:
            lines += [f"no mutant proves {rule}" for rule in sorted(self.unproven)]
        return lines
