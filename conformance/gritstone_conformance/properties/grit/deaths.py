"""Deaths: how a process that killed itself is told from one that ended in another way."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.errors import SubjectFault

__all__ = ["is_sigkill"]

_BY_SIGKILL: Final = frozenset({"dead:signal-KILL", "dead:exit-137", "dead:exit-247"})
"""A death by SIGKILL, also as a launcher in front of the process passes it on: 128 + 9, or -9 as a byte."""


def is_sigkill(fault: SubjectFault) -> bool:
    """Return whether the process ended by SIGKILL.

    Spec: :rule:`harness.fault.exact`.
    """
    return fault.cause in _BY_SIGKILL
