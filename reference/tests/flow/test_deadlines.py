"""Deadlines of timers: kept over restarts, wrong clocks, suspended machines, other hosts and small updates."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from gritstone.flow import Host, Policy, Program, call, deadlines, end, parallel, sub, wait
from gritstone.flow.handle import Flow
from gritstone.grit.formats import FORMATS
from gritstone.grit.limits import Limits
from gritstone.grit.memory import MemoryEngine
from gritstone.grit.objects import Blob
from gritstone.grit.references import Change
from gritstone.grit.store import Store

LONG_S = 60
DAY_MS = 86_400_000
HOUR_MS = 3_600_000
POLICY = Policy.allow({"t": ["n"]}, events=["go"])


class Clock:
    """The system's clock, and one that cannot be set; both stand still unless they are moved."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_ms = 1_700_000_000_000
        self.elapsed_s = 0.0
        monkeypatch.setattr(deadlines, "_now_ms", lambda: self.now_ms)
        monkeypatch.setattr(deadlines, "_elapsed_s", lambda: self.elapsed_s)
        monkeypatch.setattr(deadlines, "_LONGEST_SLEEP_S", 0.01)

    def pass_ms(self, duration_ms: int) -> None:
        self.now_ms += duration_ms
        self.elapsed_s += duration_ms / 1000


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture(params=sorted(FORMATS))
def store(request: pytest.FixtureRequest) -> Store:
    return Store.open(MemoryEngine(), FORMATS[request.param], create=True)


def host_of(store: Store, **tools: Callable[..., Any]) -> Host:
    return Host(store, tools=tools, policy=POLICY, threads=1)


def waiting(timeout_ms: int = DAY_MS) -> Program:
    nodes = {"w": wait("go", next="e", timeout_ms=timeout_ms), "e": end()}
    return Program("w", start="w", nodes=nodes)


def records(store: Store) -> dict[str, bytes]:
    """Return the records of a store, by the text of the flow."""
    with store.snapshot() as snapshot:
        found = {name[7:]: snapshot.load(target) for name, target in snapshot.references("timers/")}
    return {name: blob.data for name, blob in found.items() if isinstance(blob, Blob)}


def has_ended(store: Store, flow: Flow) -> bool:
    """Return whether a flow has ended when a new host on the store has come to rest."""
    with host_of(store) as host:
        time.sleep(0.1)
        host.run(LONG_S)
        return host.flow(flow.id).status().has_ended


def test_time_without_a_host_counts(store: Store, clock: Clock) -> None:
    with host_of(store) as host:
        flow = host.start(waiting())
    for _ in range(3):
        clock.pass_ms(7 * HOUR_MS)
        assert not has_ended(store, flow)
    clock.pass_ms(3 * HOUR_MS - 1)
    assert not has_ended(store, flow)
    clock.pass_ms(1)
    with host_of(store) as host:
        assert host.flow(flow.id).result(LONG_S).failure == {"class": "timeout", "node": "w"}
    assert records(store) == {}


def test_timers_of_one_flow_have_their_own_deadlines(store: Store, clock: Clock) -> None:
    subs = {"a": sub("t", {"n": 1}, timeout_ms=DAY_MS, optional=True), "b": sub("t", {"n": 2}, timeout_ms=HOUR_MS)}
    program = Program("p", start="p", nodes={"p": parallel(subs, next="e"), "e": end()})

    async def never(n: int) -> int:
        await asyncio.sleep(3600)
        return n

    with host_of(store, t=never) as host:
        flow = host.start(program)
        assert len(records(store)[flow.id.hex()].splitlines()) == 2
    clock.pass_ms(HOUR_MS)
    with host_of(store, t=never) as host:
        again = host.flow(flow.id)
        while "b" in again.status().open:
            time.sleep(0.01)
        assert set(again.status().open) == {"a"}
        host.ask(lambda: None)
        kept = records(store)[flow.id.hex()].split()
        assert int(kept[1]) == clock.now_ms - HOUR_MS + DAY_MS
    clock.pass_ms(DAY_MS - HOUR_MS)
    with host_of(store, t=never) as host:
        assert host.flow(flow.id).result(LONG_S).failure == {"class": "timeout", "node": "p", "sub": "b"}
    assert records(store) == {}


