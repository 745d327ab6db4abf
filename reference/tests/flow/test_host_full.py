"""A host whose store has no space for a while: callers are refused, flows wait, and nothing is performed twice."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from gritstone.errors import Exhausted
from gritstone.flow import Host, Policy, Program, Ref, call, end, wait
from gritstone.flow.handle import Flow
from gritstone.grit.formats import FORMATS
from gritstone.grit.limits import Limits
from gritstone.grit.memory import MemoryEngine
from gritstone.grit.references import Change
from gritstone.grit.store import Store

LONG_S = 60

_FULL = """
import asyncio, random, sys, threading, time
from pathlib import Path
from gritstone.errors import Exhausted
from gritstone.flow import Host, Policy, Program, Ref, call, end, wait
from gritstone.grit import FRAMED_SHA256, Blob
from gritstone.grit.lmdb_store import open_durable

directory = Path(sys.argv[1])
store = open_durable(directory / "store", FRAMED_SHA256)
draw = random.Random(1)
performed = []
begun, release = threading.Semaphore(0), threading.Event()

def plain(n):
    performed.append(("plain", n))
    begun.release()
    release.wait(60)
    return n

async def awaited(n):
    performed.append(("awaited", n))
    begun.release()
    while not release.is_set():
        await asyncio.sleep(0.01)
    return n

def program(tool):
    return Program("one", start="a", nodes={"a": call(tool, {"n": "$input.n"}, next="e"), "e": end(output="$out.a")})

policy = Policy.allow({"plain": ["n"], "awaited": ["n"]}, events=["go"])
waits = Program("w", start="a", nodes={"a": wait("go", next="e"), "e": end(output="$out.a")})
timed = Program("t", start="a", nodes={"a": wait("go", timeout_ms=300, next="e", on_error="e"), "e": end(output=5)})
with Host(store, tools={"plain": plain, "awaited": awaited}, policy=policy) as host:
    flows = [host.start(program(tool), input={"n": n}) for n in range(2) for tool in ("plain", "awaited")]
    waiting, late = host.start(waits), host.start(timed)
    for _ in flows:
        assert begun.acquire(timeout=60)
    filler = open(directory / "filler", "wb", buffering=0)
    try:
        while True:
            filler.write(bytes(4096))
    except OSError:
        pass
    for size in (200_000, 9_000, 300):
        try:
            while True:
                store.put(FRAMED_SHA256.encode(Blob({}, draw.randbytes(size)), store.limits))
        except Exhausted:
            pass
    release.set()
    refused = 0
    for attempt in range(10):
        try:
            host.start(program("plain"), input={"n": 9, "data": draw.randbytes(10_000).hex()})
        except Exhausted:
            refused += 1
    assert refused == 10, refused
    try:
        print("delivered", waiting.deliver("go", draw.randbytes(10_000).hex()))
    except Exhausted:
        print("refused")
    time.sleep(1)
    assert not host.is_closed
    before = [flow.status().status for flow in (*flows, waiting, late)]
    filler.truncate(0)
    (directory / "filler").unlink()
    filler.close()
    outcomes = host.results([*flows, late], 60)
    print("output", [one.output for one in outcomes])
    print("before", "running" in before)
    print("delivered", waiting.deliver("go", 7), waiting.result(60).output)
    print("new", host.start(program("plain"), input={"n": 3}).result(60).output)
    print("performed", len(performed), len(set(performed)))
    print("replayed", all(flow.replay().differs is None for flow in (*flows, waiting, late)))
    print("ignored", [event for flow in flows for event in flow.trace() if event["e"] == "ignored"])
