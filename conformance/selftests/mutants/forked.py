"""Start mutants of the reference and of the suite by a fork of a Python process that has imported most of the package.

A forked mutant uses its own pipes, leads its own process group and ends like any other. ``test_forked.py`` compares a
sample of mutants, forked and started normally. A case that starts the reference in another way (in another directory,
with other variables, behind another program) starts a new process, as in a normal run.
"""

from __future__ import annotations

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
from selftests.mutants.mutate import EDITS_VARIABLE, Mutant, edits_in_environment, to_json

__all__ = ["Forking", "can_fork", "run"]

_SERVERS: Final = 6  # kept for each package


def _ask(channel: socket.socket, order: dict[str, Any], passed: Sequence[int] = ()) -> dict[str, Any]:
    """Send an order to a server; return its answer."""
    socket.send_fds(channel, [json.dumps(order).encode()], list(passed))
    answer = channel.recv(1 << 10)
    assert answer, "the server of forks has ended"
    return dict(json.loads(answer))


def _socketpair() -> tuple[socket.socket, socket.socket]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(60)  # seconds in which a server imports its package
    return ours, theirs


class _Root:
    """The process that has imported only libraries, and its newest servers, which end when it closes their sockets."""

    def __init__(self, package: str) -> None:
        self._channel, theirs = _socketpair()
        with theirs:
            words = [sys.executable, "-m", "selftests.mutants.forkserver", str(theirs.fileno()), package]
            self._process = subprocess.Popen(words, pass_fds=[theirs.fileno()])
        self._servers: dict[frozenset[str], socket.socket] = {}

    def without(self, modules: frozenset[str]) -> socket.socket:
        """Return the channel to a server that has imported none of some modules."""
        if modules not in self._servers:
            ours, theirs = _socketpair()
            with theirs:
                _ask(self._channel, {"without": sorted(modules)}, [theirs.fileno()])
            self._servers[modules] = ours
            if len(self._servers) > _SERVERS:
                self._servers.pop(next(iter(self._servers))).close()
        return self._servers[modules]


_root = cache(_Root)


class _Child(subprocess.Popen[bytes]):
    """A process that was forked by a server, which reports its exit code."""

    def __init__(self, mutant: Mutant, words: Sequence[str], streams: Sequence[int], cwd: str) -> None:
        self._server = _root(mutant.edits[0].package).without(frozenset(edit.module for edit in mutant.edits))
        environ = {**os.environ, EDITS_VARIABLE: to_json(mutant)}
        order = {"start": mutant.command(*words)[2:], "cwd": cwd, "environ": environ}
        self.pid = _ask(self._server, order, streams)["pid"]
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
        self.returncode = int(_ask(self._server, {"wait": self.pid})["code"])
        return self.returncode


def can_fork(mutant: Mutant) -> bool:
    """Return whether a mutant may be forked: it edits one package, on Linux."""
    packages = {edit.package for edit in mutant.edits}
    is_known = packages in ({"gritstone"}, {"gritstone_conformance"})
    return is_known and not mutant.fresh_process and sys.platform == "linux"


def run(mutant: Mutant, words: Sequence[str], home: Path, timeout_s: float) -> str:
    """Run ``python -m words`` with the fault; after a timeout, kill the process group.

    Returns:
        How it ended, and the end of its output.
    """
    output = home / "output.txt"
    with edits_in_environment(mutant), open(os.devnull, "rb") as none, output.open("wb") as file:
        child: subprocess.Popen[bytes]
        if can_fork(mutant):
            child = _Child(mutant, words, (none.fileno(), file.fileno(), file.fileno()), str(home))
        else:
            command = mutant.command(*words)
            child = subprocess.Popen(command, cwd=home, stdin=none, stdout=file, stderr=file, start_new_session=True)
        try:
            code = child.wait(timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            return f"nothing for {timeout_s} s"
    return f"exit code {code}: {output.read_text(errors='replace')[-2000:]}"


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
