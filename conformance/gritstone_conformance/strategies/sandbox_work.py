"""Probes that do a stated amount of work, and modules that cost a host much.

Spec: ``sandbox/limits``, ``sandbox/authority``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from gritstone_conformance.strategies.assembler import Assembly, Code, assemble, name_bytes, uleb, vector
from gritstone_conformance.strategies.probes import number, zero
from gritstone_conformance.strategies.sandbox_abi import DATA, SandboxProbe
from gritstone_conformance.strategies.sandbox_probes import Build

__all__ = ["BULK", "HEAVY", "WORK", "bulk", "counting", "laboring", "straight", "working"]

_SCRATCH: Final = 2 * DATA


def _calls(probe: SandboxProbe) -> Code:
    called = probe.module.function(["i64"], ["i64"], (), [("i64.add", ("local.get", 0), number(3, "i64"))])
    return [("local.set", 1, ("call", called, ("local.get", 1)))]


def _memory(probe: SandboxProbe) -> Code:
    at = ("i32.add", number(DATA), ("i32.and", ("local.get", 0), number(0xFF8)))
    return [("i64.store", at, ("i64.add", ("i64.load", at), number(1, "i64")))]


WORK: Final[dict[str, Callable[[SandboxProbe], Code]]] = {
    "arithmetic": lambda probe: [("local.set", 1, ("i64.mul", ("i64.add", ("local.get", 1), number(1, "i64")), _ODD))],
    "calls": _calls,
    "memory": _memory,
    "branches": lambda probe: [("if", None, ("i32.and", ("local.get", 0), number(1)), ["nop"], ["nop", "nop"])],
}
"""What a round of a loop does: local 0 counts the rounds, local 1 is a sum."""

_ODD: Final[tuple[Any, ...]] = number(0x9E37_79B9_7F4A_7C15, "i64")


def working(kind: str, rounds: int) -> Build:
    """Return a probe that does one kind of :data:`WORK` so many times, and emits the sum."""

    def build(abi: str) -> bytes:
        probe = SandboxProbe(abi)
        following = ("local.tee", 0, ("i32.add", ("local.get", 0), number(1)))
        loop = ("loop", None, [*WORK[kind](probe), ("br_if", 0, ("i32.lt_u", following, number(rounds)))])
        return probe.binary([loop, probe.word(("local.get", 1))], ["i32", "i64"])

    return build


def counting(rounds: int) -> Build:
    """Return a probe that counts its rounds, which may be millions, and emits the count."""

    def build(abi: str) -> bytes:
        probe = SandboxProbe(abi)
        following = ("local.tee", 0, ("i64.add", ("local.get", 0), number(1, "i64")))
        loop = ("loop", None, [("br_if", 0, ("i64.lt_u", following, number(rounds, "i64")))])
        return probe.binary([loop, probe.word(("local.get", 0))], ["i64"])

    return build


def laboring(rounds: int) -> Build:
    """Return a probe whose n-th call counts to n times a number of rounds and emits the count."""

    def build(abi: str) -> bytes:
        probe = SandboxProbe(abi)
        last = probe.module.global_("i64", 0, mutable=True)
        following = ("local.tee", 0, ("i64.add", ("local.get", 0), number(1, "i64")))
        loop = ("loop", None, [("br_if", 0, ("i64.lt_u", following, ("global.get", last)))])
        more = ("global.set", last, ("i64.add", ("global.get", last), number(rounds, "i64")))
        return probe.binary([more, loop, probe.word(("local.get", 0))], ["i64"])

    return build


def straight(instructions: int) -> Build:
    """Return a probe that adds so many times without a branch, and emits the sum."""

    def build(abi: str) -> bytes:
        probe = SandboxProbe(abi)
        add: Code = [("local.set", 0, ("i64.add", ("local.get", 0), number(1, "i64")))] * instructions
        return probe.binary([*add, probe.word(("local.get", 0))], ["i64"])

    return build


BULK: Final = ("memory.fill", "memory.copy", "memory.init")


def bulk(instruction: str, size: int) -> Build:
    """Return a probe with one bulk instruction of so many bytes, at most 32,768; it emits a word that it wrote."""

    def build(abi: str) -> bytes:
        probe = SandboxProbe(abi, pages=2)
        segment = probe.module.data(None, bytes(range(1, 256)) * 129)
        one: dict[str, Any] = {
            "memory.fill": ("memory.fill", number(_SCRATCH), number(7), number(size)),
            "memory.copy": ("memory.copy", number(_SCRATCH), number(DATA), number(size)),
            "memory.init": ("memory.init", segment, number(_SCRATCH), zero, number(size)),
        }
        return probe.binary([one[instruction], probe.word(("i64.load", number(_SCRATCH)))])

    return build


def _body(code: bytes, groups: bytes = b"\0") -> bytes:
    """Return a module with one function of raw code, exported as each entry."""
    exports = [name_bytes(name) + b"\0\0" for name in ("run", "_start", "wit")] + [name_bytes("memory") + b"\2\0"]
    return assemble(
        [
            *((1, vector([b"\x60\0\0"])), (3, b"\1\0"), (5, b"\1\0\1"), (7, vector(exports))),
            (10, vector([name_bytes(groups + code + b"\x0b")])),
        ]
    )


def _many_functions() -> bytes:
    module = Assembly()
    module.memory(1)
    for _ in range(2_500):
        module.function([], [], (), [])
    module.export("run", 0)
    module.export("memory", 0, 2)
    return module.binary()


def _nested(depth: int) -> bytes:
    return _body(b"\x02\x40" * depth + b"\x0b" * depth)


HEAVY: Final[dict[str, Callable[[], bytes]]] = {
    "nested blocks": lambda: _nested(10_000),
    "nested loops": lambda: _body(b"\x03\x40" * 2_500 + b"\x0b" * 2_500),
    "an open block at the end": lambda: _body(b"\x02\x40" * 10_000),
    "locals": lambda: _body(b"", uleb(1) + uleb(40_000) + b"\x7e"),
    "too many locals": lambda: _body(b"", uleb(1) + uleb(0xFFFF_FFFF) + b"\x7e"),
    "functions": _many_functions,
    "labels of a branch table": lambda: _body(b"\x41\0\x0e" + uleb(60_000) + b"\0" * 60_001),
    "operands": lambda: _body(b"\x41\0" * 30_000 + b"\x1a" * 30_000),
    "a deep expression": lambda: _body(b"\x41\1" * 10_000 + b"\x6a" * 9_999 + b"\x1a"),
    "types": lambda: assemble([(1, vector([b"\x60\0\0"] * 60_000))]),
    "a long name": lambda: assemble([(7, uleb(1) + name_bytes("n" * 60_000) + b"\0\0")]),
    "a long custom section": lambda: assemble([(0, name_bytes("name") + b"\0" * 60_000)]),
}
"""Modules of at most 65,536 bytes, but for one, that cost a host time, memory or native stack."""
