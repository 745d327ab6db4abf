"""Modules of others with an entry of the ABI ``memory`` added.

The entry calls exported functions with constants, and emits their results after the last call, so that the output of
the ABI cannot change what the functions see in the memory. Sections are copied byte for byte, except for their counts.

Spec: ``sandbox/abi``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from gritstone_conformance.strategies.assembler import HEADER, encode_code, name_bytes, uleb
from gritstone_conformance.strategies.sandbox_abi import COUNT, OUT

__all__ = ["Call", "Foreign", "UnreadableError"]

_TYPE, _IMPORT, _FUNCTION, _MEMORY, _GLOBAL, _EXPORT, _CODE = 1, 2, 3, 5, 6, 7, 10
_ORDER: Final = (1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 10, 11)
_U32: Final = 1 << 32

Value: TypeAlias = "tuple[str, int]"
"""The name of a type, and the bits."""


class UnreadableError(Exception):
    """The sections of a module cannot be separated, or nothing can be added to it."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call of an exported function, or a read of an exported global.

    Attributes:
        name: of the export.
        arguments: the values that it gets.
        results: the types of its results.
        emits: whether the entry emits its results.
        is_global: whether the export is a global.
    """

    name: bytes
    arguments: tuple[Value, ...] = ()
    results: tuple[str, ...] = ()
    emits: bool = True
    is_global: bool = False


@dataclass(slots=True)
class _Section:
    """A section that has items.

    Attributes:
        count: of the items.
        items: their bytes.
    """

    count: int = 0
    items: bytes = b""

    def add(self, item: bytes) -> int:
        """Add an item and return its index."""
        self.items += item
        self.count += 1
        return self.count - 1

    def binary(self) -> bytes:
        """Return the content of the section."""
        return uleb(self.count) + self.items


@dataclass(slots=True)
class _Cursor:
    """A position in bytes."""

    data: bytes
    at: int = 0

    def take(self, count: int) -> bytes:
        """Return the next bytes."""
        if count > len(self.data) - self.at:
            raise UnreadableError("unexpected end")
        self.at += count
        return self.data[self.at - count : self.at]

    def u32(self) -> int:
        """Return an unsigned LEB128 of at most 5 bytes."""
        value = 0
        for shift in range(0, 35, 7):
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if value >= _U32:
                    break
                return value
        raise UnreadableError("a number is too long")


@dataclass(slots=True)
class Foreign:
    """The sections of a module.

    Attributes:
        counted: the sections that may get items, by number.
        others: all other sections, with the number of the section that they follow.
    """

    counted: dict[int, _Section] = field(default_factory=dict)
    others: list[tuple[int, int, bytes]] = field(default_factory=list)

    @classmethod
    def read(cls, data: bytes) -> Foreign:
        """Separate the sections.

        Raises:
            UnreadableError: they cannot be separated.
        """
        if data[:8] != HEADER:
            raise UnreadableError("the header is not that of a module")
        cursor, module, last = _Cursor(data, 8), cls(), 0
        while cursor.at < len(data):
            number, size = cursor.take(1)[0], cursor.u32()
            content = cursor.take(size)
            if number not in (0, *_ORDER) or number in module.counted:
                raise UnreadableError(f"section {number}")
            if number and _ORDER.index(number) < (_ORDER.index(last) if last else 0):
                raise UnreadableError("the order of the sections")
            if number in (_TYPE, _IMPORT, _FUNCTION, _MEMORY, _GLOBAL, _EXPORT, _CODE):
                inside = _Cursor(content)
                module.counted[number] = _Section(inside.u32(), content[inside.at :])
            else:
                module.others.append((last, number, content))
            last = number or last
        return module

    @property
    def imports(self) -> bool:
        """Whether the module imports something."""
        return self._section(_IMPORT).count > 0

    @property
    def has_memory(self) -> bool:
        """Whether the module has a memory of at least one page."""
        found = self._section(_MEMORY)
        return found.count > 0 and _Cursor(found.items, 1).u32() > 0

    @property
    def defines_memory(self) -> bool:
        """Whether the module defines a memory, of any size."""
        return self._section(_MEMORY).count > 0

    @property
    def has_state(self) -> bool:
        """Whether a call can change what a later call sees: there is a memory, a global or a table."""
        return self.defines_memory or self._section(_GLOBAL).count > 0 or any(part[1] == 4 for part in self.others)

    def exports(self) -> dict[bytes, tuple[int, int]]:
        """Return the kind and the index of each export."""
        section = self._section(_EXPORT)
        cursor, found = _Cursor(section.items), {}
        for _ in range(section.count):
            name = cursor.take(cursor.u32())
            found[name] = cursor.take(1)[0], cursor.u32()
        return found

    def _section(self, number: int) -> _Section:
        return self.counted.get(number, _Section())

    def probe(
        self, calls: Sequence[Call], *, adds_memory: bool = True, keeps_exports: bool = False, for_model: bool = False
    ) -> bytes:
        """Return the module with the entry ``run``; a module that imports something cannot get one.

        Args:
            calls: what the entry does.
            adds_memory: whether a module without memory gets one.
            keeps_exports: whether the exports of the module stay next to those of the ABI.
            for_model: whether the entry is one that the suite's interpreter admits.

        Raises:
            UnreadableError: an export is missing, or its name is one of the ABI.
        """
        exports = self.exports() if calls or keeps_exports else {}
        sections = {
            number: _Section(each.count, each.items)
            for number, each in self.counted.items()
            if number != _EXPORT or keeps_exports
        }
        if keeps_exports and not {b"run", b"memory"}.isdisjoint(exports):
            raise UnreadableError("the module has an export of a name that the ABI uses")
        if adds_memory and not self.defines_memory:
            sections.setdefault(_MEMORY, _Section()).add(b"\0\1")
        kind = sections.setdefault(_TYPE, _Section()).add(b"\x60\0\1\x7f" if for_model else b"\x60\0\0")
        entry = sections.setdefault(_FUNCTION, _Section()).add(uleb(kind))
        body = self._body(calls, exports, sections.setdefault(_GLOBAL, _Section()), has_memory=_MEMORY in sections)
        body = b"\0" + body + (b"\x41\0\x0b" if for_model else b"\x0b")
        sections.setdefault(_CODE, _Section()).add(uleb(len(body)) + body)
        exported = sections.setdefault(_EXPORT, _Section())
        exported.add(name_bytes("wit" if for_model else "run") + b"\0" + uleb(entry))
        if _MEMORY in sections:
            exported.add(name_bytes("memory") + b"\2\0")
        return self._binary(sections)

    def _body(
        self, calls: Sequence[Call], exports: dict[bytes, tuple[int, int]], globals_: _Section, *, has_memory: bool
    ) -> bytes:
        """Return code that makes the calls, keeps results in new globals, and writes them in the end."""
        code: list[Any] = []
        kept: list[int] = []
        for call in calls:
            found = exports.get(call.name)
            if found is None or found[0] != (3 if call.is_global else 0):
                raise UnreadableError("the export does not exist")
            code += [(f"{kind}.const", bits) for kind, bits in call.arguments]
            code.append(("global.get" if call.is_global else "call", found[1]))
            places = [globals_.add(b"\x7e\1\x42\0\x0b") for _ in call.results] if call.emits else []
            for kind in reversed(call.results):
                code += [*_TO_WORD[kind], ("global.set", places.pop())] if call.emits else ["drop"]
            if call.emits:
                kept += range(globals_.count - len(call.results), globals_.count)
        if has_memory:
            code.append(("i32.store", COUNT, ("i32.const", 0), ("i32.const", 8 * len(kept))))
        code += [("i64.store", OUT + 8 * at, ("i32.const", 0), ("global.get", one)) for at, one in enumerate(kept)]
        return encode_code(code)

    def _binary(self, sections: dict[int, _Section]) -> bytes:
        parts = [(number, each.binary()) for number, each in sections.items() if each.count]
        whole = [(_place(number), number, content) for number, content in parts]
        whole += [(_place(number or last) + (0 if number else 0.5), number, data) for last, number, data in self.others]
        ordered = sorted(whole, key=lambda part: part[0])
        return HEADER + b"".join(bytes([number]) + uleb(len(data)) + data for _, number, data in ordered)


_TO_WORD: Final[dict[str, list[str]]] = {
    "i32": ["i64.extend_i32_u"],
    "i64": [],
    "f32": ["i32.reinterpret_f32", "i64.extend_i32_u"],
    "f64": ["i64.reinterpret_f64"],
}


def _place(number: int) -> float:
    return _ORDER.index(number) if number else -1
