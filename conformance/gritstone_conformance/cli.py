"""The command line: the first word selects a command, each implemented in its own module.

This module maps each kind of failure to its exit code and prints one line on stderr for every invalid input. It imports
the module of a command when the command is used.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import io
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from gritstone_conformance.commands.catalogue import START_HERE
from gritstone_conformance.commands.options import make_parser
from gritstone_conformance.errors import DataError, UsageError
from gritstone_conformance.text import printable, say

__all__ = ["main"]

_LONGEST: Final = 2000  # characters of an error message
_COLLECT_AT: Final = 100_000
"""The number of new containers that starts a garbage collection; with Python's 700, that takes an eighth of a start."""
_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    gc.set_threshold(_COLLECT_AT)
    arguments = list(sys.argv[1:] if argv is None else argv)
    if sys.stdout is None:  # the next opened file would get the descriptor of the closed standard output
        return _complain("standard output is closed", 2)
    for stream in (sys.stdout, sys.stderr):
        reconfigure: Callable[..., Any] | None = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")  # a terminal that cannot display a character must not end the run
    try:
        with _terminable():
            code = _dispatch(arguments)
            sys.stdout.flush()
            return code
    except UsageError as problem:
        return _complain(problem, 2)
    except DataError as problem:
        return _complain(problem, 4)
    except KeyboardInterrupt:
        return _complain("interrupted", 130)
    except OSError as problem:
        return _after_system_error(problem)
    except Exception as problem:  # noqa: BLE001 - the last place: a fault of the suite is exit 4, never a verdict
        return _own_fault(problem)


def _own_fault(problem: Exception) -> int:
    for line in traceback.format_exc().splitlines():
        say(line[:_LONGEST], sys.stderr)
    return _complain(f"the suite itself failed: {type(problem).__name__}: {problem}", 4)


def _after_system_error(problem: OSError) -> int:
    """Return the exit code after a system error, for example if standard output cannot be written.

    Spec: :rule:`suite.output.lost`.
    """
    if isinstance(problem, BrokenPipeError):
        _drop_output()
        return 1
    try:
        os.write(sys.stdout.fileno(), b"\n")
    except io.UnsupportedOperation:
        return _own_fault(problem)
    except OSError as lost:
        _drop_output()
        return _complain(f"cannot write to standard output: {lost.strerror}", 2)
    return _own_fault(problem)


def _drop_output() -> None:
    """Discard the remaining standard output, so that Python reports no error when it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _terminable() -> Iterator[None]:
    """End the run on SIGTERM and SIGHUP as on Ctrl-C, and at once on a second signal.

    Spec: :rule:`suite.signal.ends`.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[int] = []

    def end(number: int, frame: object) -> None:
        received.append(number)
        if len(received) == 1:
            raise KeyboardInterrupt
        _end_at_once()

    numbers = [number for number in _ENDING if signal.getsignal(number) is not signal.SIG_IGN]  # as under nohup
    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if received else handler)


def _end_at_once() -> None:
    """End all processes of implementations, remove their folders, and exit at once."""
    from gritstone_conformance.attachment.process import kill_all_groups
    from gritstone_conformance.folders import remove_folders

    kill_all_groups()
    remove_folders()
    _complain("interrupted", 130)
    os._exit(130)


def _complain(problem: object, code: int) -> int:
    say(f"gritstone: {printable(' '.join(str(problem).split()), _LONGEST)}", sys.stderr)
    return code


def _dispatch(arguments: list[str]) -> int:
    parser = make_parser()
    if "_ARGCOMPLETE" in os.environ:  # the shell requests the possible next words
        from gritstone_conformance.commands.completion import answer_shell

        answer_shell(parser)
    if not arguments:
        for line in START_HERE.splitlines():
            say(line)
        return 2
    options = parser.parse_args(arguments, argparse.Namespace(arguments=arguments))
    module = importlib.import_module(f"gritstone_conformance.commands.{options.command.replace('-', '_')}")
    code: int = module.run_command(options)
    return code


if __name__ == "__main__":
    raise SystemExit(main())
