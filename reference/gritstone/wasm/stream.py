"""Random bytes: a stream of blocks, each the hash of a key and a counter.

Spec: :rule:`wasm.random.stream`.
"""

from __future__ import annotations

import hashlib

__all__ = ["random_bytes"]


def random_bytes(key: bytes, position: int, size: int) -> bytes:
    """Return bytes of the stream of a key.

    Spec: :rule:`wasm.random.stream`.
    """
    first, last = position // 32, (position + size + 31) // 32
    prefix = b"gritstone wasm random v1\0" + key
    stream = b"".join(hashlib.sha256(prefix + block.to_bytes(8, "big")).digest() for block in range(first, last))
    return stream[position % 32 : position % 32 + size]
