"""Modules as data, read from their binary form, as WebAssembly draws the line between malformed and invalid.

What is malformed is refused here; what is invalid, too large or not admitted is found by ``validation`` and
``admission``.

Spec: ``wasm/modules``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar

from gritstone_conformance.model.wasm.bodies import Body, Op, read_body, read_expression
from gritstone_conformance.model.wasm.reader import Malformed, Reader

__all__ = ["Data", "Element", "Export", "FunctionType", "Global", "Import", "Limits", "Module", "Section", "decode"]

_Item = TypeVar("_Item")
FunctionType: TypeAlias = tuple[bytes, bytes]
"""Parameters and results, each the bytes of value types."""
Limits: TypeAlias = tuple[int, int | None]
"""The initial size, and the largest if one is declared."""

_ORDER: Final = (1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 10, 11)
_MEMORY_INIT: Final = 0xFC08


@dataclass(frozen=True, slots=True)
class Import:
    """An import; kind 0 function, 1 table, 2 memory, 3 global; ``what`` is its type in the form of the kind."""

    module: bytes
    name: bytes
    kind: int
    what: Any


@dataclass(frozen=True, slots=True)
class Export:
    """An export, with the kind and the index of what it exports."""

    name: bytes
    kind: int
    index: int


@dataclass(frozen=True, slots=True)
class Global:
    """A global that the module defines."""

    kind: int
    mutable: bool
    value: tuple[Op, ...]


@dataclass(frozen=True, slots=True)
class Element:
    """An element segment; ``functions`` is None where it is made of expressions."""

    flag: int
    table: int
    offset: tuple[Op, ...]
    functions: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class Data:
    """A data segment; flag 1 is passive."""

    flag: int
    memory: int
    offset: tuple[Op, ...]
    content: bytes


@dataclass(frozen=True, slots=True)
class Section:
    """Where a section lies: its content, and the items of its vector behind their count."""

    number: int
    start: int
    items: int
    end: int


@dataclass(eq=False, slots=True)
class Module:
    """A module that is well-formed; lists are empty where a section is missing."""

    data: bytes
    sections: list[Section]
    types: list[FunctionType]
    imports: list[Import]
    functions: list[int]
    tables: list[Limits]
    memories: list[Limits]
    globals: list[Global]
    exports: list[Export]
    start: int | None
    elements: list[Element]
    data_count: int | None
    bodies: list[Body]
    segments: list[Data]

    def imported(self, kind: int) -> list[Any]:
        """Return what is imported of a kind, in the order of the indices."""
        return [item.what for item in self.imports if item.kind == kind]

    def type_indices(self) -> list[int]:
        """Return the index of the type of each function, imports first."""
        return [*self.imported(0), *self.functions]

    def all_memories(self) -> list[Limits]:
        """Return all memories, imports first."""
        return [*self.imported(2), *self.memories]

    def all_tables(self) -> list[Limits]:
        """Return all tables, imports first."""
        return [*self.imported(1), *self.tables]


def _many(reader: Reader, read: Callable[[Reader], _Item]) -> list[_Item]:
    return [read(reader) for _ in range(reader.u32())]


def _flag(reader: Reader, what: str) -> bool:
    value = reader.byte()
    if value > 1:
        raise Malformed(f"no {what}")
    return bool(value)


def _read_limits(reader: Reader) -> Limits:
    bounded = _flag(reader, "limits")
    return (reader.u32(), reader.u32() if bounded else None)


def _read_type(reader: Reader) -> FunctionType:
    reader.exactly(0x60, "function type")
    parameters = bytes(_many(reader, Reader.value_type))
    return parameters, bytes(_many(reader, Reader.value_type))


def _read_table(reader: Reader) -> Limits:
    reader.exactly(0x70, "type of elements")
    return _read_limits(reader)


def _read_global_type(reader: Reader) -> tuple[int, bool]:
    return reader.value_type(), _flag(reader, "mutability")


_IMPORTED: Final[tuple[Callable[[Reader], Any], ...]] = (Reader.u32, _read_table, _read_limits, _read_global_type)


def _read_import(reader: Reader) -> Import:
    module, name, kind = reader.name(), reader.name(), reader.byte()
    if kind > 3:
        raise Malformed("unknown kind of import")
    return Import(module, name, kind, _IMPORTED[kind](reader))


def _read_export(reader: Reader) -> Export:
    name, kind = reader.name(), reader.byte()
    if kind > 3:
        raise Malformed("unknown kind of export")
    return Export(name, kind, reader.u32())


def _read_global(reader: Reader) -> Global:
    kind, mutable = _read_global_type(reader)
    return Global(kind, mutable, read_expression(reader)[0])


def _read_element(reader: Reader) -> Element:
    flag = reader.u32()
    if flag > 7:
        raise Malformed("invalid flags of an element segment")
    active = not flag & 1
    table = reader.u32() if active and flag & 2 else 0
    offset = read_expression(reader)[0] if active else ()
    if flag & 3:
        reader.exactly(0x70 if flag & 4 else 0x00, "kind of elements")
    if flag & 4:
        _many(reader, read_expression)
        return Element(flag, table, offset, None)
    return Element(flag, table, offset, tuple(_many(reader, Reader.u32)))


def _read_data(reader: Reader) -> Data:
    flag = reader.u32()
    if flag > 2:
        raise Malformed("invalid flags of a data segment")
    memory = reader.u32() if flag == 2 else 0
    offset = read_expression(reader)[0] if flag != 1 else ()
    return Data(flag, memory, offset, reader.take(reader.u32()))


_VECTORS: Final[dict[int, Callable[[Reader], Any]]] = {
    1: _read_type,
    2: _read_import,
    3: Reader.u32,
    4: _read_table,
    5: _read_limits,
    6: _read_global,
    7: _read_export,
    9: _read_element,
    10: read_body,
    11: _read_data,
}


def _read_section(reader: Reader, number: int, found: dict[int, Any]) -> Section:
    size = reader.u32()
    start = reader.at
    reader.skip(size)
    inner = Reader(reader.data, start, reader.at)
    items = start
    if number == 0:
        inner.name()
        return Section(number, start, start, inner.end)
    if number in (8, 12):
        found[number] = inner.u32()
    else:
        inner.u32()
        items, inner.at = inner.at, start
        found[number] = _many(inner, _VECTORS[number])
    if inner.at != inner.end:
        raise Malformed(f"section {number} has the wrong size")
    return Section(number, start, items, inner.end)


def _check_counts(module: Module) -> None:
    """Check what the grammar says of several sections together."""
    if len(module.functions) != len(module.bodies):
        raise Malformed("the counts of functions and bodies differ")
    if module.data_count is None:
        if any(op.instruction.code == _MEMORY_INIT for body in module.bodies for op in body.code):
            raise Malformed("memory.init without the data count section")
    elif module.data_count != len(module.segments):
        raise Malformed("the data count is wrong")


def decode(data: bytes) -> Module:
    """Read a module.

    Raises:
        Malformed: it is not well-formed.
    """
    if data[:8] != b"\0asm\1\0\0\0":
        raise Malformed("the header is invalid")
    reader = Reader(data, 8, len(data))
    sections: list[Section] = []
    found: dict[int, Any] = {}
    last = -1
    while reader.at < reader.end:
        number = reader.byte()
        if number:
            rank = _ORDER.index(number) if number in _ORDER else -1
            if rank <= last:
                raise Malformed(f"section {number} is unknown, a duplicate or out of order")
            last = rank
        sections.append(_read_section(reader, number, found))
    types, imports, functions, tables, memories, globals_, exports = (found.get(number, []) for number in range(1, 8))
    lists = types, imports, functions, tables, memories, globals_, exports
    behind = found.get(8), found.get(9, []), found.get(12), found.get(10, []), found.get(11, [])
    module = Module(data, sections, *lists, *behind)
    _check_counts(module)
    return module
