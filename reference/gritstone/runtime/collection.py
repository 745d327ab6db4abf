"""End of life: finds the actors that are no longer needed, and removes them.

Spec: :rule:`runtime.collect.collected`, :rule:`runtime.collect.held`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from gritstone.errors import Exhausted
from gritstone.grit.engine import Batch
from gritstone.grit.objects import ObjectId
from gritstone.grit.references import Change
from gritstone.runtime.away import gone_name
from gritstone.runtime.operator import refuse_in_image
from gritstone.runtime.states import Event
from gritstone.runtime.world import World
from gritstone.wit.position import Position

__all__ = ["collect"]

_Outboxes: TypeAlias = dict[ObjectId, Mapping[ObjectId, ObjectId]]


def collect(world: World) -> list[ObjectId]:
    """Remove heads and marks of the actors at the end of their life, in one update; return their ids, unordered.

    Heads and names are read within the update, so no other runtime can change them before it ends.

    Args:
        world: its batch is empty.

    Raises:
        Exhausted: the medium is full; nothing was removed.

    Spec: :rule:`runtime.collect.collected`, :rule:`runtime.collect.seen`, :rule:`runtime.recover.collect`.
    """
    refuse_in_image(world.operator)

    def look_and_remove(tables: Batch) -> list[ObjectId]:
        if world.batch.names or not world.is_current():  # the engine may call this again
            world.reload()
        found = _ended(world)
        for actor in found:
            _remove(world, actor)
        world.batch.move_references(tables, world.batch.changes(), world.store.limits)
        return found

    try:
        found = world.store.update(look_and_remove)
    except Exhausted:
        world.reload()
        raise
    world.committed()
    world.let_go(found)
    return found


def _ended(world: World) -> list[ObjectId]:
    """Return the actors at the end of their life, and those that reach it because the first ones are removed."""
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
        if actor == world.agent or actor in named or not _is_read(world, actor, positions):
            continue
        found.append(actor)
        for receiver in positions[actor].outbox:
            if receiver != actor and receiver in holds:
                holds[receiver] -= 1
                if not holds[receiver]:
                    waiting.append(receiver)
    return found


def _remove(world: World, actor_id: ObjectId) -> None:
    """Remove head and mark of an actor and record that it is gone, in the batch."""
    actor = world.actor(actor_id)
    world.batch.move_head(actor_id, actor.head, None)
    world.batch.change(Change(gone_name(actor_id), None, world.agent))
    if actor.mark is not None:
        world.batch.move_mark(actor_id, actor.mark, None)
    actor.head = actor.mark = actor.message_key = actor.failure = actor.failures = None
    actor.position = None
    actor.clear_mail()  # any mail that is left is from the actor to itself
    actor.happen(Event.COLLECTED)


def _named(world: World) -> set[ObjectId]:
    with world.store.snapshot() as snapshot:
        return {target for _, target in snapshot.references("actors/")}


def _positions(world: World) -> dict[ObjectId, Position]:
    found = {}
    for actor_id, actor in world.actors.items():
        position = world.readable_position(actor)
        if position is not None:
            found[actor_id] = position
    return found


def _is_read(world: World, actor: ObjectId, positions: Mapping[ObjectId, Position]) -> bool:
    """Return whether everything that an actor sent to others was read, or never will be.

    Spec: :rule:`runtime.collect.held`.
    """
    for receiver, tip in positions[actor].outbox.items():
        if receiver == actor or _is_gone(world, receiver):
            continue
        other = positions.get(receiver)
        if other is None or other.inbox.get(actor) != tip:
            return False
    return True


def _is_gone(world: World, actor: ObjectId) -> bool:
    """Return whether an actor was collected, so that mail to it is never read."""
    if not world.is_away(actor):
        return False
    with world.store.snapshot() as snapshot:
        return snapshot.target(gone_name(actor)) is not None
