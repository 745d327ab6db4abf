"""Switch off each check of judge and model, and find something recorded as right that then fails.

    python -m selftests.checks.switching CHECKS.json SEEN.json

Judge and model are imported once, with a switch in each check. Every probe is played with all of them on, so that it is
known in which probes a check accuses; then a child is forked for each check, which switches it off and plays those
probes, the quickest first, until one fails. Properties are played only for checks that nothing else shows.

A check is *seen* when a probe says that something is wrong. Where the suite itself then breaks instead, it is seen
too, for no gate would pass; but that is noted, and counts only when no other probe says more.
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
from selftests.checks.probes import DeviatedError, Probe
from selftests.checks.switchboard import Switchboard, find_checks, install
from selftests.paths import SELFTESTS

__all__ = ["Seen", "main"]

_MOST_PROBES: Final = 12  # of one kind
_CPU_S: Final = 2  # of one probe
_MEMORY_BYTES: Final = 6 << 30
_LANES: Final = 2

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Played:
    """A probe that was played with every check on.

    Attributes:
        probe: the probe.
        kind: the number of its kind.
        cpu_s: the seconds that it took.
    """

    probe: Probe
    kind: int
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Seen:
    """What became of a check that was switched off.

    Attributes:
        by: the probe that showed it, or None.
        words: what it said, or why nothing did.
        broke: whether the suite broke in that probe instead of finding something wrong.
    """

    by: str | None
    words: str
    broke: bool = False


class EndlessError(BaseException):
    """A probe takes too long; no Exception, so that nothing on the way catches it."""


class Hunter:
    """Knows in which probes each check accuses, and plays them with the check off."""

    def __init__(self, board: Switchboard, checks: Sequence[str]) -> None:
        self.board = board
        self.seen = {check: Seen(None, "it never accuses") for check in checks}
        self._accused: dict[str, list[_Played]] = {}
        self._kinds = 0

    @property
    def left(self) -> list[str]:
        """The checks that nothing showed yet."""
        return [check for check, seen in self.seen.items() if seen.by is None]

    def learn(self, kind: Iterable[Probe], most: int = _MOST_PROBES) -> None:
        """Play probes of one kind with every check on; keep so many at most of those in which a check accuses."""
        accused: dict[str, list[_Played]] = {}
        left = set(self.left)
        self._kinds += 1
        for probe in kind:
            self.board.seen.clear()
            began = time.process_time()
            try:
                wrong = probe.play()
            except DeviatedError:  # it draws from more than its seed
                continue
            assert wrong is None, f"{probe.name} fails with every check on: {wrong}"
            played = _Played(probe, self._kinds, time.process_time() - began)
            for check in self.board.seen & left:
                accused.setdefault(check, []).append(played)
        for check, found in accused.items():
            self._accused.setdefault(check, []).extend(_spread(found, most))

    def hunt(self) -> None:
        """Hunt the checks that are left with what was learned of them, two at a time."""
        checks = [check for check in self.left if check in self._accused]
        for found in self._accused.values():
            found.sort(key=lambda played: played.cpu_s)
        for clear in _caches():
            clear()
        gc.collect()
        gc.freeze()
        lanes = [_forked(functools.partial(_lane, self._play_without, checks[lane::_LANES])) for lane in range(_LANES)]
        for lane in lanes:
            for check, told in _result(lane, {}).items():
                self.seen[check] = Seen(**told)
        self._accused.clear()

    def _play_without(self, check: str) -> Seen:
        """Switch a check off and play what it accused in until something is wrong.

        Of a kind in which one probe did not end, no other is played: they would all take their time.
        """
        self.board.off = check
        broke: Seen | None = None
        endless: set[int] = set()
        for played in self._accused[check]:
            probe = played.probe
            if played.kind in endless:
                continue
            try:
                with _bounded():
                    wrong = probe.play()
            except EndlessError as problem:
                broke = broke or Seen(probe.name, f"the suite does not come to an end: {problem}", broke=True)
                endless.add(played.kind)
            except DeviatedError:
                continue
            except BaseException as problem:  # noqa: BLE001 - whatever the suite then breaks of
                where = traceback.extract_tb(problem.__traceback__)[-1]
                words = f"{type(problem).__name__} in {where.name}: {problem}"
                broke = broke or Seen(probe.name, words[:200], broke=True)
            else:
                if wrong is not None:
                    return Seen(probe.name, wrong[:200])
        return broke or Seen(None, f"nothing is wrong in {len(self._accused[check])} probes in which it accuses")


def _spread(items: Sequence[T], most: int) -> Sequence[T]:
    """Return so many items at most, from all over the list."""
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
    """Raise EndlessError where what is done takes too much processor time."""

    def stop(number: int, frame: object) -> None:
        raise EndlessError(f"{_CPU_S} s")

    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, _CPU_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _forked(work: Callable[[], Any]) -> tuple[int, int]:
    """Do work in a child; returns its process and the end of the pipe that gives its result."""
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
    """A pytest session that hunts with its tests and reports none of them."""

    def __init__(self, hunter: Hunter) -> None:
        self.hunter = hunter
        self.has_hunted = False

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Hunt in place of playing the tests."""
        _hunt(self.hunter, session.items)
        self.has_hunted = True
        return True


def _hunt(hunter: Hunter, items: Sequence[pytest.Item]) -> None:
    """Hunt with selftests, all in which a check accuses, and with what is recorded."""
    hunter.learn(probes.of_items(items), most=len(items))
    for kind in probes.recorded():
        hunter.learn(kind)
    hunter.hunt()


def _hunt_with_selftests(hunter: Hunter) -> None:
    """Hunt with the selftests of the modules whose checks are left, among others."""
    found = probes.selftests([check.partition(":")[0] for check in hunter.left])
    if not found:
        _hunt(hunter, ())
        return
    paths = [str(SELFTESTS / name) for name in found]
    # the plugin of Hypothesis objects to strategies that were drawn from before it is loaded
    blocked = ("no:cacheprovider", "no:xdist", "no:hypothesispytest")
    options = [
        "-q",
        "--noconftest",
        "--assert=plain",
        "--tb=native",
        *(word for name in blocked for word in ("-p", name)),
    ]
    session = _Session(hunter)
    code = pytest.main([*options, *paths], plugins=[session])
    assert session.has_hunted, f"the selftests could not be played: {code}"


def main(argv: Sequence[str]) -> int:
    """Hunt the checks that a file lists, and write what became of each."""
    wanted, written = map(Path, argv)
    board = install()
    for file in sorted({check.file for check in find_checks().values()}):
        # before pytest is there, which compiles modules in its own way
        name = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        importlib.import_module(f"gritstone_conformance.{name}")
    hunter = Hunter(board, json.loads(wanted.read_bytes()))
    _hunt_with_selftests(hunter)
    if hunter.left:  # they take by far the longest
        hunter.learn(probes.properties())
        hunter.hunt()
    written.write_text(json.dumps({check: asdict(seen) for check, seen in hunter.seen.items()}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
