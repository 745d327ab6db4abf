"""A child process that is killed at a chosen moment, and a file system of a chosen size."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

_CALLERS = (f"{os.sep}gritstone{os.sep}", "pathlib")
_METHODS_OF = ("BufferedWriter", "Environment", "Transaction")


def run_killed(work: Callable[[], object], at: int) -> bool:
    """Run work in a child, which is killed at its step with a number from 0; return whether it had that many steps.

    A step is the begin or the end of a call of the package to the file system or to the database. An exception in the
    child fails the test.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover - the child is killed, or ends without a report
        _run_child(work, at, writer)
    os.close(writer)
    with open(reader, "rb") as file:
        said = file.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL, signal.Signals(os.WTERMSIG(status))
        return True
    assert os.WEXITSTATUS(status) == 0, said.decode()
    return False


def _run_child(work: Callable[[], object], at: int, writer: int) -> None:  # pragma: no cover - as above
    left = at

    def step(frame: FrameType, event: str, function: Any) -> None:
        nonlocal left
        if event in ("c_call", "c_return") and _is_step(frame, function):
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            left -= 1

    code = 0
    try:
        sys.setprofile(step)
        work()
        sys.setprofile(None)
    except BaseException:  # noqa: BLE001 - the parent reports it
        sys.setprofile(None)
        os.write(writer, traceback.format_exc().encode())
        code = 1
    os._exit(code)


def _is_step(frame: FrameType, function: Any) -> bool:
    if not any(part in frame.f_code.co_filename for part in _CALLERS):
        return False
    of = type(getattr(function, "__self__", None))
    return getattr(function, "__module__", None) in ("posix", "fcntl") or of.__name__ in _METHODS_OF


def run_in_small_file_system(folder: Path, size: str, script: str, *arguments: str) -> str:
    """Run a Python script whose first argument is a mounted file system of a size; return its output.

    The test is skipped if this system does not permit mounts.
    """
    mounted = f'd=$1 p=$2 s=$3 && shift 3 && mount -t tmpfs -o size={size} tmpfs "$d" && exec "$p" -c "$s" "$d" "$@"'
    command = ["unshare", "-rm", "sh", "-c", mounted, "sh", str(folder), sys.executable, script, *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("this system has no unshare")
    if "unshare" in done.stderr or "mount:" in done.stderr:
        pytest.skip("this system does not permit mounts")
    assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)
    return done.stdout
