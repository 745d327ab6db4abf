"""How long a request may take, as far as it depends on what was seen before.

The table of deadlines is in ``terms``. While a failure is being shrunk the suite may be *hasty*: an operation that hung
once is then given twenty times the slowest good reply it ever needed, at least a quarter of a second, instead of its
whole deadline. A finding under a shortened deadline is confirmed at the full deadline by the caller that shortened it.
"""

from __future__ import annotations

import math
from typing import Final

from gritstone_conformance.attachment.terms import Terms

__all__ = ["Pace"]

_TIMES_SLOWEST: Final = 20.0
_LEAST_S: Final = 0.25
_OF_GUESTS: Final = frozenset({"wit.step", "wit.query"})


class Pace:
    """The deadlines of one run.

    Attributes:
        hasty: whether operations that hung once are given less time.
        guest_s: seconds more for a transition or query of which a case says that a guest will spend much on it.
    """

    def __init__(self, terms: Terms) -> None:
        self.hasty = False
        self.guest_s = 0.0
        self._terms = terms
        self._slowest_s: dict[str, float] = {}
        self._hung: set[str] = set()

    def note_reply(self, op: str, seconds: float) -> None:
        """Remember how long a reply in time took."""
        if seconds > self._slowest_s.get(op, 0.0):
            self._slowest_s[op] = seconds

    def note_hang(self, op: str) -> None:
        """Remember that the operation hung."""
        self._hung.add(op)

    def deadline_s(self, op: str, size_bytes: int) -> float:
        """Return the seconds after which a request is late; infinite where there are no deadlines."""
        full = self._terms.deadline_s(op, size_bytes)
        if full is None:
            return math.inf
        if op in _OF_GUESTS:
            full += self._terms.scaled_s(self.guest_s) if self.guest_s else 0.0
        if not self.hasty or op not in self._hung:
            return full
        return min(full, max(_TIMES_SLOWEST * self._slowest_s.get(op, 0.0), _LEAST_S))
