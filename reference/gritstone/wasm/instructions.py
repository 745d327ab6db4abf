"""The instructions of admissible modules: their immediates, operands, results and costs.

``SHAPES`` is the one table of the language; an opcode that is not in it is refused. Opcodes after the prefix ``fc`` are
written as ``0xfc00 + n``. ``NAN_RESULTS`` contains the instructions whose NaN results are made canonical.

Spec: :rule:`wasm.module.language`, :rule:`wasm.fuel.cost`, :rule:`wasm.float.nan`.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, TypeAlias

from gritstone.wasm.advice import opcode_advice, type_advice
from gritstone.wasm.reader import F32, F64, I32, I64, Reader

__all__ = [
    "BLOCK",
    "BR",
    "BR_IF",
    "BR_TABLE",
    "BULK",
    "CALL",
    "CALL_INDIRECT",
    "COSTS",
    "ELSE",
    "END",
    "IF",
    "LOOP",
    "MEMORY_GROW",
    "MEMORY_INIT",
    "NAN_RESULTS",
    "RETURN",
    "SEGMENT_ENDS",
    "SHAPES",
    "SIZED",
    "UNREACHABLE",
    "Immediate",
    "Instruction",
    "InstructionShape",
    "read_expression",
]

UNREACHABLE, NOP, BLOCK, LOOP, IF, ELSE, END = 0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x0B
BR, BR_IF, BR_TABLE, RETURN, CALL, CALL_INDIRECT = 0x0C, 0x0D, 0x0E, 0x0F, 0x10, 0x11
MEMORY_GROW, MEMORY_INIT, MEMORY_COPY, MEMORY_FILL = 0x40, 0xFC08, 0xFC0A, 0xFC0B
BULK: Final = frozenset({MEMORY_INIT, MEMORY_COPY, MEMORY_FILL})
SIZED: Final = BULK | {MEMORY_GROW}
"""Instructions that are charged by a size; the charge is made before them."""

SEGMENT_ENDS: Final = frozenset({LOOP, IF, ELSE, END, BR, BR_IF, BR_TABLE, RETURN, UNREACHABLE})
"""Instructions that end a segment: the code after them is charged separately."""

_PREFIX = 0xFC
_EMPTY_BLOCK = 0x40


class Immediate(enum.Enum):
    """The form of the immediates of an opcode."""

    NONE = "nothing"
    BLOCK = "the type of a block"
    INDEX = "an index"
    TABLE = "labels"
    INDIRECT = "the index of a type, and that of a table"
    TYPES = "types of values"
    ACCESS = "an alignment and an offset"
    ZERO = "a zero"
    ZEROS = "two zeros"
    INIT = "the index of a data segment, and a zero"
    I32 = "a constant of 32 bits"
    I64 = "a constant of 64 bits"
    FOUR = "four bytes"
    EIGHT = "eight bytes"


@dataclass(frozen=True, slots=True)
class InstructionShape:
    """The form of an instruction, and its effect on the operands.

    Attributes:
        immediate: the form of its immediates.
        takes: the types of its operands; None if ``validation`` handles it separately.
        gives: the types of its results.
        memory: whether it needs a memory.
        align: the maximum alignment, as an exponent.
    """

    immediate: Immediate
    takes: tuple[int, ...] | None = None
    gives: tuple[int, ...] = ()
    memory: bool = False
    align: int = 0


_LETTERS = {"i": I32, "l": I64, "f": F32, "d": F64}


def _types(letters: str) -> tuple[int, ...]:
    return tuple(_LETTERS[letter] for letter in letters)


_PLAIN_ROWS = (
    (0x45, 0x45, "i", "i"),
    (0x46, 0x4F, "ii", "i"),
    (0x50, 0x50, "l", "i"),
    (0x51, 0x5A, "ll", "i"),
    (0x5B, 0x60, "ff", "i"),
    (0x61, 0x66, "dd", "i"),
    (0x67, 0x69, "i", "i"),
    (0x6A, 0x78, "ii", "i"),
    (0x79, 0x7B, "l", "l"),
    (0x7C, 0x8A, "ll", "l"),
    (0x8B, 0x91, "f", "f"),
    (0x92, 0x98, "ff", "f"),
    (0x99, 0x9F, "d", "d"),
    (0xA0, 0xA6, "dd", "d"),
    (0xA7, 0xA7, "l", "i"),
    (0xA8, 0xA9, "f", "i"),
    (0xAA, 0xAB, "d", "i"),
    (0xAC, 0xAD, "i", "l"),
    (0xAE, 0xAF, "f", "l"),
    (0xB0, 0xB1, "d", "l"),
    (0xB2, 0xB3, "i", "f"),
    (0xB4, 0xB5, "l", "f"),
    (0xB6, 0xB6, "d", "f"),
    (0xB7, 0xB8, "i", "d"),
    (0xB9, 0xBA, "l", "d"),
    (0xBB, 0xBB, "f", "d"),
    (0xBC, 0xBC, "f", "i"),
    (0xBD, 0xBD, "d", "l"),
    (0xBE, 0xBE, "i", "f"),
    (0xBF, 0xBF, "l", "d"),
    (0xC0, 0xC1, "i", "i"),
    (0xC2, 0xC4, "l", "l"),
    (0xFC00, 0xFC01, "f", "i"),
    (0xFC02, 0xFC03, "d", "i"),
    (0xFC04, 0xFC05, "f", "l"),
    (0xFC06, 0xFC07, "d", "l"),
)
"""Instructions without immediates: first and last opcode, operands, results."""

_ACCESS_ROWS = (
    (0x28, "i", "i", "2"),
    (0x29, "i", "l", "3"),
    (0x2A, "i", "f", "2"),
    (0x2B, "i", "d", "3"),
    (0x2C, "i", "i", "0011"),
    (0x30, "i", "l", "001122"),
    (0x36, "ii", "", "2"),
    (0x37, "il", "", "3"),
    (0x38, "if", "", "2"),
    (0x39, "id", "", "3"),
    (0x3A, "ii", "", "01"),
    (0x3C, "il", "", "012"),
)
"""Loads and stores: first opcode, operands, results, and the maximum alignments of consecutive opcodes."""

_OTHER_ROWS = (
    (0x3F, "", "i", Immediate.ZERO),
    (MEMORY_GROW, "i", "i", Immediate.ZERO),
    (MEMORY_INIT, "iii", "", Immediate.INIT),
    (MEMORY_COPY, "iii", "", Immediate.ZEROS),
    (MEMORY_FILL, "iii", "", Immediate.ZERO),
    (0x41, "", "i", Immediate.I32),
    (0x42, "", "l", Immediate.I64),
    (0x43, "", "f", Immediate.FOUR),
    (0x44, "", "d", Immediate.EIGHT),
)
"""The size of memory, bulk instructions and constants."""

_SPECIAL_ROWS = (
    (Immediate.NONE, (UNREACHABLE, NOP, ELSE, END, RETURN, 0x1A, 0x1B)),  # drop, select
    (Immediate.BLOCK, (BLOCK, LOOP, IF)),
    (Immediate.INDEX, (BR, BR_IF, CALL, 0x20, 0x21, 0x22, 0x23, 0x24)),  # local.get set tee, global.get set
    (Immediate.TABLE, (BR_TABLE,)),
    (Immediate.INDIRECT, (CALL_INDIRECT,)),
    (Immediate.TYPES, (0x1C,)),  # typed select
)
"""Instructions whose operands depend on their context."""


def _build() -> Mapping[int, InstructionShape]:
    """Return the table."""
    shapes: dict[int, InstructionShape] = {}
    for first, last, takes, gives in _PLAIN_ROWS:
        for opcode in range(first, last + 1):
            shapes[opcode] = InstructionShape(Immediate.NONE, _types(takes), _types(gives))
    for first, takes, gives, aligns in _ACCESS_ROWS:
        for opcode, align in enumerate(aligns, first):
            shapes[opcode] = InstructionShape(
                Immediate.ACCESS, _types(takes), _types(gives), memory=True, align=int(align)
            )
    for opcode, takes, gives, immediate in _OTHER_ROWS:
        is_constant = opcode in range(0x41, 0x45)
        shapes[opcode] = InstructionShape(immediate, _types(takes), _types(gives), memory=not is_constant)
    for immediate, opcodes in _SPECIAL_ROWS:
        for opcode in opcodes:
            shapes[opcode] = InstructionShape(immediate)
    return MappingProxyType(shapes)


SHAPES = _build()
"""The shape of each instruction of the language, by opcode."""

COSTS: Mapping[int, int] = MappingProxyType(
    dict.fromkeys(SHAPES, 1)
    | dict.fromkeys((BLOCK, LOOP, ELSE, END, NOP), 0)
    | {CALL: 4}
    | dict.fromkeys((CALL_INDIRECT, *range(0x6D, 0x71), *range(0x7F, 0x83), 0x91, 0x95, 0x9F, 0xA3), 8)
    | dict.fromkeys((MEMORY_GROW, *BULK), 64)
)
"""The units of fuel of each instruction, by opcode; charges by a size are added."""

NAN_RESULTS: Mapping[int, int] = MappingProxyType(
    dict.fromkeys((*range(0x8D, 0x98), 0xB6), F32) | dict.fromkeys((*range(0x9B, 0xA6), 0xBB), F64)
)
"""The type of the result of each instruction that may be a NaN, by opcode; without ``abs``, ``neg``, ``copysign``."""

Instruction: TypeAlias = tuple[int, int, object]
"""The offset of an instruction, its opcode, and its immediate: a number, a tuple of labels or types, or None."""


def read_expression(reader: Reader) -> list[Instruction]:
    """Return the instructions of an expression, up to the ``end`` that closes it.

    Raises:
        Malformed: the bytes end early, or an opcode is not an instruction of the language.

    Spec: :rule:`wasm.module.language`.
    """
    data, end = reader.data, reader.end
    found: list[Instruction] = []
    append = found.append
    plain = _PLAIN
    constructs = [BLOCK]
    at = reader.at
    while at < end:
        opcode = data[at]
        if opcode in plain:
            append((at, opcode, None))
            at += 1
            continue
        if opcode in _INDEXED and at + 1 < end and data[at + 1] < 0x80:
            append((at, opcode, data[at + 1]))
            at += 2
            continue
        reader.at = at + 1
        if opcode == _PREFIX:
            opcode = _PREFIX << 8 | min(reader.u32(), 0xFF)
        read = _READS.get(opcode)
        if read is None:
            reader.malformed(_foreign(opcode))
        append((at, opcode, read(reader)))
        at = reader.at
        if opcode in _CONSTRUCTS:
            _nest(constructs, opcode, reader)
            if not constructs:
                return found
    reader.at = end
    return reader.malformed("an expression without an end")


def _foreign(opcode: int) -> str:
    """Return the error for an opcode outside the language, and the compiler option that avoids it."""
    what = f"instruction {opcode:#04x} is not in the language"
    advice = opcode_advice(opcode)
    return f"{what} ({advice})" if advice else what


def _nest(constructs: list[int], opcode: int, reader: Reader) -> None:
    """Open, continue, or close a construct."""
    if opcode == END:
        constructs.pop()
    elif opcode != ELSE:
        constructs.append(opcode)
    elif constructs[-1] == IF:
        constructs[-1] = ELSE
    else:
        reader.malformed("an else outside of an if")


def _block(reader: Reader) -> object:
    """Return the type of a block: the index of a type, or its results as a tuple of types."""
    first = reader.byte()
    if first == _EMPTY_BLOCK:
        return ()
    if first in _LETTERS.values():
        return (first,)
    reader.at -= 1
    index = reader.signed(33)
    if index < 0:
        advice = type_advice(first)
        reader.malformed(f"block type {first:#04x} is not in the language" + (f" ({advice})" if advice else ""))
    return index


def _zeros(count: int, reader: Reader) -> None:
    for _ in range(count):
        if reader.byte():
            reader.malformed("another memory or table")


def _table(reader: Reader) -> object:
    return (*reader.many(reader.u32), reader.u32())


def _indirect(reader: Reader) -> object:
    """Return the immediates of ``call_indirect``: the index of a type, then that of a table.

    Spec: :rule:`wasm.module.table-index`.
    """
    return reader.u32(), reader.u32()


def _index_and_zero(reader: Reader) -> object:
    index = reader.u32()
    _zeros(1, reader)
    return index


def _access(reader: Reader) -> object:
    align = reader.u32()
    reader.u32()
    return align


_READERS: Mapping[Immediate, Callable[[Reader], object]] = {
    Immediate.NONE: lambda reader: None,
    Immediate.BLOCK: _block,
    Immediate.INDEX: Reader.u32,
    Immediate.TABLE: _table,
    Immediate.INDIRECT: _indirect,
    Immediate.TYPES: lambda reader: tuple(reader.many(reader.value_type)),
    Immediate.ACCESS: _access,
    Immediate.ZERO: lambda reader: _zeros(1, reader),
    Immediate.ZEROS: lambda reader: _zeros(2, reader),
    Immediate.INIT: _index_and_zero,
    Immediate.I32: lambda reader: reader.signed(32),
    Immediate.I64: lambda reader: reader.signed(64),
    Immediate.FOUR: lambda reader: reader.skip(4),
    Immediate.EIGHT: lambda reader: reader.skip(8),
}
_CONSTRUCTS = frozenset((BLOCK, LOOP, IF, ELSE, END))
_PLAIN = frozenset(opcode for opcode, shape in SHAPES.items() if shape.immediate is Immediate.NONE) - _CONSTRUCTS
_INDEXED = frozenset(opcode for opcode, shape in SHAPES.items() if shape.immediate is Immediate.INDEX)
_READS = {opcode: _READERS[shape.immediate] for opcode, shape in SHAPES.items()}
