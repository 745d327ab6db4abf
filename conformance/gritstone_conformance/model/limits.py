"""The limits that an implementation declares, as the oracle needs them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

__all__ = ["FLOORS", "Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Declared limits; each is exact.

    Attributes:
        object_bytes: bytes of one whole encoding.
        tree_depth: the largest nesting of a tree in a closure.
        cas_names: changes in one update.
        refs: references in one store.
        wasm_pages: pages of a manifest that is run.
        continuation: whether calls of guests can be suspended; a feature, not a number.
    """

    object_bytes: int = 12_581_888  # bytes; three quarters of a frame of 16 MiB, less 1,024
    tree_depth: int = 1024
    cas_names: int = 64
    refs: int = 10_000
    wasm_pages: int = 65_536
    continuation: bool = True

    @classmethod
    def of(cls, declared: Mapping[str, int], features: Collection[str] = ()) -> Limits:
        """Return the limits that a ``hello`` declares."""
        known = {name: declared[name] for name in FLOORS}
        pages = declared.get("wasm_pages", 65_536)
        return cls(**known, wasm_pages=pages, continuation="wasm.continuation" in features)


FLOORS: Final = {"object_bytes": 1_048_576, "tree_depth": 1024, "cas_names": 64, "refs": 10_000}
"""What each limit must be at least."""
