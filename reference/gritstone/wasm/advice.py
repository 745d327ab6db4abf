"""The compiler options that keep a module within the language, for the messages of refused modules.

The tables contain opcodes that compilers write when a later feature of WebAssembly is enabled, and modules from which
their libraries import. The text is for people; no decision depends on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["import_advice", "opcode_advice", "type_advice"]

_REFERENCES: Final = "reference types: compile with -mno-reference-types (Rust: -C target-feature=-reference-types)"
_EXCEPTIONS: Final = 'exceptions: compile with -fno-exceptions and -mno-exception-handling (Rust: panic = "abort")'
_BULK: Final = "segments and tables: compile with -mno-bulk-memory and without threads"
_OPCODES: Final[Mapping[int, str]] = {
    **dict.fromkeys((0x06, 0x07, 0x08, 0x09, 0x0A, 0x18, 0x19, 0x1F), _EXCEPTIONS),
    **dict.fromkeys((0x12, 0x13), "tail calls: compile with -mno-tail-call (Rust: -C target-feature=-tail-call)"),
    **dict.fromkeys((0x14, 0x15), "calls of references: compile without -mgc"),
    **dict.fromkeys((0x25, 0x26, 0xD0, 0xD1, 0xD2, 0xD3, 0xD4), _REFERENCES),
    **dict.fromkeys((0xFC09, 0xFC0C, 0xFC0D, 0xFC0E), _BULK),
    **dict.fromkeys((0xFC0F, 0xFC10, 0xFC11), _REFERENCES),
    **dict.fromkeys(range(0xFC13, 0xFC17), "wide arithmetic: compile with -mno-wide-arithmetic"),
}
_SIMD: Final = "SIMD: compile with -mno-simd128 (Rust: -C target-feature=-simd128)"
_TYPES: Final[Mapping[int, str]] = {0x7B: _SIMD, 0x70: _REFERENCES, 0x6F: _REFERENCES}
_PREFIXES: Final[Mapping[int, str]] = {
    0xFB: "garbage collection: compile without -mgc",
    0xFD: _SIMD,
    0xFE: "atomics: compile with -mno-atomics and without -pthread (Rust: -C target-feature=-atomics)",
}


def opcode_advice(opcode: int) -> str:
    """Return the feature that an opcode belongs to and the option that disables it; empty if it is not known.

    Args:
        opcode: one byte, or 0xFC00 plus the number after that prefix.
    """
    return _OPCODES.get(opcode) or _PREFIXES.get(opcode, "")


def type_advice(code: int) -> str:
    """Return the feature that the byte of a value type belongs to and the option that disables it, or an empty text."""
    return _TYPES.get(code, "")


def import_advice(module: str) -> str:
    """Return why compilers import from a module and how to avoid it; empty if that is not known."""
    if module == "env":
        return "an undefined symbol, often of a C library: link without --allow-undefined to see its name"
    if module.startswith("wasi_"):
        return "a function of WASI: compile for wasm32-unknown-unknown with -nostdlib"
    return ""
