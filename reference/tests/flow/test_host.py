"""Flows for programs: starts, tools, timeouts, events, orders, and what is left of flows that have ended."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from gritstone.errors import Missing, Rejected
from gritstone.flow import (
    PENDING,
    Call,
    Defects,
    Host,
    Policy,
    Program,
    Ref,
    Result,
    ToolError,
    branch,
    call,
    end,
    parallel,
    sub,
    wait,
)
from gritstone.flow.engine import Stuck
from gritstone.flow.handle import Flow
from gritstone.grit.engine import Table
from gritstone.grit.formats import FORMATS
from gritstone.grit.memory import MemoryEngine
from gritstone.grit.objects import Step
from gritstone.grit.references import Change
from gritstone.grit.store import Store
from gritstone.runtime.outcomes import agent_position

from .worked import REFUND

LONG_S = 60


@pytest.fixture(params=sorted(FORMATS))
def store(request: pytest.FixtureRequest) -> Store:
    return Store.open(MemoryEngine(), FORMATS[request.param], create=True)


@pytest.fixture
def opened(store: Store) -> Iterator[Callable[..., Host]]:
    """Return a function that opens hosts, which are closed at the end."""
    hosts: list[Host] = []

    def open_host(**tools: Any) -> Host:
        listed = {
            name: tool if isinstance(tool, dict) else {"params": ["n", "to"], "refs": ["to"]}
            for name, tool in TOOLS.items()
        }
        policy = Policy.allow(listed, events=["go"], limits={"max_replans": 2})
        host = Host(store, tools=tools, policy=policy, threads=4)
        hosts.append(host)
        return host

    yield open_host
    for host in hosts:
        host.close()


TOOLS: dict[str, Any] = {"t": None, "u": None, "v": None}


def one(tool: str = "t", **members: Any) -> Program:
    """Return a program of one call, whose output is that of the flow."""
    node = call(tool, {"n": "$input.n"}, next="e", **members)
    return Program("one", start="a", nodes={"a": node, "e": end(output="$out.a")})


def test_refund_pays_once_and_ends(store: Store) -> None:
    keys: list[bytes] = []

    def refund(call: Call, order: str, amount: int) -> Result:
        keys.append(call.key)
        assert (call.node, call.sub, call.visit, call.attempt, call.tool) == ("pay", None, 1, 1, "refund")
        return Result(f"R-{order}-{amount}", usage=3)

    program = Program.from_value(REFUND)
    policy = Policy.allow(
        {
            "llm": {"params": ["prompt"], "cost": 100},
            "refund": {"params": ["order", "amount"], "guarded": True},
            "mail": {"params": ["to", "text"], "refs": ["to"]},
        }
    )
    sent: list[bytes] = []

    def mail(call: Call, /, **args: Any) -> None:
        assert args["text"] == "declined"
        sent.append(call.secret(args["to"]))

    tools: dict[str, Callable[..., Any]] = {"llm": lambda prompt: "yes", "refund": refund, "mail": mail}
    data = {"order": "A-17", "amount": 40, "customer": Ref("customer")}
    with Host(store, tools=tools, policy=policy) as host:
        flow = host.start(program, input=data, refs={"customer": b"4111"})
        outcome = flow.result(LONG_S)
        assert (outcome.status, outcome.output, outcome.failure) == ("succeeded", {"receipt": "R-A-17-40"}, None)
        assert outcome.succeeded
        assert flow.status().tokens == 103
        assert flow.replay().differs is None
        assert [event["e"] for event in flow.trace()][-1] == "ended"
        other = host.start(program, input={**data, "amount": 101}, refs={"customer": b"4111"})
        assert other.result(LONG_S).output == "declined"
        assert len(keys) == 1
        assert sent == [b"4111"]


def test_same_name_is_the_same_flow(opened: Callable[..., Host]) -> None:
    count: list[int] = []

    def note(n: int) -> None:
        count.append(n)

    host = opened(t=note)
    first = host.start(one(), input={"n": 1}, name="x")
    first.result(LONG_S)
    assert host.start(one(), input={"n": 1}, name="x") == first
    assert host.start(one(), input={"n": 1}, name="y") != first
    assert host.start(one(), input={"n": 1}) != host.start(one(), input={"n": 1})
    host.run(LONG_S)
    assert count == [1] * 4
    salted = [host.start(one(), input={"n": 1}, refs={"r": b"p"}, name="x", salt=bytes(16)) for _ in range(2)]
    assert salted[0] == salted[1]
    with pytest.raises(ValueError, match="at least 16 bytes"):
        host.start(one(), input={"n": 1}, refs={"r": b"p"}, salt=bytes(15))


def test_defects_and_missing_policy_are_raised(opened: Callable[..., Host], store: Store) -> None:
    host = opened()
    with pytest.raises(Defects) as raised:
        host.start(one("absent"), input={"n": Ref("r")})
    assert [tuple(found) for found in raised.value.defects] == [("", "unknown-ref"), ("a", "unknown-tool")]
    assert "a: unknown-tool: the policy does not have the tool" in str(raised.value)
    with pytest.raises(Defects, match="input-malformed"):
        host.start(one(), input=[1])
    host.start(one(), input={"n": 1})
    with pytest.raises(Defects, match="unknown-ref"):
        host.start(one(), input={"n": Ref("r")})
    host.close()
    with Host(store) as bare, pytest.raises(Rejected, match="no policy"):
        bare.start(one())


HOSTILE: list[tuple[str, Any, str]] = [
    ("fraction", 1.5, "value"),
    ("bytes", b"x", "value"),
    ("tuple", (1,), "value"),
    ("large", 1 << 63, "value"),
    ("surrogate", "\ud800", "value"),
    ("key", {1: 2}, "value"),
    ("long", "x" * 70_000, "value"),
    ("deep", [[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]], "value"),
    ("coroutine", object(), "value"),
    ("usage", Result(1, usage=-1), "value"),
    ("usage type", Result(1, usage=True), "value"),
    ("refs", Result(1, refs={"R": b""}), "value"),
    ("refs type", Result(1, refs={"r": "text"}), "value"),  # type: ignore[dict-item]
    ("tool error", ToolError("full"), "full"),
    ("long class", ToolError("é" * 40), "é" * 32),
    ("empty class", ToolError(""), "tool"),
    ("invalid class", ToolError("\ud800"), "?"),
    ("no text", ToolError(5), "tool"),  # type: ignore[arg-type]
    ("bad usage", ToolError("x", usage=-1), "value"),
    ("error", ZeroDivisionError("x" * 100_000), "ZeroDivisionError"),
    ("exit", SystemExit(3), "SystemExit"),
    ("unprintable", type("Bad", (Exception,), {"__str__": lambda self: 1 / 0})(), "Bad"),
]


@pytest.mark.parametrize("is_async", [False, True])
def test_hostile_result_is_a_typed_failure(opened: Callable[..., Host], is_async: bool) -> None:
    """All results are judged by flows of one host, which serves another flow after them."""
    cyclic: list[Any] = []
    cyclic.append(cyclic)
    values = [*HOSTILE, ("cyclic", cyclic, "value")]
    if is_async:
        values = [one for one in values if not isinstance(one[1], SystemExit)]

    def plain(n: int) -> Any:
        value = values[n][1]
        if isinstance(value, BaseException):
            raise value
        return value

    async def coroutine(n: int) -> Any:
        await asyncio.sleep(0)
        return plain(n)

    host = opened(t=coroutine if is_async else plain, u=lambda n: n)
    flows = host.start_many(one(), [{"n": number} for number in range(len(values))])
    for (name, _, kind), outcome in zip(values, host.results(flows, LONG_S), strict=True):
        assert outcome.failure == {"class": "tool", "node": "a", "why": kind}, name
    assert host.start(one("u"), input={"n": 7}).result(LONG_S).output == 7


@pytest.mark.parametrize("value", [1.5, Result(1, usage=-1), ToolError("x"), ToolError("x", usage=-1), ValueError()])
def test_failure_that_would_repeat_is_not_tried_again(opened: Callable[..., Host], value: Any) -> None:
    attempts: list[int] = []

    def tool(call: Call, n: int) -> Any:
        attempts.append(call.attempt)
        if isinstance(value, Exception):
            raise value
        return value

    flow = opened(t=tool).start(one(retry=(3, 0)), input={"n": 1})
    assert flow.result(LONG_S).status == "failed"
    assert attempts == [1]


def test_refs_of_a_result_are_sealed(opened: Callable[..., Host]) -> None:
    def read(call: Call, to: Ref) -> str:
        with pytest.raises(Missing):
            call.secret("other")
        return call.secret(to).decode()

    program = Program(
        "refs",
        start="a",
        nodes={"a": call("t", next="b"), "b": call("u", {"to": "$out.a"}, next="e"), "e": end(output="$out.b")},
    )
    host = opened(t=lambda: Result(Ref("card"), refs={"card": b"4111"}), u=read)
    assert host.start(program).result(LONG_S).output == "4111"
    host = opened(t=lambda: Ref("card"), u=read)
    assert host.start(program).result(LONG_S).failure == {"class": "bad-result", "node": "a"}


def test_tool_without_a_function_fails(opened: Callable[..., Host], store: Store) -> None:
    assert opened().start(one(), input={"n": 1}).result(LONG_S).failure == {
        "class": "tool",
        "node": "a",
        "why": "no-tool",
    }
    with pytest.raises(TypeError, match="a tool is a function, got int"):
        Host(store, tools={"t": 5})  # type: ignore[dict-item]


def test_calls_of_a_parallel_run_side_by_side(opened: Callable[..., Host]) -> None:
    """Each call waits until all of them have begun."""
    barrier = threading.Barrier(4)
    begun = 0
    all_begun = asyncio.Event()

    def plain(n: int) -> int:
        barrier.wait(LONG_S)
        return n

    async def coroutine(n: int) -> int:
        nonlocal begun
        begun += 1
        if begun == 4:
            all_begun.set()
        await asyncio.wait_for(all_begun.wait(), LONG_S)
        return n

    for tool, host in (("t", opened(t=plain)), ("u", opened(u=coroutine))):
        calls = {f"c{n}": sub(tool, {"n": n}) for n in range(4)}
        program = Program("p", start="p", nodes={"p": parallel(calls, next="e"), "e": end(output="$out.p")})
        assert host.start(program).result(LONG_S).output == {f"c{n}": n for n in range(4)}
        host.close()


def test_values_that_people_change_stay_as_they_were(opened: Callable[..., Host]) -> None:
    seen: list[Any] = []

    def greedy(n: Any) -> Any:
        seen.append([*n["items"]])
        n["items"].append(10**6)
        if len(seen) == 1:
            raise ToolError("busy", retry=True)
        return n

    host = opened(t=greedy)
    for _ in range(2):
        flow = host.start(one(retry=(2, 1)), input={"n": {"items": [1]}})
        first = flow.result(LONG_S)
        first.output["items"].clear()
        flow.trace()[0].clear()
        assert flow.result(LONG_S).output == {"items": [1, 10**6]}
        assert flow.trace()[0]["e"] == "admitted"
    assert seen == [[1]] * 3


def test_error_is_tried_again_with_the_same_key(opened: Callable[..., Host]) -> None:
    calls: list[tuple[bytes, int]] = []

    def flaky(call: Call, n: int) -> int:
        calls.append((call.key, call.attempt))
        if call.attempt < 3:
            raise (ConnectionError("lost"), ToolError("busy", retry=True))[call.attempt - 1]
        return n

    host = opened(t=flaky)
    assert host.start(one(retry=(3, 1)), input={"n": 4}).result(LONG_S).output == 4
    assert [attempt for _, attempt in calls] == [1, 2, 3]
    assert len({key for key, _ in calls}) == 1


def test_timeout_ends_a_coroutine_and_keeps_a_thread(opened: Callable[..., Host]) -> None:
    cancelled: list[int] = []
    release = threading.Event()
    attempts: list[int] = []

    async def slow(call: Call, n: int) -> int:
        if call.attempt == 1:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                cancelled.append(n)
                raise
        return n

    def held(call: Call, n: int) -> int:
        attempts.append(call.attempt)
        release.wait(LONG_S)
        return n

    host = opened(t=slow, u=held)
    assert host.start(one(retry=(2, 0), timeout_ms=20), input={"n": 4}).result(LONG_S).output == 4
    assert cancelled == [4]
    flow = host.start(one("u", retry=(2, 0), timeout_ms=2_000), input={"n": 5})
    while flow.status().calls < 2:
        time.sleep(0.01)
    release.set()
    assert flow.result(LONG_S).output == 5
    assert attempts == [1], "the second attempt is not performed, because the first one succeeds"
    assert host.start(one(timeout_ms=1), input={"n": 4}).result(LONG_S).failure == {"class": "timeout", "node": "a"}


def test_late_failure_begins_the_newer_attempt(opened: Callable[..., Host]) -> None:
    release = threading.Event()

    def held(call: Call, n: int) -> int:
        if call.attempt == 1:
            release.wait(LONG_S)
            raise ValueError("late")
        return n

    host = opened(t=held)
    flow = host.start(one(retry=(2, 0), timeout_ms=30_000), input={"n": 5})
    short = host.start(one(retry=(2, 0), timeout_ms=100), input={"n": 6})
    while short.status().calls < 2:
        time.sleep(0.01)
    release.set()
    assert short.result(LONG_S).status in ("succeeded", "failed")
    assert flow.result(LONG_S).failure == {"class": "tool", "node": "a", "why": "ValueError"}


def waiting(**members: Any) -> Program:
    """Return a program that waits for an event."""
    return Program("w", start="w", nodes={"w": wait("go", next="e", **members), "e": end(output="$out.w")})


def test_event_resumes_once(opened: Callable[..., Host]) -> None:
    host = opened()
    flow = host.start(waiting())
    host.run(LONG_S)
    assert (flow.status().status, flow.status().open) == ("suspended", {"w": "waiting"})
    assert not flow.deliver("other", 1)
    with pytest.raises(TimeoutError):
        flow.result(0.01)
    found: list[bool] = []
    posters = [threading.Thread(target=lambda n=n: found.append(flow.deliver("go", n))) for n in range(16)]
    for poster in posters:
        poster.start()
    for poster in posters:
        poster.join()
    assert sorted(found) == [False] * 15 + [True]
    assert flow.result(LONG_S).succeeded
    assert not flow.deliver("go", 1)
    assert host.start(waiting(timeout_ms=1)).result(LONG_S).failure == {"class": "timeout", "node": "w"}
    sealed = host.start(waiting())
    assert sealed.deliver("go", Ref("r"), refs={"r": b"p"})
    assert sealed.result(LONG_S).output == Ref("r")


def test_pending_call_is_completed_later(opened: Callable[..., Host], store: Store) -> None:
    keys: list[bytes] = []

    def later(call: Call, n: int) -> Any:
        keys.append(call.key)
        return PENDING

    host = opened(t=later)
    flows = host.start_many(one(timeout_ms=5_000), [{"n": 1}, {"n": 2}])
    host.run(LONG_S)
    host.close()
    host = opened(t=later)
    assert [flow.id for flow in host.flows()] == sorted(flow.id for flow in flows)
    first, second = (host.flow(flow.id) for flow in flows)
    statuses = [flow.status() for flow in (first, second)]
    assert [one.open for one in statuses] == [{"a": "pending"}] * 2
    assert not first.complete(bytes(32), 1)
    by_flow = {}
    for key in keys:
        by_flow[first.id if first.complete(key, 5) else second.id] = key
    assert first.result(LONG_S).output == 5
    assert second.complete(by_flow[second.id], ToolError("lost"))
    assert second.result(LONG_S).failure == {"class": "tool", "node": "a", "why": "lost"}
    assert len(keys) == 2, "a pending call is not performed again"


def test_one_of_many_answers_is_taken(opened: Callable[..., Host]) -> None:
    keys: list[bytes] = []

    def later(call: Call, n: int) -> Any:
        keys.append(call.key)
        return PENDING

    host = opened(t=later)
    flow = host.start(one(), input={"n": 1})
    host.run(LONG_S)
    with ThreadPoolExecutor(8) as threads:
        taken = list(threads.map(lambda number: (flow.complete(keys[0], number), number), range(8)))
    (number,) = [number for is_taken, number in taken if is_taken]
    assert flow.result(LONG_S).output == number
    assert all(event["e"] != "ignored" for event in flow.trace())


def test_agent_makes_three_steps_for_a_call(opened: Callable[..., Host], store: Store) -> None:
    host = opened(t=lambda n: n)
    assert host.start(one(), input={"n": 1}).result(LONG_S).output == 1
    host.run(LONG_S)
    world = host.engine.world
    position = host.ask(lambda: agent_position(world))
    steps, at = 0, position.step.previous
    while at is not None:
        step = world.objects.load(at)
        assert isinstance(step, Step)
        steps, at = steps + 1, step.previous
    assert steps == 3, "the start, the result, and the removal of the entries"


def test_order_to_an_unknown_flow_is_refused(opened: Callable[..., Host]) -> None:
    host = opened()
    with pytest.raises(Missing, match="not in this store"):
        Flow(host, bytes(32)).deliver("go")


def test_cancel_and_watch(opened: Callable[..., Host]) -> None:
    host = opened()
    flow = host.start(waiting())
    events = flow.watch()
    assert [next(events)["e"] for _ in range(3)] == ["admitted", "entered", "waiting"]
    assert flow.cancel()
    assert [event["e"] for event in events] == ["ended"]
    assert flow.result(LONG_S).failure == {"class": "cancelled", "node": "w"}
    assert not flow.cancel()
    assert [event["e"] for event in host.flow(flow.id.hex()).watch()][-2:] == ["ended", "ignored"]


def test_erased_payload_is_gone_also_after_the_end(opened: Callable[..., Host], store: Store) -> None:
    program = Program(
        "w", start="w", nodes={"w": wait("go", next="b"), "b": call("t", {"to": "$input.n"}, next="e"), "e": end()}
    )
    host = opened(t=lambda to: None)
    flows = [host.start(program, input={"n": Ref("r")}, refs={"r": b"canary-%d" % number}) for number in range(2)]
    assert flows[0].deliver("go")
    assert flows[0].result(LONG_S).succeeded
    for flow in flows:
        assert flow.erase("r", "r")
        assert not flow.erase("r")
        while [event["e"] for event in flow.trace()].count("gone") == 0:
            time.sleep(0.001)
        assert flow.replay().differs is None
    assert flows[1].deliver("go")
    assert flows[1].result(LONG_S).failure == {"class": "denied", "node": "b", "why": "erased"}
    with store.snapshot() as snapshot:
        ids = list(snapshot.view.keys(Table.OBJECTS, b""))
        assert len(ids) > 20
        assert not any(b"canary" in snapshot.get(one) for one in ids)


def test_interrupted_flow_has_a_successor(opened: Callable[..., Host]) -> None:
    again = Program(
        "b",
        start="a",
        nodes={"a": call("t", next="b"), "b": branch("$out.a == 'again'", then="a", otherwise="e"), "e": end()},
        limits={"max_calls": 1, "max_visits": 5},
    )
    other = Program("b2", start="x", nodes={"x": call("u", {"n": "$prior.a"}, next="e"), "e": end(output="$out.x")})
    host = opened(t=lambda: "again", u=lambda n: [n])
    flow = host.start(again)
    assert flow.result(LONG_S).failure == {"class": "calls", "node": "a"}
    with pytest.raises(Rejected) as refused:
        flow.replan(one("absent"))
    assert refused.value.code == "rejected-plan"
    successor = flow.replan(other)
    assert successor.result(LONG_S).output == ["again"]
    with pytest.raises(Rejected) as refused:
        flow.replan(other)
    assert refused.value.code == "already-continued"
    assert host.flows() == []


def test_ended_flows_leave_nothing_in_the_agent(opened: Callable[..., Host], store: Store) -> None:
    host = opened(t=lambda n: n)
    held = host.start(waiting())
    flows = host.start_many(one(), [{"n": number} for number in range(700)], names=[str(n) for n in range(700)])
    assert [outcome.output for outcome in host.results(flows, LONG_S)] == list(range(700))
    host.run(LONG_S)
    world = host.engine.world
    entries = host.ask(lambda: [set(box) for box in (agent_position(world).inbox, agent_position(world).outbox)])
    agent = host.engine.runtime.agent
    assert [one - {agent} for one in entries] == [set(), {held.id}] or all(
        one - {agent} <= {held.id} for one in entries
    )
    assert set(host.engine.channels) == {held.id}
    assert set(world.actors) == {held.id, agent}
    with store.snapshot() as snapshot:
        assert len(list(snapshot.references("archived/"))) == 700
        assert len(list(snapshot.references("heads/"))) == 2
    assert host.flow(flows[3].id).status().has_ended
    with pytest.raises(Missing, match="not in this store"):
        host.flow(bytes(32))


def test_many_flows_share_few_updates(
    opened: Callable[..., Host], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    updates: list[int] = []
    update = Store.update
    host = opened(t=lambda n: n)
    monkeypatch.setattr(Store, "update", lambda self, work: updates.append(1) or update(self, work))  # type: ignore[func-returns-value]
    host.results(host.start_many(one(), [{"n": number} for number in range(256)]), LONG_S)
    assert len(updates) < 256 / 2


def test_flow_that_cannot_continue_is_reported(opened: Callable[..., Host], store: Store) -> None:
    host = opened(t=lambda n: n)
    program = Program(
        "w", start="w", nodes={"w": wait("go", next="b"), "b": call("t", {"n": "$input.n"}, next="e"), "e": end()}
    )
    flow, other = (host.start(program, input={"n": number}) for number in range(2))
    host.run(LONG_S)
    blob = host.ask(lambda: host.engine.position(flow.id).core["input"])
    host.ask(lambda: store.erase(blob))
    host.ask(host.engine.runtime.forget)
    assert not flow.deliver("go")
    with pytest.raises(Stuck, match="cannot continue"):
        flow.result(LONG_S)
    events = flow.watch()
    assert [next(events)["e"] for _ in range(3)] == ["admitted", "entered", "waiting"]
    with pytest.raises(Stuck, match="cannot continue"):
        next(events)
    assert other.deliver("go")
    assert other.result(LONG_S).succeeded


def test_closed_host_refuses_calls(opened: Callable[..., Host]) -> None:
    release = threading.Event()
    host = opened(t=lambda n: release.wait(LONG_S))
    flow = host.start(one(), input={"n": 1})
    raised: list[BaseException] = []

    def await_result() -> None:
        try:
            flow.result(LONG_S)
        except Missing as error:
            raised.append(error)

    waiter = threading.Thread(target=await_result)
    waiter.start()
    host.close()
    waiter.join()
    assert len(raised) == 1
    release.set()
    for refused in (lambda: host.start(one(), input={"n": 1}), flow.status, flow.cancel):
        with pytest.raises((Rejected, Missing), match="closed"):
            refused()
    assert opened(t=lambda n: n).flow(flow.id).result(LONG_S).output == 1


def test_two_hosts_share_a_store(store: Store) -> None:
    """Both perform the calls of all flows, with the same keys; each flow ends once, and both hosts report it."""
    keys: list[bytes] = []

    def tool(call: Call, n: int) -> int:
        keys.append(call.key)
        return n

    policy = Policy.allow({"t": ["n"]}, events=["go"])
    with (
        Host(store, tools={"t": tool}, policy=policy) as first,
        Host(store, tools={"t": tool}, policy=policy) as second,
    ):
        held = first.start(waiting())
        flows = first.start_many(one(), [{"n": n} for n in range(20)])
        flows += second.start_many(one(), [{"n": n} for n in range(20)])
        assert [outcome.output for outcome in first.results(flows[:20], LONG_S)] == list(range(20))
        assert [outcome.output for outcome in second.results(flows[20:], LONG_S)] == list(range(20))
        assert second.flow(held.id).deliver("go", 3)
        assert second.flow(held.id).result(LONG_S).output == 3
        assert held.status().has_ended
        first.start(one(), input={"n": 1}).result(LONG_S)
        first.run(LONG_S)
        assert first.flows() == []
        assert held.result(LONG_S).output == 3
        assert len(set(keys)) == 41
        assert all(flow.replay().differs is None for flow in flows)


def test_message_that_cannot_be_sent_does_not_stop_the_host(opened: Callable[..., Host], store: Store) -> None:
    host = opened(t=lambda n: n)
    flow = host.start(waiting())
    assert flow.cancel()
    flow.result(LONG_S)
    host.run(LONG_S)
    name, step = f"archived/{flow.id.hex()}", flow.status().step
    store.update_references([Change(name, step, None), Change(f"moved/{flow.id.hex()}", None, step)])
    with pytest.raises(Missing, match="not archived"):
        flow.cancel()
    assert host.start(one(), input={"n": 4}).result(LONG_S).output == 4


def test_call_whose_arguments_were_erased_fails(opened: Callable[..., Host], store: Store) -> None:
    release = threading.Event()
    host = opened(t=lambda n: release.wait(LONG_S) or 1)
    flow = host.start(one(), input={"n": 1})
    core = host.ask(lambda: dict(host.engine.position(flow.id).core))
    packet: Any = host.ask(lambda: host.engine.world.objects.look(core["sent"]))
    host.close()
    release.set()
    store.erase(packet.entries["doc"])
    assert opened(t=lambda n: n).flow(flow.id).result(LONG_S).failure == {
        "class": "tool",
        "node": "a",
        "why": "unreadable",
    }


def test_flow_whose_state_was_erased_does_not_stop_the_host(opened: Callable[..., Host], store: Store) -> None:
    host = opened()
    flow = host.start(waiting())
    state = host.ask(lambda: host.engine.position(flow.id).core["state"])
    host.close()
    store.erase(state)
    host = opened(t=lambda n: n)
    assert host.start(one(), input={"n": 4}).result(LONG_S).output == 4
    with pytest.raises(Missing):
        host.flow(flow.id)


def test_coroutine_that_was_cancelled_by_close_ends(opened: Callable[..., Host]) -> None:
    ended: list[int] = []
    begun = threading.Event()

    async def slow(n: int) -> int:
        begun.set()
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0.01)
            ended.append(n)
        return n

    host = opened(t=slow)
    flow = host.start(one(), input={"n": 1})
    assert begun.wait(LONG_S)
    host.close()
    assert ended == [1]
    assert opened(t=lambda n: n).flow(flow.id).result(LONG_S).output == 1


def test_run_waits_for_running_flows_only(opened: Callable[..., Host]) -> None:
    release = threading.Event()
    host = opened(t=lambda n: release.wait(LONG_S))
    host.start(waiting())
    host.run(LONG_S)
    flow = host.start(one(), input={"n": 1})
    with pytest.raises(TimeoutError):
        host.run(0.05)
    release.set()
    host.run(LONG_S)
    assert flow.status().has_ended
