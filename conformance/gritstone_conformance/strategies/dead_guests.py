"""Guests with dead code: constructs that close in it, operands that are high in it, and what makes code live again.

Their metered form says what is dead, since dead code is copied without charges and adds nothing to a frame.

Spec: :rule:`wasm.meter.exact`, :rule:`wasm.stack.depth`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from gritstone_conformance.strategies.assembler import Assembly, Code

__all__ = ["dead_guests"]

_ZERO: Final[Any] = ("i32.const", 0)
_KILLERS: Final[tuple[Any, ...]] = (
    "unreachable",
    ("br", 0),
    ("seq", _ZERO, ("br_table", [0, 0], 0)),
    "return",
)
_CLOSED: Final[tuple[Code, ...]] = (
    [],
    [("block", None, [])],
    [("loop", None, ["nop"])],
    [("if", None, _ZERO, ["nop"])],
    [("if", None, _ZERO, [("br", 0)], ["unreachable"])],
    [("block", None, [("loop", None, [("if", None, _ZERO, [], [])])]), ("block", None, [])],
    [("block", None, ["unreachable", ("block", None, [])])],
)
"""Constructs that open and close in dead code."""


def _high(count: int) -> Code:
    """Return code that is ``count`` operands high, and leaves none."""
    return [_ZERO] * count + ["drop"] * count


def _bodies() -> Iterator[Code]:
    """Yield bodies without operands or results, whose dead code is higher than what is live."""
    for at, killer in enumerate(_KILLERS):
        for closed in _CLOSED:
            dead = [killer, *closed, *_high(9), ("drop", ("f32.sqrt", ("f32.const", 2.0))), *closed]
            yield [("block", None, dead), *_high(2)]
            yield [("block", None, dead), ("loop", None, _high(12))]
            yield ["nop", ("loop", None, ["nop", *dead])]
            yield [("if", None, _ZERO, dead, [*closed, *_high(3)])]
            yield [("if", None, _ZERO, [*closed, *_high(3)], dead), *_high(4)]
            yield [("block", None, [("if", None, _ZERO, dead, dead), "nop"]), *dead]
        yield [("block", None, [("block", None, [killer]), *_high(at + 1)])]


def _with_results() -> bytes:
    """Return a guest in which dead code ends with results or begins with parameters, which count as live."""
    guest = Assembly()
    four = guest.type([], ["i32"] * 4)
    taking = guest.type(["i32"] * 3, ["i32"])
    drops = ["drop"] * 4
    again: Any = ("seq", "unreachable", ("block", None, []))
    for killer in ("unreachable", again):
        guest.function([], [], (), [("block", four, [killer]), *drops])
        guest.function([], [], (), [("block", four, [killer, *[_ZERO] * 4]), *drops])
        guest.function([], [], (), [("if", four, _ZERO, [killer], [_ZERO] * 4), *drops])
        guest.function([], [], (), [("if", four, _ZERO, [_ZERO] * 4, [killer]), *drops])
        guest.function([], [], (), [*[_ZERO] * 3, ("if", taking, _ZERO, [killer], [killer]), "drop"])
        guest.function([], [], (), [*[_ZERO] * 3, ("loop", taking, ["drop", "drop", killer]), "drop"])
        guest.function([], ["i32"] * 4, (), [killer])
        guest.function([], ["i32"] * 4, (), ["unreachable", ("block", four, [killer]), *_high(9)])
    guest.entry([_ZERO])
    return guest.binary()


def dead_guests() -> list[bytes]:
    """Return guests whose dead code a metered form must know from what is live."""
    guest = Assembly()
    for code in _bodies():
        guest.function([], [], (), code)
    guest.entry([_ZERO])
    return [guest.binary(), _with_results()]
