"""Time of the compilers for bodies that are made to hurt them.

``Bound`` has bodies with as many segments as the estimate of the cost lets the optimising compiler have: the worst that
a module below the bound was found to take. ``OnePass`` has bodies above it, at two lengths.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import wasmtime

from gritstone.errors import Refusal
from gritstone.wasm.admission import AdmittedModule, admit_module
from gritstone.wasm.binary import MAGIC
from gritstone.wasm.compiling import is_costly, make_engine
from gritstone.wasm.metering import meter_module
from gritstone.wasm.reader import unsigned

_GET = b"\x20\0"  # a condition that never holds
_END = b"\x0b"


def _touches(locals_: int) -> bytes:
    """Return code that changes each local but the first."""
    return b"".join(b"\x20" + unsigned(one) + b"\x41\1\x6a\x21" + unsigned(one) for one in range(1, locals_))


_CODES: Mapping[str, Callable[[int, int], bytes]] = {
    "branches": lambda locals_, count: b"\x03\x40" + _touches(locals_) + (_GET + b"\x0d\0") * count + _END,
    "nested loops": lambda locals_, count: b"\x03\x40" * count + _touches(locals_) + (_GET + b"\x0d\0\x0b") * count,
    "ifs": lambda locals_, count: _touches(locals_) + (_GET + b"\x04\x40\x0b") * count,
    "returns": lambda locals_, count: _touches(locals_) + (_GET + b"\x04\x40\x41\0\x0f\x0b") * count,
    "sizes": lambda locals_, count: _touches(locals_) + (_GET + b"\x40\0\x1a") * count,
    "operands": lambda locals_, count: _GET * locals_ + (_GET + b"\x04\x40\x0b") * count + b"\x1a" * locals_,
}


def _sized(content: bytes) -> bytes:
    return unsigned(len(content)) + content


def _module(family: str, locals_: int, count: int) -> AdmittedModule:
    """Return a module with one body of a family.

    Raises:
        Rejected: it is too long.
    """
    declared = 1 if family == "operands" else locals_
    body = b"\1" + unsigned(declared) + b"\x7f" + _CODES[family](locals_, count) + b"\x41\0\x0b"
    sections = {1: b"\1\x60\0\1\x7f", 3: b"\1\0", 5: b"\1\0\1", 7: b"\1" + _sized(b"wit") + b"\0\0"}
    sections[10] = b"\1" + _sized(body)
    return admit_module(MAGIC + b"".join(bytes((one,)) + _sized(each) for one, each in sections.items()), "wit", 256)


def _is_below(family: str, locals_: int, count: int) -> bool:
    try:
        return not is_costly(_module(family, locals_, count))
    except Refusal:
        return False


def _most(family: str, locals_: int) -> int:
    """Return the largest count of a family that the optimising compiler gets."""
    low, high = 1, 2
    while _is_below(family, locals_, high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _is_below(family, locals_, middle) else (low, middle)
    return low


def _seconds(admitted: AdmittedModule, *, is_steady: bool) -> float:
    metered, engine = meter_module(admitted), make_engine(is_steady=is_steady, has_limit=False)
    start = time.process_time()
    wasmtime.Module(engine, metered)
    return time.process_time() - start


class Bound:
    """Seconds of the optimising compiler for a body at the bound."""

    params = (tuple(_CODES), (2, 1_000))
    param_names = ("family", "locals")
    timeout = 120

    def track_seconds(self, family: str, locals_: int) -> float:
        return _seconds(_module(family, locals_, _most(family, locals_)), is_steady=False)

    track_seconds.unit = "s"  # type: ignore[attr-defined]


class OnePass:
    """Seconds of the compiler that works in one pass for a body, by those for a body of half as many segments."""

    params = (tuple(_CODES), (2, 5_000))
    param_names = ("family", "locals")
    timeout = 120

    def track_growth(self, family: str, locals_: int) -> float:
        count = 1_000 if family == "nested loops" else 20_000
        large, small = (_module(family, locals_, one) for one in (count, count // 2))
        return _seconds(large, is_steady=True) / _seconds(small, is_steady=True)
