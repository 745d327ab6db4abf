"""The binary form of core modules: from bytes to sections, strictly, and numbers to bytes.

``read_module`` takes a module apart once from front to back. It keeps the bytes of what need not be understood (bodies,
data), so that whoever writes the module again can copy them. It follows nothing and allocates no more than the bytes
hold: a count is never trusted before its elements were read. What the bodies say is judged by ``validation``.

Malformed is what the grammar of the binary form does not give; Invalid what it gives, but the language of admissible
modules does not have.

Spec: :rule:`wasm.module.language`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn, TypeVar

from gritstone.errors import Invalid, Malformed

__all__ = [
    "F32",
    "F64",
    "FUNCREF",
    "I32",
    "I64",
    "MAGIC",
    "PAGE_BYTES",
    "Body",
    "Data",
    "Elements",
    "Export",
    "FunctionType",
    "Global",
    "Import",
    "Limits",
    "Module",
    "Reader",
    "read_module",
    "signed",
    "unsigned",
]

I32, I64, F32, F64, FUNCREF = 0x7F, 0x7E, 0x7D, 0x7C, 0x70
MAGIC = b"\0asm\1\0\0\0"
PAGE_BYTES = 65_536
_VALUES = frozenset((I32, I64, F32, F64))
_MAX_PAGES = 65_536
_RULE = "wasm.module.language"
_CONSTANTS = {0x41: I32, 0x42: I64, 0x43: F32, 0x44: F64}
_END = 0x0B

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class FunctionType:
    """Say what a function takes and gives, as types of values."""

    parameters: tuple[int, ...]
    results: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Import:
    """Be an import; ``type_index`` is None if it is no function."""

    module: str
    name: str
    type_index: int | None


@dataclass(frozen=True, slots=True)
class Limits:
    """Bound a memory in pages, or a table in elements."""

    least: int
    most: int | None


@dataclass(frozen=True, slots=True)
class Global:
    """Be a global; ``start`` and ``end`` are where its whole entry stands."""

    type: int
    mutable: bool
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Export:
    """Be an export: 0 a function, 1 a table, 2 a memory, 3 a global."""

    name: str
    kind: int
    index: int


@dataclass(frozen=True, slots=True)
class Elements:
    """Be an active segment of function indices."""

    offset: int
    functions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Data:
    """Be a data segment; ``offset`` is None if it is passive."""

    offset: int | None
    size: int


@dataclass(frozen=True, slots=True)
class Body:
    """Be where a body stands.

    Attributes:
        start: where its declared locals begin.
        code: where its instructions begin.
        end: where it ends.
        locals: the declared locals, as runs of a count and a type.
    """

    start: int
    code: int
    end: int
    locals: tuple[tuple[int, int], ...]

    @property
    def declared(self) -> int:
        """Count the declared locals."""
        return sum(count for count, _ in self.locals)


@dataclass(slots=True)
class Module:
    """Be a module that was taken apart.

    Attributes:
        data: its bytes.
        sections: where the content of each section that is not custom begins and ends, by its number.
        functions: the type index of each function that it defines.
        tables: its tables, the imported ones first; so are memories and globals.
        start: its start function.
        data_count: what its data count section says.
    """

    data: bytes
    sections: dict[int, tuple[int, int]] = field(default_factory=dict)
    types: list[FunctionType] = field(default_factory=list)
    imports: list[Import] = field(default_factory=list)
    functions: list[int] = field(default_factory=list)
    tables: list[Limits] = field(default_factory=list)
    memories: list[Limits] = field(default_factory=list)
    globals: list[Global] = field(default_factory=list)
    exports: list[Export] = field(default_factory=list)
    start: int | None = None
    elements: list[Elements] = field(default_factory=list)
    data_count: int | None = None
    bodies: list[Body] = field(default_factory=list)
    segments: list[Data] = field(default_factory=list)

    @property
    def imported(self) -> list[int]:
        """Give the type index of each imported function."""
        return [entry.type_index for entry in self.imports if entry.type_index is not None]

    def function_types(self) -> list[FunctionType]:
        """Give the type of each function by its index."""
        return [self.types[index] for index in (*self.imported, *self.functions)]


# --- numbers ---------------------------------------------------------------------------------------------


def unsigned(value: int) -> bytes:
    """Write an unsigned number in as few bytes as can be."""
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def signed(value: int) -> bytes:
    """Write a signed number in as few bytes as can be."""
    parts = bytearray()
    while not -0x40 <= value < 0x40:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value & 0x7F)
    return bytes(parts)


class Reader:
    """Read forward within a part of some bytes.

    Attributes:
        data: all bytes.
        at: where the next byte is.
        end: where the part ends.
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
        """Read a signed number of so many bits."""
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
        """Go over bytes."""
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
            self.invalid("no type of a number", kind)
        return kind

    def malformed(self, what: str) -> NoReturn:
        """Refuse bytes that the grammar does not give."""
        raise Malformed(what, rule=_RULE, offset=self.at)

    def invalid(self, what: str, got: object = None) -> NoReturn:
        """Refuse what the language does not have."""
        raise Invalid(what, rule=_RULE, offset=self.at, got=got)


