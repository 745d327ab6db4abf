"""Campaigns: the unit of a killed worker is retried once; a worker with another implementation is rejected."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gritstone_conformance.attachment.settings import AttachSettings
from gritstone_conformance.campaign import cluster
from gritstone_conformance.campaign.cluster import Cluster
from gritstone_conformance.campaign.unit import Identity, Unit, UnitResult, identify, run_unit
from gritstone_conformance.cli import main
from gritstone_conformance.errors import DataError, UsageError
from gritstone_conformance.planning.plan import Selection, shard_of
from gritstone_conformance.planning.settings import RunSettings
from gritstone_conformance.results.report import read_report
from selftests.paths import PLANTED

COMMAND = (sys.executable, "-m", "gritstone.harness")
REFERENCE = shlex.join(COMMAND)
CASES = "grit/tree/key-unique-*"
WRONG = Identity("0" * 64, "{}")


def unit(index: int = 0, count: int = 1, identity: Identity = WRONG) -> Unit:
    settings = RunSettings(profile="search", search_s=0.1)
    return Unit(
        COMMAND, identity, Selection(globs=("grit/tree/two-names",), shard=(index, count)), settings, AttachSettings()
    )


class Inline:
    """A cluster in this process: it does the work of a worker when the result is requested."""

    def __init__(self, parts: dict[str, UnitResult], workers: list[str]) -> None:
        self.parts = parts
        self.workers = workers
        self.asked: list[str] = []

    def submit(self, work: Any, unit: Unit, *, workers: Any, resources: Any, pure: bool, retries: int) -> Any:
        assert (resources, pure, retries) == ({"iut": 1}, False, 1)
        worker = (workers or self.workers)[0]
        self.asked.append(worker)
        return SimpleNamespace(status="finished", result=lambda: replace(self.parts[worker], worker=worker))

    def run_on_scheduler(self, ask: Any) -> list[str]:
        return self.workers

    def cancel(self, futures: Any) -> None:
        pass


class Coming:
    """An iterator over finished futures, in order."""

    def __init__(self, futures: list[Any], timeout: float) -> None:
        self.waiting = list(futures)

    def add(self, future: Any) -> None:
        self.waiting.append(future)

    def __iter__(self) -> Iterator[Any]:
        while self.waiting:
            yield self.waiting.pop(0)


def collect_results(client: Inline, notes: list[str]) -> list[UnitResult]:
    made = Cluster(client, SimpleNamespace(as_completed=Coming))
    return list(made.run_units([unit()], 60, notes.append))


def test_worker_with_another_implementation_is_rejected() -> None:
    good, bad = UnitResult(0, "", None, b"sealed"), UnitResult(0, "", "its files differ")
    notes: list[str] = []
    client = Inline({"tcp://a": bad, "tcp://b": good}, ["tcp://a", "tcp://b"])
    assert [part.worker for part in collect_results(client, notes)] == ["tcp://b"]
    assert client.asked == ["tcp://a", "tcp://b"]
    assert notes == ["worker tcp://a rejected: its files differ"]
    with pytest.raises(UsageError, match="no worker has the implementation of this machine"):
        collect_results(Inline({"tcp://a": bad}, ["tcp://a"]), notes)


def test_failing_unit_ends_the_campaign() -> None:
    client = Inline({}, ["tcp://a"])
    broken = SimpleNamespace(status="error", exception=lambda: ZeroDivisionError("x"))
    client.submit = lambda *_, **__: broken  # type: ignore[method-assign]
    with pytest.raises(DataError, match="a unit could not be run: ZeroDivisionError: x"):
        collect_results(client, [])


def test_unit_runs_only_its_own_cases(tmp_path: Path) -> None:
    here = identify(COMMAND, AttachSettings())
    assert len(here.digest) == 64
    refused = run_unit(unit(), "tcp://a").refused
    assert refused is not None
    assert refused.startswith("its files differ: ")
    other = run_unit(unit(identity=replace(here, hello="{}")), "tcp://a")
    assert other.refused == "its reply to hello differs"
    part = run_unit(unit(identity=here), "tcp://a")
    assert (part.refused, part.found) == (None, ())
    (tmp_path / "part.jsonl").write_bytes(part.report)
    assert "grit/tree/two-names" in {outcome.case for outcome in read_report(tmp_path / "part.jsonl").outcomes}


def test_missing_extra_is_reported_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert main(["campaign", "--workers", "2", "--for", "1s", "--iut", REFERENCE]) == 2
    assert capsys.readouterr().err == f"gritstone: {cluster._MISSING}\n"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="reads the parent process from /proc")
@pytest.mark.rule("suite.shard.union", slow=True)
def test_unit_of_a_killed_worker_is_retried_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    marker = tmp_path / "killed"
    monkeypatch.setenv("KILLED", str(marker))
    iut = shlex.join([sys.executable, str(PLANTED / "kills_a_worker.py"), *COMMAND])
    words = ["--workers", "2", "--shards", "2", "--for", "1s", "--seed", "1", "-k", CASES, "--iut", iut]
    command = [sys.executable, "-m", "gritstone_conformance.cli", "campaign", *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert not Path(f"/proc/{marker.read_text()}").exists(), "the killed worker is still alive"
    assert main(["verify", "-k", CASES, "--iut", REFERENCE, "--report", "whole.jsonl"]) == 0
    merged, whole = read_report(tmp_path / ".gritstone/campaign.jsonl"), read_report(tmp_path / "whole.jsonl")
    assert {shard_of(outcome.case, 2) for outcome in whole.outcomes} == {0, 1}
    assert merged.footer["verdicts"] == whole.footer["verdicts"]
    assert merged.header["profile"] == "search"
