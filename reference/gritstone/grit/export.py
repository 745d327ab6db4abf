"""The writer of bundles: accepts a snapshot and names, and yields the bytes in pieces.

Memory: the ids of the frames and one object at a time.

Spec: :rule:`grit.bundle.bytes`, :rule:`grit.bundle.deterministic`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from gritstone.errors import Missing
from gritstone.grit.formats import Format
from gritstone.grit.objects import ObjectId
from gritstone.grit.snapshot import Snapshot

__all__ = [
    "BUNDLE_LINE",
    "export_bundle",
    "export_references",
    "frame_of",
    "pieces",
    "sealed",
    "write_end",
    "write_head",
]

BUNDLE_LINE = b"gritstone bundle 1\n"

_PIECE_BYTES = 1 << 16


def write_head(format_: Format, references: Iterable[tuple[str, ObjectId]]) -> bytes:
    """Return the bytes before the first frame; ``references`` must be in ascending order of name."""
    lines = [f"ref {name} {target.hex()}\n" for name, target in references]
    return BUNDLE_LINE + f"format {format_.name}\n{''.join(lines)}\n".encode("ascii")


def frame_of(object_id: ObjectId, data: bytes | None) -> bytes:
    """Return one frame: an object, or a tombstone if ``data`` is None."""
    if data is None:
        return b"x" + object_id
    return b"o" + len(data).to_bytes(8, "big") + data


def write_end(count: int) -> bytes:
    """Return the end frame without its digest."""
    return b"z" + count.to_bytes(8, "big")


def export_bundle(snapshot: Snapshot, names: Iterable[str] | None = None) -> Iterator[bytes]:
    """Write a bundle of references and everything that is reachable from their targets.

    Args:
        snapshot: what to export; it must stay open until the iterator is exhausted.
        names: which references; None for all. A repeated name counts once.

    Returns:
        The bytes of the bundle, in pieces of any size. The closure is computed before this function returns; objects
        are read when their piece is requested. The last piece ends with the digest.

    Raises:
        Missing: the store has no reference of a name; or an object is absent or corrupt.
        Invalid: an edge leads to an object of a forbidden kind.
        Exhausted: trees are nested deeper than ``tree_depth``.

    Spec: :rule:`grit.bundle.bytes`, :rule:`grit.bundle.deterministic`, :rule:`grit.store.verify`.
    """
    return export_references(snapshot, list(snapshot.references()) if names is None else _find(snapshot, names))


def export_references(snapshot: Snapshot, references: Sequence[tuple[str, ObjectId]]) -> Iterator[bytes]:
    """Write a bundle as ``export_bundle`` does, with references that the store need not have.

    Args:
        snapshot: as in ``export_bundle``.
        references: names with their targets, in ascending order of name.

    Raises:
        Missing, Invalid, Exhausted: as in ``export_bundle``.
    """
    order = sorted(snapshot.closure(target for _, target in references))
    frames = (frame_of(object_id, snapshot.get_unless_erased(object_id)) for object_id in order)
    return sealed(snapshot.format, chain([write_head(snapshot.format, references)], frames, [write_end(len(order))]))


def sealed(format_: Format, parts: Iterable[bytes]) -> Iterator[bytes]:
    """Join the parts of a bundle into larger pieces, and append the digest."""
    hasher = format_.hasher()
    waiting: list[bytes] = []
    size = 0
    for part in parts:
        waiting.append(part)
        size += len(part)
        if size >= _PIECE_BYTES:
            piece = b"".join(waiting)
            hasher.update(piece)
            yield piece
            waiting, size = [], 0
    rest = b"".join(waiting)
    hasher.update(rest)
    yield rest + hasher.digest()


def _find(snapshot: Snapshot, names: Iterable[str]) -> list[tuple[str, ObjectId]]:
    found = []
    for name in sorted(set(names)):
        target = snapshot.target(name)
        if target is None:
            raise Missing("no such reference", rule="grit.bundle.exact", got=ascii(name[:250]))
        found.append((name, target))
    return found


def pieces(parts: Iterable[bytes], size_bytes: int) -> Iterator[bytes]:
    """Split a stream into pieces of ``size_bytes``; the last one may be shorter. An empty stream has no pieces."""
    buffer = bytearray()
    for part in parts:
        buffer += part
        start = 0
        while len(buffer) - start >= size_bytes:
            yield bytes(memoryview(buffer)[start : start + size_bytes])
            start += size_bytes
        del buffer[:start]
    if buffer:
        yield bytes(buffer)
