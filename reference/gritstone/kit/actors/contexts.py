"""The contexts of handlers: what a handler may use in addition to the content of its message."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gritstone.grit.objects import ObjectId
from gritstone.kit.actors.boxes import Inbox, InboxMessage, Outbox
from gritstone.kit.actors.values import Core, Value

__all__ = ["AskActor", "MessageContext", "QueryContext"]

AskActor = Callable[[ObjectId, str, bytes], Awaitable[Value | None]]
"""A function that queries an actor: its id, the name of the query, and the arguments."""


@dataclass(frozen=True, slots=True)
class MessageContext:
    """The context of a handler in a transition.

    Attributes:
        actor_id: the id of the actor.
        core: its core, which may be changed.
        inbox: the messages that it has read.
        outbox: the messages that it has sent.
        message: the current message.
        attempt: 1 for the first attempt.
        query: queries another actor; only coroutines can await it.
    """

    actor_id: ObjectId
    core: Core
    inbox: Inbox
    outbox: Outbox
    message: InboxMessage
    attempt: int
    query: AskActor

    def hold(self) -> None:
        """Leave the message and those after it unread until other messages arrive."""
        self.inbox.hold(self.message)


@dataclass(frozen=True, slots=True)
class QueryContext:
    """The context of a handler in a query.

    Attributes:
        actor_id: the id of the actor.
        step_id: the id of the queried step.
        core: its core; changes to it are discarded.
        args: the arguments.
        query: queries another actor; only coroutines can await it.
    """

    actor_id: ObjectId
    step_id: ObjectId
    core: Core
    args: bytes
    query: AskActor
