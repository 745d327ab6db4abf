"""All instructions whose types are their own: in one admitted module, and each with one operand of another type.

Spec: :rule:`wasm.module.language`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from gritstone_conformance.model.wasm.instructions import INSTRUCTIONS, TYPE_NAMES, Instruction
from gritstone_conformance.model.wasm.signatures import ACCESS_BYTES, PLAIN
from gritstone_conformance.strategies.assembler import Assembly
from gritstone_conformance.strategies.twins import base

__all__ = ["operands", "with_all_instructions"]

_KINDS: Final = ("i32", "i64", "f32", "f64")
_IMMEDIATES: Final = {
    "align": b"\0",
    "offset": b"\0",
    "zero": b"\0",
    "data": b"\0",
    "i32": b"\0",
    "i64": b"\0",
    "f32": bytes(4),
    "f64": bytes(8),
}


def _spelled(instruction: Instruction) -> bytes:
    return instruction.opcode + b"".join(_IMMEDIATES[kind] for kind in instruction.immediates)


def _constants(kinds: list[str]) -> list[Any]:
    return [(f"{kind}.const", 0) for kind in kinds]


def _plain() -> Iterator[tuple[Instruction, list[str], list[str]]]:
    """Yield each instruction whose types are its own, with the types that it takes and gives."""
    for instruction in INSTRUCTIONS:
        if instruction.code in PLAIN:
            takes, gives = PLAIN[instruction.code]
            yield instruction, [TYPE_NAMES[kind] for kind in takes], [TYPE_NAMES[kind] for kind in gives]


def _guest(code: list[Any], results: list[str]) -> Assembly:
    guest = base()
    guest.data(None, b"abc")
    guest.function([], results, (), code)
    return guest


def _module(code: list[Any], results: list[str]) -> bytes:
    guest = _guest(code, results)
    guest.entry([("i32.const", 0)])
    return guest.binary()


def operands() -> Iterator[tuple[str, bytes]]:
    """Yield modules in which one instruction has an operand of another type, or what stands behind it is wrong."""
    for at, (instruction, takes, gives) in enumerate(_plain()):
        for place, right in enumerate(takes):
            others = [kind for kind in _KINDS if kind != right]
            wrong = [*takes[:place], others[(at + place) % 3], *takes[place + 1 :]]
            yield f"operand {place} of {instruction.name}", _module([*_constants(wrong), _spelled(instruction)], gives)
        if instruction.code in ACCESS_BYTES:
            above = bytes([ACCESS_BYTES[instruction.code].bit_length()])  # the exponent of the next power of 2
            code = [*_constants(takes), instruction.opcode + above + b"\0"]
            yield f"too large an alignment of {instruction.name}", _module(code, gives)
        if instruction.immediates:
            drops = ["drop"] * (len(gives) + 1)
            yield (
                f"no operand behind {instruction.name}",
                _module([*_constants(takes), _spelled(instruction), *drops], []),
            )


def with_all_instructions() -> bytes:
    """Return a guest with a function for each of these instructions, whose operands fit."""
    guest = _guest([], [])
    for instruction, takes, gives in _plain():
        guest.function([], gives, (), [*_constants(takes), _spelled(instruction)])
    guest.entry([("i32.const", 0)])
    return guest.binary()
