"""End of life: which actors nobody holds any more, and their removal.

Spec: :rule:`runtime.life.collect`, :rule:`runtime.life.kept`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from gritstone.grit.objects import ObjectId
from gritstone.runtime.states import Event
from gritstone.runtime.world import World
from gritstone.wit.position import Position

__all__ = ["ended", "remove"]

_Outboxes: TypeAlias = dict[ObjectId, Mapping[ObjectId, ObjectId]]


def ended(world: World) -> list[ObjectId]:
    """List the actors that are at the end of their life, and those that come to it by their removal.

    Whoever holds another comes before it, so that the first so many of them may be removed alone.

    Args:
        world: its batch is empty.

    Spec: :rule:`runtime.life.collect`.
    """
    named = _named(world)
    positions = _positions(world)
    outboxes: _Outboxes = {actor: position.outbox for actor, position in positions.items()}
    holds = dict.fromkeys(positions, 0)
    for holder, outbox in outboxes.items():
        for receiver in outbox:
            if receiver != holder and receiver in holds:
                holds[receiver] += 1
    found = []
    waiting = [actor for actor, count in holds.items() if not count]
    while waiting:
        actor = waiting.pop()
        if actor == world.agent or actor in named or not _is_read(actor, positions):
            continue
        found.append(actor)
        for receiver in positions[actor].outbox:
            if receiver != actor and receiver in holds:
                holds[receiver] -= 1
                if not holds[receiver]:
                    waiting.append(receiver)
    return found


def remove(world: World, actor_id: ObjectId) -> None:
    """Remove head and mark of an actor, in the batch.

    Spec: :rule:`runtime.recover.life`.
    """
    actor = world.actor(actor_id)
    world.batch.move_head(actor_id, actor.head, None)
    if actor.mark is not None:
        world.batch.move_mark(actor_id, actor.mark, None)
    actor.head = actor.mark = actor.letter = actor.failure = actor.trouble = None
    actor.position = None
    actor.clear_mail()  # whatever it holds is what the actor sent itself
    actor.happen(Event.COLLECTED)


def _named(world: World) -> set[ObjectId]:
    with world.store.snapshot() as snapshot:
        return {target for _, target in snapshot.references("actors/")}


def _positions(world: World) -> dict[ObjectId, Position]:
    found = {}
    for actor_id, actor in world.actors.items():
        position = world.position(actor)
        if position is not None:
            found[actor_id] = position
    return found


def _is_read(actor: ObjectId, positions: Mapping[ObjectId, Position]) -> bool:
    """Tell whether everything that an actor sent to others was read.

    Spec: :rule:`runtime.life.kept`.
    """
    for receiver, tip in positions[actor].outbox.items():
        if receiver == actor:
            continue
        other = positions.get(receiver)
        if other is None or other.inbox.get(actor) != tip:
            return False
    return True
