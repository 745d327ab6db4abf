"""How functions of WASI read and write the memory of a guest: in bounds, and paid by its size.

Spec: :rule:`sandbox.grant.bounds`.
"""

from __future__ import annotations

from gritstone.sandbox.errors import Errno, ErrnoError
from gritstone.wasm.instance import Instance, trap

__all__ = ["read", "vectors", "write", "write_number"]

_MOST_BUFFERS = 1_024


def read(guest: Instance, at: int, size: int) -> bytes:
    """Return bytes of the memory."""
    if at + size > guest.memory_bytes:
        raise trap("memory-bounds")
    guest.charge(size // 8)
    return guest.read(at, size)


def write(guest: Instance, at: int, data: bytes) -> None:
    """Write bytes into the memory."""
    if at + len(data) > guest.memory_bytes:
        raise trap("memory-bounds")
    guest.charge(len(data) // 8)
    guest.write(at, data)


def write_number(guest: Instance, at: int, value: int, size: int = 4) -> None:
    """Write an unsigned integer into the memory."""
    write(guest, at, value.to_bytes(size, "little"))


def vectors(guest: Instance, at: int, count: int) -> list[tuple[int, int]]:
    """Return the ranges of a list of buffers; each is in bounds."""
    if count > _MOST_BUFFERS:
        raise ErrnoError(Errno.INVAL)
    listed = read(guest, at, 8 * count)
    numbers = [int.from_bytes(listed[place : place + 4], "little") for place in range(0, len(listed), 4)]
    found = list(zip(numbers[::2], numbers[1::2], strict=True))
    if any(place + size > guest.memory_bytes for place, size in found):
        raise trap("memory-bounds")
    return found
