"""One generation of a durable store that is open in this process: LMDB's environment, and transactions in it.

Ids are random. If objects were stored under their ids, a batch would write one page per object, spread over the whole
file. Therefore ``objects`` maps an id to a number, and ``encodings`` maps the number to the bytes. Numbers ascend, so a
batch writes its bytes consecutively. Batches of small objects commit twice as fast.

**Damage.** The pages of a file are checked before LMDB reads them (``lmdb_pages``). Objects are hashed when they are
read. Each value of the other tables ends with a checksum of table, key and value; a wrong checksum is reported as
damage. ``layout`` in META names this layout. A file with another layout is rejected.

``lmdb_store`` decides which generation is in use, and handles a full map.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from zlib import crc32

import lmdb

from gritstone.errors import Exhausted, GritstoneError, Rejected, StorageError
from gritstone.grit.engine import Table
from gritstone.grit.generations import mode_of
from gritstone.grit.lmdb_pages import check_header, check_pages, damaged
from gritstone.grit.residency import drop_pages

__all__ = ["MOVED", "LmdbBatch", "LmdbEnvironment", "LmdbView", "is_full", "typed"]

MOVED = b"moved"
"""In META: the number of the successor generation."""

_LAYOUT_KEY, _LAYOUT = b"layout", b"1"  # in META
_SEALED: dict[Table, int] = {table: crc32(table.value) for table in Table if table is not Table.OBJECTS}
_SEAL_BYTES = 4
_CHECKED_ENTRIES = 65_536  # of one table, when a file is opened
_PASSED_ON = (lmdb.MapFullError, lmdb.MapResizedError, lmdb.ReadersFullError)
_DAMAGE = (
    lmdb.CorruptedError,
    lmdb.PageNotFoundError,
    lmdb.InvalidError,
    lmdb.VersionMismatchError,
    lmdb.IncompatibleError,
    lmdb.NotFoundError,
)
_ENCODINGS = b"encodings"  # number -> encoding
_LEAST_MAP_BYTES = 1 << 20
_MAX_READERS = 1_022
_FULL = tuple(map(os.strerror, (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)))
_RESIDENT_BYTES = 32 << 20


def is_full(error: Exception) -> bool:
    """Return whether an error states that the medium is full; errors of LMDB have no number, so the text is checked."""
    text = str(error)
    return any(reason in text for reason in _FULL)


def typed(error: lmdb.Error, path: Path) -> GritstoneError | lmdb.Error:
    """Return the error to raise for an LMDB error; errors that the engine handles itself are returned unchanged."""
    if isinstance(error, _PASSED_ON):
        return error
    if isinstance(error, _DAMAGE):
        return damaged(path, str(error))
    if is_full(error):
        return Exhausted("the disk is full", rule="grit.store.full", got=str(error))
    return StorageError(f"{path}: {error}")


def _seal(table: Table, key: bytes, value: bytes) -> bytes:
    return value + crc32(value, crc32(key, _SEALED[table])).to_bytes(_SEAL_BYTES, "big")


class LmdbEnvironment:
    """One generation that is open in this process.

    Attributes:
        number: the generation.
        views: the open views; they end with the environment.
        lmdb: LMDB's environment.
        tables: LMDB's databases, after they were opened.
        encodings: the database of encodings, after it was opened.
    """

    def __init__(self, path: Path, number: int, map_bytes: int) -> None:
        """Open the environment of a file; create it if the file is absent.

        Raises:
            Missing: the file is not an LMDB environment or is truncated (code ``corrupt``).
            Exhausted: the medium is full.
            StorageError: the file cannot be opened.
        """
        self.number = number
        self.views: set[LmdbView] = set()
        self.path = path
        self.read_only = not (os.access(path.parent, os.W_OK) and (os.access(path, os.W_OK) or not path.exists()))
        if path.exists():
            check_header(path)
        self.lmdb = _open_lmdb(path, map_bytes, read_only=self.read_only)
        self.touched_bytes = 0  # approximately the bytes that were read and written since pages were dropped
        self.tables: dict[Table, Any] = {}
        self.encodings: Any = None

    def make_tables(self) -> None:
        """Create the databases of a new environment."""
        with self.lmdb.begin(write=True) as txn:  # one commit for all of them
            self._bind_tables(txn, create=True)
            self.put_meta(txn, _LAYOUT_KEY, _LAYOUT)

    def check(self) -> None:
        """Check the pages and the sealed tables, before anything else is read; see ``lmdb_pages`` for how much.

        Raises:
            Missing: the file is damaged (code ``corrupt``).
            Rejected: it has another layout.
        """
        with self.begin_reading() as txn:
            check_pages(self.path, txn.id())
        try:
            self._check_entries()
        except lmdb.Error as error:
            raise typed(error, self.path) from error

    def _check_entries(self) -> None:
        """Check the layout, and then the checksums of the first entries of each sealed table."""
        tables = {table: self.lmdb.open_db(table.value, create=False) for table in _SEALED}
        with self.lmdb.begin() as txn:
            sealed = txn.get(_LAYOUT_KEY, db=tables[Table.META])
            layout = None if sealed is None else self.unseal(Table.META, _LAYOUT_KEY, sealed)
            if layout != _LAYOUT:
                raise Rejected(
                    "the store has an unknown layout", rule="grit.store.format", got=layout, expected=_LAYOUT
                )
            for table, database in tables.items():
                with txn.cursor(database) as cursor:
                    for key, value in islice(cursor, _CHECKED_ENTRIES):
                        self.unseal(table, key, value)

    def open_tables(self) -> None:
        """Open the databases. Reader slots of killed processes are released.

        Raises:
            Missing: a database is absent (code ``corrupt``).
        """
        try:
            self.lmdb.reader_check()
            if self.read_only:
                self._bind_tables(None, create=False)
            else:
                with self.lmdb.begin(write=True) as txn:  # a handle of a reading transaction ends with it
                    self._bind_tables(txn, create=False)
        except lmdb.Error as error:
            raise typed(error, self.path) from error

    def _bind_tables(self, txn: lmdb.Transaction[bytes] | None, *, create: bool) -> None:
        self.tables = {table: self.lmdb.open_db(table.value, txn=txn, create=create) for table in Table}
        self.encodings = self.lmdb.open_db(_ENCODINGS, txn=txn, create=create)

    def begin_reading(self) -> lmdb.Transaction[memoryview]:
        """Begin a transaction that reads.

        Raises:
            StorageError: the database failed.
        """
        while True:
            try:
                return self.lmdb.begin(buffers=True)
            except lmdb.MapResizedError:
                self.follow_size()
            except lmdb.ReadersFullError:
                # LMDB releases slots of killed readers on demand only.
                if not self.lmdb.reader_check():
                    raise StorageError(f"{self.path}: too many readers, at most {_MAX_READERS}") from None
            except lmdb.Error as error:
                raise typed(error, self.path) from error

    def follow_size(self) -> None:
        """Adopt the map size that another process has set, which ends the views.

        Raises:
            StorageError: the address space is too small.
        """
        self.end_views()
        try:
            self.lmdb.set_mapsize(0)
        except lmdb.Error as error:
            raise typed(error, self.path) from error

    def get_meta(self, txn: lmdb.Transaction[Any], key: bytes) -> bytes | None:
        """Return an entry of the engine in META; None if it is absent.

        Raises:
            Missing: the entry is damaged (code ``corrupt``).
        """
        sealed = txn.get(key, db=self.tables[Table.META])
        return None if sealed is None else self.unseal(Table.META, key, sealed)

    def put_meta(self, txn: lmdb.Transaction[Any], key: bytes, value: bytes) -> None:
        """Set an entry of the engine in META."""
        txn.put(key, _seal(Table.META, key, value), db=self.tables[Table.META])

    def unseal(self, table: Table, key: bytes, sealed: bytes | memoryview) -> bytes:
        """Return a value without its checksum.

        Raises:
            Missing: the checksum is wrong (code ``corrupt``).
        """
        value = bytes(sealed[:-_SEAL_BYTES])
        if _seal(table, key, value) != sealed:
            raise damaged(self.path, f"wrong checksum of the key {key[:250]!r} in the table {table.name.lower()}")
        return value

    def successor(self) -> int | None:
        """Return the number of the successor generation; None if this one is in use. Needs the tables.

        Raises:
            Missing: the entry is not the number of a later generation (code ``corrupt``).
        """
        with self.begin_reading() as txn:
            moved = self.get_meta(txn, MOVED)
        if moved is None:
            return None
        if not moved.isdigit() or int(moved) <= self.number:
            raise damaged(self.path, f"generation {self.number} has the invalid successor {moved!r}")
        return int(moved)

    def has_old_readers(self, transaction: int) -> bool:
        """Return whether a process reads a state from before a transaction."""
        self.lmdb.reader_check()
        words = [line.split() for line in self.lmdb.readers().splitlines()]
        return any(line[-1].isdigit() and int(line[-1]) < transaction for line in words if line)

    def touch(self, size_bytes: int) -> None:
        """Count the bytes that were read or written, and release the memory of the map from time to time."""
        self.touched_bytes += size_bytes
        if self.touched_bytes >= _RESIDENT_BYTES:
            self.touched_bytes = 0
            drop_pages(self.path)

    def end_views(self) -> None:
        """End the views, because the map is about to change."""
        for view in list(self.views):
            view.end()

    def close(self) -> None:
        """Close the environment and end its views."""
        self.end_views()
        self.lmdb.close()


def _open_lmdb(path: Path, map_bytes: int, *, read_only: bool) -> lmdb.Environment:
    lock = True
    while True:
        try:
            return lmdb.open(
                str(path),
                subdir=False,
                max_dbs=1 + len(Table),
                map_size=map_bytes,
                max_readers=_MAX_READERS,
                max_spare_txns=2,
                readahead=False,
                readonly=read_only,
                lock=lock,
                mode=mode_of(path),
            )
        except lmdb.MemoryError:
            # The address space of the process is limited.
            if map_bytes <= _LEAST_MAP_BYTES:
                raise
            map_bytes //= 2
        except lmdb.Error as error:
            if not (read_only and lock):
                raise typed(error, path) from error
            lock = False  # the lock file cannot be written either


class LmdbBatch:
    """A view and batch: one transaction. See ``engine`` for the guarantees of its methods.

    Methods that read raise typed errors. Methods that write pass LMDB's errors to the engine, which knows whether the
    disk is full.

    Attributes:
        deleted: whether bytes of an object were deleted or replaced.
        written_bytes: the total size of the values that were put.
    """

    __slots__ = ("_encodings", "_environment", "_last", "_tables", "_txn", "deleted", "written_bytes")

    def __init__(self, txn: lmdb.Transaction[memoryview], environment: LmdbEnvironment) -> None:
        self._txn = txn
        self._environment = environment
        self._tables = environment.tables
        self._encodings = environment.encodings
        self._last = -1  # the highest number of an encoding (0 if there is none); -1 until it was read
        self.deleted = False
        self.written_bytes = 0

    def get(self, table: Table, key: bytes) -> bytes | None:
        """Return the value of a key, or None.

        Raises:
            Missing: the file is damaged (code ``corrupt``).
        """
        environment = self._environment
        try:
            value = self._txn.get(key, db=self._tables[table])
            if value is None:
                return None
            if table is not Table.OBJECTS:
                return environment.unseal(table, key, value)
            encoding = self._txn.get(value, db=self._encodings)
        except lmdb.Error as error:
            raise typed(error, environment.path) from error
        if encoding is None:
            raise damaged(environment.path, f"the object {key.hex()} has no encoding")
        environment.touch(len(encoding))
        return bytes(encoding)

    def has(self, table: Table, key: bytes) -> bool:
        """Return whether the key has a value, without reading it."""
        try:
            return self._txn.get(key, db=self._tables[table]) is not None
        except lmdb.Error as error:
            raise typed(error, self._environment.path) from error

    def keys(self, table: Table, start: bytes) -> Iterator[bytes]:
        """Yield keys in ascending byte order, from the first one >= ``start``."""
        try:
            with self._txn.cursor(self._tables[table]) as cursor:
                if cursor.set_range(start) if start else cursor.first():
                    yield from map(bytes, cursor.iternext(keys=True, values=False))
        except lmdb.Error as error:
            raise typed(error, self._environment.path) from error

    def count(self, table: Table) -> int:
        """Return the number of keys."""
        return self._txn.stat(self._tables[table])["entries"]

    def put(self, table: Table, key: bytes, value: bytes) -> None:
        """Set the value of a key."""
        self.written_bytes += len(value)
        if table is Table.OBJECTS:
            self._put_object(key, value)
        else:
            self._txn.put(key, _seal(table, key, value), db=self._tables[table])

    def _put_object(self, key: bytes, value: bytes) -> None:
        number = self._next_number()
        if self._txn.put(key, number, overwrite=False, db=self._tables[Table.OBJECTS]):
            self._txn.put(number, value, append=True, db=self._encodings)
            self._last += 1
            return
        known = self._txn.get(key, db=self._tables[Table.OBJECTS])
        assert known is not None, "LMDB has just found the key"
        self.deleted = True
        self._txn.put(bytes(known), value, db=self._encodings)

    def delete(self, table: Table, key: bytes) -> None:
        """Remove a key; do nothing if it is absent."""
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
    """A view: a transaction that lasts until ``end`` is called."""

    __slots__ = ()

    def __init__(self, environment: LmdbEnvironment, txn: lmdb.Transaction[memoryview]) -> None:
        super().__init__(txn, environment)
        environment.views.add(self)

    def end(self) -> None:
        """End the transaction; do nothing if it has ended."""
        if self in self._environment.views:
            self._environment.views.discard(self)
            self._txn.abort()
            self._txn = _Ended()  # type: ignore[assignment]


class _Ended:
    """A replacement for the transaction of a view that has ended; each access raises ``Rejected``."""

    def __getattr__(self, name: str) -> Any:
        raise Rejected("the view has ended: the map of the store had to grow", rule="grit.ref.snapshot")
