"""All operations by name; those of a profile are loaded when the first of them is asked for.

So a suite that asks for objects and stores only waits for nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TypeAlias

from gritstone.harness.arguments import Arguments
from gritstone.harness.operations import OPERATIONS, Session
from gritstone.harness.wire import Json

__all__ = ["Operation", "operation"]

Operation: TypeAlias = Callable[[Session, Arguments], Json]


def operation(op: str) -> Operation:
    """Give what answers an operation that ``arguments`` has a schema for."""
    return _operations(op.partition(".")[0])[op]


@cache
def _operations(profile: str) -> Mapping[str, Operation]:
    if profile == "wit":
        from gritstone.harness.wit_operations import WIT_OPERATIONS

        return WIT_OPERATIONS
    if profile in ("runtime", "fault"):
        from gritstone.harness.runtime_operations import FAULT_OPERATIONS, RUNTIME_OPERATIONS

        return FAULT_OPERATIONS if profile == "fault" else RUNTIME_OPERATIONS
    if profile == "wasm":
        from gritstone.harness.wasm_operations import WASM_OPERATIONS

        return WASM_OPERATIONS
    return OPERATIONS
