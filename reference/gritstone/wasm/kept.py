"""A cache with a maximum size."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["Kept"]

_K = TypeVar("_K")
_V = TypeVar("_V")


class Kept(Generic[_K, _V]):
    """A cache with a maximum size that drops the least recently used values."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._size = 0
        self._found: OrderedDict[_K, tuple[_V, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: _K, size: int, make: Callable[[], _V]) -> _V:
        """Return the cached value, or create it."""
        with self._lock:
            found = self._found.get(key)
            if found is not None:
                self._found.move_to_end(key)
                return found[0]
        made = make()
        with self._lock:
            if key not in self._found:
                self._found[key] = made, size
                self._size += size
            while self._size > self._most and len(self._found) > 1:
                _, (_, freed) = self._found.popitem(last=False)
                self._size -= freed
        return made

    def values(self) -> list[_V]:
        """Return all cached values."""
        return [made for made, _ in self._found.values()]
