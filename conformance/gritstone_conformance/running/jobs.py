"""Jobs: one run over several processes of the suite, each with a shard and an implementation of its own.

A child tells its parent each outcome as a JSON line on stdout and writes a sealed part; the parent shows progress and
merges the parts. A child that ends without a sealed part has failed, and with it the run.
"""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, TextIO

from gritstone_conformance.errors import DataError, SuiteError, UsageError
from gritstone_conformance.replies import Json
from gritstone_conformance.reporting.merging import merge_outcomes, merged_header, merged_restarts
from gritstone_conformance.reporting.report import read_report
from gritstone_conformance.running.outcomes import Outcome
from gritstone_conformance.running.plan import Plan, Selection, dealt
from gritstone_conformance.running.settings import RunSettings
from gritstone_conformance.running.verdicts import EXIT
from gritstone_conformance.running.verifying import (
    Data,
    Listener,
    ListenerMaker,
    conclude,
    load_data,
    plan_run,
    remove_old,
)

__all__ = ["PartListener", "check_codes", "relay", "verify_in_parts"]


class PartListener:
    """Tells the parent what happens, as JSON lines; a :class:`~gritstone_conformance.running.verifying.Listener`."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def begin(self, header: Mapping[str, Json], notes: Sequence[str]) -> None:
        """Pass on the header."""
        self._tell({"type": "begin", "header": header, "notes": list(notes)})

    def notice(self, outcome: Outcome) -> None:
        """Pass on an outcome."""
        self._tell(outcome.to_json())

    def watch(self, case: str, seconds: float, tries: int) -> None:
        """Pass on what is being shrunk."""
        self._tell({"type": "shrinking", "case": case, "seconds": seconds, "tries": tries})

    def end(self, lines: Sequence[str]) -> None:
        """Say nothing: the parent draws its own conclusions."""

    def _tell(self, message: Mapping[str, Json]) -> None:
        self._out.write(json.dumps(message) + "\n")
        self._out.flush()


def verify_in_parts(
    argv: Sequence[str], jobs: int, selection: Selection, settings: RunSettings, report: Path, listener: ListenerMaker
) -> int:
    """Run ``gritstone`` with the same arguments once per shard, and merge what comes out.

    Args:
        argv: the arguments of this run; later options win, so the children's are added at the end.
        jobs: how many children.
        selection: which cases, unsharded.
        settings: how.
        report: where the merged report goes.
        listener: makes the listener once data and plan are known.

    Raises:
        UsageError, DataError: a child could not do its part; its own line is on stderr already.
    """
    remove_old(report)
    parts = [report.with_name(f"{report.name}.{index}-of-{jobs}") for index in range(jobs)]
    with ExitStack() as children:
        running = [children.enter_context(_child(argv, index, jobs, part)) for index, part in enumerate(parts)]
        data = load_data()
        plan = plan_run(data, selection, settings.seed)
        told = listener(data, plan)
        relay(running, told)
        codes = [child.wait() for child in running]
    check_codes([code for code, part in zip(codes, parts, strict=True) if code != EXIT["suite"] or not part.exists()])
    return _merge(data, parts, plan, settings, report, told)


def _merge(data: Data, parts: Sequence[Path], plan: Plan, settings: RunSettings, report: Path, told: Listener) -> int:
    read = [read_report(part) for part in parts]
    for part in parts:
        part.unlink()
    header, places = merged_header(read), dealt(plan.items, len(parts))
    outcomes = merge_outcomes(read, places.get, places)
    return conclude(data, header, outcomes, merged_restarts(read), plan.selection, settings, report, told)


@contextmanager
def _child(argv: Sequence[str], index: int, jobs: int, part: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start a child that does not outlive the block."""
    own = ["--jobs", "1", "--shard", f"{index}/{jobs}", "--report", str(part), "--part"]
    command = [sys.executable, "-m", "gritstone_conformance.cli", *argv, *own]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def relay(children: Sequence[subprocess.Popen[bytes]], told: Listener) -> None:
    """Pass on what the children tell until all have closed their output; a watch is passed on once."""
    begun = False
    seen: set[str] = set()
    for message in _messages(children):
        if message["type"] == "begin":
            if not begun:
                told.begin({**message["header"], "shard": [0, 1]}, message["notes"])
            begun = True
        elif message["type"] == "shrinking":
            told.watch(message["case"], message["seconds"], message["tries"])
        elif message["case"] not in seen or message["verdict"] == "fail":
            seen.add(message["case"])
            told.notice(Outcome.from_json(message))


def _messages(children: Sequence[subprocess.Popen[bytes]]) -> Iterator[dict[str, Json]]:
    lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()

    def read(stream: IO[bytes]) -> None:
        for line in stream:
            if line.endswith(b"\n"):  # else it ended in the middle of one, and its exit code says why
                lines.put(line)
        lines.put(None)

    for child in children:
        assert child.stdout is not None
        threading.Thread(target=read, args=(child.stdout,), daemon=True).start()
    open_streams = len(children)
    while open_streams:
        line = lines.get()
        if line is None:
            open_streams -= 1
        else:
            yield json.loads(line)


def check_codes(codes: Sequence[int]) -> None:
    """Raise when a child did not come to a verdict; the first of 4, 2 counts, anything unknown is the suite's fault."""
    broken: list[type[SuiteError]] = []
    for code in codes:
        if code == EXIT["usage"]:
            broken.append(UsageError)
        elif code not in (EXIT["fine"], EXIT["unexpected"], EXIT["nothing"]):
            broken.append(DataError)
    if broken:
        kind = DataError if DataError in broken else UsageError
        raise kind(f"{len(broken)} of {len(codes)} jobs did not come to a verdict, exit codes {sorted(codes)}")
