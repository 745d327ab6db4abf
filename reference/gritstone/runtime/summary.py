"""The result of a run to rest."""

from __future__ import annotations

from dataclasses import dataclass

from gritstone.grit.objects import ObjectId

__all__ = ["RunSummary"]


@dataclass(frozen=True, slots=True)
class RunSummary:
    """The result of a run to rest.

    Attributes:
        cause: ``rest``, ``waiting`` or ``max-steps``.
        steps: the number of adopted steps of actors.
        parked: marked actors, ascending, each with the class of its last failure, or ``unknown``.
    """

    cause: str
    steps: int
    parked: list[tuple[ObjectId, str]]
