"""The start on a store: finds or creates the agent, and reads the world.

Spec: :rule:`runtime.agent.bootstrap`, :rule:`runtime.agent.name`.
"""

from __future__ import annotations

from gritstone.errors import Rejected
from gritstone.grit.objects import ObjectId
from gritstone.grit.references import Change
from gritstone.grit.store import Store
from gritstone.runtime.agent import first_step, make_agent
from gritstone.runtime.batch import StepBatch, commit
from gritstone.runtime.world import World
from gritstone.wit.laws import Laws
from gritstone.wit.workspace import Workspace

__all__ = ["start_world"]

_AGENT = "runtime/agent"


def start_world(store: Store, laws: Laws, name: str) -> World:
    """Read the world of a store; create its agent if it has none.

    Raises:
        Invalid: the name of the agent is invalid.
        Rejected: the store has an agent of another name (code ``agent``), or an incomplete one.
        Exhausted: the medium is full.
    """
    world = World(store, laws)
    workspace = Workspace(world.objects)
    agent = make_agent(workspace, name)
    while not _is_there(store, agent):
        batch = StepBatch()
        head = first_step(workspace, agent)
        batch.add(workspace.encodings)
        batch.move_head(agent, None, head)
        batch.change(Change(_AGENT, None, agent))
        if commit(store, batch):
            break
    world.agent = agent
    world.reload()
    return world


def _is_there(store: Store, agent: ObjectId) -> bool:
    """Return whether a store has this agent.

    Raises:
        Rejected: the store has another agent, or an incomplete one.
    """
    with store.snapshot() as snapshot:
        found = snapshot.target(_AGENT)
        head = snapshot.target(f"heads/{(found or agent).hex()}")
    if found is not None and found != agent:
        raise Rejected(
            "the store belongs to another agent",
            rule="runtime.agent.name",
            code="agent",
            got=agent.hex(),
            expected=found.hex(),
        )
    if (found is None) != (head is None):
        raise Rejected("the agent of the store is incomplete", rule="runtime.agent.bootstrap", got=agent.hex())
    return found is not None
