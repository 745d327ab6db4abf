"""Admission: whether what a transition gave becomes a step of the actor.

Whatever made it, the conditions are the same; each one that is broken is a defect under the narrowest rule.

Spec: ``wit/admission``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gritstone_conformance.model.channels import change
from gritstone_conformance.model.freezing import thawed
from gritstone_conformance.model.graph import Tombstone, leads
from gritstone_conformance.model.proposals import Proposal
from gritstone_conformance.model.refusals import Defect
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.values import Step, Tree, kind_of

__all__ = ["admission_defects", "closure_defects"]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A result: a step whose closure is whole, with what it is held against."""

    step: Step
    inbox: dict[bytes, bytes]
    outbox: dict[bytes, bytes]
    last: bytes | None
    old_inbox: dict[bytes, bytes]
    old_outbox: dict[bytes, bytes]


def admission_defects(
    shelf: Shelf, actor: bytes, last: bytes | None, proposal: Proposal, result: bytes
) -> list[Defect]:
    """Return why a result is not admitted; empty if it is.

    Args:
        shelf: objects; an id that is neither underneath nor added is absent.
        actor: the actor that was run.
        last: the step it was run from, or None.
        proposal: what it was given.
        result: the id that the code gave back.
    """
    defects = closure_defects(shelf, result)
    value = shelf.look(result)
    if not isinstance(value, Step):
        return defects or [_illegal("wit.admit.kind", "the result is no step")]
    if defects:
        return defects
    old = shelf.step(last) if last is not None else None
    candidate = _Candidate(
        value,
        *(shelf.mail(value.inbox), shelf.mail(value.outbox), last),
        *((shelf.mail(old.inbox), shelf.mail(old.outbox)) if old is not None else ({}, {})),
    )
    return [
        *_of_place(candidate, actor, proposal),
        *_of_inbox(candidate, proposal),
        *_of_outbox(shelf, candidate),
        *_of_core(shelf, candidate, proposal),
    ]


def closure_defects(shelf: Shelf, root: bytes) -> list[Defect]:
    """Return what is absent or of a wrong kind below an id, and a defect if trees are nested too deep.

    Spec: :rule:`wit.admit.closed`, :rule:`wit.admit.kind`.
    """
    defects: list[Defect] = []
    met: dict[bytes, None] = {}
    waiting: list[tuple[bytes, tuple[str, ...]]] = [(root, ("step",))]
    while waiting:
        identity, kinds = waiting.pop()
        value = shelf.look(identity)
        if isinstance(value, Defect):
            defects.append(_illegal("wit.admit.closed", value.words))
            continue
        kind = "blob" if isinstance(value, Tombstone) else kind_of(value)
        if kind not in kinds:
            defects.append(_illegal("wit.admit.kind", f"{identity.hex()} is a {kind}"))
        if identity in met or identity in shelf.whole or identity in shelf.closed:
            continue
        met[identity] = None
        if not isinstance(value, Tombstone):
            waiting += leads(value)
    if defects:
        return defects
    shelf.whole.update(met)
    deepest = max((_nesting(shelf, identity) for identity in met if shelf.is_tree(identity)), default=0)
    if deepest <= shelf.limits.tree_depth:
        return []
    return [Defect("exhausted", "wit.transition.class", f"trees are nested {deepest} deep", "exhausted")]


def _nesting(shelf: Shelf, tree: bytes) -> int:
    waiting = [tree]
    while waiting:
        identity = waiting[-1]
        below = [target for target in shelf.names(identity).values() if isinstance(shelf.get(target), Tree)]
        unsettled = [target for target in below if target not in shelf.nesting]
        if unsettled and identity not in shelf.nesting:
            waiting += unsettled
            continue
        shelf.nesting[identity] = 1 + max((shelf.nesting[target] for target in below), default=0)
        waiting.pop()
    return shelf.nesting[tree]


def _of_place(candidate: _Candidate, actor: bytes, proposal: Proposal) -> Iterator[Defect]:
    if candidate.step.actor != actor:
        yield _illegal("wit.admit.actor", "the actor is another")
    wanted = None if proposal.kind in ("genesis", "cleanup") else candidate.last
    if candidate.step.previous != wanted:
        yield _illegal("wit.admit.previous", "the previous is another")


def _of_inbox(candidate: _Candidate, proposal: Proposal) -> Iterator[Defect]:
    old, new = candidate.old_inbox, candidate.inbox
    tips, covered = proposal.tips, set(proposal.covered)
    if old.keys() - new.keys():
        yield _illegal("wit.admit.inbox-keep", "a sender vanished from the inbox")
    moved = {(sender, message) for sender, message in new.items() if old.get(sender) != message}
    if any(sender not in tips for sender, _ in moved):
        yield _illegal("wit.admit.inbox-proposed", "the inbox moved for a sender that was not proposed")
    if any(sender in tips and (sender, message) not in covered for sender, message in moved):
        yield _illegal("wit.admit.inbox-cursor", "a cursor is at a message that is not covered")
    if not moved and not old.keys() - new.keys():
        yield _illegal("wit.admit.progress", "nothing is covered")


def _of_outbox(shelf: Shelf, candidate: _Candidate) -> Iterator[Defect]:
    for actor, message in candidate.outbox.items():
        old = candidate.old_outbox.get(actor)
        if old != message and not change(shelf, old, message).legal:
            yield _illegal("wit.admit.outbox", f"the entry for {actor.hex()} changed illegally")


def _of_core(shelf: Shelf, candidate: _Candidate, proposal: Proposal) -> Iterator[Defect]:
    core = candidate.step.core
    wit = shelf.names(core).get("wit")
    if wit is None or shelf.kind(wit) != "blob":
        yield _illegal("wit.admit.core", "the core has no blob at wit")
    if candidate.last is not None:
        before = shelf.step(candidate.last).core
    else:
        before = shelf.message(proposal.covered[0][1]).content
    path = thawed(shelf, before, core) if shelf.is_tree(before) else None
    if path is not None:
        yield _illegal("wit.frozen.kept", f"the frozen path {path!r} changed")


def _illegal(rule: str, words: str) -> Defect:
    return Defect("rejected", rule, words, "illegal-step")
