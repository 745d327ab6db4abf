"""The runtime as a whole: rest, independence, time, two on one store, stopping, serving."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from gritstone.errors import Missing, Rejected
from gritstone.kit.actors import BlobObject, MessageContext, OutboxMessage, Wit
from gritstone.wit import PUPPETS, External, Laws


def test_ping_pong_resumes_after_max_steps(any_stage: Any) -> None:
    any_stage.start()
    a, b = any_stage.born("a", "b")
    any_stage.tell(a, b"S\0q\0\1", **{"00": b, "01": any_stage.program(b"B\0\0\0\x14")})
    total = 0
    while True:
        report = any_stage.run(7)
        total += report.steps
        if report.cause == "rest":
            break
        assert report.steps == 7
    assert total == 1 + 39
    assert any_stage.data(b, "bounces") == b"\0\0\0\x14"


def test_order_signals_and_leaving_are_respected(stage: Any) -> None:
    stage.start()
    (a,) = stage.born("a")
    for letter in b"abc":
        stage.tell(a, b"A\3log\0\1" + bytes([letter]))
    stage.run()
    assert stage.data(a, "log") == b"abc"
    stage.tell(a, b"A\3log\0\1x")
    stage.tell(a, b"A\3log\0\1s", signal=True)
    stage.tell(a, b"A\3log\0\1t")
    stage.run()
    assert stage.data(a, "log") == b"abcst"
    stage.tell(a, b"L\1kA\3log\0\1u")
    assert stage.run().cause == "rest"
    assert stage.data(a, "log") == b"abcst"
    (b,) = stage.born("b")
    stage.tell(b, b"S\0q\0\1", **{"00": a, "01": stage.program(b"W\1k\0\0")})
    stage.run()
    assert stage.data(a, "log") == b"abcstu"


def test_mail_waits_for_a_genesis(stage: Any) -> None:
    stage.start()
    (a,) = stage.born("a")
    b = stage.core("b")
    stage.tell(a, b"S\0q\0\1S\0q\0\2", **{"00": b, "01": stage.program(b"W\1k\0\1v"), "02": b})
    assert stage.run().cause == "rest"
    assert stage.head(b) is None
    stage.inject(b, b, "genesis")
    stage.run()
    assert stage.data(b, "k") == b"v"
    assert len(stage.steps(b)) == 3  # the second genesis moves only the cursor


def test_cleanup_waits_for_other_mail(stage: Any) -> None:
    stage.start()
    a, b = stage.born("a", "b")
    stage.tell(b, b"S\0q\7cleanup\1", **{"00": a, "01": stage.program(b"A\3log\0\1c")})
    stage.tell(a, b"L\1kA\3log\0\1m")
    stage.run()
    assert stage.data(a, "log") is None
    stage.tell(a, b"W\1k\0\0A\3log\0\1s", signal=True)
    stage.run()
    assert stage.data(a, "log") == b"sc"
    assert stage.head(a).previous is None
    assert stage.store.prune() > 0


def test_slow_actor_does_not_block_others(stage: Any) -> None:
    stage.start(suite_clock=False)
    actors = stage.born(*(f"sleeper{n}" for n in range(10)))
    begin = time.monotonic()
    for actor in actors:
        stage.tell(actor, b"Z\1\xf4W\4done\0\0")
    assert stage.run().cause == "rest"
    assert time.monotonic() - begin < 2.5
    assert all(stage.data(actor, "done") == b"" for actor in actors)


def test_transition_longer_than_the_limit_times_out(stage: Any) -> None:
    stage.start(suite_clock=False, max_attempts=1, transition_ms=40)
    a, b = stage.born("a", "b")
    stage.tell(a, b"Z\x27\x10")
    stage.tell(b, b"Z\0\1W\4done\0\0")
    assert stage.run().parked == [(a, "timeout")]
    assert stage.data(b, "done") == b""


def test_suite_clock_does_not_advance_in_transitions(stage: Any) -> None:
    stage.start(transition_ms=1)
    (a,) = stage.born("a")
    stage.tell(a, b"Z\xff\xffW\4done\0\0")
    begin = time.monotonic()
    assert stage.run().cause == "rest"
    assert time.monotonic() - begin < 10
    assert stage.data(a, "done") == b""
    with pytest.raises(Rejected):
        stage.start(suite_clock=False).set_time(5)


def test_failures_delay_on_the_system_clock(stage: Any) -> None:
    stage.start(suite_clock=False, base_ms=30, cap_ms=30)
    (a,) = stage.born("a")
    begin = time.monotonic()
    stage.tell(a, b"T\2W\4done\0\0")
    assert stage.run().cause == "rest"
    assert time.monotonic() - begin >= 0.05  # two delays of 30 ms on a clock of whole milliseconds
    assert stage.data(a, "done") == b""


def test_queries_are_answered_or_rejected(any_stage: Any) -> None:
    runtime = any_stage.start()
    a, b = any_stage.born("a", "b")
    any_stage.tell(a, b"Q\0\4step\1\3hisQ\0\4fail\1\3badQ\0\4none\1\3bad", **{"00": b, "01": any_stage.blob(b"")})
    any_stage.run()
    head = any_stage.refs()[f"heads/{b.hex()}"]
    assert any_stage.data(a, "his") == head.hex().encode()
    assert any_stage.data(a, "bad") is None
    step, found = any_stage.wait(runtime.query(b, "step"))
    assert (step, any_stage.load(found).data) == (head, head.hex().encode())
    before = any_stage.refs()
    for name, kind in (("fail", Rejected), ("get", Rejected)):
        with pytest.raises(kind):
            any_stage.wait(runtime.query(b, name, b"//"))
    with pytest.raises(Missing):
        any_stage.wait(runtime.query(b"z" * 32, "wut"))
    assert any_stage.refs() == before


def test_two_runtimes_share_one_store(any_stage: Any, stage_on: Callable[[Any], Any]) -> None:
    other = stage_on(any_stage.store)
    any_stage.start()
    other.start()
    a, b = any_stage.born("a", "b")
    any_stage.tell(a, b"S\0q\0\1", **{"00": b, "01": any_stage.program(b"B\0\0\0\x0a")})
    for _ in range(12):
        any_stage.runtime.refresh()
        any_stage.run(3)
        other.run(2)  # it knows nothing of what the first one did, until its commit is refused
        other.tell(b, b"A\3log\0\1x")
    any_stage.runtime.refresh()
    any_stage.run()
    assert any_stage.data(b, "bounces") == b"\0\0\0\x0a"
    assert any_stage.data(b, "log") == b"x" * 12
    sent = [step for step in any_stage.steps(any_stage.runtime.agent) if step.outbox]
    assert len(sent) == 2 + 1 + 12


def test_stop_ends_the_runtime_and_rejects_injections(stage: Any) -> None:
    for drain in (True, False):
        runtime = stage.start(suite_clock=False)
        (a,) = stage.born(f"a{drain}")
        (b,) = stage.born(f"b{drain}")
        stage.tell(a, b"Z\0\x64W\4done\0\0")
        stage.tell(b, b"")
        stage.run(1)
        assert runtime.machine.in_progress
        begin = time.monotonic()
        stage.wait(runtime.stop(drain=drain))
        assert (stage.data(a, "done") == b"") == drain
        assert time.monotonic() - begin < 2
        assert asyncio.all_tasks(stage.loop) == set()
        with pytest.raises(Rejected):
            stage.wait(runtime.inject(a, a))
    stage.start()
    stage.run()
    assert stage.data(a, "done") == b""


def test_serve_batches_injections(any_stage: Any) -> None:
    runtime = any_stage.start(suite_clock=False)
    (a,) = any_stage.born("a")
    contents = [any_stage.program(b"A\3log\0\1" + bytes([65 + n])) for n in range(20)]

    async def scenario() -> None:
        server = asyncio.create_task(runtime.serve())
        await asyncio.sleep(0)
        await asyncio.gather(*(runtime.inject(a, content) for content in contents))
        while len(any_stage.data(a, "log") or b"") < 20:
            await asyncio.sleep(0.01)
        await runtime.stop(drain=True)
        await server

    any_stage.wait(scenario())
    assert any_stage.data(a, "log") == bytes(range(65, 85))


def test_idle_runtime_uses_little_processor_time(stage: Any) -> None:
    runtime = stage.start(suite_clock=False)
    stage.born(*(f"a{n}" for n in range(50)))

    async def idle() -> float:
        server = asyncio.create_task(runtime.serve())
        await asyncio.sleep(0.1)
        begin = time.process_time()
        await asyncio.sleep(0.4)
        used = time.process_time() - begin
        await runtime.stop(drain=False)
        await server
        return used

    assert stage.wait(idle()) < 0.02


def test_code_can_query_and_await_coroutines(stage: Any) -> None:
    app = Wit("asker")

    @app.message("go")
    async def go(ctx: MessageContext) -> None:
        other = bytes.fromhex(ctx.message.content.get_as_str())  # type: ignore[union-attr]
        await asyncio.sleep(0.01)
        found = await ctx.query(other, "echo", b"hi")
        assert isinstance(found, BlobObject)
        with pytest.raises(Rejected):
            await ctx.query(other, "fail", b"")
        assert await ctx.query(other, "nothing", b"") is None
        both = await asyncio.gather(ctx.query(other, "echo", b"1"), ctx.query(other, "echo", b"2"))
        assert [one.get_as_bytes() for one in both if isinstance(one, BlobObject)] == [b"1", b"2"]
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(ctx.query(other, "echo", b"3"), 0)
        ctx.outbox.add(OutboxMessage.from_reply(ctx.message, found, mt="back"))

    @app.message("bad")
    async def bad() -> None:
        await asyncio.sleep(0)
        raise ValueError("no")

    stage.laws = Laws(External({**PUPPETS, "asker": app.code}))
    runtime = stage.start(suite_clock=False, max_attempts=1)
    (b,) = stage.born("b")
    a = stage.core("a", b"external:asker")
    stage.inject(a, a, "genesis")
    stage.inject(a, stage.blob(b.hex().encode()), "go")
    stage.run()
    ((sender, message),) = runtime.mail()
    assert sender == a
    assert stage.load(stage.load(message).content).data == b"hi"
    stage.inject(a, stage.blob(b""), "bad")
    assert stage.run().parked == [(a, "failed")]


def test_stopped_runtime_begins_no_run(any_stage: Any) -> None:
    runtime = any_stage.start(suite_clock=False)
    a, b = any_stage.born("a", "b")
    any_stage.tell(a, b"S\0q\0\1", **{"00": b, "01": any_stage.program(b"B\0\0\x27\x10")})

    async def scenario() -> int:
        server = asyncio.create_task(runtime.serve())
        await asyncio.sleep(0.01)
        await runtime.stop(drain=True)
        adopted: int = runtime.machine.adopted
        await asyncio.wait_for(server, 5)
        assert runtime.machine.adopted == adopted
        return adopted

    assert any_stage.wait(scenario()) < 2 + 20_000
    before = any_stage.refs()
    report = any_stage.run()
    assert (report.cause, report.steps) == ("rest", 0)
    assert any_stage.refs() == before


def test_number_of_commit_waiters_is_bounded(stage: Any) -> None:
    runtime = stage.start(suite_clock=False, most_waiting=3)
    (a,) = stage.born("a")
    content = stage.program(b"")

    async def scenario() -> int:
        server = asyncio.create_task(runtime.serve())
        most = 0
        injections = [asyncio.create_task(runtime.inject(a, content)) for _ in range(40)]
        while not all(one.done() for one in injections):
            most = max(most, len(runtime._commits))
            await asyncio.sleep(0)
        await runtime.stop(drain=True)
        await server
        return most

    assert stage.wait(scenario()) <= 3
    sent = [step for step in stage.steps(runtime.agent) if step.outbox]
    assert len(sent) == 1 + 40


def test_max_steps_ends_a_run_while_others_sleep(stage: Any) -> None:
    stage.start(suite_clock=False)
    a, b = stage.born("a", "b")
    stage.tell(a, b"Z\1\xf4A\3log\0\1z")
    stage.tell(b, b"")
    report = stage.run(1)
    assert (report.cause, report.steps) == ("max-steps", 1)
    assert stage.data(a, "log") is None
