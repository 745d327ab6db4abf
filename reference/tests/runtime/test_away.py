"""Actors that are away."""

from __future__ import annotations

from typing import Any

import pytest

from gritstone.errors import Missing
from gritstone.grit.references import Change
from gritstone.runtime import world
from gritstone.runtime.away import AWAY_SPACES, away_actors, away_names, away_step


def point(stage: Any, name: str, target: Any, old: Any = None) -> None:
    stage.store.update_references([Change(name, old, target)])


@pytest.mark.parametrize("space", AWAY_SPACES)
def test_genesis_does_not_create_an_actor_that_is_away(stage: Any, space: str) -> None:
    core = stage.core("a")
    name = f"{space}/{core.hex()}"
    point(stage, name, core)
    stage.start()
    stage.inject(core, core, "genesis")
    assert stage.run().steps == 0
    with pytest.raises(Missing):
        stage.wait(stage.runtime.query(core, "step"))
    assert stage.head(core) is None
    point(stage, name, None, core)
    stage.start()
    assert stage.run().steps == 1
    assert stage.head(core) is not None


def test_away_actors_ignores_invalid_reference_names(stage: Any) -> None:
    blob = stage.blob(b"x")
    actor = bytes(31) + b"\1"
    for name in ("moved/x", "gone/" + "g" * 64, "closed/" + "0" * 63, "tags/" + actor.hex(), f"archived/{actor.hex()}"):
        point(stage, name, blob)
    with stage.store.snapshot() as snapshot:
        assert away_actors(snapshot) == {actor}


def test_stopping_step_is_that_of_the_first_reference(stage: Any) -> None:
    stage.start()
    core, other = stage.born("a", "b")
    step, foreign = (stage.refs()[f"heads/{one.hex()}"] for one in (core, other))
    first, second, third, fourth = away_names(core)
    erased = stage.blob(b"erased")
    point(stage, first, erased)
    stage.store.erase(erased)
    point(stage, second, foreign)
    assert stopped(stage, core) is None
    point(stage, fourth, step)
    assert stopped(stage, core) == (fourth, step)
    point(stage, third, step)
    assert stopped(stage, core) == (third, step)


def stopped(stage: Any, actor: Any) -> Any:
    with stage.store.snapshot() as snapshot:
        return away_step(snapshot, actor)


def count_reads(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    reads: list[None] = []

    def read(snapshot: Any, read: Any = world._read) -> Any:
        reads.append(None)
        return read(snapshot)

    monkeypatch.setattr(world, "_read", read)
    return reads


def test_references_are_reread_only_after_foreign_updates(any_stage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = any_stage
    runtime = stage.start()
    (actor,) = stage.born("a")
    stage.wait(runtime.release([actor]))
    reads = count_reads(monkeypatch)
    assert stage.wait(runtime.collect()) == [actor]
    stage.born("b", "c")
    for _ in range(3):
        runtime.refresh()
    assert len(reads) == 0
    point(stage, "tags/x", actor)
    for _ in range(3):
        runtime.refresh()
    assert len(reads) == 1


def test_foreign_update_before_a_commit_is_seen_after_it(any_stage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = any_stage
    runtime = stage.start()
    first, second = stage.born("a", "b")
    reads = count_reads(monkeypatch)
    point(stage, f"closed/{first.hex()}", first)
    stage.tell(second, b"")
    assert len(reads) == 0
    runtime.refresh()
    stage.tell(first, b"")
    assert stage.run().steps == 1, "the message to the second actor"
    assert len(reads) == 2, "one to compare and one to reload"
