"""Release the memory of a mapped file.

LMDB maps its whole file, and every page that was read counts as resident memory of the process until the system needs
the memory. A walk over a store of a gigabyte would appear to need a gigabyte. Dropping the pages from the mapping
loses nothing: they stay in the system's cache, and are mapped again when they are read again.

This works only on Linux, which lists the mappings of a process; on other systems the function does nothing.

Spec: :rule:`grit.bundle.stream`.
"""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["drop_pages"]

_MAPS = Path("/proc/self/maps")
_LINE = re.compile(r"([0-9a-f]+)-([0-9a-f]+) \S+ \S+ \S+ \S+ +(.*)")
_DONTNEED = 4


def drop_pages(path: Path) -> None:
    """Drop the pages of every mapping of a file from the memory of this process.

    Args:
        path: the file; its mapping must be shared, so that nothing in it is private to this process.
    """
    if not _MAPS.exists():
        return
    # Loaded on demand: only large stores need it.
    import ctypes

    real = str(path.resolve())
    madvise = ctypes.CDLL(None).madvise
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    for line in _MAPS.read_text().splitlines():
        match = _LINE.fullmatch(line)
        if match is not None and match[3].removesuffix(" (deleted)") == real:
            start, end = int(match[1], 16), int(match[2], 16)
            madvise(start, end - start, _DONTNEED)
