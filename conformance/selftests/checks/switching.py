"""Switch off each check of judge and model, and find a probe that then fails.

    python -m selftests.checks.switching CHECKS.json SEEN.json

Judge and model are imported once, with a switch in each check. Each probe runs with all checks on, to learn in which
probes a check accuses. Then a child is forked for each check, which switches the check off and runs these probes, the
fastest first, until one fails.

A check is *seen* when a probe fails. If the suite itself breaks instead, the check is seen too, because no gate would
pass; this is recorded separately, and counts only if no other probe fails.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import io
import json
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest

from selftests.checks import probes
from selftests.checks.probes import Probe
from selftests.checks.switchboard import Switchboard, find_checks, install
from selftests.paths import SELFTESTS

__all__ = ["Seen", "main"]

_MOST_PROBES: Final = 12  # of one kind
_CPU_S: Final = 2  # of one probe
_MEMORY_BYTES: Final = 6 << 30
_LANES: Final = 2

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Measured:
    """A probe that ran with every check on.

    Attributes:
        probe: the probe.
        kind: the number of its kind.
        cpu_s: its processor time in seconds.
    """

    probe: Probe
    kind: int
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Seen:
    """The result for a check that was switched off.

    Attributes:
        by: the probe that detected it, or None.
        words: the message of the probe, or why no probe detected it.
        broke: whether the suite broke in that probe instead of reporting a failure.
    """

    by: str | None
    words: str
    broke: bool = False


class EndlessError(BaseException):
    """A probe takes too long; not an Exception, so that the suite does not catch it."""


class ProbeRunner:
    """Records in which probes each check accuses, and runs these probes with the check off."""

    def __init__(self, board: Switchboard, checks: Sequence[str]) -> None:
        self.board = board
        self.seen = {check: Seen(None, "it never accuses") for check in checks}
        self._accused: dict[str, list[_Measured]] = {}
        self._kinds = 0

    @property
    def left(self) -> list[str]:
        """The checks that no probe has detected yet."""
        return [check for check, seen in self.seen.items() if seen.by is None]

    def learn(self, kind: Iterable[Probe], most: int = _MOST_PROBES) -> None:
        """Run probes of one kind with every check on; keep at most ``most`` probes per check in which it accuses."""
        accused: dict[str, list[_Measured]] = {}
        left = set(self.left)
        self._kinds += 1
        for probe in kind:
            self.board.seen.clear()
            began = time.process_time()
            wrong = probe.run()
            assert wrong is None, f"{probe.name} fails with every check on: {wrong}"
            measured = _Measured(probe, self._kinds, time.process_time() - began)
            for check in self.board.seen & left:
                accused.setdefault(check, []).append(measured)
        for check, found in accused.items():
            self._accused.setdefault(check, []).extend(_spread(found, most))

    def run(self) -> None:
        """Run the recorded probes for the checks that are left, with each check off in turn, in two processes."""
        checks = [check for check in self.left if check in self._accused]
        for found in self._accused.values():
            found.sort(key=lambda measured: measured.cpu_s)
        for clear in _caches():
            clear()
        gc.collect()
        gc.freeze()
        lanes = [_forked(functools.partial(_lane, self._run_without, checks[lane::_LANES])) for lane in range(_LANES)]
        for lane in lanes:
            for check, result in _result(lane, {}).items():
                self.seen[check] = Seen(**result)
        self._accused.clear()

    def _run_without(self, check: str) -> Seen:
        """Switch a check off and run the probes in which it accuses until one fails.

        If a probe takes too long, the other probes of its kind are skipped, because they would take as long.
        """
        self.board.off = check
        broke: Seen | None = None
        endless: set[int] = set()
        for measured in self._accused[check]:
            probe = measured.probe
            if measured.kind in endless:
                continue
            try:
                with _bounded():
                    wrong = probe.run()
            except EndlessError as problem:
                broke = broke or Seen(probe.name, f"the suite does not come to an end: {problem}", broke=True)
                endless.add(measured.kind)
            except BaseException as problem:  # noqa: BLE001 - the suite may break with any exception
                where = traceback.extract_tb(problem.__traceback__)[-1]
                words = f"{type(problem).__name__} in {where.name}: {problem}"
                broke = broke or Seen(probe.name, words[:200], broke=True)
            else:
                if wrong is not None:
                    return Seen(probe.name, wrong[:200])
        return broke or Seen(None, f"nothing is wrong in {len(self._accused[check])} probes in which it accuses")


def _spread(items: Sequence[T], most: int) -> Sequence[T]:
    """Return at most ``most`` items, spread over the list."""
    count = len(items)
    return [items[index * count // most] for index in range(most)] if count > most else items


def _caches() -> Iterator[Callable[[], None]]:
    for name, module in list(sys.modules.items()):
        if name.startswith("gritstone_conformance.model"):
            yield from (value.cache_clear for value in vars(module).values() if hasattr(value, "cache_clear"))


def _lane(work: Callable[[str], Seen], checks: Sequence[str]) -> dict[str, Any]:
    lost = asdict(Seen(None, "the child did not come to an end"))
    return {check: _result(_forked(functools.partial(_quiet, work, check)), lost) for check in checks}


def _quiet(work: Callable[[str], Seen], check: str) -> dict[str, Any]:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return asdict(work(check))


@contextlib.contextmanager
def _bounded() -> Iterator[None]:
    """Raise EndlessError if the body takes too much processor time."""

    def stop(number: int, frame: object) -> None:
        raise EndlessError(f"{_CPU_S} s")

    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, _CPU_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _forked(work: Callable[[], Any]) -> tuple[int, int]:
    """Run a function in a child; returns its process id and the reading end of the pipe with its result."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            with os.fdopen(writing, "w") as pipe:
                json.dump(work(), pipe)
        finally:
            os._exit(0)
    os.close(writing)
    return child, reading


