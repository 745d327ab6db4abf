"""What a call needs of the host that runs its guest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from gritstone.wasm.engine import WasmEngine

__all__ = ["GuestHost"]


class GuestHost(Protocol):
    """A host of guests.

    Attributes:
        most_pages: the maximum supported ``pages`` of a manifest.
        suspends: whether calls can be suspended at ``wait``.
        log: receives the log texts of guests.
    """

    most_pages: int
    suspends: bool
    log: Callable[[bytes], None]

    @property
    def engine(self) -> WasmEngine:
        """Return the engine."""
