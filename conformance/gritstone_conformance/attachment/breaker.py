"""The circuit breaker: stops sending requests to an implementation; the rest of the run is then ``not-run``."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.text import counted

__all__ = ["Breaker"]

_SILENT_IN_A_ROW: Final = 10
_HUNG: Final = 5  # each costs three deadlines and a killed process
_REPLIES_FOR_ONE_HUNG: Final = 20
_UNANSWERED_IN_A_ROW: Final = 3  # if only hello was ever answered
_RESTARTS: Final = 100


class Breaker:
    """Counts late, hung and failed requests, and restarts.

    Args:
        hellos: how many consecutive failed hellos open the breaker.

    Attributes:
        restarts: how many processes replaced one that broke.
        reason: why no further request is sent, or None.
    """

    def __init__(self, hellos: int = 2) -> None:
        self.restarts = 0
        self.reason: str | None = None
        self._silent = 0
        self._hung = 0
        self._replies = 0
        self._silent_ops: set[str] = set()
        self._failed_hellos = 0
        self._only_hello_answered = True
        self._most_failed_hellos = hellos

    def note_silence(self, op: str, *, late: bool = False) -> None:
        """Count a request whose reply was late or missing."""
        self._silent += 1
        self._hung += not late
        self._silent_ops.add(op)
        self._only_hello_answered = self._only_hello_answered and not late
        if self._silent >= _SILENT_IN_A_ROW:
            self.reason = f"{self._silent} consecutive requests were late or hung"
        elif self._only_hello_answered and self._silent >= _UNANSWERED_IN_A_ROW:
            self.reason = f"{self._silent} consecutive requests hung, and only hello was ever answered"
        elif self._hung >= _HUNG and self._replies < self._hung * _REPLIES_FOR_ONE_HUNG:
            self.reason = f"{self._hung} requests hung, and {self._replies} were answered"

    def note_reply(self, op: str) -> None:
        """Count a reply in time; it resets the count of silent requests only if its operation was silent before.

        Otherwise the breaker would never open for an implementation whose ``grit.open`` works and whose ``grit.get``
        hangs.
        """
        self._only_hello_answered = False
        self._replies += 1
        if op in self._silent_ops:
            self._silent = 0

    def note_hello(self, *, good: bool) -> None:
        """Count the answer to the first request of a process."""
        self._failed_hellos = 0 if good else self._failed_hellos + 1
        if self._failed_hellos >= self._most_failed_hellos:
            self.reason = f"{counted(self._failed_hellos, 'consecutive hello')} failed"

    def note_restart(self) -> None:
        """Count a process that replaces one that broke."""
        self.restarts += 1
        if self.restarts >= _RESTARTS:
            self.reason = f"{self.restarts} restarts"
