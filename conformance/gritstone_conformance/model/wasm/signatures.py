"""What plain instructions take from the stack and leave there, read from their names.

Plain are those whose types do not depend on the module or on the stack. Spec: ``wasm/modules``.
"""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.wasm.instructions import INSTRUCTIONS, TYPES, Instruction

__all__ = ["ACCESS_BYTES", "PLAIN"]

_TESTS: Final = frozenset(
    {"eq", "ne"} | {f"{name}{sign}" for name in ("lt", "gt", "le", "ge") for sign in ("", "_s", "_u")}
)
_UNARY: Final = frozenset({"clz", "ctz", "popcnt", "abs", "neg", "ceil", "floor", "trunc", "nearest", "sqrt"})


def _access_bytes(instruction: Instruction) -> int:
    """Return how many bytes a load or store moves."""
    kind, action = instruction.name.split(".")
    digits = action.removeprefix("load").removeprefix("store").partition("_")[0]
    return int(digits or kind[1:]) // 8


def _signature(instruction: Instruction) -> tuple[bytes, bytes] | None:
    """Return parameters and results, or None where the instruction is not plain."""
    name, i32 = instruction.name, bytes([TYPES["i32"]])
    kind, _, action = name.partition(".")
    if name == "nop":
        return b"", b""
    if kind == "memory":
        return {"size": (b"", i32), "grow": (i32, i32)}.get(action, (i32 * 3, b""))
    if kind not in TYPES:
        return None
    one = bytes([TYPES[kind]])
    if action == "const":
        return b"", one
    if "offset" in instruction.immediates:
        return (i32 + one, b"") if action.startswith("store") else (i32, one)
    source = next((name for name in TYPES if f"_{name}" in action), None)
    if source is not None:
        return bytes([TYPES[source]]), one
    if action == "eqz":
        return one, i32
    if action in _TESTS:
        return one * 2, i32
    return (one if action in _UNARY or action.startswith("extend") else one * 2), one


PLAIN: Final = {
    instruction.code: signature for instruction in INSTRUCTIONS if (signature := _signature(instruction)) is not None
}
"""Opcode to the bytes of the types of parameters and results."""

ACCESS_BYTES: Final = {
    instruction.code: _access_bytes(instruction) for instruction in INSTRUCTIONS if "offset" in instruction.immediates
}
"""Opcode of each load and store to the bytes that it moves."""
