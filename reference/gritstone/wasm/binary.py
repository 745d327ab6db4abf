"""The binary format of core modules: strict decoding from bytes to sections.

``read_module`` decodes a module in one pass. It keeps the bytes of parts that are not decoded (bodies, data), so that
metering can copy them. It does not recurse, and allocates no more than the size of the input: a count is not trusted
until its elements were read. Instructions are checked by ``validation``.

Malformed means that the bytes do not match the grammar of the binary format. Invalid means that they match it, but the
module is outside the language of admissible modules.

Spec: :rule:`wasm.module.language`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from gritstone.errors import Invalid, Malformed
from gritstone.wasm.instructions import (
    BLOCK,
    BR_TABLE,
    END,
    IF,
    LOOP,
    MEMORY_INIT,
    SEGMENT_ENDS,
    SIZED,
    read_expression,
)
from gritstone.wasm.reader import F32, F64, I32, I64, Reader

__all__ = [
    "MAGIC",
    "PAGE_BYTES",
    "Body",
    "Data",
    "Elements",
    "FunctionType",
    "Global",
    "Import",
    "Module",
    "ModuleExport",
    "SizeLimits",
    "read_module",
]

MAGIC = b"\0asm\1\0\0\0"
PAGE_BYTES = 65_536
_MAX_PAGES = 65_536
_RULE = "wasm.module.language"
_CONSTANTS = {0x41: I32, 0x42: I64, 0x43: F32, 0x44: F64}
_FUNCREF = 0x70


@dataclass(frozen=True, slots=True)
class FunctionType:
    """The type of a function: the types of its parameters and results."""

    parameters: tuple[int, ...]
    results: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Import:
    """An import; ``type_index`` is None if it is not a function."""

    module: str
    name: str
    type_index: int | None


@dataclass(frozen=True, slots=True)
class SizeLimits:
    """The limits of a memory in pages, or of a table in elements."""

    least: int
    most: int | None


@dataclass(frozen=True, slots=True)
class Global:
    """A global; ``start`` and ``end`` delimit its whole entry."""

    type: int
    mutable: bool
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ModuleExport:
    """An export: 0 is a function, 1 a table, 2 a memory, 3 a global."""

    name: str
    kind: int
    index: int


@dataclass(frozen=True, slots=True)
class Elements:
    """An active segment of function indices."""

    offset: int
    functions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Data:
    """A data segment; ``offset`` is None if it is passive."""

    offset: int | None
    size: int


@dataclass(frozen=True, slots=True)
class Body:
    """The location and the sizes of a function body.

    Attributes:
        start: the offset of its declared locals.
        code: the offset of its instructions.
        end: the offset after its last byte.
        locals: the declared locals, as runs of a count and a type.
        nesting: the maximum number of nested constructs.
        labels: the maximum number of labels of one ``br_table``, without the default.
        constructs: the number of constructs.
        segments: an upper bound for the number of places where metering inserts a check of F.
    """

    start: int
    code: int
    end: int
    locals: tuple[tuple[int, int], ...]
    nesting: int
    labels: int
    constructs: int
    segments: int

    @property
    def declared(self) -> int:
        """Return the number of declared locals."""
        return sum(count for count, _ in self.locals)


@dataclass(slots=True)
class Module:
    """A decoded module.

    Attributes:
        data: the bytes of the module.
        sections: the start and the end of the content of each section that is not custom, by its number.
        functions: the type index of each function that it defines.
        tables: its tables, the imported ones first; memories and globals have the same order.
        start: its start function.
        data_count: the value of its data count section.
        imported_globals: the number of imported globals.
        invalid: the first violation that was found while decoding, if any.
    """

    data: bytes
    sections: dict[int, tuple[int, int]] = field(default_factory=dict)
    types: list[FunctionType] = field(default_factory=list)
    imports: list[Import] = field(default_factory=list)
    functions: list[int] = field(default_factory=list)
    tables: list[SizeLimits] = field(default_factory=list)
    memories: list[SizeLimits] = field(default_factory=list)
    globals: list[Global] = field(default_factory=list)
    exports: list[ModuleExport] = field(default_factory=list)
    start: int | None = None
    elements: list[Elements] = field(default_factory=list)
    data_count: int | None = None
    bodies: list[Body] = field(default_factory=list)
    segments: list[Data] = field(default_factory=list)
    imported_globals: int = 0
    invalid: Invalid | None = None

    @property
    def imported(self) -> list[int]:
        """Return the type index of each imported function."""
        return [entry.type_index for entry in self.imports if entry.type_index is not None]

    def refuse(self, reader: Reader, what: str, got: object = None) -> None:
        """Record a violation, unless an earlier one is recorded."""
        if self.invalid is None:
            self.invalid = Invalid(what, rule=_RULE, offset=reader.at, got=got)

    def function_types(self) -> list[FunctionType]:
        """Return the type of each function by its index."""
        return [self.types[index] for index in (*self.imported, *self.functions)]


# --- sections --------------------------------------------------------------------------------------------


def read_module(data: bytes) -> Module:
    """Decode a module.

    Raises:
        Malformed: the bytes are not a module of the language.

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
    """Check the counts that are known only after the last section."""
    if len(module.bodies) != len(module.functions):
        reader.malformed("another number of bodies than of functions")
    if len(module.tables) > 1 or len(module.memories) > 1:
        module.refuse(reader, "more than one table or memory")
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
        module.refuse(reader, "no such type", index)
    return index


def _imports(reader: Reader, module: Module) -> None:
    for _ in reader.count():
        source, name, kind = reader.name(), reader.name(), reader.byte()
        index = None
        if kind == 0:
            index = _type_index(reader, module)
        elif kind == 1:
            module.tables.append(_table_type(reader, module))
        elif kind == 2:
            module.memories.append(_memory_type(reader, module))
        elif kind == 3:
            at = reader.at
            module.globals.append(Global(*_global_type(reader), at, reader.at))
            module.imported_globals += 1
        else:
            reader.malformed("an import of no kind")
        module.imports.append(Import(source, name, index))


