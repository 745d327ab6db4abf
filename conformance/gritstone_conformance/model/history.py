"""The history checker: whether some runtime could have left what a bundle holds.

Each check is a module or a function of its own; this one puts them in order and counts. Work is linear in the length of
the bundle: chains are walked once, and so are channels.

Spec: ``runtime/history``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from gritstone_conformance.model.bundle import Bundle
from gritstone_conformance.model.causality import cycles
from gritstone_conformance.model.evidence import History, open_history
from gritstone_conformance.model.findings import Finding, Place, in_order
from gritstone_conformance.model.journal.journal_check import check_journal
from gritstone_conformance.model.journal.operation_check import Operations, check_operations
from gritstone_conformance.model.marks import check_marks
from gritstone_conformance.model.matching import match_all
from gritstone_conformance.model.recompute import recompute
from gritstone_conformance.model.residency.check import check_residency
from gritstone_conformance.model.resting import check_rest
from gritstone_conformance.model.stepwise import check_steps
from gritstone_conformance.model.values import Tree

__all__ = ["Verdict", "check_history"]


@dataclass(slots=True)
class Verdict:
    """What became of a history.

    Attributes:
        findings: what counts, the one that is named first; empty for a legal history.
        unverified: what the bundle does not hold enough to decide, in words.
        actors: how many actors have a head, the agent not counted.
        steps: how many steps there are, those of the agent included.
        recomputed: how many steps were recomputed and are right.
        structural: how many were checked in structure and order only.
        operations: how many operations of an image were computed.
        history: what was judged, or None where the bundle could not be read.
    """

    findings: list[Finding] = field(default_factory=list)
    unverified: list[str] = field(default_factory=list)
    actors: int = 0
    steps: int = 0
    recomputed: int = 0
    structural: int = 0
    operations: Operations = field(default_factory=Operations)
    history: History | None = None

    @property
    def is_legal(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


def check_history(
    bundle: Bundle,
    *,
    at_rest: bool = False,
    max_attempts: int | None = None,
    is_whole: bool = False,
    has_sessions: bool = True,
) -> Verdict:
    """Judge the history in a bundle of all references of a store.

    Args:
        bundle: the bundle as it was read, right or wrong.
        at_rest: whether the runtime was at rest; then check 14 is asked too.
        max_attempts: after how many failures actors are marked, if that is known.
        is_whole: whether it is known that no actor was ever collected; then less is unverified.
        has_sessions: whether the runtime may have the profile ``session``; otherwise check 16 is not made.

    Spec: :rule:`runtime.history.bundle`.
    """
    if bundle.defects:
        defects = [Finding("bundle", Place("bundle"), defect.words, defect.rule) for defect in bundle.defects]
        return Verdict(defects)
    history = open_history(bundle)
    history.max_attempts, history.is_whole = max_attempts, is_whole
    found = list(check_steps(history))
    matches = match_all(history)
    found += matches.findings
    remade = recompute(history, matches, found)
    found += [*remade.findings, *cycles(history, matches), *check_marks(history, matches), *_wrong_names(history)]
    if has_sessions:
        found += check_residency(history)
    operations = Operations()
    if history.kernel is not None:
        journal = check_journal(history)
        operations = check_operations(history, journal)
        found += [*journal.findings, *operations.findings]
    if at_rest:
        found += check_rest(history)
    return Verdict(
        findings=in_order(found),
        unverified=history.unverified,
        actors=len(history.actors()),
        steps=sum(map(len, history.chains.values())),
        recomputed=remade.count,
        structural=remade.structural,
        operations=operations,
        history=history,
    )


def _wrong_names(history: History) -> Iterator[Finding]:
    """Check 13."""
    for name, target in history.references.items():
        if name.startswith("actors/") and not isinstance(history.shelf.look(target), Tree):
            yield Finding("name", Place(name), "the target is not a tree")
        space, _, actor = name.partition("/")
        if space in ("heads", "failed") and history.agent == history.references.get(f"gone/{actor}", b""):
            yield Finding("returned", Place(name, bytes.fromhex(actor)), "the actor was collected before")