# --- sections --------------------------------------------------------------------------------------------


def read_module(data: bytes) -> Module:
    """Take a module apart.

    Raises:
        Malformed: the bytes are no module.
        Invalid: the language of admissible modules has no such section, segment or initialiser; or an index of the
            sections leads nowhere.

    Spec: :rule:`wasm.module.language`.
    """
    if not data.startswith(MAGIC):
        raise Malformed("no module of version 1", rule=_RULE, offset=0)
    module = Module(data)
    reader = Reader(data, len(MAGIC), len(data))
    last = 0
    while reader.at < len(data):
        number = reader.byte()
        size = reader.u32()
        start = reader.at
        reader.skip(size)
        if number == 0:
            Reader(data, start, reader.at).name()
            continue
        if number not in _ORDER or _ORDER[number] <= last:
            reader.malformed("a section out of order, or of an unknown number")
        last = _ORDER[number]
        module.sections[number] = start, reader.at
        part = Reader(data, start, reader.at)
        _SECTIONS[number](part, module)
        if part.at != part.end:
            part.malformed("bytes after the last entry of a section")
    _check_counts(module, reader)
    return module


def _check_counts(module: Module, reader: Reader) -> None:
    """Check what can be said only at the end."""
    if len(module.bodies) != len(module.functions):
        reader.malformed("another number of bodies than of functions")
    if module.data_count is not None and module.data_count != len(module.segments):
        reader.malformed("another number of data segments than the data count says")


def _types(reader: Reader, module: Module) -> None:
    for _ in reader.count():
        if reader.byte() != 0x60:
            reader.malformed("no type of a function")
        parameters = tuple(reader.many(reader.value_type))
        module.types.append(FunctionType(parameters, tuple(reader.many(reader.value_type))))


def _type_index(reader: Reader, module: Module) -> int:
    index = reader.u32()
    if index >= len(module.types):
        reader.invalid("no such type", index)
    return index


def _imports(reader: Reader, module: Module) -> None:
    for _ in reader.count():
        source, name, kind = reader.name(), reader.name(), reader.byte()
        index = None
        if kind == 0:
            index = _type_index(reader, module)
        elif kind == 1:
            module.tables.append(_table_type(reader))
        elif kind == 2:
            module.memories.append(_memory_type(reader))
        elif kind == 3:
            at = reader.at
            module.globals.append(Global(*_global_type(reader), at, reader.at))
        else:
            reader.malformed("an import of no kind")
        module.imports.append(Import(source, name, index))


def _functions(reader: Reader, module: Module) -> None:
    module.functions = [_type_index(reader, module) for _ in reader.count()]


def _limits(reader: Reader) -> Limits:
    flags = reader.byte()
    if flags > 1:
        reader.invalid("limits of a kind that the language has not", flags)
    least = reader.u32()
    most = reader.u32() if flags else None
    if most is not None and most < least:
        reader.invalid("limits whose most is below their least", most)
    return Limits(least, most)


def _table_type(reader: Reader) -> Limits:
    if reader.byte() != FUNCREF:
        reader.invalid("a table of no functions")
    return _limits(reader)


def _memory_type(reader: Reader) -> Limits:
    limits = _limits(reader)
    if max(limits.least, limits.most or 0) > _MAX_PAGES:
        reader.invalid("a memory above 4 GiB")
    return limits


