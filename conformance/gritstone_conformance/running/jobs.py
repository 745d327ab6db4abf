"""Jobs: one run in several processes of the suite, each of which runs several parts one after the other.

A part is a shard with its own implementation process and its own sealed report, so any child can run it. The parent
sends a child its next part as a JSON line on stdin. The child sends each outcome, and the end of the part, as JSON
lines on stdout. The parent shows progress and merges the parts. If a child fails, the run fails.
"""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, TextIO

from gritstone_conformance.errors import DataError, SuiteError, UsageError
from gritstone_conformance.planning.context import RunContext
from gritstone_conformance.planning.plan import Plan, dealt
from gritstone_conformance.planning.suite import SuiteData, load_data, plan_run
from gritstone_conformance.replies import Json
from gritstone_conformance.results.judgement import EXIT
from gritstone_conformance.results.merging import merge_outcomes, merged_header, merged_restarts
from gritstone_conformance.results.outcomes import Outcome
from gritstone_conformance.results.report import Conclusion, read_report, remove_old
from gritstone_conformance.running.verification import Listener, ListenerMaker, conclude

__all__ = ["Part", "PartListener", "check_codes", "parts_a_job", "relay", "run_parts", "verify_in_parts"]

_MOST_PARTS_A_JOB: Final = 6
_LEAST_COST_OF_A_PART: Final = 7000.0  # so that starting a part costs at most a few percent of it


@dataclass(frozen=True, slots=True)
class Part:
    """An order to a child: one shard.

    Attributes:
        index: the number of the shard, from 0.
        count: how many shards there are.
        share: the share of a job's time that it may use.
        report: the path of its sealed report.
    """

    index: int
    count: int
    share: float
    report: Path

    def to_line(self) -> bytes:
        """Return the line that a child reads."""
        members = {"index": self.index, "count": self.count, "share": self.share, "report": str(self.report)}
        return json.dumps(members).encode() + b"\n"

    @classmethod
    def from_line(cls, line: str) -> Part:
        """Return the part that a line orders."""
        members = json.loads(line)
        return cls(members["index"], members["count"], members["share"], Path(members["report"]))


def parts_a_job(cost: float, jobs: int) -> int:
    """Return how many parts each job runs on average, from the cost of all cases."""
    return max(1, min(_MOST_PARTS_A_JOB, int(cost / jobs / _LEAST_COST_OF_A_PART)))


def run_parts(orders: Iterable[str], out: TextIO, run: Callable[[Part], int]) -> int:
    """Run the parts that the parent orders, one after the other; return the exit code of a child.

    Args:
        orders: lines of :meth:`Part.to_line`.
        out: receives a line at the end of each part.
        run: runs one part and writes its report.
    """
    for line in orders:
        run(Part.from_line(line))
        out.write(json.dumps({"type": "ended"}) + "\n")
        out.flush()
    return EXIT["fine"]


