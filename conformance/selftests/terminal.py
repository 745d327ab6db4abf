"""A fixture that runs one ``gritstone`` command, and functions that return commands of adapters.

``conftest.py`` provides the fixture to all tests; without ``conftest.py`` use ``-p selftests.terminal``.
"""

from __future__ import annotations

import contextlib
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from selftests.paths import LIAR, MUTATE, PLANTED

REFERENCE: Final = shlex.join([sys.executable, "-m", "gritstone.harness"])

Run = Callable[..., tuple[int, str, str]]
"""A function that runs one command in its own directory and returns exit code, stdout and stderr."""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs one command in its own directory and returns exit code, stdout and stderr."""
    from gritstone_conformance.cli import main  # most sessions, above all those of the zoo, do not use it

    monkeypatch.chdir(tmp_path)

    def run(*argv: str) -> tuple[int, str, str]:
        code = main(argv)
        return (code, *capfd.readouterr())

    return run


def planted(name: str) -> str:
    """Return the command of a planted adapter."""
    return shlex.join([sys.executable, str(PLANTED / f"{name}.py")])


def mutant(name: str) -> str:
    """Return the command of the reference with a fault."""
    return shlex.join([sys.executable, str(MUTATE), name, "--", "-m", "gritstone.harness"])


def lying(name: str) -> str:
    """Return the command of a liar in front of the reference."""
    return shlex.join([sys.executable, str(LIAR), name, "--", *shlex.split(REFERENCE)])


def bent(folder: Path, was: str, now: str) -> str:
    """Return the command of the honest adapter that claims grit, with one text of its source replaced."""
    source = (PLANTED / "honest.py").read_text(encoding="utf-8")
    limits = '"object_bytes": 1 << 20, "tree_depth": 1024, "cas_names": 64, "refs": 10_000, '
    claim = (('"profiles": []', '"profiles": ["grit"]'), ('"window": 64, ', f'"window": 64, {limits}'))
    for old, new in (*claim, (was, now)):
        assert old in source
        source = source.replace(old, new, 1)
    path = folder / "bent.py"
    path.write_text(source, encoding="utf-8")
    return shlex.join([sys.executable, str(path)])


def verify(iut: str, *options: str) -> tuple[str, ...]:
    """Return the arguments of ``gritstone verify`` for an adapter."""
    return ("verify", "--iut", iut, *options)


def is_running(pid: int) -> bool:
    """Return whether a process is still alive after a wait of at most ten seconds."""
    stat, until = Path(f"/proc/{pid}/stat"), time.monotonic() + 10
    with contextlib.suppress(OSError):
        while stat.read_text().rpartition(")")[2].split()[0] not in "ZX":
            if time.monotonic() > until:
                return True
            time.sleep(0.01)
    return False
