"""Programs of the puppet: bytes that are parsed in one pass into operations.

Parsing never fails. If bytes are not a valid operation, the program ends with an operation that fails. So the
operations before these bytes are still performed first.

Spec: :rule:`wit.puppet.exact`, :rule:`wit.puppet.total`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, TypeAlias

from gritstone.errors import Invalid
from gritstone.grit.grammar import Alphabet
from gritstone.wit.paths import ALPHABETS, Path, read_path, read_text

__all__ = ["OPERANDS", "Op", "read_program"]

Op: TypeAlias = tuple[str, tuple[Any, ...]]
"""The letter of an operation, and its decoded operands; a ``ref`` stays a byte."""

_MOST_KEPT_BYTES = 512


class _Reader:
    """A reader of operands that never reads beyond the end."""

    def __init__(self, data: bytes, alphabet: Alphabet) -> None:
        self.data = data
        self.at = 0
        self._alphabet = alphabet

    def take(self, size: int) -> bytes:
        end = self.at + size
        if end > len(self.data):
            raise Invalid("the program ends within an operation", rule="wit.puppet.exact", offset=self.at)
        taken = self.data[self.at : end]
        self.at = end
        return taken

    def u8(self) -> int:
        return self.take(1)[0]

    def u16(self) -> int:
        return int.from_bytes(self.take(2), "big")

    def u32(self) -> int:
        return int.from_bytes(self.take(4), "big")

    def path(self) -> Path:
        return read_path(self.take(self.u8()), self._alphabet)

    def text(self) -> str:
        return read_text(self.take(self.u8()), self._alphabet.value)

    def bytes(self) -> bytes:
        return self.take(self.u16())


_Read: TypeAlias = Callable[[_Reader], Any]
_u8, _path, _text = _Reader.u8, _Reader.path, _Reader.text

OPERANDS: Mapping[str, tuple[_Read, ...]] = MappingProxyType(
    {
        "P": (_path, _u8),
        "W": (_path, _Reader.bytes),
        "A": (_path, _Reader.bytes),
        "D": (_path,),
        "S": (_u8, _u8, _text, _u8),
        "R": (_u8,),
        "B": (_Reader.u32,),
        "Q": (_u8, _text, _u8, _path),
        "L": (_path,),
        "T": (_u8,),
        "F": (),
        "Z": (_Reader.u16,),
        "X": (_u8,),
    }
)
"""The operands of each operation, by its letter."""


def read_program(data: bytes, format_name: str) -> tuple[Op, ...]:
    """Return the operations of a program.

    Args:
        data: any bytes.
        format_name: the name of the object format, which defines valid names and header values.

    Returns:
        The operations; the last one is ``F`` if the bytes after it are not a valid operation.
    """
    return (_read_short if len(data) <= _MOST_KEPT_BYTES else _read)(data, format_name)


def _read(data: bytes, format_name: str) -> tuple[Op, ...]:
    reader = _Reader(data, ALPHABETS[format_name])
    ops: list[Op] = []
    while reader.at < len(data):
        letter = chr(reader.u8())
        operands = OPERANDS.get(letter)
        try:
            values = None if operands is None else tuple(read(reader) for read in operands)
        except Invalid:
            values = None
        if values is None:
            ops.append(("F", ()))
            break
        ops.append((letter, values))
    return tuple(ops)


# Runtimes read the same few programs repeatedly.
_read_short = lru_cache(maxsize=1_024)(_read)
