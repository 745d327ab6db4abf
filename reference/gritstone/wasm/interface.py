"""The functions that a guest may import from ``grit``, with their types, ranges and errors, and its required exports.

Spec: :rule:`wasm.module.import`, :rule:`wasm.abi.function`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gritstone.wasm.binary import FunctionType
from gritstone.wasm.reader import I32, I64

__all__ = [
    "ABSENT",
    "ENTRIES",
    "ERASED",
    "FAILED",
    "FUNCTIONS",
    "GRANTS",
    "INITIALIZE",
    "INVALID",
    "KIND",
    "LIMIT",
    "MODULE",
    "RANGES",
    "RESERVED",
    "UNKNOWN",
    "WAITING",
    "WAIT_AREA",
    "base_units",
]

MODULE = "grit"
"""The only module that guests may import from."""

ENTRIES = ("wit", "wit_query", "wit_update")
"""The entries, each with the name of its node."""

INITIALIZE = "_initialize"
"""The export that a new instance runs first, if it exists."""

RESERVED = "grit:"
"""The reserved prefix of exported names."""


def _function(parameters: int, *results: int) -> FunctionType:
    return FunctionType((I32,) * parameters, results or (I32,))


FUNCTIONS: Mapping[str, FunctionType] = MappingProxyType(
    {
        "input": _function(2),
        "covered": _function(3),
        "kind": _function(1),
        "size": _function(1),
        "read": _function(4),
        "headers": _function(3),
        "link": _function(3),
        "entry": _function(5),
        "find": _function(4),
        "place": _function(5),
        "mail": _function(4),
        "blob": _function(5),
        "message": _function(5),
        "step": _function(6),
        "result": _function(1),
        "query_name": _function(2),
        "query": _function(5),
        "random": _function(2),
        "clock": _function(0, I64),
        "attempt": _function(0),
        "fuel": _function(0, I64),
        "log": _function(2),
        "fail": FunctionType((I32,) * 3, ()),
        "wait": _function(0),
    }
)
"""The type of each function, by name."""

WAITING: Mapping[str, FunctionType] = MappingProxyType(
    {
        "asyncify_start_unwind": FunctionType((I32,), ()),
        "asyncify_start_rewind": FunctionType((I32,), ()),
        "asyncify_stop_unwind": FunctionType((), ()),
        "asyncify_stop_rewind": FunctionType((), ()),
        "asyncify_get_state": FunctionType((), (I32,)),
    }
)
"""The required exports of a module that imports ``wait``."""

WAIT_AREA = "grit_wait_area"
"""The constant i32 that such a module must also export."""

ABSENT, KIND, INVALID, UNKNOWN, LIMIT, FAILED, ERASED = -1, -2, -3, -4, -5, -6, -7
"""The errors."""

_BASE = 100
_BASES: Mapping[str, int] = MappingProxyType(
    dict.fromkeys(("blob", "place", "mail", "message", "step"), 1_000) | {"query": 10_000}
)
GRANTS = frozenset(("random", "clock", "attempt", "query", "wait"))
"""The functions that require a grant of the manifest."""


def _ranges(inputs: str, outputs: str = "") -> tuple[tuple[int, int | None, bool], ...]:
    """Parse ranges: the position of each pointer, and that of its length after a colon unless it is an id."""
    spelled = [(text, True) for text in inputs.split()] + [(text, False) for text in outputs.split()]
    parts = [(text.split(":"), is_input) for text, is_input in spelled]
    return tuple((int(part[0]), int(part[1]) if len(part) == 2 else None, is_input) for part, is_input in parts)


RANGES: Mapping[str, tuple[tuple[int, int | None, bool], ...]] = MappingProxyType(
    {
        "input": _ranges("", "1"),
        "covered": _ranges("", "1 2"),
        "kind": _ranges("0"),
        "size": _ranges("0"),
        "read": _ranges("0", "2:3"),
        "headers": _ranges("0", "1:2"),
        "link": _ranges("0", "2"),
        "entry": _ranges("0", "2:3 4"),
        "find": _ranges("0 1:2", "3"),
        "place": _ranges("0 1:2 3", "4"),
        "mail": _ranges("0 1 2", "3"),
        "blob": _ranges("0:1 2:3", "4"),
        "message": _ranges("0 1:2 3", "4"),
        "step": _ranges("0 1 2 3 4", "5"),
        "result": _ranges("0"),
        "query_name": _ranges("", "0:1"),
        "query": _ranges("0 1:2 3", "4"),
        "random": _ranges("", "0:1"),
        "clock": (),
        "attempt": (),
        "fuel": (),
        "log": _ranges("0:1"),
        "fail": _ranges("1:2"),
        "wait": (),
    }
)
"""The ranges of each function: the positions of pointer and length in the parameters, and whether it is read."""


def base_units(name: str) -> int:
    """Return the part of charge A that does not depend on the arguments."""
    return _BASES.get(name, _BASE)
