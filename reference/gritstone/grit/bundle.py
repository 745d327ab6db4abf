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
from typing import BinaryIO, NamedTuple

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


class Frame(NamedTuple):
    """Carry one frame. A named tuple, since a bundle has many and few live long.

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

    def __init__(self, format_: Format, limits: Limits, *, keep_edges: bool = False) -> None:
        """Begin to read.

        Args:
            format_: the format that the bundle must have.
            limits: ``object_bytes`` and ``tree_depth`` apply.
            keep_edges: see ``FrameGraph``.
        """
        self.references: list[tuple[str, ObjectId]] = []
        self.graph = FrameGraph(limits.tree_depth, keep_edges=keep_edges)
        self._format = format_
        self._limits = limits
        self._state = _State.FORMAT
        self._waiting: list[bytes] = []  # pieces that do not make a whole line or frame yet
        self._waiting_bytes = 0
        self._wanted_bytes = 1  # how many make it worth while to look
        self._buffer = b""
        self._begin = 0  # of the buffer in the bundle
        self._at = 0  # what was read of the buffer
        self._hashed = 0  # what was hashed of the buffer
        self._hasher = format_.hasher()
        self._last = ZERO_ID
        self._count = 0  # as the end gives it
        self._digest = b""  # as the end gives it

    def feed(self, piece: bytes) -> Iterator[Frame]:
        """Take the next piece and give the frames that it completes. The iterator must be exhausted.

        Raises:
            Malformed: the bytes cannot be split into lines and frames, or an object is malformed.
            Invalid: something is out of order, repeated, not an encoding, or does not fit together.
            Exhausted: a frame is longer than ``object_bytes``, or trees are nested too deep.
            Rejected: the bundle has another format (code ``format``).
        """
        self._waiting.append(piece)
        self._waiting_bytes += len(piece)
        if self._waiting_bytes < self._wanted_bytes:
            return
        self._wanted_bytes = 1
        self._buffer = b"".join(self._waiting)
        while self._state in (_State.FORMAT, _State.REFS):
            line = self._take_line()
            if line is None:
                break
            self._read_line(line)
        while self._state is _State.FRAMES:
            frame = self._read_frame()
            if frame is None:  # the piece is used up, or that was the end
                break
            yield frame
        if self._state is _State.DONE and self._at != len(self._buffer):
            raise Malformed("bytes after the end", rule="grit.bundle.truncated", offset=self._offset)
        self._keep_rest()

    def finish(self) -> None:
        """Judge the whole, once all pieces were fed.

        Raises:
            Malformed: the bundle is cut short.
            Invalid: the digest (code ``digest``) or the count is wrong, or something does not fit together.
            Exhausted: trees are nested too deep.
        """
        if self._state is not _State.DONE:
            raise Malformed(
                "the bundle is cut short", rule="grit.bundle.truncated", offset=self._begin + self._waiting_bytes
            )
        # Not before all bytes were seen: if bytes follow, the last 32 of them can be the right digest.
        self._judge_end()

    # --- the buffer ------------------------------------------------------------------------------------

    @property
    def _offset(self) -> int:
        """Tell where the reader stands in the bundle."""
        return self._begin + self._at

    def _hash(self) -> None:
        """Hash what was read."""
        self._hasher.update(memoryview(self._buffer)[self._hashed : self._at])
        self._hashed = self._at

    def _keep_rest(self) -> None:
        self._hash()
        self._waiting = [self._buffer[self._at :]]
        self._waiting_bytes = len(self._waiting[0])
        self._begin += self._at
        self._buffer, self._at, self._hashed = b"", 0, 0

    def _has(self, size_bytes: int) -> bool:
        """Tell whether so many bytes are at hand; if not, they are what is waited for."""
        at_hand = len(self._buffer) - self._at
        if at_hand < size_bytes:
            self._wanted_bytes = size_bytes
        return at_hand >= size_bytes

    def _take(self, size_bytes: int) -> bytes:
        start = self._at
        self._at = start + size_bytes
        return self._buffer[start : self._at]

    # --- lines -----------------------------------------------------------------------------------------

    def _take_line(self) -> bytes | None:
        end = self._buffer.find(b"\n", self._at, self._at + _MAX_LINE_BYTES)
        if end < 0:
            if self._has(_MAX_LINE_BYTES):
                raise Malformed("a line too long", rule="grit.bundle.bytes", offset=self._offset)
            self._wanted_bytes = 1
            return None
        return self._take(end + 1 - self._at)[:-1]

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
        if not self._has(1):
            return None
        match self._buffer[self._at]:
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
        buffer, start = self._buffer, self._at + 9
        if len(buffer) < start:
            self._wanted_bytes = 9
            return None
        size = int.from_bytes(buffer[start - 8 : start], "big")
        if size > self._limits.object_bytes:
            self._limits.check_object_bytes(size)
        end = start + size
        if len(buffer) < end:
            self._wanted_bytes = 9 + size
            return None
        self._at = end
        data = buffer[start:end]
        value = self._format.decode(data, self._limits)
        object_id = self._ascend(self._format.object_id(data))
        self.graph.add_object(object_id, value)
        return Frame(object_id, self._begin + start, data, value)

    def _read_tombstone(self) -> Frame | None:
        if not self._has(33):
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
        if not self._has(_END_BYTES):
            return
        self._count = int.from_bytes(self._take(9)[1:], "big")
        self._hash()
        self._digest = self._take(32)
        self._hashed = self._at
        self._state = _State.DONE

    def _judge_end(self) -> None:
        digest, expected = self._digest, self._hasher.digest()
        if digest != expected:
            raise Invalid(
                "the digest is wrong",
                rule="grit.bundle.verify",
                code="digest",
                got=digest.hex(),
                expected=expected.hex(),
            )
        frames = len(self.graph.object_ids) + len(self.graph.tombstones)
        if self._count != frames:
            raise Invalid("the count is wrong", rule="grit.bundle.exact", got=self._count, expected=frames)
        self.graph.check()


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
