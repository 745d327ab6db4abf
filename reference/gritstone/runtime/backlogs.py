"""The unread messages of long channels, so that a step that reads a few of them does not walk over all of them again.

A message names the one before it, so the oldest unread message is found from the newest one. An actor that reads 64
messages at a time would walk over the rest for every step.
"""

from __future__ import annotations

from collections import OrderedDict

from gritstone.grit.objects import ObjectId
from gritstone.wit.channels import Load, load_message, unread

__all__ = ["Backlogs"]

_LONG = 256
_MOST_KEPT = 1 << 20


class _Backlog:
    """The unread messages of a channel.

    Attributes:
        cursor: the last message that was read; None if there is none.
        messages: the unread messages, oldest first; at least one.
    """

    __slots__ = ("cursor", "messages")

    def __init__(self, cursor: ObjectId | None, messages: list[ObjectId]) -> None:
        self.cursor = cursor
        self.messages = messages

    def read_until(self, cursor: ObjectId | None, most: int) -> bool:
        """Drop what was read; return whether the cursor is known, among the first ``most`` messages."""
        if cursor == self.cursor:
            return True
        try:
            count = self.messages.index(cursor, 0, most) + 1 if cursor is not None else 0
        except ValueError:
            return False
        if not 0 < count < len(self.messages):
            return False
        del self.messages[:count]
        self.cursor = cursor
        return True


class Backlogs:
    """The backlogs of the channels that were read last; at most 1,048,576 messages are kept."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[ObjectId, ObjectId], _Backlog] = OrderedDict()
        self._count = 0

    def oldest(
        self, load: Load, channel: tuple[ObjectId, ObjectId], tip: ObjectId, cursor: ObjectId | None, most: int
    ) -> list[ObjectId]:
        """List the oldest unread messages of a channel.

        Args:
            load: returns objects.
            channel: the actor that reads, and the sender.
            tip: the newest message.
            cursor: the last message that was read; None if there is none.
            most: the most messages to return.

        Raises:
            Missing: a message on the way is absent.
            Invalid: one of them is not a message.

        Spec: :rule:`wit.channel.unread`.
        """
        backlog = self._kept.pop(channel, None)
        if backlog is not None:
            self._count -= len(backlog.messages)
            is_known = _extend(load, backlog, tip, cursor) and backlog.read_until(cursor, most)
            backlog = backlog if is_known else None
        if backlog is None:
            backlog = _Backlog(cursor, unread(load, tip, cursor)[0])
        oldest = backlog.messages[:most]
        if len(backlog.messages) >= _LONG:
            self._keep(channel, backlog)
        return oldest

    def clear(self) -> None:
        """Forget all backlogs."""
        self._kept.clear()
        self._count = 0

    def _keep(self, channel: tuple[ObjectId, ObjectId], backlog: _Backlog) -> None:
        self._kept[channel] = backlog
        self._count += len(backlog.messages)
        while self._count > _MOST_KEPT:
            _, dropped = self._kept.popitem(last=False)
            self._count -= len(dropped.messages)


def _extend(load: Load, backlog: _Backlog, tip: ObjectId, cursor: ObjectId | None) -> bool:
    """Add the messages up to a new tip; return whether the tip continues the backlog."""
    newest = backlog.messages[-1]
    added: list[ObjectId] = []
    at: ObjectId | None = tip
    while at is not None and at not in (newest, cursor):
        added.append(at)
        at = load_message(load, at).previous
    backlog.messages.extend(reversed(added))
    return at == newest
