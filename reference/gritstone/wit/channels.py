"""Channels: what is unread between a tip and a cursor, and which changes of an outbox are legal.

A walk follows ``previous`` and costs as much as what is unread or new. Only the question whether two chains are the
same one, when a message takes the place of another, may need the root of the old chain; ``Roots`` remembers roots.

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
"""How many unread messages an operation lists."""

_KEPT_BYTES = 8 << 20  # in each generation
_ROOT_BYTES = 250  # two ids and their place in a dictionary, roughly

Load: TypeAlias = Callable[[ObjectId], Object]
Roots: TypeAlias = BoundedCache[ObjectId, ObjectId]
"""The root of a chain by its newest message."""


def load_message(load: Load, object_id: ObjectId) -> Message:
    """Give a message.

    Raises:
        Missing: it is absent.
        Invalid: it is something else.
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
        load: gives objects.
        tip: the newest message; None if there is none.
        cursor: the message that was read last; None if none was. It is compared and never loaded.
        most: how many there may be; None for any number.

    Returns:
        The messages, oldest first; and whether the chain is fresh.

    Raises:
        Missing: the tip, or a message on the way, is absent.
        Invalid: one of them is no message.
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
    """Judge the change of one entry of an outbox.

    Args:
        load: gives objects.
        roots: roots that are known; more are added.
        old: the entry before; None if there was none.
        new: the entry after; None if there is none.

    Raises:
        Missing: a message of a chain is absent.
        Invalid: something in a chain is no message.

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
    """Find the message without previous of a chain.

    Args:
        load: gives objects.
        roots: roots that are known; this one is added.
        tip: the newest message of the chain.

    Raises:
        Missing: a message of the chain is absent.
        Invalid: something in the chain is no message.
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
    """Make an empty memory of roots."""
    return BoundedCache(_KEPT_BYTES, _ROOT_BYTES)
