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
from gritstone.grit.objects import Kind, Object, ObjectId
from gritstone.wit.stencils import stencils_of

__all__ = ["Objects"]

_KEPT_BYTES = 4 << 20  # of encodings and overhead, in each generation
_OVERHEAD_BYTES = 400  # of a decoded object, roughly


class Objects:
    """Read the objects of one store.

    Attributes:
        format: the format of the store.
        limits: the limits of the store.
        stencils: how objects of this store are encoded.
        young: objects that were used lately. Whoever is in a hurry looks here first; nobody else writes to it.
        age: another one each time that everything is forgotten, for those who remember something of it elsewhere.
    """

    __slots__ = ("_bytes", "_fetch", "_old", "age", "format", "limits", "stencils", "young")

    def __init__(self, format_: Format, limits: Limits, fetch: Callable[[ObjectId], bytes]) -> None:
        """Read from what gives the bytes of an id.

        Args:
            format_: the format of the bytes.
            limits: bounds of decoding and encoding.
            fetch: gives bytes that hash to the id; raises ``Missing``, with the code ``erased`` for a tombstone.
        """
        self.format = format_
        self.limits = limits
        self.stencils = stencils_of(format_, limits)
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
                self._grow(len(data))
            else:
                self._grow(0)
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
        """Keep objects that were just made; ``grew`` is told of them later, of many at once."""
        self.young.update(made)

    def grew(self, count: int, size_bytes: int) -> None:
        """Be told how many objects were remembered, and the sum of their encodings; lets go what is too much."""
        self._bytes += size_bytes + count * _OVERHEAD_BYTES
        if self._bytes > _KEPT_BYTES:
            self._turn()

    def forget(self) -> None:
        """Forget everything, since something was erased or removed."""
        self.young, self._old, self._bytes = {}, {}, 0
        self.age = object()

    def _grow(self, size_bytes: int) -> None:
        self._bytes += size_bytes + _OVERHEAD_BYTES
        if self._bytes > _KEPT_BYTES:
            self._turn()

    def _turn(self) -> None:
        self._old, self.young, self._bytes = self.young, {}, 0
