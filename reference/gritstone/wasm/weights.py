"""Weights of objects: a measure of their length that is the same in both formats.

Spec: :rule:`wasm.fuel.host-call`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from gritstone.grit.objects import Blob, Mailbox, Message, Object, ObjectId, Tree

__all__ = ["WEIGHT_LIMIT", "headers_weight", "mailbox_weight", "placed_weights", "tree_weight", "weight"]

WEIGHT_LIMIT = 8_388_000
_BLOB, _MESSAGE, _STEP = 64, 128, 192
_MAILBOX_ENTRY, _TREE_ENTRY, _HEADER = 72, 40, 8


def headers_weight(headers: Mapping[str, str]) -> int:
    """Return the weight of headers."""
    return sum(len(key.encode()) + len(value.encode()) + _HEADER for key, value in headers.items())


def tree_weight(names: Iterable[str]) -> int:
    """Return the weight of a tree with entries of these names; the empty tree has weight 0."""
    return sum(len(name.encode()) + _TREE_ENTRY for name in names)


def mailbox_weight(count: int) -> int:
    """Return the weight of a mailbox with ``count`` entries; the empty mailbox has weight 0."""
    return _MAILBOX_ENTRY * count


def weight(value: Object | None) -> int:
    """Return the weight of an object; a tombstone (None) weighs as much as an empty blob without headers."""
    match value:
        case None:
            return _BLOB
        case Blob():
            return _BLOB + len(value.data) + headers_weight(value.headers)
        case Message():
            return _MESSAGE + headers_weight(value.headers)
        case Mailbox():
            return mailbox_weight(len(value.entries))
        case Tree():
            return tree_weight(value.entries)
        case _:
            return _STEP


def placed_weights(levels: Sequence[Mapping[str, ObjectId]], path: Sequence[str], *, is_removed: bool) -> list[int]:
    """Return the weights of the trees that are made when an entry at a path is set or removed."""
    made = []
    is_gone = is_removed
    for name, entries in zip(reversed(path), reversed(levels), strict=True):
        rest = tree_weight(one for one in entries if one != name)
        full = rest if is_gone else rest + tree_weight((name,))
        is_gone = full == 0
        if not is_gone:
            made.append(full)
    return made
