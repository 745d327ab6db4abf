"""Handles: names that the suite gives to open stores, and their transfers in progress.

Several handles on one directory share one store, since a process may open an LMDB environment only once.

Spec: :rule:`grit.store.open`, :rule:`harness.state.isolated`, :rule:`harness.store.dir-only`.
"""

from __future__ import annotations

import io
import itertools
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from gritstone.errors import Missing, Rejected
from gritstone.grit.export import export_bundle, pieces
from gritstone.grit.formats import Format
from gritstone.grit.limits import Limits
from gritstone.grit.memory import MemoryEngine
from gritstone.grit.store import Store
from gritstone.harness.faults import CountedEngine, Writes

__all__ = ["Export", "Handle", "Handles"]

_PIECE_BYTES = 1 << 20


class Export:
    """An export: yields a bundle in pieces, from one snapshot."""

    def __init__(self, store: Store, names: list[str] | None, label: str) -> None:
        self._label = label
        self._given = 0
        with ExitStack() as stack:
            snapshot = stack.enter_context(store.snapshot())
            self._pieces: Iterator[bytes] = pieces(export_bundle(snapshot, names), _PIECE_BYTES)
            self._next: bytes | None = next(self._pieces)
            self._keep = stack.pop_all()

    @property
    def cursor(self) -> str | None:
        """Return the cursor of the next piece; None if there is none."""
        return None if self._next is None else f"{self._label}.{self._given}"

    def take(self) -> bytes:
        """Return the next piece."""
        assert self._next is not None, "a cursor exists only while a piece is left"
        piece, self._next = self._next, next(self._pieces, None)
        self._given += 1
        return piece

    def close(self) -> None:
        """End the snapshot."""
        self._next = None
        self._keep.close()


@dataclass(slots=True)
class Handle:
    """An open store and its transfers in progress.

    Attributes:
        store: the store, perhaps shared with other handles.
        directory: where the store is; None for a memory store.
        exports: the numbers of further exports; the handles of a client share them, so that no cursor comes twice.
        export: the export in progress.
        arrived: the received pieces of the import in progress.
    """

    store: Store
    directory: str | None
    exports: Iterator[int]
    export: Export | None = None
    arrived: BinaryIO | None = None

    def end_export(self) -> None:
        """Drop the export in progress."""
        if self.export is not None:
            self.export.close()
            self.export = None

    def end_import(self) -> None:
        """Drop the received pieces."""
        if self.arrived is not None:
            self.arrived.close()
            self.arrived = None

    def spool(self) -> BinaryIO:
        """Create a file for the pieces of a bundle: without a name, in the directory of the store."""
        if self.directory is None:
            return io.BytesIO()
        # Loaded on demand: it takes a large part of a start.
        import tempfile

        return tempfile.TemporaryFile(dir=self.directory)


@dataclass(slots=True)
class Handles:
    """All open handles of one client.

    Attributes:
        writes: counts the durable writes.
    """

    writes: Writes = field(default_factory=Writes)
    _exports: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _open: dict[str, Handle] = field(default_factory=dict)
    _shared: dict[str, tuple[Store, int]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Handle:
        handle = self._open.get(name)
        if handle is None:
            raise Missing("the store handle is not open", rule="grit.store.open", got=name)
        return handle

    def is_durable(self, name: object) -> bool:
        """Return whether a name is the handle of an open durable store."""
        handle = self._open.get(name) if isinstance(name, str) else None
        return handle is not None and handle.directory is not None

    def check_free(self, name: str) -> None:
        """Reject a name that is in use.

        Raises:
            Rejected: the name is in use.
        """
        if name in self._open:
            raise Rejected("the store handle is open already", rule="grit.store.open", got=name)

    def open_memory(self, name: str, format_: Format, limits: Limits) -> None:
        """Create a store that ends with its handle."""
        self._open[name] = Handle(Store.open(MemoryEngine(), format_, limits=limits), None, self._exports)

    def open_durable(self, name: str, directory: str, format_: Format, limits: Limits, *, create: bool) -> None:
        """Open the store of a directory, or create one.

        Raises:
            Missing: there is no store, and ``create`` is false.
            Rejected: the store has another format (code ``format``).
        """
        real = os.path.realpath(directory)
        store, users = self._shared.get(real, (None, 0))
        if store is None:
            # LMDB is loaded only for the first durable store: most runs start faster without it.
            from gritstone.grit.lmdb_store import LmdbEngine

            engine = CountedEngine(LmdbEngine(Path(real), create=create), self.writes)
            try:
                store = Store.open(engine, format_, create=create, limits=limits)
            except (Missing, Rejected):
                engine.close()
                raise
        elif store.format is not format_:
            raise Rejected("the store has another format", rule="grit.store.format", code="format")
        self._shared[real] = (store, users + 1)
        self._open[name] = Handle(store, real, self._exports)

    def close(self, name: str) -> None:
        """Close a handle; the last one of a store closes the store.

        Raises:
            Missing: the handle is not open.
        """
        handle = self[name]
        handle.end_export()
        handle.end_import()
        del self._open[name]
        if handle.directory is None:
            return
        store, users = self._shared.pop(handle.directory)
        if users > 1:
            self._shared[handle.directory] = (store, users - 1)
        else:
            store.close()

    def close_all(self) -> None:
        """Close every handle."""
        for name in list(self._open):
            self.close(name)
