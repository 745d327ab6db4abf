"""Channels: the unread messages between a tip and a cursor, and the legal changes of an outbox.

A walk follows ``previous`` and costs as much as there are unread or new messages. The root of the old chain is needed
only to decide whether two chains are the same when one message replaces another; ``Roots`` caches roots.

Spec: :rule:`wit.channel.unread`, :rule:`wit.channel.superseded`, :rule:`wit.channel.walk-cost`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from gritstone.errors import Exhausted, Invalid
from gritstone.grit.objects import Message, Object, ObjectId
from gritstone.wit.bounded_cache import BoundedCache

__all__ = ["MOST_LISTED", "Load", "Roots", "is_legal_change", "load_message", "new_roots", "root_of", "unread"]

MOST_LISTED = 4_096
"""The maximum number of unread messages that an operation lists."""

_KEPT_BYTES = 8 << 20  # in each generation
_ROOT_BYTES = 250  # the approximate size of two ids and their place in a dictionary

Load: TypeAlias = Callable[[ObjectId], Object]
Roots: TypeAlias = BoundedCache[ObjectId, ObjectId]
"""The root of a chain by its newest message."""


def load_message(load: Load, object_id: ObjectId) -> Message:
    """Return a message.

    Raises:
        Missing: it is absent.
        Invalid: the object is not a message.
    """
    value = load(object_id)
    if type(value) is not Message:
        raise Invalid("no message", rule="wit.channel.unread", got=f"a {value.kind.word}", expected="a message")
    return value


def unread(
    load: Load, tip: ObjectId | None, cursor: ObjectId | None, most: int | None = None
) -> tuple[list[ObjectId], bool]:
    """List the unread messages of a channel.

    Args:
        load: returns objects.
        tip: the newest message; None if the channel is empty.
        cursor: the last message that was read; None if there is none. It is compared and never loaded.
        most: the maximum number of messages; None for any number.

    Returns:
        The messages, oldest first, and whether the chain is fresh.

    Raises:
        Missing: the tip, or a message on the way, is absent.
        Invalid: one of them is not a message.
        Exhausted: there are more than ``most``.

    Spec: :rule:`wit.channel.unread`, :rule:`wit.channel.superseded`, :rule:`wit.channel.cursor`.
    """
    found: list[ObjectId] = []
    at = tip
    while at is not None and at != cursor:
        message = load_message(load, at)
        found.append(at)
        if most is not None and len(found) > most:
            raise Exhausted("too many unread messages", rule="wit.channel.unread", expected=f"at most {most}")
        at = message.previous
    found.reverse()
    return found, at is None and bool(found)


def is_legal_change(load: Load, roots: Roots, old: ObjectId | None, new: ObjectId | None) -> bool:
    """Return whether the change of one entry of an outbox is legal.

    Args:
        load: returns objects.
        roots: known roots; more are added.
        old: the previous entry; None if there was none.
        new: the new entry; None if it was removed.

    Raises:
        Missing: a message of a chain is absent.
        Invalid: an object in a chain is not a message.

    Spec: :rule:`wit.admit.outbox`, :rule:`wit.channel.walk-cost`.
    """
    if old is None or new is None or old == new:
        return True
    at: ObjectId = new
    while True:
        previous = load_message(load, at).previous
        if previous == old:
            known = roots.young.get(old)
            if known is not None:
                roots.put(new, known)
            return True
        if previous is None:
            break
        at = previous
    roots.put(new, at)
    return root_of(load, roots, old) != at


def root_of(load: Load, roots: Roots, tip: ObjectId) -> ObjectId:
    """Return the first message of a chain, which has no previous.

    Args:
        load: returns objects.
        roots: known roots; this one is added.
        tip: the newest message of the chain.

    Raises:
        Missing: a message of the chain is absent.
        Invalid: an object in the chain is not a message.
    """
    at = tip
    while True:
        known = roots.get(at)
        if known is not None:
            root = known
            break
        previous = load_message(load, at).previous
        if previous is None:
            root = at
            break
        at = previous
    roots.put(tip, root)
    return root


def new_roots() -> Roots:
    """Return an empty cache of roots."""
    return BoundedCache(_KEPT_BYTES, _ROOT_BYTES)
