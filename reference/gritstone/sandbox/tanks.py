"""Tanks: the fuel that an instance and its copies may use together.

A tank is the only thing that instances share: a snapshot and an instance that is resumed from it have the same tank.

Spec: :rule:`sandbox.tank.carried`, :rule:`sandbox.tank.moved`.
"""

from __future__ import annotations

from gritstone.errors import Exhausted

__all__ = ["Tank"]


class Tank:
    """An amount of fuel.

    Attributes:
        left: the units that are left; None for no limit.
    """

    __slots__ = ("left",)

    def __init__(self, left: int | None = None) -> None:
        self.left = left

    def take(self, units: int) -> None:
        """Take units out.

        Raises:
            Exhausted: fewer units are left; nothing was taken.
        """
        if self.left is None:
            return
        if units > self.left:
            raise Exhausted("less fuel is left", rule="sandbox.tank.moved", got=units, expected=f"at most {self.left}")
        self.left -= units

    def give(self, units: int) -> None:
        """Put units back that a call took which then failed."""
        if self.left is not None:
            self.left += units
