"""Arithmetic of f32 and f64 on their bits, each result rounded once, each NaN of arithmetic canonical.

An f32 operation is done in f64 and rounded to f32: 53 bits are more than twice 24 and 2, so rounding twice gives what
rounding once gives. Whole numbers become f32 by their own rounding.

Spec: :ref:`wasm-float`, :rule:`wasm.float.nan`; WebAssembly, *Numerics*.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import Final

__all__ = ["BINARY", "COMPARE", "UNARY", "convert", "demote", "promote", "reading", "truncate"]

_F32: Final = struct.Struct("<f")
_F64: Final = struct.Struct("<d")
_U32: Final = struct.Struct("<I")
_U64: Final = struct.Struct("<Q")
_QUIET: Final = {"f32": 0x7FC00000, "f64": 0x7FF8000000000000}


def _read32(bits: int) -> float:
    return float(_F32.unpack(_U32.pack(bits))[0])


def _read64(bits: int) -> float:
    return float(_F64.unpack(_U64.pack(bits))[0])


def _write32(value: float) -> int:
    if value != value:
        return _QUIET["f32"]
    try:
        return int(_U32.unpack(_F32.pack(value))[0])
    except OverflowError:
        return 0x7F800000 if value > 0 else 0xFF800000


def _write64(value: float) -> int:
    return _QUIET["f64"] if value != value else int(_U64.unpack(_F64.pack(value))[0])


reading: Final[dict[str, Callable[[int], float]]] = {"f32": _read32, "f64": _read64}
"""Type to what reads its bits as a number."""
_WRITING: Final[dict[str, Callable[[float], int]]] = {"f32": _write32, "f64": _write64}


def _divide(left: float, right: float) -> float:
    if right:
        return left / right
    if left == 0 or left != left or right != right:
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


def _least(left: float, right: float) -> float:
    if left != left or right != right:
        return math.nan
    if left == right:
        return left if math.copysign(1.0, left) < 0 else right
    return min(left, right)


def _most(left: float, right: float) -> float:
    return -_least(-left, -right)


def _whole(rounding: Callable[[float], int]) -> Callable[[float], float]:
    """Return what rounds to a whole number and keeps the sign of a zero."""

    def rounded(value: float) -> float:
        if value != value or abs(value) >= 2.0**52:
            return value
        return math.copysign(float(rounding(value)), value)

    return rounded


def _root(value: float) -> float:
    return math.nan if value < 0 else math.sqrt(value)


_ARITHMETIC: Final[dict[str, Callable[[float, float], float]]] = {
    "add": lambda left, right: left + right,
    "sub": lambda left, right: left - right,
    "mul": lambda left, right: left * right,
    "div": _divide,
    "min": _least,
    "max": _most,
}
_ROUNDING: Final[dict[str, Callable[[float], float]]] = {
    "ceil": _whole(math.ceil),
    "floor": _whole(math.floor),
    "trunc": _whole(math.trunc),
    "nearest": _whole(round),
    "sqrt": _root,
}
_COMPARISONS: Final[dict[str, Callable[[float, float], bool]]] = {
    "eq": lambda left, right: left == right,
    "ne": lambda left, right: left != right,
    "lt": lambda left, right: left < right,
    "gt": lambda left, right: left > right,
    "le": lambda left, right: left <= right,
    "ge": lambda left, right: left >= right,
}


def _binary(kind: str, act: Callable[[float, float], float]) -> Callable[[int, int], int]:
    read, write = reading[kind], _WRITING[kind]
    return lambda left, right: write(act(read(left), read(right)))


def _unary(kind: str, act: Callable[[float], float]) -> Callable[[int], int]:
    read, write = reading[kind], _WRITING[kind]
    return lambda value: write(act(read(value)))


def _compare(kind: str, act: Callable[[float, float], bool]) -> Callable[[int, int], bool]:
    read = reading[kind]
    return lambda left, right: act(read(left), read(right))


BINARY: Final = {f"{kind}.{name}": _binary(kind, act) for kind in _QUIET for name, act in _ARITHMETIC.items()}
"""Instruction of two operands to what it does with their bits."""
UNARY: Final = {f"{kind}.{name}": _unary(kind, act) for kind in _QUIET for name, act in _ROUNDING.items()}
"""Instruction of one operand to what it does with its bits."""
COMPARE: Final = {f"{kind}.{name}": _compare(kind, act) for kind in _QUIET for name, act in _COMPARISONS.items()}
"""Comparison to what it says of the bits of two operands."""


def demote(bits: int) -> int:
    """Return the f32 of an f64."""
    return _write32(_read64(bits))


def promote(bits: int) -> int:
    """Return the f64 of an f32."""
    return _write64(_read32(bits))


def convert(kind: str, value: int) -> int:
    """Return the bits of the float nearest to a whole number of at most 64 bits, ties to even."""
    if kind == "f64":
        return _write64(float(value))
    size = abs(value)
    surplus = size.bit_length() - 24
    if surplus > 0:
        low, half = size & (1 << surplus) - 1, 1 << surplus - 1
        size >>= surplus
        size = (size + (low > half or (low == half and size & 1))) << surplus
    return _write32(float(-size if value < 0 else size))


def truncate(value: float, bits: int, signed: bool, saturating: bool) -> int | None:
    """Return a float as an integer, unsigned number of its bits; None where it is not representable.

    Saturating, what is out of range becomes the nearest that is, and NaN 0.
    """
    least, most = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    if value != value:
        return 0 if saturating else None
    beyond = least - 1 if value < 0 else most + 1
    found = beyond if math.isinf(value) else math.trunc(value)
    if not least <= found <= most:
        if not saturating:
            return None
        found = least if found < least else most
    return found & (1 << bits) - 1
