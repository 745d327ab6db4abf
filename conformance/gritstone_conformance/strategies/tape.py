"""Decisions, read one after the other from drawn bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from hypothesis import strategies as st

__all__ = ["Tape", "from_tape"]

_Item = TypeVar("_Item")


class Tape:
    """Drawn bytes and a place in them; past the end every decision is the first choice."""

    __slots__ = ("at", "data")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def __repr__(self) -> str:
        """Return the source of an equal tape."""
        return f"Tape({self.data!r})"

    def below(self, bound: int) -> int:
        """Return a number from 0 to ``bound`` - 1; takes one byte up to 256, else as many as the bound needs."""
        width = max((bound - 1).bit_length() + 7 >> 3, 1)
        taken = self.data[self.at : self.at + width]
        self.at += width
        return int.from_bytes(taken) % bound

    def within(self, least: int, most: int) -> int:
        """Return a number from ``least`` to ``most``, both included."""
        return least + self.below(most - least + 1)

    def pick(self, choices: Sequence[_Item]) -> _Item:
        """Return one of the choices; the first is the simplest."""
        return choices[self.below(len(choices))]

    def once_in(self, count: int) -> bool:
        """Return True about once in ``count`` decisions, and never on a tape of zeros."""
        return self.below(count) == count - 1

    def turned(self, by: int) -> Tape:
        """Return another tape with the same bytes, begun elsewhere: other decisions for the price of one draw."""
        at = by % max(len(self.data), 1)
        return Tape(self.data[at:] + self.data[:at])

    def take(self, length: int) -> bytes:
        """Return the next bytes, zeros past the end."""
        taken = self.data[self.at : self.at + length]
        self.at += length
        return taken + bytes(length - len(taken))


def from_tape(build: Callable[[Tape], _Item], length: int) -> st.SearchStrategy[_Item]:
    """Return the strategy of all that ``build`` makes of tapes of ``length`` bytes."""
    return st.binary(min_size=length, max_size=length).map(lambda data: build(Tape(data)))
