"""The numbers of the zoo, added up from what the tests of one session recorded.

A test that hunts one mutant is marked ``zoo`` and calls ``note``; ``conftest.py`` gives this module the reports of the
session, those of all workers of ``-n`` too. Nothing is counted that was not run in that session, and a session that ran
only a part of the zoo says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from gritstone_conformance.rules import Rule
from selftests.mutate import Mutant, StaleMutantError, check_fresh

__all__ = ["Zoo", "note", "note_kill"]

Recorder = Callable[[str, object], None]
"""The fixture ``record_property``."""


def note(record_property: Recorder, mutant: Mutant) -> None:
    """Record which mutant this test hunts, and that it is stale where it is; raises StaleMutantError then."""
    note_kill(record_property, mutant.id, mutant.kills)
    try:
        check_fresh(mutant)
    except StaleMutantError:
        record_property("stale", mutant.id)
        raise


def note_kill(record_property: Recorder, name: str, rule: str) -> None:
    """Record that this test hunts the mutant ``name``, which must be found by the name of ``rule``."""
    record_property("mutant", name)
    record_property("kills", rule)


@dataclass(slots=True)
class Zoo:
    """What became of the mutants of one session.

    Attributes:
        killed: mutant -> the rule by whose name it was found.
        survivors: mutants that were not found, or not by that name.
        loose: mutant -> rules that failed too and that its entry does not name.
        stale: mutants that do not apply.
    """

    killed: dict[str, str] = field(default_factory=dict)
    survivors: set[str] = field(default_factory=set)
    loose: dict[str, str] = field(default_factory=dict)
    stale: set[str] = field(default_factory=set)

    @property
    def size(self) -> int:
        """How many mutants were hunted."""
        return len(self.killed) + len(self.survivors) + len(self.stale)

    def add(self, properties: Iterable[tuple[str, object]], *, passed: bool) -> None:
        """Take the recorded properties of one test; a test that hunted nothing has none."""
        told = {name: str(value) for name, value in properties}
        if "mutant" not in told:
            return
        if told.get("loose"):
            self.loose[told["mutant"]] = told["loose"]
        if "stale" in told:
            self.stale.add(told["mutant"])
        elif passed:
            self.killed[told["mutant"]] = told["kills"]
        else:
            self.survivors.add(told["mutant"])

    def lines(self, rules: Iterable[Rule], expected: int, equivalent: int) -> list[str]:
        """Return the block that a session ends with.

        Args:
            rules: those of the spec.
            expected: how many tests of the zoo there are, run or not.
            equivalent: how many entries of the catalogue are out of the count.
        """
        musts = [rule for rule in rules if rule.level == "MUST"]
        proven = {rule.id for rule in musts} & set(self.killed.values())
        excluded = {rule.id: rule.unproven for rule in musts if rule.unproven is not None}
        lines = [
            f"mutants {self.size} · killed by name {len(self.killed)} · survivors {len(self.survivors)} · "
            f"loose {len(self.loose)} · rules {len(musts)} · mutant-proven {len(proven)} · "
            f"excluded {len(excluded)} · stale {len(self.stale)}"
        ]
        if self.size < expected:
            lines.append(f"a part of the zoo: {self.size} of {expected} mutants were hunted in this session")
        if equivalent:
            lines.append(f"equivalent to the original by proof, not counted: {equivalent}")
        lines += [f"survivor {name}" for name in sorted(self.survivors)]
        lines += [f"stale {name}" for name in sorted(self.stale)]
        lines += [f"loose {name}: {rules}" for name, rules in sorted(self.loose.items())]
        lines += [f"excluded {rule}: {reason}" for rule, reason in sorted(excluded.items())]
        missing = sorted({rule.id for rule in musts} - proven - set(excluded))
        if self.size >= expected:
            lines += [f"no mutant proves {rule}" for rule in missing]
        return lines