def _global_type(reader: Reader) -> tuple[int, bool]:
    kind, mutable = reader.value_type(), reader.byte()
    if mutable > 1:
        reader.malformed("a global that is neither constant nor mutable")
    return kind, bool(mutable)


def _tables(reader: Reader, module: Module) -> None:
    module.tables += [_table_type(reader) for _ in reader.count()]
    if len(module.tables) > 1:
        reader.invalid("several tables")


def _memories(reader: Reader, module: Module) -> None:
    module.memories += [_memory_type(reader) for _ in reader.count()]
    if len(module.memories) > 1:
        reader.invalid("several memories")


def _constant(reader: Reader, kind: int) -> int:
    """Read an expression that is one constant; gives its value if it is an i32, without sign."""
    opcode = reader.byte()
    if _CONSTANTS.get(opcode) != kind:
        reader.invalid("an expression that is not one constant of its type", opcode)
    value = 0
    if kind in (I32, I64):
        value = reader.signed(32 if kind == I32 else 64) & 0xFFFF_FFFF
    else:
        reader.skip(4 if kind == F32 else 8)
    if reader.byte() != _END:
        reader.invalid("an expression of several instructions")
    return value


def _globals(reader: Reader, module: Module) -> None:
    for _ in reader.count():
        start = reader.at
        kind, mutable = _global_type(reader)
        _constant(reader, kind)
        module.globals.append(Global(kind, mutable, start, reader.at))


def _exports(reader: Reader, module: Module) -> None:
    functions = len(module.imported) + len(module.functions)
    spaces = (functions, len(module.tables), len(module.memories), len(module.globals))
    names = set()
    for _ in reader.count():
        name, kind = reader.name(), reader.byte()
        if kind >= len(spaces):
            reader.malformed("an export of no kind")
        index = reader.u32()
        if index >= spaces[kind]:
            reader.invalid("an export of nothing", index)
        if name in names:
            reader.invalid("two exports of one name", ascii(name))
        names.add(name)
        module.exports.append(Export(name, kind, index))


def _start(reader: Reader, module: Module) -> None:
    module.start = reader.u32()
    reader.invalid("a start function")


def _elements(reader: Reader, module: Module) -> None:
    functions = len(module.imported) + len(module.functions)
    for _ in reader.count():
        flags = reader.u32()
        if flags not in (0, 2):
            reader.invalid("a segment of elements that is not active, by function index", flags)
        if flags and reader.u32():
            reader.invalid("a segment of elements of another table")
        offset = _constant(reader, I32)
        if flags and reader.byte():
            reader.invalid("elements of another kind")
        indices = tuple(reader.many(reader.u32))
        if any(index >= functions for index in indices):
            reader.invalid("an element that is no function")
        if not module.tables or offset + len(indices) > module.tables[0].least:
            reader.invalid("elements outside of the table", offset)
        module.elements.append(Elements(offset, indices))


def _data_count(reader: Reader, module: Module) -> None:
    module.data_count = reader.u32()


def _bodies(reader: Reader, module: Module) -> None:
    for _ in reader.count():
        size = reader.u32()
        start = reader.at
        reader.skip(size)
        part = Reader(reader.data, start, reader.at)
        runs = tuple((part.u32(), part.value_type()) for _ in part.count())
        if sum(count for count, _ in runs) > 0xFFFF_FFFF:
            part.malformed("more locals than can be numbered")
        module.bodies.append(Body(start, part.at, part.end, runs))


def _data(reader: Reader, module: Module) -> None:
    for _ in reader.count():
        flags = reader.u32()
        if flags > 2:
            reader.malformed("a data segment of no kind")
        if flags == 2 and reader.u32():
            reader.invalid("a data segment of another memory")
        offset = None if flags == 1 else _constant(reader, I32)
        size = reader.u32()
        reader.skip(size)
        if offset is not None and (not module.memories or offset + size > module.memories[0].least * PAGE_BYTES):
            reader.invalid("data outside of the memory", offset)
        module.segments.append(Data(offset, size))


_SECTIONS: dict[int, Callable[[Reader, Module], None]] = {
    1: _types,
    2: _imports,
    3: _functions,
    4: _tables,
    5: _memories,
    6: _globals,
    7: _exports,
    8: _start,
    9: _elements,
    12: _data_count,
    10: _bodies,
    11: _data,
}
_ORDER = {number: place for place, number in enumerate(_SECTIONS, 1)}
