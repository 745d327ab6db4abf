"""The inbox and outbox of an actor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from gritstone.grit.objects import Mailbox, Message, ObjectId
from gritstone.kit.actors.values import BlobObject, TreeObject, Value, open_value
from gritstone.wit.workspace import Workspace

__all__ = ["Content", "Inbox", "InboxMessage", "Outbox", "OutboxMessage"]

Content = Value | ObjectId
"""The content of a message: a value, or the id of a blob or tree."""


class InboxMessage:
    """A message to the actor.

    Attributes:
        sender_id: the id of the sender.
        message_id: the id of the message.
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
        """Return the type; the empty text if the message has none."""
        return self.headers.get("mt", "")

    @property
    def content(self) -> Value:
        """Return the content."""
        return open_value(self._workspace, self.content_id)

    async def get_content(self) -> Value:
        """Return the content."""
        return self.content


class Inbox:
    """The messages that the actor has read, and those that it is asked to read.

    Attributes:
        cursors: the last message that was read, by sender.
    """

    def __init__(self, cursors: Mapping[ObjectId, ObjectId], messages: list[InboxMessage]) -> None:
        self._messages = messages
        self._held: set[ObjectId] = set()
        self.cursors = dict(cursors)

    def __iter__(self) -> Iterator[InboxMessage]:
        return iter(self._messages)

    def read(self, message: InboxMessage) -> None:
        """Mark a message as read."""
        self.cursors[message.sender_id] = message.message_id

    def hold(self, message: InboxMessage) -> None:
        """Leave a message and those after it unread."""
        self._held.add(message.sender_id)

    def is_held(self, message: InboxMessage) -> bool:
        """Return whether a message, or one before it, is to stay unread."""
        return message.sender_id in self._held

    def persist(self, workspace: Workspace) -> ObjectId | None:
        """Store the mailbox; return its id."""
        return workspace.put(Mailbox(self.cursors)) if self.cursors else None


@dataclass(frozen=True, slots=True)
class OutboxMessage:
    """A message that the actor sends.

    Attributes:
        recipient_id: the id of the recipient.
        content: its content.
        mt: its type; the empty text for none.
        is_signal: whether it replaces unread messages.
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
        """Create a message to an actor."""
        return cls(recipient_id, content, mt, is_signal)

    @classmethod
    def from_reply(cls, message: InboxMessage, content: Content, mt: str = "") -> OutboxMessage:
        """Create the reply to a message; the header ``reply`` contains the id of that message."""
        return cls(message.sender_id, content, mt, headers={"reply": message.message_id.hex()})


class Outbox:
    """The messages that the actor has sent; new ones are added here.

    Attributes:
        tips: the last message that was sent, by recipient.
    """

    def __init__(self, workspace: Workspace, tips: Mapping[ObjectId, ObjectId]) -> None:
        self._workspace = workspace
        self.tips = dict(tips)

    def add(self, message: OutboxMessage) -> ObjectId:
        """Send a message; return its id."""
        content = message.content
        if isinstance(content, BlobObject | TreeObject):
            content = content.persist(self._workspace)
        previous = None if message.is_signal else self.tips.get(message.recipient_id)
        headers = {"mt": message.mt, **message.headers} if message.mt else message.headers
        sent = self._workspace.put(Message(previous, headers, content))
        self.tips[message.recipient_id] = sent
        return sent

    def add_genesis(self, core: TreeObject | ObjectId) -> ObjectId:
        """Create an actor by its first core; return the id of the actor."""
        actor = core.persist(self._workspace) if isinstance(core, TreeObject) else core
        self.add(OutboxMessage(actor, actor, "genesis"))
        return actor

    def release(self, recipient_id: ObjectId) -> None:
        """Withdraw the unread messages to a recipient, and remove the entry."""
        self.tips.pop(recipient_id, None)

    def persist(self, workspace: Workspace) -> ObjectId | None:
        """Store the mailbox; return its id, or None if it has no entries."""
        return workspace.put(Mailbox(self.tips)) if self.tips else None
