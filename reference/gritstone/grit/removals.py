"""The number of updates that removed objects, kept in the store.

After a check that the closure of an object is complete, the result stays valid while the number is the same.

Spec: :rule:`runtime.head.closed`.
"""

from __future__ import annotations

from gritstone.grit.engine import Batch, Table, View

__all__ = ["count_removal", "removals"]

_KEY = b"removals"  # in META
_BYTES = 8


def removals(view: View) -> int:
    """Return the number of updates that removed objects from the store."""
    return int.from_bytes(view.get(Table.META, _KEY) or b"", "big")


def count_removal(batch: Batch) -> None:
    """Record that an update removes objects."""
    batch.put(Table.META, _KEY, (removals(batch) + 1).to_bytes(_BYTES, "big"))
