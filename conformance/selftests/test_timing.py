"""Times are judged by the processor time of an implementation, not by what a busy machine lets it do."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

import pytest

from gritstone_conformance.attachment import procfs
from gritstone_conformance.model.flow_host import FlowHost
from gritstone_conformance.properties.flow import ways
from gritstone_conformance.replies import Json, Reply
from gritstone_conformance.timing import Stopwatch, with_more_time
from gritstone_conformance.trial import Divergence, Trial

RULE = "suite.verdict.busy"
BURN = """
import threading, time
def work():
    until = time.process_time() + 0.3
    while time.process_time() < until: pass
one = threading.Thread(target=work)
one.start()
one.join()
print("done", flush=True)
time.sleep(60)
"""


class Machine(FlowHost):
    """A model of flows on a machine that other programs use, with a processor time of its own.

    Each check needs the given processor time for each node, and each second check waits for a processor for 150 ms.
    """

    def __init__(self, seconds: float, power: int) -> None:
        super().__init__()
        self._seconds, self._power = seconds, power
        self._used = self._queued = 0.0
        self._asked = 0

    def cpu_seconds(self) -> float | None:
        return self._used

    def queued_seconds(self) -> float | None:
        return self._queued

    def ask_many(self, requests: Sequence[tuple[str, dict[str, Json]]]) -> list[Reply]:
        self._asked += 1
        for _, args in requests:
            self._used += self._seconds * len(args["program"]) ** self._power
            if self._asked % 2 == 0:
                began = time.perf_counter()
                time.sleep(0.15)
                self._queued += time.perf_counter() - began
        return super().ask_many(requests)


@pytest.fixture
def burner() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", BURN], stdout=subprocess.PIPE) as process:
        yield process
        process.kill()


@pytest.mark.rule("suite.verdict.busy")
def test_flow_that_waits_for_a_processor_is_not_slow() -> None:
    machine = Machine(1e-6, 1)
    ways.linear(Trial(machine, RULE))


@pytest.mark.rule("suite.verdict.busy")
def test_work_is_not_the_time_that_passes() -> None:
    machine = Machine(0.0, 1)
    watch = Stopwatch(Trial(machine, RULE))
    time.sleep(0.05)
    assert watch.worked_s() == 0.0
    machine._used += 0.02
    assert watch.worked_s() == pytest.approx(0.02)


@pytest.mark.rule("suite.verdict.busy")
def test_work_that_grows_with_the_square_is_reported() -> None:
    with pytest.raises(Divergence, match="the time grows faster than the program"):
        ways.linear(Trial(Machine(1e-9, 2), RULE))


@pytest.mark.rule("suite.verdict.busy")
def test_time_in_the_queue_of_the_processor_is_no_waiting() -> None:
    machine = Machine(0.0, 1)
    watch = Stopwatch(Trial(machine, RULE))
    time.sleep(0.05)
    machine._queued += 0.04
    assert watch.passed_s() >= 0.05
    assert watch.waiting_s() <= watch.passed_s() - 0.03


def test_work_that_cannot_be_read_exceeds_no_limit() -> None:
    trial = Trial(FlowHost(), RULE)
    assert Stopwatch(trial).worked_s() == 0.0
    assert trial.remark is not None
    assert trial.remark.startswith("not measured")


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_processor_time_includes_ended_threads(burner: subprocess.Popen[bytes]) -> None:
    assert burner.stdout is not None
    assert burner.stdout.readline() == b"done\n"
    used = procfs.cpu_seconds(burner.pid)
    assert used is not None
    assert 0.3 <= used < 3.0
    assert procfs.queued_seconds(burner.pid) is not None


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_processor_time_includes_ended_children() -> None:
    before = procfs.cpu_seconds(os.getpid())
    subprocess.run([sys.executable, "-c", "sum(range(20_000_000))"], check=True)
    after = procfs.cpu_seconds(os.getpid())
    assert before is not None
    assert after is not None
    assert after - before > 0.05


@pytest.mark.rule("suite.verdict.busy")
def test_attempt_that_fails_with_a_short_limit_is_made_with_a_longer_one() -> None:
    trial, limits = Trial(FlowHost(), RULE), []

    def attempt(limit_ms: int) -> None:
        limits.append(limit_ms)
        if limit_ms < 100:
            trial.fail("in time", "late", words="late")

    with_more_time(trial, attempt, (10, 100))
    assert limits == [10, 100]
    with pytest.raises(Divergence):
        with_more_time(trial, attempt, (10, 20))
