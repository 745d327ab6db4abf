"""Starting: names of agents, and stores that were left in whatever way."""

from __future__ import annotations

from typing import Any

import pytest

from gritstone.errors import Invalid, Rejected
from gritstone.grit import Change
from gritstone.grit.engine import Table


@pytest.mark.parametrize("name", ["", "x" * 256, "\u00e9" * 128, "\ud800"])
def test_start_rejects_invalid_agent_names(stage: Any, name: str) -> None:
    with pytest.raises(Invalid):
        stage.start(agent=name)
    assert stage.refs() == {}


def test_start_rejects_another_agent_name(stage: Any) -> None:
    stage.start(agent="one")
    before = stage.refs()
    with pytest.raises(Rejected) as caught:
        stage.start(agent="two")
    assert caught.value.code == "agent"
    assert stage.refs() == before
    assert stage.start(agent="one")


def test_start_rejects_an_incomplete_agent(stage: Any) -> None:
    stage.start()
    refs = stage.refs()
    agent, head = f"heads/{refs['runtime/agent'].hex()}", None
    head = refs[agent]
    stage.store.update_references([Change(agent, head, None)])
    with pytest.raises(Rejected) as caught:
        stage.start()
    assert caught.value.code is None
    stage.store.update_references([Change(agent, None, head), Change("runtime/agent", refs["runtime/agent"], None)])
    with pytest.raises(Rejected):
        stage.start()


def test_restart_at_rest_writes_nothing(any_stage: Any) -> None:
    any_stage.start()
    a, b = any_stage.born("a", "b")
    any_stage.tell(a, b"S\0q\0\1S\xf1q\0\xf2", **{"00": b, "01": any_stage.program(b"B\0\0\0\5")})
    any_stage.run()
    before = any_stage.bundle()
    any_stage.wait(any_stage.runtime.stop(drain=True))
    any_stage.start()
    assert any_stage.run().steps == 0
    assert any_stage.bundle() == before


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_restarts_during_a_run_lose_no_mail(any_stage: Any, stride: int) -> None:
    any_stage.start()
    a, b = any_stage.born("a", "b")
    any_stage.tell(a, b"S\0q\0\1", **{"00": b, "01": any_stage.program(b"B\0\0\0\7")})
    for _ in range(30):
        any_stage.run(stride)
        any_stage.wait(any_stage.runtime.stop(drain=False))
        any_stage.start()
    assert any_stage.run().cause == "rest"
    bounces = [any_stage.data(one, "bounces") for one in (a, b)]
    assert bounces == [b"\0\0\0\6", b"\0\0\0\7"]
    assert len(any_stage.steps(a)) + len(any_stage.steps(b)) == 2 + 1 + 13


def test_held_actor_that_was_let_go_runs_its_new_mail(stage: Any) -> None:
    world = stage.start().machine.world
    actor_id = b"\1" * 32
    world.actor(actor_id)
    world.held[actor_id] = None
    world.let_go([actor_id])
    world.actor(actor_id).set_tip(world.agent, b"\2" * 32)
    world.enqueue(world.actor(actor_id))
    assert list(world.ready) == []
    world.release_held()
    assert list(world.ready) == [world.actors[actor_id]]


def test_start_with_a_damaged_head_runs_other_actors(stage: Any) -> None:
    stage.start()
    bad, good = stage.born("bad", "good")
    head = stage.refs()[f"heads/{bad.hex()}"]
    stage.store.update(lambda batch: batch.put(Table.OBJECTS, head, b"damaged"))
    stage.start()
    stage.tell(bad, b"A\3log\0\1x")
    stage.tell(good, b"A\3log\0\1x")
    stage.run()
    assert stage.data(good, "log") == b"x"
    assert stage.wait(stage.runtime.collect()) == []
