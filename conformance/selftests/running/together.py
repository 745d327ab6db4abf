"""Concurrent calls for many names: for work that waits more than it computes, such as runs that end by deadlines."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

__all__ = ["groups_of", "together"]

_AT_ONCE: Final = 8
"""Few enough that no deadline of one is missed because the others start at the same time."""

Result = TypeVar("Result")


def together(act: Callable[[str], Result], names: Iterable[str]) -> dict[str, Result]:
    """Return the result of a function for each name; several calls run at the same time, in their own threads."""
    names = tuple(names)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return dict(zip(names, pool.map(act, names), strict=True))


def groups_of(size: int, names: Iterable[str]) -> list[tuple[str, ...]]:
    """Split names into groups, one for each test that runs its names together."""
    names = tuple(names)
    return [names[start : start + size] for start in range(0, len(names), size)]
