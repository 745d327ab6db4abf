"""A cache of the decoded objects of a store.

Objects never change, so an object that was read and verified may be kept. The exception is an erased blob: the eraser
calls ``forget``, which drops everything. The objects of a transition are added when its step is adopted, so the next
step of the actor reads nothing from the store.

There are two generations. A used object is in the young one or is moved there. When the young one is full, it becomes
the old one, and the objects of the previous old one are dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from gritstone.errors import Missing
from gritstone.grit.formats import Format
from gritstone.grit.limits import Limits
from gritstone.grit.objects import Blob, Kind, Mailbox, Object, ObjectId, Tree
from gritstone.switch import choose

__all__ = ["Encode", "Objects"]

_KEPT_BYTES = 4 << 20  # maximum size of decoded objects in each generation
_OVERHEAD_BYTES = 400  # the approximate size of a decoded object without its entries
_ENTRY_BYTES = 200  # the approximate size of one entry of a tree or mailbox
_WITH_ENTRIES = (Tree, Mailbox)

Encode: TypeAlias = Callable[[Object], bytes]
"""An encoder of one format with its limits."""


def _encoder_of(format_: Format, limits: Limits) -> Encode:
    return lambda value: format_.encode(value, limits)


class Objects:
    """A cached reader of the objects of one store.

    Attributes:
        format: the format of the store.
        limits: the limits of the store.
        encode: the encoder of objects of this store.
        young: recently used objects. Callers may read it directly for speed, and must not write to it.
        age: changes each time that everything is forgotten, for callers that cache objects elsewhere.
    """

    __slots__ = ("_bytes", "_fetch", "_old", "age", "encode", "format", "limits", "young")

    def __init__(self, format_: Format, limits: Limits, fetch: Callable[[ObjectId], bytes]) -> None:
        """Create an empty cache.

        Args:
            format_: the format of the bytes.
            limits: the limits of decoding and encoding.
            fetch: returns bytes that hash to the id; raises ``Missing``, with the code ``erased`` for a tombstone.
        """
        self.format = format_
        self.limits = limits
        self.encode: Encode = choose("encoder", _encoder_of)(format_, limits)
        self.young: dict[ObjectId, Object] = {}
        self._old: dict[ObjectId, Object] = {}
        self._bytes = 0
        self._fetch = fetch
        self.age = object()

    def load(self, object_id: ObjectId) -> Object:
        """Return an object.

        Raises:
            Missing: the object is absent, erased (code ``erased``) or damaged (code ``corrupt``).
        """
        found = self.young.get(object_id)
        if found is None:
            found = self._old.get(object_id)
            if found is None:
                data = self._fetch(object_id)
                found = self.format.decode(data, self.limits)
            self._grow(_size_of(found))
            self.young[object_id] = found
        return found

    def load_once(self, object_id: ObjectId) -> Object:
        """Return an object as ``load`` does, without adding it to the cache: it is one of many that are read once."""
        found = self.young.get(object_id)
        return self.format.decode(self._fetch(object_id), self.limits) if found is None else found

    def look(self, object_id: ObjectId) -> Object | None:
        """Return an object; None for a tombstone.

        Raises:
            Missing: the object is absent or damaged.
        """
        try:
            return self.load(object_id)
        except Missing as refusal:
            if refusal.code == "erased":
                return None
            raise

    def kind(self, object_id: ObjectId) -> Kind:
        """Return the kind of an object; a tombstone counts as a blob.

        Raises:
            Missing: the object is absent or damaged.
        """
        found = self.look(object_id)
        return Kind.BLOB if found is None else found.kind

    def remember(self, made: Mapping[ObjectId, Object]) -> None:
        """Add objects that were just made."""
        self._grow(sum(map(_size_of, made.values())))
        self.young.update(made)

    def forget(self) -> None:
        """Remove all objects, because an object was erased or removed from the store."""
        self.young, self._old, self._bytes = {}, {}, 0
        self.age = object()

    def _grow(self, size: int) -> None:
        """Count the size of objects before they are added, and drop the old generation if the young one is full."""
        self._bytes += size
        if self._bytes > _KEPT_BYTES:
            self._old, self.young, self._bytes = self.young, {}, 0


def _size_of(value: Object) -> int:
    """Return the approximate size of a decoded object, in bytes."""
    if isinstance(value, Blob):
        return _OVERHEAD_BYTES + len(value.data)
    return _OVERHEAD_BYTES + (_ENTRY_BYTES * len(value.entries) if isinstance(value, _WITH_ENTRIES) else 0)
