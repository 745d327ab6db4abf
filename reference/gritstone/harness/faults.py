"""Dying on demand: durable writes are counted, and one of them can be the last thing the process does.

A durable write is an update of a durable engine that changes something. ``before`` dies in the transaction, once all
changes are made and nothing is committed; ``after`` dies once the commit has returned.

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
    """Count the durable writes of this process.

    Attributes:
        count: how many there were.
    """

    def __init__(self) -> None:
        self.count = 0
        self._last: int | None = None
        self._when = ""

    def arm(self, writes: int, when: str) -> None:
        """Die at a write.

        Args:
            writes: at the how many-th from now, at least 1.
            when: ``before`` or ``after`` it.
        """
        self._last, self._when = self.count + writes, when

    def begin(self) -> None:
        """Be told that something is about to be written."""
        if self._when == "before" and self.count + 1 == self._last:
            _die()

    def end(self) -> None:
        """Be told that something was written."""
        self.count += 1
        if self._when == "after" and self.count == self._last:
            _die()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class _CountedBatch:
    """See whether a batch changes anything."""

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
    """Pass everything on to a durable engine, and count what it writes."""

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
        """Scrub; whoever reads the store sees no difference."""
        self._inner.scrub()

    def close(self) -> None:
        """Close the engine."""
        self._inner.close()
