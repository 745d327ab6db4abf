"""A subject that gets the same requests as under a fault, but is never killed."""

from __future__ import annotations

from collections.abc import Sequence

from gritstone_conformance.properties.runtime.kills import NEVER
from gritstone_conformance.replies import Json
from gritstone_conformance.running.ledger import Answer, ObservedSubject

__all__ = ["Unharmed"]


class Unharmed(ObservedSubject):
    """A subject that is never killed at a write, and that gets bye where the suite would kill it.

    Spec: :rule:`suite.fault.needed`.
    """

    def ask_each(self, requests: Sequence[tuple[str, dict[str, Json]]]) -> list[Answer]:
        """Send requests, but arm the fault for a write that never happens."""
        asked = [(op, {**args, "writes": NEVER}) if op == "fault.arm" else (op, args) for op, args in requests]
        return super().ask_each(asked)

    def spawn(self) -> Unharmed:
        """Start another process that is never killed."""
        return Unharmed(self.subject.spawn(), self.ledger)

    def kill(self) -> None:
        """End the process with bye; the next request starts a new process."""
        self.history.end()
        self.subject.close()

    def kill_from_thread(self) -> None:
        """Do nothing."""
