"""Pieces: a bundle that an implementation gives piece by piece, put together within bounds.

Decides how long an export may go on; whose fault a longer one is, and of which rule, is the caller's business.

Spec: :rule:`suite.bounds.each`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gritstone_conformance.model.values import from_base64
from gritstone_conformance.replies import Json

__all__ = ["Endless", "joined_pieces"]

_MOST_PIECES: Final = 1_024
_MOST_BYTES: Final = 256 << 20


class Endless(Exception):  # noqa: N818 - a finding, not an error
    """There was one more piece after as much as an export can be."""


def joined_pieces(ask: Callable[[str | None], dict[str, Json]]) -> bytes:
    """Return a bundle that comes in pieces.

    Args:
        ask: asks for the piece at a cursor, the first one at None; returns ``bytes`` and ``cursor`` as received.

    Raises:
        Endless: more than 1,024 pieces, or 256 MiB, were received, with a cursor for another one.
    """
    pieces: list[bytes] = []
    size = 0
    cursor: str | None = None
    while not pieces or cursor is not None:
        if len(pieces) == _MOST_PIECES or size > _MOST_BYTES:
            raise Endless(f"no end after {len(pieces)} pieces with {size} bytes")
        value = ask(cursor)
        pieces.append(from_base64(value["bytes"]))
        size += len(pieces[-1])
        cursor = value["cursor"]
    return b"".join(pieces)
