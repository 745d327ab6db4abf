"""Reading bundles: bytes in, verified frames out, without I/O.

::

    state     next byte or line                     then
    FORMAT    "gritstone bundle 1" "format f"       REFS
    REFS      "ref name hex"                        REFS
    REFS      empty line                            FRAMES
    FRAMES    o length object                       FRAMES
    FRAMES    x id                                  FRAMES
    FRAMES    z count digest                        DONE

A ``BundleReader`` is fed with pieces of any size and gives the frames that they complete; ``finish`` then
says whether the whole was a bundle. Nothing is trusted until ``finish`` has returned. It judges everything
that can be known from the bundle alone: spelling, order, objects, edges, kinds, nesting, count, digest.

Memory: what ``framegraph`` keeps for each frame, and one object.

Spec: :rule:`grit.bundle.exact`, :rule:`grit.bundle.verify`, :rule:`grit.bundle.truncated`.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from gritstone.errors import Invalid, Malformed, Rejected
from gritstone.grit.export import BUNDLE_LINE
from gritstone.grit.formats import Format
from gritstone.grit.framegraph import FrameGraph
from gritstone.grit.limits import Limits
from gritstone.grit.objects import ZERO_ID, Object, ObjectId
from gritstone.grit.references import check_name

__all__ = ["BundleReader", "Frame", "object_frames"]

_MAX_LINE_BYTES = 304
_FORMAT_LINE = re.compile(rb"format ([a-z][a-z0-9-]{0,31})")
_REF_LINE = re.compile(rb"ref ([!-~]{1,233}) ([0-9a-f]{64})")
_END_BYTES = 1 + 8 + 32


@dataclass(frozen=True, slots=True)
class Frame:
    """Carry one frame.

    Attributes:
        object_id: its id.
        offset: where the encoding (for a tombstone: what follows the frame) begins, in bytes of the bundle.
        data: the encoding; None for a tombstone.
        value: the object; None for a tombstone.
    """

    object_id: ObjectId
    offset: int
    data: bytes | None
    value: Object | None


class _State(enum.Enum):
    FORMAT = enum.auto()
    REFS = enum.auto()
    FRAMES = enum.auto()
    DONE = enum.auto()


class BundleReader:
    """Read one bundle of one format, piece by piece.

    Attributes:
        references: names and targets, in the order of the bundle; complete once a frame was given.
        graph: what is known of the frames so far.
    """

    def __init__(self, format_: Format, limits: Limits) -> None:
        self.references: list[tuple[str, ObjectId]] = []
        self._format = format_
        self._limits = limits
        self._state = _State.FORMAT
        self._buffer = bytearray()
        self._offset = 0  # of the buffer in the bundle
        self._hasher = format_.hasher()
        self._last = ZERO_ID
        self.graph = FrameGraph(limits.tree_depth)

    def feed(self, piece: bytes) -> Iterator[Frame]:
        """Take the next piece and give the frames that it completes. The iterator must be exhausted.

        Raises:
            Malformed: the bytes cannot be split into lines and frames, or an object is malformed.
            Invalid: something is out of order, repeated, not an encoding, or does not fit together.
            Exhausted: a frame is longer than ``object_bytes``, or trees are nested too deep.
            Rejected: the bundle has another format (code ``format``).
        """
        self._buffer += piece
        while self._state in (_State.FORMAT, _State.REFS):
            line = self._take_line()
            if line is None:
                return
            self._read_line(line)
        while self._state is _State.FRAMES:
            frame = self._read_frame()
            if frame is None:  # the piece is used up, or that was the end
                break
            yield frame
        if self._state is _State.DONE and self._buffer:
            raise Malformed("bytes after the end", rule="grit.bundle.truncated", offset=self._offset)

    def finish(self) -> None:
        """Judge the whole, once all pieces were fed.

        Raises:
            Malformed: the bundle is cut short.
            Invalid: the frames are not exactly the closure of the references, or of kinds that are not allowed.
        """
        if self._state is not _State.DONE:
            raise Malformed(
                "the bundle is cut short",
                rule="grit.bundle.truncated",
                offset=self._offset + len(self._buffer),
            )

    # --- lines -----------------------------------------------------------------------------------------

    def _take_line(self) -> bytes | None:
        end = self._buffer.find(b"\n", 0, _MAX_LINE_BYTES)
        if end < 0:
            if len(self._buffer) >= _MAX_LINE_BYTES:
                raise Malformed("a line too long", rule="grit.bundle.bytes", offset=self._offset)
            return None
        return self._take(end + 1)[:-1]

    def _take(self, size_bytes: int) -> bytes:
        taken = bytes(memoryview(self._buffer)[:size_bytes])
        del self._buffer[:size_bytes]
        self._offset += size_bytes
        self._hasher.update(taken)
        return taken

    def _read_line(self, line: bytes) -> None:
        if self._offset == len(line) + 1:
            if line + b"\n" != BUNDLE_LINE:
                raise Malformed("no bundle", rule="grit.bundle.bytes", offset=0, got=line[:40])
        elif self._state is _State.FORMAT:
            self._read_format(line)
        elif line:
            self._read_reference(line)
        else:
            self._state = _State.FRAMES

    def _read_format(self, line: bytes) -> None:
        match = _FORMAT_LINE.fullmatch(line)
        if match is None:
            raise Malformed("no format line", rule="grit.bundle.bytes", offset=self._offset, got=line[:40])
        name = match[1].decode()
        if name != self._format.name:
            raise Rejected(
                "the bundle has another format",
                rule="grit.bundle.format",
                code="format",
                got=name,
                expected=self._format.name,
            )
        self._state = _State.REFS

    def _read_reference(self, line: bytes) -> None:
        match = _REF_LINE.fullmatch(line)
        if match is None:
            raise Malformed("no reference line", rule="grit.bundle.bytes", offset=self._offset, got=line)
        name, target = match[1].decode("ascii"), bytes.fromhex(match[2].decode())
        check_name(name)
        if self.references and name <= self.references[-1][0]:
            raise Invalid("references out of order", rule="grit.bundle.deterministic", got=name)
        self.references.append((name, target))
        self.graph.add_reference(name, target)

    # --- frames ----------------------------------------------------------------------------------------

    def _read_frame(self) -> Frame | None:
        buffer = self._buffer
        if not buffer:
            return None
        match buffer[0]:
            case 0x6F:
                return self._read_object()
            case 0x78:
                return self._read_tombstone()
            case 0x7A:
                self._read_end()
                return None
            case other:
                raise Malformed("no frame", rule="grit.bundle.bytes", offset=self._offset, got=f"{other:02x}")

    def _read_object(self) -> Frame | None:
        size = int.from_bytes(self._buffer[1:9], "big")
        if len(self._buffer) < 9:
            return None
        if size > self._limits.object_bytes:
            self._limits.check_object_bytes(size)
        if len(self._buffer) < 9 + size:
            return None
        data = self._take(9 + size)[9:]
        value = self._format.decode(data, self._limits)
        object_id = self._ascend(self._format.object_id(data))
        self.graph.add_object(object_id, value)
        return Frame(object_id, self._offset - size, data, value)

    def _read_tombstone(self) -> Frame | None:
        if len(self._buffer) < 33:
            return None
        object_id = self._take(33)[1:]
        if object_id == ZERO_ID:
            raise Invalid("a tombstone of the all-zero id", rule="grit.id.zero", offset=self._offset)
        self.graph.add_tombstone(self._ascend(object_id))
        return Frame(object_id, self._offset, None, None)

    def _ascend(self, object_id: ObjectId) -> ObjectId:
        if object_id <= self._last:
            raise Invalid(
                "frames out of order", rule="grit.bundle.deterministic", offset=self._offset, got=object_id.hex()
            )
        self._last = object_id
        return object_id

    def _read_end(self) -> None:
        if len(self._buffer) < _END_BYTES:
            return
        count = int.from_bytes(self._take(9)[1:], "big")
        expected = self._hasher.digest()
        digest = self._take(32)
        if digest != expected:
            raise Invalid(
                "the digest is wrong",
                rule="grit.bundle.verify",
                code="digest",
                got=digest.hex(),
                expected=expected.hex(),
            )
        frames = len(self.graph.object_ids) + len(self.graph.tombstones)
        if count != frames:
            raise Invalid("the count is wrong", rule="grit.bundle.exact", got=count, expected=frames)
        self.graph.check()
        self._state = _State.DONE


def object_frames(source: BinaryIO, limits: Limits) -> Iterator[bytes]:
    """Find the object frames of a bundle that was verified before, without judging it again.

    Args:
        source: at the first byte of the bundle.
        limits: bounds what is read at once, should the source have changed.

    Yields:
        The encodings.
    """
    while source.readline(_MAX_LINE_BYTES) not in (b"\n", b""):
        pass
    while (mark := source.read(1)) in (b"o", b"x"):
        if mark == b"x":
            source.read(32)
            continue
        size = int.from_bytes(source.read(8), "big")
        limits.check_object_bytes(size)
        yield source.read(size)
