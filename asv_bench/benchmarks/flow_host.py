"""Speed of a host of flows: many flows with shared updates, and a host that has run many flows before."""

from __future__ import annotations

import shutil
import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import Any

from gritstone.flow import Host, Policy, Program, call, end, parallel, sub, wait
from gritstone.grit import FORMATS, MemoryEngine, Store
from gritstone.grit.lmdb_store import open_durable

_POLICY = Policy.allow({"t": ["n"]}, events=["go"])
_ONE = Program("one", start="a", nodes={"a": call("t", {"n": "$input.n"}, next="e"), "e": end(output="$out.a")})
_TEN = {f"n{step}": call("t", {"n": "$input.n"}, next=f"n{step + 1}" if step < 9 else "e") for step in range(10)}
_SUBS = {f"c{number}": sub("t", {"n": number}) for number in range(10)}
_PROGRAMS = {
    "one": _ONE,
    "ten": Program("ten", start="n0", nodes={**_TEN, "e": end()}),
    "parallel": Program("parallel", start="p", nodes={"p": parallel(_SUBS, next="e"), "e": end(output="$out.p")}),
}
_WAITING = Program("wait", start="w", nodes={"w": wait("go", next="e"), "e": end()})
_LONGEST_S = 600


def _plain(n: int) -> int:
    return n


async def _coroutine(n: int) -> int:
    return n


class _Hosted:
    """A host on a store."""

    def open_store(self, backend: str, tool: Any = _plain) -> None:
        """Open an empty store with a host."""
        self.directory = tempfile.mkdtemp(prefix="gritstone-bench-")
        format_ = FORMATS["cbor-blake3"]
        is_durable = backend == "durable"
        path = Path(self.directory) / "store"
        self.store = open_durable(path, format_) if is_durable else Store.open(MemoryEngine(), format_)
        self.tool = tool
        self.start()

    def start(self) -> None:
        """Open the host, and wait until it has continued its flows."""
        self.host = Host(self.store, tools={"t": self.tool}, policy=_POLICY)
        self.host.flows()

    def teardown(self, *params: object) -> None:
        self.host.close()
        self.store.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def play(self, program: Program, count: int, together: int) -> float:
        """Run flows, some of them at the same time; return flows per second."""
        begin = time.perf_counter()
        for first in range(0, count, together):
            flows = self.host.start_many(program, [{"n": n} for n in range(first, min(first + together, count))])
            outcomes = self.host.results(flows, _LONGEST_S)
            assert all(outcome.succeeded for outcome in outcomes)
        return count / (time.perf_counter() - begin)


class HostedFlows(_Hosted):
    """Flows that run at the same time, so that they share updates of the store; their tool is a plain function."""

    params = (["memory", "durable"], sorted(_PROGRAMS), [1, 32, 512])
    param_names = ("backend", "program", "together")
    rounds = 512

    def setup(self, backend: str, program: str, together: int) -> None:
        self.open_store(backend)

    def track_flows_per_second(self, backend: str, program: str, together: int) -> float:
        return self.play(_PROGRAMS[program], min(self.rounds, 64 * together), together)


class HostedCoroutines(_Hosted):
    """512 flows of ten calls each that run at the same time; their tool is a coroutine function."""

    rounds = 512

    def setup(self) -> None:
        self.open_store("memory", _coroutine)

    def track_flows_per_second(self) -> float:
        return self.play(_PROGRAMS["ten"], self.rounds, self.rounds)


class HostedWaits(_Hosted):
    """Flows that wait, and are resumed one after another; each event is durable before the next."""

    params = (["memory", "durable"],)
    param_names = ("backend",)
    rounds = 100

    def setup(self, backend: str) -> None:
        self.open_store(backend)

    def track_events_per_second(self, backend: str) -> float:
        flows = self.host.start_many(_WAITING, [{}] * self.rounds)
        begin = time.perf_counter()
        assert all(flow.deliver("go") for flow in flows)
        return self.rounds / (time.perf_counter() - begin)


class AfterManyFlows(_Hosted):
    """A durable host that has run this many flows before."""

    params = ([100, 10_000],)
    param_names = ("flows",)
    rounds = 200
    timeout = 600

    def setup(self, flows: int) -> None:
        self.open_store("durable")
        self.play(_ONE, flows, 500)

    def track_flows_per_second(self, flows: int) -> float:
        return self.play(_ONE, self.rounds, 50)

    def time_start(self, flows: int) -> None:
        self.host.close()
        self.start()

    def track_kept_bytes(self, flows: int) -> float:
        """Measure what a host keeps in memory after a start and some more flows."""
        self.host.close()
        tracemalloc.start()
        self.start()
        self.play(_ONE, self.rounds, 50)
        kept, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return kept
