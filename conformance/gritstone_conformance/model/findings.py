"""Findings of the history checker: the table of faults, and which finding is named when several see one fault.

Spec: ``runtime/history``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

__all__ = ["BLAME", "FAULTS", "Finding", "Place", "earliest", "in_order", "named"]

FAULTS: Final[dict[str, tuple[int, str]]] = {
    "bundle": (1, "runtime.history.bundle"),
    "bootstrap": (2, "runtime.agent.bootstrap"),
    "agent-step": (2, "runtime.agent.changes"),
    "foreign": (3, "wit.admit.actor"),
    "uncut": (3, "wit.cleanup.cut"),
    "no-genesis": (4, "wit.genesis.identity"),
    "crowded": (4, "wit.genesis.first"),
    "vanished": (5, "wit.admit.inbox-keep"),
    "still": (5, "wit.admit.progress"),
    "unsent": (6, "runtime.route.sent"),
    "twice": (6, "runtime.head.once"),
    "stale": (6, "runtime.route.superseded"),
    "disorder": (6, "runtime.route.in-order"),
    "crowd": (7, "wit.proposal.fence"),
    "recompute": (8, "wit.puppet.exact"),
    "outbox": (9, "wit.admit.outbox"),
    "no-wit": (10, "wit.admit.core"),
    "thawed": (10, "wit.frozen.kept"),
    "cycle": (11, "runtime.history.acyclic"),
    "mark": (12, "runtime.fail.mark"),
    "overtaken": (12, "runtime.fail.expected"),
    "receipt": (12, "runtime.receipt.form"),
    "no-loop": (12, "runtime.receipt.no-loop"),
    "name": (13, "grit.ref.target"),
    "returned": (13, "runtime.collect.final"),
    "lost": (14, "runtime.route.rest"),
    "rewound": (15, "runtime.recover.continue"),
    "revived": (15, "runtime.collect.final"),
    "forgotten": (15, "runtime.recover.injection"),
    "doubled": (15, "runtime.recover.injection"),
    "residency": (16, "session.history.residency"),
    "journal": (17, "image.history.journal"),
    "operation": (18, "image.history.operation"),
}
"""Fault to its check and its rule, in the order of the table of the text."""

BLAME: Final = (1, 3, 4, 5, 10, 9, 7, 2, 6, 13, 12, 11, 14, 15, 8, 16, 17, 18)
"""The checks in the order in which their findings are named."""

_ROWS: Final = {fault: number for number, fault in enumerate(FAULTS)}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a finding is.

    Attributes:
        actor: the actor, or None.
        index: the place of the step in the actor's chain, from 0 for the first; None where no step is named.
        step: the id of the step, or None.
        path: the path in the form of the text, ``heads/<actor>~<steps back>/<field>``.
    """

    path: str
    actor: bytes | None = None
    index: int | None = None
    step: bytes | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that no runtime could have left.

    Attributes:
        fault: the word of the table.
        place: where it is.
        words: what is wrong, for people.
        rule: the rule it breaks; default: that of the table.
    """

    fault: str
    place: Place
    words: str
    narrowed: str | None = None

    @property
    def check(self) -> int:
        """The number of the check."""
        return FAULTS[self.fault][0]

    @property
    def rule(self) -> str:
        """The rule that is broken."""
        return self.narrowed or FAULTS[self.fault][1]

    def __str__(self) -> str:
        """Return rule, fault, path and words in one line."""
        return f"{self.rule}: {self.fault} at {self.place.path}: {self.words}"


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings that count, the one that is named first.

    Of those that name a step of one actor only those of its earliest step at fault count.
    """
    listed = list(findings)
    first = earliest(listed)
    counted = [
        finding
        for finding in listed
        if finding.place.index is None
        or finding.place.actor is None
        or finding.place.index == first[finding.place.actor]
    ]
    return sorted(counted, key=_rank)


def earliest(findings: Iterable[Finding]) -> dict[bytes, int]:
    """Return actors to the index of their earliest step at fault."""
    first: dict[bytes, int] = {}
    for finding in findings:
        actor, index = finding.place.actor, finding.place.index
        if actor is not None and index is not None:
            first[actor] = min(index, first.get(actor, index))
    return first


def named(findings: Iterable[Finding]) -> Finding | None:
    """Return the finding that is named, or None where there is none."""
    return next(iter(in_order(findings)), None)


def _rank(finding: Finding) -> tuple[int, bytes, int, str]:
    return BLAME.index(finding.check), finding.place.actor or b"", _ROWS[finding.fault], finding.place.path
