"""The worked examples of ``wasm/examples``: small guests with the outcome and the units that the text states.

Spec: ``wasm/examples``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from gritstone_conformance.strategies.assembler import Assembly, Code

__all__ = ["WORKED", "Worked", "counter", "fibonacci"]


@dataclass(frozen=True, slots=True)
class Worked:
    """A guest whose ``wit`` needs no import.

    Attributes:
        module: the module.
        outcome: ``declined``, ``guest:<n>`` or ``trap:<t>``.
        units: F*.
    """

    module: bytes
    outcome: str
    units: int


def _number(value: float, kind: str = "i32") -> tuple[Any, ...]:
    return (f"{kind}.const", value)


def _guest(code: Code, local_types: Sequence[str] = (), pages: int = 0) -> bytes:
    guest = Assembly()
    if pages:
        guest.memory(pages)
    guest.entry(code, local_types)
    return guest.binary()


def fibonacci(n: int) -> bytes:
    """Return a guest that computes the n-th Fibonacci number, by two calls of itself for each above 1."""
    guest = Assembly()
    function = guest.declare(["i32"], ["i32"])
    own = ("local.get", 0)
    smaller = [("call", function, ("i32.sub", own, _number(by))) for by in (1, 2)]
    guest.define(function, (), [("if", "i32", ("i32.lt_u", own, _number(2)), [own], [("i32.add", *smaller)])])
    guest.entry([("call", function, _number(n))])
    return guest.binary()


def counter(rounds: int) -> tuple[Any, ...]:
    """Return a loop that counts the local 0, an i32, up to a number."""
    following = ("local.tee", 0, ("i32.add", ("local.get", 0), _number(1)))
    return ("loop", None, [("br_if", 0, ("i32.lt_u", following, _number(rounds)))])


def _floats() -> Code:
    quotient = ("f64.div", _number(-0.0, "f64"), _number(0.0, "f64"))
    total = ("f32.add", _number(0x7FA00001, "f32"), _number(1.0, "f32"))
    return [
        ("f64.store", _number(0), quotient),
        ("f32.store", _number(8), total),
        ("f64.store", _number(16), ("f64.neg", ("f64.load", _number(0)))),
        ("i32.add", ("i32.load", _number(4)), ("i32.load", _number(8))),
    ]


def _indirect(callee: Sequence[str] | None) -> bytes:
    """Return a guest that calls element 0 as a function without a result: null, or one of these parameters."""
    guest = Assembly()
    guest.table(1)
    if callee is not None:
        guest.elements(0, [guest.function([*callee, "i64"], [], (), [])])
    kind = guest.type(callee or [], [])
    arguments = [_number(0, parameter) for parameter in callee or ()]
    guest.entry([("call_indirect", kind, *arguments, _number(0)), _number(0)])
    return guest.binary()


def _endless() -> bytes:
    guest = Assembly()
    function = guest.declare([], ["i32"])
    guest.define(function, (), [("i32.add", _number(1), ("call", function))])
    guest.export("wit", function)
    return guest.binary()


_ADD_ONE: Final = ("i32.store", _number(0), ("i32.add", ("i32.load", _number(0)), _number(1)))

WORKED: Final = {
    "nothing": Worked(_guest([_number(0)]), "declined", 3),
    "loop": Worked(_guest([counter(100), _number(0)], ["i32"]), "declined", 703),
    "loop and division": Worked(
        _guest([counter(100), ("i32.div_u", _number(1), _number(0))], ["i32"]), "trap:divide-by-zero", 712
    ),
    "recursion": Worked(fibonacci(20), "guest:6765", 306_474),
    "grow": Worked(_guest([("memory.grow", _number(3))], pages=1), "guest:1", 24_643),
    "grow too far": Worked(_guest([("memory.grow", _number(256))], pages=1), "guest:4294967295", 2_097_219),
    "fill": Worked(
        _guest([("memory.fill", _number(0), _number(0), _number(65_536)), _number(0)], pages=1), "declined", 8_262
    ),
    "straight": Worked(_guest([_ADD_ONE] * 1000 + [_number(0)], pages=1), "declined", 6_003),
    "floats": Worked(_guest(_floats(), pages=1), "guest:4290248704", 29),
    "unreachable": Worked(_guest(["unreachable"]), "trap:unreachable", 3),
    "load": Worked(_guest([("i32.load", _number(65_533))], pages=1), "trap:memory-bounds", 4),
    "fill too far": Worked(
        _guest([("memory.fill", _number(65_530), _number(0), _number(7)), _number(0)], pages=1),
        "trap:memory-bounds",
        70,
    ),
    "smallest by -1": Worked(_guest([("i32.div_s", _number(0x80000000), _number(-1))]), "trap:unrepresentable", 12),
    "conversion of NaN": Worked(_guest([("i32.trunc_f32_s", _number(0x7FC00000, "f32"))]), "trap:unrepresentable", 4),
    "another type": Worked(_indirect(["i32"]), "trap:indirect-call", 13),
    "null element": Worked(_indirect(None), "trap:indirect-call", 12),
    "endless recursion": Worked(_endless(), "trap:stack-overflow", 52_424),
}
"""Name to guest; the manifest grants 256 pages."""
