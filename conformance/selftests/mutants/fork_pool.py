"""Running Python command lines in children that are forked from a process which has the suite and its libraries.

Each fault of the suite is hunted in a process of its own, for its modules must be imported with the fault. All others
are the same for all faults, and to import them takes longer than most hunts. So they are imported once, before the
fork; the child forgets the modules that have the fault, with all that are bound to them, and imports those again.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import runpy
import signal
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Final

from selftests.mutants.imports import bound_to, forget, needed, sources

__all__ = ["imported_before", "run"]

_LIBRARIES: Final = ("pytest", "_pytest.pytester", "hypothesis", "hypothesis.stateful", "wasmtime", "blake3", "cbor2")
_RUN: Final = ("__main__", "proving")
"""The last names of modules that are run and never imported."""
_SAID: Final = "said.txt"


@cache
def imported_before() -> Sequence[str]:
    """Return the modules of the suite and of its selftests that are imported before the fork."""
    suite = [name for name in sources() if name.startswith("gritstone_conformance")]
    tests = [name for name in sources() if ".test_" in name]
    return [name for name in sorted(needed([*suite, *tests]) - {*tests}) if name.rpartition(".")[2] not in _RUN]


@cache
def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*_LIBRARIES, *_plugins(), *imported_before()])
    return context


def _plugins() -> Iterator[str]:
    """Yield the modules that pytest imports as it starts."""
    from _pytest.config import default_plugins

    for name in default_plugins:
        yield f"_pytest.{name}"


def run(words: Sequence[str], home: Path, patience_s: float, edited: Iterable[str] = ()) -> str:
    """Run what Python would run if it was given some words, and wait for its end.

    Args:
        words: ``FILE [ARG ...]``.
        home: the directory that it runs in, and where a file takes what it prints.
        patience_s: seconds after which it is killed, with all that it has started.
        edited: modules that it imports again, with all that are bound to them.

    Returns:
        How it ended, and the last that it printed.
    """
    child = _context().Process(
        target=_become, args=(list(words), str(home), sorted(bound_to(edited)), dict(os.environ))
    )
    child.start()
    child.join(patience_s)
    if child.exitcode is None:
        assert child.pid is not None
        os.killpg(child.pid, signal.SIGKILL)
        child.join()
        return f"nothing for {patience_s} s"
    return f"exit code {child.exitcode}: {(home / _SAID).read_text(errors='replace')[-2000:]}"


def _become(words: Sequence[str], home: str, forgotten: Sequence[str], environ: Mapping[str, str]) -> None:
    """Be the Python that was started with these words, as the leader of a process group."""
    os.setsid()
    gc.freeze()  # what is here stays, and need not be looked through again and again
    forget(forgotten)
    os.chdir(home)
    os.environ.clear()
    os.environ.update(environ)
    with open(_SAID, "wb") as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    first, *rest = words
    sys.path.insert(0, str(Path(first).parent))
    sys.argv = [first, *rest]
    runpy.run_path(first, run_name="__main__")
