"""Files that are written for a user: complete and durable, or as they were before.

::

    .x.grit.gritstone-part     written and synced, and its folder synced
    x.grit                     replaced by it, in one rename
    the folder                 synced

A process that is killed before the rename leaves the earlier file as it was. The next writer of the same file removes
the part file that is left. A part file is locked while it is written, so a second writer waits for the first one.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

__all__ = ["Part", "replacing", "sync_folder"]

_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_LOOK = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_PRIVATE, _PUBLIC = 0o600, 0o666  # less what the umask of the process forbids


@dataclass(frozen=True, slots=True)
class Part:
    """A file that is being written.

    Attributes:
        file: the file.
        folder: its folder; None for a pipe or a device, which cannot be synced.
    """

    file: BinaryIO
    folder: Path | None

    def sync(self) -> None:
        """Make the bytes that were written durable, under the name of the part file.

        Raises:
            OSError: the medium failed or is full.
        """
        self.file.flush()
        if self.folder is not None:
            os.fsync(self.file.fileno())
            sync_folder(self.folder)


@contextmanager
def replacing(path: str | os.PathLike[str], *, private: bool = True, direct: bool = True) -> Iterator[Part]:
    """Open a file that replaces the one at a path when the block ends; it is durable then.

    If the block raises, the earlier file stays.

    Args:
        path: the path; its folder must exist.
        private: whether only this user may read the file; otherwise it keeps the rights of the earlier one.
        direct: whether a link is followed, and a pipe or a device written; otherwise they are replaced.

    Raises:
        OSError: the file cannot be written. The earlier one stays, unless only the last sync failed.
    """
    try:
        earlier = os.stat(path)
    except FileNotFoundError:
        earlier = None
    if direct and earlier is not None and not stat.S_ISREG(earlier.st_mode):
        with open(path, "wb") as file:
            yield Part(file, None)
        return
    target = Path(os.path.realpath(path) if direct else os.path.abspath(path))
    name = target.with_name(f".{target.name}.gritstone-part")
    with open(_create(name, _PRIVATE if private else _PUBLIC), "wb") as file:
        try:
            if earlier is not None and not private:
                os.fchmod(file.fileno(), stat.S_IMODE(earlier.st_mode))
            part = Part(file, target.parent)
            yield part
            part.sync()
            os.replace(name, target)
        finally:
            if _is_at(name, file.fileno()):
                name.unlink()
    sync_folder(target.parent)


def sync_folder(folder: str | os.PathLike[str]) -> None:
    """Make the entries of a folder durable.

    Raises:
        OSError: the medium failed.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except PermissionError:  # it may be written, but not listed, so it cannot be opened
        os.sync()
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _create(name: Path, mode: int) -> int:
    """Create a part file and lock it; remove one that a killed process has left."""
    while True:
        try:
            descriptor = os.open(name, _CREATE, mode)
        except FileExistsError:
            _remove_left(name)
            continue
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if _is_at(name, descriptor):
            return descriptor
        os.close(descriptor)  # another writer has taken it for one that was left


def _remove_left(name: Path) -> None:
    """Wait until no process writes a part file, and remove it if it is still there."""
    try:
        descriptor = os.open(name, _LOOK)
    except FileNotFoundError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if _is_at(name, descriptor):
            os.unlink(name)
    finally:
        os.close(descriptor)


def _is_at(name: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.lstat(name), os.fstat(descriptor))
    except FileNotFoundError:
        return False
