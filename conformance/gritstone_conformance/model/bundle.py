"""Bundles: which bytes an export is, and every condition that invalid bytes violate.

Writing is a generator of chunks, so that a bundle of any size can be made without holding it. Reading follows the
table of the chapter; it keeps the frames' places, not their bytes, so it reads a memory-mapped file as it reads bytes.

Invariant: ``write(b.format, b.references, b.frames())`` gives back the bytes that :func:`read` accepted as ``b``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from mmap import mmap
from pathlib import Path
from typing import Final, TypeAlias

from gritstone_conformance.model.formats import FORMATS, FRAMED_SHA256, Format
from gritstone_conformance.model.frame_index import Places, Shapes, check_closed, held_frames, index_frames
from gritstone_conformance.model.framed import decode_in_any_order
from gritstone_conformance.model.grammar import check_reference
from gritstone_conformance.model.graph import TOMBSTONE, Tombstone, check_target, close, is_closure
from gritstone_conformance.model.refusals import Defect, Refusal, exhausted, invalid, malformed, missing, rejected
from gritstone_conformance.model.spreading import Spread, in_turn
from gritstone_conformance.model.values import ZERO, Blob, Object, Step

__all__ = ["MOST_HELD", "Bundle", "Frames", "pieces", "read", "scan", "write", "write_file"]

Frames: TypeAlias = Iterable[tuple[bytes, bytes | None]]
"""Ids with their encodings, or with None for a tombstone, in ascending order of id."""

_MAGIC: Final = b"gritstone bundle 1\n"
_FORMAT_LINE: Final = re.compile(rb"format ([a-z][a-z0-9-]{0,31})\n")
_REFERENCE_LINE: Final = re.compile(rb"ref ([\x21-\x7e]{1,233}) ([0-9a-f]{64})\n")
_LONGEST_LINE: Final = 303
_END_BYTES: Final = 1 + 8 + 32
_SHELL: Final = Blob((), b"")
MOST_HELD: Final = 50_000  # frames of a bundle whose objects are held in memory


def pieces(fmt: Format, references: Mapping[str, bytes], frames: Frames) -> Iterator[bytes]:
    """Yield a bundle chunk by chunk, for frames that are in order and closed.

    Spec: :rule:`grit.bundle.bytes`.
    """
    hasher, count = fmt.hasher(), 0
    lines = [f"ref {name} {target.hex()}\n" for name, target in sorted(references.items())]
    chunk = _MAGIC + f"format {fmt.name}\n{''.join(lines)}\n".encode()
    hasher.update(chunk)
    yield chunk
    for identity, encoding in frames:
        count += 1
        chunk = b"x" + identity if encoding is None else b"o" + len(encoding).to_bytes(8) + encoding
        hasher.update(chunk)
        yield chunk
    chunk = b"z" + count.to_bytes(8)
    hasher.update(chunk)
    yield chunk + hasher.digest()


def write(fmt: Format, references: Mapping[str, bytes], frames: Mapping[bytes, bytes | None]) -> bytes:
    """Return the bundle of references and frames, whose order does not matter."""
    return b"".join(pieces(fmt, references, sorted(frames.items())))


def write_file(path: str | Path, fmt: Format, references: Mapping[str, bytes], frames: Frames) -> int:
    """Write a bundle to a file and return its size in bytes; frames come in ascending order of id."""
    with Path(path).open("wb", buffering=1 << 20) as file:
        return sum(file.write(chunk) for chunk in pieces(fmt, references, frames))


@dataclass(slots=True)
class Bundle:
    """A bundle as it was read, right or wrong.

    Attributes:
        format: its object format; None if the name is unknown.
        references: names to targets.
        places: ids of frames to where the encoding lies in the bytes, None for a tombstone; in order.
        shapes: the decoded objects; of blobs only that they are blobs.
        defects: every condition that holds of it.
        readable: whether the frames could be followed to the end.
        unordered: of a lenient reading, the objects whose maps are not in canonical order, each with its first defect.
        lenient: whether such objects are read.
        actors: the actors of its steps.
    """

    data: bytes | mmap
    format: Format | None = None
    references: dict[str, bytes] = field(default_factory=dict)
    places: Mapping[bytes, tuple[int, int] | None] = field(default_factory=dict)
    shapes: Mapping[bytes, Object | Tombstone] = field(default_factory=dict)
    defects: list[Defect] = field(default_factory=list)
    readable: bool = False
    unordered: dict[bytes, Defect] = field(default_factory=dict)
    lenient: bool = False
    actors: set[bytes] = field(default_factory=set)

    def encoding(self, identity: bytes) -> bytes | None:
        """Return the encoding of a frame; None for a tombstone."""
        place = self.places[identity]
        return None if place is None else self.data[place[0] : place[1]]

    def value_of(self, encoding: bytes) -> tuple[Object, tuple[Defect, ...]]:
        """Decode an encoding as this bundle is read; the defects are those of order that a lenient reading allows."""
        assert self.format is not None
        if self.lenient and self.format is FRAMED_SHA256:
            return decode_in_any_order(encoding)
        return self.format.decode(encoding), ()

    def frames(self) -> dict[bytes, bytes | None]:
        """Return ids with their encodings; None for a tombstone."""
        return {identity: self.encoding(identity) for identity in self.places}

    @property
    def is_large(self) -> bool:
        """Whether its objects are not held in memory, but decoded when they are asked for."""
        return isinstance(self.shapes, Shapes)

    @property
    def objects(self) -> int:
        """The number of its object frames."""
        if isinstance(self.places, Places):
            return self.places.objects
        return sum(place is not None for place in self.places.values())


def read(
    data: bytes | mmap, fmt: Format | None = None, *, object_bytes: int | None = None, tree_depth: int | None = None
) -> Bundle:
    """Read a bundle strictly.

    Args:
        data: all its bytes.
        fmt: the format it must have; None: any.
        object_bytes: the limit on one encoding.
        tree_depth: the limit on nesting.

    Raises:
        Refusal: with a defect for every condition that holds.
    """
    bundle = scan(data, fmt, object_bytes=object_bytes, tree_depth=tree_depth)
    if bundle.defects:
        raise Refusal(bundle.defects)
    return bundle


def scan(
    data: bytes | mmap,
    fmt: Format | None = None,
    *,
    object_bytes: int | None = None,
    tree_depth: int | None = None,
    lenient: bool = False,
    spread: Spread = in_turn,
) -> Bundle:
    """Read a bundle as far as it can be read, keeping its defects with it.

    A lenient reading keeps objects of ``framed-sha256`` whose maps are not in canonical order apart from the defects.

    Args:
        data: all its bytes.
        fmt: the format it must have; None: any.
        object_bytes: the limit on one encoding.
        tree_depth: the limit on nesting.
        lenient: whether maps in any order are read.
        spread: spreads the reading of a bundle with more than ``MOST_HELD`` frames.
    """
    bundle = Bundle(data, lenient=lenient)
    at = _read_lines(bundle)
    if at < 0:
        return bundle
    foreign = bundle.format is None or (fmt is not None and bundle.format.name != fmt.name)
    if foreign:
        bundle.defects.append(rejected("grit.bundle.format", "the bundle has a different format", "format"))
    is_bound = object_bytes is not None or tree_depth is not None
    if at and not is_bound and not bundle.defects:
        read_all = _hold if _count(data) <= MOST_HELD else partial(_index, spread=spread)
        if read_all(bundle, at) and _has_digest(bundle):
            bundle.readable = True
            return bundle
    if at:
        bundle.readable = _read_frames(bundle, at, object_bytes)
    if not foreign:
        _check_digest(bundle)
    if bundle.format is not None and bundle.readable:
        _check_graph(bundle, tree_depth)
    return bundle


def _count(data: bytes | mmap) -> int:
    """Return the number of frames that the end of a bundle claims."""
    return int.from_bytes(data[-_END_BYTES:][1:9])


def _hold(bundle: Bundle, at: int) -> bool:
    """Read the frames of a bundle and hold their objects; return whether there was no defect."""
    assert bundle.format is not None
    held = held_frames(bundle.data, bundle.format, at)
    if held is None or not is_closure(bundle.references.values(), held.shapes):
        return False
    bundle.places, bundle.shapes, bundle.actors = held.places, held.shapes, held.actors
    return _are_targets(bundle)


def _index(bundle: Bundle, at: int, spread: Spread) -> bool:
    """Read the frames of a bundle without holding their objects; return whether there was no defect."""
    assert bundle.format is not None
    index = index_frames(bundle.data, bundle.format, at)
    actors = None if index is None else check_closed(index, list(bundle.references.values()), spread)
    if index is None or actors is None:
        return False
    bundle.places, bundle.shapes, bundle.actors = Places(index), Shapes(index), actors
    return _are_targets(bundle)


def _are_targets(bundle: Bundle) -> bool:
    """Return whether each reference has a target of the right kind."""
    return not any(check_target(name, bundle.shapes[target]) for name, target in bundle.references.items())


def _read_lines(bundle: Bundle) -> int:
    """Read the lines; return the offset of the first frame, 0 where a reference line cannot be read, -1 before it."""
    data = bundle.data
    match = _FORMAT_LINE.match(data, len(_MAGIC)) if data[: len(_MAGIC)] == _MAGIC else None
    if match is None:
        bundle.defects.append(malformed("grit.bundle.conditions", "the first two lines are not those of a bundle"))
        return -1
    bundle.format = FORMATS.get(match[1].decode())
    at = match.end()
    while data[at : at + 1] != b"\n":
        line = _REFERENCE_LINE.match(data, at, at + _LONGEST_LINE)
        if line is None:
            rule = "grit.bundle.truncated" if len(data) - at < _LONGEST_LINE else "grit.bundle.conditions"
            bundle.defects.append(malformed(rule, f"no reference line at {at}"))
            return 0
        _note_reference(bundle, line[1].decode(), bytes.fromhex(line[2].decode()))
        at = line.end()
    return at + 1


def _note_reference(bundle: Bundle, name: str, target: bytes) -> None:
    bundle.defects += check_reference(name)
    if bundle.references and name <= next(reversed(bundle.references)):
        bundle.defects.append(invalid("grit.bundle.exact", f"the reference {name} is a duplicate or out of order"))
    bundle.references.pop(name, None)
    bundle.references[name] = target


def _read_frames(bundle: Bundle, at: int, object_bytes: int | None) -> bool:
    """Read frames and end; return whether the bytes could be followed to the end."""
    data, count, last = bundle.data, 0, b""
    places: dict[bytes, tuple[int, int] | None] = {}
    shapes: dict[bytes, Object | Tombstone] = {}
    bundle.places, bundle.shapes = places, shapes
    while (mark := bytes(data[at : at + 1])) in (b"o", b"x"):
        place = _place(bundle, mark, at, object_bytes)
        if place is None:
            return False
        identity = _identity(bundle, mark, place, last)
        if bundle.format is not None:
            places[identity] = None if mark == b"x" else place
            value = TOMBSTONE if mark == b"x" else _value(bundle, identity, place)
            if value is not None:
                shapes[identity] = value
        last = identity
        count, at = count + 1, place[1]
    if mark != b"z" or len(data) - at < _END_BYTES:
        ended = mark in (b"", b"z")
        words = "the bytes end before the end" if ended else f"no frame begins with {mark!r}, at {at}"
        bundle.defects.append(malformed("grit.bundle.truncated" if ended else "grit.bundle.conditions", words))
        return False
    if len(data) - at > _END_BYTES:
        bundle.defects.append(malformed("grit.bundle.truncated", "bytes follow the end"))
    if int.from_bytes(data[at + 1 : at + 9]) != count:
        bundle.defects.append(invalid("grit.bundle.exact", f"the count is not {count}"))
    return True


def _place(bundle: Bundle, mark: bytes, at: int, object_bytes: int | None) -> tuple[int, int] | None:
    """Return where a frame's encoding or id lies, or None, with the defects noted, where it cannot be followed."""
    defects: list[Defect] = []
    start, length = at + 1, 32
    if mark == b"o":
        start, length = at + 9, int.from_bytes(bundle.data[at + 1 : at + 9])
        if start <= len(bundle.data) and object_bytes is not None and length > object_bytes:
            defects.append(exhausted("grit.object.size-limit", f"an object of {length} bytes at {at}"))
    if start + length > len(bundle.data):
        defects.append(malformed("grit.bundle.truncated", f"the bytes end within the frame at {at}"))
    bundle.defects += defects
    return None if defects else (start, start + length)


