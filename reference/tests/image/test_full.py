"""A store that is full of references: requests and runs that share an update are made or refused each on its own."""

from __future__ import annotations

import asyncio

import pytest

from gritstone.errors import Exhausted
from gritstone.grit import FORMATS
from gritstone.grit.limits import Limits
from gritstone.grit.memory import MemoryEngine
from gritstone.grit.store import Store
from gritstone.image.engine import Outcome
from gritstone.image.requests import Request, request
from gritstone.runtime.summary import RunSummary

from .stage import Program, Stage

_REFS = 6  # the agent, its name, the kernel actor, and three others


@pytest.fixture
def full(loop: asyncio.AbstractEventLoop) -> Stage:
    """Return an image in a store with few references."""
    made = FORMATS["framed-sha256"]
    return Stage(loop, made, Store.open(MemoryEngine(), made, limits=Limits(refs=_REFS)))


def references(stage: Stage) -> int:
    with stage.store.snapshot() as snapshot:
        return len(list(snapshot.references("")))


def test_request_during_run_without_room_is_made(full: Stage) -> None:
    actor = full.born(name="a", caps={"spawn": full.agent, "send.*.*": full.agent}, entry={"run": "*"})
    while (count := references(full)) < _REFS:
        full.born(name=f"other {count}")
    child = full.core(owner=actor, name="child")
    spawn, adds = Program().send(child, "j", "genesis", child), Program().add("x", 1)
    posts = Program()
    for program in (adds, spawn, adds):
        posts.send(actor, "p", "run", full.program(program))
    assert full.run_program(actor, posts).failure is None

    async def ask(program: Program) -> Outcome:
        messages = [Request(actor, [("mt", "run")], full.program(program))]
        return await full.runtime.durably(lambda: request(full.engine, full.keys, messages, None))

    async def together() -> list[Outcome | RunSummary | BaseException]:
        return list(await asyncio.gather(full.runtime.run(), ask(adds), ask(adds), return_exceptions=True))

    run, one, two = full.wait(together())
    assert isinstance(run, Exhausted)
    assert isinstance(one, Outcome)
    assert isinstance(two, Outcome)
    assert {one.failure, two.failure} == {None}
    assert full.value(actor, "x") == b"3"  # two requests, and the post before the one that has no room
