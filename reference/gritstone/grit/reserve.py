"""Space on the medium that is reserved for updates that free space.

A copy-on-write database needs a few free pages to delete anything, so a store on a full medium could not free itself.
``reserve``, a file of zeros next to the data files, keeps this space. An update that frees space empties it when the
medium is full, and it is filled again as soon as there is space. While it is not full, an update that does not free
space must leave as many pages free inside the data file.
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["RESERVE_BYTES", "Reserve"]

RESERVE_BYTES = 1 << 20


class Reserve:
    """The reserve of one directory. A caller that changes it must hold the lock of the directory."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "reserve"

    @property
    def is_full(self) -> bool:
        """Whether all of the space is reserved."""
        try:
            return os.stat(self._path).st_size >= RESERVE_BYTES
        except OSError:
            return False

    def fill(self) -> bool:
        """Reserve the space; return whether the medium had enough."""
        if self.is_full:
            return True
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            size_bytes = os.fstat(descriptor).st_size
            try:
                os.posix_fallocate(descriptor, 0, RESERVE_BYTES)
            except OSError:
                os.ftruncate(descriptor, size_bytes)
                return False
            finally:
                os.close(descriptor)
        except OSError:
            return False
        return True

    def lend(self, size_bytes: int) -> bool:
        """Free a part of the reserved space, to open the store; return whether there was as much."""
        try:
            rest = os.stat(self._path).st_size - size_bytes
            if rest >= 0:
                os.truncate(self._path, rest)
        except OSError:
            return False
        return rest >= 0

    def empty(self) -> bool:
        """Free the reserved space; return whether there was any."""
        try:
            had_room = os.stat(self._path).st_size > 0
            os.truncate(self._path, 0)
        except OSError:
            return False
        return had_room
