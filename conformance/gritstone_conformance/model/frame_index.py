"""The frames of a large bundle: where each lies, decoded when it is asked for.

A bundle of few frames is decoded once and kept. For a larger one this module keeps 17 bytes per frame in memory, and
the ids in a temporary file. It accepts only bundles without a defect: for any other, :func:`index_frames` or
:func:`check_closed` returns None, and the reader that names defects reads the bundle again.

Invariant: what is accepted here has no defect for that reader.

Spec: ``grit/bundles``.
"""

from __future__ import annotations

import mmap
import tempfile
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.graph import TOMBSTONE, Tombstone, leads
from gritstone_conformance.model.refusals import Refusal
from gritstone_conformance.model.spreading import Spread
from gritstone_conformance.model.values import KINDS, ZERO, Blob, Object, Step, kind_of

__all__ = ["FrameIndex", "Graph", "Held", "Places", "Shapes", "check_closed", "held_frames", "index_frames"]

_OBJECT: Final = ord("o")
_TOMBSTONE: Final = ord("x")
_END: Final = ord("z")
_END_BYTES: Final = 1 + 8 + 32
_SHELL: Final = Blob((), b"")
_ID: Final = 32
_BITS: Final = {kind: 1 << number for number, kind in enumerate(KINDS)}
_UNREACHED: Final = 0x80
_PARTS: Final = 8  # in which the frames are checked


class FrameIndex:
    """Where the encoding of each frame lies; frames are numbered in the order of their ids.

    Args:
        data: the bytes of the bundle.
        fmt: the format of the objects.
        at: where the frames begin.

    Attributes:
        data: the bytes of the bundle.
        format: the format of the objects.
    """

    def __init__(self, data: bytes | mmap.mmap, fmt: Format, at: int) -> None:
        self.data = data
        self.format = fmt
        self._starts = array("Q")
        self._prefixes = array("Q")
        self._erased = bytearray()
        with tempfile.TemporaryFile() as file:
            for identity, start, stop in _walk(data, fmt, at):
                file.write(identity)
                self._prefixes.append(int.from_bytes(identity[:8]))
                self._starts.append(start)
                self._erased.append(not stop)
            file.flush()
            self._ids = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if self._starts else b""

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self._starts)

    @property
    def objects(self) -> int:
        """How many of the frames are objects."""
        return self._erased.count(False)

    def identity(self, number: int) -> bytes:
        """Return the id of a frame."""
        return self._ids[number * _ID : (number + 1) * _ID]

    def number(self, identity: bytes) -> int | None:
        """Return the number of the frame with an id, or None."""
        ids = self._ids
        at = bisect_left(self._prefixes, int.from_bytes(identity[:8]))
        while at < len(self._starts):
            found = ids[at * _ID : (at + 1) * _ID]
            if found >= identity:
                return at if found == identity else None
            at += 1
        return None

    def place(self, number: int) -> tuple[int, int] | None:
        """Return where the encoding of a frame begins and ends; None for a tombstone."""
        start = self._starts[number]
        return None if self._erased[number] else (start, start + int.from_bytes(self.data[start - 8 : start]))

    def value(self, number: int) -> Object | Tombstone:
        """Decode a frame; raises Refusal."""
        place = self.place(number)
        return TOMBSTONE if place is None else self.format.decode(self.data[place[0] : place[1]])


