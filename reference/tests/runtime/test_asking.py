"""Asking from outside and from within a run: queries that wait, ask further, fail, or never end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gritstone.errors import Missing, Rejected
from gritstone.kit.actors import BlobObject, Core, MessageContext, QueryContext, Wit
from gritstone.wit import PUPPETS, External, Laws
from gritstone.wit.code import Sleep

app = Wit("asked")


@app.query("slow")
async def slow() -> str:
    await asyncio.sleep(0.01)
    return "at last"


@app.query("bad")
async def bad() -> str:
    await asyncio.sleep(0)
    raise ValueError("no")


@app.query("itself")
async def itself(ctx: QueryContext) -> Any:
    return await ctx.query(ctx.actor_id, "itself", b"")


@app.query("forward")
async def forward(args: bytes, ctx: QueryContext) -> Any:
    return await ctx.query(args[:32], args[32:].decode(), b"")


@app.message("ask")
async def ask(content: bytes, ctx: MessageContext, core: Core) -> None:
    try:
        found = await ctx.query(content[:32], content[32:].decode(), b"")
    except (Missing, Rejected) as refusal:
        core.makeb_path("found").set_as_str(refusal.code or refusal.kind)
        return
    assert isinstance(found, BlobObject)
    core.makeb_path("found").set_as_str(found.get_as_str())


class Sleeper:
    """Code whose queries sleep."""

    def step(self, run: Any) -> Any:
        return (yield from PUPPETS["puppet/1"].step(run))

    def query(self, question: Any) -> Any:
        yield Sleep(60_000 if question.name == "long" else 1)
        return question.position.step.core


def prepared(stage: Any, **given: Any) -> list[bytes]:
    stage.laws = Laws(External({**PUPPETS, "asked": app.code, "sleeper": Sleeper()}))
    stage.start(**given)
    cores = [
        stage.core("a", b"external:asked"),
        stage.core("b", b"external:asked"),
        stage.core("c", b"external:sleeper"),
    ]
    for one in cores:
        stage.inject(one, one)
    stage.run()
    return cores


def asked(stage: Any, actor: bytes, name: str, args: bytes = b"") -> Any:
    _, found = stage.wait(stage.runtime.query(actor, name, args))
    return None if found is None else stage.load(found)


def test_query_from_outside_returns_step_and_answer(stage: Any) -> None:
    a, b, c = prepared(stage, suite_clock=False)
    assert asked(stage, a, "slow").data == b"at last"
    assert asked(stage, a, "forward", b + b"slow").data == b"at last"
    assert asked(stage, a, "forward", c + b"short").kind.word == "tree"
    assert asked(stage, a, "other") is None
    for name, args in (("bad", b""), ("itself", b""), ("forward", b + b"bad"), ("forward", b"z" * 32 + b"x")):
        with pytest.raises(Rejected) as caught:
            asked(stage, a, name, args)
        assert caught.value.code == "failed"


def test_queried_steps_are_kept_while_a_query_waits(stage: Any) -> None:
    a, b, _ = prepared(stage, suite_clock=False)
    runtime = stage.runtime
    steps = {stage.refs()[f"heads/{one.hex()}"] for one in (a, b)}

    async def look() -> set[bytes]:
        query = asyncio.create_task(runtime.query(a, "forward", b + b"slow"))
        while len(pins := runtime.pins()) < len(steps):
            await asyncio.sleep(0)
        stage.store.prune(pins)
        runtime.forget()
        await query
        return set(pins)

    assert stage.wait(look()) == steps
    assert runtime.pins() == set()


def test_query_that_sleeps_takes_no_time_on_the_suite_clock(stage: Any) -> None:
    _, _, c = prepared(stage)
    assert asked(stage, c, "long").kind.word == "tree"


@pytest.mark.parametrize(
    ("name", "found"), [("slow", b"at last"), ("bad", b"failed"), ("itself", b"failed"), ("forward", b"failed")]
)
def test_query_within_a_run_is_answered(stage: Any, name: str, found: bytes) -> None:
    a, b, _ = prepared(stage, suite_clock=False, max_attempts=1)
    stage.inject(a, stage.blob(b + name.encode()), "ask")
    assert stage.run().parked == []
    assert stage.data(a, "found") == found


def test_query_rejects_an_actor_without_head(stage: Any) -> None:
    a, _, _ = prepared(stage, suite_clock=False, max_attempts=1)
    stage.inject(a, stage.blob(b"z" * 32 + b"slow"), "ask")
    assert stage.run().parked == []
    assert stage.data(a, "found") == b"missing"
