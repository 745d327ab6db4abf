"""Kills on demand: counts durable writes, and ends the process at a given one.

A durable write is an update of a durable engine that changes something. ``before`` ends the process in the transaction,
after all changes were made and before the commit; ``after`` ends it after the commit has returned.

Spec: :rule:`harness.fault.exact`, :rule:`harness.fault.counts-all`.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TypeVar

from gritstone.grit.engine import Batch, Engine, Table, View

__all__ = ["CountedEngine", "Writes"]

_T = TypeVar("_T")


class Writes:
    """The count of the durable writes of this process.

    Attributes:
        count: the number of writes so far.
    """

    def __init__(self) -> None:
        self.count = 0
        self._last: int | None = None
        self._when = ""

    def arm(self, writes: int, when: str) -> None:
        """End the process at a write.

        Args:
            writes: the number of the write, counted from now; at least 1.
            when: ``before`` or ``after`` that write.
        """
        self._last, self._when = self.count + writes, when

    def begin(self) -> None:
        """Record that a write is about to be committed."""
        if self._when == "before" and self.count + 1 == self._last:
            _die()

    def end(self) -> None:
        """Record that a write was committed."""
        self.count += 1
        if self._when == "after" and self.count == self._last:
            _die()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class _CountedBatch:
    """A batch that records whether it changes anything."""

    __slots__ = ("_inner", "changed")

    def __init__(self, inner: Batch) -> None:
        self._inner = inner
        self.changed = False

    def get(self, table: Table, key: bytes) -> bytes | None:
        return self._inner.get(table, key)

    def has(self, table: Table, key: bytes) -> bool:
        return self._inner.has(table, key)

    def keys(self, table: Table, start: bytes) -> Iterator[bytes]:
        return self._inner.keys(table, start)

    def count(self, table: Table) -> int:
        return self._inner.count(table)

    def put(self, table: Table, key: bytes, value: bytes) -> None:
        self.changed = True
        self._inner.put(table, key, value)

    def delete(self, table: Table, key: bytes) -> None:
        self.changed = True
        self._inner.delete(table, key)


class CountedEngine(Engine):
    """An engine that forwards to a durable engine, and counts its writes."""

    def __init__(self, inner: Engine, writes: Writes) -> None:
        self._inner = inner
        self._writes = writes

    def view(self) -> AbstractContextManager[View]:
        """Open a view."""
        return self._inner.view()

    def update(self, work: Callable[[Batch], _T], *, freeing: bool = False) -> _T:
        """Change the tables by ``work``."""
        changed = False

        def counted(batch: Batch) -> _T:
            nonlocal changed
            seen = _CountedBatch(batch)
            result = work(seen)
            changed = seen.changed
            if changed:
                self._writes.begin()
            return result

        result = self._inner.update(counted, freeing=freeing)
        if changed:
            self._writes.end()
        return result

    def scrub(self) -> None:
        """Scrub; readers of the store see no difference."""
        self._inner.scrub()

    def close(self) -> None:
        """Close the engine."""
        self._inner.close()
