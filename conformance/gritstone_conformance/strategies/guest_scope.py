"""What drawn code may use: instructions by their result type, and the functions and globals around it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from gritstone_conformance.model.wasm.instructions import INSTRUCTIONS, TYPE_NAMES, Instruction
from gritstone_conformance.model.wasm.numeric import TRAPPING
from gritstone_conformance.model.wasm.signatures import ACCESS_BYTES, PLAIN
from gritstone_conformance.strategies.guest_numbers import KINDS

__all__ = ["LOADS", "SAFE", "STORES", "UNSAFE", "CodeScope"]

_NUMERIC: Final = [row for row in INSTRUCTIONS if not row.immediates and row.code in PLAIN and PLAIN[row.code][1]]


def _giving(rows: list[Instruction]) -> dict[str, list[tuple[str, tuple[str, ...]]]]:
    """Result type to the instructions with this result, each with the types of its operands."""
    found: dict[str, list[tuple[str, tuple[str, ...]]]] = {kind: [] for kind in KINDS}
    for row in rows:
        takes, (gives,) = PLAIN[row.code]
        found[TYPE_NAMES[gives]].append((row.name, tuple(TYPE_NAMES[one] for one in takes)))
    return found


SAFE: Final = _giving([row for row in _NUMERIC if row.name not in TRAPPING])
UNSAFE: Final = _giving([row for row in _NUMERIC if row.name in TRAPPING])
LOADS: Final = {
    kind: [row for row in INSTRUCTIONS if row.code in ACCESS_BYTES and row.name.startswith(f"{kind}.load")]
    for kind in KINDS
}
STORES: Final = [row for row in INSTRUCTIONS if row.code in ACCESS_BYTES and ".store" in row.name]


@dataclass(slots=True)
class CodeScope:
    """The definitions that drawn code may refer to.

    Attributes:
        functions: index, parameters and results of what may be called.
        recursive: those that may call back.
        types: index, parameters and results of types for ``call_indirect``; empty without a table.
        table: the size of the table.
        globals: index, type and mutability.
        memory: whether there is one.
        segments: indices of data segments.
        shows_nan: whether the bits of a NaN may become visible, which WebAssembly does not define.
    """

    functions: list[tuple[int, tuple[str, ...], tuple[str, ...]]] = field(default_factory=list)
    recursive: list[tuple[int, tuple[str, ...], tuple[str, ...]]] = field(default_factory=list)
    types: list[tuple[int, tuple[str, ...], tuple[str, ...]]] = field(default_factory=list)
    table: int = 0
    globals: list[tuple[int, str, bool]] = field(default_factory=list)
    memory: bool = False
    segments: int = 0
    shows_nan: bool = True
    type_of: Callable[[Sequence[str], Sequence[str]], int] = field(default=lambda parameters, results: 0)
