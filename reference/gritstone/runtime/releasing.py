"""Release: the agent drops its entries for actors if no mail between them is unread.

Spec: :rule:`runtime.release.entries`, :rule:`runtime.release.refused`.
"""

from __future__ import annotations

from collections.abc import Sequence

from gritstone.errors import Rejected
from gritstone.grit.objects import ObjectId
from gritstone.runtime.operator import refuse_in_image
from gritstone.runtime.outcomes import adopt_agent_step, agent_position
from gritstone.runtime.world import World
from gritstone.wit.position import NO_IDS
from gritstone.wit.workspace import Workspace

__all__ = ["release"]

_RULE = "runtime.release.refused"


def release(world: World, actors: Sequence[ObjectId]) -> list[ObjectId]:
    """Drop the agent's entries for actors.

    The entry of the outbox is always dropped: the message that the actor read last determines how to continue. The
    entry of the inbox is kept while the head of the actor has mail to the agent, since only this entry records that it
    was acknowledged.

    Returns:
        The actors of which at least one entry was dropped, ascending.

    Raises:
        Rejected: the agent is among them; or there is unread mail between the agent and an actor that is not away
            (code ``busy``).

    Spec: :rule:`runtime.release.entries`.
    """
    refuse_in_image(world.operator)
    if world.agent in actors:
        raise Rejected("the agent cannot be released", rule=_RULE, got=world.agent.hex())
    last = agent_position(world)
    sent: dict[ObjectId, ObjectId | None] = {}
    read: dict[ObjectId, ObjectId | None] = {}
    for actor_id in actors:
        _check_read(world, actor_id)
        if actor_id in last.outbox:
            sent[actor_id] = None
        if actor_id in last.inbox and not _writes_to_agent(world, actor_id):
            read[actor_id] = None
    dropped = sorted(sent.keys() | read.keys())
    if dropped:
        adopt_agent_step(world, Workspace(world.objects), sent, read)
        for actor_id in dropped:
            world.expect(actor_id)
    return dropped


def _check_read(world: World, actor_id: ObjectId) -> None:
    """Reject an actor with unread mail to or from the agent, unless it is away.

    Raises:
        Rejected: there is unread mail (code ``busy``).
    """
    if world.is_away(actor_id):
        return
    actor = world.actors.get(actor_id)
    if actor is not None and world.agent in actor.mail:
        raise Rejected("mail from the agent is unread", rule=_RULE, code="busy", got=actor_id.hex())
    if actor_id in world.actor(world.agent).mail:
        raise Rejected("mail to the agent is not acknowledged", rule=_RULE, code="busy", got=actor_id.hex())


def _writes_to_agent(world: World, actor_id: ObjectId) -> bool:
    actor = world.actors.get(actor_id)
    position = None if actor is None else world.position(actor)
    return world.agent in (NO_IDS if position is None else position.outbox)
