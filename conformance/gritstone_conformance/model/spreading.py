"""Spreading work over items: in turn here, or over processes by a function that the caller passes.

The checks of a history and the reading of a large bundle consist of pieces that need nothing of each other. They take
a function of the type :class:`Spread`; how it runs the pieces is not the business of the model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

__all__ = ["Spread", "in_turn"]

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


class Spread(Protocol):
    """Does work for each item, and returns the results in the order of the items.

    Work in another process sees the state at the begin of the call; of what it does, only its result remains.
    """

    def __call__(self, work: Callable[[_Item], _Result], items: Sequence[_Item]) -> list[_Result]:
        """Return the result of each item."""
        ...


def in_turn(work: Callable[[_Item], _Result], items: Sequence[_Item]) -> list[_Result]:
    """Do the work for one item after the other, here."""
    return [work(item) for item in items]
