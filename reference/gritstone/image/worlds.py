"""Worlds: the references of an image after each of its operations.

Applying a record moves the heads that it lists; a record can also be taken back, because it lists the heads before,
too. An earlier world is computed from the newest one by taking back the records after it.

Spec: :ref:`image-world`, :rule:`image.world.root`, :rule:`image.world.past`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gritstone.grit.formats import Format
from gritstone.grit.limits import Limits
from gritstone.grit.objects import ObjectId
from gritstone.image.record import Record
from gritstone.image.texts import text_blob

__all__ = ["World", "apply_record", "fold", "take_back", "world_root"]


class World:
    """The references of an image.

    Attributes:
        heads: the heads, with those of the agent and the kernel actor.
        gone: the last steps of the actors that were destroyed.
    """

    __slots__ = ("gone", "heads")

    def __init__(self, heads: Mapping[ObjectId, ObjectId], gone: Mapping[ObjectId, ObjectId]) -> None:
        self.heads = dict(heads)
        self.gone = dict(gone)

    def references(self) -> list[tuple[str, ObjectId]]:
        """Return the references, ascending by name."""
        gone = [(f"gone/{actor.hex()}", step) for actor, step in sorted(self.gone.items())]
        return gone + [(f"heads/{actor.hex()}", step) for actor, step in sorted(self.heads.items())]


def apply_record(world: World, record: Record) -> None:
    """Apply a record to the world before it; the heads of the agent and the kernel actor are not in it."""
    heads = world.heads
    for move in record.heads:
        heads[move.actor] = move.after
    for actor in record.gone:
        world.gone[actor] = heads.pop(actor)


def take_back(world: World, record: Record) -> None:
    """Return to the world before a record."""
    for actor in record.gone:
        world.heads[actor] = world.gone.pop(actor)
    for move in record.heads:
        if move.before is None:
            del world.heads[move.actor]
        else:
            world.heads[move.actor] = move.before


def fold(records: Iterable[Record]) -> World:
    """Return the world that records give from operation 0 on, without the heads of the agent and the kernel actor."""
    world = World({}, {})
    for record in records:
        apply_record(world, record)
    return world


def world_root(world: World, format_: Format) -> ObjectId:
    """Return the root of a world: the id of a text blob that lists its references."""
    text = "".join([f"{name} {target.hex()}\n" for name, target in world.references()])
    limits = Limits(object_bytes=2 * len(text) + 1_024)
    return format_.object_id(format_.encode(text_blob(text), limits))
