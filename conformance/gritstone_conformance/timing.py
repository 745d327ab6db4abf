"""Times by which replies are judged, however busy the machine is.

Two figures are judged. *Work* is the processor time of the implementation: other programs do not add to it. If it
cannot be read, the trial gets a remark and it is 0, so that no limit on it is exceeded. *Waiting* is the time that has
passed, less the time during which the implementation or the suite was ready to run and other programs had the
processors.

A time that must not be too short is the plain time of the clock, since a busy machine only makes it longer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

from gritstone_conformance.attachment import procfs
from gritstone_conformance.trial import Divergence, SubjectLike, Trial

__all__ = ["Stopwatch", "with_more_time"]

_UNREAD: Final = "not measured: the processor time of the implementation cannot be read here"


class Stopwatch:
    """Measures from its creation on.

    Spec: :rule:`suite.verdict.busy`.
    """

    def __init__(self, trial: Trial, on: SubjectLike | None = None) -> None:
        """Begin to measure.

        Args:
            trial: the trial that judges the figures.
            on: the process to measure; None: that of the trial.
        """
        self._trial = trial
        self._process = trial.subject if on is None else on
        self._worked = self._process.cpu_seconds()
        self._queued = self._queued_s()
        self._began = time.perf_counter()

    def passed_s(self) -> float:
        """Return the seconds that have passed."""
        return time.perf_counter() - self._began

    def waiting_s(self) -> float:
        """Return the seconds that have passed, less those in which the processors were busy with something else."""
        passed = self.passed_s()
        return max(passed - max(self._queued_s() - self._queued, 0.0), 0.0)

    def worked_s(self) -> float:
        """Return the seconds of processor time that the implementation has used; 0 if that cannot be read."""
        worked = self._process.cpu_seconds()
        if worked is None or self._worked is None:
            self._trial.remark = _UNREAD
            return 0.0
        return max(worked - self._worked, 0.0)

    def _queued_s(self) -> float:
        return (self._process.queued_seconds() or 0.0) + procfs.own_queued_seconds()


def with_more_time(trial: Trial, attempt: Callable[[int], None], limits_ms: Sequence[int]) -> None:
    """Make an attempt with a limit that the implementation itself has to keep, and again with longer ones if it fails.

    On a busy machine a call may exceed a short limit that it keeps easily otherwise.

    Raises:
        Divergence: the attempt failed with each limit; that of the last one.
    """
    for limit_ms in limits_ms[:-1]:
        try:
            return attempt(limit_ms)
        except Divergence:
            trial.start_over()
    return attempt(limits_ms[-1])