store.close()
"""


def test_host_outlasts_a_full_medium(tmp_path: Path) -> None:
    mounted = 'mount -t tmpfs -o size=6m tmpfs "$1" && exec "$2" -c "$3" "$1"'
    command = ["unshare", "-rm", "sh", "-c", mounted, "sh", str(tmp_path), sys.executable, _FULL]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    except FileNotFoundError:
        pytest.skip("this system has no unshare")
    if done.stderr.startswith("unshare:") or "mount:" in done.stderr:
        pytest.skip("this system does not permit mounts")
    assert done.stdout.splitlines() == [
        "refused",
        "output [0, 0, 1, 1, 5]",
        "before True",
        "delivered True 7",
        "new 3",
        "performed 5 5",
        "replayed True",
        "ignored []",
    ], done.stderr


def one() -> Program:
    return Program("one", start="a", nodes={"a": call("t", {"n": "$input.n"}, next="e"), "e": end(output="$out.a")})


def test_host_outlasts_a_store_without_references() -> None:
    store = Store.open(MemoryEngine(), FORMATS["cbor-blake3"], create=True, limits=Limits(refs=6))
    performed: list[int] = []

    def tool(n: int) -> int:
        performed.append(n)
        return n

    policy = Policy.allow({"t": ["n"]}, events=["go"])
    waits = Program("w", start="a", nodes={"a": wait("go", next="e"), "e": end(output="$out.a")})
    with Host(store, tools={"t": tool}, policy=policy) as host:
        waiting = host.start(waits)
        flows = list(_started_until_full(host))
        assert [flow.result(LONG_S).output for flow in flows] == list(range(len(flows)))
        with pytest.raises(Exhausted):
            host.start_many(one(), [{"n": 90}, {"n": 91}])
        assert waiting.deliver("go", 1)
        assert waiting.result(LONG_S).output == 1
        with store.snapshot() as snapshot:
            name, step = next(iter(snapshot.references("archived/")))
        store.update_references([Change(name, step, None)])
        assert host.start(one(), input={"n": 50}).result(LONG_S).output == 50
        host.run(LONG_S)
        assert performed == [*range(len(flows)), 50]


def _started_until_full(host: Host) -> Iterator[Flow]:
    """Start flows until the host refuses one; another start that succeeded would never end the loop."""
    for n in count():
        try:
            yield host.start(one(), input={"n": n})
        except Exhausted as refusal:
            assert "too many references" in str(refusal)  # noqa: PT017 - the loop ends
            return


class _Shortage(MemoryEngine):
    """An engine in memory whose updates are refused while ``is_full``."""

    is_full = False

    def update(self, work: Any, *, freeing: bool = False) -> Any:
        if self.is_full:
            raise Exhausted("the disk is full", rule="grit.store.full")
        return super().update(work, freeing=freeing)


def test_erasure_waits_for_space(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gritstone.flow.performing._AGAIN_S", 0.01)
    store = Store.open(MemoryEngine(), FORMATS["cbor-blake3"], create=True)
    erase, refusals = store.erase, [1, 1]

    def erase_or_refuse(blob: bytes) -> Any:
        if refusals:
            refusals.pop()
            raise Exhausted("the disk is full", rule="grit.store.full")
        return erase(blob)

    monkeypatch.setattr(store, "erase", erase_or_refuse)
    policy = Policy.allow({"t": {"params": ["n"], "refs": ["n"]}}, events=["go"])
    waits = Program("w", start="a", nodes={"a": wait("go", next="e"), "e": end(output="$out.a")})
    with Host(store, policy=policy) as host:
        flow = host.start(waits, input={"n": Ref("r")}, refs={"r": b"secret"})
        assert flow.erase("r")
        assert flow.deliver("go", 3)
        assert flow.result(LONG_S).output == 3
        host.run(LONG_S)
        assert flow.replay().differs is None
    assert not refusals


def test_orders_and_results_of_a_shortage() -> None:
    engine = _Shortage()
    store = Store.open(engine, FORMATS["framed-sha256"], create=True)
    policy = Policy.allow({"t": ["n"]}, events=["go"])
    waits = Program("w", start="a", nodes={"a": wait("go", next="e"), "e": end(output="$out.a")})
    host = Host(store, tools={"t": lambda n: n}, policy=policy)
    flow = host.start(waits)
    engine.is_full = True
    for order in (lambda: flow.deliver("go", 1), flow.cancel, lambda: host.start(one(), input={"n": 1})):
        with pytest.raises(Exhausted):
            order()
    assert flow.status().status == "suspended"
    assert host.flows() == [flow]
    host.run(LONG_S)  # nothing runs: no flow of a refused start is left
    engine.is_full = False
    assert flow.deliver("go", 2)
    assert flow.result(LONG_S).output == 2
    engine.is_full = True
    host.close()
    engine.is_full = False
    with Host(store, tools={"t": lambda n: n}, policy=policy) as again:
        assert again.start(one(), input={"n": 1}).result(LONG_S).output == 1
