"""Objects of a store by id, decoded once and remembered for a while.

Objects never change, so what was read and verified once may be kept. Only an erased blob may not: whoever erases
tells, and everything is forgotten. What a transition makes is added when its step is adopted, so that the next step
of the actor reads nothing from the store.

There are two generations. What is used is in the young one, or comes into it; when that has grown too large it becomes
the old one, and what nobody asked for since is let go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gritstone.errors import Missing
from gritstone.grit.formats import Format
from gritstone.grit.limits import Limits
from gritstone.grit.objects import Blob, Kind, Mailbox, Object, ObjectId, Tree
from gritstone.optional.encoding_templates import encoding_templates_of

__all__ = ["Objects"]

_KEPT_BYTES = 4 << 20  # of decoded objects, in each generation
_OVERHEAD_BYTES = 400  # of a decoded object, roughly
_ENTRY_BYTES = 200  # of one entry of a tree or mailbox, roughly


class Objects:
    """Read the objects of one store.

    Attributes:
        format: the format of the store.
        limits: the limits of the store.
        templates: how objects of this store are encoded.
        young: objects that were used lately. Whoever is in a hurry looks here first; nobody else writes to it.
        age: another one each time that everything is forgotten, for those who remember something of it elsewhere.
    """

    __slots__ = ("_bytes", "_fetch", "_old", "age", "format", "limits", "templates", "young")

    def __init__(self, format_: Format, limits: Limits, fetch: Callable[[ObjectId], bytes]) -> None:
        """Read from what gives the bytes of an id.

        Args:
            format_: the format of the bytes.
            limits: bounds of decoding and encoding.
            fetch: gives bytes that hash to the id; raises ``Missing``, with the code ``erased`` for a tombstone.
        """
        self.format = format_
        self.limits = limits
        self.templates = encoding_templates_of(format_, limits)
        self.young: dict[ObjectId, Object] = {}
        self._old: dict[ObjectId, Object] = {}
        self._bytes = 0
        self._fetch = fetch
        self.age = object()

    def load(self, object_id: ObjectId) -> Object:
        """Give an object.

        Raises:
            Missing: absent, erased (code ``erased``) or damaged (code ``corrupt``).
        """
        found = self.young.get(object_id)
        if found is None:
            found = self._old.get(object_id)
            if found is None:
                data = self._fetch(object_id)
                found = self.format.decode(data, self.limits)
            self._grow(found)
            self.young[object_id] = found
        return found

    def look(self, object_id: ObjectId) -> Object | None:
        """Give an object; None for a tombstone.

        Raises:
            Missing: absent or damaged.
        """
        try:
            return self.load(object_id)
        except Missing as refusal:
            if refusal.code == "erased":
                return None
            raise

    def kind(self, object_id: ObjectId) -> Kind:
        """Tell the kind of an object; a tombstone counts as a blob.

        Raises:
            Missing: absent or damaged.
        """
        found = self.look(object_id)
        return Kind.BLOB if found is None else found.kind

    def remember(self, made: Mapping[ObjectId, Object]) -> None:
        """Keep objects that were just made."""
        for value in made.values():
            self._grow(value)
        self.young.update(made)

    def forget(self) -> None:
        """Forget everything, since something was erased or removed."""
        self.young, self._old, self._bytes = {}, {}, 0
        self.age = object()

    def _grow(self, value: Object) -> None:
        """Count an object before it is kept, and let the old generation go if the young one is full."""
        self._bytes += _OVERHEAD_BYTES
        if isinstance(value, Blob):
            self._bytes += len(value.data)
        elif isinstance(value, Tree | Mailbox):
            self._bytes += _ENTRY_BYTES * len(value.entries)
        if self._bytes > _KEPT_BYTES:
            self._old, self.young, self._bytes = self.young, {}, 0
