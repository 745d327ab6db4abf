"""Without the fault: a subject that is asked the same, and that nothing kills."""

from __future__ import annotations

from collections.abc import Sequence

from gritstone_conformance.properties.runtime.kills import NEVER
from gritstone_conformance.replies import Json
from gritstone_conformance.running.ledger import Answer, ObservedSubject

__all__ = ["Unharmed"]


class Unharmed(ObservedSubject):
    """A subject that is armed for no write, and that says bye where the suite would kill it.

    Spec: :rule:`suite.fault.needed`.
    """

    def ask_each(self, requests: Sequence[tuple[str, dict[str, Json]]]) -> list[Answer]:
        """Ask, but arm for a write that never comes."""
        asked = [(op, {**args, "writes": NEVER}) if op == "fault.arm" else (op, args) for op, args in requests]
        return super().ask_each(asked)

    def spawn(self) -> Unharmed:
        """Start another process that nothing kills."""
        return Unharmed(self.subject.spawn(), self.ledger)

    def kill(self) -> None:
        """Let the process end in peace; the next request starts a fresh one."""
        self.history.end()
        self.subject.close()

    def kill_from_thread(self) -> None:
        """Let it live."""
