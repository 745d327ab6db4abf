"""A store counts the updates that remove objects."""

from __future__ import annotations

from typing import Any

from gritstone.grit import Blob


def count(store: Any) -> int:
    with store.snapshot() as snapshot:
        found: int = snapshot.removals()
    return found


def test_a_prune_that_removes_something_is_counted(store: Any) -> None:
    assert count(store) == 0
    assert store.prune() == 0
    assert count(store) == 0
    for number in (1, 2):
        store.put(store.format.encode(Blob({}, b"%d" % number), store.limits))
        assert store.prune() == 1
        assert count(store) >= number
