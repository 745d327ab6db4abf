"""Tidying: the agent's entries for archived sessions and its notices are dropped, so that its steps stay small.

A mailbox has an entry for each actor, and every step of the agent writes both of its mailboxes. Without this, a turn
costs time and bytes for each session that was ever archived.

Spec: "Another store" of ``session/restore``; :rule:`runtime.release.entries`, :rule:`runtime.agent.mail`.
"""

from __future__ import annotations

from collections.abc import Sequence

from gritstone.errors import Missing
from gritstone.grit.objects import ObjectId
from gritstone.runtime.away import away_step
from gritstone.runtime.letters import acknowledge
from gritstone.runtime.outcomes import agent_position
from gritstone.runtime.releasing import release
from gritstone.runtime.world import World
from gritstone.session.notices import RESERVED
from gritstone.wit.channels import load_message, unread
from gritstone.wit.position import load_position

__all__ = ["acknowledge_notices", "away_entries", "release_read", "unread_notices"]


def away_entries(world: World) -> list[ObjectId]:
    """Return the actors that are away for which the agent has an entry, ascending."""
    position = agent_position(world)
    return sorted((position.outbox.keys() | position.inbox.keys()) & world.away)


def release_read(world: World, actors: Sequence[ObjectId]) -> None:
    """Drop, in the batch, the agent's entries for actors that are away, if no mail in either direction is unread.

    Spec: :rule:`runtime.release.entries`.
    """
    release(world, [actor for actor in actors if world.is_away(actor) and _is_read(world, actor)])


def _is_read(world: World, actor: ObjectId) -> bool:
    agent = agent_position(world)
    with world.store.snapshot() as snapshot:
        stopped = away_step(snapshot, actor)
    if stopped is None:
        return False
    try:
        position = load_position(world.objects, stopped[1], actor)
    except Missing:
        return False
    sent, read = agent.outbox.get(actor), agent.inbox.get(actor)
    return sent in (None, position.inbox.get(world.agent)) and read == position.outbox.get(world.agent)


def unread_notices(world: World) -> list[ObjectId]:
    """Return the oldest messages of the agent to itself that are unread, as far as all of them are notices."""
    position = agent_position(world)
    found, _ = unread(world.objects.load, position.outbox.get(world.agent), position.inbox.get(world.agent))
    types = [load_message(world.objects.load, one).headers.get("mt", "") for one in found]
    others = (number for number, mt in enumerate(types) if not mt.startswith(RESERVED))
    return list(found[: next(others, len(found))])


def acknowledge_notices(world: World) -> None:
    """Acknowledge, in the batch, the notices before the first other message of the agent to itself."""
    notices = unread_notices(world)
    if notices:
        acknowledge(world, world.agent, notices[-1])
