"""Objects of a store by id, decoded once and remembered for a while.

Objects never change, so what was read and verified once may be kept. Only an erased blob may not: whoever erases
tells, and everything is forgotten. What a transition makes is added when its step is adopted, so that the next step
of the actor reads nothing from the store.
"""

from __future__ import annotations

from collections.abc import Callable

from gritstone.errors import Missing
from gritstone.grit.formats import Format
from gritstone.grit.limits import Limits
from gritstone.grit.objects import Kind, Object, ObjectId
from gritstone.wit.recent import Recent
from gritstone.wit.stencils import Stencils

__all__ = ["Objects"]

_KEPT_BYTES = 32 << 20  # of encodings, twice
_OVERHEAD_BYTES = 400  # of a decoded object, roughly


class Objects:
    """Read the objects of one store.

    Attributes:
        format: the format of the store.
        limits: the limits of the store.
        stencils: how objects of this store are encoded.
    """

    __slots__ = ("_fetch", "_known", "format", "limits", "stencils")

    def __init__(self, format_: Format, limits: Limits, fetch: Callable[[ObjectId], bytes]) -> None:
        """Read from what gives the bytes of an id.

        Args:
            format_: the format of the bytes.
            limits: bounds of decoding and encoding.
            fetch: gives bytes that hash to the id; raises ``Missing``, with the code ``erased`` for a tombstone.
        """
        self.format = format_
        self.limits = limits
        self.stencils = Stencils(format_, limits)
        self._fetch = fetch
        self._known: Recent[ObjectId, Object] = Recent(_KEPT_BYTES)

    def load(self, object_id: ObjectId) -> Object:
        """Give an object.

        Raises:
            Missing: absent, erased (code ``erased``) or damaged (code ``corrupt``).
        """
        found = self._known.get(object_id)
        if found is None:
            data = self._fetch(object_id)
            found = self.format.decode(data, self.limits)
            self._known.put(object_id, found, len(data) + _OVERHEAD_BYTES)
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

    def remember(self, object_id: ObjectId, value: Object, size_bytes: int) -> None:
        """Keep an object that was just made."""
        self._known.put(object_id, value, size_bytes + _OVERHEAD_BYTES)

    def forget(self) -> None:
        """Forget everything, since something was erased or removed."""
        self._known.forget()
