"""Sequence numbers: opaque, so that a request does not reveal its case.

The number of request ``n`` under seed ``s`` is the first 13 hexadecimal digits (52 bits) of SHA-256 of the text
``s:n``, read as an integer; it always fits into the 53 bits that every JSON reader represents exactly. The requests of
process ``p`` of a run are numbered from ``p`` times ``SEQS_OF_A_PROCESS``.
"""

from __future__ import annotations

import hashlib
from typing import Final

__all__ = ["SEQS_OF_A_PROCESS", "seq_number"]

SEQS_OF_A_PROCESS: Final = 1 << 32


def seq_number(seed: int, index: int) -> int:
    """Return the ``seq`` of request ``index`` (from 0) under ``seed``; 0 <= seq < 2**52."""
    return int.from_bytes(hashlib.sha256(b"%d:%d" % (seed, index)).digest()[:7]) >> 4
