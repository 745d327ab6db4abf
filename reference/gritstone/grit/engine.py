"""What a store needs of a key-value engine, and the laws it relies on.

Four ordered tables of byte strings, read in *views* and changed in *updates*. Memory and LMDB are two
engines; a distributed one (any that has ordered keys and serializable transactions) can be another. All
knowledge of objects and references is in ``store``; an engine knows none of it.

Laws, tested on every engine by ``reference/tests/test_engine.py``:

1. A view shows one moment, from when it was opened until it is closed, whatever is updated meanwhile.
2. ``update(work)`` runs ``work`` on a batch that sees all earlier updates and its own changes. If ``work``
   returns, all its changes happen at once, durably where the engine is durable, before ``update`` returns.
   If it raises, nothing happens. ``work`` may be run several times; only its last run counts.
3. Two updates, of any processes, act as one after the other.
4. A view that is opened after an update returned, in any process, shows it.
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
    """Name the four tables; the value is the name that an engine may use for it."""

    OBJECTS = b"objects"  # object id -> encoding
    TOMBSTONES = b"tombstones"  # object id -> nothing
    REFS = b"refs"  # reference name -> object id
    META = b"meta"  # what the store declares about itself

    # The members are keys of small dictionaries in hot paths; Enum would hash their names anew each time.
    __hash__ = object.__hash__


class View(Protocol):
    """Read all tables as of one moment."""

    def get(self, table: Table, key: bytes) -> bytes | None:
        """Give the value of a key, or None."""

    def has(self, table: Table, key: bytes) -> bool:
        """Tell whether there is a value, without reading it."""

    def keys(self, table: Table, start: bytes) -> Iterator[bytes]:
        """Give keys in ascending byte order, from the first one >= ``start`` on.

        Nothing may be changed before the iterator is done with.
        """

    def count(self, table: Table) -> int:
        """Give the number of keys."""


class Batch(View, Protocol):
    """Read all tables and change them; see law 2."""

    def put(self, table: Table, key: bytes, value: bytes) -> None:
        """Set the value of a key."""

    def delete(self, table: Table, key: bytes) -> None:
        """Remove a key; one that is absent stays absent."""


class Engine(Protocol):
    """Keep four tables. One engine object serves one thread; other threads and processes open their own."""

    def view(self) -> AbstractContextManager[View]:
        """Open a view; leaving the context closes it."""

    def update(self, work: Callable[[Batch], _T], *, freeing: bool = False) -> _T:
        """Change the tables by ``work`` and give what it returned.

        Args:
            work: see law 2.
            freeing: whether this update makes room; it may then use room that the engine reserved for that.

        Raises:
            Exhausted: the medium is full; nothing happened.
        """

    def scrub(self) -> None:
        """Make sure that no file holds deleted or replaced values; see law 5.

        Raises:
            Exhausted: there is no room to do so.
        """

    def close(self) -> None:
        """Give everything back. Open views end."""
