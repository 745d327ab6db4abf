"""The adapter of the reference with one module replaced, or a marked copy of it.

``GRITSTONE_MUTANT`` is ``MODULE=FILE``: the module is compiled from that file. ``GRITSTONE_REACHED`` names the file
whose bytes the marked copy sets; the copy is found because its folder is the first in the path.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Final

MARKS: Final = "_gritstone_marks"
"""The name under which the marked copy finds the bytes, among the builtins."""


class _Replaced(importlib.abc.MetaPathFinder):
    """Finds one module in another file."""

    def __init__(self, module: str, file: str) -> None:
        self._module, self._file = module, file

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return the spec of the replaced module, None for all others."""
        return importlib.util.spec_from_file_location(name, self._file) if name == self._module else None


def _record(path: str) -> None:
    """Write the marks of the marked copy to a file, in this process and those that it forks."""
    import builtins
    import mmap

    with Path(path).open("r+b") as file:
        setattr(builtins, MARKS, mmap.mmap(file.fileno(), 0))


def main() -> int:
    """Run the adapter; return its exit code."""
    sys.dont_write_bytecode = True
    if "GRITSTONE_MUTANT" in os.environ:
        sys.meta_path.insert(0, _Replaced(*os.environ["GRITSTONE_MUTANT"].split("=", 1)))
    if "GRITSTONE_REACHED" in os.environ:
        _record(os.environ["GRITSTONE_REACHED"])
    from gritstone.harness import __main__ as adapter

    return adapter.main()


if __name__ == "__main__":
    sys.exit(main())
