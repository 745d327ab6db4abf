"""End of life, against its definition; and what a prune may not take."""

from __future__ import annotations

import random
from typing import Any

import pytest

from gritstone.grit import Change


def ended(stage: Any) -> set[bytes]:
    """Find by the definition who is to go, round by round."""
    refs = stage.refs()
    heads = {bytes.fromhex(name[6:]): stage.load(target) for name, target in refs.items() if name.startswith("heads/")}
    outboxes = {actor: stage.entries(step.outbox) for actor, step in heads.items()}
    inboxes = {actor: stage.entries(step.inbox) for actor, step in heads.items()}
    named = {target for name, target in refs.items() if name.startswith("actors/")}
    gone: set[bytes] = set()
    while True:
        alive = heads.keys() - gone
        now = {
            a
            for a in alive - {stage.runtime.agent} - named
            if not any(a in outboxes[other] for other in alive - {a})
            and all(to == a or inboxes.get(to, {}).get(a) == tip for to, tip in outboxes[a].items())
        }
        if not now:
            return gone
        gone |= now


@pytest.mark.parametrize("seed", range(6))
def test_collection_removes_exactly_the_dead_actors(stage: Any, seed: int) -> None:
    draw = random.Random(seed)
    runtime = stage.start(max_attempts=1)
    actors = stage.born(*"abcdefgh")
    for actor in actors:
        for other in draw.sample(actors, draw.randrange(3)):
            stage.tell(actor, b"S\0q\0\1", **{"00": other, "01": stage.program(b"")})
    stage.run()
    for actor in draw.sample(actors, 3):
        stage.tell(actor, draw.choice([b"F", b"L\1k", b"R\0"]), **{"00": draw.choice(actors)})
    stage.run()
    name = draw.choice(actors)
    stage.store.update_references([Change("actors/one", None, name)])
    assert stage.wait(runtime.collect()) == []  # the agent holds all of them
    release(stage, actors)
    expected = ended(stage)
    assert stage.wait(stage.runtime.collect()) == sorted(expected)
    refs = stage.refs()
    for actor in actors:
        assert (f"heads/{actor.hex()}" in refs) == (actor not in expected)
        assert f"failed/{actor.hex()}" not in refs or actor not in expected


def release(stage: Any, actors: list[bytes]) -> None:
    """Take the agent's entries away, as no operation does."""
    runtime = stage.runtime
    refs = stage.refs()
    agent = f"heads/{runtime.agent.hex()}"
    step = stage.load(refs[agent])
    from dataclasses import replace

    lone = stage.put(replace(step, previous=refs[agent], outbox=None))
    stage.store.update_references([Change(agent, refs[agent], lone)])
    runtime.refresh()
    assert actors


def test_collected_actor_is_not_created_again(stage: Any) -> None:
    runtime = stage.start()
    (a,) = stage.born("a")
    stage.tell(a, b"W\1k\0\1v")
    stage.run()
    release(stage, [a])
    assert stage.wait(runtime.collect()) == [a]
    assert stage.refs()[f"gone/{a.hex()}"] == runtime.agent
    stage.inject(a, a, "genesis")
    assert stage.run().cause == "rest"
    assert stage.head(a) is None
    stage.start()
    assert stage.run().cause == "rest"
    assert stage.head(a) is None


def test_stale_runtime_does_not_create_a_collected_actor(stage: Any) -> None:
    first = stage.start()
    a = stage.core("a")
    stage.inject(a, a, "genesis")
    second = stage.start()  # it has seen the genesis message, and no head
    stage.runtime = first
    stage.run()
    release(stage, [a])
    assert stage.wait(first.collect()) == [a]
    before = stage.refs()
    assert stage.wait(second.run()).cause == "rest"
    assert stage.refs() == before


def test_actor_that_wrote_to_itself_is_collected(stage: Any) -> None:
    runtime = stage.start()
    (a,) = stage.born("a")
    stage.tell(a, b"S\xf0q\0\0", **{"00": stage.program(b"L\1k")})
    stage.run()
    release(stage, [a])
    assert stage.wait(runtime.collect()) == [a]
    stage.inject(a, a, "genesis")
    assert stage.run().cause == "rest"


def test_prune_during_a_run_keeps_its_objects(any_stage: Any) -> None:
    runtime = any_stage.start(suite_clock=False)
    a, b = any_stage.born("a", "b")
    content = any_stage.program(b"Z\0\x50P\4kept\0", **{"00": any_stage.blob(b"kept")})
    any_stage.inject(a, content)
    any_stage.tell(b, b"")
    any_stage.run(1)
    assert runtime.machine.in_progress
    any_stage.inject(a, any_stage.blob(b"x"), signal=True)
    any_stage.store.prune(runtime.pins())
    runtime.forget()
    any_stage.run()
    assert any_stage.data(a, "kept") == b"kept"
    assert any_stage.bundle()
