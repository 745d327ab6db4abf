"""A bounded memory of what was used lately.

Two dictionaries: what was used since the last turn, and what was used before it. When the young one is full it
becomes the old one, and what nobody asked for since is let go. So a look costs one look into a dictionary, and what
is kept is at most twice what is allowed.
"""

from __future__ import annotations

from typing import Generic, TypeVar

__all__ = ["Recent"]

_K = TypeVar("_K")
_V = TypeVar("_V")


class Recent(Generic[_K, _V]):
    """Remember values by key, the recently used ones for sure.

    A value must not be None. Values may have a weight; their sum is bounded.
    """

    __slots__ = ("_average", "_most", "_old", "_weight", "_young")

    def __init__(self, most: int) -> None:
        self._most = most
        self._young: dict[_K, _V] = {}
        self._old: dict[_K, _V] = {}
        self._weight = 0
        self._average = 1

    def get(self, key: _K) -> _V | None:
        """Give the value of a key, if it is remembered."""
        found = self._young.get(key)
        if found is None and self._old:
            found = self._old.get(key)
            if found is not None:
                self.put(key, found, self._average)
        return found

    def put(self, key: _K, value: _V, weight: int = 1) -> None:
        """Remember a value."""
        if self._weight >= self._most:
            self._average = max(1, self._weight // len(self._young))
            self._old, self._young, self._weight = self._young, {}, 0
        self._young[key] = value
        self._weight += weight

    def forget(self) -> None:
        """Forget everything."""
        self._young, self._old, self._weight = {}, {}, 0
