"""The deadlines of timers: kept in the store, so that a timer goes on while no host runs.

::

    timers/<flow>    -> blob {ct: s} of a line "<packet of the timer> <deadline>" for each open timer, ascending

A deadline is a time of the system's clock in milliseconds since 1970. It is in the update that makes the step which
starts the timer, so no kill comes between the two. A deadline that is further away than the whole time of its timer
was kept by a clock that was wrong, or the clock is wrong now: such a timer begins again.

Within one process an alarm follows a clock that cannot be set, and that counts the time of a suspended machine where
the system has one.

Spec: :rule:`flow.timer.kept`.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping

from gritstone.errors import Refusal
from gritstone.flow.channel import Channel
from gritstone.flow.core import read_document
from gritstone.grit.objects import Blob, ObjectId
from gritstone.grit.references import Change
from gritstone.runtime.world import World
from gritstone.wit.workspace import Workspace

__all__ = ["Alarm", "Deadlines"]

_SPACE = "timers"
_NAME = re.compile(f"{_SPACE}/([0-9a-f]{{64}})")
_LINE = re.compile(r"([0-9a-f]{64}) (0|[1-9][0-9]{0,18})")
_LONGEST_SLEEP_S = 30.0  # until an alarm looks at its clock again; that of the event loop stops in a suspended machine


def _now_ms() -> int:
    """Return the time of the system's clock."""
    return time.time_ns() // 1_000_000


def _elapsed_s() -> float:
    """Return the time of a clock that cannot be set."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)  # counts the time of a suspended machine
    return time.monotonic() if clock is None else time.clock_gettime(clock)


class Alarm:
    """Calls a function once, on the event loop, at a deadline."""

    def __init__(self, deadline_ms: int, ring: Callable[[], None]) -> None:
        """Begin to wait.

        Args:
            deadline_ms: the deadline; one that has passed rings at once.
            ring: the function.
        """
        self._due_s = _elapsed_s() + max(0, deadline_ms - _now_ms()) / 1000
        self._ring = ring
        self._handle = asyncio.get_running_loop().call_soon(self._look)

    def _look(self) -> None:
        left_s = self._due_s - _elapsed_s()
        if left_s <= 0:
            self._ring()
        else:
            self._handle = asyncio.get_running_loop().call_later(min(left_s, _LONGEST_SLEEP_S), self._look)

    def cancel(self) -> None:
        """End it."""
        self._handle.cancel()


class Deadlines:
    """The records of all flows of a store, as they are after the batch of the world."""

    def __init__(self) -> None:
        self._records: dict[ObjectId, tuple[ObjectId, Mapping[ObjectId, int]]] = {}

    def load(self, world: World) -> None:
        """Read the records. Remove those of flows that are neither live nor archived, if the batch has room."""
        self._records = {}
        workspace = Workspace(world.objects)
        with world.store.snapshot() as snapshot:
            for name, target in list(snapshot.references(f"{_SPACE}/")):
                matched = _NAME.fullmatch(name)
                if matched is None:
                    continue
                flow = bytes.fromhex(matched[1])
                actor = world.actors.get(flow)
                is_live = actor is not None and actor.head is not None
                if is_live or snapshot.target(f"archived/{matched[1]}") is not None:
                    self._records[flow] = target, _parse(workspace, target)
                elif _room(world) > 0:
                    world.batch.change(Change(name, target, None))

    def keep(self, world: World, channel: Channel) -> bool:
        """Keep the deadlines of the open timers of a flow, in the batch, and set those of its channel.

        Returns:
            Whether the batch had room; if not, the timers are not measured until another batch has.
        """
        flow = channel.flow
        target, kept = self._records.get(flow, (None, {}))
        found = {one: due for one, due in channel.deadlines.items() if one in channel.open.timers}
        workspace = Workspace(world.objects)
        for letter in channel.letters:
            packet = letter.content_id
            if letter.mt == "flow.timer" and packet in channel.open.timers and packet not in found:
                latest = _now_ms() + _duration_ms(workspace, packet)
                found[packet] = min(kept.get(packet, latest), latest)
        if found != kept or (target is not None and not found):
            if _room(world) <= 0:
                return False
            new = _put(world, found) if found else None
            world.batch.change(Change(f"{_SPACE}/{flow.hex()}", target, new))
            self._records.pop(flow, None)
            if new is not None:
                self._records[flow] = new, found
        channel.deadlines = found
        return True


def _room(world: World) -> int:
    """Return how many references the batch can change for timers."""
    return world.store.limits.cas_names * 3 // 4 - world.batch.names


def _put(world: World, deadlines: Mapping[ObjectId, int]) -> ObjectId:
    """Add a record to the batch; return its id."""
    lines = "".join(f"{packet.hex()} {due}\n" for packet, due in sorted(deadlines.items()))
    store = world.store
    data = store.format.encode(Blob({"ct": "s"}, lines.encode()), store.limits)
    object_id = store.format.object_id(data)
    world.batch.add({object_id: data})
    return object_id


def _parse(workspace: Workspace, target: ObjectId) -> dict[ObjectId, int]:
    """Return the deadlines of a record. What is not of its form is ignored, so these timers begin again."""
    try:
        record = workspace.look(target)
    except Refusal:
        return {}
    if not isinstance(record, Blob):
        return {}
    matches = (_LINE.fullmatch(line) for line in record.data.decode("ascii", "replace").splitlines())
    return {bytes.fromhex(one[1]): int(one[2]) for one in matches if one is not None}


def _duration_ms(workspace: Workspace, packet: ObjectId) -> int:
    """Return the time of a timer; 0 if it was erased in the store."""
    try:
        tree = workspace.tree(packet)
        assert tree is not None, "a packet is a tree"
        duration: int = read_document(workspace, tree.entries["doc"])["ms"]
    except Refusal:
        return 0
    return duration
