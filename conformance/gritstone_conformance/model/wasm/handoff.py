"""Handoff: the two updates by which an actor leaves a store and comes to stand in another.

Spec: "Handoff" of ``wasm/migration``; :rule:`wasm.handoff.one-owner`, :rule:`wasm.handoff.agent`,
:rule:`wasm.handoff.recorded`.
"""

from __future__ import annotations

from collections.abc import Iterator

from gritstone_conformance.model.agent import Agent
from gritstone_conformance.model.channels import unread
from gritstone_conformance.model.mailroom import Mailroom
from gritstone_conformance.model.refusals import Defect, Refusal, exhausted, invalid, missing, rejected
from gritstone_conformance.model.values import Step

__all__ = ["adopt", "release"]

_RULE = "wasm.handoff.one-owner"


def release(room: Mailroom, actor: bytes) -> bytes:
    """Release an actor from this store; returns its step.

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
    """Adopt a released actor in this store; returns its step.

    Raises:
        Refusal: it does not stand still here, is here already, is gone, has no step, or its mail does not fit that of
            the agent; or the store has no room for one more reference.
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
    if f"gone/{actor.hex()}" in references:
        raise Refusal([rejected(_RULE, "the actor is gone")])
    adopted = f"adopted/{actor.hex()}"
    if adopted not in references and len(references) >= room.store.limits.refs:
        raise Refusal([exhausted("grit.ref.limit", "there is no room for adopted/*")])
    _inform_agent(room, value)
    references[head] = references[adopted] = references.pop(moved)
    room.reload()
    return references[head]


def _inform_agent(room: Mailroom, step: Step) -> None:
    """Move the head of the agent here by what it and the actor sent each other in another store.

    Raises:
        Refusal: the actor has read a message of the agent that is on another chain.

    Spec: :rule:`wasm.handoff.agent`.
    """
    agent = Agent(room, room.store.references.get("runtime/agent", b""))
    cursor = room.shelf.mail(step.inbox).get(agent.identity)
    if agent.identity not in room.heads or cursor is None:
        return
    sent, written = room.outbox(agent.identity).get(step.actor), room.shelf.mail(step.outbox).get(agent.identity)
    chain = _chain(room, sent)
    if sent is not None and cursor not in chain and sent not in _chain(room, cursor):
        raise Refusal([rejected("wasm.handoff.agent", "the last message that it read is on another chain", "mail")])
    if cursor not in chain:
        agent.step({step.actor: cursor}, {})
    if written is not None and room.inbox(agent.identity).get(step.actor) != written:
        agent.step({}, {step.actor: written})


def _chain(room: Mailroom, message: bytes | None) -> set[bytes]:
    return set(unread(room.shelf, message, None).ids)


def _hindrances(room: Mailroom, actor: bytes) -> Iterator[Defect]:
    """Yield why an actor is not at rest."""
    busy = "busy"
    if f"failed/{actor.hex()}" in room.store.references:
        yield rejected(_RULE, "it has a mark", busy)
    if any(True for _ in room.mail(actor)):
        yield rejected(_RULE, "there is unread mail to it", busy)
    if any(receiver in room.heads and room.unread(actor, receiver).ids for receiver in room.outbox(actor)):
        yield rejected(_RULE, "mail of it is unread", busy)
