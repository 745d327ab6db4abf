"""Shrinking: how much of it a run allows itself, and the callback that is called while it goes on.

The first case of a rule and signature is shrunk for a minute at most. Whatever fails in the same way later mostly has
the same cause, so it gets a number of tries, which is the same in every run; and all cases together get three minutes.
The span of a search ends all of it.
What was cut says so in the report.

Spec: :rule:`suite.shrink.bounded`.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import Final, Protocol

from gritstone_conformance.planning.settings import Watcher

__all__ = ["Shrink", "Shrinking", "Spending"]

_TICK_S: Final = 0.25  # between two words to the watcher


class Spending(Protocol):
    """The settings of a run that bound shrinking."""

    @property
    def shrink_s(self) -> float:
        """Seconds for one failure."""

    @property
    def shrink_all_s(self) -> float:
        """Seconds for all failures of a run."""

    @property
    def shrink_tries(self) -> int:
        """Tries, of each kind, for a failure like one that was shrunk."""

    @property
    def watch(self) -> Watcher | None:
        """Who is told."""


@dataclass(slots=True)
class Shrink:
    """The shrinking of one failure.

    Attributes:
        case: the name of its case.
        until: when its time is over.
        tries_left: tries that are left now, or None: as many as fit into the time.
        beyond: what cut it if its time is over.
        watch: who is told.
        cut: why it was cut short, one of ``results.outcomes.CUTS``, or None.
        seconds: how long it took; known at its end.
    """

    case: str
    until: float
    tries_left: int | None
    beyond: str
    watch: Watcher | None
    cut: str | None = None
    seconds: float = 0.0
    _tries: int = 0
    _started: float = field(default_factory=time.monotonic)
    _told: float = field(default_factory=time.monotonic)

    def may_go_on(self) -> bool:
        """Count another try; returns whether there is room for it."""
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
        """Return whether there is time left, in the middle of a try."""
        now = time.monotonic()
        self._tell(now)
        if now >= self.until:
            self.cut = self.beyond
        return now < self.until

    def turn(self, tries: int) -> None:
        """Turn to another way of shrinking: it has tries of its own where they are counted."""
        self.tries_left = None if self.tries_left is None else tries

    def end(self) -> None:
        """Stop the clock."""
        self.seconds = time.monotonic() - self._started

    def _tell(self, now: float) -> None:
        if self.watch is not None and now - self._told >= _TICK_S:
            self._told = now
            self.watch(self.case, now - self._started, self._tries)


class Shrinking:
    """What a run has spent on shrinking.

    Attributes:
        until: when the search ends, and all shrinking with it; infinite where it has no span.
    """

    def __init__(self) -> None:
        self.until = math.inf
        self._all: list[Shrink] = []
        self._kinds: set[tuple[str, str]] = set()

    def begin(self, case: str, kind: tuple[str, str], run: Spending) -> Shrink:
        """Begin to shrink a failure of a case; its kind is the rule and the signature."""
        left_s = max(0.0, run.shrink_all_s - sum(shrink.seconds for shrink in self._all))
        tries = run.shrink_tries if kind in self._kinds else None
        self._kinds.add(kind)
        beyond = "time" if run.shrink_s <= left_s else "run"
        until = time.monotonic() + min(run.shrink_s, left_s)
        if self.until < until:
            beyond, until = "span", self.until
        shrink = Shrink(case, until, tries, beyond, run.watch)
        self._all.append(shrink)
        return shrink
