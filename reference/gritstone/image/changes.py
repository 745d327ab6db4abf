"""Changes: a log of what an operation changed in its tables, so that a savepoint that fails is undone at its own cost.

Spec: :rule:`image.op.savepoint`, :rule:`image.op.no-half`.
"""

from __future__ import annotations

from typing import Any, TypeAlias

__all__ = ["Changes", "Mark"]

Mark: TypeAlias = tuple[int, ...]
"""A moment, to which changes can return."""

_ABSENT: Any = object()


class Changes:
    """A log of changes.

    Tables that only grow are tracked by their length: a dictionary keeps the order of its first insertions.
    """

    __slots__ = ("_growing", "_log")

    def __init__(self) -> None:
        self._log: list[tuple[dict[Any, Any], Any, Any]] = []
        self._growing: list[dict[Any, Any] | list[Any]] = []

    def track(self, table: dict[Any, Any] | list[Any]) -> None:
        """Truncate a table that only grows when changes are undone."""
        self._growing.append(table)

    def set(self, table: dict[Any, Any], key: Any, value: Any) -> None:
        """Set an entry of a table."""
        self._log.append((table, key, table.get(key, _ABSENT)))
        table[key] = value

    def add(self, table: dict[Any, int], key: Any, amount: int) -> None:
        """Add to a number in a table, in which an absent one is 0."""
        self.set(table, key, table.get(key, 0) + amount)

    def mark(self) -> Mark:
        """Return the present moment."""
        return len(self._log), *map(len, self._growing)

    def undo(self, mark: Mark) -> None:
        """Return to an earlier moment."""
        while len(self._log) > mark[0]:
            table, key, value = self._log.pop()
            if value is _ABSENT:
                del table[key]
            else:
                table[key] = value
        for growing, length in zip(self._growing, mark[1:], strict=True):
            if isinstance(growing, list):
                del growing[length:]
            else:
                while len(growing) > length:
                    growing.popitem()
