"""A count of the updates that removed objects, kept in the store.

Whoever has found that an object has its whole closure may believe it as long as the count is the same.

Spec: :rule:`runtime.head.closed`.
"""

from __future__ import annotations

from gritstone.grit.engine import Batch, Table, View

__all__ = ["count_removal", "removals"]

_KEY = b"removals"  # in META
_BYTES = 8


def removals(view: View) -> int:
    """Return how many updates have removed objects from the store."""
    return int.from_bytes(view.get(Table.META, _KEY) or b"", "big")


def count_removal(batch: Batch) -> None:
    """Note that an update removes objects."""
    batch.put(Table.META, _KEY, (removals(batch) + 1).to_bytes(_BYTES, "big"))
