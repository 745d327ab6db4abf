"""Letters: the unread mail of actors to the agent, for programs that act as the outside.

Spec: :rule:`runtime.agent.mail`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gritstone.grit.objects import Blob, Object, ObjectId
from gritstone.runtime.outcomes import adopt_agent_step, agent_position
from gritstone.runtime.world import World
from gritstone.wit.channels import load_message, unread
from gritstone.wit.workspace import Workspace

__all__ = ["Letter", "acknowledge", "letters", "senders"]


@dataclass(frozen=True, slots=True)
class Letter:
    """An unread message of an actor to the agent.

    Attributes:
        message_id: its id.
        headers: its headers.
        content_id: the id of its content.
        content: the content.
    """

    message_id: ObjectId
    headers: Mapping[str, str]
    content_id: ObjectId
    content: Object | None

    @property
    def mt(self) -> str:
        """Return the type."""
        return self.headers.get("mt", "")

    @property
    def data(self) -> bytes:
        """Return the data of the content; empty if it is not a blob, or was erased."""
        return self.content.data if isinstance(self.content, Blob) else b""


def senders(world: World) -> list[ObjectId]:
    """Return the actors with mail for the agent, ascending, without the agent itself."""
    return sorted(one for one in world.actor(world.agent).mail if one != world.agent)


def letters(world: World, sender: ObjectId) -> list[Letter]:
    """Return the unread messages of an actor to the agent, oldest first."""
    actor = world.actors.get(sender)
    position = None if actor is None else world.readable_position(actor)
    if position is None:
        return []
    cursor = agent_position(world).inbox.get(sender)
    found, _ = unread(world.objects.load, position.outbox.get(world.agent), cursor)
    return [_letter(world, one) for one in found]


def _letter(world: World, message_id: ObjectId) -> Letter:
    message = load_message(world.objects.load, message_id)
    return Letter(message_id, message.headers, message.content, world.objects.look(message.content))


def acknowledge(world: World, sender: ObjectId, message: ObjectId) -> None:
    """Acknowledge, in the batch, the mail of an actor up to a message."""
    adopt_agent_step(world, Workspace(world.objects), {}, {sender: message})
