"""Probes about state and limits: what a call leaves, what it finds, and what bounds it.

Spec: ``sandbox/instances``, ``sandbox/limits``, ``sandbox/snapshots``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from gritstone_conformance.strategies.assembler import Code
from gritstone_conformance.strategies.probes import number, zero
from gritstone_conformance.strategies.sandbox_abi import DATA, SandboxProbe
from gritstone_conformance.strategies.sandbox_probes import Build

__all__ = [
    "LOOPS",
    "RECURSIONS",
    "endless",
    "failing",
    "growing",
    "leaving",
    "once",
    "recursing",
    "scattered",
    "sized",
    "tables",
    "turning",
    "unsteady",
]

_PAGE: Final = 65_536
_SEGMENT: Final = b"passive segment"


def _global(at: int, value: Any) -> tuple[Any, ...]:
    return ("global.set", at, value)


def leaving(abi: str) -> bytes:
    """Return a probe whose first call changes all state that it has, and whose later calls emit it.

    It overwrites a data segment with zeros, writes to the last byte of the memory that it has grown, and sets exported
    and other globals.
    """
    probe = SandboxProbe(abi)
    module = probe.module
    module.data(DATA, b"overwritten")
    passive = module.data(None, _SEGMENT)
    calls, narrow, wide = (module.global_(kind, 0, mutable=True) for kind in ("i32", "i32", "i64"))
    module.export("narrow", narrow, 3)
    last = ("i32.sub", ("i32.mul", ("memory.size",), number(_PAGE)), number(1))
    first: Code = [
        ("drop", ("memory.grow", number(3))),
        ("memory.fill", number(DATA), zero, number(len("overwritten"))),
        ("i32.store8", last, number(0xA5)),
        ("memory.init", passive, number(2 * _PAGE), zero, number(len(_SEGMENT))),
        _global(narrow, number(0xFFFF_FFFE)),
        _global(wide, number(0x8000_0000_0000_0001, "i64")),
    ]
    second: Code = [
        probe.word(("i64.load", number(DATA))),
        probe.number(("i32.load8_u", last)),
        probe.word(("i64.load", number(2 * _PAGE))),
        probe.number(("memory.size",)),
        probe.number(("global.get", narrow)),
        probe.word(("global.get", wide)),
    ]
    return probe.binary(_in_turn(calls, [first, second]))


def turning(abi: str) -> bytes:
    """Return a probe whose only state is three globals, one of them exported; each call emits and changes them."""
    probe = SandboxProbe(abi)
    module = probe.module
    narrow = module.global_("i32", 0x7FFFFFFF, mutable=True)
    wide = module.global_("i64", 0x7FFFFFFF_FFFFFFFF, mutable=True)
    module.global_("i64", 5)
    shown = module.global_("i32", 7, mutable=True)
    module.export("shown", shown, 3)
    return probe.binary(
        [
            probe.number(("global.get", narrow)),
            probe.word(("global.get", wide)),
            probe.number(("global.get", shown)),
            _global(narrow, ("i32.add", ("global.get", narrow), number(1))),
            _global(wide, ("i64.add", ("global.get", wide), number(1, "i64"))),
            _global(shown, ("i32.mul", ("global.get", shown), number(3))),
        ]
    )


def _in_turn(calls: int, codes: Sequence[Code]) -> list[Any]:
    """Return code that counts its calls in a global and runs one code in each; the last one stays."""
    code: list[Any] = [_global(calls, ("i32.add", ("global.get", calls), number(1)))]
    for place, each in enumerate(codes, 1):
        is_last = place == len(codes)
        turn = ("i32.ge_u" if is_last else "i32.eq", ("global.get", calls), number(place))
        code.append(("if", None, turn, list(each)))
    return code


def once(abi: str) -> bytes:
    """Return a probe that emits a word in its first call, and never ends another one."""
    probe = SandboxProbe(abi)
    calls = probe.module.global_("i32", 0, mutable=True)
    return probe.binary(_in_turn(calls, [[probe.word(number(7, "i64"))], [("loop", None, [("br", 0)])]]))


def unsteady(abi: str) -> bytes:
    """Return a probe that emits its state and changes it, and then traps unless it can grow by 24 pages.

    Its state is a counter in memory from 100 on, a global, and the size of the memory. So the limit of a call decides
    whether it fails, after it has changed everything.
    """
    return _changing(abi, ("if", None, ("i32.lt_s", ("memory.grow", number(24)), zero), ["unreachable"]))


def failing(abi: str) -> bytes:
    """Return :func:`unsteady`, but it always traps: also on a host that does not limit the memory."""
    return _changing(abi, "unreachable")


def _changing(abi: str, ending: Any) -> bytes:
    probe = SandboxProbe(abi)
    module, at = probe.module, number(DATA)
    module.data(DATA, (100).to_bytes(8, "little"))
    calls = module.global_("i64", 0, mutable=True)
    return probe.binary(
        [
            probe.word(("i64.load", at)),
            probe.word(("global.get", calls)),
            probe.number(("memory.size",)),
            ("i64.store", at, ("i64.add", ("i64.load", at), number(1, "i64"))),
            _global(calls, ("i64.add", ("global.get", calls), number(1, "i64"))),
            ("drop", ("memory.grow", number(1))),
            ending,
        ]
    )


def scattered(abi: str) -> bytes:
    """Return a probe that writes to each of 14 pages and emits what it found in the last one."""
    probe = SandboxProbe(abi, pages=15)
    places = [number(page * _PAGE + 16 * page) for page in range(1, 15)]
    found = probe.word(("i64.load", places[-1]))
    return probe.binary([found, *(("i64.store", at, number(7, "i64")) for at in places)])


def growing(first: int, most: int | None = None, step: int = 1) -> Build:
    """Return a probe that grows its memory in each call and emits the result and the size.

    Args:
        first: the initial number of pages.
        most: the maximum that the module declares.
        step: by how many pages it grows.
    """

    def build(abi: str) -> bytes:
        probe = SandboxProbe(abi, pages=first, most=most)
        return probe.binary([probe.number(("memory.grow", number(step))), probe.number(("memory.size",))])

    return build


def sized(pages: int) -> Build:
    """Return a probe with an initial memory of a size, which writes to its last word and emits that."""

    def build(abi: str) -> bytes:
        probe = SandboxProbe(abi, pages=pages)
        last = number(pages * _PAGE - 8)
        return probe.binary([("i64.store", last, number(9, "i64")), probe.word(("i64.load", last))])

    return build


def tables(elements: int) -> Build:
    """Return a probe with a table of a size, of which it calls the last element; this emits 7."""

    def build(abi: str) -> bytes:
        probe = SandboxProbe(abi)
        own = probe.module.function([], [], (), [probe.word(number(7, "i64"))])
        probe.module.table(elements)
        probe.module.elements(elements - 1, [own])
        kind = probe.module.type([], [])
        return probe.binary([("call_indirect", kind, number(elements - 1))])

    return build


RECURSIONS: Final = ("direct", "indirect", "mutual", "large frames", "with a result")
"""The kinds of endless recursion."""


def recursing(kind: str) -> Build:
    """Return a probe that calls functions in endless recursion; ``kind`` is one of :data:`RECURSIONS`."""

    def build(abi: str) -> bytes:
        probe = SandboxProbe(abi)
        module = probe.module
        own, other = module.declare(), module.declare()
        module.table(1)
        module.elements(0, [own])
        nothing = module.type([], [])
        counted = module.declare(["i64"], ["i64"])
        more = ("i64.add", ("local.get", 0), number(1, "i64"))
        module.define(counted, (), [("i64.add", ("call", counted, more), number(1, "i64"))])
        locals_ = ["i64"] * 200 if kind == "large frames" else []
        use = [("local.set", at, number(at, "i64")) for at in range(0, len(locals_), 40)]
        again = ("call_indirect", nothing, zero) if kind == "indirect" else ("call", own)
        module.define(own, locals_, [*use, ("call", other) if kind == "mutual" else again])
        module.define(other, (), [("call", own)])
        if kind == "with a result":
            return probe.binary([probe.word(("call", counted, number(0, "i64")))])
        return probe.binary([("call", own)])

    return build


LOOPS: Final = (
    "branch",
    "branch table",
    "calls",
    "indirect calls",
    "bulk",
    "nothing to grow",
    "nested",
    "backwards if",
)
"""The kinds of endless loops, by what a round does."""


def endless(kind: str) -> Build:
    """Return a probe that never ends; ``kind`` is one of :data:`LOOPS`."""

    def build(abi: str) -> bytes:
        probe = SandboxProbe(abi)
        module = probe.module
        called = module.function([], [], (), [])
        module.table(1)
        module.elements(0, [called])
        nothing = module.type([], [])
        codes: dict[str, list[Any]] = {
            "branch": [("br", 0)],
            "branch table": [("br_table", [0, 0, 0], 0, zero)],
            "calls": [("call", called), ("br", 0)],
            "indirect calls": [("call_indirect", nothing, zero), ("br", 0)],
            "bulk": [("memory.fill", number(DATA), zero, number(50_000)), ("br", 0)],
            "nothing to grow": [("drop", ("memory.grow", zero)), ("br", 0)],
            "nested": [("loop", None, [("br_if", 0, zero)]), ("br", 0)],
            "backwards if": [("if", None, number(1), [("br", 1)])],
        }
        return probe.binary([("loop", None, codes[kind])])

    return build