def test_clock_that_was_wrong_delays_by_the_whole_time_at_most(store: Store, clock: Clock) -> None:
    with host_of(store) as host:
        flow = host.start(waiting())
    clock.now_ms -= 365 * DAY_MS
    assert not has_ended(store, flow)
    clock.pass_ms(DAY_MS - 1)
    assert not has_ended(store, flow)
    clock.pass_ms(1)
    assert has_ended(store, flow)


def test_clock_that_is_set_in_a_process_fires_nothing(store: Store, clock: Clock) -> None:
    with host_of(store) as host:
        flow = host.start(waiting())
        clock.now_ms += 2 * DAY_MS
        time.sleep(0.1)
        host.run(LONG_S)
        assert not flow.status().has_ended


def test_time_of_a_suspended_machine_counts(store: Store, clock: Clock) -> None:
    with host_of(store) as host:
        flow = host.start(waiting())
        host.run(LONG_S)
        clock.pass_ms(DAY_MS)
        assert flow.result(LONG_S).failure == {"class": "timeout", "node": "w"}


def test_second_host_keeps_the_deadline_of_the_first(store: Store, clock: Clock) -> None:
    with host_of(store) as first:
        flow = first.start(waiting())
        before = records(store)
        clock.now_ms += HOUR_MS
        with host_of(store) as second:
            other = second.start(waiting())
            second.run(LONG_S)
            first.ask(lambda: None)
            after = records(store)
    assert after[flow.id.hex()] == before[flow.id.hex()]
    assert int(after[other.id.hex()].split()[1]) == clock.now_ms + DAY_MS


def test_more_timers_than_one_update_has_room_for(clock: Clock) -> None:
    store = Store.open(MemoryEngine(), FORMATS["cbor-blake3"], limits=Limits(cas_names=64))
    with host_of(store) as host:
        flows = [host.start(waiting()) for _ in range(150)]
    for flow in flows:  # as a runtime that keeps no deadlines leaves them
        name = f"timers/{flow.id.hex()}"
        with store.snapshot() as snapshot:
            target = snapshot.target(name)
        store.update_references([Change(name, target, None)])
    with host_of(store) as host:
        deadline_s = time.monotonic() + LONG_S
        while len(records(store)) < len(flows) and time.monotonic() < deadline_s:
            time.sleep(0.01)
    assert len(records(store)) == len(flows)
    clock.pass_ms(DAY_MS)
    with host_of(store) as host:
        outcomes = host.results([host.flow(flow.id) for flow in flows], LONG_S)
        assert {outcome.status for outcome in outcomes} == {"failed"}
    assert records(store) == {}


@pytest.mark.parametrize("data", [b"", b"\xff\n", b"00 1\n", b"-1"])
def test_altered_record_begins_the_timer_again(store: Store, clock: Clock, data: bytes) -> None:
    with host_of(store) as host:
        flow = host.start(waiting())
    name = f"timers/{flow.id.hex()}"
    with store.snapshot() as snapshot:
        target = snapshot.target(name)
    store.update_references([Change(name, target, store.put(store.format.encode(Blob({}, data), store.limits)))])
    clock.pass_ms(HOUR_MS)
    assert not has_ended(store, flow)
    assert int(records(store)[flow.id.hex()].split()[1]) == clock.now_ms + DAY_MS


def test_record_of_no_flow_is_removed(store: Store, clock: Clock) -> None:
    blob = store.put(store.format.encode(Blob({}, b""), store.limits))
    store.update_references([Change(f"timers/{'5' * 64}", None, blob), Change("timers/mine", None, blob)])
    with host_of(store) as host:
        host.start(Program("e", start="e", nodes={"e": end()})).result(LONG_S)
    assert list(records(store)) == ["mine"]


def test_call_that_is_answered_in_time_leaves_nothing(store: Store, clock: Clock) -> None:
    nodes = {"a": call("t", {"n": 1}, next="e", timeout_ms=HOUR_MS), "e": end(output="$out.a")}
    with host_of(store, t=lambda n: n) as host:
        assert host.start(Program("c", start="a", nodes=nodes)).result(LONG_S).output == 1
    assert records(store) == {}
