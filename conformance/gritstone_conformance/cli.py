"""The command line: one word says which command, each of them in a module of its own.

Decides which exit code a failure of each kind gives, and that every bad input is one line on stderr; what a command
does is in its own module, imported when it is used.
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import random
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

_LONGEST: Final = 2000  # characters of a complaint
_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_MODULES: Final = {
    "doctor": "doctor.ladder",
    "replay": "commands.replay",
    "show": "commands.show",
    "vectors": "commands.vectors",
    "schemas": "schemas",
    "report": "commands.report",
    "audit": "commands.audit",
    "resume": "comparing.resuming",
    "campaign": "commands.campaign",
    "accept": "commands.accept",
    "diff": "commands.diff",
    "new-iut": "commands.new_iut",
    "completion": "commands.completion",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if sys.stdout is None:  # what is opened next would take the place of a closed standard output
        return _complain("standard output is closed", 2)
    for stream in (sys.stdout, sys.stderr):
        reconfigure: Callable[..., Any] | None = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")  # a terminal that cannot show a sign must not end the run
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
    """Return the exit code after an error of the system, which may be that standard output cannot be written to.

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
    """Let what is left for standard output go nowhere, so that Python does not complain of it at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _terminable() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the run as Ctrl-C does, and a second signal end it at once.

    Spec: :rule:`suite.signal.ends`.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heard: list[int] = []

    def end(number: int, frame: object) -> None:
        heard.append(number)
        if len(heard) == 1:
            raise KeyboardInterrupt
        _end_at_once()

    numbers = [number for number in _ENDING if signal.getsignal(number) is not signal.SIG_IGN]  # as under nohup
    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if heard else handler)


def _end_at_once() -> None:
    """End all processes of implementations, remove their folders, and end; nothing waits any more."""
    from gritstone_conformance.attachment.process import strike_all
    from gritstone_conformance.folders import remove_folders

    strike_all()
    remove_folders()
    _complain("interrupted", 130)
    os._exit(130)


def _complain(problem: object, code: int) -> int:
    say(f"gritstone: {printable(' '.join(str(problem).split()), _LONGEST)}", sys.stderr)
    return code


def _dispatch(arguments: list[str]) -> int:
    parser = make_parser()
    if "_ARGCOMPLETE" in os.environ:  # a shell asks which words may follow
        from gritstone_conformance.commands.completion import answer_shell

        answer_shell(parser)
    if not arguments:
        for line in START_HERE.splitlines():
            say(line)
        return 2
    options = parser.parse_args(arguments)
    if options.command == "verify":
        return _verify_and_derive(options, arguments)
    module = importlib.import_module(f"gritstone_conformance.{_MODULES[options.command]}")
    code: int = module.run_command(options)
    return code


def _verify_and_derive(options: argparse.Namespace, arguments: list[str]) -> int:
    """Verify, then make what is wanted beside the report; a part of a run makes nothing."""
    if options.part or not any((options.html, options.junit, options.badge)):
        return _verify(options, arguments)
    from gritstone_conformance.reporting.deriving import derive, forget_derived

    forget_derived(options)
    code = _verify(options, arguments)
    derive(options, options.report)
    return code


def _verify(options: argparse.Namespace, arguments: list[str]) -> int:
    from dataclasses import replace

    from gritstone_conformance.attachment.attaching import Target, terms_of
    from gritstone_conformance.commands.verify import is_asked_for, verify_and_compare
    from gritstone_conformance.planning.plan import Selection
    from gritstone_conformance.planning.settings import RunSettings
    from gritstone_conformance.reporting.console import Console
    from gritstone_conformance.results.expect_files import expectations_of
    from gritstone_conformance.running.jobs import Part, PartListener, play_parts, verify_in_parts
    from gritstone_conformance.running.verifying import check_selection, verify

    target = Target.parse(options.iut, options.connect)
    searching = options.search or options.span is not None
    seed = options.seed if options.seed is not None else random.SystemRandom().getrandbits(32) if searching else 1
    settings = RunSettings(
        profile="search" if searching else "gate",
        seed=seed,
        deadline_scale=1e9 if options.no_deadline else options.deadline_scale,
        search_s=options.span,
        strict=options.strict,
        expect=expectations_of(options.expect),
        home=options.report.parent,
    )
    selection = Selection(
        tuple(options.profile), options.glob, options.rule, options.shard or (0, 1), by_cost=options.part
    )
    check_selection(selection)
    live = sys.stdout.isatty() and not options.part

    def listen(data: Any, plan: Any) -> Any:
        aside = None if options.quiet or options.part else sys.stderr
        return Console(data, plan, options.report.parent, sys.stdout, live=live, aside=aside)

    if is_asked_for(options):
        return verify_and_compare(options, target, selection, settings, terms_of(options, seed), listen)
    if options.jobs > 1:
        if options.shard is not None or options.connect is not None:
            raise UsageError("--jobs starts one adapter per shard: it goes with neither --shard nor --connect")
        seeded = [*arguments, "--seed", str(seed)]
        return verify_in_parts(seeded, options.jobs, selection, settings, options.report, listen)
    terms = terms_of(options, seed)
    if options.part:

        def play(part: Part) -> int:
            shard = replace(selection, shard=(part.index, part.count))
            shared = settings.share(part.share)
            return verify(target, shard, shared, terms, part.report, lambda _data, _plan: PartListener(sys.stdout))

        return play_parts(sys.stdin, sys.stdout, play)
    return verify(target, selection, settings, terms, options.report, listen)


if __name__ == "__main__":
    raise SystemExit(main())
