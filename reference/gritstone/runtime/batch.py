"""A batch: the changes of several steps, which one update makes durable.

The runtime runs ahead of the store. Adopted steps go into a batch: new objects, and heads and marks with their values
when the batch began. Then one update of the engine applies all of it or nothing. So a step may read messages of another
step in the same batch, and many actors share the cost of one commit.

The update is a compare-and-swap of every head and mark in it. It expects that no actor that made a step or got a mark
is away (``present``). It also checks again that the store has the objects that new objects lead to (``borrowed``), with
their closure if objects were removed in the meantime. If an expectation is not met, nothing is changed, and the runtime
begins again from the heads in the store.

Spec: :rule:`runtime.head.cas`, :rule:`runtime.head.before-route`, :rule:`runtime.recover.mark`,
:rule:`runtime.recover.unmark`, :rule:`runtime.away.expected`, :rule:`runtime.prune.running`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping

from gritstone.errors import Invalid, Missing, Rejected
from gritstone.grit.engine import Batch, Table
from gritstone.grit.limits import Limits
from gritstone.grit.objects import Mailbox, ObjectId, Step
from gritstone.grit.references import Change, references_version
from gritstone.grit.snapshot import Snapshot
from gritstone.grit.store import Store, move_references, put_unless_erased
from gritstone.runtime.away import is_away

__all__ = ["StepBatch", "commit"]


class StepBatch:
    """The changes of one update.

    Attributes:
        version: the version of the references from which it was decided; None if it is unknown.
        known: the heads from which it was decided.
        quiet: actors that leave, with their inboxes; the update expects that no other actor has sent them more.
        receivers: actors that get mail; the update expects that they are not archived.
        objects: new encodings by id.
        size_bytes: the total size of the new encodings.
        borrowed: ids in the store that new objects lead to.
        present: actors that the update expects not to be away.
        removals: the count of removals at which the closures of borrowed ids were complete; see ``removals``.
        created: the number of references that it creates, minus the number that it removes.
        notes: what the runtime knows once the update is made, by a key of its own.
        versions: the versions of the references before and after the update; None if it was not made.
        is_durable: whether the update was made.
    """

    __slots__ = (
        "_heads",
        "_marks",
        "_old_heads",
        "_old_marks",
        "_others",
        "borrowed",
        "created",
        "is_durable",
        "known",
        "notes",
        "objects",
        "present",
        "quiet",
        "receivers",
        "removals",
        "size_bytes",
        "version",
        "versions",
    )

    def __init__(
        self, removals: int = 0, version: bytes | None = None, known: Mapping[ObjectId, ObjectId] | None = None
    ) -> None:
        self.removals = removals
        self.version = version
        self.known = known or {}
        self.quiet: dict[ObjectId, Mapping[ObjectId, ObjectId]] = {}
        self.receivers: set[ObjectId] = set()
        self.versions: tuple[bytes, bytes] | None = None
        self.is_durable = False
        self.objects: dict[ObjectId, bytes] = {}
        self.size_bytes = 0
        self.created = 0
        self.borrowed: set[ObjectId] = set()
        self.present: set[ObjectId] = set()
        self._old_heads: dict[ObjectId, ObjectId | None] = {}
        self._heads: dict[ObjectId, ObjectId | None] = {}
        self._old_marks: dict[ObjectId, ObjectId | None] = {}
        self._marks: dict[ObjectId, ObjectId | None] = {}
        self._others: dict[str, Change] = {}
        self.notes: dict[Hashable, int | ObjectId] = {}

    def add(self, encodings: Mapping[ObjectId, bytes]) -> None:
        """Add encodings of new objects."""
        self.objects.update(encodings)
        self.size_bytes += sum(map(len, encodings.values()))

    @property
    def is_empty(self) -> bool:
        """Return whether there is nothing to make durable or to expect."""
        return not (self.objects or self.borrowed or self.notes or self.names)

    @property
    def names(self) -> int:
        """Return the number of references that it changes."""
        return len(self._heads) + len(self._marks) + len(self._others)

    def move_head(self, actor: ObjectId, old: ObjectId | None, new: ObjectId | None) -> None:
        """Move a head, or expect it unchanged; ``old`` is its value in this batch, or in the store."""
        self._old_heads.setdefault(actor, old)
        self._heads[actor] = new
        self.created += (new is not None) - (old is not None)

    def move_mark(self, actor: ObjectId, old: ObjectId | None, new: ObjectId | None) -> None:
        """Set or remove a mark, or expect it unchanged; ``old`` is its value in this batch, or in the store."""
        self._old_marks.setdefault(actor, old)
        self._marks[actor] = new
        self.created += (new is not None) - (old is not None)

    @property
    def heads(self) -> Mapping[ObjectId, ObjectId | None]:
        """Return the heads that it moves or expects, as they are after it."""
        return self._heads

    @property
    def marks(self) -> Mapping[ObjectId, ObjectId | None]:
        """Return the marks that it moves or expects, as they are after it."""
        return self._marks

    @property
    def others(self) -> Iterable[Change]:
        """Return the changes of other references."""
        return self._others.values()

    @property
    def marks_before(self) -> Mapping[ObjectId, ObjectId | None]:
        """Return the expected mark of each actor of which this batch moves or expects the mark."""
        return self._old_marks

    def change(self, change: Change) -> None:
        """Change another reference, or expect it unchanged; ``old`` is its value in this batch, or in the store."""
        first = self._others.get(change.name, change)
        self._others[change.name] = Change(change.name, first.old, change.new)
        self.created += (change.new is not None) - (change.old is not None)

    def target(self, name: str, stored: ObjectId | None) -> ObjectId | None:
        """Return the target of another reference after this batch."""
        change = self._others.get(name)
        return stored if change is None else change.new

    def move_references(self, tables: Batch, changes: list[Change], limits: Limits) -> None:
        """Change the references within an update, and record their versions."""
        before = references_version(tables)
        move_references(tables, changes, limits)
        self.versions = before, references_version(tables)

    def changes(self) -> list[Change]:
        """Return all changes of references."""
        heads = [Change(f"heads/{actor.hex()}", old, self._heads[actor]) for actor, old in self._old_heads.items()]
        marks = [Change(f"failed/{actor.hex()}", old, self._marks[actor]) for actor, old in self._old_marks.items()]
        return [*heads, *marks, *self._others.values()]


def commit(store: Store, batch: StepBatch) -> bool:
    """Make a batch durable, and set its ``removals`` to the count in the update.

    Returns:
        Whether the batch was applied; if not, a reference or an object is not as expected.

    Raises:
        Exhausted: the medium is full, or there would be too many references.
    """
    changes = batch.changes()
    if not changes:
        return True

    def swap(tables: Batch) -> int:
        snapshot = Snapshot(tables, store.format, store.limits)
        if references_version(tables) != batch.version:
            _check_receivers(tables, batch)
            _check_quiet(snapshot, batch)
        batch.move_references(tables, changes, store.limits)
        _check_present(tables, batch.present)
        _put_all(tables, batch.objects)
        _check_borrowed(tables, batch.borrowed, batch.objects)
        if snapshot.removals() != batch.removals:
            _check_closed(snapshot, batch.borrowed)
        return snapshot.removals()

    try:
        batch.removals = store.update(swap)
    except Rejected as refusal:
        if refusal.code != "conflict":
            raise
        return False
    return True


def _put_all(tables: Batch, objects: dict[ObjectId, bytes]) -> None:
    if tables.count(Table.TOMBSTONES):
        for object_id, data in objects.items():
            put_unless_erased(tables, object_id, data)
        return
    get, put = tables.get, tables.put
    for object_id, data in objects.items():
        if get(Table.OBJECTS, object_id) != data:
            put(Table.OBJECTS, object_id, data)


def _check_present(tables: Batch, actors: Iterable[ObjectId]) -> None:
    """Check that no actor is away.

    Raises:
        Rejected: an actor is away (code ``conflict``).

    Spec: :rule:`runtime.away.expected`.
    """
    for actor in actors:
        if is_away(tables, actor):
            raise Rejected("an actor is away", rule="runtime.away.expected", code="conflict", got=actor.hex())


def _check_receivers(tables: Batch, batch: StepBatch) -> None:
    """Check that no other runtime has archived a receiver of mail.

    Raises:
        Rejected: it has (code ``conflict``).

    Spec: :rule:`session.restore.expected`.
    """
    changed = {change.name for change in batch.others}
    for receiver in batch.receivers:
        name = f"archived/{receiver.hex()}"
        if name not in changed and tables.has(Table.REFS, name.encode()):
            raise Rejected("a receiver is archived", rule="session.restore.expected", code="conflict", got=name)


def _check_quiet(snapshot: Snapshot, batch: StepBatch) -> None:
    """Check that no actor of which the head was moved meanwhile has sent mail to an actor that leaves.

    Raises:
        Rejected: one has (code ``conflict``).

    Spec: :rule:`session.archive.seen`.
    """
    for name, target in snapshot.references("heads/") if batch.quiet else ():
        sender = bytes.fromhex(name[6:])
        if batch.known.get(sender) == target:
            continue
        outbox = _outbox(snapshot, target)
        for session, inbox in batch.quiet.items():
            if sender != session and outbox.get(session, inbox.get(sender)) != inbox.get(sender):
                raise Rejected("an actor got mail", rule="session.archive.seen", code="conflict", got=session.hex())


def _outbox(snapshot: Snapshot, head: ObjectId) -> Mapping[ObjectId, ObjectId]:
    """Return the outbox of a step; an empty one if it cannot be read."""
    try:
        step = snapshot.load(head)
        outbox = snapshot.load(step.outbox) if isinstance(step, Step) and step.outbox is not None else None
    except Missing:
        return {}
    return outbox.entries if isinstance(outbox, Mailbox) else {}


def _check_borrowed(tables: Batch, borrowed: Iterable[ObjectId], made: dict[ObjectId, bytes]) -> None:
    """Check that the objects that new objects lead to are still in the store.

    Raises:
        Rejected: it is not (code ``conflict``).

    Spec: :rule:`runtime.prune.running`.
    """
    for object_id in borrowed:
        if (
            object_id not in made
            and not tables.has(Table.OBJECTS, object_id)
            and not tables.has(Table.TOMBSTONES, object_id)
        ):
            raise Rejected(
                "an object was pruned in the meantime",
                rule="runtime.prune.running",
                code="conflict",
                got=object_id.hex(),
            )


def _check_closed(snapshot: Snapshot, borrowed: Iterable[ObjectId]) -> None:
    """Check that everything reachable from borrowed ids is still in the store.

    Raises:
        Rejected: it is not (code ``conflict``).

    Spec: :rule:`runtime.head.closed`.
    """
    try:
        snapshot.closure(borrowed)
    except (Missing, Invalid) as refusal:
        raise Rejected(
            "part of a closure was removed in the meantime",
            rule="runtime.head.closed",
            code="conflict",
            got=str(refusal),
        ) from refusal