def _result(child: tuple[int, int], default: Any) -> Any:
    process, reading = child
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    os.waitpid(process, 0)
    try:
        return json.loads(text)
    except ValueError:
        return default


class _Session:
    """A pytest plugin that uses the tests of a session as probes and reports none of them."""

    def __init__(self, runner: ProbeRunner) -> None:
        self.runner = runner
        self.has_run = False

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run the tests as probes instead of as tests."""
        _probe(self.runner, session.items)
        self.has_run = True
        return True


def _probe(runner: ProbeRunner, items: Sequence[pytest.Item]) -> None:
    """Use as probes all self-tests in which a check accuses, and the recorded probes."""
    runner.learn(probes.of_items(items), most=len(items))
    for kind in probes.recorded():
        runner.learn(kind)
    runner.run()


def _probe_with_selftests(runner: ProbeRunner) -> None:
    """Use as probes the self-tests of the modules whose checks are left, and the recorded probes."""
    found = probes.selftests([check.partition(":")[0] for check in runner.left])
    if not found:
        _probe(runner, ())
        return
    paths = [str(SELFTESTS / name) for name in found]
    # the plugin of Hypothesis objects to strategies that were drawn from before it is loaded
    blocked = ("no:cacheprovider", "no:xdist", "no:hypothesispytest")
    options = [
        "-q",
        "--noconftest",
        "--assert=plain",
        "--tb=native",
        *("-p", "selftests.formats"),  # a fixture of conftest.py
        *(word for name in blocked for word in ("-p", name)),
    ]
    session = _Session(runner)
    code = pytest.main([*options, *paths], plugins=[session])
    assert session.has_run, f"the self-tests did not run: pytest exit code {code}"


def main(argv: Sequence[str]) -> int:
    """Switch off each check that a file lists, and write the results to another file."""
    wanted, written = map(Path, argv)
    board = install()
    for file in sorted({check.file for check in find_checks().values()}):
        # before pytest is imported, which compiles modules differently
        name = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        importlib.import_module(f"gritstone_conformance.{name}")
    runner = ProbeRunner(board, json.loads(wanted.read_bytes()))
    _probe_with_selftests(runner)
    written.write_text(json.dumps({check: asdict(seen) for check, seen in runner.seen.items()}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
