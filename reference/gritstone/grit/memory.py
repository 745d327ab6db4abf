"""The engine in memory: four dictionaries.

A view shares the dictionaries. The first update while a view is open copies them (their values are shared), so a view
costs nothing if there is no update while it is open. An update writes in place and records the replaced values, so that
a failed update can be undone. A lock keeps the updates of several threads apart, and views out of an update, because no
other object can be opened on the same data.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from threading import RLock
from types import TracebackType
from typing import TypeVar

from gritstone.grit.engine import Batch, Engine, Table, View

__all__ = ["MemoryEngine"]

_T = TypeVar("_T")


class _Tables:
    """The dictionaries of one moment, and the sorted keys of those that were scanned."""

    __slots__ = ("open_views", "order", "rows")

    def __init__(self, rows: dict[Table, dict[bytes, bytes]]) -> None:
        self.rows = rows
        self.order: dict[Table, list[bytes]] = {}
        self.open_views = 0

    def copy(self) -> _Tables:
        return _Tables({table: dict(rows) for table, rows in self.rows.items()})


class _MemoryBatch:
    """A view and batch: the same dictionaries, with a list of the changes to undo."""

    __slots__ = ("_tables", "_undo")

    def __init__(self, tables: _Tables) -> None:
        self._tables = tables
        self._undo: list[tuple[Table, bytes, bytes | None]] = []

    def get(self, table: Table, key: bytes) -> bytes | None:
        return self._tables.rows[table].get(key)

    def has(self, table: Table, key: bytes) -> bool:
        return key in self._tables.rows[table]

    def keys(self, table: Table, start: bytes) -> Iterator[bytes]:
        keys = self._tables.order.get(table)
        if keys is None:
            keys = self._tables.order[table] = sorted(self._tables.rows[table])
        for at in range(bisect_left(keys, start), len(keys)):
            yield keys[at]

    def count(self, table: Table) -> int:
        return len(self._tables.rows[table])

    def put(self, table: Table, key: bytes, value: bytes) -> None:
        rows = self._tables.rows[table]
        old = rows.get(key)
        self._undo.append((table, key, old))
        if old is None:
            self._tables.order.pop(table, None)
        rows[key] = value

    def delete(self, table: Table, key: bytes) -> None:
        old = self._tables.rows[table].pop(key, None)
        if old is not None:
            self._undo.append((table, key, old))
            self._tables.order.pop(table, None)

    def take_back(self) -> None:
        for table, key, old in reversed(self._undo):
            if old is None:
                del self._tables.rows[table][key]
            else:
                self._tables.rows[table][key] = old
            self._tables.order.pop(table, None)


class _MemoryView(AbstractContextManager[View]):
    __slots__ = ("_engine", "_tables")

    def __init__(self, engine: MemoryEngine) -> None:
        self._engine = engine

    def __enter__(self) -> View:
        with self._engine.lock:
            self._tables = self._engine.tables
            self._tables.open_views += 1
        return _MemoryBatch(self._tables)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._engine.lock:
            self._tables.open_views -= 1


class MemoryEngine(Engine):
    """Tables in dictionaries; the data ends with the object. Several threads can use it. See ``engine`` for the laws.

    Attributes:
        lock: held while the tables are changed, and while a view is opened or closed.
        tables: the present tables.
    """

    def __init__(self) -> None:
        self.lock = RLock()
        self.tables = _Tables({table: {} for table in Table})

    def view(self) -> AbstractContextManager[View]:
        """Open a view."""
        return _MemoryView(self)

    def update(self, work: Callable[[Batch], _T], *, freeing: bool = False) -> _T:
        """Change the tables by ``work``; never exhausted."""
        with self.lock:
            if self.tables.open_views:
                self.tables = self.tables.copy()
            batch = _MemoryBatch(self.tables)
            done = False
            try:
                result = work(batch)
                done = True
                return result
            finally:
                if not done:
                    batch.take_back()

    def scrub(self) -> None:
        """Do nothing: there are no files."""

    def close(self) -> None:
        """Release the tables."""
        self.tables = _Tables({table: {} for table in Table})
