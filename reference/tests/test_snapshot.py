"""Verified reading."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gritstone.errors import Missing
from gritstone.grit import Blob, Change, Object, ObjectId, Store, Tree
from gritstone.grit.engine import Table

Keep = Callable[[Store, Object], ObjectId]


def test_reading_a_damaged_object_is_refused_as_corrupt(store: Store, keep: Keep) -> None:
    object_id = keep(store, Blob({}, b"precious"))
    store.update(lambda batch: batch.put(Table.OBJECTS, object_id, b"rubbish"))
    with pytest.raises(Missing) as caught:
        store.get(object_id)
    assert caught.value.code == "corrupt"
    assert store.has([object_id]) == [True]
    assert keep(store, Blob({}, b"precious")) == object_id
    assert store.get(object_id) == store.format.encode(Blob({}, b"precious"), store.limits)


def test_reading_an_absent_object_is_missing_without_code(store: Store) -> None:
    with pytest.raises(Missing) as caught:
        store.get(bytes(range(32)))
    assert caught.value.code is None


def test_load_returns_objects_and_tombstones(store: Store, keep: Keep) -> None:
    blob = keep(store, Blob({"a": "b"}, b"c"))
    with store.snapshot() as snapshot:
        assert snapshot.load(blob) == Blob({"a": "b"}, b"c")


def test_references_by_prefix_and_after(store: Store, keep: Keep) -> None:
    blob = keep(store, Blob({}, b""))
    names = ["a/b", "tags/a", "tags/b", "tags/c", "tags-x/a", "u/v"]
    store.update_references([Change(name, None, blob) for name in names])
    with store.snapshot() as snapshot:

        def found(prefix: str = "", after: str | None = None) -> list[str]:
            return [name for name, _ in snapshot.references(prefix, after)]

        assert found() == sorted(names)
        assert found("tags/") == ["tags/a", "tags/b", "tags/c"]
        assert found("tags") == ["tags-x/a", "tags/a", "tags/b", "tags/c"]
        assert found("tags/", "tags/a") == ["tags/b", "tags/c"]
        assert found("tags/", "tags/a" + "\U0010ffff" * 200) == ["tags/b", "tags/c"]
        assert found("", "tags/aa") == ["tags/b", "tags/c", "u/v"]
        assert found("tags/", "a") == ["tags/a", "tags/b", "tags/c"]
        assert found("tags/", "z") == []
        assert found("\u00e9" * 500) == []
        assert found("", "") == sorted(names)
        assert snapshot.target("tags/a") == blob
        for odd in ("", "tags/zz", "x" * 1000, "\u00e9", "tags/"):
            assert snapshot.target(odd) is None


def test_closure_counts_a_tombstone_as_a_blob(store: Store, keep: Keep) -> None:
    blob = keep(store, Blob({}, b"x"))
    tree = keep(store, Tree({"a": blob}))
    store.erase(blob)
    with store.snapshot() as snapshot:
        assert set(snapshot.closure([tree])) == {blob, tree}
        assert snapshot.is_erased(blob)
        assert not snapshot.is_erased(tree)
