"""Check the pages of an LMDB file, since LMDB trusts them.

LMDB maps its file and follows the numbers in it. A truncated file ends the process by ``SIGBUS``, and a page
that was overwritten can make LMDB abort or read outside the page. ``check_header`` therefore runs before LMDB opens a
file, and ``check_pages`` before anything is read from it.

::

    page      number 8  pad 2  flags 2  lower 2  upper 2   then offsets of nodes, up to lower; nodes, from upper
    overflow  number 8  pad 2  flags 2  pages 4            then one value
    node      lo 2  hi 2  flags 2  key size 2              then the key; in a leaf also the value, of lo + hi bytes
    meta      magic 4  version 4  address 8  map 8  free database  main database  last page 8  transaction 8
    database  page bytes 4  flags 2  depth 2  branch pages 8  leaf pages 8  overflow pages 8  entries 8  root 8

The check reads the pages level by level from the roots, at most ``_MOST_PAGES`` of them: the time to open a store must
not grow with it. A store of up to about 2,000 pages is checked completely, a larger one from the roots down. Bytes of
objects are not checked here; they are hashed when they are read.

Written for the files of LMDB 0.9 on machines with 64 bits.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice, pairwise
from operator import ge
from pathlib import Path
from struct import Struct
from typing import NamedTuple

from gritstone.errors import Missing

__all__ = ["Pages", "check_header", "check_pages", "count_free_pages", "damaged", "read_pages", "zero_unused"]

_PAGE = Struct("=QHHHH")
_OVERFLOW = Struct("=QHHI")
_NODE = Struct("=HHHH")
_META = Struct("=IIQQ48s48sQQ")
_DATABASE = Struct("=IHHQQQQQ")
_NUMBER = Struct("=Q")
_PAGE_BYTES = _PAGE.size
_NODE_BYTES = _NODE.size

_MAGIC, _VERSION = 0xBEEFC0DE, 1
_BRANCH, _LEAF, _LONG, _META_PAGE = 1, 2, 4, 8
_LONG_VALUE, _SUB_DATABASE = 1, 2
_NONE = (1 << 64) - 1
_MOST_KEY_BYTES = 511
_MOST_PAGES = 2_048  # pages that one check reads
_MOST_UNWRITTEN_PAGES = 131_072  # that one LMDB transaction may allocate at the end of a file and not use
_ATTEMPTS = 4  # another process may write the page that is read


def damaged(path: Path, what: str) -> Missing:
    """Return the refusal for a file of a store that is absent, truncated or altered."""
    return Missing("a file of the store is damaged", rule="grit.store.damaged", code="corrupt", got=f"{path}: {what}")


class _DamageError(Exception):
    """A file is damaged; the message states how."""


@dataclass(frozen=True, slots=True)
class _Meta:
    page_bytes: int
    free: bytes
    main: bytes
    last_page: int
    transaction: int


@dataclass(slots=True)
class _Database:
    """One database: the counts in its record, and the actual counts.

    Attributes:
        name: its name; empty for the databases of LMDB itself.
        is_free: whether it is LMDB's list of free pages, whose keys are numbers.
        said: branch pages, leaf pages, overflow pages and entries according to the record.
        counted: the same, as counted.
        depth: levels.
        is_main: whether its values are records of databases.
    """

    name: bytes
    is_free: bool
    said: tuple[int, int, int, int]
    depth: int
    counted: list[int]
    is_main: bool = False


class _Place(NamedTuple):
    """A page that is still to be read.

    Attributes:
        database: the database that the page belongs to.
        page: the number of the page.
        level: the level of the page in the database; the root has 1.
        least: the lower bound (inclusive) of the keys in the page.
        bound: the upper bound (exclusive) of the keys in the page; None if there is none.
    """

    database: _Database
    page: int
    level: int
    least: bytes
    bound: bytes | None


@dataclass(slots=True)
class Pages:
    """The pages in use at one moment.

    Attributes:
        page_bytes: the size of a page.
        live: for each page of the file, 1 if it is in use.
        gaps: where in the file the unused bytes of pages in use begin and end.
        complete: whether every page in use was found.
        last_page: the highest page that LMDB allocated.
        transaction: the number of the last transaction at that moment.
    """

    page_bytes: int
    live: bytearray
    gaps: list[tuple[int, int]]
    complete: bool
    last_page: int
    transaction: int


def check_header(path: Path) -> None:
    """Check the data that LMDB reads when it opens a file: its first two pages and its size.

    Raises:
        Missing: the file is damaged (code ``corrupt``).
    """
    _repeat(path, lambda descriptor: _newest(_metas(descriptor)))


def check_pages(path: Path, transaction: int) -> None:
    """Check the pages in use, up to a number of pages; see the module.

    Args:
        path: the file.
        transaction: the last transaction of the moment to check. The caller reads in it, so its pages stay as they are.

    Raises:
        Missing: the file is damaged (code ``corrupt``).
    """
    _repeat(path, lambda descriptor: _Walk(descriptor, transaction, _MOST_PAGES).run())


def read_pages(path: Path, transaction: int) -> Pages:
    """Check all pages in use, however many there are, and return them.

    Args:
        path: the file.
        transaction: see ``check_pages``.

    Raises:
        Missing: the file is damaged (code ``corrupt``).
    """
    found: list[Pages] = []
    _repeat(path, lambda descriptor: found.append(_Walk(descriptor, transaction, None).run()))
    return found[-1]


def zero_unused(path: Path, pages: Pages) -> None:
    """Overwrite every byte that is not in use with zeros, durably.

    The caller must exclude other writers and readers of earlier moments.

    Raises:
        OSError: the medium failed.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        for begin, end in pages.gaps:
            _zero(descriptor, begin, end)
        file_pages = -(-os.fstat(descriptor).st_size // pages.page_bytes)
        for page in range(2, file_pages):
            if page >= len(pages.live) or not pages.live[page]:
                _zero(descriptor, page * pages.page_bytes, (page + 1) * pages.page_bytes)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _zero(descriptor: int, begin: int, end: int) -> None:
    data = os.pread(descriptor, end - begin, begin)
    if data.strip(b"\0"):  # a zero range may be a hole; writing to it would need space
        os.pwrite(descriptor, bytes(len(data)), begin)


def count_free_pages(path: Path, transaction: int) -> int:
    """Return the number of pages that LMDB can reuse without enlarging the file.

    Args:
        path: the file.
        transaction: see ``check_pages``.

    Raises:
        Missing: the file is damaged (code ``corrupt``).
    """
    found: list[int] = []
    _repeat(path, lambda descriptor: found.append(_Walk(descriptor, transaction, None, free_only=True).count_free()))
    return found[-1]


def _repeat(path: Path, check: Callable[[int], object]) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                check(descriptor)
            except _DamageError as error:
                if attempt == _ATTEMPTS:
                    raise damaged(path, str(error)) from None
            else:
                return
    finally:
        os.close(descriptor)


def _metas(descriptor: int) -> list[_Meta]:
    first = _read_meta(descriptor, 0, 0)
    return [first, _read_meta(descriptor, 1, first.page_bytes)]


def _newest(metas: list[_Meta]) -> _Meta:
    return max(metas, key=lambda meta: meta.transaction)


def _read_meta(descriptor: int, number: int, offset: int) -> _Meta:
    head = os.pread(descriptor, _PAGE_BYTES + _META.size, offset)
    if len(head) < _PAGE_BYTES + _META.size:
        raise _DamageError(f"the file ends before page {number}")
    page, _, flags, _, _ = _PAGE.unpack_from(head)
    magic, version, _, _, free, main, last_page, transaction = _META.unpack_from(head, _PAGE_BYTES)
    page_bytes = _DATABASE.unpack(free)[0]
    if (page, flags, magic, version) != (number, _META_PAGE, _MAGIC, _VERSION):
        raise _DamageError(f"page {number} is not a meta page of this version of LMDB")
    if page_bytes not in (1 << n for n in range(9, 17)) or (number and page_bytes != offset):
        raise _DamageError(f"page {number} has the invalid page size {page_bytes}")
    size = os.fstat(descriptor).st_size
    if size < 2 * page_bytes or not 1 <= last_page <= size // page_bytes + _MOST_UNWRITTEN_PAGES:
        raise _DamageError(f"the file is too small: {size} bytes, and its last page is {last_page}")
    return _Meta(page_bytes, free, main, last_page, transaction)


class _Walk:
    """One check of the pages in use at one moment."""

    def __init__(self, descriptor: int, transaction: int, most: int | None, *, free_only: bool = False) -> None:
        meta = next((one for one in _metas(descriptor) if one.transaction == transaction), None)
        if meta is None:
            raise _DamageError(f"the file has no meta page of transaction {transaction}")
        self._descriptor = descriptor
        self._page_bytes = meta.page_bytes
        self._last_page = meta.last_page
        file_pages = os.fstat(descriptor).st_size // meta.page_bytes
        # Pages that were allocated and not used may be after the end of the file. Then all others must be known.
        self._most = most if file_pages > meta.last_page else None
        self._pages = Pages(
            meta.page_bytes, bytearray(min(file_pages, meta.last_page + 1)), [], True, meta.last_page, transaction
        )
        self._pages.live[0:2] = b"\1\1"
        self._queue: deque[_Place] = deque()
        self._databases: list[_Database] = []
        self._free: list[int] = []
        self._read = 0  # pages that were read; of long values only the first
        self._add_database(b"", meta.free, is_free=True)
        if not free_only:
            self._add_database(b"", meta.main, is_main=True)

    def count_free(self) -> int:
        """Return the number of free pages."""
        while self._queue:
            self._read_page(self._queue.popleft())
        return len(self._free)

    def run(self) -> Pages:
        """Read pages level by level."""
        while self._queue:
            if self._most is not None and self._read >= self._most:
                self._pages.complete = False
                return self._pages
            self._read_page(self._queue.popleft())
        for database in self._databases:
            if tuple(database.counted) != database.said:
                raise _DamageError(f"the database {database.name!r} has {database.counted}, not {database.said}")
        free, live = set(self._free), self._pages.live
        if len(free) != len(self._free) or any(page < len(live) and live[page] for page in free):
            raise _DamageError("a page is both free and in use, or free twice")
        return self._pages

    def _add_database(self, name: bytes, record: bytes, *, is_free: bool = False, is_main: bool = False) -> None:
        pad, flags, depth, *said, root = _DATABASE.unpack(record)
        database = _Database(name, is_free, tuple(said), depth, [0, 0, 0, 0], is_main)
        if not is_free and (pad or flags):
            raise _DamageError(f"the database {name!r} has the flags {flags:#x}")
        if root == _NONE:
            if depth or any(said):
                raise _DamageError(f"the database {name!r} has no pages and a depth of {depth}")
            return
        if not 1 <= depth <= 32:
            raise _DamageError(f"the database {name!r} has a depth of {depth}")
        self._databases.append(database)
        self._queue.append(_Place(database, root, 1, b"", None))

    def _read_page(self, place: _Place) -> None:
        self._use(place.page, 1)
        data = os.pread(self._descriptor, self._page_bytes, place.page * self._page_bytes)
        page, _, flags, lower, upper = _PAGE.unpack_from(data)
        is_leaf = place.level == place.database.depth
        if page != place.page or flags != (_LEAF if is_leaf else _BRANCH):
            raise _DamageError(f"page {place.page} has the number {page} and the flags {flags:#x} in its header")
        if not _PAGE_BYTES < lower <= upper <= self._page_bytes or lower % 2 or upper % 2:
            raise _DamageError(f"page {page} has nodes from {upper} and offsets up to {lower}")
        begin = page * self._page_bytes
        self._pages.gaps.append((begin + lower, begin + upper))
        offsets = Struct(f"={(lower - _PAGE_BYTES) // 2}H").unpack_from(data, _PAGE_BYTES)
        if min(offsets) < upper or max(offsets) > self._page_bytes - _NODE_BYTES:
            raise _DamageError(f"page {page} has nodes outside its bounds")
        used = (self._read_leaf if is_leaf else self._read_branch)(place, data, offsets)
        if upper + used != self._page_bytes:
            raise _DamageError(f"the nodes of page {page} do not fill it from byte {upper}")

    def _use(self, number: int, count: int) -> None:
        self._read += 1
        live = self._pages.live
        if not 2 <= number <= len(live) - count:
            raise _DamageError(f"page {number} is in use, and the last one is {len(live) - 1}")
        if any(live[number : number + count]):
            raise _DamageError(f"page {number} is used twice")
        live[number : number + count] = b"\1" * count

    def _read_branch(self, place: _Place, data: bytes, offsets: tuple[int, ...]) -> int:
        database = place.database
        database.counted[0] += 1
        keys, children, used = [], [], 0
        for at in offsets:
            low, high, top, size = _NODE.unpack_from(data, at)
            keys.append(data[at + _NODE_BYTES : at + _NODE_BYTES + size])
            children.append(low | high << 16 | top << 32)
            used += (_NODE_BYTES + size + 1) & ~1
        keys[0] = place.least  # the first key of a branch page counts as its lower bound
        _check_order(place, keys)
        if len(keys) < 2:
            raise _DamageError(f"the branch page {place.page} has {len(keys)} nodes")
        for child, key, following in zip(children, keys, [*keys[1:], place.bound], strict=True):
            self._queue.append(_Place(database, child, place.level + 1, key, following))
        return used

    def _read_leaf(self, place: _Place, data: bytes, offsets: tuple[int, ...]) -> int:
        database = place.database
        database.counted[1] += 1
        database.counted[3] += len(offsets)
        is_plain = not (database.is_main or database.is_free)
        keys, used = [], 0
        for at in offsets:
            low, high, flags, size = _NODE.unpack_from(data, at)
            begin = at + _NODE_BYTES + size
            size_bytes = low | high << 16
            end = begin + (_NUMBER.size if flags & _LONG_VALUE else size_bytes)
            if end > self._page_bytes or not 0 < size <= _MOST_KEY_BYTES:
                raise _DamageError(f"page {place.page} has a node that ends at {end}")
            used += (end - at + 1) & ~1
            key = data[at + _NODE_BYTES : begin]
            keys.append(key)
            if flags or not is_plain:
                self._read_value(database, key, flags, data[begin:end], size_bytes)
        _check_order(place, keys)
        return used

    def _read_value(self, database: _Database, key: bytes, flags: int, data: bytes, size_bytes: int) -> None:
        if flags != (_SUB_DATABASE if database.is_main else flags & _LONG_VALUE):
            raise _DamageError(f"an entry of the database {database.name!r} has the flags {flags:#x}")
        if flags & _LONG_VALUE:
            (first,) = _NUMBER.unpack(data)
            self._check_long(database, first, size_bytes)
            if database.is_free:
                data = os.pread(self._descriptor, size_bytes, first * self._page_bytes + _PAGE_BYTES)
                self._read_free(data)
        elif database.is_main:
            if size_bytes != _DATABASE.size:
                raise _DamageError(f"the record of the database {key!r} has {size_bytes} bytes")
            self._add_database(key, data)
        elif database.is_free:
            self._read_free(data)

    def _check_long(self, database: _Database, first: int, size_bytes: int) -> None:
        count = (_PAGE_BYTES + size_bytes + self._page_bytes - 1) // self._page_bytes
        self._use(first, count)
        database.counted[2] += count
        page, _, flags, pages = _OVERFLOW.unpack(os.pread(self._descriptor, _OVERFLOW.size, first * self._page_bytes))
        if (page, flags, pages) != (first, _LONG, count):
            raise _DamageError(f"page {first} does not begin a value of {count} pages")
        begin = first * self._page_bytes
        self._pages.gaps.append((begin + _PAGE_BYTES + size_bytes, begin + count * self._page_bytes))

    def _read_free(self, data: bytes) -> None:
        """Read a list of free pages: how many they are, then their numbers, falling."""
        count = _NUMBER.unpack_from(data)[0] if len(data) >= _NUMBER.size else _NONE
        if len(data) % _NUMBER.size or not count < len(data) // _NUMBER.size:
            raise _DamageError("a list of free pages is truncated")
        free = Struct(f"={count}Q").unpack_from(data, _NUMBER.size)
        if free and not (free[0] <= self._last_page and free[-1] >= 2):
            raise _DamageError("a free page is outside of the file")
        if any(one <= other for one, other in pairwise(free)):
            raise _DamageError("a list of free pages is out of order")
        self._free += free


def _check_order(place: _Place, keys: list[bytes]) -> None:
    least, bound = place.least, place.bound
    if place.database.is_free:  # the keys are numbers, lowest byte first
        keys, least, bound = [key[::-1] for key in keys], least[::-1], bound and bound[::-1]
    if any(map(ge, keys, islice(keys, 1, None))):
        raise _DamageError(f"the keys of page {place.page} do not ascend")
    if keys[0] < least or (bound is not None and keys[-1] >= bound):
        raise _DamageError(f"a key of page {place.page} belongs to another page")
