"""Jobs: each event of a child reaches the console once, and a child that fails ends the run."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from gritstone_conformance.errors import DataError, UsageError
from gritstone_conformance.planning.settings import RunSettings
from gritstone_conformance.results.outcomes import Outcome
from gritstone_conformance.results.report import Conclusion
from gritstone_conformance.running.jobs import Part, PartListener, check_codes, parts_a_job, relay, run_parts

WATCH = Outcome("harness/watch/frame-line", "e" * 64, "watch", ("harness.frame.line",), "MUST", "pass")
VECTOR = Outcome("grit/tree/a", "a" * 64, "vector", ("grit.tree.key-order",), "MUST", "pass")
FAILED = Outcome("harness/watch/frame-line", "e" * 64, "watch", WATCH.rules, "MUST", "fail", rule=WATCH.rules[0])


class Heard:
    """A listener that records its events."""

    def __init__(self) -> None:
        self.headers: list[Mapping[str, Any]] = []
        self.outcomes: list[Outcome] = []
        self.progressed: list[tuple[str, float, int]] = []

    def begin(self, header: Mapping[str, Any], notes: Sequence[str]) -> None:
        self.headers.append(header)

    def notice(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)

    def progress(self, case: str, seconds: float, tries: int) -> None:
        self.progressed.append((case, seconds, tries))

    def end(self, conclusion: Conclusion) -> None:
        raise AssertionError("the parent draws its own conclusions")


@contextmanager
def child(index: int, *outcomes: Outcome) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process that writes a header and outcomes as a part does."""
    script = (
        "import json, sys\n"
        "from gritstone_conformance.running.jobs import PartListener\n"
        "from gritstone_conformance.results.outcomes import Outcome\n"
        "part = PartListener(sys.stdout)\n"
        f"part.begin({{'shard': [{index}, 2], 'seed': 1}}, ['a note'])\n"
        "part.progress('grit/a/b', 1.5, 3)\n"
        f"for line in json.loads({json.dumps([outcome.to_json() for outcome in outcomes])!r}):\n"
        "    part.notice(Outcome.from_json(line))\n"
        "part.end(None)\n"
    )
    with started(script) as process:
        yield process


def started(script: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def run_children(*reported: tuple[Outcome, ...]) -> Heard:
    listener = Heard()
    with ExitStack() as running:
        relay([running.enter_context(child(index, *outcomes)) for index, outcomes in enumerate(reported)], listener)
    return listener


def test_header_and_each_case_are_reported_once() -> None:
    listener = run_children((VECTOR, WATCH), (WATCH,))
    assert listener.headers == [{"shard": [0, 1], "seed": 1}]
    assert sorted(outcome.case for outcome in listener.outcomes) == [VECTOR.case, WATCH.case]


@pytest.mark.rule("suite.shrink.bounded")
def test_shrinking_in_a_part_is_reported() -> None:
    assert run_children((), ()).progressed == [("grit/a/b", 1.5, 3)] * 2


def test_watch_that_failed_in_one_part_is_reported() -> None:
    assert run_children((WATCH, FAILED)).outcomes == [WATCH, FAILED]


def test_part_prints_no_summary_of_its_own() -> None:
    assert hasattr(PartListener, "end")
    assert run_children((), ()).outcomes == []


@pytest.mark.parametrize(
    ("codes", "kind"),
    [([0, 2], UsageError), ([4, 0], DataError), ([2, 4], DataError), ([0, 130], DataError), ([-9, 1], DataError)],
)
def test_child_without_a_verdict_ends_the_run(codes: list[int], kind: type[Exception]) -> None:
    with pytest.raises(kind, match=r"of 2 jobs did not complete"):
        check_codes(codes)


@pytest.mark.parametrize("codes", [[0, 0], [0, 1], [1, 3]])
def test_children_with_verdicts_are_merged(codes: list[int]) -> None:
    check_codes(codes)


def test_earlier_lines_of_a_child_that_dies_mid_line_are_kept() -> None:
    script = f'print({json.dumps(WATCH.to_json())!r}); print(\'{{"type": "case", "ca\', end=\'\')'
    listener = Heard()
    with started(script) as process:
        relay([process], listener)
    assert [outcome.case for outcome in listener.outcomes] == [WATCH.case]


WORKER = """
import os, pathlib, sys, time
from gritstone_conformance.running.jobs import run_parts

def work(part):
    with open(f"ran-{part.index}", "x") as file:
        file.write(str(os.getpid()))
    while part.index == 0 and not pathlib.Path("ran-5").exists():
        time.sleep(0.01)
    return 0

raise SystemExit(run_parts(sys.stdin, sys.stdout, work))
"""


def test_no_job_is_idle_while_parts_are_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    parts = [Part(index, 6, 1 / 3, tmp_path / str(index)) for index in range(6)]
    with started(WORKER) as slow, started(WORKER) as quick:
        relay([slow, quick], Heard(), parts)
        assert (slow.wait(), quick.wait()) == (0, 0)
    ran = [int((tmp_path / f"ran-{index}").read_text()) for index in range(6)]
    assert ran == [slow.pid, *[quick.pid] * 5], "part 0 ended before part 5 started"


def test_parts_of_a_child_that_ends_early_are_not_reassigned() -> None:
    parts = [Part(index, 4, 0.5, Path(str(index))) for index in range(4)]
    with started("raise SystemExit(2)") as one, started("raise SystemExit(2)") as two:
        relay([one, two], Heard(), parts)
        assert (one.wait(), two.wait()) == (2, 2)
        for child in (one, two):
            assert child.stdin is not None
            with suppress(BrokenPipeError):  # a part may still be in the buffer
                child.stdin.close()


def test_part_is_read_as_it_was_ordered() -> None:
    ordered: list[Part] = []

    def run_part(part: Part) -> int:
        ordered.append(part)
        return 1

    parts = [Part(3, 12, 0.25, Path("a b/c.jsonl.3-of-12")), Part(0, 1, 1.0, Path("c"))]
    out = io.StringIO()
    assert run_parts([part.to_line().decode() for part in parts], out, run_part) == 0
    assert ordered == parts
    assert out.getvalue().count("\n") == 2


@pytest.mark.parametrize(
    ("cost", "jobs", "parts"), [(0, 2, 1), (9000, 1, 1), (60_000, 2, 4), (170_000, 2, 6), (170_000, 64, 1)]
)
def test_small_runs_have_fewer_parts(cost: float, jobs: int, parts: int) -> None:
    assert parts_a_job(cost, jobs) == parts


@pytest.mark.rule("suite.search.span")
def test_part_has_its_share_of_the_time() -> None:
    whole = RunSettings(search_s=60.0, shrink_all_s=180.0)
    assert (whole.share(0.5).search_s, whole.share(0.5).shrink_all_s) == (30.0, 90.0)
    assert RunSettings().share(0.5).search_s is None
