"""The small texts of images: types of messages, numbers, ids and text blobs.

Spec: :ref:`image-actors`, :ref:`image-types`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from gritstone.grit.objects import NO_HEADERS, Blob, Object, ObjectId

__all__ = [
    "EMPTY",
    "MOST_NUMBER",
    "is_empty",
    "is_event",
    "is_kernel_type",
    "is_mt",
    "is_plain_type",
    "read_id",
    "read_number",
    "text_blob",
    "text_of",
]

MOST_NUMBER = 2**63 - 1
"""The largest number of an image."""

EMPTY = Blob(NO_HEADERS, b"")
"""The empty blob."""

_MT = re.compile(r"[a-z0-9_.-]{1,64}")
_EVENT = re.compile(r"[a-z0-9_-]{1,32}")
_ID = re.compile(rb"[0-9a-f]{64}")
_NUMBER = re.compile(rb"0|[1-9][0-9]{0,18}")
_RESERVED = frozenset({"update", "cleanup", "receipt", "failed", "reply", "genesis"})
_KERNEL_WORDS = frozenset({"grant", "revoke", "entry", "quota", "install", "timer", "cancel", "destroy", "revert"})
_KERNEL_EVENTS = ("subscribe", "unsubscribe", "emit")
_TEXT_HEADERS: Mapping[str, str] = {"ct": "s"}


def is_mt(text: str) -> bool:
    """Return whether a text has the form of a type."""
    return _MT.fullmatch(text) is not None


def is_event(text: str) -> bool:
    """Return whether a text is the name of an event."""
    return _EVENT.fullmatch(text) is not None


def is_plain_type(mt: str) -> bool:
    """Return whether a type is handled by programs."""
    return is_mt(mt) and mt not in _RESERVED and not mt.startswith(("image.", "on."))


def is_kernel_type(mt: str) -> bool:
    """Return whether a type is that of a kernel message."""
    if not mt.startswith("image."):
        return False
    word = mt[6:]
    if word in _KERNEL_WORDS:
        return is_mt(mt)
    verb, _, event = word.partition(".")
    return verb in _KERNEL_EVENTS and is_event(event)


def read_number(data: bytes) -> int | None:
    """Return the number that bytes denote; None if they denote none."""
    if _NUMBER.fullmatch(data) is None:
        return None
    number = int(data)
    return number if number <= MOST_NUMBER else None


def read_id(data: bytes) -> ObjectId | None:
    """Return the id that a text denotes; None if it denotes none."""
    return bytes.fromhex(data.decode("ascii")) if _ID.fullmatch(data) is not None else None


def text_blob(text: str) -> Blob:
    """Return a text blob."""
    return Blob(_TEXT_HEADERS, text.encode("ascii"))


def text_of(value: Object | None) -> bytes | None:
    """Return the data of a text blob; None for another object."""
    return value.data if type(value) is Blob and value.headers == _TEXT_HEADERS else None


def is_empty(value: Object | None) -> bool:
    """Return whether an object is the empty blob."""
    return type(value) is Blob and not value.data and not value.headers