def _functions(reader: Reader, module: Module) -> None:
    module.functions = [_type_index(reader, module) for _ in reader.count()]


def _limits(reader: Reader, module: Module) -> SizeLimits:
    flags = reader.byte()
    if flags > 1:
        reader.malformed("limits of a kind that the language has not")
    least = reader.u32()
    most = reader.u32() if flags else None
    if most is not None and most < least:
        module.refuse(reader, "limits whose most is below their least", most)
    return SizeLimits(least, most)


def _table_type(reader: Reader, module: Module) -> SizeLimits:
    if reader.byte() != _FUNCREF:
        reader.malformed("a table of no functions")
    return _limits(reader, module)


def _memory_type(reader: Reader, module: Module) -> SizeLimits:
    limits = _limits(reader, module)
    if max(limits.least, limits.most or 0) > _MAX_PAGES:
        module.refuse(reader, "a memory above 4 GiB")
    return limits


def _global_type(reader: Reader) -> tuple[int, bool]:
    kind, mutable = reader.value_type(), reader.byte()
    if mutable > 1:
        reader.malformed("a global that is neither constant nor mutable")
    return kind, bool(mutable)


def _tables(reader: Reader, module: Module) -> None:
    module.tables += [_table_type(reader, module) for _ in reader.count()]


def _memories(reader: Reader, module: Module) -> None:
    module.memories += [_memory_type(reader, module) for _ in reader.count()]


def _constant(reader: Reader, module: Module, kind: int) -> int:
    """Read an expression that must be one constant; return its value, without sign, if it is an i32."""
    first, *more = read_expression(reader)
    if len(more) != 1 or _CONSTANTS.get(first[1]) != kind:
        module.refuse(reader, "an expression that is not one constant of its type")
    value = first[2]
    return value & 0xFFFF_FFFF if isinstance(value, int) else 0


def _globals(reader: Reader, module: Module) -> None:
    for _ in reader.count():
        start = reader.at
        kind, mutable = _global_type(reader)
        _constant(reader, module, kind)
        module.globals.append(Global(kind, mutable, start, reader.at))
        if mutable and kind in (F32, F64):
            module.refuse(reader, "a mutable global that is no integer")


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
            module.refuse(reader, "an export of nothing", index)
        if name in names:
            module.refuse(reader, "two exports of one name", ascii(name))
        names.add(name)
        module.exports.append(ModuleExport(name, kind, index))


def _start(reader: Reader, module: Module) -> None:
    module.start = reader.u32()
    module.refuse(reader, "a start function")


def _elements(reader: Reader, module: Module) -> None:
    functions = len(module.imported) + len(module.functions)
    for _ in reader.count():
        flags = reader.u32()
        if flags > 7:
            reader.malformed("a segment of elements of no kind")
        is_active, has_table, has_expressions = not flags & 1, flags & 2, flags & 4
        if is_active and has_table and reader.u32():
            module.refuse(reader, "elements of another table")
        offset = _constant(reader, module, I32) if is_active else 0
        if flags & 3 and reader.byte() != (_FUNCREF if has_expressions else 0):
            reader.malformed("elements that are no functions")
        if has_expressions:
            reader.many(lambda: read_expression(reader))
        indices = () if has_expressions else tuple(reader.many(reader.u32))
        if not is_active or has_expressions:
            module.refuse(reader, "a segment of elements that is not active, by function index", flags)
        _check_elements(reader, module, offset, indices, functions)
        module.elements.append(Elements(offset, indices))


def _check_elements(reader: Reader, module: Module, offset: int, indices: tuple[int, ...], functions: int) -> None:
    if any(index >= functions for index in indices):
        module.refuse(reader, "an element that is no function")
    if not module.tables or offset + len(indices) > module.tables[0].least:
        module.refuse(reader, "elements outside of the table", offset)


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
        code = part.at
        measured = _measure(part, module)
        if part.at != part.end:
            part.malformed("bytes after the end of a body")
        module.bodies.append(Body(start, code, part.end, runs, *measured))


def _measure(reader: Reader, module: Module) -> tuple[int, int, int, int]:
    """Read the code of a body; return its limited quantities, and its numbers of constructs and segments."""
    nesting = depth = labels = constructs = segments = 0
    for _, opcode, immediate in read_expression(reader):
        segments += opcode in SEGMENT_ENDS or opcode in SIZED
        if opcode == END:
            depth -= 1
        elif opcode in _OPENERS:
            depth += 1
            constructs += 1
            nesting = max(nesting, depth)
        elif opcode == BR_TABLE:
            assert isinstance(immediate, tuple)
            labels = max(labels, len(immediate) - 1)
        elif opcode == MEMORY_INIT and module.data_count is None:
            reader.malformed("memory.init without a data count")
    return nesting, labels, constructs, segments


def _data(reader: Reader, module: Module) -> None:
    for _ in reader.count():
        flags = reader.u32()
        if flags > 2:
            reader.malformed("a data segment of no kind")
        if flags == 2 and reader.u32():
            module.refuse(reader, "a data segment of another memory")
        offset = None if flags == 1 else _constant(reader, module, I32)
        size = reader.u32()
        reader.skip(size)
        if offset is not None and (not module.memories or offset + size > module.memories[0].least * PAGE_BYTES):
            module.refuse(reader, "data outside of the memory", offset)
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
_OPENERS = frozenset((BLOCK, LOOP, IF))
_ORDER = {number: place for place, number in enumerate(_SECTIONS, 1)}
