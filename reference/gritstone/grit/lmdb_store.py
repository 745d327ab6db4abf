"""The engine that keeps its tables in a directory: LMDB.

An update is one write transaction and is on the disk before it returns; several processes may have the
directory open. When the map is full the transaction is aborted, the map doubled, and the work run again.

**Scrubbing.** LMDB copies pages when it writes, so a deleted value stays in free pages, and parts of it in
unused bytes of others. A write within the environment is not certain to remove them. ``scrub`` therefore makes a new
*generation*: a compacted copy, which has only the used bytes of live pages, in a separate file.

1. While the write lock of generation 7 is held, its compacted copy is written as ``grit-8.mdb.new`` and synced.
2. The copy is renamed to ``grit-8.mdb``, and the directory synced.
3. Generation 7 records that it moved to 8, and commits. From now on 8 is the store.
4. The files of 7 are removed.

A process that dies before 3 leaves 7 in use; the next scrub removes the files of 8. A process that dies
after 3 leaves 7 to be removed by the next process that opens the directory or switches. A process that has 7 open
notices in its next view or update that it moved, and switches to 8. A view that is open continues to read the old
file, which no longer has a name. A generation is removed only when its successor is open: in a copy of a directory
that was taken during a scrub the successor can be absent, and the moved generation is then the only file with objects.
The transaction that deletes an object also records that its generation needs scrubbing, so the next scrub completes
the work of one that was killed.

A scrub costs as much as copying the store. Only ``erase`` needs it. If the medium has no space for a copy, the unused
bytes are overwritten in place. That needs no space, but is impossible while a process reads an earlier moment.

**A full medium.** Updates that free space may use the space of the reserve; see ``reserve``.

Spec: :rule:`grit.store.crash`, :rule:`grit.store.full`, :rule:`grit.erase.gone`, :rule:`grit.store.serial`.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import lmdb

from gritstone.errors import Exhausted, Missing, Rejected, StorageError
from gritstone.files import sync_folder
from gritstone.grit.engine import Batch, Engine, Table, View
from gritstone.grit.formats import Format
from gritstone.grit.generations import LOCK_BYTES, Generations, mode_of, reserve_lock
from gritstone.grit.limits import DEFAULT_LIMITS, Limits
from gritstone.grit.lmdb_environment import MOVED, LmdbBatch, LmdbEnvironment, LmdbView, is_full, typed
from gritstone.grit.lmdb_pages import count_free_pages, damaged, read_pages, zero_unused
from gritstone.grit.reserve import RESERVE_BYTES, Reserve
from gritstone.grit.store import Store

__all__ = ["LmdbEngine", "open_durable"]

_T = TypeVar("_T")
_R = TypeVar("_R")

_MAP_BYTES = 1 << 36  # address space, neither memory nor disk; growing it later would end the views of this process
_DELETED = b"deleted"  # in META: the generation in which objects were deleted since it was made
_CUT_SHORT = os.strerror(errno.EIO)
_SLACK_BYTES = 4 << 20


def open_durable(
    directory: str | Path,
    format_: Format,
    *,
    create: bool = True,
    limits: Limits = DEFAULT_LIMITS,
    map_bytes: int = _MAP_BYTES,
) -> Store:
    """Open the store of a directory, or create one. A process may open a directory only once at a time.

    Args:
        directory: where the store is; created if absent and ``create`` is true. Its parent must exist. If it is there
            already, it must be empty, or have a store or what an interrupted creation has left.
        format_: the format of the store.
        create: whether to create a store if there is none.
        limits: what the store accepts.
        map_bytes: the initial address space to reserve; the map grows on demand.

    Raises:
        Missing: there is no store, and ``create`` is false.
        Rejected: the store has another format (code ``format``); or there is no store, and the directory has other
            files.
        Exhausted: the medium is full.

    Spec: :rule:`grit.store.format`, :rule:`harness.store.reopen`.
    """
    engine = LmdbEngine(Path(directory), create=create, map_bytes=map_bytes)
    try:
        return Store.open(engine, format_, create=create, limits=limits)
    except BaseException:
        engine.close()
        raise


class _OpenView(AbstractContextManager[View]):
    __slots__ = ("_engine", "_view")

    def __init__(self, engine: LmdbEngine) -> None:
        self._engine = engine

    def __enter__(self) -> View:
        self._view = self._engine.begin_view()
        return self._view

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._engine.end_view(self._view)


class LmdbEngine(Engine):
    """Tables in a directory. See ``engine`` for the laws, and the module for how bytes are removed."""

    def __init__(self, directory: Path, *, create: bool, map_bytes: int = _MAP_BYTES) -> None:
        """Open the environment in use, or create one.

        Raises:
            Missing: there is no store, and ``create`` is false.
            Rejected: there is no store, and the directory has other files.
            Exhausted: the medium is full.
        """
        self._map_bytes = map_bytes
        self._left: list[LmdbEnvironment] = []  # older generations that views of this process still read
        if create:
            directory.mkdir(0o700, exist_ok=True)
        elif not directory.is_dir():
            raise _no_store(directory)
        self._files = Generations(directory)
        self._reserve = Reserve(directory)
        self._holds_lock = False
        with self._locked():
            self._environment = self._open(create=create)
            if not self._environment.read_only:
                self._reserve.fill()

    def view(self) -> AbstractContextManager[View]:
        """Open a view."""
        return _OpenView(self)

    def begin_view(self) -> LmdbView:
        """Begin to read the present state; switch to a newer generation if there is one."""
        while True:
            txn = self._environment.begin_reading()
            if txn.get(MOVED, db=self._environment.tables[Table.META]) is None:
                return LmdbView(self._environment, txn)
            txn.abort()
            self._go_over()

    def end_view(self, view: LmdbView) -> None:
        """End a view; the last one of an older generation closes it."""
        view.end()
        for environment in [one for one in self._left if not one.views]:
            self._left.remove(environment)
            environment.close()

    def update(self, work: Callable[[Batch], _T], *, freeing: bool = False) -> _T:
        """Change the tables by ``work`` in one durable transaction.

        Raises:
            Exhausted: the disk is full, or the address space is; nothing changed.
        """
        try:
            return self._update(work, freeing=freeing)
        except Exhausted:
            if not freeing or not self._empty_reserve():
                raise
        try:
            return self._update(work, freeing=freeing)
        finally:
            self._fill_reserve()

    def _update(self, work: Callable[[Batch], _T], *, freeing: bool) -> _T:
        while True:
            done = self._in_map(lambda: self._try(work, freeing=freeing))
            if done:
                return done[0]
            self._go_over()

    def _empty_reserve(self) -> bool:
        with self._locked():
            return self._reserve.empty()

    def _fill_reserve(self) -> bool:
        with self._locked():
            return self._reserve.fill()

    def scrub(self) -> None:
        """Switch to a new generation if objects were deleted in this one; see the module."""
        with self._locked():
            while self._environment.successor() is not None:
                self._go_over_locked()
            try:
                if self._in_map(self._try_successor):
                    self._go_over_locked()
            except Exhausted:
                self._in_map(self._scrub_in_place)
            finally:
                self._reserve.fill()

    def close(self) -> None:
        """Close all environments. Open views end."""
        for environment in (*self._left, self._environment):
            environment.close()
        self._left.clear()

    # --- transactions ----------------------------------------------------------------------------------

    def _try(self, work: Callable[[Batch], _T], *, freeing: bool) -> tuple[_T] | None:
        """Run work once; return None if the generation moved before."""
        environment = self._environment
        if environment.read_only:
            raise Exhausted("the store cannot be written", rule="grit.store.full", got=str(environment.path))
        batch: LmdbBatch | None = None
        try:
            with environment.lmdb.begin(write=True, buffers=True) as txn:
                meta = environment.tables[Table.META]
                if txn.get(MOVED, db=meta) is not None:
                    return None
                batch = LmdbBatch(txn, environment)
                result = work(batch)
                if batch.deleted:
                    environment.put_meta(txn, _DELETED, b"%d" % environment.number)
                if batch.written_bytes and not (freeing or self._reserve.is_full or self._fill_reserve()):
                    self._check_free_pages(txn.id() - 1, batch.written_bytes)
            environment.touch(batch.written_bytes)
        except lmdb.Error as error:
            raise self._refused(error, environment.path, batch.written_bytes if batch else 0) from error
        return (result,)

    def _check_free_pages(self, transaction: int, written_bytes: int) -> None:
        """Reject an update that would not leave space for one that frees space; called if there is no reserve.

        Raises:
            Exhausted: the file has too few free pages.
        """
        path = self._environment.path
        free_bytes = count_free_pages(path, transaction) * self._environment.lmdb.stat()["psize"]
        if free_bytes < RESERVE_BYTES + 2 * written_bytes:
            raise Exhausted("the disk is full", rule="grit.store.full", got=f"{free_bytes} bytes free in {path}")

    def _in_map(self, attempt: Callable[[], _R]) -> _R:
        """Run an attempt to write; repeat it if the map had to grow."""
        while True:
            try:
                return attempt()
            except lmdb.MapFullError:
                self._grow(2 * self._environment.lmdb.info()["map_size"])
            except lmdb.MapResizedError:
                self._environment.follow_size()

    def _grow(self, map_bytes: int) -> None:
        """Enlarge the map, which ends the views."""
        environment = self._environment
        environment.end_views()
        try:
            environment.lmdb.set_mapsize(map_bytes)
        except lmdb.MemoryError:
            environment.close()
            with self._locked():
                self._environment = self._open(create=False)
            raise Exhausted("the address space is exhausted", rule="grit.store.full", got=map_bytes) from None

    def _refused(self, error: lmdb.Error | OSError, path: Path, written_bytes: int) -> Exception:
        """Return the error to raise for an error of a write."""
        text = str(error)
        has_no_room = is_full(error)
        if _CUT_SHORT in text:
            # LMDB reports an incomplete write as an I/O error.
            room = os.statvfs(self._files.directory)
            has_no_room = room.f_bavail * room.f_frsize < written_bytes + _SLACK_BYTES
        if has_no_room:
            return Exhausted("the disk is full", rule="grit.store.full", got=text)
        return typed(error, path) if isinstance(error, lmdb.Error) else StorageError(text)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Acquire the lock of the directory, unless this engine holds it already."""
        if self._holds_lock:
            yield
            return
        with self._files.locked():
            self._holds_lock = True
            try:
                yield
            finally:
                self._holds_lock = False

    # --- generations -----------------------------------------------------------------------------------

    def _open(self, *, create: bool) -> LmdbEnvironment:
        """Open the generation in use, and remove those that it replaced. Needs the lock of the directory.

        Raises:
            Missing: there is no store, and ``create`` is false; or the generation in use is absent or damaged (code
                ``corrupt``). No file was removed.
        """
        number = self._files.first()
        if number is None:
            if not create:
                raise _no_store(self._files.directory)
            self._create()
            number = 0
        return self._follow(number)

    def _follow(self, number: int) -> LmdbEnvironment:
        """Open the last generation in a chain of successors, and then remove the others.

        Raises:
            Missing: a generation of the chain is absent or damaged (code ``corrupt``). No file was removed.
        """
        replaced: list[int] = []
        while True:
            environment = self._open_generation(number)
            successor = environment.successor()
            if successor is None:
                break
            environment.close()
            replaced.append(number)
            number = successor
        if not environment.read_only:
            for each in replaced:
                self._files.remove(each)
        return environment

    def _open_generation(self, number: int) -> LmdbEnvironment:
        path = self._files.path(number)
        if not path.exists():
            raise damaged(path, "the store moved to this generation, and its file is absent")
        self._reserve_lock(path)
        environment = LmdbEnvironment(path, number, self._map_bytes)
        try:
            environment.check()
            environment.open_tables()
            environment.successor()
        except BaseException:
            environment.close()
            raise
        return environment

    def _reserve_lock(self, path: Path) -> None:
        """Reserve the space of a lock file; on a full medium, take it from the reserve.

        Raises:
            Exhausted: the medium is full, and the reserve is empty.
        """
        while True:
            try:
                reserve_lock(path, mode_of(path))
            except OSError as error:
                if not is_full(error):
                    return  # for example a medium that cannot be written: LMDB opens it in another way, or reports why
                if not self._reserve.lend(2 * LOCK_BYTES):
                    raise self._refused(error, path, 0) from error
            else:
                return

    def _create(self) -> None:
        """Write the first generation as a draft, and publish it complete: a file with a final name is never empty.

        Raises:
            Rejected: the directory has other files.
            Exhausted: the medium is full.
        """
        draft = self._files.draft(0)
        foreign = self._files.foreign()
        if foreign is not None:
            raise Rejected(
                "the directory has other files and no store",
                rule="grit.store.format",
                got=str(draft.with_name(foreign)),
            )
        self._files.discard(draft)
        try:
            reserve_lock(draft, mode_of(draft))
            environment = LmdbEnvironment(draft, 0, self._map_bytes)
            try:
                environment.make_tables()
            finally:
                environment.close()
            self._files.publish(draft, 0)
            sync_folder(self._files.directory.parent)
        except (lmdb.Error, OSError) as error:
            raise self._refused(error, draft, 0) from error

    def _go_over(self) -> None:
        with self._locked():
            self._go_over_locked()

    def _go_over_locked(self) -> None:
        """Leave a generation that moved. Its files are removed after the successor was opened.

        Raises:
            Missing: the successor is absent or damaged (code ``corrupt``); this generation stays open.
        """
        old = self._environment
        successor = old.successor()
        assert successor is not None, "the generation has not moved"
        if not self._files.path(successor).exists() and not self._files.path(old.number).exists():
            # Another process has moved further: it removed this generation first, and then its successor.
            successor = self._files.first() or successor
        self._environment = self._follow(successor)
        if old.views:
            self._left.append(old)
        else:
            old.close()
        self._files.remove(old.number)

    def _try_successor(self) -> bool:
        """Write the next generation and record it as successor; return False if nothing was deleted in this one.

        Raises:
            Exhausted: there is not enough space for a scrubbed copy.
        """
        old = self._environment
        number = old.number + 1
        draft = self._files.draft(number)
        try:
            with old.lmdb.begin(write=True) as txn:
                if old.get_meta(txn, _DELETED) != b"%d" % old.number:
                    return False
                self._files.remove_rubbish(old.number)
                reserve_lock(self._files.path(number), mode_of(old.path))
                with draft.open("xb") as file:
                    os.fchmod(file.fileno(), mode_of(old.path))
                    old.lmdb.copyfd(file.fileno(), compact=True)
                self._files.publish(draft, number)
                old.put_meta(txn, MOVED, b"%d" % number)
        except (lmdb.Error, OSError) as error:
            self._files.discard(draft)
            if not self._files.path(number).exists():  # else this generation may have recorded that it moved there
                self._files.discard(self._files.path(number))
            raise self._refused(error, draft, old.path.stat().st_size) from error
        return True

    def _scrub_in_place(self) -> None:
        """Overwrite the unused bytes of this generation, because there is no space for the next one.

        Raises:
            Exhausted: another process reads an earlier moment, so nothing can be overwritten.
        """
        environment = self._environment
        environment.end_views()
        try:
            with environment.lmdb.begin(write=True) as txn:  # excludes other writers
                present = txn.id() - 1
                if environment.has_old_readers(present):
                    raise Exhausted("the disk is full, and the store is being read", rule="grit.store.full")
                zero_unused(environment.path, read_pages(environment.path, present))
                txn.delete(_DELETED, db=environment.tables[Table.META])
        except (lmdb.Error, OSError) as error:
            raise self._refused(error, environment.path, 0) from error


def _no_store(directory: Path) -> Missing:
    return Missing("the directory has no store", rule="grit.store.format", got=str(directory))
