"""What one call reads of objects again and again: weights, header lists and entries, each computed once.

A guest reads a list of headers after its length, and an object by one entry or name at a time.

Spec: :rule:`wasm.abi.function`, :rule:`wasm.fuel.host-call`.
"""

from __future__ import annotations

from gritstone.grit.objects import Blob, Mailbox, Message, Object, ObjectId, Tree
from gritstone.wasm.weights import weight

__all__ = ["Views"]

_MOST_TEXT_BYTES = 1_024


class Views:
    """The views of the objects of one call."""

    __slots__ = ("_entries", "_headers", "_listed", "_weights")

    def __init__(self) -> None:
        self._weights: dict[ObjectId, int] = {}
        self._headers: dict[ObjectId, bytes] = {}
        self._listed: ObjectId | None = None
        self._entries: list[tuple[bytes, ObjectId]] = []

    def weight(self, object_id: ObjectId, value: Object) -> int:
        """Return the weight of an object."""
        found = self._weights.get(object_id)
        if found is None:
            found = self._weights[object_id] = weight(value)
        return found

    def headers(self, object_id: ObjectId, value: Blob | Message) -> bytes:
        """Return the header list of an object; short ones are kept."""
        found = self._headers.get(object_id)
        if found is None:
            pairs = sorted((key.encode(), text.encode()) for key, text in value.headers.items())
            found = b"".join(key + b"\0" + text + b"\0" for key, text in pairs)
            if len(found) <= _MOST_TEXT_BYTES:
                self._headers[object_id] = found
        return found

    def entries(self, object_id: ObjectId, value: Tree | Mailbox) -> list[tuple[bytes, ObjectId]]:
        """Return the entries of an object in the order of a guest; those of the last object are kept."""
        if object_id != self._listed:
            if isinstance(value, Tree):
                self._entries = sorted((name.encode(), target) for name, target in value.entries.items())
            else:
                self._entries = sorted(value.entries.items())
            self._listed = object_id
        return self._entries
