"""The deadline of each request, as far as it depends on earlier requests.

The table of deadlines is in ``settings``. While the suite shrinks a failure, it may use *shortened* deadlines: an
operation that hung once then gets twenty times its slowest reply so far, and at least a quarter of a second. The caller
that shortens the deadlines confirms its result at the full deadline.
"""

from __future__ import annotations

import math
from typing import Final

from gritstone_conformance.attachment.settings import AttachSettings

__all__ = ["Deadlines"]

_TIMES_SLOWEST: Final = 20.0
_LEAST_S: Final = 0.25
_OF_GUESTS: Final = frozenset({"wit.step", "wit.query"})


class Deadlines:
    """The deadlines of the requests of one run.

    Attributes:
        shortened: whether operations that hung once get a shorter deadline.
        guest_s: seconds added for each transition and query, set by cases whose guests spend much fuel.
    """

    def __init__(self, settings: AttachSettings) -> None:
        self.shortened = False
        self.guest_s = 0.0
        self._settings = settings
        self._slowest_s: dict[str, float] = {}
        self._hung: set[str] = set()

    def note_reply(self, op: str, seconds: float) -> None:
        """Record how long a reply took that was in time."""
        if seconds > self._slowest_s.get(op, 0.0):
            self._slowest_s[op] = seconds

    def note_hang(self, op: str) -> None:
        """Record that the operation hung."""
        self._hung.add(op)

    def deadline_s(self, op: str, size_bytes: int) -> float:
        """Return the seconds after which a request is late; infinite if there are no deadlines."""
        full = self._settings.deadline_s(op, size_bytes)
        if full is None:
            return math.inf
        if op in _OF_GUESTS:
            full += self._settings.scaled_s(self.guest_s) if self.guest_s else 0.0
        if not self.shortened or op not in self._hung:
            return full
        return min(full, max(_TIMES_SLOWEST * self._slowest_s.get(op, 0.0), _LEAST_S))
