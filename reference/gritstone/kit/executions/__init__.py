"""Executions: run an untrusted WebAssembly module one message at a time.

Use ``spawn``, ``load`` or ``fork`` to get an ``Execution``; an ``Environment`` states what its module may use.
"""

from __future__ import annotations

from gritstone.kit.executions.environment import Environment
from gritstone.kit.executions.execution import Execution, fork, load
from gritstone.kit.executions.folders import Diff
from gritstone.kit.executions.outcomes import (
    Abandoned,
    Failed,
    OutOfFuel,
    Result,
    SecurityViolation,
    SentMessage,
    Trapped,
)
from gritstone.kit.executions.sandbox import Sandbox
from gritstone.kit.executions.spawning import spawn

__all__ = [
    "Abandoned",
    "Diff",
    "Environment",
    "Execution",
    "Failed",
    "OutOfFuel",
    "Result",
    "Sandbox",
    "SecurityViolation",
    "SentMessage",
    "Trapped",
    "fork",
    "load",
    "spawn",
]
