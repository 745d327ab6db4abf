"""The history checker: whether some runtime could have left what a bundle holds.

Each check is a module or a function of its own; this one puts them in order and counts. Work is linear in the length of
the bundle: chains are walked once, and so are channels.

Spec: ``runtime/history``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from gritstone_conformance.model.answers import Answers
from gritstone_conformance.model.bundle import Bundle
from gritstone_conformance.model.causality import cycles
from gritstone_conformance.model.chains import Channel
from gritstone_conformance.model.evidence import History, open_history
from gritstone_conformance.model.findings import Finding, Place, earliest, in_order
from gritstone_conformance.model.journal.journal_check import check_journal
from gritstone_conformance.model.journal.operation_check import Operations, check_operations
from gritstone_conformance.model.marks import check_marks
from gritstone_conformance.model.matching import Matching, Sources, covered_by
from gritstone_conformance.model.recompute import Recomputing
from gritstone_conformance.model.residency.check import check_residency
from gritstone_conformance.model.resting import check_rest
from gritstone_conformance.model.spreading import Spread, in_turn
from gritstone_conformance.model.stepwise import check_actor, check_bootstrap
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
    spread: Spread = in_turn,
) -> Verdict:
    """Judge the history in a bundle of all references of a store.

    Args:
        bundle: the bundle as it was read, right or wrong.
        at_rest: whether the runtime was at rest; then check 14 is asked too.
        max_attempts: after how many failures actors are marked, if that is known.
        is_whole: whether it is known that no actor was ever collected; then less is unverified.
        has_sessions: whether the runtime may have the profile ``session``; otherwise check 16 is not made.
        spread: spreads the checks of actors; the verdict does not depend on it.

    Spec: :rule:`runtime.history.bundle`.
    """
    if bundle.defects:
        defects = [Finding("bundle", Place("bundle"), defect.words, defect.rule) for defect in bundle.defects]
        return Verdict(defects)
    history = open_history(bundle)
    history.max_attempts, history.is_whole = max_attempts, is_whole
    found = list(check_bootstrap(history))
    unverified = history.unverified
    actors = list(history.chains)
    sent = spread(partial(_check_sent, history), actors)
    history.channels = {ends: channel for part in sent for ends, channel in part.channels.items()}
    found += [finding for part in sent for finding in part.findings]
    read = spread(partial(_check_read, history, earliest(found), Answers(history)), actors)
    for each in read:
        history.channels |= each.channels
    unverified += [words for part in sent for words in part.unverified]
    history.unverified = unverified + [words for each in read for words in each.unverified]
    found += [finding for each in read for finding in each.findings]
    found += [*cycles(history, [each.sources for each in read]), *check_marks(history), *_wrong_names(history)]
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
        recomputed=sum(each.recomputed for each in read),
        structural=sum(each.structural for each in read),
        operations=operations,
        history=history,
    )


@dataclass(slots=True)
class _Sent:
    """What the steps of one actor are by themselves, and what they sent.

    Attributes:
        findings: what is wrong.
        unverified: what could not be decided.
        channels: the channels from the actor.
    """

    findings: list[Finding]
    unverified: list[str]
    channels: dict[tuple[bytes, bytes], Channel]


def _check_sent(history: History, actor: bytes) -> _Sent:
    history.unverified, history.channels = [], {}
    findings = list(check_actor(history, history.chains[actor]))
    return _Sent(findings, history.unverified, history.channels)


@dataclass(slots=True)
class _Read:
    """What the steps of one actor cover, and whether each is what its transition gives.

    Attributes:
        findings: what is wrong.
        unverified: what could not be decided.
        sources: the steps that sent what its steps cover.
        channels: the channels to the actor, as they were matched.
        recomputed: how many steps were recomputed and are right.
        structural: how many were checked in structure and order only.
    """

    findings: list[Finding]
    unverified: list[str]
    sources: Sources
    channels: dict[tuple[bytes, bytes], Channel]
    recomputed: int
    structural: int


def _check_read(history: History, faulty: Mapping[bytes, int], answers: Answers, actor: bytes) -> _Read:
    history.unverified = []
    chain = history.chains[actor]
    covered = covered_by(history, chain)
    matching, recomputing = Matching(history, chain, covered), Recomputing(history, answers, chain, covered)
    end = faulty.get(actor, len(chain))
    for index in range(len(chain)):
        matching.match(index)
        if index < end and not matching.findings:
            recomputing.recompute(index)
        history.shelf.trim()
    findings = [*matching.findings, *([recomputing.finding] if recomputing.finding is not None else [])]
    sent = {(sender, actor): history.channels.get((sender, actor)) for sender in matching.senders}
    channels = {ends: channel for ends, channel in sent.items() if channel is not None}
    counts = recomputing.count, recomputing.structural
    return _Read(findings, history.unverified, matching.sources, channels, *counts)


def _wrong_names(history: History) -> Iterator[Finding]:
    """Check 13."""
    for name, target in history.references.items():
        if name.startswith("actors/") and not isinstance(history.shelf.look(target), Tree):
            yield Finding("name", Place(name), "the target is not a tree")
        space, _, actor = name.partition("/")
        if space in ("heads", "failed") and history.agent == history.references.get(f"gone/{actor}", b""):
            yield Finding("returned", Place(name, bytes.fromhex(actor)), "the actor was collected before")
