"""A bounded memory of what was used lately.

Two dictionaries: what was used since the last turn, and what was used before it. When the young one is full it
becomes the old one, and what nobody asked for since is let go. So a look costs one look into a dictionary, and what
is kept is at most twice what is allowed. What is allowed is a number of bytes, which values are estimated to take.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

__all__ = ["Recent"]

_K = TypeVar("_K")
_V = TypeVar("_V")


class Recent(Generic[_K, _V]):
    """Remember values by key, the recently used ones for sure. A value must not be None.

    Attributes:
        young: what was used lately. Whoever is in a hurry looks here first; nobody else writes to it.
    """

    __slots__ = ("_most", "_old", "young")

    def __init__(self, most_bytes: int, entry_bytes: int) -> None:
        """Remember at most twice ``most_bytes``, and what is added at once besides.

        Args:
            most_bytes: what the young dictionary may take.
            entry_bytes: what one key with its value takes in memory, roughly.
        """
        self._most = max(1, most_bytes // entry_bytes)
        self.young: dict[_K, _V] = {}
        self._old: dict[_K, _V] = {}

    def get(self, key: _K) -> _V | None:
        """Give the value of a key, if it is remembered."""
        found = self.young.get(key)
        if found is None and self._old:
            found = self._old.get(key)
            if found is not None:
                self.put(key, found)
        return found

    def put(self, key: _K, value: _V) -> None:
        """Remember a value."""
        if len(self.young) >= self._most:
            self._old, self.young = self.young, {}
        self.young[key] = value

    def update(self, values: Mapping[_K, _V]) -> None:
        """Remember several values."""
        if len(self.young) >= self._most:
            self._old, self.young = self.young, {}
        self.young.update(values)

    def forget(self) -> None:
        """Forget everything."""
        self.young, self._old = {}, {}
