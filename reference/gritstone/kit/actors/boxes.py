"""Inbox and outbox as an actor sees them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from gritstone.grit.objects import Mailbox, Message, ObjectId
from gritstone.kit.actors.values import BlobObject, TreeObject, Value, open_value
from gritstone.wit.workspace import Workspace

__all__ = ["Content", "Inbox", "InboxMessage", "Outbox", "OutboxMessage"]

Content = Value | ObjectId
"""What a message may carry: a value, or the id of a blob or tree."""


class InboxMessage:
    """Be a message to the actor.

    Attributes:
        sender_id: who sent it.
        message_id: its id.
        headers: its headers.
        content_id: the id of its content.
    """

    def __init__(self, workspace: Workspace, sender_id: ObjectId, message_id: ObjectId) -> None:
        message = workspace.message(message_id)
        self._workspace = workspace
        self.sender_id = sender_id
        self.message_id = message_id
        self.headers: Mapping[str, str] = message.headers
        self.content_id = message.content

    @property
    def mt(self) -> str:
        """Give its type; the empty text if it has none."""
        return self.headers.get("mt", "")

    @property
    def content(self) -> Value:
        """Give its content."""
        return open_value(self._workspace, self.content_id)

    async def get_content(self) -> Value:
        """Give its content."""
        return self.content


class Inbox:
    """Say what the actor has read, and what it is asked to read.

    Attributes:
        cursors: the message read last, by sender.
    """

    def __init__(self, cursors: Mapping[ObjectId, ObjectId], messages: list[InboxMessage]) -> None:
        self._messages = messages
        self._held: set[ObjectId] = set()
        self.cursors = dict(cursors)

    def __iter__(self) -> Iterator[InboxMessage]:
        return iter(self._messages)

    def read(self, message: InboxMessage) -> None:
        """Count a message as read."""
        self.cursors[message.sender_id] = message.message_id

    def hold(self, message: InboxMessage) -> None:
        """Leave a message unread, and those behind it."""
        self._held.add(message.sender_id)

    def is_held(self, message: InboxMessage) -> bool:
        """Tell whether a message, or one before it, is to stay unread."""
        return message.sender_id in self._held

    def persist(self, workspace: Workspace) -> ObjectId | None:
        """Make the mailbox; gives its id."""
        return workspace.put(Mailbox(self.cursors)) if self.cursors else None


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """Be a message that the actor sends.

    Attributes:
        recipient_id: to whom.
        content: what it carries.
        mt: its type; the empty text for none.
        is_signal: whether it takes the place of what is unread.
        headers: further headers.
    """

    recipient_id: ObjectId
    content: Content
    mt: str = ""
    is_signal: bool = False
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def from_new(
        cls, recipient_id: ObjectId, content: Content, mt: str = "", *, is_signal: bool = False
    ) -> OutboxMessage:
        """Make a message to somebody."""
        return cls(recipient_id, content, mt, is_signal)

    @classmethod
    def from_reply(cls, message: InboxMessage, content: Content, mt: str = "") -> OutboxMessage:
        """Make the answer to a message; its header ``reply`` says to which."""
        return cls(message.sender_id, content, mt, headers={"reply": message.message_id.hex()})


class Outbox:
    """Say what the actor has sent, and send more.

    Attributes:
        tips: the message sent last, by recipient.
    """

    def __init__(self, workspace: Workspace, tips: Mapping[ObjectId, ObjectId]) -> None:
        self._workspace = workspace
        self.tips = dict(tips)

    def add(self, message: OutboxMessage) -> ObjectId:
        """Send a message; gives its id."""
        content = message.content
        if isinstance(content, BlobObject | TreeObject):
            content = content.persist(self._workspace)
        previous = None if message.is_signal else self.tips.get(message.recipient_id)
        headers = {"mt": message.mt, **message.headers} if message.mt else message.headers
        sent = self._workspace.put(Message(previous, headers, content))
        self.tips[message.recipient_id] = sent
        return sent

    def add_genesis(self, core: TreeObject | ObjectId) -> ObjectId:
        """Create an actor by its first core; gives the id of the actor."""
        actor = core.persist(self._workspace) if isinstance(core, TreeObject) else core
        self.add(OutboxMessage(actor, actor, "genesis"))
        return actor

    def release(self, recipient_id: ObjectId) -> None:
        """Withdraw what is unread, and let go of the recipient."""
        self.tips.pop(recipient_id, None)

    def persist(self, workspace: Workspace) -> ObjectId | None:
        """Make the mailbox; gives its id, or None if there is no entry."""
        return workspace.put(Mailbox(self.tips)) if self.tips else None
