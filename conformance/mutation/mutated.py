"""The adapter of the reference with one module replaced, or with a record of the lines that run.

``GRITSTONE_MUTANT`` is ``MODULE=FILE``: the module is compiled from that file. ``GRITSTONE_REACHED`` names the file to
which the executed lines are appended, as ``FILE:LINE``, when the process ends.
"""

from __future__ import annotations

import atexit
import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType


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
    import coverage

    recording = coverage.Coverage(data_file=None, source=["gritstone"], check_preimported=False)
    recording.start()

    def flush() -> None:
        recording.stop()
        data = recording.get_data()
        lines = (f"{file}:{line}\n" for file in data.measured_files() for line in data.lines(file) or ())
        with Path(path).open("a") as out:
            out.writelines(lines)

    atexit.register(flush)
    kill = os.kill

    def flush_and_kill(pid: int, number: int) -> None:
        if pid == os.getpid() and number:
            flush()
        kill(pid, number)

    os.kill = flush_and_kill


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
