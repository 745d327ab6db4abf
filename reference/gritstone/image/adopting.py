"""Adopting: an operation becomes part of the world, in the batch.

Spec: :rule:`image.op.atomic`, :rule:`image.op.conflict`.
"""

from __future__ import annotations

from gritstone.grit.objects import ObjectId
from gritstone.image.mail import Channel
from gritstone.image.private_copy import PrivateCopy
from gritstone.runtime.away import gone_name
from gritstone.runtime.world import World
from gritstone.wit.position import Position

__all__ = ["adopt"]


def adopt(world: World, copy: PrivateCopy) -> None:
    """Move the heads of an operation in the batch; the update expects those that it read."""
    world.take(copy.workspace)
    batch = world.batch
    batch.borrowed.update(one for one in copy.borrowed if one not in batch.objects)
    world.executor.closures.update(copy.closures.own)
    world.objects.remember(copy.workspace.made)
    for actor_id in copy.reads:
        if actor_id not in copy.positions:
            world.expect(actor_id)
    for actor_id, position in copy.positions.items():
        if position is not None:
            _move(world, actor_id, position)
        else:
            _leave(world, actor_id, copy)
    _move(world, world.agent, copy.agent)
    _move(world, copy.base.kernel, copy.kernel)
    for channel in copy.mail.touched:
        _set_tip(world, channel)
    world.let_go(copy.gone)


def _move(world: World, actor_id: ObjectId, position: Position) -> None:
    actor = world.actor(actor_id)
    world.head_moved(actor, position)
    actor.state = actor.rest()


def _leave(world: World, actor_id: ObjectId, copy: PrivateCopy) -> None:
    """Remove the head of an actor that was destroyed, and record its last step."""
    actor = world.actor(actor_id)
    last = copy.gone[actor_id]
    world.head_moved(actor, last)
    world.leave(actor, gone_name(actor_id))


def _set_tip(world: World, channel: Channel) -> None:
    """Record whether a channel has unread messages; one of an actor that was destroyed has none."""
    sender, receiver = channel
    tip = _entry(world, sender, receiver, is_sent=True)
    if tip is not None and (receiver in world.away or tip == _entry(world, receiver, sender, is_sent=False)):
        tip = None
    if tip is not None or receiver in world.actors:
        world.actor(receiver).set_tip(sender, tip)


def _entry(world: World, actor_id: ObjectId, other: ObjectId, *, is_sent: bool) -> ObjectId | None:
    """Return the entry for another actor in the outbox or inbox of an actor."""
    actor = world.actors.get(actor_id)
    position = None if actor is None else world.position(actor)
    if position is None:
        return None
    return (position.outbox if is_sent else position.inbox).get(other)
