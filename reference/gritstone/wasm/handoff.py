"""Handoff: an actor that leaves one store for another, so that one of them has it at any time.

Each half is one update, and judges within that update what it needs to know, so nothing comes between.

::

    release    heads/<actor> S -> none    moved/<actor> none -> S
    adopt      moved/<actor> S -> none    heads/<actor> none -> S

Spec: :rule:`wasm.handoff.one-owner`.
"""

from __future__ import annotations

from gritstone.errors import InternalError, Invalid, Missing, Rejected
from gritstone.grit.engine import Batch
from gritstone.grit.objects import Mailbox, ObjectId, Step
from gritstone.grit.references import Change
from gritstone.grit.snapshot import Snapshot
from gritstone.grit.store import Store, move_references

__all__ = ["adopt_actor", "release_actor"]

_RULE = "wasm.handoff.one-owner"


def release_actor(store: Store, actor: ObjectId) -> ObjectId:
    """Let an actor stand still in a store, ready to be exported.

    Returns:
        The step it stands at.

    Raises:
        Missing: it has no head.
        Rejected: it was released before; or it is not at rest (code ``busy``).
        Exhausted: the medium is full.

    Spec: :rule:`wasm.handoff.one-owner`.
    """
    head, moved = _names(actor)

    def release(batch: Batch) -> ObjectId:
        snapshot = Snapshot(batch, store.format, store.limits)
        step = snapshot.target(head)
        if step is None:
            raise Missing("the actor has no head", rule=_RULE, got=actor.hex())
        if snapshot.target(moved) is not None:
            raise Rejected("the actor was released before", rule=_RULE, got=actor.hex())
        trouble = _trouble(snapshot, actor, step)
        if trouble is not None:
            raise Rejected(trouble, rule=_RULE, code="busy", got=actor.hex())
        move_references(batch, [Change(head, step, None), Change(moved, None, step)], store.limits)
        return step

    return store.update(release)


def adopt_actor(store: Store, actor: ObjectId) -> ObjectId:
    """Let an actor go on in a store that it was imported into.

    Returns:
        The step it goes on from.

    Raises:
        Missing: it was not released here, or its step is absent.
        Invalid: what stands there is no step of the actor.
        Rejected: it has a head.
        Exhausted: the medium is full.

    Spec: :rule:`wasm.handoff.one-owner`.
    """
    head, moved = _names(actor)

    def adopt(batch: Batch) -> ObjectId:
        snapshot = Snapshot(batch, store.format, store.limits)
        step = snapshot.target(moved)
        if step is None:
            raise Missing("the actor was not released", rule=_RULE, got=actor.hex())
        value = None if snapshot.is_erased(step) else snapshot.load(step)
        if not isinstance(value, Step) or value.actor != actor:
            raise Invalid("no step of the actor", rule=_RULE, got=step.hex())
        if snapshot.target(head) is not None:
            raise Rejected("the actor has a head", rule=_RULE, got=actor.hex())
        move_references(batch, [Change(moved, step, None), Change(head, None, step)], store.limits)
        return step

    return store.update(adopt)


def _names(actor: ObjectId) -> tuple[str, str]:
    return f"heads/{actor.hex()}", f"moved/{actor.hex()}"


def _trouble(snapshot: Snapshot, actor: ObjectId, step_id: ObjectId) -> str | None:
    """Say why an actor is not at rest; None if it is."""
    if snapshot.target(f"failed/{actor.hex()}") is not None:
        return "the actor has a mark"
    step = _step(snapshot, step_id)
    inbox, outbox = _entries(snapshot, step.inbox), _entries(snapshot, step.outbox)
    for name, head in snapshot.references("heads/"):
        other = bytes.fromhex(name.partition("/")[2])
        at = _step(snapshot, head)
        sent = _entries(snapshot, at.outbox).get(actor)
        if sent is not None and inbox.get(other) != sent:
            return "there is unread mail to the actor"
        if other in outbox and _entries(snapshot, at.inbox).get(actor) != outbox[other]:
            return "mail of the actor is unread"
    return None


def _step(snapshot: Snapshot, step_id: ObjectId) -> Step:
    step = snapshot.load(step_id)
    if not isinstance(step, Step):
        raise InternalError("a head that is no step")
    return step


def _entries(snapshot: Snapshot, mailbox: ObjectId | None) -> dict[ObjectId, ObjectId]:
    value = None if mailbox is None else snapshot.load(mailbox)
    return dict(value.entries) if isinstance(value, Mailbox) else {}
