"""Away: which actors make no step in a store, and where they stopped.

Spec: "Actors that are away" in ``runtime/collection``, "Terms" of ``runtime/history``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gritstone_conformance.model.graph import Tombstone
from gritstone_conformance.model.values import Object, Step

__all__ = ["SPACES", "away_targets", "is_away", "stopped_at"]

SPACES: Final = ("archived", "closed", "gone", "moved")
"""The spaces of references that say that an actor is away, ascending."""


def is_away(references: Mapping[str, bytes], actor: bytes) -> bool:
    """Return whether an actor is away."""
    return bool(away_targets(references, actor))


def away_targets(references: Mapping[str, bytes], actor: bytes) -> list[bytes]:
    """Return the targets of the references that say that an actor is away, ascending by name."""
    names = (f"{space}/{actor.hex()}" for space in SPACES)
    return [references[name] for name in names if name in references]


def stopped_at(references: Mapping[str, bytes], objects: Mapping[bytes, Object | Tombstone]) -> dict[bytes, bytes]:
    """Return actors that are away to the step at which they stopped, where a reference has one of their steps."""
    found: dict[bytes, bytes] = {}
    for space in SPACES:
        for name, target in references.items():
            digits = name.removeprefix(f"{space}/")
            step = objects.get(target)
            if digits != name and isinstance(step, Step) and step.actor.hex() == digits:
                found.setdefault(step.actor, target)
    return found
