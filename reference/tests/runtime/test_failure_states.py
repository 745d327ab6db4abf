"""What goes wrong around a runtime: faults of code and store, a full medium, others on the same store, limits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from gritstone.errors import Exhausted, InternalError, Rejected
from gritstone.grit import Change, Limits, Store
from gritstone.grit.engine import Table
from gritstone.runtime import world
from gritstone.wit import PUPPETS, External, Laws, failure
from gritstone.wit.code import Sleep


class Odd:
    """Code that does what the type of a message names."""

    def step(self, run: Any) -> Any:
        mt = run.workspace.message(run.proposal.covered[0][1][0]).headers.get("mt", "")
        if mt == "busy":
            time.sleep(0.02)
        if mt == "broken":
            yield Sleep(1)
            raise InternalError("ours")
        if mt == "coded":
            raise failure("failed", "with a code of its own", detail="mine")
        return (yield from PUPPETS["puppet/1"].step(run))

    def query(self, question: Any) -> Any:
        yield from ()
        return None


def odd(stage: Any, **given: Any) -> bytes:
    stage.laws = Laws(External({**PUPPETS, "odd": Odd()}))
    stage.start(**{"suite_clock": False, "max_attempts": 1, **given})
    actor: bytes = stage.core("odd", b"external:odd")
    stage.inject(actor, actor)
    stage.run()
    return actor


def test_transition_without_waits_times_out(stage: Any) -> None:
    actor = odd(stage, transition_ms=5)
    stage.inject(actor, stage.blob(b""), "busy")
    assert stage.run().parked == [(actor, "timeout")]


def test_internal_error_is_raised_in_run(stage: Any) -> None:
    actor = odd(stage)
    stage.inject(actor, stage.blob(b""), "broken")
    with pytest.raises(InternalError):
        stage.run()


def test_receipt_has_the_code_of_the_failure(stage: Any) -> None:
    actor = odd(stage)
    (a,) = stage.born("a")
    stage.tell(a, b"S\0q\5coded\1", **{"00": actor, "01": stage.blob(b"")})
    assert stage.run().parked == [(actor, "failed")]
    receipt = stage.load(stage.entries(stage.head(stage.runtime.agent).outbox)[a])
    assert receipt.headers["class"] == "failed"
    assert receipt.headers["code"] == "mine"


def test_second_run_is_rejected(stage: Any) -> None:
    runtime = stage.start(suite_clock=False)

    async def scenario() -> None:
        server = asyncio.create_task(runtime.serve())
        await asyncio.sleep(0)
        for other in (runtime.run, runtime.serve):
            with pytest.raises(Rejected):
                await other()
        await runtime.stop(drain=True)
        await server

    stage.wait(scenario())


def test_cancelled_serve_leaves_no_waiter(any_stage: Any) -> None:
    runtime = any_stage.start(suite_clock=False)
    (a,) = any_stage.born("a")
    content = any_stage.program(b"W\1k\0\1v")

    async def scenario() -> None:
        server = asyncio.create_task(runtime.serve())
        await asyncio.sleep(0.01)
        injection = asyncio.create_task(runtime.inject(a, content))
        await asyncio.sleep(0)
        server.cancel()
        await asyncio.wait_for(injection, 5)
        await asyncio.wait((server,))

    any_stage.wait(scenario())
    assert any_stage.run().cause == "rest"
    assert any_stage.data(a, "k") == b"v"


def test_full_store_is_raised_in_all_waiters(stage: Any, stage_on: Callable[[Store], Any]) -> None:
    stage.start()
    small = stage_on(Store(stage.store._engine, stage.store.format, Limits(refs=3)))
    runtime = small.start(suite_clock=False)
    actors = [small.core(name) for name in "ab"]

    async def scenario() -> list[Any]:
        server = asyncio.create_task(runtime.serve())
        await asyncio.sleep(0)
        injections = [runtime.inject(actor, actor) for actor in actors]
        results = await asyncio.gather(*injections, return_exceptions=True)
        with pytest.raises(Exhausted):
            await asyncio.wait_for(server, 5)
        return results

    assert len(small.wait(scenario())) == 2
    assert len(small.refs()) <= 3


def test_number_of_waiting_runs_is_bounded(stage: Any) -> None:
    stage.start(suite_clock=False, most_in_progress=1)
    a, b = stage.born("a", "b")
    for actor in (a, b):
        stage.tell(actor, b"Z\0\x1eW\4done\0\0")
    begin = time.monotonic()
    stage.run()
    assert time.monotonic() - begin >= 0.06
    assert [stage.data(actor, "done") for actor in (a, b)] == [b"", b""]


def test_number_of_covered_messages_is_bounded(stage: Any) -> None:
    stage.start(most_covered=2)
    (a,) = stage.born("a")
    for letter in b"abcde":
        stage.tell(a, b"A\3log\0\1" + bytes([letter]))
    assert stage.run().steps == 3
    assert stage.data(a, "log") == b"abcde"


def test_cached_positions_are_bounded(stage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world, "_KEPT_BYTES", 3_000)
    stage.start()
    actors = stage.born(*"abcdef")
    for actor in actors:
        stage.tell(actor, b"W\1k\0\1v")
        stage.run()
    assert all(stage.data(actor, "k") == b"v" for actor in actors)


def test_choice_that_sleeps_completes(stage: Any) -> None:
    runtime = stage.start(suite_clock=False)
    a = stage.core("a", program=stage.blob(b"Z\0\x0a"))
    stage.inject(a, a)
    assert stage.wait(runtime.choose(0)) == stage.refs()[f"heads/{a.hex()}"]


def test_run_is_stale_if_its_head_moves(stage: Any, stage_on: Callable[[Store], Any]) -> None:
    stage.start(suite_clock=False)
    (a,) = stage.born("a")
    other = stage_on(stage.store)
    other.start()
    stage.tell(a, b"A\3log\0\1xZ\0\x32")
    b = stage.core("b")
    stage.inject(b, b)
    assert stage.run(1).steps == 1
    assert stage.runtime.machine.in_progress
    other.runtime.refresh()
    other.run()
    head = stage.refs()[f"heads/{a.hex()}"]
    stage.runtime.refresh()
    assert stage.run().cause == "rest"
    assert stage.refs()[f"heads/{a.hex()}"] == head
    assert stage.data(a, "log") == b"x"


def test_missing_object_is_not_counted_as_a_failure(stage: Any) -> None:
    stage.start(max_attempts=1)
    (a,) = stage.born("a")
    content = stage.program(b"W\1k\0\1v")
    lost = stage.load(content).entries["program"]
    data = stage.store.get(lost)
    stage.inject(a, content)
    stage.store.update(lambda batch: batch.delete(Table.OBJECTS, lost))
    stage.runtime.forget()
    report = stage.run()
    assert (report.cause, report.parked) == ("rest", [])
    stage.store.put(data)
    stage.runtime.machine.world.reload()
    stage.tell(a, b"")
    stage.run()
    assert stage.data(a, "k") == b"v"


def test_actor_runs_again_after_its_mark_is_removed(stage: Any) -> None:
    runtime = stage.start(max_attempts=1)
    (a,) = stage.born("a")
    stage.tell(a, b"F")
    assert stage.run().parked == [(a, "failed")]
    name = f"failed/{a.hex()}"
    stage.store.update_references([Change(name, stage.refs()[name], None)])
    runtime.refresh()
    assert runtime.parked() == []
    assert stage.run().parked == [(a, "failed")]
