"""Objects of a store, remembered."""

from __future__ import annotations

from typing import Any

import pytest

from gritstone.errors import Missing
from gritstone.grit import Blob, Kind
from gritstone.wit import Objects


def test_object_is_read_from_the_store_once(bench: Any) -> None:
    asked: list[bytes] = []
    blob = bench.blob(b"x")

    def fetch(object_id: bytes) -> bytes:
        asked.append(object_id)
        data: bytes = bench.store.get(object_id)
        return data

    objects = Objects(bench.store.format, bench.store.limits, fetch)
    assert objects.load(blob) is objects.load(blob)
    assert objects.load(blob) == Blob({}, b"x")
    assert asked == [blob]
    objects.forget()
    objects.load(blob)
    assert asked == [blob, blob]


def test_cache_releases_objects_beyond_its_limit(bench: Any) -> None:
    objects = bench.objects
    kept = bench.blob(b"kept")
    for number in range(300):
        objects.load(bench.blob(b"%d" % number + bytes(60_000)))
        objects.load(kept)
    assert len(objects.young) < 200
    objects.remember({bytes(range(32)): Blob({}, b"")})
    assert objects.load(bytes(range(32))).data == b""
    for number in range(2):
        objects.remember({bytes([number] * 32): Blob({}, bytes(8 << 20))})
    with pytest.raises(Missing):
        objects.load(bytes(range(32)))


def test_tombstones_differ_from_absence(bench: Any) -> None:
    blob = bench.blob(b"secret")
    bench.store.erase(blob)
    assert bench.objects.look(blob) is None
    assert bench.objects.kind(blob) is Kind.BLOB
    with pytest.raises(Missing) as caught:
        bench.objects.load(blob)
    assert caught.value.code == "erased"
    with pytest.raises(Missing):
        bench.objects.look(b"a" * 32)


def test_workspace_does_not_change_the_store(bench: Any) -> None:
    workspace = bench.workspace
    made = workspace.put(Blob({}, b"new"))
    assert workspace.load(made) == Blob({}, b"new")
    assert bench.store.has([made]) == [False]
    assert workspace.is_absent(b"a" * 32)
    assert not workspace.is_absent(made)
    other = bench.workspace
    other.take_over(workspace)
    assert other.blob(made) == Blob({}, b"new")
    assert other.tree(made) is None
