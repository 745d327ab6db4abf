"""Away: the references that record that an actor makes no step in this store.

::

    archived/<actor>    set aside; may be restored
    closed/<actor>      ended, and not to begin again
    gone/<actor>        collected, or destroyed
    moved/<actor>       continues in another store

An actor with one of these references is away, whatever the target and whether the actor has a head or not. The
operations that set and remove them belong to other profiles and to operators.

Spec: :rule:`runtime.away.still`.
"""

from __future__ import annotations

import re

from gritstone.errors import Missing
from gritstone.grit.engine import Batch, Table
from gritstone.grit.objects import ObjectId, Step
from gritstone.grit.snapshot import Snapshot

__all__ = ["AWAY_SPACES", "away_actors", "away_names", "away_step", "gone_name", "is_away"]

AWAY_SPACES = ("archived", "closed", "gone", "moved")
"""The spaces, ascending."""

_PREFIXES = tuple(f"{space}/".encode() for space in AWAY_SPACES)
_ACTOR = re.compile("[0-9a-f]{64}")


def away_names(actor: ObjectId) -> tuple[str, ...]:
    """Return the names of the references that record that an actor is away, ascending."""
    digits = actor.hex()
    return tuple(f"{space}/{digits}" for space in AWAY_SPACES)


def gone_name(actor: ObjectId) -> str:
    """Return the name of the reference that records that an actor was collected."""
    return f"gone/{actor.hex()}"


def away_actors(snapshot: Snapshot) -> set[ObjectId]:
    """Return all actors that are away. A name that is not the text form of an id is ignored."""
    found: set[ObjectId] = set()
    for space in AWAY_SPACES:
        digits = (name.partition("/")[2] for name, _ in snapshot.references(f"{space}/"))
        found.update(bytes.fromhex(one) for one in digits if _ACTOR.fullmatch(one))
    return found


def is_away(tables: Batch, actor: ObjectId) -> bool:
    """Return whether an actor is away, within an update."""
    digits = actor.hex().encode()
    return any(tables.has(Table.REFS, prefix + digits) for prefix in _PREFIXES)


def away_step(snapshot: Snapshot, actor: ObjectId) -> tuple[str, ObjectId] | None:
    """Return where an actor that is away stopped: the first of its references, ascending, that leads to a step of it.

    Returns:
        The name of the reference and the step; None if no reference leads to a step of the actor in this store.

    Spec: :rule:`runtime.away.still`.
    """
    for name in away_names(actor):
        target = snapshot.target(name)
        if target is None:
            continue
        try:
            value = snapshot.load(target)
        except Missing:  # erased: a profile may keep the place of a step outside the store
            continue
        if isinstance(value, Step) and value.actor == actor:
            return name, target
    return None
