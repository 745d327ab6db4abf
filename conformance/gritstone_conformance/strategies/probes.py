"""Guests that measure: each writes what it found into its memory and makes a step, so that the image shows it.

What is written stands from 0 on; the step is made at the end of the memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from gritstone_conformance.model.wasm.instructions import INSTRUCTIONS, TYPE_NAMES, Instruction
from gritstone_conformance.model.wasm.signatures import ACCESS_BYTES, PLAIN
from gritstone_conformance.strategies.assembler import Assembly
from gritstone_conformance.strategies.guest_modules import making_step
from gritstone_conformance.strategies.guest_numbers import INTERESTING
from gritstone_conformance.strategies.worked import counter

__all__ = [
    "IMAGE",
    "Probe",
    "costs_of_instructions",
    "costs_of_locals",
    "costs_of_segments",
    "floats",
    "number",
    "zero",
]

IMAGE: Final = {"image": True, "fuel": 100_000_000}
"""The manifest of a probe."""

_SCRATCH: Final = 50_000
_STEP_BYTES: Final = 192


def number(value: float, kind: str = "i32") -> tuple[Any, ...]:
    """Return a constant."""
    return (f"{kind}.const", value)


zero: Final = number(0)


class Probe:
    """A guest under construction that imports ``fuel`` and the functions that make a step."""

    def __init__(self, pages: int = 1, most: int | None = None) -> None:
        self.guest = Assembly()
        self.fuel = self.guest.grit("fuel")
        self.imports = {name: self.guest.grit(name) for name in ("input", "step", "result")}
        self.guest.memory(pages, most)
        self.end = pages << 16
        self.code: list[Any] = []
        self.at = 0

    def read_fuel(self) -> None:
        """Write the units that are left."""
        self.write("i64", ("call", self.fuel))

    def write(self, kind: str, value: Any) -> None:
        """Write a value at the next place."""
        self.code.append((f"{kind}.store", number(self.at), value))
        self.at += 8

    def module(self, local_types: Sequence[str] = ()) -> bytes:
        """Return the guest."""
        self.guest.entry([*self.code, *making_step(self.imports, self.end - _STEP_BYTES)], local_types)
        return self.guest.binary()


def _operand(kind: str) -> tuple[Any, ...]:
    return number(3, kind) if kind[0] == "i" else number(2.0, kind)


def _executed(row: Instruction) -> list[Any]:
    """Return code that executes a plain instruction once and leaves no operands."""
    takes, gives = PLAIN[row.code]
    operands = [_operand(TYPE_NAMES[kind]) for kind in takes]
    immediates: tuple[int, ...] = ()
    if row.name.endswith(".const"):
        immediates = (1,)
    elif row.name == "memory.init":
        operands, immediates = [number(_SCRATCH), zero, number(3)], (0,)
    elif row.code in ACCESS_BYTES or len(takes) == 3:
        operands[0] = number(_SCRATCH)
    return [(row.name, *immediates, *operands), *(["drop"] * len(gives))]


def costs_of_instructions() -> bytes:
    """Return a guest that reads the fuel around every instruction of the language."""
    probe = Probe(most=2)
    guest = probe.guest
    guest.data(None, b"abcdef")
    guest.table(1)
    other = guest.function(["i32"], ["i32"], ["i64"], [("local.get", 0)])
    guest.elements(0, [other])
    kind = guest.type(["i32"], ["i32"])
    cell = guest.global_("i32", 4, mutable=True)
    control: list[list[Any]] = [
        ["nop"],
        [("block", None, ["nop"])],
        [("loop", None, ["nop"])],
        [("if", None, number(1), ["nop"], ["nop"])],
        [("if", None, zero, ["nop"], ["nop"])],
        [("block", None, [("br", 0)])],
        [("block", None, [("br_if", 0, zero)])],
        [("block", None, [("br_if", 0, number(1))])],
        [("block", None, [("br_table", [0, 0], 0, number(7))])],
        [("drop", ("call", other, zero))],
        [("drop", ("call_indirect", kind, number(5), zero))],
        [("drop", ("select", zero, zero, zero))],
        [("drop", ("select", ["i32"], zero, zero, zero))],
        [("local.set", 0, ("local.get", 0))],
        [("drop", ("local.tee", 0, zero))],
        [("global.set", cell, ("global.get", cell))],
    ]
    plain = [_executed(row) for row in INSTRUCTIONS if row.code in PLAIN]
    probe.read_fuel()
    for code in (*control, *plain):
        probe.code += code
        probe.read_fuel()
    return probe.module(["i32"])


def costs_of_locals() -> bytes:
    """Return a guest that reads the fuel around calls of functions with ever more locals."""
    probe = Probe()
    guest = probe.guest
    for count in (0, 1, 7, 8, 9, 15, 16, 17, 63, 64, 800, 9_999, 10_000):
        for parameters in ([], ["i64"] * 9):
            callee = guest.function(parameters, [], ["i32"] * (count // 2) + ["f64"] * (count - count // 2), [])
            probe.code.append(("call", callee, *(number(0, "i64") for _ in parameters)))
            probe.read_fuel()
    return probe.module()


def costs_of_segments() -> bytes:
    """Return a guest that reads the fuel in every kind of segment, before and behind dead code."""
    probe = Probe()
    one, dead = number(1), [("drop", ("i32.div_u", zero, zero))] * 5
    probe.read_fuel()
    for condition in (zero, one):
        for wrap in ("block", "loop"):
            for cut in ([("br", 0)] if wrap == "block" else [("br", 1)], [("br_if", 0, condition)], ["nop"]):
                inner = [("drop", ("call", probe.fuel)), *cut, *(dead if cut[0][0] == "br" else [])]
                probe.code.append(("block", None, [(wrap, None, inner if wrap == "block" else _once(inner))]))
                probe.read_fuel()
        probe.code.append(("if", None, condition, [("drop", one)] * 3, [("drop", one)] * 7))
        probe.read_fuel()
        probe.code.append(("if", None, condition, [("drop", one)] * 3))
        probe.read_fuel()
        leaving = [("if", None, condition, ["return", *dead]), ("drop", one), "return", ("block", None, dead), *dead]
        probe.code.append(("call", probe.guest.function([], [], (), leaving)))
        probe.read_fuel()
    for depth in range(4):
        table: Any = ("br_table", [0, 1, 2], 3, number(depth))
        for _ in range(4):
            table = ("block", None, [table, ("drop", one), *([("drop", one)] * depth)])
        probe.code.append(table)
        probe.read_fuel()
    probe.code.append(counter(10))
    probe.read_fuel()
    return probe.module(["i32"])


def _once(code: Sequence[Any]) -> list[Any]:
    """Return code of a loop in which the branch to the loop, if there is one, is not taken."""
    return [("br_if", 1, zero) if item[0] == "br_if" else item for item in code]


def floats() -> list[bytes]:
    """Return guests that apply every instruction on floats to all pairs of special numbers, and keep all bits."""
    rows = [row for row in INSTRUCTIONS if row.code in PLAIN and not row.immediates and "trunc_f" not in row.name]
    floating = [row for row in rows if "f32" in row.name or "f64" in row.name]
    return [_applying(floating[start : start + 12]) for start in range(0, len(floating), 12)]


def _applying(rows: Sequence[Any]) -> bytes:
    """Return a guest with a loop for each instruction over tables of operands."""
    probe = Probe(pages=2)
    tables, at = {}, 0
    for kind, values in INTERESTING.items():
        tables[kind] = at
        probe.guest.data(at, b"".join(value.to_bytes(8, "little") for value in values))
        at += 8 * len(values)
    room = at
    for row in rows:
        takes = [TYPE_NAMES[kind] for kind in PLAIN[row.code][0]]
        gives = TYPE_NAMES[PLAIN[row.code][1][0]]
        counts = [len(INTERESTING[kind]) for kind in takes]
        operands = [
            (f"{kind}.load", tables[kind], ("i32.shl", ("local.get", place), number(3)))
            for place, kind in enumerate(takes)
        ]
        body: list[Any] = [
            (f"{gives}.store", room, ("local.get", 2), (row.name, *operands)),
            ("local.set", 2, ("i32.add", ("local.get", 2), number(8 if gives.endswith("64") else 4))),
        ]
        for place in reversed(range(len(takes))):
            following = ("local.tee", place, ("i32.add", ("local.get", place), number(1)))
            again = ("br_if", 0, ("i32.lt_u", following, number(counts[place])))
            body = [("local.set", place, zero), ("loop", None, [*body, again])]
        probe.code += body
    return probe.module(["i32", "i32", "i32"])
