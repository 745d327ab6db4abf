"""Taking bundles over."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from gritstone.errors import Exhausted, Invalid, Malformed, Missing, Refusal, Rejected
from gritstone.grit import (
    CBOR_BLAKE3,
    FRAMED_SHA256,
    Blob,
    Change,
    Format,
    Imported,
    Limits,
    MemoryEngine,
    Object,
    ObjectId,
    Store,
    Tree,
    export_bundle,
    import_bundle,
    importing,
)
from gritstone.grit.engine import Batch, Engine, Table

Keep = Callable[[Store, Object], ObjectId]
Plant = Callable[[Store, int], dict[str, ObjectId]]


def bundle(store: Store) -> bytes:
    with store.snapshot() as snapshot:
        return b"".join(export_bundle(snapshot))


@pytest.fixture(params=["small", "large"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make bundles count as small (one update) or as large (batches, read twice)."""
    if request.param == "large":
        monkeypatch.setattr(importing, "_BATCH_BYTES", 100)
    monkeypatch.setattr(importing, "_PIECE_BYTES", 256)
    return str(request.param)


@pytest.mark.usefixtures("way")
def test_import_restores_the_exported_references_and_objects(store: Store, plant: Plant) -> None:
    source = Store.open(MemoryEngine(), store.format)
    plant(source, 6)
    data = bundle(source)
    imported = import_bundle(store, io.BytesIO(data))
    assert imported.references == 5
    assert imported.objects == len(_ids(source)) == sum(store.has(_ids(source)))
    assert bundle(store) == data
    assert import_bundle(store, io.BytesIO(data)) == imported
    assert store.prune() == 0


def _ids(store: Store) -> list[ObjectId]:
    with store.snapshot() as snapshot:
        return list(snapshot.closure([target for _, target in snapshot.references()]))


@pytest.mark.usefixtures("way")
def test_source_may_begin_at_any_offset(store: Store, plant: Plant) -> None:
    source = Store.open(MemoryEngine(), store.format)
    plant(source, 7)
    file = io.BytesIO(b"before" + bundle(source))
    file.seek(6)
    import_bundle(store, file)
    assert bundle(store) == bundle(source)


@pytest.mark.usefixtures("way")
def test_import_with_a_conflict_changes_no_reference(store: Store, plant: Plant, keep: Keep) -> None:
    source = Store.open(MemoryEngine(), store.format)
    plant(source, 8)
    gone = keep(source, Blob({}, b"gone"))
    source.update_references([Change("z/gone", None, gone)])
    source.erase(gone)
    other = keep(store, Tree({"a": keep(store, Blob({}, b"other"))}))
    store.update_references([Change("actors/one", None, other)])
    with pytest.raises(Rejected) as caught:
        import_bundle(store, io.BytesIO(bundle(source)))
    assert caught.value.code == "conflict"
    assert store.list_references() == ([("actors/one", other)], False)
    with pytest.raises(Missing) as missing:
        store.get(gone)
    assert missing.value.code is None


@pytest.mark.usefixtures("way")
def test_import_stores_the_tombstones_of_a_bundle(store: Store, keep: Keep) -> None:
    source = Store.open(MemoryEngine(), store.format)
    blobs = [keep(source, Blob({}, bytes([n]) * 50)) for n in range(4)]
    source.update_references([Change("t/t", None, keep(source, Tree({f"{n}": one for n, one in enumerate(blobs)})))])
    source.update_references([Change("t/u", None, blobs[0])])
    source.erase(blobs[0])
    source.erase(blobs[1])
    keep(store, Blob({}, bytes([1]) * 50))
    keep(store, Blob({}, bytes([2]) * 50))
    store.erase(blobs[2])
    imported = import_bundle(store, io.BytesIO(bundle(source)))
    assert imported == Imported(3, 2)
    assert store.has(blobs) == [False, True, False, True]
    with store.snapshot() as snapshot:
        assert [snapshot.is_erased(one) for one in blobs] == [True, False, True, False]


@pytest.mark.usefixtures("way")
def test_damaged_objects_are_stored_again(store: Store, plant: Plant) -> None:
    source = Store.open(MemoryEngine(), store.format)
    plant(source, 9)

    def damage(batch: Batch) -> None:
        for object_id in _ids(source):
            batch.put(Table.OBJECTS, object_id, b"rubbish")

    store.update(damage)
    import_bundle(store, io.BytesIO(bundle(source)))
    assert bundle(store) == bundle(source)


@pytest.mark.usefixtures("way")
def test_rejected_bundles_change_nothing(store: Store, plant: Plant) -> None:
    source = Store.open(MemoryEngine(), store.format)
    plant(source, 10)
    data = bundle(source)
    for bad in (data[:-1], data + b"x", data[:-1] + bytes([data[-1] ^ 1]), b""):
        with pytest.raises((Malformed, Invalid)):
            import_bundle(store, io.BytesIO(bad))
    assert store.list_references() == ([], False)
    assert not any(store.has(_ids(source)))


@pytest.mark.parametrize("format_", [FRAMED_SHA256], indirect=False)
def test_import_rejects_a_bundle_of_another_format(format_: Format) -> None:
    source = Store.open(MemoryEngine(), CBOR_BLAKE3)
    with pytest.raises(Rejected) as caught:
        import_bundle(Store.open(MemoryEngine(), format_), io.BytesIO(bundle(source)))
    assert caught.value.code == "format"


def test_too_many_references_are_exhausted(format_: Format, plant: Plant) -> None:
    source = Store.open(MemoryEngine(), format_)
    plant(source, 11)
    data = bundle(source)
    with pytest.raises(Exhausted):
        import_bundle(Store.open(MemoryEngine(), format_, limits=Limits(refs=4)), io.BytesIO(data))
    import_bundle(Store.open(MemoryEngine(), format_, limits=Limits(refs=5, cas_names=1)), io.BytesIO(data))


def test_objects_pruned_between_batches_are_restored(
    engine: Engine, format_: Format, plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "_BATCH_BYTES", 100)
    source = Store.open(MemoryEngine(), format_)
    plant(source, 12)
    store = Store.open(engine, format_)
    plain_update = engine.update
    calls = []

    def update_then_prune(work, *, freeing=False):  # type: ignore[no-untyped-def]
        calls.append(work)
        result = plain_update(work, freeing=freeing)
        if len(calls) == 3:
            store_prune = Store(engine, format_)
            assert store_prune.prune() > 0
        return result

    monkeypatch.setattr(engine, "update", update_then_prune)
    import_bundle(store, io.BytesIO(bundle(source)))
    assert len(calls) > 4
    assert bundle(store) == bundle(source)


def test_import_rejects_a_source_that_changes_while_read(
    format_: Format, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keep: Keep
) -> None:
    monkeypatch.setattr(importing, "_BATCH_BYTES", 100)
    source = Store.open(MemoryEngine(), format_)
    source.update_references([Change("t/t", None, keep(source, Blob({}, b"x" * 500)))])
    path = tmp_path / "b.grit"
    path.write_bytes(bundle(source))

    class Changing(io.FileIO):
        def seek(self, offset: int, whence: int = 0, /) -> int:
            path.write_bytes(path.read_bytes().replace(b"x" * 500, b"y" * 500))
            return super().seek(offset, whence)

    store = Store.open(MemoryEngine(), format_)
    with Changing(path) as file, pytest.raises(Refusal):
        import_bundle(store, file)
    assert store.list_references() == ([], False)
