"""Twins of admitted modules: each has one defect of a body that validation of WebAssembly finds.

Each instruction of control has a twin for each of its conditions, in live code and in dead code where these differ.

Spec: :rule:`wasm.module.language`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from gritstone_conformance.strategies.assembler import Assembly, Code, assemble, name_bytes, uleb
from gritstone_conformance.strategies.twins import Twin, base, sections

__all__ = ["bodies"]

_I32: Final[Any] = ("i32.const", 0)
_I64: Final[Any] = ("i64.const", 0)
_SAME, _OTHER, _TWO, _PAIR = 2, 3, 4, 5
"""Types that ``_guest`` adds: i32 to i32, i32 to i64, i32 and i64 to nothing, nothing to i32 and i64."""


def _guest() -> Assembly:
    guest = base()
    guest.type(["i32"], ["i32"])
    guest.type(["i32"], ["i64"])
    guest.type(["i32", "i64"], [])
    guest.define(guest.declare(["i32", "i64"], []), (), [])
    guest.type([], ["i32", "i64"])
    guest.data(None, b"abc")
    guest.data(None, b"de")
    return guest


def _with(code: Code) -> bytes:
    guest = _guest()
    guest.entry([*code, _I32], ["i32", "i64"])
    return guest.binary()


def _constructs() -> Iterator[tuple[str, Code, Code]]:
    """Yield constructs whose operands do not fit their types."""
    yield (
        "if without else of one type to another",
        [b"\x41\0\x41\0\x04\x02\x0b\x1a"],
        [b"\x41\0\x41\0\x04\x03\x0b\x1a"],
    )
    other = b"\x41\0\x41\0\x04\x03\xac%s\x0b\x1a"
    yield "if without else of one type to another, which its then makes", [other % b"\x05\xac"], [other % b""]
    yield "a construct of a type that is not there", [b"\x41\0\x02\x01\x1a\x0b"], [b"\x41\0\x02\x3f\x1a\x0b"]
    yield "a loop of a type that is not there", [b"\x41\0\x03\x01\x1a\x0b"], [b"\x41\0\x03\x05\x1a\x0b"]
    yield "a type of a construct below zero", [b"\x41\0\x02\x81\0\x1a\x0b"], [b"\x41\0\x02\x81\x7f\x1a\x0b"]
    long = b"\x41\0\x02\x81\x80\x80\x80\0\x1a\x0b"
    yield "a type of a construct in 6 bytes", [long], [b"\x41\0\x02\x81\x80\x80\x80\x80\0\x1a\x0b"]
    yield "a type of a construct of 2 to the 28th", [long], [b"\x41\0\x02\x81\x80\x80\x80\1\x1a\x0b"]
    yield "a type of a construct beyond 33 bits", [long], [b"\x41\0\x02\x81\x80\x80\x80\x10\x1a\x0b"]
    yield "a type of a construct of 1 and 2 to the 21st", [long], [b"\x41\0\x02\x81\x80\x80\1\x1a\x0b"]
    yield "a type of a construct below zero in 5 bytes", [long], [b"\x41\0\x02\x81\xff\xff\xff\x7f\x1a\x0b"]
    yield "a type of a construct below zero by more", [long], [b"\x41\0\x02\x81\x40\x1a\x0b"]
    yield "a type of a construct of 2 to the 32nd", [long], [b"\x41\0\x02\x81\x80\x80\x80\x0f\x1a\x0b"]
    yield "a construct without its operand", [_I32, b"\x02\x01\x1a\x0b"], [b"\x02\x01\x1a\x0b"]
    yield "a construct with an operand of another type", [_I32, b"\x02\x01\x1a\x0b"], [_I64, b"\x02\x01\x1a\x0b"]
    yield "an operand outside a construct", [b"\x41\0\x1a\x02\x40\x0b"], [b"\x41\0\x02\x40\x1a\x0b"]
    yield "an if with a condition of i64", [b"\x41\0\x04\x40\x0b"], [b"\x42\0\x04\x40\x0b"]
    yield "an if without a condition", [b"\x41\0\x04\x40\x0b"], [b"\x04\x40\x0b"]
    yield "a construct without its result", [b"\x02\x7f\x41\0\x0b\x1a"], [b"\x02\x7f\x0b\x1a"]
    yield "a construct with a result of another type", [b"\x02\x7f\x41\0\x0b\x1a"], [b"\x02\x7f\x42\0\x0b\x1a"]
    yield "a construct with one result too many", [b"\x02\x7f\x41\0\x0b\x1a"], [b"\x02\x7f\x41\0\x41\0\x0b\x1a"]
    yield "an else with a result of another type", _halves(b"\x41\0", b"\x41\0"), _halves(b"\x41\0", b"\x42\0")
    yield "a then with a result of another type", _halves(b"\x41\0", b"\x41\0"), _halves(b"\x42\0", b"\x41\0")
    yield "a then without its result", _halves(b"\x41\0", b"\x41\0"), _halves(b"", b"\x41\0")
    yield "a then with one result too many", _halves(b"\x41\0", b"\x41\0"), _halves(b"\x41\0\x41\0", b"\x41\0")
    yield "an else in a block", [b"\x41\0\x04\x40\x05\x0b"], [b"\x41\0\x1a\x02\x40\x05\x0b"]
    yield "an else in a loop", [b"\x41\0\x04\x40\x05\x0b"], [b"\x41\0\x1a\x03\x40\x05\x0b"]
    yield "two elses", [b"\x41\0\x04\x40\x05\x01\x0b"], [b"\x41\0\x04\x40\x05\x05\x0b"]
    yield "an else outside", [b"\x41\0\x04\x40\x05\x0b"], [b"\x05"]
    yield "an end too many", [b"\x01"], [b"\x0b"]
    yield "an end too few", [b"\x02\x40\x0b"], [b"\x02\x40\x01"]


def _halves(then: bytes, other: bytes) -> Code:
    return [b"\x41\0\x04\x7f" + then + b"\x05" + other + b"\x0b\x1a"]


def _branches() -> Iterator[tuple[str, Code, Code]]:
    """Yield branches whose operands do not fit their labels."""
    yield "br without its operand", [b"\x02\x7f\x41\0\x0c\0\x0b\x1a"], [b"\x02\x7f\x0c\0\x0b\x1a"]
    yield "br with an operand of another type", [b"\x02\x7f\x41\0\x0c\0\x0b\x1a"], [b"\x02\x7f\x42\0\x0c\0\x0b\x1a"]
    yield "br to a label that is not there", [b"\x02\x40\x0b"], [b"\x02\x40\x0c\x02\x0b"]
    yield "br_if with a condition of i64", [b"\x02\x40\x41\0\x0d\0\x0b"], [b"\x02\x40\x42\0\x0d\0\x0b"]
    fits, lacks = b"\x02\x7f\x41\0\x41\0\x0d\0\x0b\x1a", b"\x02\x7f\x41\0\x0d\0\x41\0\x0b\x1a"
    yield "br_if without its operand", [fits], [lacks]
    yield "br_if with an operand of another type", [fits], [b"\x02\x7f\x42\0\x41\0\x0d\0\x1a\x41\0\x0b\x1a"]
    yield "br_if that takes its operand away", [fits], [b"\x02\x7f\x41\0\x41\0\x0d\0\x41\0\x0b\x1a"]
    yield "br to a loop without its parameter", [b"\x41\0\x03\x02\x0c\0\x0b\x1a"], [b"\x41\0\x03\x02\x1a\x0c\0\x0b\x1a"]
    yield (
        "br to a loop with its result",
        [b"\x41\0\x03\x03\x0c\0\x0b\x1a"],
        [b"\x41\0\x03\x03\x1a\x42\0\x0c\0\x0b\x1a"],
    )
    table = b"\x02\x7f\x41\0\x41\0\x0e\1\0\0\x0b\x1a"
    yield "br_table with an index of i64", [table], [b"\x02\x7f\x41\0\x42\0\x0e\1\0\0\x0b\x1a"]
    yield "br_table without its operand", [table], [b"\x02\x7f\x41\0\x0e\1\0\0\x0b\x1a"]
    yield "br_table with an operand of another type", [table], [b"\x02\x7f\x42\0\x41\0\x0e\1\0\0\x0b\x1a"]
    yield "br_table with an operand from outside", [_I32, table, "drop"], [_I32, lacks.replace(b"\x0d\0", b"\x0e\0\0")]
    two = b"\x02\x7f\x02\x7f%s\x41\0\x0e\1\0\1\x0b\x0b\x1a"
    yield (
        "br_table with labels of two types",
        [two % b"\x41\0"],
        [b"\x02\x7e\x02\x7f\x41\0\x41\0\x0e\1\0\1\x0b\x1a\x42\0\x0b\x1a"],
    )
    yield "br_table to a label that is not there", [two % b"\x41\0"], [two.replace(b"\1\0\1", b"\1\5\1") % b"\x41\0"]
    yield "br_table to a default that is not there", [two % b"\x41\0"], [two.replace(b"\1\0\1", b"\1\0\5") % b"\x41\0"]
    dead = b"\x02\x7e\x02\x7f\0%s\x41\0\x0e\1\0\1\x0b\x1a\x42\0\x0b\x1a"
    yield "dead br_table with labels of two types", [dead % b""], [dead % b"\x41\0"]
    yield (
        "dead br_table with an operand of another type",
        [b"\0" + table, "drop"],
        [b"\x02\x7f\0\x42\0\x41\0\x0e\1\0\0\x0b\x1a"],
    )
    dead_two = b"\x02\x40\x02\x7f\0\x41\0\x0e\1%s\x0b\x1a\x0b"
    yield "dead br_table with labels of other numbers", [dead_two % b"\0\0"], [dead_two % b"\0\1"]
    yield "dead br_table with labels of other numbers, none first", [dead_two % b"\1\1"], [dead_two % b"\1\0"]
    pair = b"\x02\x05%s\x41\0\x0e\1\0\0\x0b\x1a\x1a"
    fits = pair % b"\x41\0\x42\0"
    yield "br_table with a first operand of another type", [fits], [pair % b"\x42\0\x42\0"]
    yield "br_table with a second operand of another type", [fits], [pair % b"\x41\0\x41\0"]
    yield "br_table with operands in another order", [fits], [pair % b"\x42\0\x41\0"]
    yield "br_table without the first of its operands", [fits], [pair % b"\x42\0"]
    yield "dead br_table with a second operand of another type", [pair % b"\0\x42\0"], [pair % b"\0\x41\0"]
    yield "return without its operand", [b"\x41\0\x0f"], [b"\x0f"]
    yield "return with an operand of another type", [b"\x41\0\x0f"], [b"\x42\0\x0f"]


def _operands() -> Iterator[tuple[str, Code, Code]]:
    """Yield calls and selects whose operands do not fit."""
    yield "a call with operands in another order", [_I32, _I64, ("call", 0)], [_I64, _I32, ("call", 0)]
    yield "a call without an operand", [_I32, _I64, ("call", 0)], [_I64, ("call", 0)]
    yield "call_indirect with an index of i64", [_I32, _I32, b"\x11\1\0"], [_I32, _I64, b"\x11\1\0"]
    yield "call_indirect with an operand of another type", [_I32, _I32, b"\x11\1\0"], [_I64, _I32, b"\x11\1\0"]
    yield (
        "call_indirect with a result of another type",
        [_I32, _I32, b"\x11\2\0\x45\x1a"],
        [_I32, _I32, b"\x11\3\0\x45\x1a"],
    )
    yield "select with a condition of i64", [_I32, _I32, _I32, b"\x1b\x1a"], [_I32, _I32, _I64, b"\x1b\x1a"]
    yield (
        "a typed select with a condition of i64",
        [_I32, _I32, _I32, b"\x1c\1\x7f\x1a"],
        [_I32, _I32, _I64, b"\x1c\1\x7f\x1a"],
    )
    yield (
        "a typed select with another first",
        [_I32, _I32, _I32, b"\x1c\1\x7f\x1a"],
        [_I64, _I32, _I32, b"\x1c\1\x7f\x1a"],
    )
    yield (
        "a typed select with another second",
        [_I32, _I32, _I32, b"\x1c\1\x7f\x1a"],
        [_I32, _I64, _I32, b"\x1c\1\x7f\x1a"],
    )
    yield (
        "a typed select with another result",
        [_I64, _I64, _I32, b"\x1c\1\x7e\x50\x1a"],
        [_I64, _I64, _I32, b"\x1c\1\x7e\x45\x1a"],
    )
    yield "select of a result of another type", [_I64, _I64, _I32, b"\x1b\x50\x1a"], [_I64, _I64, _I32, b"\x1b\x45\x1a"]
    yield (
        "dead select of a result of another type",
        [b"\0", _I64, _I32, b"\x1b\x50\x1a"],
        [b"\0", _I64, _I32, b"\x1b\x45\x1a"],
    )
    yield "dead select of two types", [b"\0", _I64, _I32, b"\x1b\x1a"], [b"\0", _I32, _I64, _I32, b"\x1b\x1a"]


def _variables() -> Iterator[tuple[str, Code, Code]]:
    """Yield locals, globals, dead code and segments that do not fit."""
    yield "local.set of another type", [_I32, b"\x21\0"], [_I64, b"\x21\0"]
    yield "local.tee of another type", [_I32, b"\x22\0\x1a"], [_I64, b"\x22\0\x1a"]
    yield "local.set that leaves its operand", [_I32, b"\x22\0\x1a"], [_I32, b"\x21\0\x1a"]
    yield "local.tee that leaves no operand", [_I32, b"\x21\0"], [_I32, b"\x22\0"]
    yield "local.get of another type", [b"\x20\1\x50\x1a"], [b"\x20\1\x45\x1a"]
    yield "local.set of a local that is not there", [_I32, b"\x21\0"], [_I32, b"\x21\2"]
    yield "global.set of another type", [_I64, b"\x24\1"], [_I32, b"\x24\1"]
    yield "global.set without an operand", [_I64, b"\x24\1"], [b"\x24\1"]
    yield "global.get of another type", [b"\x23\1\x50\x1a"], [b"\x23\1\x45\x1a"]
    yield "global.set of a global that is not there", [_I64, b"\x24\1"], [_I64, b"\x24\2"]
    yield "an operand after a dead construct", [_I32, b"\x02\x40\0\x0b\x1a"], [b"\x02\x40\0\x0b\x1a"]
    yield "an operand left over in dead code", [b"\x02\x40\0\x0b"], [b"\x02\x40\0\x41\0\x0b"]
    yield "a result of another type in dead code", [b"\x02\x7f\0\x41\0\x0b\x1a"], [b"\x02\x7f\0\x42\0\x0b\x1a"]
    yield (
        "a data segment after the last",
        [_I32, _I32, _I32, b"\xfc\x08\1\0"],
        [_I32, _I32, _I32, b"\xfc\x08\2\0"],
    )
    yield (
        "another memory of memory.init",
        [_I32, _I32, _I32, b"\xfc\x08\0\0"],
        [_I32, _I32, _I32, b"\xfc\x08\0\1"],
    )
    yield (
        "another memory as the source of memory.copy",
        [_I32, _I32, _I32, b"\xfc\x0a\0\0"],
        [_I32, _I32, _I32, b"\xfc\x0a\0\1"],
    )
    yield "dead select of no type", [b"\0\x1c\1\x7f\x1a"], [b"\0\x1c\0\x7f\x1a"]
    yield "dead select of two types of operands", [b"\0\x1c\1\x7f\x1a"], [b"\0\x1c\2\x7e\x7f\x1a"]
    yield "dead select of references", [b"\0\x1c\1\x7f\x1a"], [b"\0\x1c\1\x70\x1a"]


def _immediates() -> Iterator[tuple[str, Code, Code]]:
    """Yield immediates of one byte or one bit too many."""
    yield "an i32 beyond 32 bits", [b"\x41\xff\xff\xff\xff\x07\x1a"], [b"\x41\xff\xff\xff\xff\x0f\x1a"]
    yield "a negative i32 beyond 32 bits", [b"\x41\x80\x80\x80\x80\x78\x1a"], [b"\x41\x80\x80\x80\x80\x70\x1a"]
    yield "an i32 in 6 bytes", [b"\x41\x80\x80\x80\x80\0\x1a"], [b"\x41\x80\x80\x80\x80\x80\0\x1a"]
    i64 = b"\x42" + 9 * b"\xff"
    yield "an i64 beyond 64 bits", [i64 + b"\0\x1a"], [i64 + b"\1\x1a"]
    yield "a negative i64 beyond 64 bits", [i64 + b"\x7f\x1a"], [i64 + b"\x7e\x1a"]
    yield "an i64 in 11 bytes", [i64 + b"\0\x1a"], [i64 + b"\x80\0\x1a"]
    yield (
        "an offset beyond 32 bits",
        [_I32, b"\x28\0\xff\xff\xff\xff\x0f\x1a"],
        [_I32, b"\x28\0\xff\xff\xff\xff\x1f\x1a"],
    )
    yield (
        "an alignment in 6 bytes",
        [_I32, b"\x28\x82\x80\x80\x80\0\0\x1a"],
        [_I32, b"\x28\x82\x80\x80\x80\x80\0\0\x1a"],
    )
    yield (
        "a prefixed instruction in 6 bytes",
        [b"\x43\0\0\0\0\xfc\x80\x80\x80\x80\0\x1a"],
        [b"\x43\0\0\0\0\xfc\x80\x80\x80\x80\x80\0\x1a"],
    )


def _raw(content: bytes) -> bytes:
    """Return a guest whose entry is these bytes: locals, instructions and ``end``."""
    guest = base()
    guest.entry([_I32])
    return assemble(
        [(n, b"\1" + uleb(len(content)) + content if n == 10 else own) for n, own in sections(guest.binary())]
    )


def _cut() -> Iterator[tuple[str, bytes, bytes]]:
    """Yield bodies that do not end with their last ``end``."""
    good = _raw(b"\0\x41\0\x0b")
    yield "a byte behind the last end", good, _raw(b"\0\x41\0\x0b\x01")
    yield "two ends", good, _raw(b"\0\x41\0\x0b\x0b")
    yield "a body without end", good, _raw(b"\0\x41\0")
    yield "an empty body", good, _raw(b"")
    yield "a constant cut short", _raw(b"\0\x43\0\0\0\x0b\x1a\x41\0\x0b"), _raw(b"\0\x43\0\0\x0b")
    yield "a wide constant cut short", _raw(b"\0\x44\0\0\0\0\0\0\0\x0b\x1a\x41\0\x0b"), _raw(b"\0\x44\0\0\0\0\0\0\x0b")


def _without_memory() -> Iterator[tuple[str, bytes, bytes]]:
    """Yield each form of instruction that needs a memory, in a module without one."""
    for name, code in (
        ("a load", [_I32, b"\x28\0\0\x1a"]),
        ("a store", [_I32, _I32, b"\x36\0\0"]),
        ("memory.size", [b"\x3f\0\x1a"]),
        ("memory.grow", [_I32, b"\x40\0\x1a"]),
        ("memory.fill", [_I32, _I32, _I32, b"\xfc\x0b\0"]),
        ("memory.copy", [_I32, _I32, _I32, b"\xfc\x0a\0\0"]),
        ("memory.init", [_I32, _I32, _I32, b"\xfc\x08\0\0"]),
    ):
        good = _with(code)
        yield f"{name} without a memory", good, assemble([part for part in sections(good) if part[0] != 5])
    unusual = base()
    unusual.entry([_I32])
    good = unusual.binary()
    strange = [(2, b"\1" + name_bytes("grit") + name_bytes("tag") + b"\4\x7f\0"), *sections(good)[1:]]
    yield "an import of a fifth kind", good, assemble([sections(good)[0], *strange])


def _among_types(spelled: bytes) -> bytes:
    """Return a guest with 130 types and a construct of one of them."""
    guest = base()
    guest.types += [b"\x60\0\0"] * 128
    guest.entry([b"\x02" + spelled + b"\x0b", _I32])
    return guest.binary()


def _high(kind: str, times: int) -> bytes:
    """Return a guest with a body of ``times`` 65,600 operands of i32; the lowest is its result of this type."""
    guest = base()
    gives = guest.function([], ["i32"] * 16, (), ["unreachable"])
    takes = guest.function(["i32"] * 64, [], (), [])
    left = ["drop"] * (64 * times - 1)
    guest.function([], [kind], (), [*[("call", gives)] * 4100 * times, *[("call", takes)] * 1024 * times, *left])
    guest.entry([_I32])
    return guest.binary()


def bodies() -> Iterator[Twin]:
    """Yield modules with one body that is malformed or wrongly typed."""
    for find in (_constructs, _branches, _operands, _variables, _immediates):
        for name, code, wrong in find():
            yield Twin(name, "module", _with(code), _with(wrong))
    types = ("a type of a construct below zero among many types", _among_types(b"\x81\1"), _among_types(b"\x41"))
    high = ("a high stack whose lowest operand has another type", _high("i32", 1), _high("i64", 2))
    for name, good, bad in (*_cut(), *_without_memory(), types, high):
        yield Twin(name, "module", good, bad)
