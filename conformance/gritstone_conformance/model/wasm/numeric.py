"""Numeric instructions as Python expressions over unsigned numbers of the bits.

A template takes the expressions of its operands as ``{0}`` and ``{1}``, each used once. A *test* is a template of a
truth value. What may trap, or is too long for an expression, is a function of :data:`FUNCTIONS`.

Spec: ``wasm/modules``, :ref:`wasm-float`, :ref:`wasm-traps`; WebAssembly, *Numerics*.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

from gritstone_conformance.model.wasm import floats

__all__ = ["FUNCTIONS", "TEMPLATES", "TESTS", "TRAPPING", "Trapped", "called"]

_BITS: Final = {"i32": 32, "i64": 64}


class Trapped(Exception):  # noqa: N818 - the word of the spec
    """The guest trapped.

    Attributes:
        code: the trap, as ``unreachable``; the outcome is ``failed``, ``trap:<code>``.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> bits - 1 else value


def _div_u(bits: int, left: int, right: int) -> int:
    del bits
    if not right:
        raise Trapped("divide-by-zero")
    return left // right


def _rem_u(bits: int, left: int, right: int) -> int:
    del bits
    if not right:
        raise Trapped("divide-by-zero")
    return left % right


def _div_s(bits: int, left: int, right: int) -> int:
    if not right:
        raise Trapped("divide-by-zero")
    first, second = _signed(left, bits), _signed(right, bits)
    size = abs(first) // abs(second)
    found = -size if (first < 0) != (second < 0) else size
    if found >> bits - 1 == 1:
        raise Trapped("unrepresentable")
    return found & (1 << bits) - 1


def _rem_s(bits: int, left: int, right: int) -> int:
    if not right:
        raise Trapped("divide-by-zero")
    first, second = _signed(left, bits), _signed(right, bits)
    size = abs(first) % abs(second)
    return (-size if first < 0 else size) & (1 << bits) - 1


def _clz(bits: int, value: int) -> int:
    return bits - value.bit_length()


def _ctz(bits: int, value: int) -> int:
    return (value & -value).bit_length() - 1 if value else bits


def _rotl(bits: int, value: int, by: int) -> int:
    by %= bits
    return (value << by | value >> bits - by) & (1 << bits) - 1


def _rotr(bits: int, value: int, by: int) -> int:
    return _rotl(bits, value, -by)


def _shr_s(bits: int, value: int, by: int) -> int:
    return _signed(value, bits) >> by % bits & (1 << bits) - 1


def _truncate(source: str, bits: int, signed: bool, saturating: bool, value: int) -> int:
    found = floats.truncate(floats.reading[source](value), bits, signed, saturating)
    if found is None:
        raise Trapped("unrepresentable")
    return found


def _convert(kind: str, bits: int, signed: bool, value: int) -> int:
    return floats.convert(kind, _signed(value, bits) if signed else value)


_HELD: Final[dict[str, Callable[..., int]]] = {
    "div_u": _div_u,
    "rem_u": _rem_u,
    "div_s": _div_s,
    "rem_s": _rem_s,
    "clz": _clz,
    "ctz": _ctz,
    "rotl": _rotl,
    "rotr": _rotr,
    "shr_s": _shr_s,
}


def _functions() -> dict[str, Callable[..., Any]]:
    found: dict[str, Callable[..., Any]] = {**floats.BINARY, **floats.UNARY, **floats.COMPARE}
    found |= {"f32.demote_f64": floats.demote, "f64.promote_f32": floats.promote}
    for kind, bits in _BITS.items():
        found |= {f"{kind}.{name}": partial(act, bits) for name, act in _HELD.items()}
        for source in ("f32", "f64"):
            for sign in "su":
                found[f"{kind}.trunc_{source}_{sign}"] = partial(_truncate, source, bits, sign == "s", False)
                found[f"{kind}.trunc_sat_{source}_{sign}"] = partial(_truncate, source, bits, sign == "s", True)
                found[f"{source}.convert_{kind}_{sign}"] = partial(_convert, source, bits, sign == "s")
    return found


FUNCTIONS: Final = _functions()
"""Instruction to the function of its operands."""


TRAPPING: Final = frozenset(
    f"{kind}.{name}"
    for kind in _BITS
    for name in (
        "div_s",
        "div_u",
        "rem_s",
        "rem_u",
        *(f"trunc_{source}_{sign}" for source in ("f32", "f64") for sign in "su"),
    )
)
"""Those of them that may trap."""


def called(name: str) -> str:
    """Return the Python name under which an instruction of :data:`FUNCTIONS` is called."""
    return name.replace(".", "_")


def _templates() -> dict[str, str]:
    found = {"i32.wrap_i64": "({0} & 0xffffffff)", "i64.extend_i32_u": "{0}"}
    found["i64.extend_i32_s"] = _extend(32, 64)
    for kind, bits in _BITS.items():
        mask = hex((1 << bits) - 1)
        found |= {
            f"{kind}.{name}": f"(({{0}} {sign} {{1}}) & {mask})"
            for name, sign in (("add", "+"), ("sub", "-"), ("mul", "*"))
        }
        found |= {f"{kind}.{name}": f"({{0}} {sign} {{1}})" for name, sign in (("and", "&"), ("or", "|"), ("xor", "^"))}
        found[f"{kind}.shl"] = f"(({{0}} << ({{1}} & {bits - 1})) & {mask})"
        found[f"{kind}.shr_u"] = f"({{0}} >> ({{1}} & {bits - 1}))"
        found[f"{kind}.popcnt"] = "({0}).bit_count()"
        found |= {f"{kind}.extend{width}_s": _extend(width, bits) for width in (8, 16, 32) if width < bits}
        found[f"{kind}.reinterpret_f{bits}"] = found[f"f{bits}.reinterpret_{kind}"] = "{0}"
        found[f"f{bits}.abs"] = f"({{0}} & {hex((1 << bits - 1) - 1)})"
        found[f"f{bits}.neg"] = f"({{0}} ^ {hex(1 << bits - 1)})"
        found[f"f{bits}.copysign"] = f"(({{0}} & {hex((1 << bits - 1) - 1)}) | ({{1}} & {hex(1 << bits - 1)}))"
    return found


def _extend(width: int, bits: int) -> str:
    low, sign, mask = (1 << width) - 1, 1 << width - 1, (1 << bits) - 1
    return f"(((({{0}} & {low}) ^ {sign}) - {sign}) & {mask})"


TEMPLATES: Final = _templates()
"""Instruction to the template of its result."""


def _tests() -> dict[str, str]:
    signs = {"lt": "<", "gt": ">", "le": "<=", "ge": ">="}
    found = {name: f"{called(name)}({{0}}, {{1}})" for name in floats.COMPARE}
    for kind, bits in _BITS.items():
        top = hex(1 << bits - 1)
        found |= {f"{kind}.eqz": "{0} == 0", f"{kind}.eq": "{0} == {1}", f"{kind}.ne": "{0} != {1}"}
        found |= {f"{kind}.{name}_u": f"{{0}} {sign} {{1}}" for name, sign in signs.items()}
        found |= {f"{kind}.{name}_s": f"({{0}} ^ {top}) {sign} ({{1}} ^ {top})" for name, sign in signs.items()}
    return found


TESTS: Final = _tests()
"""Comparison to the template of its truth."""
