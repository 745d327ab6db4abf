"""A cache of recently used values with a bound in bytes.

There are two dictionaries: values used since the last exchange, and values used before it. When the young dictionary is
full, it becomes the old one, and the values of the previous old one are dropped. A lookup costs one dictionary access.
The cache holds at most twice the bound. The size of a value is estimated.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

__all__ = ["BoundedCache"]

_K = TypeVar("_K")
_V = TypeVar("_V")


class BoundedCache(Generic[_K, _V]):
    """A cache that always holds the most recently used values. A value must not be None.

    Attributes:
        young: the values used since the last exchange. Callers may read it directly, and must not write to it.
    """

    __slots__ = ("_most", "_old", "young")

    def __init__(self, most_bytes: int, entry_bytes: int) -> None:
        """Create an empty cache of at most twice ``most_bytes``, plus the values of one ``update``.

        Args:
            most_bytes: the size of the young dictionary.
            entry_bytes: the approximate size of one key with its value in memory.
        """
        self._most = max(1, most_bytes // entry_bytes)
        self.young: dict[_K, _V] = {}
        self._old: dict[_K, _V] = {}

    def get(self, key: _K) -> _V | None:
        """Return the value of a key, or None if the cache does not hold it."""
        found = self.young.get(key)
        if found is None and self._old:
            found = self._old.get(key)
            if found is not None:
                self.put(key, found)
        return found

    def put(self, key: _K, value: _V) -> None:
        """Store a value."""
        if len(self.young) >= self._most:
            self._old, self.young = self.young, {}
        self.young[key] = value

    def update(self, values: Mapping[_K, _V]) -> None:
        """Store several values."""
        if len(self.young) >= self._most:
            self._old, self.young = self.young, {}
        self.young.update(values)

    def forget(self) -> None:
        """Remove all values."""
        self.young, self._old = {}, {}
