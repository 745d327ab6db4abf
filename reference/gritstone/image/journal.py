"""The journal: the chain of the kernel actor, whose steps have the records of all operations.

Step k of the kernel actor has record k, and step k + 1 of the agent sent it. A chain is walked from its newest step;
every 256th step is remembered, so that a page of old records costs a page.

Spec: :ref:`image-record`, :ref:`image-past`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gritstone.errors import InternalError, Missing
from gritstone.grit.objects import Blob, ObjectId
from gritstone.image.record import Record, decode_record
from gritstone.wit.objects import Objects
from gritstone.wit.position import Position, load_position

__all__ = ["Entry", "Journal", "previous_position"]

_STRIDE = 256


@dataclass(frozen=True, slots=True)
class Entry:
    """One operation in the journal.

    Attributes:
        seq: its number.
        kernel: the step of the kernel actor.
        agent: the step of the agent that sent the record.
    """

    seq: int
    kernel: Position
    agent: Position
    _objects: Objects

    @property
    def data(self) -> bytes:
        """Return the record as bytes.

        Raises:
            Missing: it is absent, erased (code ``erased``) or damaged (code ``corrupt``).
        """
        blob = self._objects.load(self.kernel.core["op"])
        if not isinstance(blob, Blob):
            raise Missing("the record is not a blob", rule="image.log.exact", code="corrupt", got=str(self.seq))
        return blob.data

    @property
    def record(self) -> Record:
        """Return the record.

        Raises:
            Missing: as ``data``.
        """
        return decode_record(self.data)

    @property
    def readable(self) -> Record | None:
        """Return the record; None if it is absent, erased or damaged."""
        try:
            return self.record
        except Missing:
            return None


def previous_position(objects: Objects, position: Position) -> Position:
    """Return the position before one that is not the first.

    Raises:
        Missing: an object is absent.
    """
    previous = position.step.previous
    if previous is None:
        raise InternalError("a chain of an image ends too early")
    return load_position(objects, previous, position.step.actor)


class Journal:
    """The records of an image, from the newest one back."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._kept: dict[int, tuple[ObjectId, ObjectId]] = {}

    def forget(self) -> None:
        """Drop what is remembered, because the chains are others."""
        self._kept.clear()

    def back(self, kernel: Position, agent: Position, newest: int) -> Iterator[Entry]:
        """Yield the operations from the newest one back to 0.

        Args:
            kernel: the head of the kernel actor.
            agent: the head of the agent.
            newest: the number of the newest operation.

        Raises:
            Missing: a step is absent.
        """
        for seq in range(newest, -1, -1):
            if seq < newest:
                kernel, agent = (previous_position(self._objects, one) for one in (kernel, agent))
            yield self._entry(seq, kernel, agent)

    def from_seq(self, kernel: Position, agent: Position, newest: int, seq: int) -> Iterator[Entry]:
        """Yield the operations from the number ``seq`` back to 0, as ``back`` does for the newest one."""
        known = min((one for one in self._kept if seq <= one <= newest), default=None)
        if known is not None:
            steps = self._kept[known]
            kernel = load_position(self._objects, steps[0], kernel.step.actor)
            agent = load_position(self._objects, steps[1], agent.step.actor)
            newest = known
        for number in range(newest, seq, -1):
            self._keep(number, kernel, agent)
            kernel, agent = (previous_position(self._objects, one) for one in (kernel, agent))
        yield from self.back(kernel, agent, seq)

    def page(self, kernel: Position, agent: Position, newest: int, first: int, limit: int) -> Sequence[Entry]:
        """Return the operations from a number on, ascending, at most ``limit`` of them."""
        last = min(newest, first + limit - 1)
        found: list[Entry] = []
        if first > last:
            return found
        for entry in self.from_seq(kernel, agent, newest, last):
            found.append(entry)
            if len(found) > last - first:
                break
        found.reverse()
        return found

    def _keep(self, seq: int, kernel: Position, agent: Position) -> None:
        if seq % _STRIDE == 0:
            self._kept[seq] = kernel.step_id, agent.step_id

    def _entry(self, seq: int, kernel: Position, agent: Position) -> Entry:
        self._keep(seq, kernel, agent)
        return Entry(seq, kernel, agent, self._objects)
