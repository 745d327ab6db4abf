"""Handoff: the two updates by which an actor leaves a store and comes to stand in another.

Spec: "Handoff" of ``wasm/migration``; :rule:`wasm.handoff.one-owner`.
"""

from __future__ import annotations

from collections.abc import Iterator

from gritstone_conformance.model.mailroom import Mailroom
from gritstone_conformance.model.refusals import Defect, Refusal, invalid, missing, rejected
from gritstone_conformance.model.values import Step

__all__ = ["adopt", "release"]

_RULE = "wasm.handoff.one-owner"


def release(room: Mailroom, actor: bytes) -> bytes:
    """Let an actor stand still here; returns its step.

    Raises:
        Refusal: it has no head, stands still already, or is not at rest.
    """
    references = room.store.references
    head, moved = f"heads/{actor.hex()}", f"moved/{actor.hex()}"
    if head not in references:
        raise Refusal([missing(_RULE, "the actor has no head")])
    if moved in references:
        raise Refusal([rejected(_RULE, "the actor stands still already")])
    if defects := list(_hindrances(room, actor)):
        raise Refusal(defects)
    references[moved] = references.pop(head)
    room.reload()
    return references[moved]


def adopt(room: Mailroom, actor: bytes) -> bytes:
    """Let an actor that stands still go on here; returns its step.

    Raises:
        Refusal: it does not stand still here, is here already, or has no step.
    """
    references = room.store.references
    head, moved = f"heads/{actor.hex()}", f"moved/{actor.hex()}"
    if moved not in references:
        raise Refusal([missing(_RULE, "the actor does not stand still here")])
    value = room.store.look(references[moved])
    if isinstance(value, Defect):
        raise Refusal([missing(_RULE, "its step is absent")])
    if not isinstance(value, Step) or value.actor != actor:
        raise Refusal([invalid(_RULE, "that is no step of the actor")])
    if head in references:
        raise Refusal([rejected(_RULE, "the actor is here")])
    references[head] = references.pop(moved)
    room.reload()
    return references[head]


def _hindrances(room: Mailroom, actor: bytes) -> Iterator[Defect]:
    """Yield why an actor is not at rest."""
    busy = "busy"
    if f"failed/{actor.hex()}" in room.store.references:
        yield rejected(_RULE, "it has a mark", busy)
    if any(True for _ in room.mail(actor)):
        yield rejected(_RULE, "there is unread mail to it", busy)
    if any(receiver in room.heads and room.unread(actor, receiver).ids for receiver in room.outbox(actor)):
        yield rejected(_RULE, "mail of it is unread", busy)
