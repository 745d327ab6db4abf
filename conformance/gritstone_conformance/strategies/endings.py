"""Guests that end in each way that a guest can, and with every text about them that a host might read.

Spec: :ref:`wasm-traps`, :rule:`wasm.outcome.no-text`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gritstone_conformance.strategies.assembler import Assembly, Code, name_bytes, uleb, vector
from gritstone_conformance.strategies.guest_numbers import KINDS
from gritstone_conformance.strategies.probes import number, zero

__all__ = ["CAUSES", "TEXTS", "ending_with", "failing", "host_ranges", "named", "returning", "texts"]

_ALL_ONES: Final = number(0xFFFFFFFF)
_LATE: Final = number(65_530)
_RANGES: Final[Mapping[str, tuple[Any, ...]]] = {
    "log": (_LATE, number(7)),
    "input": (zero, number(65_505)),
    "kind": (number(65_505),),
    "result": (_ALL_ONES,),
    "blob": (zero, number(65_537), zero, zero, zero),
    "read": (zero, zero, zero, _ALL_ONES),
    "query_name": (number(65_536), number(1)),
    "fail": (number(7), _LATE, number(7)),
    "step": (zero, zero, zero, zero, _ALL_ONES, zero),
}
"""Host calls with a range that does not lie in a memory of one page, whatever else is wrong with them."""


def _narrow(kind: str) -> list[tuple[str, Any]]:
    """Return integer instructions of a type that trap, with their cause."""
    smallest = number(1 << int(kind[1:]) - 1, kind)
    found = [(f"{name} by 0", (f"{kind}.{name}", number(7, kind), number(0, kind))) for name in _DIVISIONS]
    return [*found, ("smallest by -1", (f"{kind}.div_s", smallest, number((1 << int(kind[1:])) - 1, kind)))]


_DIVISIONS: Final = ("div_s", "div_u", "rem_s", "rem_u")
_OUTSIDE: Final = {"f32": (0x7FC00000, 0xFF800000), "f64": (0x7FF8 << 48, 0x43F << 52)}


def _conversions() -> dict[str, Any]:
    return {
        f"{kind}.trunc_{source}_{sign} of {bits:x}": (f"{kind}.trunc_{source}_{sign}", number(bits, source))
        for kind in KINDS[:2]
        for source, patterns in _OUTSIDE.items()
        for bits in patterns
        for sign in "su"
    }


def _accesses() -> dict[str, Any]:
    return {
        "i32.load past the end": ("i32.load", number(65_533)),
        "i64.load with an offset": ("i64.load", 65_529, zero),
        "f32.load that would wrap": ("f32.load", 0xFFFFFFFF, _ALL_ONES),
        "f64.load far away": ("f64.load", number(0x80000000)),
        "i32.load8_u one past the end": ("i32.load8_u", number(65_536)),
        "i64.load32_s past the end": ("i64.load32_s", number(65_533)),
    }


def _values(name: str, instruction: Any) -> tuple[str, Code]:
    return name, [("drop", instruction)]


def _stores() -> dict[str, Code]:
    return {
        "i32.store past the end": [("i32.store", number(65_533), number(1))],
        "i64.store with an offset": [("i64.store", 0xFFFFFFFF, zero, number(1, "i64"))],
        "f64.store that would wrap": [("f64.store", 8, _ALL_ONES, number(1, "f64"))],
        "i32.store8 one past the end": [("i32.store8", number(65_536), number(1))],
        "i64.store16 past the end": [("i64.store16", number(65_535), number(1, "i64"))],
    }


CAUSES: Final[dict[str, dict[str, Code]]] = {
    "unreachable": {"unreachable": ["unreachable"], "in a block": [("block", None, ["unreachable"])]},
    "memory-bounds": {
        **dict(_values(*item) for item in _accesses().items()),
        **_stores(),
        "fill": [("memory.fill", _LATE, zero, number(7))],
        "fill of nothing": [("memory.fill", number(65_537), zero, zero)],
        "copy to": [("memory.copy", _LATE, zero, number(7))],
        "copy from": [("memory.copy", zero, _LATE, number(7))],
        "init to": [("memory.init", 0, _LATE, zero, number(7))],
        "init from": [("memory.init", 0, zero, zero, number(9))],
        "init of an active segment": [("memory.init", 1, zero, zero, number(1))],
    },
    "table-bounds": {
        "size": [("call_indirect", 0, number(3))],
        "beyond": [("call_indirect", 0, _ALL_ONES)],
    },
    "indirect-call": {
        "null": [("call_indirect", 0, number(2))],
        "another type": [("drop", ("call_indirect", 1, number(1)))],
        "results alone are other": [("drop", ("call_indirect", 1, zero))],
    },
    "divide-by-zero": dict(
        _values(f"{kind}.{name}", code) for kind in KINDS[:2] for name, code in _narrow(kind) if name.endswith("by 0")
    ),
    "unrepresentable": dict(
        [
            *(_values(*item) for item in _conversions().items()),
            *(
                _values(f"{kind} {name}", code)
                for kind in KINDS[:2]
                for name, code in _narrow(kind)
                if name.endswith("-1")
            ),
        ]
    ),
    "stack-overflow": {
        "by itself": [("call", "self")],
        "through the table": [("call_indirect", 0, zero)],
    },
}
"""Trap code to its causes: name to code. The function is in the table at 0, next to another and null."""


def _base() -> tuple[Assembly, dict[str, int]]:
    """Return a guest with the imports and definitions that the code of causes refers to."""
    guest = Assembly()
    guest.type([], [])
    guest.type([], ["i32"])
    imports = {name: guest.grit(name) for name in _RANGES}
    guest.memory(1, 1)
    guest.data(None, b"abcdefgh")
    guest.data(0, b"active")
    guest.table(3)
    return guest, imports


def ending_with(code: Code, more: Mapping[str, bytes] | None = None) -> bytes:
    """Return a guest that does this in a function called from its entry, with custom sections."""
    guest, _ = _base()
    own = guest.declare([], [])
    other = guest.function(["i64"], [], (), [])
    guest.define(own, (), [("call", own) if item == ("call", "self") else item for item in code])
    guest.elements(0, [own, other])
    guest.entry([("call", own), zero])
    for name, content in (more or {}).items():
        guest.custom(name, content)
    return guest.binary()


def host_ranges() -> dict[str, bytes]:
    """Return guests whose host calls have a range beyond their memory."""
    found = {}
    for name, arguments in _RANGES.items():
        guest, imports = _base()
        call = ("call", imports[name], *arguments)
        guest.entry([call if name == "fail" else ("drop", call), zero])
        found[name] = guest.binary()
    return found


def returning(n: int, name: str = "wit") -> bytes:
    """Return a guest whose entry returns a number."""
    guest = Assembly()
    guest.entry([number(n)], name=name)
    return guest.binary()


def failing(n: int, text: bytes, also: int = 0) -> bytes:
    """Return a guest that fails with a number and a text, and would return another."""
    guest = Assembly()
    fail, log = guest.grit("fail"), guest.grit("log")
    guest.memory(1)
    guest.data(0, text)
    guest.entry(
        [
            ("drop", ("call", log, zero, number(len(text)))),
            ("call", fail, number(n), zero, number(len(text))),
            number(also),
        ]
    )
    return guest.binary()


TEXTS: Final = (
    b"wasm trap: wasm `unreachable` instruction executed",
    b"out of fuel",
    b"call stack exhausted",
    b"integer divide by zero",
    b"trap:stack-overflow",
    b"exhausted:fuel",
    b"RuntimeError: memory access out of bounds",
    b"grit:fuel",
    b"guest:9",
    b"\n\0\xff denied:random",
)
"""Messages of engines and hosts for other ends."""


def texts(text: bytes) -> dict[str, bytes]:
    """Return custom sections that give every function this name."""
    names = b"\1" + name_bytes(vector([uleb(index) + name_bytes(text) for index in range(12)]))
    return {"name": b"\0" + name_bytes(name_bytes(text)) + names, "producers": text}


def named(code: Code, text: str) -> bytes:
    """Return a guest that ends with code in a function which is exported under a text."""
    guest, _ = _base()
    own = guest.function([], [], (), code, text)
    guest.entry([("call", own), zero])
    return guest.binary()