def _walk(data: bytes | mmap.mmap, fmt: Format, at: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield id, begin and end of each frame from an offset on; a tombstone ends at 0. Raises _Irregular."""
    last, count, end = ZERO, 0, len(data) - _END_BYTES
    while at < end:
        if data[at] == _OBJECT:
            start = at + 9
            at = start + int.from_bytes(data[start - 8 : start])
            identity, stop = fmt.hash(data[start:at]), at
        else:
            start, at = at + 1, at + 1 + _ID
            identity, stop = data[start:at], 0
        if identity <= last or (not stop and data[start - 1] != _TOMBSTONE):
            raise _Irregular
        yield identity, start, stop
        last, count = identity, count + 1
    if at != end or data[at] != _END or int.from_bytes(data[at + 1 : at + 9]) != count:
        raise _Irregular


class _Irregular(Exception):  # noqa: N818 - the reader that names defects finds out
    """The frames have a defect."""


@dataclass(slots=True)
class Held:
    """The frames of a bundle, decoded; the attributes are those of a bundle."""

    places: dict[bytes, tuple[int, int] | None] = field(default_factory=dict)
    shapes: dict[bytes, Object | Tombstone] = field(default_factory=dict)
    actors: set[bytes] = field(default_factory=set)


def held_frames(data: bytes | mmap.mmap, fmt: Format, at: int) -> Held | None:
    """Decode the frames from an offset on; None unless they are in order, without a defect, and followed by the end."""
    held = Held()
    try:
        for identity, start, stop in _walk(data, fmt, at):
            held.places[identity] = (start, stop) if stop else None
            value = fmt.decode(data[start:stop]) if stop else TOMBSTONE
            held.shapes[identity] = _SHELL if isinstance(value, Blob) else value
            if isinstance(value, Step):
                held.actors.add(value.actor)
    except (_Irregular, Refusal):
        return None
    return held


def index_frames(data: bytes | mmap.mmap, fmt: Format, at: int) -> FrameIndex | None:
    """Return the index of the frames from an offset on; None unless they are in order and followed by the end."""
    try:
        index = FrameIndex(data, fmt, at)
    except _Irregular:
        return None
    return index if len(index) else None


@dataclass(slots=True)
class Graph:
    """What the objects of a part of the frames are and lead to.

    Attributes:
        kinds: for each frame of the part, the bit of its kind.
        allowed: for each frame of the bundle, the kinds that all edges to it allow; a further bit if none leads to it.
        actors: the actors of steps.
    """

    kinds: bytes
    allowed: bytes
    actors: set[bytes]


def check_closed(index: FrameIndex, targets: Sequence[bytes], spread: Spread) -> set[bytes] | None:
    """Return the actors of the steps of a bundle; None unless its frames are the closure of targets, of right kinds.

    An object leads only to objects with smaller history, since an id is a hash: so the frames are the closure of the
    targets if each edge leads to a frame, and an edge or a reference to each frame.
    """
    size = -(-len(index) // _PARTS)
    parts = [range(at, min(at + size, len(index))) for at in range(0, len(index), size)]
    kinds, allowed, actors = b"", int.from_bytes(_reached(index, targets)), set[bytes]()
    for graph in spread(partial(_graph, index), parts):
        if graph is None:
            return None
        kinds += graph.kinds
        allowed &= int.from_bytes(graph.allowed)
        actors |= graph.actors
    is_reached = not allowed & int.from_bytes(bytes([_UNREACHED]) * len(index))
    are_allowed = int.from_bytes(kinds) & allowed == int.from_bytes(kinds)
    return actors if is_reached and are_allowed and None not in map(index.number, targets) else None


def _reached(index: FrameIndex, targets: Sequence[bytes]) -> bytearray:
    reached = bytearray([0xFF]) * len(index)
    for number in map(index.number, targets):
        if number is not None:
            reached[number] ^= _UNREACHED if reached[number] & _UNREACHED else 0
    return reached


def _graph(index: FrameIndex, part: range) -> Graph | None:
    """Return what a part of the frames is and leads to; None where an object has a defect or an edge no end."""
    kinds, allowed, actors = bytearray(), bytearray([0xFF]) * len(index), set[bytes]()
    for number in part:
        try:
            value = index.value(number)
        except Refusal:
            return None
        if isinstance(value, Tombstone):
            kinds.append(_BITS["blob"])
            continue
        kinds.append(_BITS[kind_of(value)])
        if isinstance(value, Step):
            actors.add(value.actor)
        for target, wanted in leads(value):
            end = index.number(target)
            if end is None:
                return None
            allowed[end] &= _MASKS[wanted]
    return Graph(bytes(kinds), bytes(allowed), actors)


_MASKS: Final[dict[tuple[str, ...], int]] = {
    wanted: sum(_BITS[kind] for kind in wanted)
    for wanted in (("tree",), ("message",), ("mailbox",), ("step",), ("blob", "tree"))
}


class Shapes(Mapping[bytes, Object | Tombstone]):
    """The objects of an index by id, in order, decoded when they are asked for; of blobs only that they are blobs."""

    def __init__(self, index: FrameIndex) -> None:
        self.index = index

    def __getitem__(self, identity: bytes) -> Object | Tombstone:
        """Return the object of an id."""
        value: Object | Tombstone | None = self.get(identity)
        if value is None:
            raise KeyError(identity)
        return value

    def get(self, identity: bytes, default: Any = None) -> Any:
        """Return the object of an id, or the default."""
        number = self.index.number(identity)
        if number is None:
            return default
        value = self.index.value(number)
        return _SHELL if isinstance(value, Blob) else value

    def __contains__(self, identity: object) -> bool:
        """Return whether an id is that of a frame."""
        return isinstance(identity, bytes) and self.index.number(identity) is not None

    def __iter__(self) -> Iterator[bytes]:
        """Yield the ids, ascending."""
        return map(self.index.identity, range(len(self.index)))

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.index)


class Places(Mapping[bytes, "tuple[int, int] | None"]):
    """Where the encodings of an index lie, by id, in order; None for a tombstone."""

    def __init__(self, index: FrameIndex) -> None:
        self.index = index

    @property
    def objects(self) -> int:
        """How many of the frames are objects."""
        return self.index.objects

    def __getitem__(self, identity: bytes) -> tuple[int, int] | None:
        """Return where the encoding of an id begins and ends."""
        number = self.index.number(identity)
        if number is None:
            raise KeyError(identity)
        return self.index.place(number)

    def __iter__(self) -> Iterator[bytes]:
        """Yield the ids, ascending."""
        return map(self.index.identity, range(len(self.index)))

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.index)
