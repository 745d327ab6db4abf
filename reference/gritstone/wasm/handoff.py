"""Handoff: moving an actor from one store to another, so that exactly one of them has it at any time.

Each half is one update that also makes its own checks, so a concurrent change cannot invalidate them.

::

    release    heads/<actor> S -> none    moved/<actor> none -> S
    adopt      moved/<actor> S -> none    heads/<actor> none -> S    heads/<agent> A -> A'' (at most two steps)
               adopted/<actor> any -> S

Spec: :rule:`wasm.handoff.one-owner`, :rule:`wasm.handoff.agent`, :rule:`wasm.handoff.recorded`.
"""

from __future__ import annotations

from gritstone.errors import InternalError, Invalid, Missing, Rejected
from gritstone.grit.engine import Batch
from gritstone.grit.objects import Mailbox, ObjectId, Step
from gritstone.grit.references import Change
from gritstone.grit.snapshot import Snapshot
from gritstone.grit.store import Store, move_references, put_unless_erased
from gritstone.runtime.agent import agent_step
from gritstone.runtime.away import gone_name
from gritstone.wit.channels import unread
from gritstone.wit.objects import Objects
from gritstone.wit.position import load_position
from gritstone.wit.workspace import Workspace

__all__ = ["adopt_actor", "release_actor"]

_RULE = "wasm.handoff.one-owner"
_AGENT = "wasm.handoff.agent"


def release_actor(store: Store, actor: ObjectId, exported: ObjectId | None = None) -> ObjectId:
    """Stop an actor in a store, so that it can be exported.

    Args:
        store: the store.
        actor: the actor.
        exported: the step at which it was exported already, or None.

    Returns:
        The current step of the actor.

    Raises:
        Missing: the actor has no head.
        Rejected: the actor was released before, or it is not at rest (code ``busy``), or it is at another step than
            ``exported`` (code ``conflict``).
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
        if exported not in (None, step):
            raise Rejected("the actor made a step meanwhile", rule=_RULE, code="conflict", got=actor.hex())
        trouble = _trouble(snapshot, actor, step)
        if trouble is not None:
            raise Rejected(trouble, rule=_RULE, code="busy", got=actor.hex())
        move_references(batch, [Change(head, step, None), Change(moved, None, step)], store.limits)
        return step

    return store.update(release)


def adopt_actor(store: Store, actor: ObjectId) -> ObjectId:
    """Resume an actor in a store that it was imported into.

    Returns:
        The step that it resumes from.

    Raises:
        Missing: the actor was not released here, or its step is absent.
        Invalid: the object is not a step of the actor.
        Rejected: the actor has a head, or was collected here; or the last message that it read from the store's
            agent and the last one that the agent sent are not on one chain (code ``mail``).
        Exhausted: the medium is full.

    Spec: :rule:`wasm.handoff.one-owner`, :rule:`wasm.handoff.agent`, :rule:`wasm.handoff.recorded`.
    """
    head, moved = _names(actor)
    adopted = f"adopted/{actor.hex()}"

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
        if snapshot.target(gone_name(actor)) is not None:
            raise Rejected("the actor was collected here", rule=_RULE, got=actor.hex())
        changes = [
            Change(moved, step, None),
            Change(head, None, step),
            Change(adopted, snapshot.target(adopted), step),
            *_move_agent(batch, store, snapshot, step),
        ]
        move_references(batch, changes, store.limits)
        return step

    return store.update(adopt)


def _move_agent(batch: Batch, store: Store, snapshot: Snapshot, step_id: ObjectId) -> list[Change]:
    """Update the store's agent for messages that an adopted actor exchanged elsewhere with an agent of its id.

    Returns:
        The change of the agent's head, if there is one.

    Raises:
        Rejected: the chains are inconsistent (code ``mail``).

    Spec: :rule:`wasm.handoff.agent`.
    """
    agent = snapshot.target("runtime/agent")
    head = None if agent is None else snapshot.target(f"heads/{agent.hex()}")
    if agent is None or head is None:
        return []
    workspace = Workspace(Objects(store.format, store.limits, snapshot.get))
    step = _step(snapshot, step_id)
    actor = step.actor
    read, said = _entries(snapshot, step.inbox).get(agent), _entries(snapshot, step.outbox).get(agent)
    if read is None:
        return []
    at = load_position(workspace, head, agent)
    sent = at.outbox.get(actor)
    if sent is None or _leads_to(workspace, read, sent):
        at = at if sent == read else agent_step(workspace, at, {actor: read}, {})
    elif not _leads_to(workspace, sent, read):
        raise Rejected("the agent's mail and what the actor read do not fit", rule=_AGENT, code="mail", got=actor.hex())
    if said is not None and at.inbox.get(actor) != said:
        at = agent_step(workspace, at, {}, {actor: said})
    for object_id, data in workspace.encodings.items():
        put_unless_erased(batch, object_id, data)
    return [] if at.step_id == head else [Change(f"heads/{agent.hex()}", head, at.step_id)]


def _leads_to(workspace: Workspace, tip: ObjectId, message: ObjectId) -> bool:
    """Return whether the chain of a tip contains a message."""
    _, is_fresh = unread(workspace.load, tip, message)
    return not is_fresh


def _names(actor: ObjectId) -> tuple[str, str]:
    return f"heads/{actor.hex()}", f"moved/{actor.hex()}"


def _trouble(snapshot: Snapshot, actor: ObjectId, step_id: ObjectId) -> str | None:
    """Return why an actor is not at rest; None if it is."""
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
