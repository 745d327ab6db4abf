"""Batches: everything or nothing."""

from __future__ import annotations

from typing import Any

import pytest

from gritstone.errors import Exhausted
from gritstone.grit import Change, Limits, Store
from gritstone.runtime.batch import StepBatch, commit


def prepared(stage: Any) -> tuple[StepBatch, bytes, bytes]:
    stage.start()
    (a,) = stage.born("a")
    head = stage.refs()[f"heads/{a.hex()}"]
    batch = StepBatch()
    data = stage.store.format.encode(stage.load(head), stage.store.limits)
    batch.objects[head] = data
    return batch, a, head


def test_batch_applies_all_changes(any_stage: Any) -> None:
    batch, a, head = prepared(any_stage)
    mark = any_stage.put(any_stage.load(any_stage.load(head).inbox))
    batch.move_head(a, head, mark)
    batch.move_head(a, mark, head)
    batch.move_mark(a, None, mark)
    assert batch.names == 2
    assert batch.changes() == [Change(f"heads/{a.hex()}", head, head), Change(f"failed/{a.hex()}", None, mark)]
    assert commit(any_stage.store, batch)
    assert any_stage.refs()[f"failed/{a.hex()}"] == mark
    assert commit(any_stage.store, StepBatch())


def test_commit_is_refused_if_a_head_has_moved(any_stage: Any) -> None:
    batch, a, head = prepared(any_stage)
    new = any_stage.store.format.object_id(b"x")
    batch.objects[new] = b"x"
    batch.move_head(a, None, head)
    before = any_stage.refs()
    assert not commit(any_stage.store, batch)
    assert any_stage.refs() == before
    assert any_stage.store.has([new]) == [False]


def test_commit_is_refused_if_an_object_was_pruned(any_stage: Any) -> None:
    batch, a, head = prepared(any_stage)
    loose, erased = any_stage.blob(b"loose"), any_stage.blob(b"erased")
    batch.move_head(a, head, head)
    batch.borrowed.update((loose, erased, head))
    any_stage.store.erase(erased)
    assert commit(any_stage.store, batch)
    any_stage.store.prune()
    assert not commit(any_stage.store, batch)


def test_commit_rejects_too_many_references(stage: Any, stage_on: Any) -> None:
    stage.start()
    small = Store(stage.store._engine, stage.store.format, Limits(refs=4))
    other = stage_on(small)
    other.start()
    a, b, c = (other.core(name) for name in "abc")
    for actor in (a, b):
        other.inject(actor, actor)
    other.run()
    other.inject(c, c)
    with pytest.raises(Exhausted):
        other.run()
    assert set(other.refs()) == set(stage.refs())
    assert len(other.refs()) == 4
