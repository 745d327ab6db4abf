"""All operations by name; the operations of a profile are loaded when the first of them is requested.

A suite that uses only objects and stores does not wait for the other profiles to load.
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
    """Return the function of an operation that has a schema in ``arguments``."""
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
    if profile == "session":
        from gritstone.harness.session_operations import SESSION_OPERATIONS

        return SESSION_OPERATIONS
    if profile == "flow":
        from gritstone.harness.flow_operations import FLOW_OPERATIONS

        return FLOW_OPERATIONS
    if profile == "image":
        from gritstone.harness.image_operations import IMAGE_OPERATIONS

        return IMAGE_OPERATIONS
    if profile == "sandbox":
        from gritstone.harness.sandbox_operations import SANDBOX_OPERATIONS

        return SANDBOX_OPERATIONS
    return OPERATIONS
