"""Time of admission by the size of a module, for every kind of section.

``track_growth`` divides the time for a module by the time for one a quarter as long: about 4 if admission is linear, 16
if it is quadratic. Modules that exceed a limit are measured too: they are read to their end before they are refused.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from gritstone.errors import Rejected
from gritstone.wasm.admission import admit_module
from gritstone.wasm.binary import MAGIC
from gritstone.wasm.reader import unsigned

_BODY_BYTES = 262_000  # below the limit of one body
_SECTIONS = (0, 1, 2, 3, 4, 5, 6, 7, 9, 12, 10, 11)


def _sized(content: bytes) -> bytes:
    return unsigned(len(content)) + content


def _many(entry: bytes, size_bytes: int, *, first: bytes = b"") -> bytes:
    """Return a vector of equal entries of about so many bytes, after another one."""
    count = size_bytes // len(entry)
    return unsigned(count + bool(first)) + first + entry * count


_IMPORT = _sized(b"grit") + _sized(b"attempt") + b"\0\0"
_CONSTANT = b"\x41\0\x0b"
_ENTRY_TYPE = b"\x60\0\1\x7f"
_BODY = _sized(b"\0" + _CONSTANT)
_DEFAULTS: Mapping[int, bytes] = {
    1: b"\1" + _ENTRY_TYPE,
    3: b"\1\0",
    7: b"\1" + _sized(b"wit") + b"\0\0",
    10: b"\1" + _BODY,
}


def _module(**sections: bytes) -> bytes:
    """Return a module with these sections, named ``s`` and their number, in the place of its own."""
    contents = {**_DEFAULTS, **{int(name[1:]): content for name, content in sections.items()}}
    return MAGIC + b"".join(bytes((one,)) + _sized(contents[one]) for one in _SECTIONS if one in contents)


def _bodies(code: bytes, size_bytes: int, *, start: bytes = b"\0") -> bytes:
    """Return a module with about so many bytes of one piece of code, in bodies of at most the limit."""
    bodies: list[bytes] = []
    while size_bytes > 0:
        times = min(size_bytes, _BODY_BYTES) // len(code)
        bodies.append(_sized(start + code * times + _CONSTANT))
        size_bytes -= len(bodies[-1])
    return _module(s3=unsigned(len(bodies)) + b"\0" * len(bodies), s10=unsigned(len(bodies)) + b"".join(bodies))


def _functions(size_bytes: int) -> bytes:
    return _module(s3=_many(b"\0", size_bytes // 6), s10=_many(_BODY, size_bytes // 6 * len(_BODY)))


def _exports(size_bytes: int) -> bytes:
    names = [_sized(b"%06x" % number) + b"\0\0" for number in range(size_bytes // 9)]
    return _module(s7=unsigned(len(names) + 1) + _sized(b"wit") + b"\0\0" + b"".join(names))


def _elements(size_bytes: int) -> bytes:
    """Return as many imports as segments: each segment has to know how many functions there are."""
    half = size_bytes // 2
    return _module(s2=_many(_IMPORT, half), s4=b"\1\x70\0\1", s9=_many(b"\0" + _CONSTANT + b"\0", half))


def _calls(size_bytes: int) -> bytes:
    """Return dead calls, which take and give many unknown operands."""
    wide = b"\x60" + _sized(b"\x7f" * 64) + _sized(b"\x7f" * 16)
    dead = b"\0" + b"\x10\1" * (min(size_bytes, _BODY_BYTES) // 2) + b"\x0b"
    bodies = b"\2" + _sized(dead) + _sized(b"\0\0\x0b")
    return _module(s1=b"\2" + _ENTRY_TYPE + wide, s3=b"\2\0\1", s10=bodies)


_MODULES: Mapping[str, Callable[[int], bytes]] = {
    "custom": lambda size: MAGIC + (b"\0" + _sized(_sized(b"x"))) * (size // 4),
    "types": lambda size: _module(s1=_many(b"\x60\1\x7f\0", size, first=_ENTRY_TYPE)),
    "imports": lambda size: _module(s2=_many(_IMPORT, size)),
    "functions": _functions,
    "tables": lambda size: _module(s4=_many(b"\x70\0\1", size)),
    "memories": lambda size: _module(s5=_many(b"\0\1", size)),
    "globals": lambda size: _module(s6=_many(b"\x7f\0" + _CONSTANT, size)),
    "exports": _exports,
    "elements": _elements,
    "code": lambda size: _bodies(b"\x41\1\x1a", size),
    "code-blocks": lambda size: _bodies(b"\x02\x40\x0b", size),
    "code-calls": _calls,
    "code-locals": lambda size: _bodies(b"\x20\0\x1a", size, start=_many(b"\1\x7f", 16_384)),
    "data": lambda size: _module(s5=b"\1\0\1", s11=_many(b"\0" + _CONSTANT + b"\0", size)),
}


def _admit(module: bytes) -> None:
    with suppress(Rejected):
        admit_module(module, "wit", 256)


def _seconds(module: bytes) -> float:
    start = time.process_time()  # of this process alone, so that other processes do not count
    _admit(module)
    return time.process_time() - start


class Admission:
    """Admission of modules that consist of one kind of section."""

    params: tuple[Sequence[str], Sequence[int]] = (tuple(_MODULES), (65_536,))
    param_names = ("section", "bytes")
    timeout = 120

    def setup(self, section: str, size_bytes: int) -> None:
        self.small, self.large = (_MODULES[section](size) for size in (size_bytes // 4, size_bytes))

    def time_admit(self, section: str, size_bytes: int) -> None:
        _admit(self.large)

    def track_growth(self, section: str, size_bytes: int) -> float:
        return statistics.median(_seconds(self.large) / _seconds(self.small) for _ in range(5))
