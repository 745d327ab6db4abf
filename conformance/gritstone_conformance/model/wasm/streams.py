"""What a guest is given for randomness and time: a stream of a key, and a count.

Spec: "Random" and "Clock" of ``wasm/determinism``.
"""

from __future__ import annotations

import hashlib
from typing import Final

from gritstone_conformance.model.wasm.documents import MOST

__all__ = ["fork_key", "stream", "tick"]

_RANDOM: Final = b"gritstone wasm random v1\0"
_FORK: Final = b"gritstone wasm fork v1\0"
_BLOCK: Final = 32


def stream(key: bytes, position: int, length: int) -> bytes:
    """Return bytes of the stream of a key from a position on.

    Spec: :rule:`wasm.random.stream`.
    """
    first, last = position // _BLOCK, -(-(position + length) // _BLOCK)
    blocks = [hashlib.sha256(_RANDOM + key + number.to_bytes(8)).digest() for number in range(first, last)]
    skipped = position - first * _BLOCK
    return b"".join(blocks)[skipped : skipped + length]


def fork_key(key: bytes, number: int) -> bytes:
    """Return the key of a fork with fresh entropy."""
    return hashlib.sha256(_FORK + key + number.to_bytes(8)).digest()


def tick(value: int, step: int) -> int:
    """Return the clock after a reading.

    Spec: :rule:`wasm.clock.count`.
    """
    return (value + step) & MOST
