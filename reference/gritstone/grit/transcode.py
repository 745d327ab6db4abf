"""Transcoding: rewrites a bundle as the same graph in the other format.

Every id that is an edge is replaced by the new id of its target, so objects are rewritten children first. The source is
read once to verify it and to record the offset of each object, and each object a second time to rewrite it. The new
objects are kept in a spool file until their order is known. Memory: a few words for each frame and edge, and one
object.

Spec: :rule:`grit.transcode.shape`, :rule:`grit.transcode.round-trip`, :rule:`grit.transcode.opaque`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from operator import attrgetter
from typing import Any, BinaryIO, TypeAlias

from gritstone.errors import Invalid, Missing
from gritstone.grit.bundle import BundleReader
from gritstone.grit.export import frame_of, sealed, write_end, write_head
from gritstone.grit.formats import Format
from gritstone.grit.limits import Limits
from gritstone.grit.objects import FIELDS, KINDS, Kind, Object, ObjectId, Shape

__all__ = ["transcode"]

_PIECE_BYTES = 1 << 20
_ACTOR_SPACES = frozenset({"heads", "failed", "moved", "adopted", "archived", "closed", "gone"})

_Replace: TypeAlias = Callable[[Any, Mapping[ObjectId, ObjectId]], Any]

_REPLACE: Mapping[Shape, _Replace] = {
    Shape.HEADERS: lambda headers, _: headers,
    Shape.DATA: lambda data, _: data,
    Shape.NAMED_IDS: lambda entries, new: {name: new[target] for name, target in entries.items()},
    Shape.KEYED_IDS: lambda entries, new: {new[key]: new[target] for key, target in entries.items()},
    Shape.LINK: lambda target, new: None if target is None else new[target],
    Shape.ID: lambda target, new: new[target],
}


def transcode(source: BinaryIO, spool: BinaryIO, formats: tuple[Format, Format], limits: Limits) -> Iterator[bytes]:
    """Rewrite a bundle in another format.

    Args:
        source: the bundle from its first byte to its last; it must support ``seek``.
        spool: an empty file to write to and read from; it grows to the size of the result.
        formats: the format of the source, and the new format.
        limits: ``object_bytes`` and ``tree_depth`` apply.

    Yields:
        The bytes of the new bundle, in pieces of any size, after the whole source was verified.

    Raises:
        Malformed: as for import.
        Invalid: as for import; or a text, or the name of a reference, cannot be written in the new format.
        Rejected: the source has another format (code ``format``).
        Missing: the source has a tombstone (code ``erased``).
        Exhausted: as for import; or an object is too long in the new format.

    Spec: :rule:`grit.transcode.shape`, :rule:`grit.transcode.refuse`.
    """
    job = _Transcoding(source, spool, formats, limits)
    job.verify()
    job.rewrite()
    return job.bundle()


class _Transcoding:
    """The state of one transcoding."""

    def __init__(self, source: BinaryIO, spool: BinaryIO, formats: tuple[Format, Format], limits: Limits) -> None:
        self._source = source
        self._begin = source.tell()
        self._spool = spool
        self._old, self._new = formats
        self._limits = limits
        self._reader = BundleReader(self._old, limits, keep_edges=True)
        self._places: dict[ObjectId, tuple[int, int]] = {}  # old id -> offset and size in the source
        self._new_ids: dict[ObjectId, ObjectId] = {}
        self._spooled: dict[ObjectId, tuple[int, int]] = {}  # new id -> offset and size in the spool

    def verify(self) -> None:
        for piece in iter(lambda: self._source.read(_PIECE_BYTES), b""):
            for frame in self._reader.feed(piece):
                self._places[frame.object_id] = (frame.offset, len(frame.data or b""))
        self._reader.finish()
        for object_id in self._reader.graph.tombstones:
            raise Missing(
                "the new id of an erased blob is unknown",
                rule="grit.transcode.refuse",
                code="erased",
                got=object_id.hex(),
            )

    def rewrite(self) -> None:
        """Compute the new id of every object, children first, and write its new encoding to the spool."""
        for object_id in self._reader.graph.children_first():
            value = self._load(object_id)
            data = self._new.encode(_with_new_ids(value, self._new_ids), self._limits)
            new_id = self._new_ids[object_id] = self._new.object_id(data)
            self._spooled[new_id] = (self._spool.tell(), len(data))
            self._spool.write(data)

    def bundle(self) -> Iterator[bytes]:
        references = sorted((self._new_name(name), self._new_ids[target]) for name, target in self._reader.references)
        frames = (frame_of(new_id, self._read_spooled(new_id)) for new_id in sorted(self._spooled))
        return sealed(self._new, chain([write_head(self._new, references)], frames, [write_end(len(self._spooled))]))

    def _read_spooled(self, new_id: ObjectId) -> bytes:
        offset, size = self._spooled[new_id]
        self._spool.seek(offset)
        return self._spool.read(size)

    def _load(self, object_id: ObjectId) -> Object:
        offset, size = self._places[object_id]
        self._source.seek(self._begin + offset)
        return self._old.decode(self._source.read(size), self._limits)

    def _new_name(self, name: str) -> str:
        space, _, rest = name.partition("/")
        if space not in _ACTOR_SPACES or len(rest) != 64 or not set(rest) <= set("0123456789abcdef"):
            return name
        named = bytes.fromhex(rest)
        new_id = self._new_ids.get(named)
        if new_id is not None:
            return f"{space}/{new_id.hex()}"
        if named in self._spooled:
            raise Invalid(
                "the name of a reference has an id that only the new bundle has",
                rule="grit.transcode.round-trip",
                got=name,
            )
        return name


_PLANS: Mapping[Kind, tuple[Callable[..., Object], list[tuple[Callable[[Any], Any], _Replace]]]] = {
    kind: (KINDS[kind], [(attrgetter(field.name), _REPLACE[field.shape]) for field in FIELDS[kind]]) for kind in Kind
}


def _with_new_ids(value: Object, new_ids: Mapping[ObjectId, ObjectId]) -> Object:
    make, plan = _PLANS[value.kind]
    return make(*[replace(get(value), new_ids) for get, replace in plan])
