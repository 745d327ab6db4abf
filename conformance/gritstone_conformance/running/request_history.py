"""The history of requests to a process: the cases since its start, to find those that led to a fault.

Vectors are stored as they are; each example of a property is stored as a case with its requests. The history of
examples is bounded: their last 20,000 steps, and about 32 MiB of arguments.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from gritstone_conformance.cases import Case
from gritstone_conformance.replies import Json

__all__ = ["RequestHistory"]

_MOST_STEPS: Final = 20_000
_MOST_CHARS: Final = 32 << 20
_CHARS_OF_AN_ITEM: Final = 80


class RequestHistory:
    """The cases that were sent to the current process; empty for a new process."""

    def __init__(self) -> None:
        self._cases: dict[int, Case] = {}
        self._drawn: deque[tuple[int, int, int]] = deque()
        self._noted = self._steps = self._chars = 0
        self._ended = False

    def note(self, case: Case, *, drawn: bool = False) -> None:
        """Add a case that runs now; if ``drawn``, it is an example of a property and counts against the bounds."""
        if self._ended:
            self.clear()
        self._noted += 1
        self._cases[self._noted] = case
        if not drawn:
            return
        chars = sum(_chars(value) for step in case.steps for value in step.args.values())
        self._drawn.append((self._noted, len(case.steps), chars))
        self._steps += len(case.steps)
        self._chars += chars
        while self._steps > _MOST_STEPS or self._chars > _MOST_CHARS:
            number, steps, chars = self._drawn.popleft()
            del self._cases[number]
            self._steps -= steps
            self._chars -= chars

    def end(self) -> None:
        """Record that the process has ended: the next case goes to another process."""
        self._ended = True

    def clear(self) -> None:
        """Remove all cases."""
        self._cases.clear()
        self._drawn.clear()
        self._noted = self._steps = self._chars = 0
        self._ended = False

    def before(self, case: Case) -> tuple[Case, ...]:
        """Return the cases before a case, in order; all of them if the case was not added."""
        earlier: list[Case] = []
        for other in self._cases.values():
            if other is case:
                break
            earlier.append(other)
        return tuple(earlier)


def _chars(value: Json) -> int:
    """Return the approximate size of a value in characters."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, list):
        return _CHARS_OF_AN_ITEM * len(value) + sum(_chars(item) for item in value)
    if isinstance(value, dict):
        return _CHARS_OF_AN_ITEM + sum(_chars(item) for item in value.values())
    return 8
