"""The time limits of shrinking, and the callback that shows its progress.

The first failure with a rule and a signature is shrunk for at most a minute. Later failures with the same rule and
signature mostly have the same cause, so they get a number of tries, which is equal in every run. All failures together
get three minutes. The end of a search also ends shrinking. A report states where shrinking was cut short.

Spec: :rule:`suite.shrink.bounded`.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import Final, Protocol

from gritstone_conformance.planning.settings import OnProgress

__all__ = ["Shrink", "Shrinking", "Spending"]

_TICK_S: Final = 0.25  # between two calls of the callback


class Spending(Protocol):
    """The settings of a run that limit shrinking."""

    @property
    def shrink_s(self) -> float:
        """Seconds for one failure."""

    @property
    def shrink_all_s(self) -> float:
        """Seconds for all failures of a run."""

    @property
    def shrink_tries(self) -> int:
        """How many tries, of each kind, for a failure with the rule and signature of an earlier one."""

    @property
    def progress(self) -> OnProgress | None:
        """The progress callback, or None."""


@dataclass(slots=True)
class Shrink:
    """The shrinking of one failure.

    Attributes:
        case: the name of its case.
        until: the end of its time.
        tries_left: how many tries are left; None: limited by time only.
        beyond: the value of ``cut`` if its time ends.
        progress: the progress callback, or None.
        cut: why it was cut short, one of ``results.outcomes.CUTS``, or None.
        seconds: its duration; set at its end.
    """

    case: str
    until: float
    tries_left: int | None
    beyond: str
    progress: OnProgress | None
    cut: str | None = None
    seconds: float = 0.0
    _tries: int = 0
    _started: float = field(default_factory=time.monotonic)
    _told: float = field(default_factory=time.monotonic)

    def may_go_on(self) -> bool:
        """Count another try; return whether it is allowed."""
        now = time.monotonic()
        if now >= self.until:
            self.cut = self.beyond
        elif self.tries_left == 0:
            self.cut = "alike"
        else:
            self._tries += 1
            self.tries_left = None if self.tries_left is None else self.tries_left - 1
            self._tell(now)
            return True
        return False

    def in_time(self) -> bool:
        """Return whether there is time left; called during a try."""
        now = time.monotonic()
        self._tell(now)
        if now >= self.until:
            self.cut = self.beyond
        return now < self.until

    def turn(self, tries: int) -> None:
        """Start another method of shrinking, with its own number of tries if they are counted."""
        self.tries_left = None if self.tries_left is None else tries

    def end(self) -> None:
        """Stop the clock."""
        self.seconds = time.monotonic() - self._started

    def _tell(self, now: float) -> None:
        if self.progress is not None and now - self._told >= _TICK_S:
            self._told = now
            self.progress(self.case, now - self._started, self._tries)


class Shrinking:
    """The time that a run has spent on shrinking.

    Attributes:
        until: the end of the search, which ends all shrinking; infinite if the search has no time limit.
    """

    def __init__(self) -> None:
        self.until = math.inf
        self._all: list[Shrink] = []
        self._kinds: set[tuple[str, str]] = set()

    def begin(self, case: str, kind: tuple[str, str], run: Spending) -> Shrink:
        """Start to shrink a failure of a case; its kind is the rule and the signature."""
        left_s = max(0.0, run.shrink_all_s - sum(shrink.seconds for shrink in self._all))
        tries = run.shrink_tries if kind in self._kinds else None
        self._kinds.add(kind)
        beyond = "time" if run.shrink_s <= left_s else "run"
        until = time.monotonic() + min(run.shrink_s, left_s)
        if self.until < until:
            beyond, until = "span", self.until
        shrink = Shrink(case, until, tries, beyond, run.progress)
        self._all.append(shrink)
        return shrink
