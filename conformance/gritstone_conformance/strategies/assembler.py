"""Modules of WebAssembly built by hand: an assembler with the instructions of ``instructions.json``.

Code is a list of instructions. An instruction is a mnemonic, or a tuple of a mnemonic, its immediates, and the
instructions of its operands, which are written before it. Raw bytes stand for themselves. A construct takes a type
(None, a value type, or the index of a type) and lists; loads and stores take an offset, or an alignment and an offset,
or neither. ``seq`` is no instruction: its instructions stand in the place of one. Example::

    guest = Assembly()
    result = guest.grit("result")                  # imports come first; the ABI gives the type
    guest.memory(1, maximum=4)
    guest.data(0, b"hello")
    total = guest.global_("i64", 7, mutable=True)
    guest.function(
        [], ["i32"], ["i32"],                      # parameters, results, declared locals
        [
            ("loop", None, [
                ("local.set", 0, ("i32.add", ("local.get", 0), ("i32.const", 1))),
                ("br_if", 0, ("i32.lt_u", ("local.get", 0), ("i32.const", 100))),
            ]),
            ("i32.store", 8, ("i32.const", 0), ("local.get", 0)),
            ("if", "i32", ("local.get", 0), [("i32.const", 3)], ["unreachable"]),
        ],
        export="wit",
    )
    data = guest.binary()

A body that calls what comes after it is declared first: ``declare`` gives the index, ``define`` the body. What is no
module of the language is made from ``sections``, which are bytes, with :func:`assemble`.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from gritstone_conformance.model.wasm.instructions import BY_CODE, BY_NAME, TYPE_NAMES, TYPES, Instruction, host_types

__all__ = ["HEADER", "Assembly", "Code", "assemble", "encode_code", "name_bytes", "sleb", "uleb", "vector"]

HEADER: Final = b"\0asm\1\0\0\0"
Code: TypeAlias = Sequence[Any]
"""Instructions, each a mnemonic, raw bytes or a tuple."""

_ORDER: Final = (1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 10, 11)
_WIDTHS: Final = {"8": 0, "16": 1, "32": 2, "64": 3}
_TYPED_SELECT: Final = BY_CODE[0x1C]


def uleb(value: int, width: int = 1) -> bytes:
    """Return an unsigned LEB128, padded to at least ``width`` bytes."""
    out = bytearray()
    while value >= 0x80 or len(out) + 1 < width:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def sleb(value: int, width: int = 1) -> bytes:
    """Return a signed LEB128, padded to at least ``width`` bytes."""
    out = bytearray()
    while not -64 <= value < 64 or len(out) + 1 < width:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value & 0x7F)
    return bytes(out)


def vector(items: Sequence[bytes]) -> bytes:
    """Return a vector: the count, and the items."""
    return uleb(len(items)) + b"".join(items)


def name_bytes(name: str | bytes) -> bytes:
    """Return a name with its length; bytes need not be UTF-8."""
    data = name.encode() if isinstance(name, str) else name
    return uleb(len(data)) + data


def _types(names: Sequence[str]) -> bytes:
    return uleb(len(names)) + bytes(TYPES[name] for name in names)


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >= 1 << bits - 1 else value


def _float(kind: str, value: float) -> bytes:
    """Spell a float: an int is its bits."""
    if isinstance(value, int):
        return value.to_bytes(4 if kind == "f32" else 8, "little")
    return struct.pack("<f" if kind == "f32" else "<d", value)


def _block_type(value: str | int | None) -> bytes:
    if value is None:
        return b"\x40"
    return sleb(value) if isinstance(value, int) else bytes([TYPES[value]])


def _natural(instruction: Instruction) -> int:
    """Return the natural alignment of a load or store, as a power of 2."""
    kind, action = instruction.name.split(".")
    digits = action.removeprefix("load").removeprefix("store").partition("_")[0]
    return _WIDTHS[digits or kind[1:]]


def _immediate(kind: str, value: Any) -> bytes:
    match kind:
        case "blocktype":
            return _block_type(value)
        case "i32" | "i64":
            return sleb(_signed(value, int(kind[1:])))
        case "f32" | "f64":
            return _float(kind, value)
        case "labels":
            return vector([uleb(label) for label in value])
        case "types":
            return _types(value)
        case _:
            return uleb(value)


def _take_immediates(instruction: Instruction, items: list[Any]) -> bytes:
    """Spell the immediates, taking them from the front of the items."""
    if instruction.immediates == ("align", "offset"):
        given = [items.pop(0) for _ in range(2) if items and isinstance(items[0], int)]
        align, offset = given if len(given) == 2 else (_natural(instruction), *(given or [0]))
        return uleb(align) + uleb(offset)
    out = b""
    for kind in instruction.immediates:
        if kind in ("zero", "table"):
            out += b"\0"
        elif kind == "blocktype" and items and isinstance(items[0], list | tuple):
            out += b"\x40"
        else:
            out += _immediate(kind, items.pop(0) if items or kind != "blocktype" else None)
    return out


def _encode(item: Any) -> bytes:
    """Spell one instruction with its operands."""
    if isinstance(item, bytes):
        return item
    name, *items = (item,) if isinstance(item, str) else item
    if name == "seq":
        return encode_code(items)
    instruction = _TYPED_SELECT if name == "select" and items and isinstance(items[0], list) else BY_NAME[name]
    spelled = instruction.opcode + _take_immediates(instruction, items)
    operands = b"".join(_encode(operand) for operand in items if not isinstance(operand, list))
    arms = [encode_code(arm) for arm in items if isinstance(arm, list)]
    if arms:
        spelled += b"\x05".join(arms) + b"\x0b"
    return operands + spelled


def encode_code(code: Code) -> bytes:
    """Spell code, without the ``end`` of a body."""
    return b"".join(_encode(item) for item in code)


def assemble(sections: Sequence[tuple[int, bytes]]) -> bytes:
    """Return a module of these sections, each an id and a content."""
    return HEADER + b"".join(bytes([number]) + uleb(len(content)) + content for number, content in sections)


@dataclass(slots=True)
class Assembly:
    """A module that is being built; indices are given as things are added."""

    types: list[bytes] = field(default_factory=list)
    imports: list[bytes] = field(default_factory=list)
    imported: int = 0  # functions among the imports
    functions: list[int] = field(default_factory=list)
    tables: list[bytes] = field(default_factory=list)
    memories: list[bytes] = field(default_factory=list)
    globals: list[bytes] = field(default_factory=list)
    exports: list[bytes] = field(default_factory=list)
    elements_: list[bytes] = field(default_factory=list)
    bodies: dict[int, bytes] = field(default_factory=dict)
    segments: list[bytes] = field(default_factory=list)
    customs: list[bytes] = field(default_factory=list)
    start: int | None = None
    data_count: bool = False

    def type(self, parameters: Sequence[str], results: Sequence[str]) -> int:
        """Return the index of a function type, adding it where it is new."""
        return self._type(b"\x60" + _types(parameters) + _types(results))

    def _type(self, spelled: bytes) -> int:
        if spelled not in self.types:
            self.types.append(spelled)
        return self.types.index(spelled)

    def grit(self, name: str) -> int:
        """Import a function of the ABI and return its index; imports come before functions."""
        parameters, results = host_types()[name]
        names = [TYPE_NAMES[kind] for kind in parameters], [TYPE_NAMES[kind] for kind in results]
        return self.import_("grit", name, b"\0" + uleb(self.type(*names)))

    def import_(self, module: str | bytes, name: str | bytes, description: bytes) -> int:
        """Import anything, described by its kind and what follows it; returns the index if it is a function."""
        if self.functions:
            raise ValueError("imports come before functions")
        self.imports.append(name_bytes(module) + name_bytes(name) + description)
        self.imported += description[:1] == b"\0"
        return self.imported - 1

    def declare(self, parameters: Sequence[str] = (), results: Sequence[str] = ()) -> int:
        """Declare a function and return its index."""
        self.functions.append(self.type(parameters, results))
        return self.imported + len(self.functions) - 1

    def define(self, index: int, local_types: Sequence[str] = (), code: Code = ()) -> None:
        """Set the body of a declared function."""
        groups: list[tuple[str, int]] = []
        for kind in local_types:
            count = groups.pop()[1] if groups and groups[-1][0] == kind else 0
            groups.append((kind, count + 1))
        self.define_raw(index, [uleb(count) + bytes([TYPES[kind]]) for kind, count in groups], encode_code(code))

    def define_raw(self, index: int, groups: Sequence[bytes], code: bytes) -> None:
        """Set the body of a declared function from groups of locals and code without its ``end``."""
        body = vector(groups) + code + b"\x0b"
        self.bodies[index] = uleb(len(body)) + body

    def function(
        self,
        parameters: Sequence[str] = (),
        results: Sequence[str] = (),
        local_types: Sequence[str] = (),
        code: Code = (),
        export: str | None = None,
    ) -> int:
        """Declare and define a function, export it under a name if one is given, and return its index."""
        index = self.declare(parameters, results)
        self.define(index, local_types, code)
        if export is not None:
            self.export(export, index)
        return index

    def entry(self, code: Code, local_types: Sequence[str] = (), name: str = "wit") -> int:
        """Add the entry: exported, without parameters, with the result i32."""
        return self.function([], ["i32"], local_types, code, name)

    def memory(self, pages: int, maximum: int | None = None) -> None:
        """Add a memory."""
        self.memories.append(_limits(pages, maximum))

    def table(self, size: int, maximum: int | None = None) -> None:
        """Add a table of functions."""
        self.tables.append(b"\x70" + _limits(size, maximum))

    def global_(self, kind: str, value: float, mutable: bool = False) -> int:
        """Add a global with a constant and return its index."""
        self.globals.append(bytes([TYPES[kind], mutable]) + _encode((f"{kind}.const", value)) + b"\x0b")
        return len(self.globals) - 1

    def elements(self, offset: int, functions: Sequence[int]) -> None:
        """Add an active segment of the table."""
        indices = vector([uleb(index) for index in functions])
        self.elements_.append(b"\0" + _encode(("i32.const", offset)) + b"\x0b" + indices)

    def data(self, offset: int | None, content: bytes) -> int:
        """Add a segment of the memory, passive where the offset is None, and return its index."""
        head = b"\1" if offset is None else b"\0" + _encode(("i32.const", offset)) + b"\x0b"
        self.data_count = self.data_count or offset is None
        self.segments.append(head + name_bytes(content))
        return len(self.segments) - 1

    def export(self, name: str | bytes, index: int, kind: int = 0) -> None:
        """Export: kind 0 a function, 1 the table, 2 the memory, 3 a global."""
        self.exports.append(name_bytes(name) + bytes([kind]) + uleb(index))

    def custom(self, name: str | bytes, content: bytes = b"") -> None:
        """Add a custom section, at the end."""
        self.customs.append(name_bytes(name) + content)

    def sections(self) -> list[tuple[int, bytes]]:
        """Return the sections, each an id and a content, in their order."""
        contents = {
            1: self.types,
            2: self.imports,
            3: [uleb(index) for index in self.functions],
            4: self.tables,
            5: self.memories,
            6: self.globals,
            7: self.exports,
            9: self.elements_,
            10: [self.bodies[self.imported + at] for at in range(len(self.functions))],
            11: self.segments,
        }
        found = {number: vector(items) for number, items in contents.items() if items}
        if self.start is not None:
            found[8] = uleb(self.start)
        if self.data_count:
            found[12] = uleb(len(self.segments))
        ordered = [(number, found[number]) for number in _ORDER if number in found]
        return ordered + [(0, content) for content in self.customs]

    def binary(self) -> bytes:
        """Return the module."""
        return assemble(self.sections())


def _limits(least: int, most: int | None) -> bytes:
    return b"\0" + uleb(least) if most is None else b"\1" + uleb(least) + uleb(most)
