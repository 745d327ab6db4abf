"""Deaths: how a process that killed itself is told from one that ended in another way."""

from __future__ import annotations

from gritstone_conformance.errors import SubjectFault

__all__ = ["is_sigkill"]


def is_sigkill(fault: SubjectFault) -> bool:
    """Return whether the process ended by SIGKILL."""
    return fault.is_sigkill
