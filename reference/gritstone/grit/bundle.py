"""The reader of bundles: accepts bytes and returns verified frames, without I/O.

::

    state     next byte or line                     then
    FORMAT    "gritstone bundle 1" "format f"       REFS
    REFS      "ref name hex"                        REFS
    REFS      empty line                            FRAMES
    FRAMES    o length object                       FRAMES
    FRAMES    x id                                  FRAMES
    FRAMES    z count digest                        DONE

A ``BundleReader`` accepts pieces of any size and yields the frames that they complete. ``finish`` then checks whether
the pieces were a complete bundle. Do not trust a frame until ``finish`` has returned. The reader checks everything that
can be checked from the bundle alone: syntax, order, objects, edges, kinds, nesting, count, digest.

Memory: the data that ``framegraph`` keeps for each frame, and one object.

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
    """One frame. It is a named tuple because a bundle has many frames, and few of them are kept for long.

    Attributes:
        object_id: the id of the object.
        offset: where the encoding begins in the bundle, in bytes; for a tombstone, the end of the frame.
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
    """A reader of one bundle of one format, piece by piece.

    Attributes:
        references: names and targets, in the order of the bundle; complete when the first frame was yielded.
        graph: the graph of the frames that were read so far.
    """

    def __init__(self, format_: Format, limits: Limits, *, keep_edges: bool = False) -> None:
        """Create a reader that has read nothing.

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
        self._wanted_bytes = 1  # the number of waiting bytes from which parsing can proceed
        self._buffer = b""
        self._begin = 0  # offset of the buffer in the bundle
        self._at = 0  # bytes of the buffer that were read
        self._hashed = 0  # bytes of the buffer that were hashed
        self._hasher = format_.hasher()
        self._last = ZERO_ID
        self._count = 0  # from the end frame
        self._digest = b""  # from the end frame

    def feed(self, piece: bytes) -> Iterator[Frame]:
        """Accept the next piece and yield the frames that it completes. The iterator must be exhausted.

        Raises:
            Malformed: the bytes cannot be split into lines and frames, or an object is malformed.
            Invalid: a line or frame is out of order, repeated, not a valid encoding, or inconsistent with the others.
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
            if frame is None:  # the piece is used up, or the end frame was read
                break
            yield frame
        if self._state is _State.DONE and self._at != len(self._buffer):
            raise Malformed(
                "the bundle has bytes after its end frame", rule="grit.bundle.truncated", offset=self._offset
            )
        self._keep_rest()

    def finish(self) -> None:
        """Check the bundle as a whole after all pieces were fed.

        Raises:
            Malformed: the bundle is truncated.
            Invalid: the digest (code ``digest``) or the count is wrong, or the graph is invalid.
            Exhausted: trees are nested too deep.
        """
        if self._state is not _State.DONE:
            raise Malformed(
                "the bundle is truncated", rule="grit.bundle.truncated", offset=self._begin + self._waiting_bytes
            )
        # This check waits until all bytes were read: if more bytes follow, the last 32 of them can be the right digest.
        self._judge_end()

    # --- the buffer ------------------------------------------------------------------------------------

    @property
    def _offset(self) -> int:
        """Return the offset in the bundle of the next byte to read."""
        return self._begin + self._at

    def _hash(self) -> None:
        """Hash the bytes that were read."""
        self._hasher.update(memoryview(self._buffer)[self._hashed : self._at])
        self._hashed = self._at

    def _keep_rest(self) -> None:
        self._hash()
        self._waiting = [self._buffer[self._at :]]
        self._waiting_bytes = len(self._waiting[0])
        self._begin += self._at
        self._buffer, self._at, self._hashed = b"", 0, 0

    def _has(self, size_bytes: int) -> bool:
        """Return whether ``size_bytes`` bytes are available; if not, the reader waits until they are."""
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
                raise Malformed(
                    "a header line of the bundle is too long",
                    rule="grit.bundle.conditions",
                    offset=self._offset,
                    expected=f"at most {_MAX_LINE_BYTES} bytes",
                )
            self._wanted_bytes = 1
            return None
        return self._take(end + 1 - self._at)[:-1]

    def _read_line(self, line: bytes) -> None:
        if self._offset == len(line) + 1:
            if line + b"\n" != BUNDLE_LINE:
                raise Malformed(
                    "the first line is not that of a bundle",
                    rule="grit.bundle.conditions",
                    offset=0,
                    expected=BUNDLE_LINE.rstrip(b"\n"),
                    got=line[:40],
                )
        elif self._state is _State.FORMAT:
            self._read_format(line)
        elif line:
            self._read_reference(line)
        else:
            self._state = _State.FRAMES

    def _read_format(self, line: bytes) -> None:
        match = _FORMAT_LINE.fullmatch(line)
        if match is None:
            raise Malformed(
                "the second line of the bundle is not a format line",
                rule="grit.bundle.conditions",
                offset=self._offset,
                expected="'format NAME'",
                got=line[:40],
            )
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
            raise Malformed(
                "a header line of the bundle is not a reference line",
                rule="grit.bundle.conditions",
                offset=self._offset,
                expected="'ref NAME HEX'",
                got=line,
            )
        name, target = match[1].decode("ascii"), bytes.fromhex(match[2].decode())
        check_name(name)
        if self.references and name <= self.references[-1][0]:
            raise Invalid(
                "the references of the bundle are out of order or repeated",
                rule="grit.bundle.deterministic",
                expected=f"a name above {self.references[-1][0]}",
                got=name,
            )
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
                raise Malformed(
                    "unknown frame type",
                    rule="grit.bundle.conditions",
                    offset=self._offset,
                    expected="6f (o), 78 (x) or 7a (z)",
                    got=f"{other:02x}",
                )

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
            raise Invalid("a tombstone has the all-zero id", rule="grit.id.zero", offset=self._offset)
        self.graph.add_tombstone(self._ascend(object_id))
        return Frame(object_id, self._offset, None, None)

    def _ascend(self, object_id: ObjectId) -> ObjectId:
        if object_id <= self._last:
            raise Invalid(
                "the frames of the bundle are out of order or repeated",
                rule="grit.bundle.deterministic",
                offset=self._offset,
                got=object_id.hex(),
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
                "the digest of the bundle is wrong",
                rule="grit.bundle.verify",
                code="digest",
                got=digest.hex(),
                expected=expected.hex(),
            )
        frames = len(self.graph.object_ids) + len(self.graph.tombstones)
        if self._count != frames:
            raise Invalid("the frame count is wrong", rule="grit.bundle.exact", got=self._count, expected=frames)
        self.graph.check()


def object_frames(source: BinaryIO, limits: Limits) -> Iterator[bytes]:
    """Yield the encodings of the object frames of a bundle that was verified before, without checking it again.

    Args:
        source: at the first byte of the bundle.
        limits: ``object_bytes`` bounds one read, in case the source has changed.

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
