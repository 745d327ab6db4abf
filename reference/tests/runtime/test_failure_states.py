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
    """Be code that does what the type of a message says."""

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


def test_a_transition_that_never_waits_may_take_too_long(stage: Any) -> None:
    actor = odd(stage, transition_ms=5)
    stage.inject(actor, stage.blob(b""), "busy")
    assert stage.run().parked == [(actor, "timeout")]


def test_a_fault_of_ours_is_told_to_whoever_runs(stage: Any) -> None:
    actor = odd(stage)
    stage.inject(actor, stage.blob(b""), "broken")
    with pytest.raises(InternalError):
        stage.run()


def test_a_receipt_has_the_code_of_the_failure(stage: Any) -> None:
    actor = odd(stage)
    (a,) = stage.born("a")
    stage.tell(a, b"S\0q\5coded\1", **{"00": actor, "01": stage.blob(b"")})
    assert stage.run().parked == [(actor, "failed")]
    receipt = stage.load(stage.entries(stage.head(stage.runtime.agent).outbox)[a])
    assert receipt.headers["class"] == "failed"
    assert receipt.headers["code"] == "mine"


def test_only_one_runs_it(stage: Any) -> None:
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


def test_whoever_serves_is_cancelled_and_nothing_waits_for_ever(any_stage: Any) -> None:
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


def test_a_full_store_is_told_to_whoever_waits(stage: Any, stage_on: Callable[[Store], Any]) -> None:
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


def test_few_may_wait_at_once(stage: Any) -> None:
    stage.start(suite_clock=False, most_in_progress=1)
    a, b = stage.born("a", "b")
    for actor in (a, b):
        stage.tell(actor, b"Z\0\x1eW\4done\0\0")
    begin = time.monotonic()
    stage.run()
    assert time.monotonic() - begin >= 0.06
    assert [stage.data(actor, "done") for actor in (a, b)] == [b"", b""]


def test_few_are_covered_at_once(stage: Any) -> None:
    stage.start(most_covered=2)
    (a,) = stage.born("a")
    for letter in b"abcde":
        stage.tell(a, b"A\3log\0\1" + bytes([letter]))
    assert stage.run().steps == 3
    assert stage.data(a, "log") == b"abcde"


def test_few_positions_are_kept(stage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world, "_KEPT_BYTES", 3_000)
    stage.start()
    actors = stage.born(*"abcdef")
    for actor in actors:
        stage.tell(actor, b"W\1k\0\1v")
        stage.run()
    assert all(stage.data(actor, "k") == b"v" for actor in actors)


def test_a_choice_that_sleeps(stage: Any) -> None:
    runtime = stage.start(suite_clock=False)
    a = stage.core("a", program=stage.blob(b"Z\0\x0a"))
    stage.inject(a, a)
    assert stage.wait(runtime.choose(0)) == stage.refs()[f"heads/{a.hex()}"]


def test_a_head_that_moves_while_a_run_sleeps(stage: Any, stage_on: Callable[[Store], Any]) -> None:
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


def test_something_that_the_store_lost_is_no_failure(stage: Any) -> None:
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


def test_a_mark_that_somebody_removes(stage: Any) -> None:
    runtime = stage.start(max_attempts=1)
    (a,) = stage.born("a")
    stage.tell(a, b"F")
    assert stage.run().parked == [(a, "failed")]
    name = f"failed/{a.hex()}"
    stage.store.update_references([Change(name, stage.refs()[name], None)])
    runtime.refresh()
    assert runtime.parked() == []
    assert stage.run().parked == [(a, "failed")]
