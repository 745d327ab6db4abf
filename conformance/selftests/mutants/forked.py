"""Starting a mutant of the reference by a fork of a Python that has imported all but what it edits.

Only the start is another: what is started speaks over its own pipes, leads its own group and ends as any other. A
case that starts it in another way than the hunt did (in another directory, with other variables, behind another
program) starts a new process, as a run does.
"""

from __future__ import annotations

import atexit
import json
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from gritstone_conformance.attachment.process import Command, Process
from selftests.mutants.mutate import Mutant

__all__ = ["Forking"]

_PROGRAM: Final = "selftests.mutants.forkserver"
_MOST: Final = 6
"""How many stand by at once."""
_PATIENCE_S: Final = 60.0
"""How long one may take until it stands by."""


class _Parked:
    """One that stands by: the other end of its socket.

    Attributes:
        loaded: the modules of the reference that it has imported, or begun to.
        stops: the modules before which it stands by.
    """

    def __init__(self, channel: socket.socket, stops: frozenset[str]) -> None:
        channel.settimeout(_PATIENCE_S)
        self._channel = channel
        self._lines = channel.makefile("rb")
        self.loaded = frozenset(self._read()["loaded"])
        self.stops = stops

    def order(self, order: dict[str, Any], passed: Sequence[int] = ()) -> None:
        """Send an order."""
        socket.send_fds(self._channel, [json.dumps(order).encode() + b"\n"], list(passed))

    def ask(self, order: dict[str, Any], passed: Sequence[int] = ()) -> dict[str, Any]:
        """Send an order and return its answer."""
        self.order(order, passed)
        return self._read()

    def close(self) -> None:
        """Let it end."""
        self._lines.close()
        self._channel.close()

    def _read(self) -> dict[str, Any]:
        line = self._lines.readline()
        assert line, "the server of forks has ended"
        return dict(json.loads(line))


class _Forkserver:
    """All that stand by for this process: one that has imported nothing of the reference, and the latest that have."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            words = [sys.executable, "-m", _PROGRAM, str(theirs.fileno())]
            self._root = subprocess.Popen(words, pass_fds=[theirs.fileno()])
        self._parked = [_Parked(ours, frozenset())]
        atexit.register(self.close)

    def before(self, modules: frozenset[str]) -> _Parked:
        """Return one that stands by where the first of some modules is looked for."""
        fit = [parked for parked in self._parked if not parked.loaded & modules]
        nearest = max(fit, key=lambda parked: (bool(parked.stops & modules), len(parked.loaded)))
        if nearest.stops & modules:
            return nearest
        ours, theirs = socket.socketpair()
        with theirs:
            nearest.order({"park": sorted(modules)}, [theirs.fileno()])
        self._parked.append(_Parked(ours, modules))
        if len(self._parked) > _MOST:
            self._parked.pop(1).close()
        return self._parked[-1]

    def close(self) -> None:
        """Let all of them end."""
        for parked in self._parked:
            parked.close()
        self._root.wait()


@cache
def _forkserver() -> _Forkserver:
    return _Forkserver()


class _Child(subprocess.Popen[bytes]):
    """A process that was forked elsewhere; who forked it is asked how it ended."""

    def __init__(self, mutant: Mutant) -> None:
        self._parked = _forkserver().before(frozenset(edit.module for edit in mutant.edits))
        pipes = [os.pipe() for _ in range(3)]
        (theirs_in, ours_in), (ours_out, theirs_out), (ours_err, theirs_err) = pipes
        theirs = theirs_in, theirs_out, theirs_err
        edits = [(edit.file, edit.old, edit.new) for edit in mutant.edits]
        order = {"start": [mutant.id, edits], "cwd": os.getcwd(), "environ": dict(os.environ)}
        self.pid = self._parked.ask(order, theirs)["pid"]
        self.returncode = None
        for number in theirs:
            os.close(number)
        self.stdin = os.fdopen(ours_in, "wb", buffering=0)
        self.stdout, self.stderr = (os.fdopen(number, "rb", buffering=0) for number in (ours_out, ours_err))

    def wait(self, timeout: float | None = None) -> int:
        """Return how it ended; it must have been killed."""
        self.returncode = int(self._parked.ask({"wait": self.pid})["code"])
        return self.returncode


class _Forked(Process):
    def _start(self, command: Command) -> subprocess.Popen[bytes]:
        assert isinstance(command, Forking)
        return _Child(command.mutant)


@dataclass(frozen=True, slots=True, kw_only=True)
class Forking(Command):
    """The command of a mutant, which is forked wherever it is started just so.

    Attributes:
        mutant: what is started.
        plain: the command as the hunt has it.
    """

    mutant: Mutant
    plain: Command

    def open(self) -> Process:
        """Fork it, or start it where something is changed about how."""
        asked = Command(self.argv, self.cwd, self.env, self.umask)
        return _Forked(self) if asked == self.plain else Process(asked)
