"""One child process: started in its own process group, and ended with all processes that it started.

``conversation`` sends its requests and watches deadlines. The child inherits the environment and the working directory.
Its pipes are non-blocking on the suite's side.

Invariant: the leader is not reaped before its group is killed, so its process id cannot be reused before that.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import select
import shlex
import signal
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from gritstone_conformance.attachment import procfs
from gritstone_conformance.attachment.stream import Ends
from gritstone_conformance.errors import UsageError

__all__ = ["FAMILY", "Command", "Process", "kill_all_groups"]

FAMILY: Final = "INVOCATION_ID"
"""The environment variable that marks the processes started by one process, even if they leave its group.

Service managers set a variable of this name to a value of the same form, so it does not reveal the suite.
"""
_OF_THE_SUITE: Final = ("_", "PYTEST_")
"""The variables that describe the suite itself: the program that the shell started, and what pytest sets."""
_MOST_ROUNDS: Final = 10  # of searching for processes outside the group, which may start further ones


@dataclass(frozen=True, slots=True)
class Command:
    """How an implementation is started.

    Attributes:
        argv: program and arguments.
        cwd: the working directory; None: that of the suite.
        env: variables that are set in addition to those of the suite.
        umask: the umask; -1: that of the suite.
    """

    argv: tuple[str, ...]
    cwd: str | None = None
    env: tuple[tuple[str, str], ...] = ()
    umask: int = -1

    @classmethod
    def parse(cls, command: str | Sequence[str]) -> Command:
        """Build from a shell-like string or a list of words; raises UsageError if it is empty or has an open quote."""
        try:
            argv = tuple(shlex.split(command) if isinstance(command, str) else command)
        except ValueError as problem:
            raise UsageError(f"command {command!r}: {problem}") from problem
        if not argv:
            raise UsageError("the command of the implementation is empty")
        return cls(argv)

    def moved_to(self, cwd: str) -> Command:
        """Return the command for another working directory; words that name existing files become absolute paths."""
        argv = tuple(str(Path(word).resolve()) if _names_file(word) else word for word in self.argv)
        return replace(self, argv=argv, cwd=cwd)

    def open(self) -> Process:
        """Start it; raises UsageError if that fails."""
        return Process(self)

    def __str__(self) -> str:
        """Return the command, quoted for a shell."""
        return shlex.join(self.argv)


def _inherited() -> dict[str, str]:
    """Return the environment of the suite without the variables that describe the suite."""
    shell, prefix = _OF_THE_SUITE
    return {name: value for name, value in os.environ.items() if name != shell and not name.startswith(prefix)}


def _names_file(word: str) -> bool:
    return not word.startswith("-") and not Path(word).is_absolute() and Path(word).exists()


class Process:
    """A running child that leads its own process group.

    Attributes:
        strays: how many processes outside its group were killed with it; set by :meth:`kill`.
    """

    attached = False

    def __init__(self, command: Command) -> None:
        self.strays = 0
        self._mark = f"{FAMILY}={dict(command.env).get(FAMILY) or secrets.token_hex(16)}"
        self._before = procfs.all_pids()
        try:
            self._child = self._start(command)
        except OSError as problem:
            raise UsageError(f"cannot start {command}: {problem.strerror or problem}") from problem
        self.pid = self._child.pid
        self._exit_fd = os.pidfd_open(self.pid) if sys.platform == "linux" else None
        pipes = (self._child.stdin, self._child.stdout, self._child.stderr)
        read, write, log = (pipe.fileno() for pipe in (pipes[1], pipes[0], pipes[2]) if pipe is not None)
        self.ends = Ends(read, write, log, self._exit_fd)
        # ends the child if the suite itself ends with an exception
        self._last_resort = weakref.finalize(self, _kill_group, self.pid)
        _running.add(self)

    def _start(self, command: Command) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command.argv,
            cwd=command.cwd,
            env={**_inherited(), FAMILY: self._mark.partition("=")[2], **dict(command.env)},
            umask=command.umask,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
        )

    def exited(self) -> bool:
        """Return whether the leader has ended; does not reap it if the system supports that."""
        if self._child.returncode is not None:
            return True
        if self._exit_fd is not None:
            return _readable(self._exit_fd, 0.0)
        return self._child.poll() is not None

    def wait_exit(self, seconds: float) -> bool:
        """Wait until the leader has ended, up to ``seconds``; return whether it has ended."""
        if self._exit_fd is not None and self._child.returncode is None:
            return _readable(self._exit_fd, seconds)
        until = time.monotonic() + seconds
        while not self.exited():
            if time.monotonic() >= until:
                return False
            time.sleep(0.01)
        return True

    def end_input(self) -> None:
        """Close its standard input; no data may be written afterwards."""
        if self._child.stdin is not None:
            self._child.stdin.close()

    def kill(self) -> str:
        """SIGKILL the group and its strays, and reap the leader; return ``exit-<code>`` or ``signal-<NAME>``."""
        if self._last_resort.detach() is not None:
            left = self.outside()
            _kill_group(self.pid)
            self.strays = _kill_strays(left, self.outside)
            self._child.wait()
            self._close()
        return self._end_word()

    def outside(self) -> set[int]:
        """Return the living processes that it started and that left its group."""
        return procfs.outside_group(self.pid, self._mark, self._before)

    def kill_from_thread(self) -> None:
        """SIGKILL the group without reaping it: from another thread, while replies are pending."""
        if self._last_resort.alive:
            _kill_group(self.pid)

    def end(self, patience_s: float) -> str:
        """SIGTERM the group, and SIGKILL the rest after ``patience_s``; return how the leader ended."""
        if self._last_resort.alive:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGTERM)
            self.wait_exit(patience_s)
        return self.kill()

    def _end_word(self) -> str:
        code = self._child.returncode
        if code >= 0:
            return f"exit-{code}"
        try:
            return f"signal-{signal.Signals(-code).name.removeprefix('SIG')}"
        except ValueError:
            return f"signal-{-code}"

    def _close(self) -> None:
        for pipe in (self._child.stdin, self._child.stdout, self._child.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        if self._exit_fd is not None:
            os.close(self._exit_fd)
            self._exit_fd = None


_running: weakref.WeakSet[Process] = weakref.WeakSet()
"""All processes that were started, ended or not."""


def kill_all_groups() -> None:
    """SIGKILL the groups of all processes that have not ended."""
    for process in list(_running):
        process.kill_from_thread()


def _kill_strays(found: set[int], look: Callable[[], set[int]]) -> int:
    """SIGKILL processes, and search again until none is left; return how many were killed."""
    ended = set(found)
    for _ in range(_MOST_ROUNDS):
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        found = look()
        ended |= found
        if not found:
            break
    return len(ended)


def _kill_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def _readable(number: int, seconds: float) -> bool:
    poll = select.poll()
    poll.register(number, select.POLLIN)
    return bool(poll.poll(max(0.0, seconds) * 1000))
