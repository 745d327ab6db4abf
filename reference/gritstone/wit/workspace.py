"""What one transition or query reads and makes.

A workspace reads the store and keeps what is put into it to itself. Nothing of it is stored before somebody decides
so: an executor that admits the step, or answers the query. A transition that fails leaves nothing behind.
"""

from __future__ import annotations

from gritstone.errors import Invalid, Missing
from gritstone.grit.graph import edges
from gritstone.grit.objects import Blob, Kind, Message, Object, ObjectId, Tree
from gritstone.grit.store import Store, put_unless_erased
from gritstone.wit.objects import Objects

__all__ = ["Workspace"]


class Workspace:
    """Read objects, and make some.

    Attributes:
        objects: what is read.
        made: objects that were put here, by id.
        encodings: their encodings, by id.
    """

    __slots__ = ("_encoders", "_hash", "encodings", "made", "objects")

    def __init__(self, objects: Objects) -> None:
        self.objects = objects
        self.made: dict[ObjectId, Object] = {}
        self.encodings: dict[ObjectId, bytes] = {}
        self._encoders = objects.templates.encoders
        self._hash = objects.format.object_id

    def put(self, value: Object) -> ObjectId:
        """Make an object.

        Raises:
            Invalid: it has no encoding in the format.
            Exhausted: it is longer than ``object_bytes``.
        """
        data = self._encoders[value.kind](value)
        object_id = self._hash(data)
        self.made[object_id] = value
        self.encodings[object_id] = data
        return object_id

    def load(self, object_id: ObjectId) -> Object:
        """Give an object; see ``Objects.load``."""
        found = self.made.get(object_id) or self.objects.young.get(object_id)
        return self.objects.load(object_id) if found is None else found

    def look(self, object_id: ObjectId) -> Object | None:
        """Give an object; None for a tombstone; see ``Objects.look``."""
        found = self.made.get(object_id) or self.objects.young.get(object_id)
        return self.objects.look(object_id) if found is None else found

    def kind(self, object_id: ObjectId) -> Kind:
        """Tell the kind of an object; a tombstone counts as a blob."""
        found = self.look(object_id)
        return Kind.BLOB if found is None else found.kind

    def tree(self, object_id: ObjectId) -> Tree | None:
        """Give a tree; None if the id is that of something else.

        Raises:
            Missing: absent or damaged.
        """
        value = self.look(object_id)
        return value if type(value) is Tree else None

    def blob(self, object_id: ObjectId) -> Blob | None:
        """Give a blob; None if the id is that of something else.

        Raises:
            Missing: absent, damaged, or erased (code ``erased``).
        """
        value = self.load(object_id)
        return value if type(value) is Blob else None

    def message(self, object_id: ObjectId) -> Message:
        """Give a message.

        Raises:
            Missing: absent or damaged.
            Invalid: the id is that of something else.
        """
        value = self.load(object_id)
        if type(value) is not Message:
            raise Invalid("no message", rule="wit.channel.unread", got=f"a {value.kind.word}", expected="a message")
        return value

    def take_over(self, other: Workspace) -> None:
        """Add what was made elsewhere."""
        self.made.update(other.made)
        self.encodings.update(other.encodings)

    def drop_unreached(self, root: ObjectId) -> None:
        """Drop the objects made here that an object made here does not lead to."""
        reached: set[ObjectId] = set()
        waiting = [root]
        while waiting:
            object_id = waiting.pop()
            value = self.made.get(object_id)
            if value is not None and object_id not in reached:
                reached.add(object_id)
                waiting += [target for target, _ in edges(value)]
        if len(reached) < len(self.made):
            self.made = {object_id: self.made[object_id] for object_id in self.made if object_id in reached}
            self.encodings = {object_id: self.encodings[object_id] for object_id in self.made}

    def keep(self, store: Store) -> None:
        """Store what was made here.

        Raises:
            Exhausted: the medium is full.
        """
        if self.encodings:
            made = self.encodings.items()
            store.update(lambda batch: [put_unless_erased(batch, object_id, data) for object_id, data in made])

    def is_erased(self, object_id: ObjectId) -> bool:
        """Tell whether the store has a tombstone, whatever was made here."""
        try:
            self.objects.load(object_id)
        except Missing as refusal:
            return refusal.code == "erased"
        return False

    def is_absent(self, object_id: ObjectId) -> bool:
        """Tell whether there is neither an object nor a tombstone."""
        try:
            self.look(object_id)
        except Missing as refusal:
            return refusal.code is None
        return False
