"""Twins of admitted modules: each has one defect of language, and names the check that finds it.

A *twin* is a pair of modules that differ in the defect alone. The first is admitted, the second is not.

Spec: ``wasm/modules``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gritstone_conformance.model.wasm.instructions import BY_CODE
from gritstone_conformance.strategies.assembler import HEADER, Assembly, Code, assemble, uleb, vector

__all__ = ["Twin", "base", "edited", "foreign_instructions", "language", "table_indices"]


@dataclass(frozen=True, slots=True)
class Twin:
    """Two modules.

    Attributes:
        name: what is wrong with the second.
        code: the code of the check that finds it.
        good: the module that is admitted.
        bad: the module that is not.
        entry: the entry for which they are asked.
    """

    name: str
    code: str
    good: bytes
    bad: bytes
    entry: str = "wit"


def base() -> Assembly:
    """Return the beginnings of a guest with a memory, a table, globals, and two types."""
    guest = Assembly()
    guest.type([], ["i32"])
    guest.type(["i32"], [])
    guest.memory(1, 2)
    guest.table(2)
    guest.global_("i32", 5)
    guest.global_("i64", 7, mutable=True)
    return guest


def with_code(code: Code, local_types: Sequence[str] = ()) -> bytes:
    guest = base()
    guest.entry([*code, ("i32.const", 0)], local_types)
    return guest.binary()


_UNKNOWN: Final = (
    ("ref.null and drop", b"\xd0\x70\x1a"),
    ("ref.func and drop", b"\xd2\x00\x1a"),
    ("ref.is_null", b"\xd0\x70\xd1\x1a"),
    ("table.get", b"\x41\x00\x25\x00\x1a"),
    ("table.set", b"\x41\x00\xd0\x70\x26\x00"),
    ("table.size", b"\xfc\x10\x00\x1a"),
    ("table.grow", b"\xd0\x70\x41\x00\xfc\x0f\x00\x1a"),
    ("table.fill", b"\x41\x00\xd0\x70\x41\x00\xfc\x11\x00"),
    ("table.copy", b"\x41\x00\x41\x00\x41\x00\xfc\x0e\x00\x00"),
    ("table.init", b"\x41\x00\x41\x00\x41\x00\xfc\x0c\x00\x00"),
    ("elem.drop", b"\xfc\x0d\x00"),
    ("data.drop", b"\xfc\x09\x00"),
    ("v128.const and drop", b"\xfd\x0c" + bytes(16) + b"\x1a"),
    ("i8x16.splat and drop", b"\x41\x00\xfd\x0f\x1a"),
    ("atomic.fence", b"\xfe\x03\x00"),
    ("i32.atomic.load and drop", b"\x41\x00\xfe\x10\x02\x00\x1a"),
    ("return_call", b"\x12\x00"),
    ("return_call_indirect", b"\x41\x00\x13\x00\x00"),
    ("call_ref", b"\xd0\x00\x14\x00\x1a"),
    ("throw", b"\x08\x00"),
    ("try_table", b"\x1f\x40\x00\x0b"),
    ("try and end", b"\x06\x40\x0b"),
    ("i64.add128", bytes.fromhex("4200420042004200fc131a1a")),
    ("memory.discard", b"\x41\x00\x41\x00\xfc\x12\x00"),
    ("select of references", b"\xd0\x70\xd0\x70\x41\x00\x1c\x01\x70\x1a"),
    ("block of a reference", b"\x02\x70\xd0\x70\x0b\x1a"),
    ("block of a vector", b"\x02\x7b\xfd\x0c" + bytes(16) + b"\x0b\x1a"),
    ("another table index", b"\x41\x00\x11\x01\x01"),
    ("long memory index of memory.size", b"\x3f\x80\x00\x1a"),
    ("another memory index of memory.size", b"\x3f\x01\x1a"),
    ("long memory index of memory.grow", b"\x41\x00\x40\x80\x00\x1a"),
    ("long memory index of memory.fill", b"\x41\x00\x41\x00\x41\x00\xfc\x0b\x80\x00"),
    ("another memory index of memory.copy", b"\x41\x00\x41\x00\x41\x00\xfc\x0a\x01\x00"),
    ("memory index in an alignment", b"\x41\x00\x28\x42\x00\x00\x1a"),
)
"""Instructions of other languages, each spelled as an engine that knows it would take it."""

_BEHIND: Final = 16 * b"\x01"
"""Enough that a decoder which takes any byte for an instruction finds the immediates that it expects."""


def foreign_instructions() -> Iterator[Twin]:
    """Yield bytes that are not an instruction of the language, live, and dead where any operands and results fit."""
    spelled = [(f"{code:02x}", bytes([code])) for code in range(0x100) if code not in BY_CODE and code != 0xFC]
    spelled += [(f"fc {code:02x}", b"\xfc" + uleb(code)) for code in (0x09, *range(0x0C, 0x20), 0x7F, 0x80)]
    for name, data in (*_UNKNOWN, *spelled):
        good = len(data) * b"\x01"
        yield Twin(name, "module", with_code([good, _BEHIND]), with_code([data, _BEHIND]))
    for name, data in (*_UNKNOWN, *spelled):
        dead, twin = ([("block", None, ["unreachable", one, "unreachable"])] for one in (data, len(data) * b"\x01"))
        yield Twin(f"{name}, dead", "module", with_code(twin), with_code(dead))


def table_indices() -> Iterator[Twin]:
    """Yield each LEB128 spelling of table 0 in ``call_indirect``, next to an index or a spelling that is refused."""
    for length in range(1, 6):
        zero, one = (
            bytes([value | 0x80] + [0x80] * (length - 2) + [0]) if length > 1 else bytes([value]) for value in (0, 1)
        )
        for live in (True, False):
            good, bad = ([b"\x41\x00\x41\x00\x11\x01" + spelled] for spelled in (zero, one))
            dead: list[Any] = [] if live else ["unreachable"]
            where = "live" if live else "dead"
            pair = with_code([*dead, *good]), with_code([*dead, *bad])
            yield Twin(f"table 1 in {length} bytes, {where}", "module", *pair)
    for name, spelled in (
        ("in 6 bytes", b"\x80\x80\x80\x80\x80\x00"),
        ("with bits beyond 32", b"\x80\x80\x80\x80\x10"),
        ("of 2^32 - 1", b"\xff\xff\xff\xff\x0f"),
    ):
        call = b"\x41\x00\x41\x00\x11\x01"
        valid, invalid = (with_code([call + one]) for one in (b"\x80\x80\x80\x80\x00", spelled))
        yield Twin(f"a table index {name}", "module", valid, invalid)
    without = Assembly()
    without.type([], ["i32"])
    without.type(["i32"], [])
    without.entry([b"\x41\x00\x41\x00\x11\x01\x80\x80\x80\x80\x00", ("i32.const", 0)])
    yield Twin("table 0 that is not there", "module", with_code([]), without.binary())


def _untyped() -> Iterator[tuple[str, Code, Code]]:
    """Yield well-formed but invalid code, next to valid code."""
    zero: Any = ("i32.const", 0)
    yield "an operand of another type", [("i64.eqz", ("i64.const", 0)), "drop"], [("i64.eqz", zero), "drop"]
    yield "an operand that is missing", ["nop"], ["drop"]
    yield "an operand that is left over", [zero, "drop"], [zero]
    yield "a label that is not there", [("br_if", 0, ("i32.const", 1), zero), "drop"], [("br_if", 1, zero)]
    yield "a local that is not there", [("local.get", 0), "drop"], [("local.get", 1), "drop"]
    yield "a global that is not there", [("global.get", 1), "drop"], [("global.get", 2), "drop"]
    yield "an immutable global set", [("global.set", 1, ("i64.const", 0))], [("global.set", 0, zero)]
    yield "a function that is not there", [("call", 0), "drop"], [("call", 1), "drop"]
    yield "a type that is not there", [("call_indirect", 1, zero, zero)], [("call_indirect", 2, zero, zero)]
    yield "too large an alignment", [("i32.load", 2, 0, zero), "drop"], [("i32.load", 3, 0, zero), "drop"]
    yield "an alignment of 2 to the 32nd", [("i64.load8_u", 0, 0, zero), "drop"], [("i64.load8_u", 32, 0, zero), "drop"]
    yield (
        "if without else that gives",
        [("if", "i32", zero, [zero], [zero]), "drop"],
        [("if", "i32", zero, [zero]), "drop"],
    )
    yield (
        "select of two types",
        [("select", zero, zero, zero), "drop"],
        [("select", zero, ("i64.const", 0), zero), "drop"],
    )
    yield "select with no type", [("select", ["i32"], zero, zero, zero), "drop"], [zero, zero, zero, b"\x1c\0", "drop"]
    yield (
        "select with two types",
        [("select", ["i32"], zero, zero, zero), "drop"],
        [zero, zero, zero, b"\x1c\2\x7f\x7f"],
    )
    yield (
        "labels of other numbers",
        [("block", None, [("br_table", [0], 0, zero)])],
        [("block", None, [("block", "i32", [zero, ("br_table", [0], 1, zero)]), "drop"])],
    )
    yield (
        "dead code of another type",
        ["unreachable", "i32.add", "drop"],
        ["unreachable", ("i32.eqz", ("i64.const", 0))],
    )
    yield "a dead label that is not there", ["unreachable", ("br", 0)], ["unreachable", ("br", 1)]
    yield (
        "a dead local that is not there",
        ["unreachable", ("drop", ("local.get", 0))],
        ["unreachable", ("drop", ("local.get", 9))],
    )
    yield "a data segment that is not there", ["nop"], [zero, zero, zero, b"\xfc\x08\x00\x00"]


def _malformed() -> Iterator[tuple[str, bytes, bytes]]:
    """Yield modules that do not decode, next to ones that do."""
    good = with_code([])
    parts = sections(good)
    yield "another magic", good, b"\0bsm" + good[4:]
    yield "another version", good, good[:4] + b"\2\0\0\0" + good[8:]
    yield "a component", good, good[:4] + b"\x0d\0\1\0" + good[8:]
    yield "nothing", good, b""
    yield "a header cut short", good, good[:7]
    yield "bytes cut off", good, good[:-1]
    yield "bytes behind the end", good, good + b"\1"
    yield "a section twice", good, assemble([*parts[:1], *parts])
    yield "sections out of order", good, assemble([parts[1], parts[0], *parts[2:]])
    yield "an unknown section", good, assemble([*parts, (14, b"")])
    yield "a section of tags", good, assemble([*parts, (13, b"\0")])
    yield "a custom section without a name", assemble([*parts, (0, b"\0")]), assemble([*parts, (0, b"")])
    cut = assemble([*parts, (0, b"\1abc")])[:-1]
    yield "a custom section that ends behind the module", assemble([*parts, (0, b"\1ab")]), cut
    yield "a custom name that is too long", assemble([*parts, (0, b"\1a")]), assemble([*parts, (0, b"\2a")])
    yield "a custom name that is no UTF-8", assemble([*parts, (0, b"\1a")]), assemble([*parts, (0, b"\1\xff")])
    yield (
        "a surrogate in a custom name",
        assemble([*parts, (0, b"\3\xed\x9f\xbf")]),
        assemble([*parts, (0, b"\3\xed\xa0\x80")]),
    )
    types = dict(parts)[1]
    for name, content in (
        ("bytes left in a section", types + b"\0"),
        ("a count that is too high", bytes([types[0] + 1]) + types[1:]),
        ("a count that is too long", b"\x82\x80\x80\x80\x80\0" + types[1:]),
        ("a count with bits beyond 32", b"\x82\x80\x80\x80\x10" + types[1:]),
        ("a form that is no function type", types[:1] + b"\x5f" + types[2:]),
        ("a value type of references", b"\2\x60\1\x70\0" + types[1:]),
        ("a value type of vectors", b"\3\x60\1\x7b\0" + types[1:]),
        ("a recursive type", b"\1\x4e\1\x60\0\1\x7f"),
    ):
        longer = b"\x82\x80\x80\x80\0" + types[1:]
        changed = [(number, content if number == 1 else own) for number, own in parts]
        yield name, assemble([(n, longer if n == 1 else own) for n, own in parts]), assemble(changed)


def sections(module: bytes) -> list[tuple[int, bytes]]:
    """Return the sections of a module that the assembler made."""
    found, at = [], len(HEADER)
    while at < len(module):
        number, size, shift, at = module[at], 0, 0, at + 1
        while True:
            size |= (module[at] & 0x7F) << shift
            shift, at = shift + 7, at + 1
            if module[at - 1] < 0x80:
                break
        found.append((number, module[at : at + size]))
        at += size
    return found


def _sizes() -> Iterator[tuple[str, Callable[[Assembly], None], Callable[[Assembly], None]]]:
    """Yield memories, tables and locals of other languages, next to admitted ones."""
    yield "a second memory", lambda guest: None, lambda guest: guest.memory(1)
    yield "a second table", lambda guest: None, lambda guest: guest.table(1)
    for name, spelled in (
        ("a shared memory", b"\3\1\2"),
        ("a memory of 64 bits", b"\4\1"),
        ("a memory of small pages", b"\10\1\0"),
        ("a memory with more than its maximum", b"\1\2\1"),
        ("a memory of 65,537 pages at most", b"\1\1\x81\x80\4"),
    ):
        yield name, _memory_of(b"\1\1\x80\x80\4"), _memory_of(spelled)
    for name, spelled in (
        ("a table of external references", b"\x6f\0\1"),
        ("a table of 64 bits", b"\x70\4\1"),
        ("a table with more than its maximum", b"\x70\1\2\1"),
        ("a table with an initialiser", b"\x40\0\x70\0\1\xd0\x70\x0b"),
    ):
        yield name, _table_of(b"\x70\1\1\xff\xff\xff\xff\x0f"), _table_of(spelled)
    for name, groups in (
        ("a local of references", [b"\1\x70"]),
        ("a local of vectors", [b"\1\x7b"]),
        ("locals beyond 32 bits", [b"\xff\xff\xff\xff\x0f\x7f", b"\1\x7f"]),
    ):
        yield name, _locals_of([b"\1\x7f", b"\0\x7e"]), _locals_of(groups)


def _memory_of(spelled: bytes) -> Callable[[Assembly], None]:
    return lambda guest: setattr(guest, "memories", [spelled])


def _table_of(spelled: bytes) -> Callable[[Assembly], None]:
    return lambda guest: setattr(guest, "tables", [spelled])


def _locals_of(groups: list[bytes]) -> Callable[[Assembly], None]:
    return lambda guest: guest.define_raw(guest.declare([], []), groups, b"")


def edited(change: Callable[[Assembly], object]) -> bytes:
    """Return a guest after a change."""
    guest = base()
    guest.entry([("i32.const", 0)])
    change(guest)
    return guest.binary()


def language() -> Iterator[Twin]:
    """Yield modules outside the language for reasons other than instructions: forms, types, sections, flags."""
    for name, good, bad in _malformed():
        yield Twin(name, "module", good, bad)
    for name, code, wrong in _untyped():
        yield Twin(name, "module", with_code(code, ["i32"]), with_code(wrong, ["i32"]))
    for name, change, wrongly in _sizes():
        yield Twin(name, "module", edited(change), edited(wrongly))
    counted = edited(lambda guest: guest.data(None, b"abc"))
    parts = sections(counted)
    yield Twin("another data count", "module", counted, assemble([(n, b"\2" if n == 12 else own) for n, own in parts]))
    uses: Code = [("memory.init", 0, ("i32.const", 0), ("i32.const", 0), ("i32.const", 0))]
    guest = base()
    guest.data(None, b"abc")
    guest.entry([*uses, ("i32.const", 0)])
    bare = [section for section in guest.sections() if section[0] != 12]
    yield Twin("memory.init without a data count", "module", guest.binary(), assemble(bare))
    more = [(number, vector([b"\0", b"\0"]) if number == 3 else own) for number, own in sections(with_code([]))]
    yield Twin("more functions than bodies", "module", with_code([]), assemble(more))
