"""Running Python command lines in children that are forked from a process which has the libraries imported.

Each fault of the suite is hunted in a process of its own, for its modules must be imported with the fault. The
libraries have none and are the same for all: to import pytest and Hypothesis alone takes longer than most hunts.
Nothing of the suite or of its selftests is imported before the fork.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import sys
from collections.abc import Sequence
from functools import cache
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Final

__all__ = ["run"]

_LIBRARIES: Final = ("pytest", "_pytest.pytester", "hypothesis", "hypothesis.stateful", "wasmtime", "blake3", "cbor2")
_SAID: Final = "said.txt"


@cache
def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_LIBRARIES))
    return context


def run(words: Sequence[str], home: Path, patience_s: float) -> str:
    """Run what Python would run if it was given some words, and wait for its end.

    Args:
        words: ``-m MODULE [ARG ...]``, ``-c PROGRAM [ARG ...]`` or ``FILE [ARG ...]``.
        home: the directory that it runs in, and where a file takes what it prints.
        patience_s: seconds after which it is killed, with all that it has started.

    Returns:
        How it ended, and the last that it printed.
    """
    child = _context().Process(target=_become, args=(list(words), str(home)))
    child.start()
    child.join(patience_s)
    if child.exitcode is None:
        assert child.pid is not None
        os.killpg(child.pid, signal.SIGKILL)
        child.join()
        return f"nothing for {patience_s} s"
    return f"exit code {child.exitcode}: {(home / _SAID).read_text(errors='replace')[-2000:]}"


def _become(words: Sequence[str], home: str) -> None:
    """Be the Python that was started with these words, as the leader of a process group."""
    os.setsid()
    os.chdir(home)
    with open(_SAID, "wb") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    first, *rest = words
    if first == "-m":
        sys.path.insert(0, home)
        sys.argv = rest
        runpy.run_module(rest[0], run_name="__main__", alter_sys=True)
    elif first == "-c":
        sys.path.insert(0, home)
        sys.argv = [first, *rest[1:]]
        exec(compile(rest[0], "<string>", "exec"), {"__name__": "__main__"})
    else:
        sys.path.insert(0, str(Path(first).parent))
        sys.argv = [first, *rest]
        runpy.run_path(first, run_name="__main__")