def _identity(bundle: Bundle, mark: bytes, place: tuple[int, int], last: bytes) -> bytes:
    """Return the id of a frame, with its defects noted; that of the last one if the format is unknown."""
    if bundle.format is None:
        return last
    start, end = place
    content = bytes(bundle.data[start:end])
    identity = content if mark == b"x" else bundle.format.hash(content)
    if identity == ZERO:
        bundle.defects.append(invalid("grit.id.zero", f"a tombstone is all zero, at {start}"))
    if identity <= last:
        bundle.defects.append(invalid("grit.bundle.exact", f"the frame {identity.hex()} is duplicate or unsorted"))
    return identity


def _value(bundle: Bundle, identity: bytes, place: tuple[int, int]) -> Object | None:
    """Return the object of a frame, with its defects noted; of a blob only that it is one; None if it is invalid."""
    try:
        value, out_of_order = bundle.value_of(bytes(bundle.data[place[0] : place[1]]))
    except Refusal as refusal:
        bundle.defects += refusal.defects
        return None
    if out_of_order:
        bundle.unordered[identity] = out_of_order[0]
    if isinstance(value, Step):
        bundle.actors.add(value.actor)
    return _SHELL if isinstance(value, Blob) else value


def _check_digest(bundle: Bundle) -> None:
    if not _has_digest(bundle):
        bundle.defects.append(invalid("grit.bundle.verify", "the digest does not match the bundle", "digest"))