class PartListener:
    """Reports to the parent as JSON lines; a :class:`~gritstone_conformance.running.verification.Listener`."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def begin(self, header: Mapping[str, Json], notes: Sequence[str]) -> None:
        """Send the header."""
        self._send({"type": "begin", "header": header, "notes": list(notes)})

    def notice(self, outcome: Outcome) -> None:
        """Send an outcome."""
        self._send(outcome.to_json())

    def progress(self, case: str, seconds: float, tries: int) -> None:
        """Send the progress of shrinking."""
        self._send({"type": "shrinking", "case": case, "seconds": seconds, "tries": tries})

    def end(self, conclusion: Conclusion) -> None:
        """Send nothing: the parent computes the conclusion of the whole run."""

    def _send(self, message: Mapping[str, Json]) -> None:
        self._out.write(json.dumps(message) + "\n")
        self._out.flush()


def verify_in_parts(argv: Sequence[str], jobs: int, context: RunContext, listener: ListenerMaker) -> int:
    """Start ``gritstone`` with the same arguments once per job, let the children run all parts, and merge the reports.

    Args:
        argv: the arguments of this run; later options override earlier ones, so those of a child are appended.
        jobs: how many children to start.
        context: the run, unsharded.
        listener: creates the listener from the data and the plan.

    Raises:
        UsageError, DataError: a child failed; it has written its error message to stderr.
    """
    report = context.report
    remove_old(report)
    with ExitStack() as children:
        running = [children.enter_context(_child(argv)) for _ in range(jobs)]
        data = load_data()
        plan = plan_run(data, context.selection, context.settings.seed)
        console = listener(data, plan)
        rounds = parts_a_job(sum(item.cost for item in plan.items), jobs)
        count = jobs * rounds
        files = [report.with_name(f"{report.name}.{index}-of-{count}") for index in range(count)]
        relay(running, console, [Part(index, count, 1 / rounds, file) for index, file in enumerate(files)])
        codes = [child.wait() for child in running]
    check_codes(codes)
    return _merge(context, data, plan, files, console)


def _merge(context: RunContext, data: SuiteData, plan: Plan, parts: Sequence[Path], listener: Listener) -> int:
    read = [read_report(part) for part in parts]
    for part in parts:
        part.unlink()
    header, places = merged_header(read), dealt(plan.items, len(parts))
    outcomes = merge_outcomes(read, places.get, places)
    return conclude(context, data, header, outcomes, merged_restarts(read), listener)


@contextmanager
def _child(argv: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    """Start a child process that is ended with the block."""
    command = [sys.executable, "-m", "gritstone_conformance.cli", *argv, "--jobs", "1", "--part"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with suppress(BrokenPipeError):
                    stream.close()


def relay(children: Sequence[subprocess.Popen[bytes]], listener: Listener, parts: Iterable[Part] = ()) -> None:
    """Send each idle child a part, and forward the messages of the children; the outcome of a watch only once.

    Returns when all children have closed their output.
    """
    begun = False
    seen: set[str] = set()
    waiting = iter(parts)
    for child in children:
        _order(child, next(waiting, None))
    for child, message in _messages(children):
        if message["type"] == "ended":
            _order(child, next(waiting, None))
        elif message["type"] == "begin":
            if not begun:
                listener.begin({**message["header"], "shard": [0, 1]}, message["notes"])
            begun = True
        elif message["type"] == "shrinking":
            listener.progress(message["case"], message["seconds"], message["tries"])
        elif message["case"] not in seen or message["verdict"] == "fail":
            seen.add(message["case"])
            listener.notice(Outcome.from_json(message))


def _order(child: subprocess.Popen[bytes], part: Part | None) -> None:
    """Send a child a part, or close its input."""
    assert child.stdin is not None
    with suppress(BrokenPipeError):  # it has ended; its exit code is checked later
        if part is None:
            child.stdin.close()
        else:
            child.stdin.write(part.to_line())
            child.stdin.flush()


def _messages(
    children: Sequence[subprocess.Popen[bytes]],
) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, Json]]]:
    lines: queue.SimpleQueue[tuple[subprocess.Popen[bytes], bytes | None]] = queue.SimpleQueue()

    def read(child: subprocess.Popen[bytes], stream: IO[bytes]) -> None:
        for line in stream:
            if line.endswith(b"\n"):  # otherwise the child ended within a line; its exit code is checked later
                lines.put((child, line))
        lines.put((child, None))

    for child in children:
        assert child.stdout is not None
        threading.Thread(target=read, args=(child, child.stdout), daemon=True).start()
    open_streams = len(children)
    while open_streams:
        sender, line = lines.get()
        if line is None:
            open_streams -= 1
        else:
            yield sender, json.loads(line)


def check_codes(codes: Sequence[int]) -> None:
    """Raise UsageError or DataError if a child did not complete its parts; an unknown code is a fault of the suite."""
    broken: list[type[SuiteError]] = []
    for code in codes:
        if code == EXIT["usage"]:
            broken.append(UsageError)
        elif code not in (EXIT["fine"], EXIT["unexpected"], EXIT["nothing"]):
            broken.append(DataError)
    if broken:
        kind = DataError if DataError in broken else UsageError
        raise kind(f"{len(broken)} of {len(codes)} jobs did not complete, exit codes {sorted(codes)}")
