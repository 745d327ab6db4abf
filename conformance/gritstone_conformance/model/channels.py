"""Channels: what is unread, and which changes of an outbox are legal.

Everything is read off two ids and the messages between them; the state of the actors is not asked.

Spec: ``wit/channels``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gritstone_conformance.model.refusals import Refusal, exhausted, invalid
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.values import Message

__all__ = ["MOST_UNREAD", "OutboxChange", "Unread", "change", "root", "unread", "unread_asked"]

MOST_UNREAD: Final = 4096
"""How many messages ``wit.unread`` lists."""


@dataclass(frozen=True, slots=True)
class Unread:
    """The unread messages of a channel.

    Attributes:
        ids: oldest first.
        fresh: whether the walk ended at a message without previous.
    """

    ids: tuple[bytes, ...]
    fresh: bool


NOTHING: Final = Unread((), False)


def unread(shelf: Shelf, tip: bytes | None, cursor: bytes | None) -> Unread:
    """Return U(tip, cursor); raises Refusal where a message on the way is absent.

    Spec: :rule:`wit.channel.unread`, :rule:`wit.channel.superseded`.
    """
    if tip is None or tip == cursor:
        return NOTHING
    previous = shelf.message(tip).previous
    if previous is None or previous == cursor:
        return Unread((tip,), previous is None)
    ids = [tip]
    while previous is not None and previous != cursor:
        ids.append(previous)
        previous = shelf.message(previous).previous
    ids.reverse()
    return Unread(tuple(ids), previous is None)


def unread_asked(shelf: Shelf, tip: bytes, cursor: bytes | None) -> Unread:
    """Return what ``wit.unread`` answers; raises Refusal."""
    if tip == cursor:
        return NOTHING
    if not isinstance(shelf.get(tip), Message):
        raise Refusal([invalid("wit.channel.unread", f"the tip {tip.hex()} is not a message")])
    found = unread(shelf, tip, cursor)
    if len(found.ids) > MOST_UNREAD:
        raise Refusal([exhausted("wit.channel.unread", f"{len(found.ids)} messages are unread")])
    return found


@dataclass(frozen=True, slots=True)
class OutboxChange:
    """What became of one entry of an outbox.

    Attributes:
        sent: the messages that it sends, oldest first; where it is illegal, U(new, old).
        legal: whether it may be.
    """

    sent: tuple[bytes, ...]
    legal: bool


_SILENT: Final = OutboxChange((), True)


def change(shelf: Shelf, old: bytes | None, new: bytes | None) -> OutboxChange:
    """Return what the change of an entry from ``old`` to ``new`` sends, and whether it is legal.

    Spec: :rule:`wit.admit.outbox`.
    """
    if new is None or new == old:
        return _SILENT
    walked = unread(shelf, new, old)
    legal = old is None or not walked.fresh or root(shelf, new) != root(shelf, old)
    first = walked.ids[0] if old is None or walked.fresh else root(shelf, old)
    for identity in walked.ids:
        shelf.roots[identity] = first
    return OutboxChange(walked.ids, legal)


def root(shelf: Shelf, message: bytes) -> bytes:
    """Return the first message of a chain; what was walked is remembered."""
    walked = []
    at = message
    while at not in shelf.roots:
        walked.append(at)
        previous = shelf.message(at).previous
        if previous is None:
            shelf.roots[at] = at
            break
        at = previous
    first = shelf.roots[at]
    for identity in walked:
        shelf.roots[identity] = first
    return first