def _has_digest(bundle: Bundle) -> bool:
    """Return whether a bundle ends with its digest."""
    assert bundle.format is not None
    hasher = bundle.format.hasher()
    with memoryview(bundle.data) as view:
        end = max(len(view) - 32, 0)
        for at in range(0, end, 1 << 20):
            with view[at : min(at + (1 << 20), end)] as part:
                hasher.update(part)
    return bytes(hasher.digest()) == bundle.data[end:]


def _check_graph(bundle: Bundle, tree_depth: int | None) -> None:
    """Note where the frames are not exactly the closure of the targets, with the kinds that the places want."""

    def look(identity: bytes) -> Object | Tombstone | Defect:
        if identity in bundle.shapes:
            return bundle.shapes[identity]
        words = "is not decodable" if identity in bundle.places else "is no frame"
        return missing("grit.bundle.exact", f"{identity.hex()} {words}")

    for name, target in bundle.references.items():
        value = bundle.shapes.get(target)
        problem = None if value is None else check_target(name, value)
        if problem:
            bundle.defects.append(invalid("grit.ref.target", problem))
    closure = close(bundle.references.values(), look, tree_depth)
    for defect in closure.defects:
        lacking = defect.kind == "missing"
        bundle.defects.append(invalid(defect.rule, defect.words) if lacking else defect)
    outside = [identity for identity in bundle.shapes if identity not in closure.found]
    if outside:
        bundle.defects.append(invalid("grit.bundle.exact", f"no reference reaches {outside[0].hex()}"))
