"""Sequence numbers: opaque, so that a request tells nothing about the case it belongs to.

The number of request ``n`` under seed ``s`` is the first 13 hexadecimal digits (52 bits) of SHA-256 of the text
``s:n``, read as an integer; it always fits the 53 bits that every JSON reader keeps exactly.
"""

from __future__ import annotations

import hashlib

__all__ = ["seq_number"]


def seq_number(seed: int, index: int) -> int:
    """Return the ``seq`` of request ``index`` (from 0) under ``seed``; 0 <= seq < 2**52."""
    return int.from_bytes(hashlib.sha256(b"%d:%d" % (seed, index)).digest()[:7]) >> 4
