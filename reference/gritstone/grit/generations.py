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

__all__ = ["Generations"]

_FILE = re.compile(r"grit-(0|[1-9][0-9]{0,17})\.mdb")


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
        draft.rename(self.path(number))
        draft.with_name(draft.name + "-lock").unlink(missing_ok=True)
        _sync(self.directory)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
