"""Writing bundles."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gritstone.errors import Exhausted, Invalid, Missing
from gritstone.grit import (
    Blob,
    Change,
    Format,
    Limits,
    MemoryEngine,
    Message,
    Object,
    ObjectId,
    Store,
    Tree,
    export_bundle,
)
from gritstone.grit.engine import Table
from gritstone.grit.export import pieces

Keep = Callable[[Store, Object], ObjectId]
Plant = Callable[[Store, int], dict[str, ObjectId]]

GOLDEN = {
    "framed-sha256": {
        "empty": (82, "bc3e958e781d6273f836b565dc9d64a14b21c90fb8b60750e644ff4f050f294b"),
        "demo": (247, "122b48beacb82d528cac7c3cbe52bdbe9de6ce4f313f095968f882a9821c0dd2"),
        "erased": (252, "026b6c017ef58bdefefe89e9f1feba6af3530519b25414204ff31a47c5ec0884"),
    },
    "cbor-blake3": {
        "empty": (80, "6d2278b3c418105b066466ef697364c37d564984ed4b4ade84419182fc15075e"),
        "demo": (237, "d13cdd75f307e00e205cfe51aa57d30ffc37f5ea4d25d51baef59afb9b9fb239"),
        "erased": (247, "2d8cf1da5814b6d86dd566e0bd47a3ed40052e8e26a76f5744cd393bec445658"),
    },
}


def bundle(store: Store, names: list[str] | None = None) -> bytes:
    with store.snapshot() as snapshot:
        return b"".join(export_bundle(snapshot, names))


def test_export_matches_golden_bytes(store: Store, keep: Keep) -> None:
    def found(names: list[str] | None = None) -> tuple[int, str]:
        data = bundle(store, names)
        return len(data), data[-32:].hex()

    golden = GOLDEN[store.format.name]
    assert found() == golden["empty"]
    blob = keep(store, Blob({"ct": "s"}, b"hello"))
    tree = keep(store, Tree({"greeting": blob}))
    store.update_references([Change("tags/demo", None, tree)])
    assert found() == found(["tags/demo"]) == golden["demo"]
    assert found([]) == golden["empty"]
    store.erase(blob)
    assert found() == golden["erased"]


def test_export_depends_only_on_the_closure(store: Store, plant: Plant, keep: Keep) -> None:
    other = Store.open(MemoryEngine(), store.format)
    keep(other, Blob({}, b"rubbish"))
    plant(other, 4)
    other.update_references([Change("z/z", None, keep(other, Blob({}, b"more")))])
    plant(store, 4)
    names = [name for name, _ in store.list_references()[0]]
    assert bundle(store) == bundle(other, [*names[::-1], *names])


def test_export_rejects_absent_references(store: Store) -> None:
    for name in ("tags/none", "../x", "", "x" * 600):
        with pytest.raises(Missing):
            bundle(store, [name])


def test_export_rejects_absent_and_damaged_objects(store: Store, keep: Keep) -> None:
    blob = keep(store, Blob({}, b"x"))
    store.update_references([Change("tags/x", None, keep(store, Tree({"a": blob})))])
    store.update(lambda batch: batch.put(Table.OBJECTS, blob, b"rubbish"))
    with pytest.raises(Missing) as caught:
        bundle(store)
    assert caught.value.code == "corrupt"
    store.update(lambda batch: batch.delete(Table.OBJECTS, blob))
    with pytest.raises(Missing) as caught:
        bundle(store)
    assert caught.value.code is None


def test_export_rejects_wrong_kinds_and_depth(format_: Format, keep: Keep) -> None:
    store = Store.open(MemoryEngine(), format_, limits=Limits(tree_depth=20))
    blob = keep(store, Blob({}, b""))
    store.update_references([Change("a/a", None, keep(store, Tree({"m": keep(store, Message(None, {}, blob))})))])
    with pytest.raises(Invalid):
        bundle(store)
    tree = blob
    for _ in range(20):
        tree = keep(store, Tree({"a": tree}))
    store.update_references([Change("b/b", None, tree), Change("b/c", None, keep(store, Tree({"a": tree})))])
    bundle(store, ["b/b"])
    with pytest.raises(Exhausted):
        bundle(store, ["b/c"])


def test_pieces_have_the_requested_size() -> None:
    assert list(pieces([], 4)) == []
    assert list(pieces([b"abc", b"", b"de", b"fghijklmnop"], 4)) == [b"abcd", b"efgh", b"ijkl", b"mnop"]
    assert list(pieces([b"abcde"], 4)) == [b"abcd", b"e"]
