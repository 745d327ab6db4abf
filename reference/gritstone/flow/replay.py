"""Replay: every step of a flow is computed again from the one before and the messages that it covers.

Spec: :ref:`flow-trace`; :rule:`flow.replay.identical`, :rule:`flow.replay.first-divergence`.
"""

from __future__ import annotations

from typing import NamedTuple

from gritstone.errors import InternalError, Invalid, Missing
from gritstone.flow.begin import is_flow
from gritstone.flow.guest import make_step
from gritstone.flow.trace import chain_of
from gritstone.grit.objects import ObjectId, Step, Tree
from gritstone.wit.code import Run
from gritstone.wit.objects import Objects
from gritstone.wit.position import Position, load_position
from gritstone.wit.proposals import MessageKind, read_proposal
from gritstone.wit.update import cursor_only
from gritstone.wit.workspace import Workspace

__all__ = ["Replay", "replay"]

_FIXED = ("wit", "wit_query", "name", "program", "input", "policy", "from", "carry", "prior")


class Replay(NamedTuple):
    """The outcome of a replay.

    Attributes:
        steps: the number of steps of the chain.
        differs: the number of the first step that is not the result of the transition, counted from 0; or None.
    """

    steps: int
    differs: int | None


def replay(objects: Objects, step_id: ObjectId) -> Replay:
    """Compute the steps of a flow again; nothing is stored.

    Args:
        objects: the objects of a store.
        step_id: the last step of the chain.

    Raises:
        Missing: the step, or an object that is needed, is absent or erased.
        Invalid: the object is not a step of a flow.

    Spec: :rule:`flow.replay.refused`.
    """
    workspace = Workspace(objects)
    last = workspace.look(step_id)
    if not isinstance(last, Step) or not is_flow(workspace, last.actor):
        raise Invalid("the object is not a step of a flow", rule="flow.replay.refused", got=step_id.hex())
    chain = chain_of(workspace, step_id)
    before: Position | None = None
    for number, (one, _) in enumerate(chain):
        try:
            position = load_position(objects, one, last.actor)
            is_cut = before is None and _is_cut(objects, position)
            if not is_cut and _next(objects, last.actor, before, position) != one:
                return Replay(len(chain), number)
        except (Missing, InternalError):
            raise
        except Exception:  # noqa: BLE001 - the core of a cut history can be of any form
            return Replay(len(chain), number)
        before = position
    return Replay(len(chain), None)


def _is_cut(objects: Objects, position: Position) -> bool:
    """Return whether a root begins a cut history, and has the fixed entries of its flow."""
    workspace = Workspace(objects)
    if not any(workspace.message(one).headers.get("mt") == "cleanup" for one in position.inbox.values()):
        return False
    first = workspace.load(position.step.actor)
    assert isinstance(first, Tree), "an actor is a tree"
    fixed = (*_FIXED, "starter") if "starter" in first.entries else _FIXED
    return all(first.entries.get(name) == position.core.get(name) for name in fixed)


def _next(objects: Objects, actor: ObjectId, before: Position | None, after: Position) -> ObjectId | None:
    """Return the id of the step after a position that covers the same messages as another step.

    Raises:
        Refusal: there is no such step.
    """
    cursors = {} if before is None else before.inbox
    moved = [(sender, message) for sender, message in after.inbox.items() if cursors.get(sender) != message]
    proposal = read_proposal(objects.load, actor, before, moved)
    workspace = Workspace(objects)
    first = workspace.load(actor)
    assert isinstance(first, Tree), "an actor is a tree"
    core_id, core = (actor, first.entries) if before is None else (before.step.core, before.core)
    run = Run(workspace, actor, before, core_id, core, proposal, attempt=1)
    if proposal.kind in (MessageKind.UPDATE, MessageKind.DUPLICATE):
        return cursor_only(run)
    return make_step(run)
