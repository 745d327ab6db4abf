"""Verified reads: objects, tombstones and references of a store at one moment.

A snapshot hashes each object again before it returns it. It reads through a view or a batch of an engine and has no
state of its own.

Spec: :rule:`grit.store.verify`, :rule:`grit.store.missing`, :rule:`grit.ref.snapshot`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gritstone.errors import Missing
from gritstone.grit.engine import Table, View
from gritstone.grit.formats import Format
from gritstone.grit.graph import closure
from gritstone.grit.limits import Limits
from gritstone.grit.objects import Kind, Object, ObjectId
from gritstone.grit.removals import removals

__all__ = ["Snapshot"]

_MAX_NAME_BYTES = 233


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A store at one moment.

    Attributes:
        view: the view to read; the snapshot ends with it.
        format: the format of the store.
        limits: the limits of the store.
    """

    view: View
    format: Format
    limits: Limits

    def get(self, object_id: ObjectId) -> bytes:
        """Return the bytes of an object, after hashing them again.

        Raises:
            Missing: the object is absent, erased (code ``erased``), or its bytes do not hash to the id (``corrupt``).

        Spec: :rule:`grit.store.verify`, :rule:`grit.store.missing`.
        """
        data = self.view.get(Table.OBJECTS, object_id)
        if data is None:
            raise self._missing(object_id)
        return self._verified(object_id, data)

    def get_unless_erased(self, object_id: ObjectId) -> bytes | None:
        """Return the bytes of an object, after hashing them again; None if it was erased.

        Raises:
            Missing: the object is absent, or its bytes do not hash to the id (code ``corrupt``).
        """
        data = self.view.get(Table.OBJECTS, object_id)
        if data is not None:
            return self._verified(object_id, data)
        if self.is_erased(object_id):
            return None
        raise self._missing(object_id)

    def load(self, object_id: ObjectId) -> Object:
        """Return an object.

        Raises:
            Missing: as ``get``.
        """
        return self.format.decode(self.get(object_id), self.limits)

    def is_erased(self, object_id: ObjectId) -> bool:
        """Return whether the id has a tombstone."""
        return self.view.has(Table.TOMBSTONES, object_id)

    def has(self, object_ids: Iterable[ObjectId]) -> list[bool]:
        """Return for each id whether bytes are stored under it; a tombstone has no bytes."""
        has = self.view.has
        return [has(Table.OBJECTS, object_id) for object_id in object_ids]

    def target(self, name: str) -> ObjectId | None:
        """Return the target of a reference; None if there is none. ``name`` may be any text."""
        key = name.encode("utf-8", "surrogatepass")
        return self.view.get(Table.REFS, key) if 0 < len(key) <= _MAX_NAME_BYTES else None

    def references(self, prefix: str = "", after: str | None = None) -> Iterator[tuple[str, ObjectId]]:
        """Yield references in ascending byte order of name.

        Args:
            prefix: only names that start with it.
            after: only names greater than it; None for all.
        """
        start = prefix.encode("utf-8", "surrogatepass")
        beyond = b"" if after is None else after.encode("utf-8", "surrogatepass")
        # Engines limit the length of a key; a truncated start only begins a little earlier.
        for name in self.view.keys(Table.REFS, max(start, beyond)[: _MAX_NAME_BYTES + 1]):
            if name <= beyond or name < start:
                continue
            if not name.startswith(start):
                break
            target = self.view.get(Table.REFS, name)
            assert target is not None, "a key of this view has a value in this view"
            yield name.decode("ascii"), target

    def removals(self) -> int:
        """Return the number of updates that removed objects; see ``removals``."""
        return removals(self.view)

    def closure(self, roots: Iterable[ObjectId]) -> dict[ObjectId, Kind]:
        """Return everything reachable; see ``graph.closure``. A tombstone is a leaf and counts as a blob."""
        return closure(roots, self._load_or_kind, self.limits.tree_depth)

    def _load_or_kind(self, object_id: ObjectId) -> Object | Kind:
        data = self.get_unless_erased(object_id)
        if data is None or self.format.kind_of(data) is Kind.BLOB:
            return Kind.BLOB
        return self.format.decode(data, self.limits)

    def _verified(self, object_id: ObjectId, data: bytes) -> bytes:
        if self.format.object_id(data) != object_id:
            raise Missing(
                "the stored bytes of an object are damaged",
                rule="grit.store.verify",
                code="corrupt",
                got=object_id.hex(),
            )
        return data

    def _missing(self, object_id: ObjectId) -> Missing:
        if self.is_erased(object_id):
            return Missing("the blob was erased", rule="grit.erase.tombstone", code="erased", got=object_id.hex())
        return Missing("the store does not have the object", rule="grit.store.missing", got=object_id.hex())
