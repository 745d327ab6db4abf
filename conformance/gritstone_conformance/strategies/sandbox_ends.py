"""Probes that end in each way, at their first call or at a later one, after they have changed all their state.

Spec: ``sandbox/outcomes``, :rule:`sandbox.fail.apart`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from gritstone_conformance.strategies.assembler import Code
from gritstone_conformance.strategies.probes import number, zero
from gritstone_conformance.strategies.sandbox_abi import DATA, SandboxProbe
from gritstone_conformance.strategies.sandbox_probes import Build

__all__ = ["ENDS", "End", "ending"]

_FULL: Final = ("exhausted:stack", "failed:trap:stack-overflow", "failed", "exhausted:fuel", "timeout")
_STOPPED: Final = ("exhausted:fuel", "timeout")
_EXIT: Final = 3


@dataclass(frozen=True, slots=True)
class End:
    """A way in which a call ends.

    Attributes:
        code: what the probe does; it leaves an i32, the exit code, unless it never comes back.
        outcomes: the outcomes that a host may report.
        abis: the ABIs in which it is possible; empty for all.
    """

    code: Callable[[SandboxProbe], Code]
    outcomes: tuple[str, ...]
    abis: tuple[str, ...] = ()


def _trap(name: str, code: Callable[[SandboxProbe], Code]) -> End:
    return End(code, (f"failed:trap:{name}", "failed"))


def _indirect(at: int) -> Callable[[SandboxProbe], Code]:
    """Return what calls an element of a table of one element, which is null."""

    def code(probe: SandboxProbe) -> Code:
        probe.module.table(1)
        return [("call_indirect", probe.module.type([], []), number(at))]

    return code


def _recursion(local_types: tuple[str, ...]) -> Callable[[SandboxProbe], Code]:
    def code(probe: SandboxProbe) -> Code:
        own = probe.module.declare()
        probe.module.define(own, local_types, [("call", own)])
        return [("call", own)]

    return code


_OUTSIDE: Final = number(0xFFFF_FFFF)
_INFINITY: Final = number(0x7F80_0000, "f32")

ENDS: Final[dict[str, End]] = {
    "unreachable": _trap("unreachable", lambda probe: ["unreachable"]),
    "load outside": _trap("memory-bounds", lambda probe: [("drop", ("i32.load", _OUTSIDE))]),
    "copy outside": _trap("memory-bounds", lambda probe: [("memory.copy", zero, _OUTSIDE, number(1))]),
    "element outside": _trap("table-bounds", _indirect(1)),
    "null element": _trap("indirect-call", _indirect(0)),
    "division": _trap("divide-by-zero", lambda probe: [("drop", ("i64.rem_s", number(1, "i64"), number(0, "i64")))]),
    "conversion": _trap("unrepresentable", lambda probe: [("drop", ("i32.trunc_f32_s", _INFINITY))]),
    "recursion": End(_recursion(()), _FULL),
    "recursion with large frames": End(_recursion(("i64",) * 200), _FULL),
    "loop": End(lambda probe: [("loop", None, [("br", 0)])], _STOPPED),
    "loop of bulk instructions": End(
        lambda probe: [("loop", None, [("memory.fill", number(DATA), zero, number(50_000)), ("br", 0)])], _STOPPED
    ),
    "exit": End(lambda probe: [number(_EXIT)], (f"failed:guest:{_EXIT}", "failed"), ("wasi", "extism", "grit")),
}
"""The ways to end that are not ``done``, by name."""


def ending(name: str, *, later: bool = False) -> Build:
    """Return a probe that changes its memory, its size and a global, emits a word, and ends in a way.

    Args:
        name: a key of :data:`ENDS`.
        later: whether its first call is done, and the others end in this way.
    """

    def build(abi: str) -> bytes:
        probe = SandboxProbe(abi)
        calls = probe.module.global_("i64", 0, mutable=True)
        code: list[Any] = [*ENDS[name].code(probe)]
        is_exit = name == "exit"
        if later:
            first = ("i64.eq", ("global.get", calls), number(1, "i64"))
            code = ["i32" if is_exit else None, first, [zero] if is_exit else [], code]
            code = [("if", *code)]
        return probe.binary(
            [
                ("global.set", calls, ("i64.add", ("global.get", calls), number(1, "i64"))),
                ("memory.fill", number(DATA), number(0x5A), number(4_096)),
                ("drop", ("memory.grow", number(2))),
                probe.word(("global.get", calls)),
                *code,
            ],
            code_i32=is_exit,
        )

    return build
