"""Actors that were released to another store: they stand still."""

from __future__ import annotations

from typing import Any

import pytest

from gritstone.grit import Change
from gritstone.wasm.handoff import adopt_actor, release_actor


def name_of(space: str, actor: bytes) -> str:
    return f"{space}/{actor.hex()}"


@pytest.mark.parametrize("again", [False, True], ids=["the same runtime", "another start"])
def test_moved_actor_does_not_run(stage: Any, again: bool) -> None:
    stage.start()
    (actor,) = stage.born("a")
    head = release_actor(stage.store, actor)
    if again:
        stage.start()
    else:
        stage.runtime.refresh()
    stage.tell(actor, b"W\1k\0\1v")
    stage.inject(actor, actor, "genesis")
    assert stage.run().steps == 0
    refs = stage.refs()
    assert name_of("heads", actor) not in refs
    assert refs[name_of("moved", actor)] == head
    assert adopt_actor(stage.store, actor) == head
    stage.runtime.refresh()
    assert stage.run().steps == 2
    assert stage.data(actor, "k") == b"v"
    assert stage.head(actor).previous is not None


def test_moved_actor_has_no_choices(stage: Any) -> None:
    runtime = stage.start()
    (actor,) = stage.born("a")
    release_actor(stage.store, actor)
    runtime.refresh()
    stage.tell(actor, b"W\1k\0\1v")
    assert runtime.ready() == []
    adopt_actor(stage.store, actor)
    runtime.refresh()
    assert len(runtime.ready()) == 1


def test_late_genesis_does_not_create_a_moved_actor(stage: Any) -> None:
    """The actor is brought here by an import while its genesis message waits, without a notice to the runtime."""
    stage.start()
    actor = stage.core("a")
    stage.inject(actor, actor, "genesis")
    step = stage.blob(b"stands for a step")
    stage.store.update_references([Change(name_of("moved", actor), None, step)])
    stage.run()
    refs = stage.refs()
    assert name_of("heads", actor) not in refs
    assert refs[name_of("moved", actor)] == step


def test_other_names_in_moved_are_ignored(stage: Any) -> None:
    stage.start()
    stage.store.update_references([Change("moved/away", None, stage.blob(b""))])
    stage.runtime.refresh()
    (actor,) = stage.born("a")
    assert name_of("heads", actor) in stage.refs()
