"""A store: objects of one format, tombstones and references, in any engine.

This module defines all laws of a store. It decides which objects may be stored, erased, pruned and referenced; the
engine keeps the bytes. Each change of a store is one update of the engine, so each operation takes effect completely or
not at all, and durably before it returns. Only ``prune`` needs several updates.

Spec: the chapters *store*, *references*, *graph* and *erasure* of ``grit``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from gritstone.errors import Exhausted, Invalid, Missing, Refusal, Rejected
from gritstone.grit.engine import Batch, Engine, Table
from gritstone.grit.formats import Format
from gritstone.grit.limits import DEFAULT_LIMITS, Limits
from gritstone.grit.objects import Kind, ObjectId
from gritstone.grit.pruning import prune
from gritstone.grit.references import Change, check_changes, check_target, count_version
from gritstone.grit.snapshot import Snapshot

__all__ = ["Store", "move_references", "put_unless_erased"]

_LEAST_COMPACTED = 1_024  # objects that a prune removed

_T = TypeVar("_T")

_FORMAT_KEY = b"format"


class Store:
    """Objects and references; see the module for the laws.

    Attributes:
        format: the one format of the store.
        limits: what it accepts.
    """

    def __init__(self, engine: Engine, format_: Format, limits: Limits = DEFAULT_LIMITS) -> None:
        self.format = format_
        self.limits = limits
        self._engine = engine

    @classmethod
    def open(cls, engine: Engine, format_: Format, *, create: bool = True, limits: Limits = DEFAULT_LIMITS) -> Store:
        """Open the store of an engine, or create one.

        Raises:
            Rejected: the store has another format (code ``format``).
            Missing: there is no store, and ``create`` is false.

        Spec: :rule:`grit.store.format`.
        """
        with engine.view() as view:
            declared = view.get(Table.META, _FORMAT_KEY)
        if declared is None:
            if not create:
                raise Missing("the engine has no store", rule="grit.store.format")
            declared = engine.update(lambda batch: _declare(batch, format_))
        if declared != format_.name.encode():
            raise Rejected(
                "the store has another format",
                rule="grit.store.format",
                code="format",
                got=format_.name,
                expected=declared.decode(),
            )
        return cls(engine, format_, limits)

    def close(self) -> None:
        """Close the engine. The store must not be used afterwards."""
        self._engine.close()

    # --- reading ---------------------------------------------------------------------------------------

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """Return a snapshot of the present moment; it ends with the context."""
        with self._engine.view() as view:
            yield Snapshot(view, self.format, self.limits)

    def get(self, object_id: ObjectId) -> bytes:
        """Return the bytes of an object, after hashing them again; see ``Snapshot.get``."""
        with self._engine.view() as view:
            return Snapshot(view, self.format, self.limits).get(object_id)

    def has(self, object_ids: Iterable[ObjectId]) -> list[bool]:
        """Return for each id whether bytes are stored under it; a tombstone has no bytes."""
        with self._engine.view() as view:
            return Snapshot(view, self.format, self.limits).has(object_ids)

    def update(self, work: Callable[[Batch], _T], *, freeing: bool = False) -> _T:
        """Change tables in one update of the engine; see ``engine.Engine.update``.

        For the operations of this package that are built on a store; the caller must obey the laws.
        """
        return self._engine.update(work, freeing=freeing)

    # --- objects ---------------------------------------------------------------------------------------

    def put(self, data: bytes, expected_id: ObjectId | None = None) -> ObjectId:
        """Store one object.

        Args:
            data: its complete encoding in the format of the store.
            expected_id: the id that the caller expects, or None.

        Returns:
            The id. The object may have been present before. Edges are not checked.

        Raises:
            Malformed: as for decoding.
            Invalid: as for decoding; or the id is not ``expected_id`` (code ``digest``).
            Exhausted: the data is longer than ``object_bytes``; or the medium is full.
            Rejected: a blob of this id was erased (code ``erased``).

        Spec: :rule:`grit.store.put-strict`, :rule:`grit.store.put-idempotent`, :rule:`grit.erase.no-return`.
        """
        object_id = self._admit(data, expected_id)
        self._engine.update(lambda batch: _put(batch, object_id, data))
        return object_id

    def put_group(self, group: Sequence[tuple[bytes, ObjectId | None]]) -> list[ObjectId | Refusal]:
        """Store several objects in one update.

        Args:
            group: encodings, each with the id that the caller expects, or None.

        Returns:
            For each, its id, or the refusal that ``put`` would raise for it. A refusal does not affect the others.

        Raises:
            Exhausted: the medium is full; nothing was stored.
        """
        answers: list[ObjectId | Refusal] = []
        for data, expected_id in group:
            try:
                answers.append(self._admit(data, expected_id))
            except Refusal as refusal:
                answers.append(refusal)

        def put_all(batch: Batch) -> list[ObjectId | Refusal]:
            return [
                admitted
                if isinstance(admitted, Refusal) or put_unless_erased(batch, admitted, data)
                else _return_refused()
                for admitted, (data, _) in zip(answers, group, strict=True)
            ]

        return self._engine.update(put_all)

    def _admit(self, data: bytes, expected_id: ObjectId | None) -> ObjectId:
        self.format.decode(data, self.limits)
        object_id = self.format.object_id(data)
        if expected_id is not None and object_id != expected_id:
            raise Invalid(
                "the id of the bytes is not the expected one",
                rule="grit.store.put-strict",
                code="digest",
                got=object_id.hex(),
                expected=expected_id.hex(),
            )
        return object_id

    def erase(self, object_id: ObjectId) -> None:
        """Remove the bytes of a blob permanently and leave a tombstone; do so again without an error.

        Raises:
            Missing: the object is absent, or damaged (code ``corrupt``), so its kind is unknown.
            Rejected: the object is not a blob.
            Exhausted: there is not enough space to remove the bytes; the blob is unchanged.

        Spec: :rule:`grit.erase.gone`, :rule:`grit.erase.tombstone`, :rule:`grit.erase.blob-only`.
        """

        def bury(batch: Batch) -> bytes | None:
            snapshot = Snapshot(batch, self.format, self.limits)
            if snapshot.is_erased(object_id):
                return None
            data = snapshot.get(object_id)
            kind = self.format.kind_of(data)
            if kind is not Kind.BLOB:
                raise Rejected("only a blob can be erased", rule="grit.erase.blob-only", got=kind)
            batch.delete(Table.OBJECTS, object_id)
            batch.put(Table.TOMBSTONES, object_id, b"")
            return data

        def dig_up(batch: Batch) -> None:
            batch.delete(Table.TOMBSTONES, object_id)
            batch.put(Table.OBJECTS, object_id, buried or b"")

        buried = self._engine.update(bury, freeing=True)
        try:
            # Also if it was erased before: that erasure may have been killed before the bytes were removed.
            self._engine.scrub()
        except Exhausted:
            if buried is not None:
                self._engine.update(dig_up, freeing=True)
            raise

    def prune(self, pins: Iterable[ObjectId] = ()) -> int:
        """Remove every object that is unreachable from all references and pins; see ``pruning.prune``.

        If many objects were removed, and more than are left, the files of the engine are also compacted.
        """
        removed = prune(self._engine, self.format, self.limits, pins)
        if removed >= _LEAST_COMPACTED:
            with self._engine.view() as view:
                left = view.count(Table.OBJECTS)
            if removed > left:
                self._engine.scrub()
        return removed

    # --- references ------------------------------------------------------------------------------------

    def list_references(
        self, prefix: str = "", after: str | None = None, limit: int | None = None
    ) -> tuple[list[tuple[str, ObjectId]], bool]:
        """List references in ascending byte order of name.

        Args:
            prefix: only names that start with it.
            after: only names greater than it; None for all.
            limit: the maximum number of references; None for all.

        Returns:
            The references, and whether the same snapshot has more of them.

        Spec: :rule:`grit.ref.list`, :rule:`grit.ref.snapshot`.
        """
        found: list[tuple[str, ObjectId]] = []
        with self.snapshot() as snapshot:
            for reference in snapshot.references(prefix, after):
                if len(found) == limit:
                    return found, True
                found.append(reference)
        return found, False

    def update_references(self, changes: Sequence[Change]) -> None:
        """Make all changes atomically if every expectation is met.

        Raises:
            Invalid: a name is invalid or repeated.
            Exhausted: more changes than ``cas_names``, or more references than ``refs`` afterwards.
            Rejected: an expectation is not met (code ``conflict``); or the space of a name does not allow the target.
            Missing: a target is absent, erased or corrupt.

        Spec: :rule:`grit.ref.cas`, :rule:`grit.ref.atomic`, :rule:`grit.ref.limit`.
        """
        check_changes(changes, self.limits)
        if not changes:
            return

        def swap(batch: Batch) -> None:
            snapshot = Snapshot(batch, self.format, self.limits)
            for change in changes:
                if change.new is not None and change.new != change.old:
                    check_target(change.name, snapshot.load(change.new))
            move_references(batch, changes, self.limits)

        self._engine.update(swap)


def move_references(batch: Batch, changes: Sequence[Change], limits: Limits) -> None:
    """Compare and swap within an update; the caller must have checked the targets.

    Raises:
        Rejected: an expectation is not met (code ``conflict``).
        Exhausted: there would be more references than ``limits.refs``.

    Spec: :rule:`grit.ref.cas`, :rule:`grit.ref.limit`.
    """
    for change in changes:
        found = batch.get(Table.REFS, change.name.encode())
        if found != change.old:
            raise Rejected(
                f"the reference {change.name} does not have the expected target",
                rule="grit.ref.cas",
                code="conflict",
                got="absent" if found is None else found.hex(),
                expected="absent" if change.old is None else change.old.hex(),
            )
    moves = [change for change in changes if change.new != change.old]
    for change in moves:
        if change.new is None:
            batch.delete(Table.REFS, change.name.encode())
        else:
            batch.put(Table.REFS, change.name.encode(), change.new)
    if moves:
        count_version(batch)
    if any(change.old is None for change in moves) and batch.count(Table.REFS) > limits.refs:
        raise Exhausted("too many references", rule="grit.ref.limit", expected=f"at most {limits.refs} in one store")


def put_unless_erased(batch: Batch, object_id: ObjectId, data: bytes) -> bool:
    """Store an encoding under its id within an update; return False if a tombstone forbids it.

    If the stored bytes are damaged, they are replaced by the correct ones.
    """
    if batch.has(Table.TOMBSTONES, object_id):
        return False
    if batch.get(Table.OBJECTS, object_id) != data:
        batch.put(Table.OBJECTS, object_id, data)
    return True


def _declare(batch: Batch, format_: Format) -> bytes:
    """Record the format of the store, unless another process has just done so; return the recorded format."""
    declared = batch.get(Table.META, _FORMAT_KEY)
    if declared is None:
        declared = format_.name.encode()
        batch.put(Table.META, _FORMAT_KEY, declared)
    return declared


def _put(batch: Batch, object_id: ObjectId, data: bytes) -> None:
    if not put_unless_erased(batch, object_id, data):
        raise _return_refused()


def _return_refused() -> Rejected:
    return Rejected("a blob of this id was erased", rule="grit.erase.no-return", code="erased")
