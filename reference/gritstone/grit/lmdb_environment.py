"""One generation of a durable store that is open in this process: LMDB's environment, and transactions in it.

Ids are random, and a batch of objects kept under their ids would dirty as many pages as it has objects, all over
the file. So ``objects`` leads from an id to a number, and ``encodings`` from the number to the bytes; numbers ascend,
and a batch writes its bytes one after the other. Batches of small objects commit twice as fast.

Which generation is in use, and what happens when a map is full, is decided in ``lmdb_store``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import lmdb

from gritstone.errors import InternalError, Rejected
from gritstone.grit.engine import Table
from gritstone.grit.residency import drop_pages

__all__ = ["MOVED", "Environment", "LmdbBatch", "LmdbView"]

MOVED = b"moved"
"""In META: the generation that took over."""

_ENCODINGS = b"encodings"  # number -> encoding
_LEAST_MAP_BYTES = 1 << 20
_MAX_READERS = 1_022
_RESIDENT_BYTES = 32 << 20


class Environment:
    """Hold one generation that is open in this process.

    Attributes:
        number: the generation.
        views: those that are open; they end with the environment.
        lmdb: LMDB's environment.
        tables: LMDB's databases, once they were opened.
        encodings: the database of encodings, once it was opened.
    """

    def __init__(self, path: Path, number: int, map_bytes: int) -> None:
        self.number = number
        self.views: set[LmdbView] = set()
        while True:
            try:
                self.lmdb = lmdb.open(
                    str(path),
                    subdir=False,
                    max_dbs=1 + len(Table),
                    map_size=map_bytes,
                    max_readers=_MAX_READERS,
                    max_spare_txns=2,
                    readahead=False,
                )
                break
            except lmdb.MemoryError:
                # The process may not reserve that many addresses.
                if map_bytes <= _LEAST_MAP_BYTES:
                    raise
                map_bytes //= 2
        self.path = path
        self.touched_bytes = 0  # about what was read and written since pages were dropped
        self.tables: dict[Table, Any] = {}
        self.encodings: Any = None

    def open_tables(self) -> None:
        """Open the databases; makes them in a new environment. Slots of readers that were killed are given back."""
        self.lmdb.reader_check()
        with self.lmdb.begin(write=True) as txn:  # one commit, whatever is made
            self.tables = {table: self.lmdb.open_db(table.value, txn=txn) for table in Table}
            self.encodings = self.lmdb.open_db(_ENCODINGS, txn=txn)

    def moved(self) -> bool:
        """Tell whether another generation took over, before the databases are opened."""
        with self.lmdb.begin() as txn:
            names = {bytes(name) for name, _ in txn.cursor()}
        if Table.META.value not in names:
            return False
        meta = self.lmdb.open_db(Table.META.value)
        with self.lmdb.begin() as txn:
            return txn.get(MOVED, db=meta) is not None

    def touch(self, size_bytes: int) -> None:
        """Count what was read or written, and now and then give the memory of the map back."""
        self.touched_bytes += size_bytes
        if self.touched_bytes >= _RESIDENT_BYTES:
            self.touched_bytes = 0
            drop_pages(self.path)

    def end_views(self) -> None:
        """End what reads in the map, since the map is about to change."""
        for view in list(self.views):
            view.end()

    def close(self) -> None:
        """Close the environment and end what reads in it."""
        self.end_views()
        self.lmdb.close()


class LmdbBatch:
    """Be the view and the batch: one transaction. See ``engine`` for what its methods promise.

    Attributes:
        deleted: whether bytes of an object were deleted or replaced.
        written_bytes: how many bytes of values were put.
    """

    __slots__ = ("_encodings", "_environment", "_last", "_tables", "_txn", "deleted", "written_bytes")

    def __init__(self, txn: lmdb.Transaction[memoryview], environment: Environment) -> None:
        self._txn = txn
        self._environment = environment
        self._tables = environment.tables
        self._encodings = environment.encodings
        self._last = -1  # the number given last to an encoding, once it is known; 0 if none was
        self.deleted = False
        self.written_bytes = 0

    def get(self, table: Table, key: bytes) -> bytes | None:
        """Give the value of a key, or None."""
        value = self._txn.get(key, db=self._tables[table])
        if value is None or table is not Table.OBJECTS:
            return None if value is None else bytes(value)
        encoding = self._txn.get(value, db=self._encodings)
        if encoding is None:
            raise InternalError(f"no encoding for the number of {key.hex()}")
        self._environment.touch(len(encoding))
        return bytes(encoding)

    def has(self, table: Table, key: bytes) -> bool:
        """Tell whether there is a value, without reading it."""
        return self._txn.get(key, db=self._tables[table]) is not None

    def keys(self, table: Table, start: bytes) -> Iterator[bytes]:
        """Give keys in ascending byte order, from the first one >= ``start`` on."""
        with self._txn.cursor(self._tables[table]) as cursor:
            if cursor.set_range(start) if start else cursor.first():
                yield from map(bytes, cursor.iternext(keys=True, values=False))

    def count(self, table: Table) -> int:
        """Give the number of keys."""
        return self._txn.stat(self._tables[table])["entries"]

    def put(self, table: Table, key: bytes, value: bytes) -> None:
        """Set the value of a key."""
        self.written_bytes += len(value)
        if table is not Table.OBJECTS:
            self._txn.put(key, value, db=self._tables[table])
            return
        number = self._next_number()
        if self._txn.put(key, number, overwrite=False, db=self._tables[table]):
            self._txn.put(number, value, append=True, db=self._encodings)
            self._last += 1
            return
        known = self._txn.get(key, db=self._tables[table])
        assert known is not None, "LMDB has just found the key"
        self.deleted = True
        self._txn.put(bytes(known), value, db=self._encodings)

    def delete(self, table: Table, key: bytes) -> None:
        """Remove a key; one that is absent stays absent."""
        number = self._txn.pop(key, db=self._tables[table])
        if number is not None and table is Table.OBJECTS:
            self.deleted = True
            self._txn.delete(bytes(number), db=self._encodings)

    def _next_number(self) -> bytes:
        if self._last < 0:
            with self._txn.cursor(self._encodings) as cursor:
                self._last = int.from_bytes(cursor.key(), "big") if cursor.last() else 0
        return (self._last + 1).to_bytes(8, "big")


class LmdbView(LmdbBatch):
    """Read in a transaction that lasts until it is ended."""

    __slots__ = ()

    def __init__(self, environment: Environment, txn: lmdb.Transaction[memoryview]) -> None:
        super().__init__(txn, environment)
        environment.views.add(self)

    def end(self) -> None:
        """End the transaction; again is fine."""
        if self in self._environment.views:
            self._environment.views.discard(self)
            self._txn.abort()
            self._txn = _Ended()  # type: ignore[assignment]


class _Ended:
    """Stand in for the transaction of a view that has ended, for whoever still reads."""

    def __getattr__(self, name: str) -> Any:
        raise Rejected("the view has ended: the map of the store had to grow", rule="grit.ref.snapshot")
