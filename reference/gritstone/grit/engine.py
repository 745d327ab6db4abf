"""The interface of the key-value engine of a store, and the guarantees that the store relies on.

An engine has four ordered tables of byte strings, which are read in *views* and changed in *updates*. Memory and LMDB
are two engines. Any database that has ordered keys and serializable transactions can be another, also a distributed
one. Only ``store`` knows about objects and references.

Guarantees (called laws), tested on every engine by ``reference/tests/test_engine.py``:

1. A view shows the state when it was opened until it is closed; later updates do not change it.
2. ``update(work)`` runs ``work`` on a batch that sees all earlier updates and its own changes. If ``work``
   returns, all its changes happen at once, durably where the engine is durable, before ``update`` returns.
   If it raises, nothing changes. ``work`` may run several times; only its last run has an effect.
3. Two updates, in any processes, are serialized.
4. A view that is opened after an update returned, in any process, shows the update.
5. After ``scrub`` returns, no file of the engine holds bytes of a value that was deleted or replaced
   before ``scrub`` was called.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol, TypeVar

__all__ = ["Batch", "Engine", "Table", "View"]

_T = TypeVar("_T")


class Table(enum.Enum):
    """The four tables; the value is the name that an engine may use for the table."""

    OBJECTS = b"objects"  # object id -> encoding
    TOMBSTONES = b"tombstones"  # object id -> nothing
    REFS = b"refs"  # reference name -> object id
    META = b"meta"  # properties of the store itself

    # The members are keys of small dictionaries in hot paths; Enum would hash their names again each time.
    __hash__ = object.__hash__


class View(Protocol):
    """A view of all tables at one moment."""

    def get(self, table: Table, key: bytes) -> bytes | None:
        """Return the value of a key, or None."""

    def has(self, table: Table, key: bytes) -> bool:
        """Return whether the key has a value, without reading it."""

    def keys(self, table: Table, start: bytes) -> Iterator[bytes]:
        """Yield keys in ascending byte order, from the first one >= ``start``.

        The caller must not change the tables until the iterator is no longer used.
        """

    def count(self, table: Table) -> int:
        """Return the number of keys."""


class Batch(View, Protocol):
    """A view that can also change the tables; see law 2."""

    def put(self, table: Table, key: bytes, value: bytes) -> None:
        """Set the value of a key."""

    def delete(self, table: Table, key: bytes) -> None:
        """Remove a key; do nothing if it is absent."""


class Engine(Protocol):
    """Four tables. One engine object serves one thread; other threads and processes open their own."""

    def view(self) -> AbstractContextManager[View]:
        """Open a view; leaving the context closes it."""

    def update(self, work: Callable[[Batch], _T], *, freeing: bool = False) -> _T:
        """Change the tables by ``work`` and return its result.

        Args:
            work: see law 2.
            freeing: whether this update frees space; it may then use the space that the engine reserved for that.

        Raises:
            Exhausted: the medium is full; nothing changed.
        """

    def scrub(self) -> None:
        """Remove deleted and replaced values from all files; see law 5.

        Raises:
            Exhausted: there is not enough space to do so.
        """

    def close(self) -> None:
        """Release all resources. Open views end."""
