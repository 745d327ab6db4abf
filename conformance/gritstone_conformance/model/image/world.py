"""Worlds: the references of an image after an operation, and the fold of the journal.

Spec: ``image/world``, ``image/record``; :rule:`image.world.root`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.graph import Tombstone
from gritstone_conformance.model.image.contents import TEXT
from gritstone_conformance.model.image.record import NotRecord, Record, parse_record
from gritstone_conformance.model.refusals import Defect, Refusal, missing
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.values import Blob, Message, Step, Tree

__all__ = [
    "FIRST_RECORD",
    "Entry",
    "World",
    "first_entry",
    "kernel_actor",
    "kernel_chain",
    "read_record",
    "worlds_up_to",
]

FIRST_RECORD: Final = Record(0, 0, outcome="genesis")
"""The record of operation 0."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One operation in the journal: its record, and the steps of R and K."""

    record: Record
    agent_step: bytes
    kernel_step: bytes


@dataclass(slots=True)
class World:
    """The references of an image.

    Attributes:
        heads: actors, R and K included, to their newest steps.
        gone: actors that were destroyed, to their last steps.
    """

    heads: dict[bytes, bytes]
    gone: dict[bytes, bytes]

    @classmethod
    def of(cls, references: dict[str, bytes]) -> World:
        """Return the world that the references of a store show."""
        parts: tuple[dict[bytes, bytes], dict[bytes, bytes]] = ({}, {})
        for number, prefix in enumerate(("heads/", "gone/")):
            for name, target in references.items():
                if name.startswith(prefix):
                    parts[number][bytes.fromhex(name.removeprefix(prefix))] = target
        return cls(*parts)

    def apply(self, record: Record) -> None:
        """Apply the lines of a record; a line ``gone`` of an actor without a head, which is a fault, has no effect."""
        for actor, _, step in record.heads:
            self.heads[actor] = step
        for actor in record.gone:
            if actor in self.heads:
                self.gone[actor] = self.heads.pop(actor)

    def refs(self) -> list[tuple[str, bytes]]:
        """Return the references, ascending by name."""
        heads = [(f"heads/{actor.hex()}", step) for actor, step in self.heads.items()]
        return sorted([*heads, *((f"gone/{actor.hex()}", step) for actor, step in self.gone.items())])

    def root(self, fmt: Format) -> bytes:
        """Return the root: the id of the blob with one line for each reference."""
        lines = "".join(f"{name} {target.hex()}\n" for name, target in self.refs())
        return fmt.hash(fmt.encode(Blob(TEXT, lines.encode())))

    def copy(self) -> World:
        """Return a copy."""
        return World(dict(self.heads), dict(self.gone))


def kernel_actor(fmt: Format) -> bytes:
    """Return the id of the kernel actor, without storing anything. Spec: ``image/actors``."""
    blobs = Blob(TEXT, FIRST_RECORD.encode()), Blob(TEXT, b"external:image-kernel/1")
    op, wit = (fmt.hash(fmt.encode(blob)) for blob in blobs)
    return fmt.hash(fmt.encode(Tree((("op", op), ("wit", wit)))))


def first_entry(shelf: Shelf, agent: bytes, first_step: bytes) -> Entry:
    """Store the steps of operation 0 and return its entry. Spec: :rule:`image.start.made`."""
    op, wit = (shelf.put(Blob(TEXT, data)) for data in (FIRST_RECORD.encode(), b"external:image-kernel/1"))
    kernel = shelf.put(Tree((("op", op), ("wit", wit))))
    genesis = shelf.put(Message(None, (("mt", "genesis"),), kernel))
    before = shelf.step(first_step)
    outbox = shelf.put_mail({kernel: genesis})
    agent_step = shelf.put(Step(first_step, agent, before.inbox, outbox, agent))
    kernel_step = shelf.put(Step(None, kernel, shelf.put_mail({agent: genesis}), None, kernel))
    return Entry(FIRST_RECORD, agent_step, kernel_step)


def read_record(shelf: Shelf, kernel_step: bytes) -> Record:
    """Return the record in the core of a step of K.

    Raises:
        Refusal: the record or the step is absent, erased or corrupt.
        NotRecord: the core has no record.
    """
    target = shelf.names(shelf.step(kernel_step).core).get("op")
    value = None if target is None else shelf.look(target)
    if isinstance(value, Defect):
        raise Refusal([value])
    if isinstance(value, Tombstone):
        raise Refusal([missing("image.log.exact", "the record was erased", "erased")])
    if not isinstance(value, Blob) or value.headers != TEXT:
        raise NotRecord("the core of K has no text blob at op")
    return parse_record(value.data)


def kernel_chain(shelf: Shelf, head: bytes) -> list[bytes]:
    """Return the steps of a chain, first step first."""
    steps = [head]
    while (previous := shelf.step(steps[-1]).previous) is not None:
        steps.append(previous)
    return steps[::-1]


def worlds_up_to(shelf: Shelf, agent: bytes, heads: tuple[bytes, bytes], seq: int) -> World:
    """Return world n by the fold of the records 0 to n.

    Args:
        shelf: objects.
        agent: R.
        heads: the heads of R and K.
        seq: n, at most the number of the newest operation.

    Raises:
        Refusal: a record or a step is absent, erased or corrupt.

    Spec: :rule:`image.world.past`.
    """
    agents, kernels = kernel_chain(shelf, heads[0]), kernel_chain(shelf, heads[1])
    world = World({}, {})
    for step in kernels[: seq + 1]:
        world.apply(read_record(shelf, step))
    world.heads[agent] = agents[seq + 1]
    world.heads[shelf.step(kernels[seq]).actor] = kernels[seq]
    return world
