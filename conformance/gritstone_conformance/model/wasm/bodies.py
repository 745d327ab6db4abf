"""Code: sequences of instructions with their places, as the binary form spells them.

Spec: ``wasm/modules``; ``instructions.json``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from gritstone_conformance.model.wasm.instructions import BY_CODE, TYPE_NAMES, Instruction
from gritstone_conformance.model.wasm.reader import Malformed, Reader

__all__ = ["Body", "Op", "read_body", "read_expression"]


class Op(NamedTuple):
    """One instruction at its place.

    Attributes:
        instruction: its row of the table.
        immediates: their values; a block type is None, the byte of a value type negated, or the index of a type.
        start: the offset of its first byte.
        end: the offset behind its last byte.
    """

    instruction: Instruction
    immediates: tuple[Any, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Body:
    """The body of a function.

    Attributes:
        size: bytes, as its size field says.
        groups: counts and types of declared locals.
        locals_at: where the groups begin, behind their count, and where they end.
        code: all instructions with the last ``end``.
        nesting: the most constructs that are open at one place.
    """

    size: int
    groups: tuple[tuple[int, int], ...]
    locals_at: tuple[int, int]
    code: tuple[Op, ...]
    nesting: int

    @property
    def declared(self) -> int:
        """The number of declared locals."""
        return sum(count for count, _ in self.groups)


def _block_type(reader: Reader) -> int | None:
    first = reader.data[reader.at] if reader.at < reader.end else 0x40
    if first == 0x40:
        reader.byte()
        return None
    if first in TYPE_NAMES:
        reader.byte()
        return -first
    index = reader.signed(33)
    if index < 0:
        raise Malformed("invalid block type")
    return index


def _zero(reader: Reader) -> int:
    reader.exactly(0, "zero byte")
    return 0


_READERS: Final[dict[str, Callable[[Reader], Any]]] = {
    "blocktype": _block_type,
    "labels": lambda reader: tuple(reader.u32() for _ in range(reader.u32())),
    "types": lambda reader: tuple(reader.value_type() for _ in range(reader.u32())),
    "zero": _zero,
    "i32": lambda reader: reader.signed(32) & 0xFFFFFFFF,
    "i64": lambda reader: reader.signed(64) & 0xFFFFFFFFFFFFFFFF,
    "f32": lambda reader: int.from_bytes(reader.take(4), "little"),
    "f64": lambda reader: int.from_bytes(reader.take(8), "little"),
    **dict.fromkeys(("label", "function", "type", "table", "local", "global", "data", "align", "offset"), Reader.u32),
}
_OPENING: Final = (0x02, 0x03, 0x04)


def _read_op(reader: Reader) -> Op:
    start = reader.at
    code = reader.byte()
    if code == 0xFC:
        code = 0xFC00 + reader.u32()
    instruction = BY_CODE.get(code)
    if instruction is None:
        raise Malformed(f"{code:#x} is not an instruction")
    immediates = tuple([_READERS[kind](reader) for kind in instruction.immediates])
    return Op(instruction, immediates, start, reader.at)


def read_expression(reader: Reader) -> tuple[tuple[Op, ...], int]:
    """Return the instructions up to the ``end`` that closes them, and the deepest nesting."""
    ops: list[Op] = []
    open_ifs: list[bool] = []
    nesting = 0
    while True:
        op = _read_op(reader)
        ops.append(op)
        code = op.instruction.code
        if code in _OPENING:
            open_ifs.append(code == 0x04)
            nesting = max(nesting, len(open_ifs))
        elif code == 0x05:
            if not open_ifs or not open_ifs[-1]:
                raise Malformed("an else without its if")
            open_ifs[-1] = False
        elif code == 0x0B:
            if not open_ifs:
                return tuple(ops), nesting
            open_ifs.pop()


def read_body(section: Reader) -> Body:
    """Read one body of the code section."""
    size = section.u32()
    start = section.at
    section.skip(size)
    reader = Reader(section.data, start, section.at)
    count = reader.u32()
    first = reader.at
    groups = tuple([(reader.u32(), reader.value_type()) for _ in range(count)])
    if sum(amount for amount, _ in groups) >= 1 << 32:
        raise Malformed("too many locals")
    behind = reader.at
    code, nesting = read_expression(reader)
    if reader.at != reader.end:
        raise Malformed("bytes follow the end of a body")
    return Body(size, groups, (first, behind), code, nesting)
