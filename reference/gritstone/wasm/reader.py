"""Numbers and names of the binary format: read strictly, and written in the shortest form.

Spec: :rule:`wasm.module.language`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn, TypeVar

from gritstone.errors import Malformed
from gritstone.wasm.advice import type_advice

__all__ = ["F32", "F64", "I32", "I64", "Reader", "signed", "unsigned"]

I32, I64, F32, F64 = 0x7F, 0x7E, 0x7D, 0x7C
_VALUES = frozenset((I32, I64, F32, F64))

_T = TypeVar("_T")


def unsigned(value: int) -> bytes:
    """Return the shortest encoding of an unsigned number."""
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def signed(value: int) -> bytes:
    """Return the shortest encoding of a signed number."""
    parts = bytearray()
    while not -0x40 <= value < 0x40:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value & 0x7F)
    return bytes(parts)


class Reader:
    """A reader of a range of bytes.

    Attributes:
        data: all bytes.
        at: the offset of the next byte.
        end: the end of the range.
    """

    __slots__ = ("at", "data", "end")

    def __init__(self, data: bytes, at: int, end: int) -> None:
        self.data = data
        self.at = at
        self.end = end

    def byte(self) -> int:
        """Read a byte."""
        at = self.at
        if at >= self.end:
            self.malformed("the bytes end too early")
        self.at = at + 1
        return self.data[at]

    def u32(self) -> int:
        """Read an unsigned number of 32 bits."""
        value = self.byte()
        if value < 0x80:
            return value
        value &= 0x7F
        for shift in (7, 14, 21, 28):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if value > 0xFFFF_FFFF:
                    self.malformed("a number above 32 bits")
                return value
        return self.malformed("a number of too many bytes")

    def signed(self, bits: int) -> int:
        """Read a signed number of ``bits`` bits."""
        value = shift = 0
        for _ in range(-(-bits // 7)):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                value -= (byte & 0x40) << shift - 6
                if not -(1 << bits - 1) <= value < 1 << bits - 1:
                    self.malformed(f"a number outside of {bits} bits")
                return value
        return self.malformed("a number of too many bytes")

    def skip(self, size: int) -> None:
        """Skip bytes."""
        if size > self.end - self.at:
            self.malformed("the bytes end too early")
        self.at += size

    def name(self) -> str:
        """Read a name."""
        size = self.u32()
        start = self.at
        self.skip(size)
        try:
            return self.data[start : self.at].decode("utf-8")
        except UnicodeDecodeError:
            return self.malformed("a name that is no UTF-8")

    def many(self, one: Callable[[], _T]) -> list[_T]:
        """Read a vector."""
        return [one() for _ in self.count()]

    def count(self) -> range:
        """Read the length of a vector, each element of which takes at least one byte."""
        size = self.u32()
        if size > self.end - self.at:
            self.malformed("more elements than bytes")
        return range(size)

    def value_type(self) -> int:
        """Read the type of a value."""
        kind = self.byte()
        if kind not in _VALUES:
            advice = type_advice(kind)
            self.malformed(f"value type {kind:#04x} is not in the language" + (f" ({advice})" if advice else ""))
        return kind

    def malformed(self, what: str) -> NoReturn:
        """Raise an error for bytes that do not match the grammar."""
        raise Malformed(what, rule="wasm.module.language", offset=self.at)
