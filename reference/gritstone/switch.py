"""The switch between plain code and the optional parts that are only faster.

A profile that has a plain and a faster part calls ``choose`` with the plain one when it needs the part. The function
``gritstone.optional.turn_on`` sets the faster parts; no profile imports them. Existing objects keep their parts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

__all__ = ["choose", "is_on", "set_faster"]

_T = TypeVar("_T")

_faster: dict[str, Callable[[], Any]] = {}


def choose(name: str, plain: _T) -> _T:
    """Return the faster part of a name if one is set, otherwise the plain part."""
    load = _faster.get(name)
    return plain if load is None else load()


def set_faster(parts: Mapping[str, Callable[[], Any]]) -> None:
    """Set the faster parts by name, each as a function that loads it; other names have none."""
    _faster.clear()
    _faster.update(parts)


def is_on() -> bool:
    """Return whether faster parts are set."""
    return bool(_faster)
