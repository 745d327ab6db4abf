"""Weights of objects: how long they are, in a measure that is the same in both formats.

Spec: :rule:`wasm.fuel.host-call`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gritstone.grit.objects import Blob, Mailbox, Message, Object, Tree

__all__ = ["WEIGHT_LIMIT", "headers_weight", "mailbox_weight", "tree_weight", "weight"]

WEIGHT_LIMIT = 8_388_000
_BLOB, _MESSAGE, _STEP = 64, 128, 192
_MAILBOX_ENTRY, _TREE_ENTRY, _HEADER = 72, 40, 8


def headers_weight(headers: Mapping[str, str]) -> int:
    """Weigh headers."""
    return sum(len(key.encode()) + len(value.encode()) + _HEADER for key, value in headers.items())


def tree_weight(names: Iterable[str]) -> int:
    """Weigh a tree with entries of these names; the empty one weighs nothing."""
    return sum(len(name.encode()) + _TREE_ENTRY for name in names)


def mailbox_weight(count: int) -> int:
    """Weigh a mailbox with so many entries; the empty one weighs nothing."""
    return _MAILBOX_ENTRY * count


def weight(value: Object | None) -> int:
    """Weigh an object; None is a tombstone, which weighs nothing beyond a blob's own."""
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
