"""The forms of contents: text blobs, the empty blob, id texts and numbers.

Spec: ``image/actors``, "Forms of contents".
"""

from __future__ import annotations

import re
from typing import Final

from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.values import Blob

__all__ = ["EMPTY", "LARGEST", "TEXT", "id_of", "is_empty", "number_of", "put_text", "text_of"]

LARGEST: Final = (1 << 63) - 1
"""The largest number."""

TEXT: Final = (("ct", "s"),)
"""The headers of a text blob."""

EMPTY: Final = Blob((), b"")
"""The empty blob."""

_ID: Final = re.compile(rb"[0-9a-f]{64}")
_NUMBER: Final = re.compile(rb"0|[1-9][0-9]{0,18}")


def put_text(shelf: Shelf, text: bytes | str) -> bytes:
    """Store a text blob and return its id."""
    return shelf.put(Blob(TEXT, text.encode() if isinstance(text, str) else text))


def text_of(shelf: Shelf, identity: bytes | None) -> bytes | None:
    """Return the data of a text blob, or None for anything else, also for nothing and an erased blob."""
    blob = None if identity is None else shelf.blob(identity)
    return blob.data if blob is not None and blob.headers == TEXT else None


def is_empty(shelf: Shelf, identity: bytes) -> bool:
    """Return whether an id leads to the empty blob."""
    return shelf.blob(identity) == EMPTY


def id_of(data: bytes | None) -> bytes | None:
    """Return the id that an id text spells, or None for other data."""
    return bytes.fromhex(data.decode()) if data is not None and _ID.fullmatch(data) else None


def number_of(data: bytes) -> int | None:
    """Return the value of a number, or None for other data."""
    value = int(data) if _NUMBER.fullmatch(data) else LARGEST + 1
    return value if value <= LARGEST else None
