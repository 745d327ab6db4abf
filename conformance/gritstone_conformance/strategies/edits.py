"""Small edits of any bytes, independent of their meaning, which make near-valid bytes from valid ones.

The result may still be valid, or even equal the original; callers ask the model.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from gritstone_conformance.strategies.tape import Tape

__all__ = ["edit"]

_INTERESTING: Final = (0x00, 0x20, 0x2F, 0x30, 0x31, 0x7F, 0x80, 0xFF, 0xF6, 0x1F, 0x58, 0x78, 0xA0, 0xC0, 0x9F, 0x5F)


def edit(tape: Tape, data: bytes) -> bytes:
    """Return the bytes after one to three edits."""
    for _ in range(tape.pick((1, 1, 1, 2, 3))):
        data = tape.pick(_EDITS)(tape, data)
    return data


def _place(tape: Tape, data: bytes) -> int:
    """Return an offset, more often near the front, where the structure is."""
    bound = min(len(data), 16) if tape.below(2) == 0 else len(data)
    return tape.below(max(bound, 1))


def _flip(tape: Tape, data: bytes) -> bytes:
    at = _place(tape, data)
    return data[:at] + bytes(byte ^ 1 << tape.below(8) for byte in data[at : at + 1]) + data[at + 1 :]


def _replace(tape: Tape, data: bytes) -> bytes:
    at = _place(tape, data)
    return data[:at] + _byte(tape) + data[at + 1 :]


def _insert(tape: Tape, data: bytes) -> bytes:
    at = _place(tape, data)
    return data[:at] + _byte(tape) + data[at:]


def _delete(tape: Tape, data: bytes) -> bytes:
    at = _place(tape, data)
    return data[:at] + data[at + tape.pick((1, 1, 2, 4, 32, 33)) :]


def _cut(tape: Tape, data: bytes) -> bytes:
    return data[: _place(tape, data)]


def _extend(tape: Tape, data: bytes) -> bytes:
    return data + tape.take(tape.within(1, 4))


def _repeat(tape: Tape, data: bytes) -> bytes:
    at = _place(tape, data)
    return data[:at] + data[at : at + tape.pick((1, 2, 34, 35, 33, 64, 8))] * 2 + data[at:]


def _swap(tape: Tape, data: bytes) -> bytes:
    at, width = _place(tape, data), tape.pick((1, 2, 34, 32, 8))
    return data[:at] + data[at + width : at + 2 * width] + data[at : at + width] + data[at + 2 * width :]


def _zero(tape: Tape, data: bytes) -> bytes:
    at = _place(tape, data)
    return data[:at] + bytes(len(data[at : at + 32])) + data[at + 32 :]


def _count(tape: Tape, data: bytes) -> bytes:
    """Raise or lower a byte by one: lengths, counts, digits."""
    at = _place(tape, data)
    by = tape.pick((1, 255))
    return data[:at] + bytes((byte + by) % 256 for byte in data[at : at + 1]) + data[at + 1 :]


def _byte(tape: Tape) -> bytes:
    return bytes((tape.pick(_INTERESTING) if tape.below(2) == 0 else tape.below(256),))


_EDITS: Final[tuple[Callable[[Tape, bytes], bytes], ...]] = (
    *(_flip, _replace, _insert, _delete, _cut, _extend),
    *(_repeat, _swap, _zero, _count, _count, _replace),
)
