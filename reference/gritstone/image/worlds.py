"""Worlds: the references of an image after each of its operations.

Applying a record moves the heads that it lists; a record can also be taken back, because it lists the heads before,
too. An earlier world is computed from the newest one by taking back the records after it. Only the lines of a record
that move heads are read, and the record is known to be well-formed.

Spec: :ref:`image-world`, :rule:`image.world.root`, :rule:`image.world.past`.
"""

from __future__ import annotations

import re
from binascii import unhexlify
from collections.abc import Iterable, Mapping

from gritstone.grit.formats import Format
from gritstone.grit.limits import Limits
from gritstone.grit.objects import ObjectId
from gritstone.image.texts import text_blob

__all__ = ["World", "apply_record", "fold", "take_back", "world_root"]

_MOVE = re.compile(rb"\nhead (\w{64}) (-|\w{64}) (\w{64})")
_GONE = re.compile(rb"\ngone (\w{64})")


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


def apply_record(world: World, data: bytes) -> None:
    """Apply a record to the world before it; the heads of the agent and the kernel actor are not in it."""
    heads = world.heads
    for actor, _, after in _MOVE.findall(data):
        heads[unhexlify(actor)] = unhexlify(after)
    for digits in _GONE.findall(data):
        actor = unhexlify(digits)
        world.gone[actor] = heads.pop(actor)


def take_back(world: World, data: bytes) -> None:
    """Return to the world before a record."""
    heads = world.heads
    for digits in _GONE.findall(data):
        actor = unhexlify(digits)
        heads[actor] = world.gone.pop(actor)
    for actor, before, _ in _MOVE.findall(data):
        if before == b"-":
            del heads[unhexlify(actor)]
        else:
            heads[unhexlify(actor)] = unhexlify(before)


def fold(records: Iterable[bytes]) -> World:
    """Return the world that records give from operation 0 on, without the heads of the agent and the kernel actor."""
    world = World({}, {})
    for data in records:
        apply_record(world, data)
    return world


def world_root(world: World, format_: Format) -> ObjectId:
    """Return the root of a world: the id of a text blob that lists its references."""
    text = "".join([f"{name} {target.hex()}\n" for name, target in world.references()])
    limits = Limits(object_bytes=2 * len(text) + 1_024)
    return format_.object_id(format_.encode(text_blob(text), limits))
