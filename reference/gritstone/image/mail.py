"""The mail of an operation: which channels hold unread messages, without a list of these messages.

Of each channel there is the *stored part*, which was unread in the world, and what the operation sent. Of the stored
part an operation reads at most its roots. So all questions have an answer that does not depend on how much is unread.

Spec: :rule:`image.op.order`, :rule:`image.gone.quiet`, :ref:`image-usage`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from gritstone.grit.objects import Blob, Message, ObjectId, Tree
from gritstone.image.changes import Changes
from gritstone.image.texts import read_number

__all__ = ["POST", "Channel", "Letter", "Mail", "SentPost", "Tips"]

POST = -1
"""The frame of posts: they are read in no frame of the operation."""

Channel: TypeAlias = tuple[ObjectId, ObjectId]
"""A sender and a receiver."""

SentPost: TypeAlias = tuple[ObjectId, int, ObjectId, int, ObjectId]
"""Sender, number of its step in the operation, receiver, place among the posts of the operation, and message."""

_NOTICE = "failed"


class Tips(Protocol):
    """The unread mail of the world."""

    agent: ObjectId

    def mail(self, actor: ObjectId) -> Mapping[ObjectId, ObjectId]:
        """Return the newest message by sender, of each channel to an actor that has unread messages."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A message on its way.

    Attributes:
        sender: the actor that sent it.
        target: its receiver.
        message_id: its id.
        message: the message.
        frame: the frame in whose queue it is, or ``POST``.
        is_root: whether it is a root of the operation.
        is_stored: whether it was unread in the world.
        handle: the timer that it fires, as id text; None for any other message.
        content: the content, if it is new.
    """

    sender: ObjectId
    target: ObjectId
    message_id: ObjectId
    message: Message
    frame: int = 0
    is_root: bool = False
    is_stored: bool = False
    handle: str | None = None
    content: Blob | Tree | None = None

    @property
    def mt(self) -> str:
        """Return the type."""
        return self.message.headers.get("mt", "")

    @property
    def mode(self) -> str | None:
        """Return the header ``op``."""
        return self.message.headers.get("op")

    @property
    def fuel_limit(self) -> int | None:
        """Return the header ``fuel`` of a savepoint; None if there is none."""
        fuel = self.message.headers.get("fuel")
        return None if fuel is None else read_number(fuel.encode("ascii", "replace"))


class Mail:
    """The mail as an operation sees it.

    Attributes:
        posts: by how much the number of unread messages that count for a quota changed, by sender.
        sent_posts: the posts that the operation sent, in order.
        touched: the channels that it used; not undone.
    """

    def __init__(self, tips: Tips, changes: Changes) -> None:
        self.posts: dict[ObjectId, int] = {}
        self.sent_posts: list[SentPost] = []
        self.touched: dict[Channel, None] = {}
        self._tips = tips
        self._changes = changes
        self._stored: dict[Channel, bool] = {}
        self._new: dict[Channel, int] = {}
        self._new_to: dict[ObjectId, int] = {}
        self._queued: dict[tuple[Channel, int], int] = {}
        changes.track(self.sent_posts)

    def send(self, letter: Letter, step: int) -> None:
        """Add a message that was sent.

        Args:
            letter: the message.
            step: how many steps its sender made in the operation before.
        """
        channel = letter.sender, letter.target
        self._count(channel, letter.frame, 1)
        if letter.frame == POST:
            place = len(self.sent_posts)
            self.sent_posts.append((letter.sender, step, letter.target, place, letter.message_id))
            if letter.mt != _NOTICE:
                self._changes.add(self.posts, letter.sender, 1)

    def take(self, letter: Letter) -> None:
        """Remove a message that is read, which is the oldest of its channel."""
        channel = letter.sender, letter.target
        if not letter.is_stored:
            self._count(channel, letter.frame, -1)
            return
        self.touched[channel] = None
        tip = self._tips.mail(letter.target).get(letter.sender)
        self._changes.set(self._stored, channel, tip != letter.message_id)
        if letter.mt != _NOTICE:
            self._changes.add(self.posts, letter.sender, -1)

    def acknowledge(self, sender: ObjectId, count: int) -> None:
        """Record that the agent acknowledged messages, of which ``count`` count for a quota."""
        self.touched[sender, self._tips.agent] = None
        self._changes.add(self.posts, sender, -count)

    def is_unread(self, sender: ObjectId, target: ObjectId) -> bool:
        """Return whether a channel has an unread message."""
        channel = sender, target
        return self._has_stored(channel) or self._new.get(channel, 0) > 0

    def is_out_of_order(self, sender: ObjectId, target: ObjectId, frame: int) -> bool:
        """Return whether a join of a frame would overtake a message.

        Spec: :rule:`image.op.order`.
        """
        channel = sender, target
        return self._has_stored(channel) or self._new.get(channel, 0) != self._queued.get((channel, frame), 0)

    def has_mail(self, actor: ObjectId) -> bool:
        """Return whether any message to an actor is unread."""
        if self._new_to.get(actor, 0) > 0:
            return True
        return any(self._has_stored((sender, actor)) for sender in self._tips.mail(actor))

    def _has_stored(self, channel: Channel) -> bool:
        found = self._stored.get(channel)
        return channel[0] in self._tips.mail(channel[1]) if found is None else found

    def _count(self, channel: Channel, frame: int, amount: int) -> None:
        self.touched[channel] = None
        self._changes.add(self._new, channel, amount)
        self._changes.add(self._new_to, channel[1], amount)
        if frame != POST:
            self._changes.add(self._queued, (channel, frame), amount)
