"""Jobs: what children tell reaches the console once, and a child that fails ends the run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest

from gritstone_conformance.errors import DataError, UsageError
from gritstone_conformance.running.jobs import PartListener, check_codes, relay
from gritstone_conformance.running.outcomes import Outcome

WATCH = Outcome("harness/watch/frame-line", "e" * 64, "watch", ("harness.frame.line",), "MUST", "pass")
VECTOR = Outcome("grit/tree/a", "a" * 64, "vector", ("grit.tree.key-order",), "MUST", "pass")
FAILED = Outcome("harness/watch/frame-line", "e" * 64, "watch", WATCH.rules, "MUST", "fail", rule=WATCH.rules[0])


class Heard:
    """A listener that keeps what it is told."""

    def __init__(self) -> None:
        self.headers: list[Mapping[str, Any]] = []
        self.outcomes: list[Outcome] = []
        self.watched: list[tuple[str, float, int]] = []

    def begin(self, header: Mapping[str, Any], notes: Sequence[str]) -> None:
        self.headers.append(header)

    def notice(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)

    def watch(self, case: str, seconds: float, tries: int) -> None:
        self.watched.append((case, seconds, tries))

    def end(self, lines: Sequence[str]) -> None:
        raise AssertionError("the parent draws its own conclusions")


@contextmanager
def child(index: int, *outcomes: Outcome) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process that tells a header and outcomes as a part does."""
    script = (
        "import json, sys\n"
        "from gritstone_conformance.running.jobs import PartListener\n"
        "from gritstone_conformance.running.outcomes import Outcome\n"
        "part = PartListener(sys.stdout)\n"
        f"part.begin({{'shard': [{index}, 2], 'seed': 1}}, ['a note'])\n"
        "part.watch('grit/a/b', 1.5, 3)\n"
        f"for line in json.loads({json.dumps([outcome.to_json() for outcome in outcomes])!r}):\n"
        "    part.notice(Outcome.from_json(line))\n"
        "part.end(['nothing of this is told'])\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        yield process


def heard(*told: tuple[Outcome, ...]) -> Heard:
    listener = Heard()
    with ExitStack() as running:
        relay([running.enter_context(child(index, *outcomes)) for index, outcomes in enumerate(told)], listener)
    return listener


def test_the_header_and_each_case_are_told_once() -> None:
    listener = heard((VECTOR, WATCH), (WATCH,))
    assert listener.headers == [{"shard": [0, 1], "seed": 1}]
    assert sorted(outcome.case for outcome in listener.outcomes) == [VECTOR.case, WATCH.case]


@pytest.mark.rule("suite.shrink.bounded")
def test_what_is_shrunk_in_a_part_is_told() -> None:
    assert heard((), ()).watched == [("grit/a/b", 1.5, 3)] * 2


def test_a_watch_that_failed_in_one_part_is_told() -> None:
    assert heard((WATCH, FAILED)).outcomes == [WATCH, FAILED]


def test_a_part_tells_nothing_of_its_own() -> None:
    assert hasattr(PartListener, "end")
    assert heard((), ()).outcomes == []


@pytest.mark.parametrize(
    ("codes", "kind"),
    [([0, 2], UsageError), ([4, 0], DataError), ([2, 4], DataError), ([0, 130], DataError), ([-9, 1], DataError)],
)
def test_a_child_without_a_verdict_ends_the_run(codes: list[int], kind: type[Exception]) -> None:
    with pytest.raises(kind, match=r"of 2 jobs did not come to a verdict"):
        check_codes(codes)


@pytest.mark.parametrize("codes", [[0, 0], [0, 1], [1, 3]])
def test_children_with_verdicts_are_merged(codes: list[int]) -> None:
    check_codes(codes)


def test_a_child_that_ends_within_a_line_has_told_what_came_before() -> None:
    script = f'print({json.dumps(WATCH.to_json())!r}); print(\'{{"type": "case", "ca\', end=\'\')'
    listener = Heard()
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        relay([process], listener)
    assert [outcome.case for outcome in listener.outcomes] == [WATCH.case]
