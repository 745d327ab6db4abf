"""What a handler may ask for besides the content of its message."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from gritstone.grit.objects import ObjectId
from gritstone.kit.actors.boxes import Inbox, InboxMessage, Outbox
from gritstone.kit.actors.values import Core, Value

__all__ = ["AskActor", "MessageContext", "QueryContext"]

AskActor = Callable[[ObjectId, str, bytes], Awaitable[Value | None]]
"""Ask another actor a query, by its id, with arguments."""


@dataclass(frozen=True, slots=True)
class MessageContext:
    """Be all there is to know in a transition.

    Attributes:
        actor_id: the actor.
        core: its core, which may be changed.
        inbox: what it has read.
        outbox: what it has sent.
        message: the message whose turn it is.
        attempt: 1 for a first try.
        query: asks another actor; only coroutines can wait for it.
    """

    actor_id: ObjectId
    core: Core
    inbox: Inbox
    outbox: Outbox
    message: InboxMessage
    attempt: int
    query: AskActor

    def hold(self) -> None:
        """Leave the message unread, and those behind it, until there is other mail."""
        self.inbox.hold(self.message)


@dataclass(frozen=True, slots=True)
class QueryContext:
    """Be all there is to know in a query.

    Attributes:
        actor_id: the actor.
        step_id: the step that is asked.
        core: its core; changes of it are lost.
        args: the arguments.
        query: asks another actor; only coroutines can wait for it.
    """

    actor_id: ObjectId
    step_id: ObjectId
    core: Core
    args: bytes
    query: AskActor
