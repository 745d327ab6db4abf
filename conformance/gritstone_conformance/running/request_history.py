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
        self._cases: deque[tuple[Case, int, int]] = deque()
        self._steps = self._chars = 0
        self._ended = False

    def note(self, case: Case, *, drawn: bool = False) -> None:
        """Add a case that runs now; if ``drawn``, it is an example of a property and counts against the bounds."""
        if self._ended:
            self.clear()
        steps = len(case.steps) if drawn else 0
        chars = sum(_chars(value) for step in case.steps for value in step.args.values()) if drawn else 0
        self._cases.append((case, steps, chars))
        self._steps += steps
        self._chars += chars
        while self._steps > _MOST_STEPS or self._chars > _MOST_CHARS:
            _, steps, chars = self._cases.popleft()
            self._steps -= steps
            self._chars -= chars

    def end(self) -> None:
        """Record that the process has ended: the next case goes to another process."""
        self._ended = True

    def clear(self) -> None:
        """Remove all cases."""
        self._cases.clear()
        self._steps = self._chars = 0
        self._ended = False

    def before(self, case: Case) -> tuple[Case, ...]:
        """Return the cases before a case, in order; all of them if the case was not added."""
        earlier: list[Case] = []
        for other, _, _ in self._cases:
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
