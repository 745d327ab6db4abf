"""The files of a durable store: one LMDB environment in use, named by a generation.

::

    grit-7.mdb  grit-7.mdb-lock       the environment in use, and LMDB's lock file
    grit-8.mdb.new                    a successor that is being written
    grit-8.mdb                        a successor; in use as soon as 7 records that it moved

Several processes share a directory. A process that lists, creates or removes files holds the lock of the directory
itself, which is released when the process ends. LMDB locks the content of an environment.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gritstone.files import sync_folder

__all__ = ["LOCK_BYTES", "Generations", "mode_of", "reserve_lock"]

LOCK_BYTES = 1 << 16
"""The size of LMDB's lock file for 1,022 readers."""

_FILE = re.compile(r"grit-(0|[1-9][0-9]{0,17})\.mdb")
_BLOCK_BYTES = 512  # of st_blocks


@dataclass(frozen=True, slots=True)
class Generations:
    """The generation files of one directory.

    Attributes:
        directory: where the files are; it exists.
    """

    directory: Path

    def path(self, number: int) -> Path:
        """Return the path of the data file of a generation."""
        return self.directory / f"grit-{number}.mdb"

    def draft(self, number: int) -> Path:
        """Return the name of a generation's data file while it is being written."""
        return self.directory / f"grit-{number}.mdb.new"

    def foreign(self) -> str | None:
        """Return the name of a file that no interrupted creation has left; None if there is none. Needs the lock."""
        draft = self.draft(0).name
        return min((name for name in os.listdir(self.directory) if name not in (draft, f"{draft}-lock")), default=None)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lock of the directory. A thread must not acquire it twice."""
        descriptor = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def first(self) -> int | None:
        """Return the lowest generation that has a data file; None if there is none. Needs the lock."""
        found = (_FILE.fullmatch(name) for name in os.listdir(self.directory))
        return min((int(match[1]) for match in found if match), default=None)

    def remove(self, number: int) -> None:
        """Remove the files of a generation whose successor is open. Needs the lock."""
        self.discard(self.path(number))

    def discard(self, path: Path) -> None:
        """Remove a data file and its lock file, if they exist. Needs the lock."""
        path.unlink(missing_ok=True)
        path.with_name(path.name + "-lock").unlink(missing_ok=True)

    def remove_rubbish(self, number: int) -> None:
        """Remove the files that incomplete scrubs left. Needs the lock.

        Args:
            number: the generation in use; its files stay.
        """
        keep = self.path(number).name
        for name in os.listdir(self.directory):
            if name.startswith("grit-") and name not in (keep, f"{keep}-lock"):
                (self.directory / name).unlink(missing_ok=True)

    def publish(self, draft: Path, number: int) -> None:
        """Rename a complete draft to its final name, durably. Needs the lock."""
        _sync(draft)
        draft.with_name(draft.name + "-lock").unlink(missing_ok=True)
        draft.rename(self.path(number))
        sync_folder(self.directory)


def mode_of(path: Path) -> int:
    """Return the rights of a data file, which its lock file gets, too; those of a new one if it is absent."""
    try:
        return os.stat(path).st_mode & 0o666
    except FileNotFoundError:
        return 0o600


def reserve_lock(path: Path, mode: int) -> None:
    """Reserve the space of the lock file of a data file on the medium, before LMDB maps it.

    LMDB only sets its size. If the medium is full, the first access to the map ends the process by ``SIGBUS``. A file
    that has its space is not opened, because the end of that would release the locks of this process.

    Args:
        path: the data file.
        mode: the rights of the lock file if it is absent.

    Raises:
        OSError: the medium is full, or the file cannot be written.
    """
    lock = path.with_name(path.name + "-lock")
    try:
        found = os.stat(lock)
    except FileNotFoundError:
        found = None
    size = max(LOCK_BYTES, found.st_size if found else 0)
    if found is not None and found.st_size >= size and found.st_blocks * _BLOCK_BYTES >= size:
        return
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if found is None and mode != 0o600:
            os.fchmod(descriptor, mode)
        os.posix_fallocate(descriptor, 0, size)
    except OSError:
        if found is None:
            os.unlink(lock)
        raise
    finally:
        os.close(descriptor)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
