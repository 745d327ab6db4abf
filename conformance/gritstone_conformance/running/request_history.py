"""The past of a process: the cases it was asked since it started, so that one that poisoned it can be found.

Vectors are kept as they are; of a property each example is kept as the case that its requests make. What is kept is
bounded: of examples the last 20,000 steps and about 32 MiB of their arguments.
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
    """What one process after the other was asked; a new process begins with nothing."""

    def __init__(self) -> None:
        self._cases: deque[tuple[Case, int, int]] = deque()
        self._steps = self._chars = 0
        self._ended = False

    def note(self, case: Case, *, drawn: bool = False) -> None:
        """Add a case that is run now; ``drawn``: only this history keeps it, so it counts against the bounds."""
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
        """The process has ended: whatever is noted from now on is asked of another one."""
        self._ended = True

    def clear(self) -> None:
        """Forget everything."""
        self._cases.clear()
        self._steps = self._chars = 0
        self._ended = False

    def before(self, case: Case) -> tuple[Case, ...]:
        """Return the requests before a case, in order; all of them when the case was not noted."""
        earlier: list[Case] = []
        for other, _, _ in self._cases:
            if other is case:
                break
            earlier.append(other)
        return tuple(earlier)


def _chars(value: Json) -> int:
    """Return about how much room a value takes."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, list):
        return _CHARS_OF_AN_ITEM * len(value) + sum(_chars(item) for item in value)
    if isinstance(value, dict):
        return _CHARS_OF_AN_ITEM + sum(_chars(item) for item in value.values())
    return 8
