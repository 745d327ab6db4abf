"""The objects that one transition or query reads and makes.

A workspace reads the store and buffers new objects. They are stored only when the executor decides so: it admits the
step, or answers the query. A transition that fails leaves nothing in the store.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from gritstone.errors import Invalid, Missing
from gritstone.grit.graph import edges
from gritstone.grit.objects import Blob, Kind, Message, Object, ObjectId, Tree
from gritstone.grit.store import Store, put_unless_erased
from gritstone.wit.objects import Objects

__all__ = ["Workspace"]


class Workspace:
    """A reader of stored objects and a buffer of new ones.

    Attributes:
        objects: the stored objects.
        made: the new objects, by id.
        encodings: the encodings of the new objects, by id.
    """

    __slots__ = ("_encode", "_hash", "encodings", "made", "objects")

    def __init__(self, objects: Objects) -> None:
        self.objects = objects
        self.made: dict[ObjectId, Object] = {}
        self.encodings: dict[ObjectId, bytes] = {}
        self._encode = objects.encode
        self._hash = objects.format.object_id

    def put(self, value: Object) -> ObjectId:
        """Add a new object; return its id.

        Raises:
            Invalid: the object has no encoding in the format.
            Exhausted: the object is longer than ``object_bytes``.
        """
        data = self._encode(value)
        object_id = self._hash(data)
        self.made[object_id] = value
        self.encodings[object_id] = data
        return object_id

    def load(self, object_id: ObjectId) -> Object:
        """Return an object; see ``Objects.load``."""
        found = self.made.get(object_id) or self.objects.young.get(object_id)
        return self.objects.load(object_id) if found is None else found

    def look(self, object_id: ObjectId) -> Object | None:
        """Return an object; None for a tombstone; see ``Objects.look``."""
        found = self.made.get(object_id) or self.objects.young.get(object_id)
        return self.objects.look(object_id) if found is None else found

    def kind(self, object_id: ObjectId) -> Kind:
        """Return the kind of an object; a tombstone counts as a blob."""
        found = self.look(object_id)
        return Kind.BLOB if found is None else found.kind

    def tree(self, object_id: ObjectId) -> Tree | None:
        """Return a tree; None if the object is not a tree.

        Raises:
            Missing: the object is absent or damaged.
        """
        value = self.look(object_id)
        return value if type(value) is Tree else None

    def blob(self, object_id: ObjectId) -> Blob | None:
        """Return a blob; None if the object is not a blob.

        Raises:
            Missing: the object is absent, damaged, or erased (code ``erased``).
        """
        value = self.load(object_id)
        return value if type(value) is Blob else None

    def message(self, object_id: ObjectId) -> Message:
        """Return a message.

        Raises:
            Missing: the object is absent or damaged.
            Invalid: the object is not a message.
        """
        value = self.load(object_id)
        if type(value) is not Message:
            raise Invalid("no message", rule="wit.channel.unread", got=f"a {value.kind.word}", expected="a message")
        return value

    def take_over(self, other: Workspace) -> None:
        """Add the new objects of another workspace."""
        self.made.update(other.made)
        self.encodings.update(other.encodings)

    def drop(self, object_ids: Iterable[ObjectId]) -> None:
        """Remove new objects."""
        for object_id in object_ids:
            del self.made[object_id], self.encodings[object_id]

    def drop_unreached(self, roots: Iterable[ObjectId], since: int = 0) -> None:
        """Remove the new objects that no root reaches through new objects.

        Args:
            roots: what is kept.
            since: how many of the new objects are kept whatever reaches them: the first ones.
        """
        unreached = set(islice(reversed(self.made), len(self.made) - since))
        waiting = list(roots)
        while waiting and unreached:
            object_id = waiting.pop()
            if object_id in unreached:
                unreached.remove(object_id)
                waiting += [target for target, _ in edges(self.made[object_id])]
        self.drop(unreached)

    def keep(self, store: Store) -> None:
        """Write the new objects to the store.

        Raises:
            Exhausted: the medium is full.
        """
        if self.encodings:
            made = self.encodings.items()
            store.update(lambda batch: [put_unless_erased(batch, object_id, data) for object_id, data in made])

    def is_erased(self, object_id: ObjectId) -> bool:
        """Return whether the store has a tombstone for an id, whether or not a new object has the id."""
        try:
            self.objects.load(object_id)
        except Missing as refusal:
            return refusal.code == "erased"
        return False

    def is_absent(self, object_id: ObjectId) -> bool:
        """Return whether there is neither an object nor a tombstone."""
        try:
            self.look(object_id)
        except Missing as refusal:
            return refusal.code is None
        return False
