"""The functions that a guest may import from ``grit``, with their types.

Spec: :rule:`wasm.module.import`, :rule:`wasm.abi.function`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gritstone.wasm.binary import FunctionType
from gritstone.wasm.reader import I32, I64

__all__ = ["ENTRIES", "FUNCTIONS", "INITIALIZE", "MODULE", "RESERVED", "WAITING", "WAIT_AREA"]

MODULE = "grit"
"""The one module that imports come from."""

ENTRIES = ("wit", "wit_query", "wit_update")
"""The entries, each named as its node."""

INITIALIZE = "_initialize"
"""What new instances run first, if it is exported."""

RESERVED = "grit:"
"""What no exported name begins with."""


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
"""What a module exports that imports ``wait``."""

WAIT_AREA = "grit_wait_area"
"""The constant i32 that such a module exports, too."""
