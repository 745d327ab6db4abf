"""Reading the binary form: bytes, LEB128, vectors and names, each strictly.

Spec: ``wasm/modules``.
"""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.wasm.instructions import TYPE_NAMES

__all__ = ["Malformed", "Reader"]

_U32: Final = 0xFFFFFFFF


class Malformed(Exception):  # noqa: N818 - the word of the spec
    """The bytes are no module of the language."""


class Reader:
    """Bytes, a place in them, and the end up to which they may be read."""

    __slots__ = ("at", "data", "end")

    def __init__(self, data: bytes, at: int, end: int) -> None:
        self.data = data
        self.at = at
        self.end = end

    def byte(self) -> int:
        """Return the next byte."""
        if self.at >= self.end:
            raise Malformed("unexpected end of the bytes")
        self.at += 1
        return self.data[self.at - 1]

    def take(self, count: int) -> bytes:
        """Return the next bytes."""
        self.skip(count)
        return self.data[self.at - count : self.at]

    def skip(self, count: int) -> None:
        """Pass over bytes."""
        if count > self.end - self.at:
            raise Malformed("unexpected end of the bytes")
        self.at += count

    def u32(self) -> int:
        """Return an unsigned LEB128 of 32 bits."""
        value = self.byte()
        if value < 0x80:
            return value
        value &= 0x7F
        for shift in (7, 14, 21, 28):
            more = self.byte()
            value |= (more & 0x7F) << shift
            if more < 0x80:
                if value > _U32:
                    break
                return value
        raise Malformed("an integer is too long or too large")

    def signed(self, bits: int) -> int:
        """Return a signed LEB128 of at most ``bits`` bits."""
        value = shift = 0
        more = 0x80
        while more >= 0x80:
            if shift >= bits:
                raise Malformed("an integer is too long")
            more = self.byte()
            value |= (more & 0x7F) << shift
            shift += 7
        if more & 0x40:
            value -= 1 << shift
        if not -(1 << bits - 1) <= value < 1 << bits - 1:
            raise Malformed("an integer is too large")
        return value

    def value_type(self) -> int:
        """Return the byte of a value type."""
        kind = self.byte()
        if kind not in TYPE_NAMES:
            raise Malformed(f"{kind:#x} is not a value type")
        return kind

    def exactly(self, wanted: int, what: str) -> None:
        """Pass over one byte that has to be this one."""
        if self.byte() != wanted:
            raise Malformed(f"no {what}")

    def name(self) -> bytes:
        """Return the UTF-8 of a name."""
        data = self.take(self.u32())
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Malformed("a name is not valid UTF-8") from error
        return data
