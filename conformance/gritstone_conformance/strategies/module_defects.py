"""Modules with several defects at once: the first check in the order of the text determines the code.

Spec: :rule:`wasm.module.first`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any, Final

from gritstone_conformance.model.wasm.instructions import LIMITS
from gritstone_conformance.strategies.assembler import Assembly
from gritstone_conformance.strategies.tape import Tape

__all__ = ["DEFECTS", "PAGES", "draw_defects", "pairs", "with_defects"]

PAGES: Final = 2  # of the manifest
_ZERO: Final = ("i32.const", 0)


def _code(*code: Any) -> Callable[[Assembly], object]:
    return lambda guest: guest.function([], [], (), code)


def _many_globals(guest: Assembly) -> None:
    for number in range(LIMITS["globals"] + 1):
        guest.global_("i32", number)


def _twice(change: Callable[[Assembly], object]) -> Callable[[Assembly], None]:
    def changed(guest: Assembly) -> None:
        change(guest)
        change(guest)

    return changed


def _start(guest: Assembly) -> None:
    guest.start = guest.function([], [], (), [])


DEFECTS: Final[tuple[tuple[str, dict[str, Callable[[Assembly], object]]], ...]] = (
    (
        "module",
        {
            "an unknown byte": _code(b"\xff"),
            "a dead unknown byte": _code("unreachable", b"\xd0\x70"),
            "a custom name that is no UTF-8": lambda guest: guest.custom(b"\xff"),
            "an export's name that is no UTF-8": lambda guest: guest.export(b"\xc0\x80", 0),
            "too long an integer": _code(b"\x41\x80\x80\x80\x80\x80\0\x1a"),
            "locals beyond 32 bits": lambda guest: guest.define_raw(
                guest.declare(), [b"\xff\xff\xff\xff\x0f\x7f", b"\1\x7e"], b""
            ),
            "an else of its own": _code(b"\x02\x40\x05\x0b"),
            "a body cut short": _code(b"\x02\x40"),
            "a mutability of 2": lambda guest: guest.globals.append(b"\x7f\2\x41\0\x0b"),
            "memory.init without a data count": _code(b"\0\xfc\x08\0\0"),
            "a reserved flag of a memory": lambda guest: guest.import_("grit", "m", b"\2\x08\1"),
            "a reserved flag of a table": lambda guest: guest.import_("grit", "t", b"\1\x70\x02\1"),
            "a table index beyond 32 bits": _code(b"\x41\0\x11\0\x80\x80\x80\x80\x10\x1a"),
        },
    ),
    (
        "limit",
        {
            "too large a table": lambda guest: guest.table(LIMITS["table_elements"] + 1),
            "too large a memory": lambda guest: guest.memory(PAGES + 1),
            "too many parameters": lambda guest: guest.type(["i32"] * (LIMITS["parameters"] + 1), []),
            "too many results": lambda guest: guest.type([], ["i32"] * (LIMITS["results"] + 1)),
            "too deep": _code(b"\x02\x40" * (LIMITS["nesting"] + 1) + b"\x0b" * (LIMITS["nesting"] + 1)),
            "too many locals": lambda guest: guest.define_raw(guest.declare(), [b"\xff\xff\xff\xff\x0f\x7f"], b""),
            "too long a name": lambda guest: guest.export("n" * (LIMITS["name_bytes"] + 1), 0),
            "too many globals": _many_globals,
        },
    ),
    (
        "module",
        {
            "a start section": _start,
            "a wrong type": _code(("i64.eqz", _ZERO), "drop"),
            "a dead wrong type": _code("unreachable", ("f32.sqrt", _ZERO), "drop"),
            "a mutable float": lambda guest: guest.global_("f64", 0.0, mutable=True),
            "an export twice": _twice(lambda guest: guest.export("x", 0)),
            "an export of nothing": lambda guest: guest.export("y", 999),
            "memory.init in an initialiser": lambda guest: guest.globals.append(b"\x7f\0\xfc\x08\0\0\x41\0\x0b"),
            "data outside": lambda guest: guest.data(7 << 16, b"a"),
            "a type of nothing": lambda guest: guest.import_("grit", "kind", b"\0\x63"),
            "memories of which one is too many": _twice(lambda guest: guest.memory(1)),
            "two imported memories": _twice(lambda guest: guest.import_("grit", "m", b"\2\0\1")),
            "two imported tables": _twice(lambda guest: guest.import_("grit", "t", b"\1\x70\0\1")),
            "an alignment of 2 to the 5th": _code(b"\x41\0\x28\x05\0\x1a"),
            "a memory index in an alignment": _code(b"\x41\0\x28\x42\0\0\x1a"),
            "an alignment of 2 to the 32nd": _code(b"\x41\0\x2d\x20\0\x1a"),
            "a local of a function without any": _code(b"\x20\0\x1a"),
            "another table": _code(b"\x41\0\x11\0\x85\x80\0\x1a"),
        },
    ),
    (
        "import",
        {
            "another module": lambda guest: guest.import_("env", "x", b"\0\0"),
            "another name": lambda guest: guest.import_("grit", "x", b"\0\0"),
            "another type": lambda guest: guest.import_("grit", "result", b"\0\0"),
            "a global": lambda guest: guest.import_("grit", "g", b"\3\x7f\0"),
        },
    ),
    (
        "export",
        {
            "no entry": lambda guest: None,
            "a name of the host": lambda guest: guest.export("grit:fuel", 0),
            "_initialize of another type": lambda guest: guest.export("_initialize", 0),
        },
    ),
)
"""The checks in their order, each with its code and with defects that it finds."""


_IMPORTED: Final = frozenset(
    (
        "a type of nothing",
        "a reserved flag of a memory",
        "a reserved flag of a table",
        "two imported memories",
        "two imported tables",
    )
)


def with_defects(names: set[str]) -> bytes:
    """Return a guest with these defects."""
    guest = Assembly()
    guest.type([], ["i32"])
    named = [(name, change) for _, defects in DEFECTS for name, change in defects.items() if name in names]
    early = {*DEFECTS[3][1], *_IMPORTED}
    for _, change in sorted(named, key=lambda item: item[0] not in early):
        change(guest)
    guest.entry([_ZERO], name="other" if "no entry" in names else "wit")
    return guest.binary()


def pairs() -> Iterator[tuple[bytes, str]]:
    """Yield a module for each defect and each later check, with one defect of that check; and the code of the first."""
    for rank, (code, defects) in enumerate(DEFECTS):
        later = [cycle(others) for _, others in DEFECTS[rank + 1 :]]
        for name in defects:
            yield with_defects({name}), code
            for others in later:
                yield with_defects({name, next(others)}), code


def draw_defects(tape: Tape) -> tuple[bytes, str]:
    """Draw two to four defects of different checks; returns the module and the code of the first."""
    ranks = sorted({tape.below(len(DEFECTS)) for _ in range(4)} | {4})
    names = {tape.pick(list(DEFECTS[rank][1])) for rank in ranks}
    return with_defects(names), DEFECTS[ranks[0]][0]
