"""Standing: what an engine knows of an image follows from its heads, and is read here.

Actors whose head did not move since they were read are not read again. Posts that wait are put into their order
with the journal, which is walked back only as far as they reach.

Spec: :rule:`image.restart.resume`, :ref:`image-posts`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeAlias

from gritstone.errors import InternalError
from gritstone.grit.objects import ObjectId, Step, Tree
from gritstone.image.journal import Journal, previous_position
from gritstone.image.ledger import Ledger, standing_of
from gritstone.image.private_copy import Base, is_notice
from gritstone.image.queues import Post, Queues
from gritstone.runtime.outcomes import agent_position
from gritstone.runtime.world import World
from gritstone.wit.channels import unread
from gritstone.wit.position import Position
from gritstone.wit.workspace import Workspace

__all__ = ["Standing", "read_standing"]

_Mail: TypeAlias = dict[tuple[ObjectId, ObjectId], list[ObjectId]]
_Key: TypeAlias = tuple[ObjectId, ObjectId, ObjectId]  # sender, receiver and message
_Order: TypeAlias = tuple[int, ObjectId, int, ObjectId, int]


class Standing(Protocol):
    """The part of an engine that follows from the heads.

    Attributes:
        world: the world of the runtime.
        ledger: what principals use.
        queues: the posts and the timers.
        journal: the records.
        seq: the number of the newest operation.
    """

    world: World
    ledger: Ledger
    queues: Queues
    journal: Journal
    seq: int

    @property
    def base(self) -> Base:
        """Return the world as an operation reads it."""

    def kernel_position(self) -> Position:
        """Return the position of the kernel actor."""

    def add_timers(
        self,
        actor: ObjectId,
        core: Mapping[str, ObjectId],
        workspace: Workspace,
        before: Mapping[str, ObjectId] | None,
    ) -> None:
        """Queue the timers of an actor that it did not have in the core before."""


def read_standing(engine: Standing) -> None:
    """Read the actors whose heads moved, all unread mail, and the timers."""
    workspace = Workspace(engine.world.objects)
    _read_actors(engine, workspace)
    mail = _mail(engine)
    load = engine.world.objects.load
    counts = [(sender, sum(not is_notice(load(one)) for one in messages)) for (sender, _), messages in mail.items()]
    engine.ledger.recount(workspace, engine.base.agent, counts)
    agent = engine.base.agent
    engine.queues.replace_posts(_ordered(engine, {key: mail[key] for key in mail if key[1] != agent}))


def _read_actors(engine: Standing, workspace: Workspace) -> None:
    ledger, world = engine.ledger, engine.world
    special = (engine.base.agent, engine.base.kernel)
    for actor_id in [one for one in ledger.actors if not engine.base.has_head(one)]:
        ledger.place(workspace, actor_id, None)
    with world.reading():
        for actor_id, actor in world.actors.items():
            known = ledger.actors.get(actor_id)
            if actor.head is None or actor_id in special or (known is not None and known.head == actor.head):
                continue
            step = world.objects.load_once(actor.head)
            core = world.objects.load_once(step.core) if isinstance(step, Step) else None
            if not isinstance(step, Step) or not isinstance(core, Tree):
                raise InternalError("the head of an actor is not a step with a core")
            standing = standing_of(workspace, actor.head, step, core.entries)
            ledger.place(workspace, actor_id, standing)
            if standing.timers is not None:
                engine.add_timers(actor_id, core.entries, workspace, None)


def _mail(engine: Standing) -> _Mail:
    """Return the unread messages of each channel that has some."""
    found: _Mail = {}
    load = engine.world.objects.load
    for actor_id, actor in engine.world.actors.items():
        position = engine.base.position(actor_id) if actor.mail else None
        if position is not None:
            for sender, tip in engine.base.mail(actor_id).items():
                found[sender, actor_id] = unread(load, tip, position.inbox.get(sender))[0]
    return found


def _ordered(engine: Standing, mail: _Mail) -> list[Post]:
    """Return posts in their order.

    Spec: :rule:`image.post.order`.
    """
    posts = [(sender, receiver, one) for (sender, receiver), messages in mail.items() for one in messages]
    if not posts:
        return []
    order = _Orders(engine, mail, set(posts)).find()
    return [(order[post][0], *post) for post in sorted(posts, key=lambda post: order[post])]


class _Orders:
    """The order of posts, from the operations that sent them.

    The record of an operation may be unreadable. What its actors sent then counts as sent by the next operation that
    can be read and moved them.
    """

    def __init__(self, engine: Standing, mail: _Mail, wanted: set[_Key]) -> None:
        self._engine = engine
        self._wanted = wanted
        self._objects = engine.world.objects
        self._found: dict[_Key, _Order] = {}
        self._receivers: dict[ObjectId, list[ObjectId]] = {}
        for sender, receiver in mail:
            self._receivers.setdefault(sender, []).append(receiver)
        self._left = {actor: (engine.base.position(actor), engine.seq) for actor in self._receivers}
        self._places = dict.fromkeys(self._receivers, 0)

    def find(self) -> dict[_Key, _Order]:
        """Return the order of each post."""
        engine = self._engine
        for entry in engine.journal.back(engine.kernel_position(), agent_position(engine.world), engine.seq):
            if len(self._found) == len(self._wanted):
                return self._found
            self._take(engine.base.agent, entry.agent.step.previous, entry.seq)
            record = entry.readable
            for move in () if record is None else record.heads:
                if move.actor in self._left:
                    self._take(move.actor, move.after, self._left[move.actor][1])
                    self._take(move.actor, move.before, entry.seq)
        for actor, (_, number) in self._left.items():
            self._take(actor, None, number)
        return self._found

    def _take(self, actor: ObjectId, end: ObjectId | None, number: int) -> None:
        """Order what the steps of an actor sent, from the one that was reached back to a step that is not one of them.

        Args:
            actor: the actor.
            end: the step; None for all steps.
            number: the number of the operation that they count for.
        """
        at = self._left[actor][0] if actor in self._left else None
        while at is not None and at.step_id != end:
            previous = None if at.step.previous is None else previous_position(self._objects, at)
            for receiver in self._receivers[actor]:
                old = None if previous is None else previous.outbox.get(receiver)
                for place, message in enumerate(unread(self._objects.load, at.outbox.get(receiver), old)[0]):
                    if (actor, receiver, message) in self._wanted:
                        self._found[actor, receiver, message] = number, actor, self._places[actor], receiver, place
            self._places[actor] -= 1
            at = previous
        if actor in self._left:
            self._left[actor] = at, number
