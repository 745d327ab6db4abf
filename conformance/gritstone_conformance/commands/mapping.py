"""Files that may be larger than the memory."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gritstone_conformance.errors import UsageError

__all__ = ["mapped"]


@contextmanager
def mapped(path: Path) -> Iterator[bytes | mmap.mmap]:
    """Map a file into memory, so that a bundle of any size can be read; an empty one cannot be mapped.

    Raises:
        UsageError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            if path.stat().st_size == 0:
                yield b""
                return
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as raw:
                yield raw
    except OSError as problem:
        raise UsageError(f"{path}: {problem.strerror or problem}") from problem
