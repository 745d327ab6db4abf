"""Drawing numbers: constants of WebAssembly that something is special about.

Floats are their bits.
"""

from __future__ import annotations

from typing import Any, Final

from gritstone_conformance.strategies.tape import Tape

__all__ = ["INTERESTING", "KINDS", "draw_constant"]

KINDS: Final = ("i32", "i64", "f32", "f64")
_I32: Final = "0 1 2 7 1f 20 3f 40 ff 7fff fffc fffd 10000 7fffffff 80000000 ffffffff"
_I64: Final = (
    "0 1 2 3f 40 ff 7fffffff 80000000 100000000 7fffffffffffffff 8000000000000000 ffffffffffffffff 8000004000000001"
)
_F32: Final = (
    "0 80000000 3f800000 bf800000 3f000000 40200000 1 7f7fffff 7f800000 ff800000 7fc00000 ffc00000 7fa00001"
    " 4f000000 cf000000 4f800000 5f000000 5f800000 bf7fffff"
)
_F64: Final = (
    "0 8000000000000000 3ff0000000000000 bff0000000000000 3fe0000000000000 4004000000000000 1 7fefffffffffffff"
    " 7ff0000000000000 fff0000000000000 7ff8000000000000 fff8000000000000 7ff4000000000001 41dfffffffc00000"
    " 41e0000000000000 c1e0000000200000 43e0000000000000 43f0000000000000 36a0000000000001 47efffffefffffff"
    " 47effffff0000000 c330000000000001"
)
INTERESTING: Final = {
    kind: tuple(int(text, 16) for text in texts.split())
    for kind, texts in zip(KINDS, (_I32, _I64, _F32, _F64), strict=True)
}
"""Type to bits: zeros, ones, ends of ranges, and where rounding and conversion turn."""


def draw_constant(tape: Tape, kind: str) -> tuple[Any, ...]:
    """Draw a constant: usually one at a bound of its type."""
    if tape.once_in(6):
        return (f"{kind}.const", int.from_bytes(tape.take(4 if kind.endswith("32") else 8), "little"))
    return (f"{kind}.const", tape.pick(INTERESTING[kind]))
