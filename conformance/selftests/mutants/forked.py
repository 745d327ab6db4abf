"""Start mutants of the reference and of the suite by a fork of a Python process that has imported most of the package.

A forked mutant uses its own pipes, leads its own process group and ends like any other. ``test_forked.py`` compares a
sample of mutants, forked and started normally. A case that starts the reference in another way (in another directory,
with other variables, behind another program) starts a new process, as in a normal run.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from gritstone_conformance.attachment.process import Command, Process
from selftests.mutants.mutate import Mutant, told

__all__ = ["Forking", "can_fork", "run"]

_PROGRAM: Final = "selftests.mutants.forkserver"
_PACKAGES: Final = ("gritstone", "gritstone_conformance")
_SERVERS: Final = 6
"""How many servers are kept for each package."""
_READY_S: Final = 60.0
"""The time limit for importing a package."""
_OUTPUT: Final = "output.txt"


class _Server:
    """A connection to a server that forks mutants."""

    def __init__(self, channel: socket.socket) -> None:
        channel.settimeout(_READY_S)
        self._channel = channel
        self._lines = channel.makefile("rb")

    def send(self, order: dict[str, Any], passed: Sequence[int] = ()) -> None:
        """Send an order."""
        socket.send_fds(self._channel, [json.dumps(order).encode() + b"\n"], list(passed))

    def read(self) -> dict[str, Any]:
        """Return the next answer."""
        line = self._lines.readline()
        assert line, "the server of forks has ended"
        return dict(json.loads(line))

    def close(self) -> None:
        """End the server."""
        self._lines.close()
        self._channel.close()


class _Root:
    """The process that has imported only libraries, and the servers that were forked from it most recently."""

    def __init__(self, package: str) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            words = [sys.executable, "-m", _PROGRAM, str(theirs.fileno()), package]
            self._process = subprocess.Popen(words, pass_fds=[theirs.fileno()])
        self._root = _Server(ours)
        self._servers: dict[frozenset[str], _Server] = {}
        atexit.register(self.close)

    def without(self, modules: frozenset[str]) -> _Server:
        """Return a server that has imported none of some modules."""
        if modules not in self._servers:
            ours, theirs = socket.socketpair()
            with theirs:
                self._root.send({"without": sorted(modules)}, [theirs.fileno()])
            server = _Server(ours)
            server.read()
            self._servers[modules] = server
            if len(self._servers) > _SERVERS:
                self._servers.pop(next(iter(self._servers))).close()
        return self._servers[modules]

    def close(self) -> None:
        """End all servers and their process."""
        for server in (*self._servers.values(), self._root):
            server.close()
        self._process.wait()


@cache
def _root(package: str) -> _Root:
    return _Root(package)


class _Child(subprocess.Popen[bytes]):
    """A process that was forked by a server, which reports its exit code."""

    def __init__(self, mutant: Mutant, words: Sequence[str], streams: Sequence[int], cwd: str) -> None:
        (package,) = _packages(mutant)
        self._server = _root(package).without(frozenset(edit.module for edit in mutant.edits))
        edits = [(edit.file, edit.old, edit.new) for edit in mutant.edits]
        order = {"start": [mutant.id, edits], "words": list(words), "cwd": cwd, "environ": dict(os.environ)}
        self._server.send(order, streams)
        self.pid = self._server.read()["pid"]
        self.returncode = None

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code; without a timeout the process must be about to end."""
        if timeout is not None:
            ended = os.pidfd_open(self.pid)
            try:
                if not select.select([ended], [], [], timeout)[0]:
                    raise subprocess.TimeoutExpired([], timeout)
            finally:
                os.close(ended)
        self._server.send({"wait": self.pid})
        self.returncode = int(self._server.read()["code"])
        return self.returncode


def _packages(mutant: Mutant) -> set[str]:
    return {edit.file.partition("/")[0] for edit in mutant.edits}


def can_fork(mutant: Mutant) -> bool:
    """Return whether a mutant may be forked: it edits one package, on Linux."""
    is_one = len(_packages(mutant)) == 1 and _packages(mutant) <= {*_PACKAGES}
    return is_one and not mutant.fresh_process and sys.platform == "linux"


def run(mutant: Mutant, words: Sequence[str], home: Path, timeout_s: float) -> str:
    """Run ``python -m words`` with the fault; after a timeout, kill the process group.

    Returns:
        How it ended, and the end of its output.
    """
    with told(mutant), open(os.devnull, "rb") as none, open(home / _OUTPUT, "wb") as file:
        streams = none.fileno(), file.fileno(), file.fileno()
        child: subprocess.Popen[bytes]
        if can_fork(mutant):
            child = _Child(mutant, words, streams, str(home))
        else:
            stdin, stdout, stderr = streams
            child = subprocess.Popen(
                mutant.command(*words), cwd=home, stdin=stdin, stdout=stdout, stderr=stderr, start_new_session=True
            )
        try:
            code = child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            return f"nothing for {timeout_s} s"
    return f"exit code {code}: {(home / _OUTPUT).read_text(errors='replace')[-2000:]}"


class _Forked(Process):
    def _start(self, command: Command) -> subprocess.Popen[bytes]:
        assert isinstance(command, Forking)
        pipes = [os.pipe() for _ in range(3)]
        (theirs_in, ours_in), (ours_out, theirs_out), (ours_err, theirs_err) = pipes
        theirs = theirs_in, theirs_out, theirs_err
        child = _Child(command.mutant, ["gritstone.harness"], theirs, os.getcwd())
        for number in theirs:
            os.close(number)
        child.stdin = os.fdopen(ours_in, "wb", buffering=0)
        child.stdout, child.stderr = (os.fdopen(number, "rb", buffering=0) for number in (ours_out, ours_err))
        return child


@dataclass(frozen=True, slots=True, kw_only=True)
class Forking(Command):
    """The command of a mutant of the reference, which is forked unless a case changes the command.

    Attributes:
        mutant: the mutant to start.
        plain: the command that starts the mutant normally.
    """

    mutant: Mutant
    plain: Command

    def open(self) -> Process:
        """Fork the mutant, or start it if the command was changed."""
        asked = Command(self.argv, self.cwd, self.env, self.umask)
        return _Forked(self) if asked == self.plain else Process(asked)
