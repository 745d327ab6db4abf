"""The creator of a Wasm actor, and the updates that the actor accepts.

Spec: :rule:`wasm.grant.creator`, :rule:`wasm.grant.update`.
"""

from __future__ import annotations

from gritstone.grit.objects import Mailbox, ObjectId, Step
from gritstone.wasm.cores import valid_manifest, wasm_path
from gritstone.wit.code import Run
from gritstone.wit.workspace import Workspace

__all__ = ["creator_of", "refuses_sender"]


def creator_of(run: Run) -> ObjectId | None:
    """Return the creator of an actor; None if it has none.

    Raises:
        Missing: a step between the last and the first is absent.

    Spec: :rule:`wasm.grant.creator`.
    """
    entry = wasm_path(run.workspace, run.core, "creator")
    if entry is not None or run.last is None:
        return entry
    at, step = run.last.step_id, run.last.step
    while step.previous is not None:
        at = step.previous
        found = run.workspace.load(at)
        assert isinstance(found, Step), "an admitted step has a step before it"
        step = found
    return _genesis_sender(run.workspace, run.actor, step)


def _genesis_sender(workspace: Workspace, actor: ObjectId, first: Step) -> ObjectId | None:
    """Return the sender of the genesis message if a step is the one that read it.

    Senders are never removed from an inbox. So after a cleanup, a single sender in it also sent the genesis message.
    """
    inbox = None if first.inbox is None else workspace.load(first.inbox)
    if not isinstance(inbox, Mailbox) or len(inbox.entries) != 1:
        return None
    ((sender, message),) = inbox.entries.items()
    return sender if workspace.message(message).content == actor else None


def refuses_sender(run: Run) -> bool:
    """Return whether a Wasm actor refuses updates from the sender of the current message.

    Spec: :rule:`wasm.grant.update`.
    """
    manifest = valid_manifest(run.workspace, run.core)
    if manifest is not None and manifest.update == "any":
        return False
    sender, _ = run.proposal.single()
    return sender != creator_of(run)
