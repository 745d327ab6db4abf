"""The same guests spelled otherwise: longer integers, empty sections, custom sections in between.

What the metered form copies, it copies as it is spelled; what it writes, it writes shortest.

Spec: :ref:`wasm-metering-encoding`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from gritstone_conformance.strategies.assembler import HEADER, Assembly, assemble, name_bytes, sleb, uleb
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.strategies.twins import sections

__all__ = ["respelled", "spelled"]

_VECTORS: Final = (1, 2, 3, 4, 5, 6, 7, 9, 10, 11)
_ZERO: Final = ("i32.const", 0)


def respelled(tape: Tape, parts: list[tuple[int, bytes]]) -> bytes:
    """Return a module of these sections, sizes and counts spelled longer here and there, with custom sections."""
    out = HEADER
    for number, content in parts:
        if tape.once_in(4):
            out += b"\0" + uleb(4, tape.within(1, 3)) + name_bytes("abc")
        own = content
        if number in _VECTORS and content[0] < 0x80 and tape.below(2):
            own = uleb(content[0], tape.within(1, 5)) + content[1:]
        out += bytes([number]) + uleb(len(own), tape.within(1, 5)) + own
    return out


def _results() -> bytes:
    """Return a guest with functions of several results, some of the same list, and a duplicate type."""
    guest = Assembly()
    for results in (["i32", "i64"], ["f64"] * 3, ["i32", "i64"], [], ["i64", "i32"]):
        code = [(f"{kind}.const", 1) for kind in results]
        guest.function(["f32"], results, ["i64"] * 9, [*code, "return"] if len(results) != 3 else code)
    guest.types.append(guest.types[0])
    guest.entry([_ZERO])
    return guest.binary()


def _returns() -> bytes:
    """Return a guest that returns and branches from constructs in each other, with dead code behind."""
    guest = Assembly()
    code: list[Any] = [
        ("block", "i32", [("loop", "i32", [_ZERO, "return", "nop", ("br", 0)])]),
        (
            "if",
            "i32",
            [("i32.const", 1), ("br", 1), ("drop", _ZERO)],
            [_ZERO, _ZERO, ("br_table", [0, 1], 0), "unreachable"],
        ),
        "return",
    ]
    guest.entry(code)
    return guest.binary()


def _scratch() -> bytes:
    """Return a guest whose functions use none, some and all of the inserted locals."""
    guest = Assembly()
    guest.memory(1, 1)
    f32: Any = ("drop", ("f32.sqrt", ("f32.const", 2.0)))
    f64: Any = ("drop", ("f64.promote_f32", ("f32.demote_f64", ("f64.const", 2.0))))
    grow: Any = ("drop", ("memory.grow", _ZERO))
    dead: Any = ("block", None, ["unreachable", grow, f32, f64])
    for number, code in enumerate(([f32], [f64], [grow], [f32, grow, f64], [dead], [dead, f32], [("drop", _ZERO)])):
        guest.function(["i64"] * number, [], ["i32", "f64", "f64"][:number], code)
    guest.function([], [], ["i32"] * 200, [f32, grow, f64])
    guest.entry([_ZERO])
    return guest.binary()


def _long_immediates() -> bytes:
    """Return a guest whose instructions are spelled longer than needed."""
    guest = Assembly()
    guest.memory(1)
    guest.data(None, b"abc")
    guest.table(1)
    guest.global_("i64", 1, mutable=True)
    guest.elements_.append(b"\x82\0\x80\0\x41\x80\0\x0b\0\x80\0")
    other = guest.type([], ["i32"])
    long = [
        b"\x41" + sleb(-1, 5) + b"\x1a",
        b"\x42" + sleb(-1, 10) + b"\x1a",
        b"\x23" + uleb(0, 5) + b"\x24" + uleb(0, 5),
        b"\x41\0\x28" + uleb(2, 5) + uleb(9, 5) + b"\x1a",
        b"\x41\0\x41\0\x41\0\xfc" + uleb(8, 5) + uleb(0, 5) + b"\0",
        b"\x41\0\x41\0\x41\0\xfc" + uleb(11, 3) + b"\0",
        b"\x43\0\0\0\0\xfc" + uleb(0, 4) + b"\x1a",
        b"\x02" + sleb(other, 5) + b"\x41\0\x0c" + uleb(0, 5) + b"\x0b\x1a",
        b"\x41\0\x0e" + uleb(1, 5) + uleb(0, 5) + uleb(0, 5),
        b"\x41\0\x11" + uleb(other, 5) + b"\0\x1a\x10" + uleb(0, 5) + b"\x1a",
        b"\x41\0\x41\0\x41\0\x1c" + uleb(1, 5) + b"\x7f\x1a",
    ]
    body = uleb(1, 5) + uleb(2, 5) + b"\x7e" + b"".join(long[:8] + long[9:]) + b"\x41\0\x0b"
    index = guest.declare([], ["i32"])
    guest.bodies[index] = uleb(len(body), 5) + body
    guest.export("wit", index)
    blocks = [("block", None, [long[8]])]
    guest.function([], [], (), blocks)
    return guest.binary()


def _empty_sections() -> bytes:
    """Return a guest in which every section that may be empty is there and empty."""
    guest = Assembly()
    guest.entry([_ZERO])
    found = dict(guest.sections())
    parts = [(number, found.get(number, b"\0")) for number in (1, 2, 3, 4, 5, 6, 7, 9, 12, 10, 11)]
    return assemble([(0, b"\1a"), *(part for part in parts for part in (part, (0, b"\1b\xff")))])


def _memories() -> Iterator[bytes]:
    for least, most in ((0, None), (0, 0), (1, 1), (1, 2), (1, 65_536), (2, None), (2, 300)):
        guest = Assembly()
        guest.memory(least, most)
        for number in range(12):
            guest.global_(("i32", "i64", "f32")[number % 3], number, mutable=number % 3 < 2)
        guest.entry([_ZERO], ["i32"] * (least * 8))
        yield guest.binary()


def _long_counts() -> Iterator[bytes]:
    """Yield guests whose counts and sizes are all spelled in five bytes, with and without lists of results."""
    lacking = Assembly()
    lacking.entry([_ZERO])
    for parts in (lacking.sections(), sections(_results()), sections(_long_immediates())):
        out = HEADER
        for number, content in parts:
            own = uleb(content[0], 5) + content[1:]
            out += bytes([number]) + uleb(len(own), 5) + own
        yield out


def _sized() -> bytes:
    """Return a guest with bodies, charges and frames of all sizes at which a LEB128 becomes longer."""
    guest = Assembly()
    for count in range(40, 90):
        guest.function([], [], (), ["nop"] * count)
        guest.function([], [], ["i32"] * count, [])
    for count in range(28, 34):
        guest.function([], [], (), [("drop", _ZERO)] * count)
    guest.entry([_ZERO])
    return guest.binary()


def _marked() -> bytes:
    """Return a guest with names that begin with a byte order mark, which belongs to the name."""
    guest = Assembly()
    index = guest.entry([_ZERO])
    for name in ("\ufeffwit", "\ufeff\ufeffwit", "\ufeffgrit:fuel", "\ufeff_initialize", "\ufeff", ""):
        guest.export(name, index)
    guest.custom("\ufeffname", b"\xff")
    return guest.binary()


def spelled() -> list[bytes]:
    """Return guests that the metered form is easily wrong about."""
    found = [_results(), _returns(), _scratch(), _long_immediates(), _empty_sections(), _sized(), _marked()]
    return [*found, *_memories(), *_long_counts()]
