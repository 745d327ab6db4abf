"""The rules of the protocol that any line of a run may violate; each has a watch."""

from __future__ import annotations

from typing import Final

__all__ = ["WATCHED"]

WATCHED: Final = (
    "harness.bytes.canonical",
    "harness.frame.flush",
    "harness.frame.limit",
    "harness.frame.line",
    "harness.frame.stdout-clean",
    "harness.hello.any-time",
    "harness.hello.closed",
    "harness.hello.honest",
    "harness.hello.limits",
    "harness.hello.stable",
    "harness.json.plain",
    "harness.process.ends",
    "harness.process.group",
    "harness.reply.class-closed",
    "harness.reply.one",
    "harness.reply.one-answer",
    "harness.reply.order",
    "sandbox.hello.floor",
)
"""The rules that the faults of ``protocol``, ``claims``, ``liveness``, ``conversation`` and ``subject`` name."""
