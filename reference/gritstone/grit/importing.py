"""The import of a bundle into a store.

The source is read once to verify it, and nothing is stored before that. A small bundle is kept in memory and stored in
one update, including its references. A large one is read a second time: its objects are stored in batches, and a last
update sets tombstones and references, after it has stored again the objects that were pruned in the meantime. The
second read accepts only bytes whose hash the first read has verified.

Memory: the data that ``framegraph`` keeps for each frame, and one batch.

Spec: :rule:`grit.bundle.import-atomic`, :rule:`grit.erase.no-return`, :rule:`grit.bundle.stream`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from gritstone.errors import Malformed
from gritstone.grit.bundle import BundleReader, object_frames
from gritstone.grit.engine import Batch, Table
from gritstone.grit.objects import ObjectId
from gritstone.grit.references import Change
from gritstone.grit.store import Store, move_references, put_unless_erased

__all__ = ["Imported", "import_bundle"]

_PIECE_BYTES = 1 << 20
_BATCH_BYTES = 8 << 20


@dataclass(frozen=True, slots=True)
class Imported:
    """The number of frames and references of a bundle, new or not.

    Attributes:
        objects: object frames.
        references: reference lines.
    """

    objects: int
    references: int


def import_bundle(store: Store, source: BinaryIO) -> Imported:
    """Import a bundle.

    Args:
        store: a store of the format of the bundle.
        source: the bundle from its first byte to its last; it must support ``seek``.

    Raises:
        Malformed: the bundle cannot be split into lines, frames and fields.
        Invalid: the bundle is not valid (code ``digest`` if only the digest is wrong).
        Rejected: it has another format (code ``format``), or a reference has another target in the store (code
            ``conflict``).
        Exhausted: an object is longer than ``object_bytes``, trees are nested deeper than ``tree_depth``, the store
            would have more references than ``refs``, or its medium is full.

    Spec: :rule:`grit.bundle.import-atomic`, :rule:`grit.bundle.format`, :rule:`grit.erase.no-return`.
    """
    reader = BundleReader(store.format, store.limits)
    begin = source.tell()
    kept: list[tuple[ObjectId, bytes]] | None = []
    size = 0
    for piece in iter(lambda: source.read(_PIECE_BYTES), b""):
        for frame in reader.feed(piece):
            if frame.data is None:
                continue
            size += len(frame.data)
            if size > _BATCH_BYTES:
                kept = None
            elif kept is not None:
                kept.append((frame.object_id, frame.data))
    reader.finish()

    def again() -> Iterator[tuple[ObjectId, bytes]]:
        source.seek(begin)
        return _verified(store, reader, source)

    if kept is None:
        _store_in_batches(store, again())
        store.update(_completion(store, reader, again, stored=True))
    else:
        store.update(_completion(store, reader, kept.__iter__, stored=False))
    return Imported(len(reader.graph.object_ids), len(reader.references))


def _verified(store: Store, reader: BundleReader, source: BinaryIO) -> Iterator[tuple[ObjectId, bytes]]:
    """Read the objects a second time."""
    for data in object_frames(source, store.limits):
        object_id = store.format.object_id(data)
        if not reader.graph.holds(object_id):
            raise Malformed(
                "the bundle changed between the two reads: an object has a new id",
                rule="grit.bundle.verify",
                got=object_id.hex(),
            )
        yield object_id, data


def _store_in_batches(store: Store, objects: Iterator[tuple[ObjectId, bytes]]) -> None:
    batch: list[tuple[ObjectId, bytes]] = []
    size = 0
    for object_id, data in objects:
        batch.append((object_id, data))
        size += len(data)
        if size >= _BATCH_BYTES:
            store.update(_puts(batch))
            batch, size = [], 0
    store.update(_puts(batch))


def _puts(objects: list[tuple[ObjectId, bytes]]) -> Callable[[Batch], None]:
    def put_all(batch: Batch) -> None:
        for object_id, data in objects:
            put_unless_erased(batch, object_id, data)

    return put_all


def _completion(
    store: Store,
    reader: BundleReader,
    objects: Callable[[], Iterator[tuple[ObjectId, bytes]]],
    *,
    stored: bool,
) -> Callable[[Batch], None]:
    """Return the last update: objects (unless all were stored and still are), tombstones, references."""

    def complete(batch: Batch) -> None:
        if not stored or any(not batch.has(Table.OBJECTS, one) for one in reader.graph.object_ids):
            for object_id, data in objects():
                put_unless_erased(batch, object_id, data)
        for object_id in reader.graph.tombstones:
            if not batch.has(Table.OBJECTS, object_id):
                batch.put(Table.TOMBSTONES, object_id, b"")
        move_references(batch, list(_changes(batch, reader)), store.limits)

    return complete


def _changes(batch: Batch, reader: BundleReader) -> Iterator[Change]:
    """Yield changes that expect each reference to be absent or equal."""
    for name, target in reader.references:
        found = batch.get(Table.REFS, name.encode())
        yield Change(name, None if found is None else target, target)
