"""The limits of documents, expressions and steps, and the ranges of the limits that programs and policies set.

Spec: :rule:`flow.value.limits`, :rule:`flow.expr.limits`, :rule:`flow.step.bound`, :rule:`flow.check.ranges`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = [
    "DEFAULTS",
    "MOST_ARGUMENT",
    "MOST_BACKOFF_MS",
    "MOST_DEPTH",
    "MOST_ENTERED",
    "MOST_EXPRESSION_BYTES",
    "MOST_FROM_SENDER",
    "MOST_NESTING",
    "MOST_PROGRAM_BYTES",
    "MOST_TOKENS",
    "MOST_USAGE",
    "MOST_VALUE_BYTES",
    "RANGES",
]

MOST_ARGUMENT = 2**63 - 1
MOST_PROGRAM_BYTES = 131_072
MOST_VALUE_BYTES = 65_536  # of any other document or value
MOST_DEPTH = 16  # lists and maps inside each other

MOST_EXPRESSION_BYTES = 4_096
MOST_TOKENS = 512
MOST_NESTING = 32  # of groups and ``not``

MOST_FROM_SENDER = 64  # messages of one sender in one step
MOST_ENTERED = 1_000  # nodes for one message
MOST_BACKOFF_MS = 30_000
MOST_USAGE = 10**12

RANGES: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "max_steps": (1, 10_000),
        "max_calls": (1, 10_000),
        "max_tokens": (0, 10**12),
        "max_stalled": (1, 1_000),
        "max_visits": (1, 10_000),
        "max_replans": (0, 16),
    }
)
"""The range of each limit. A policy that omits a limit sets the largest; ``max_replans`` is then 0."""

DEFAULTS: Mapping[str, int] = MappingProxyType(
    {"max_steps": 1_000, "max_calls": 1_000, "max_tokens": 10**9, "max_stalled": 100, "max_visits": 1}
)
"""The limits of a program that omits them."""
