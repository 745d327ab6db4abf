"""Transcoding."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from gritstone.errors import Exhausted, Invalid, Missing, Rejected
from gritstone.grit import (
    CBOR_BLAKE3,
    DEFAULT_LIMITS,
    FRAMED_SHA256,
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
    import_bundle,
    transcode,
)

Keep = Callable[[Store, Object], ObjectId]
Plant = Callable[[Store, int], dict[str, ObjectId]]

OTHER = {FRAMED_SHA256.name: CBOR_BLAKE3, CBOR_BLAKE3.name: FRAMED_SHA256}


def bundle(store: Store) -> bytes:
    with store.snapshot() as snapshot:
        return b"".join(export_bundle(snapshot))


def recoded(data: bytes, old: Format, new: Format, limits: Limits = DEFAULT_LIMITS) -> bytes:
    return b"".join(transcode(io.BytesIO(data), io.BytesIO(), (old, new), limits))


@pytest.mark.parametrize("seed", range(8))
def test_transcoding_equals_building_in_the_format(format_: Format, plant: Plant, seed: int) -> None:
    new = OTHER[format_.name]
    one, other = Store.open(MemoryEngine(), format_), Store.open(MemoryEngine(), new)
    plant(one, seed)
    plant(other, seed)
    data = bundle(one)
    assert recoded(data, format_, new) == bundle(other)
    assert recoded(recoded(data, format_, new), new, format_) == data
    assert recoded(data, format_, format_) == data
    import_bundle(Store.open(MemoryEngine(), new), io.BytesIO(bundle(other)))


def test_names_in_the_spaces_of_actors_are_rewritten(memory_store: Store, keep: Keep) -> None:
    old, new = memory_store.format, OTHER[memory_store.format.name]
    blob = keep(memory_store, Blob({}, b"x"))
    tree = keep(memory_store, Tree({"a": blob}))
    hexes = [f"{space}/{tree.hex()}" for space in ("adopted", "archived", "closed", "gone", "moved", "tags")]
    memory_store.update_references([Change(name, None, tree) for name in hexes])
    store = Store.open(MemoryEngine(), new)
    import_bundle(store, io.BytesIO(recoded(bundle(memory_store), old, new)))
    found = dict(store.list_references()[0])
    (target,) = set(found.values())
    assert sorted(found) == sorted([f"{name.split('/')[0]}/{target.hex()}" for name in hexes[:5]] + [hexes[5]])


def test_transcoding_leaves_ids_in_data_unchanged(memory_store: Store, keep: Keep) -> None:
    old, new = memory_store.format, OTHER[memory_store.format.name]
    inner = keep(memory_store, Blob({}, b"x"))
    outer = Blob({"id": inner.hex()}, inner + inner.hex().encode())
    tree = keep(memory_store, Tree({inner.hex(): inner, "outer": keep(memory_store, outer)}))
    memory_store.update_references([Change("t/t", None, tree)])
    store = Store.open(MemoryEngine(), new)
    import_bundle(store, io.BytesIO(recoded(bundle(memory_store), old, new)))
    with store.snapshot() as snapshot:
        loaded = snapshot.load(dict(store.list_references()[0])["t/t"])
        assert isinstance(loaded, Tree)
        assert inner.hex() in loaded.entries
        assert snapshot.load(loaded.entries["outer"]) == outer


def test_transcoding_a_long_chain_needs_no_recursion(memory_store: Store, keep: Keep) -> None:
    old, new = memory_store.format, OTHER[memory_store.format.name]
    content = keep(memory_store, Blob({}, b""))
    message: ObjectId | None = None
    for _ in range(3_000):
        message = keep(memory_store, Message(message, {}, content))
    memory_store.update_references([Change("t/t", None, message)])
    data = bundle(memory_store)
    assert recoded(recoded(data, old, new), new, old) == data


def test_invalid_bundles_are_rejected(memory_store: Store, keep: Keep) -> None:
    old, new = memory_store.format, OTHER[memory_store.format.name]
    with pytest.raises(Rejected) as rejected:
        recoded(bundle(memory_store), new, old)
    assert rejected.value.code == "format"
    blob = keep(memory_store, Blob({}, b"x"))
    memory_store.update_references([Change("t/t", None, blob)])
    data = bundle(memory_store)
    with pytest.raises(Invalid) as invalid:
        recoded(data[:-1] + bytes([data[-1] ^ 1]), old, new)
    assert invalid.value.code == "digest"
    memory_store.erase(blob)
    for target in (old, new):
        with pytest.raises(Missing) as missing:
            recoded(bundle(memory_store), old, target)
        assert missing.value.code == "erased"


@pytest.mark.parametrize("value", [Tree({"\u00e9": bytes(31) + b"1"}), Blob({"a": "\u00e9"}, b"")])
def test_texts_outside_ascii_are_rejected_in_framed(value: Object, keep: Keep) -> None:
    store = Store.open(MemoryEngine(), CBOR_BLAKE3)
    if isinstance(value, Tree):
        value = Tree({"\u00e9": keep(store, Blob({}, b""))})
    store.update_references([Change("t/t", None, keep(store, value))])
    with pytest.raises(Invalid):
        recoded(bundle(store), CBOR_BLAKE3, FRAMED_SHA256)
    assert recoded(bundle(store), CBOR_BLAKE3, CBOR_BLAKE3) == bundle(store)


def test_name_that_would_not_round_trip_is_rejected(keep: Keep) -> None:
    blob = Blob({}, b"x")
    store = Store.open(MemoryEngine(), FRAMED_SHA256)
    new_id = CBOR_BLAKE3.object_id(CBOR_BLAKE3.encode(blob, DEFAULT_LIMITS))
    target = keep(store, blob)
    store.update_references([Change(f"gone/{new_id.hex()}", None, target)])
    with pytest.raises(Invalid):
        recoded(bundle(store), FRAMED_SHA256, CBOR_BLAKE3)
    store.update_references(
        [Change(f"gone/{new_id.hex()}", target, None), Change(f"tags/{new_id.hex()}", None, target)]
    )
    recoded(bundle(store), FRAMED_SHA256, CBOR_BLAKE3)


def test_object_too_long_in_the_new_format_is_exhausted(keep: Keep) -> None:
    store = Store.open(MemoryEngine(), FRAMED_SHA256)
    tree = Tree({"a" * 100: keep(store, Blob({}, b"")), "b": keep(store, Blob({}, b"1"))})
    size = len(FRAMED_SHA256.encode(tree, DEFAULT_LIMITS))
    assert len(CBOR_BLAKE3.encode(tree, DEFAULT_LIMITS)) < size
    store.update_references([Change("t/t", None, keep(store, tree))])
    data = recoded(bundle(store), FRAMED_SHA256, CBOR_BLAKE3)
    with pytest.raises(Exhausted):
        recoded(data, CBOR_BLAKE3, FRAMED_SHA256, Limits(object_bytes=size - 1))
