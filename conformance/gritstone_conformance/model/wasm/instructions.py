"""The instructions of the language and the constants of the cost model, as ``spec/wasm`` states them as data.

Spec: ``wasm/modules``, ``wasm/fuel``; ``instructions.json``, ``costs.json``, ``limits.json``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from gritstone_conformance.bundled import spec_dir

__all__ = [
    "BY_CODE",
    "BY_NAME",
    "COSTS",
    "I32",
    "INSTRUCTIONS",
    "LIMITS",
    "TYPES",
    "TYPE_NAMES",
    "Instruction",
    "host_types",
]


def _load(name: str) -> Any:
    return json.loads((spec_dir() / "wasm" / name).read_text(encoding="utf-8"))


I32: Final = 0x7F
TYPES: Final = {"i32": 0x7F, "i64": 0x7E, "f32": 0x7D, "f64": 0x7C}
"""Name of a value type to its byte."""
TYPE_NAMES: Final = {byte: name for name, byte in TYPES.items()}


@dataclass(frozen=True, slots=True)
class Instruction:
    """One row of ``instructions.json``.

    Attributes:
        name: its name in the text format.
        code: its opcode; 0xfc00 and more after the prefix fc.
        immediates: the kinds of its immediates, in order.
        cost: units.
        ends_segment: a segment begins after it.
        kills: what follows it is dead.
        shift: the size charge: bits that the top operand is shifted left by, or right below 0; None without one.
        nan: ``f32`` or ``f64`` where a NaN result is made canonical, else empty.
    """

    name: str
    code: int
    immediates: tuple[str, ...]
    cost: int
    ends_segment: bool
    kills: bool
    shift: int | None
    nan: str

    @property
    def opcode(self) -> bytes:
        """The shortest spelling of its opcode."""
        return bytes([self.code]) if self.code < 0x100 else bytes([0xFC, self.code & 0xFF])


def _read(row: dict[str, Any]) -> Instruction:
    size = row.get("size")
    shift = None if size is None else size["bits"] if size["shift"] == "left" else -size["bits"]
    segment = row.get("segment")
    return Instruction(
        row["name"],
        int(row["code"], 16),
        tuple(row["immediates"]),
        row["cost"],
        segment == "live",
        segment == "dead",
        shift,
        row.get("nan", ""),
    )


INSTRUCTIONS: Final = tuple(_read(row) for row in _load("instructions.json")["instructions"])
BY_CODE: Final = {instruction.code: instruction for instruction in INSTRUCTIONS}
BY_NAME: Final = {instruction.name: instruction for instruction in reversed(INSTRUCTIONS)}
"""Name to instruction; ``select`` is the one without types."""

COSTS: Final[dict[str, Any]] = _load("costs.json")
LIMITS: Final[dict[str, Any]] = _load("limits.json")


def host_types() -> dict[str, tuple[bytes, bytes]]:
    """Return each function of the module ``grit`` with the bytes of its parameters and of its results."""
    rows = COSTS["host"]["functions"].items()
    return {
        name: (bytes(TYPES[kind] for kind in row["parameters"]), bytes(TYPES[kind] for kind in row["results"]))
        for name, row in rows
    }
