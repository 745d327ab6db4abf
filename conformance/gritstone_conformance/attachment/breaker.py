"""The circuit breaker: stops sending an operation that keeps breaking, and then everything if that does not help.

When too many requests were late or hung, or too many processes broke, the operations at fault are *given up*: their
requests are not sent any more and get the fault that they had before, and all others go on. If requests of three other
operations break one after the other, each before twenty were answered, the fault is not that of an operation, and the
rest of the run is ``not-run``. So one fault costs a bounded time, and hides no more cases than it has to.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.text import counted

__all__ = ["Breaker"]

_SILENT_IN_A_ROW: Final = 10
_HUNG: Final = 3  # each costs three deadlines and a killed process
_REPLIES_FOR_ONE: Final = 20  # a fault of an operation with more replies is rare: the operation is sent again
_UNANSWERED_IN_A_ROW: Final = 3  # if only hello was ever answered
_RESTARTS: Final = 100
_STRIKES: Final = 3  # operations that break soon after others were given up


class Breaker:
    """Counts late, hung and failed requests, and restarts.

    Args:
        hellos: how many consecutive failed hellos open the breaker.

    Attributes:
        restarts: how many processes replaced one that broke.
        reason: why no further request is sent, or None.
        given_up: the operations that are not sent any more.
    """

    def __init__(self, hellos: int = 2) -> None:
        self.restarts = 0
        self.reason: str | None = None
        self.given_up: set[str] = set()
        self._silent = 0
        self._hung = 0
        self._replies = 0
        self._restarts_counted = 0
        self._since: int | None = None  # replies since operations were given up
        self._strikes = 0
        self._silent_ops: set[str] = set()
        self._broken: Counter[str] = Counter()
        self._answered: Counter[str] = Counter()
        self._last: dict[str, SubjectFault] = {}
        self._failed_hellos = 0
        self._only_hello_answered = True
        self._most_failed_hellos = hellos

    def unsent(self, op: str) -> SubjectFault | None:
        """Return the fault of the requests of an operation that is given up, or None."""
        if op not in self.given_up:
            return None
        last, count = self._last[op], self._broken[op]
        words = f"not sent: {counted(count, 'request')} of {op} broke, and {self._answered[op]} were answered"
        return SubjectFault(last.cause, f"{words}; the last: {last.detail}", sent=False)

    def note_silence(self, op: str, fault: SubjectFault) -> None:
        """Count a request whose reply was late or missing."""
        is_late = fault.cause == "late"
        self._silent += 1
        self._hung += not is_late
        self._silent_ops.add(op)
        self._only_hello_answered = self._only_hello_answered and not is_late
        self._note_broken(op, fault)
        if self._only_hello_answered and self._silent >= _UNANSWERED_IN_A_ROW:
            self._stop(f"{self._silent} consecutive requests hung, and only hello was ever answered", fault)
        elif self._silent >= _SILENT_IN_A_ROW:
            self._give_up(self._silent_ops, f"{self._silent} consecutive requests were late or hung", fault)
        elif self._hung >= _HUNG and self._replies < self._hung * _REPLIES_FOR_ONE:
            self._give_up((), f"{self._hung} requests hung, and {self._replies} were answered", fault)

    def note_death(self, op: str, fault: SubjectFault) -> None:
        """Count a request that ended its process in another way than by a hang."""
        self._note_broken(op, fault)

    def note_reply(self, op: str) -> None:
        """Count a reply in time; it resets the count of silent requests only if its operation was silent before.

        Otherwise the breaker would never open for an implementation whose ``grit.open`` works and whose ``grit.get``
        hangs.
        """
        self._only_hello_answered = False
        self._replies += 1
        self._answered[op] += 1
        self._since = None if self._since is None else self._since + 1
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
        self._restarts_counted += 1
        if self._restarts_counted >= _RESTARTS:
            self._restarts_counted = 0
            self._give_up((), f"{self.restarts} restarts", next(reversed(self._last.values()), None))

    def _note_broken(self, op: str, fault: SubjectFault) -> None:
        self._broken[op] += 1
        self._last.pop(op, None)
        self._last[op] = fault
        if self._since is not None and self._is_frequent(op):
            self._strikes = self._strikes + 1 if self._since < _REPLIES_FOR_ONE else 0
            if self._strikes >= _STRIKES:
                self._stop(f"{op} broke after {', '.join(sorted(self.given_up))} were given up", fault)
            self.given_up.add(op)
            self._since = 0

    def _is_frequent(self, op: str) -> bool:
        return self._answered[op] < self._broken[op] * _REPLIES_FOR_ONE

    def _give_up(self, more: set[str] | tuple[()], why: str, fault: SubjectFault | None) -> None:
        """Give up the operations at fault; if there are none, stop."""
        found = {op for op in self._broken if self._is_frequent(op)}.union(more) - self.given_up
        if not found:
            self._stop(why, fault)
            return
        self.given_up |= found
        self._silent = self._hung = self._replies = self._since = self._strikes = 0

    def _stop(self, why: str, fault: SubjectFault | None) -> None:
        if self.reason is None:
            self.reason = why if fault is None else f"{why}; the last: {fault}"
