"""The size of a commit: how many changes are collected for one update of the store."""

from __future__ import annotations

from gritstone.grit.limits import Limits
from gritstone.runtime.batch import StepBatch

__all__ = ["CommitSize"]

_LEAST_GATHERED = 1_024  # objects
_MOST_BATCH_BYTES = 16 << 20  # of new objects that wait for a commit
_COMMIT_SHARE = 0.1


class CommitSize:
    """When a batch is committed while actors are ready."""

    def __init__(self, limits: Limits, most_objects: int) -> None:
        """Begin with small commits.

        Args:
            limits: the limits of the store.
            most_objects: the most new objects to collect.
        """
        self._limits = limits
        self._most_objects = most_objects
        self._objects = _LEAST_GATHERED
        self._committed_ms = 0.0

    def is_reached(self, batch: StepBatch) -> bool:
        """Return whether a batch has to be committed."""
        is_large = len(batch.objects) >= self._objects or batch.size_bytes >= _MOST_BATCH_BYTES
        return is_large or batch.names > self._limits.cas_names // 2

    def measure(self, begin_ms: float, end_ms: float) -> None:
        """Collect more for the next commit if commits take much of the time."""
        if end_ms - begin_ms > _COMMIT_SHARE * (end_ms - self._committed_ms):
            self._objects = min(2 * self._objects, self._most_objects)
        self._committed_ms = end_ms
