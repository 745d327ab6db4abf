"""The descriptors of a guest and the functions of WASI that use them: ``fd_*`` and ``poll_oneoff``.

Each descriptor has the rights that it was opened with. A function that needs another one returns an error number.

Spec: :rule:`sandbox.files.kept`, :rule:`sandbox.files.held`, :rule:`sandbox.files.functions`,
:rule:`sandbox.files.folder`, :rule:`sandbox.grant.misused`, :rule:`sandbox.stop.blocked`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum, IntFlag

from gritstone.sandbox.errors import Errno, ErrnoError
from gritstone.sandbox.guest_memory import read, vectors, write, write_number
from gritstone.sandbox.tree import File, Folder, Node, Tree
from gritstone.sandbox.world import Times, World
from gritstone.wasm.instance import Instance

__all__ = ["FOLDER", "OUTPUT", "Descriptor", "DescriptorCalls", "Right", "Stream"]

OUTPUT, FOLDER = 1, 3
_FIRST = 4  # of the descriptors that the guest opens
_MOST_OPEN = 256
_MOST_OUTPUT = 1 << 20
_MOST_WRITTEN = 16 << 20  # of one write
_MOST_PLACE = 16 << 20  # in a file
_MOST_WAITS = 1_024
_APPEND, _FLAGS = 1, 31
_ADVICES = 6
_SUBSCRIPTION_BYTES = 48
_CLOCKS = 4


class Right(IntFlag):
    """What a descriptor may be used for."""

    DATASYNC = 1 << 0
    READ = 1 << 1
    SEEK = 1 << 2
    SET_FLAGS = 1 << 3
    SYNC = 1 << 4
    TELL = 1 << 5
    WRITE = 1 << 6
    ADVISE = 1 << 7
    ALLOCATE = 1 << 8
    CREATE_FOLDER = 1 << 9
    CREATE_FILE = 1 << 10
    OPEN = 1 << 13
    LIST = 1 << 14
    READ_LINK = 1 << 15
    RENAME_FROM = 1 << 16
    RENAME_TO = 1 << 17
    PATH_STAT = 1 << 18
    PATH_SET_SIZE = 1 << 19
    PATH_SET_TIMES = 1 << 20
    STAT = 1 << 21
    SET_SIZE = 1 << 22
    SET_TIMES = 1 << 23
    REMOVE_FOLDER = 1 << 25
    UNLINK = 1 << 26
    POLL = 1 << 27


_ALL = (1 << 28) - 1  # of files and folders, with those of links, which libraries ask for
_STREAM = Right.SET_FLAGS | Right.STAT | Right.POLL


class Stream(Enum):
    """Standard input, which is empty, standard output, and standard error, which is dropped."""

    INPUT = 0
    OUTPUT = 1
    ERRORS = 2


class _Kind(IntEnum):
    """What WASI names a type of file."""

    UNKNOWN = 0
    FOLDER = 3
    FILE = 4


@dataclass(slots=True)
class Descriptor:
    """An open file, folder or stream.

    Attributes:
        node: what it holds.
        rights: what it may be used for.
        inheriting: the rights that descriptors may have which are opened by it.
        at: where the next byte of a file is read or written.
        flags: those of ``fdstat``.
        is_granted: whether it is the folder that the guest begins with.
    """

    node: Node | Stream
    rights: int
    inheriting: int = 0
    at: int = 0
    flags: int = 0
    is_granted: bool = False

    @property
    def kind(self) -> _Kind:
        """What WASI names its type."""
        return kind_of(self.node)


def kind_of(node: Node | Stream) -> _Kind:
    """Return what WASI names a type of file."""
    if isinstance(node, Stream):
        return _Kind.UNKNOWN
    return _Kind.FOLDER if isinstance(node, Folder) else _Kind.FILE


class DescriptorCalls:
    """The functions on descriptors in one call of a guest. All are closed when the call ends.

    Attributes:
        output: what the guest wrote to standard output.
        tree: the files; None if none are granted.
    """

    def __init__(self, world: World) -> None:
        self.output = bytearray()
        self.tree = None if world.files is None else Tree(world.files, world.folders, world.times)
        self.granted = world
        self._open = {
            0: Descriptor(Stream.INPUT, Right.READ | _STREAM),
            OUTPUT: Descriptor(Stream.OUTPUT, Right.WRITE | _STREAM),
            2: Descriptor(Stream.ERRORS, Right.WRITE | _STREAM),
        }
        if self.tree is not None:
            self._open[FOLDER] = Descriptor(self.tree.root, _ALL, _ALL, is_granted=True)

    # --- tables ----------------------------------------------------------------------------------------

    def descriptor(self, number: int, right: int) -> Descriptor:
        """Return an open descriptor.

        Raises:
            ErrnoError: the number is not open, or does not have a right.
        """
        found = self._open.get(number)
        if found is None:
            raise ErrnoError(Errno.BADF)
        if found.rights & right != right:
            raise ErrnoError(Errno.NOTCAPABLE)
        return found

    def file(self, number: int, right: int) -> tuple[Descriptor, File, Tree]:
        """Return an open descriptor of a file, the file, and the tree that it belongs to."""
        found = self.descriptor(number, right)
        if isinstance(found.node, Folder):
            raise ErrnoError(Errno.ISDIR)
        if isinstance(found.node, Stream) or self.tree is None:
            raise ErrnoError(Errno.SPIPE)
        return found, found.node, self.tree

    def free_number(self) -> int:
        """Return the number of the next descriptor.

        Raises:
            ErrnoError: too many are open.
        """
        if len(self._open) >= _FIRST + _MOST_OPEN:
            raise ErrnoError(Errno.FBIG)
        return next(each for each in range(_FIRST, 2 * _FIRST + _MOST_OPEN) if each not in self._open)

    def open_node(self, number: int, node: Node, rights: int, inheriting: int, flags: int) -> None:
        """Open a file or a folder under a free number."""
        assert self.tree is not None, "a descriptor leads to the file"
        self.tree.hold(node)
        self._open[number] = Descriptor(node, rights, inheriting, 0, flags)

    def _fd_close(self, guest: Instance, number: int) -> None:
        closed = self.descriptor(number, 0)
        del self._open[number]
        if self.tree is not None and not isinstance(closed.node, Stream):
            self.tree.release(closed.node)

    def _fd_renumber(self, guest: Instance, number: int, to: int) -> None:
        for each in (number, to):
            self.descriptor(each, 0)
        if number != to:
            self._fd_close(guest, to)
            self._open[to] = self._open.pop(number)

    # --- bytes -----------------------------------------------------------------------------------------

    def _gathered(self, guest: Instance, at: int, count: int, room: int) -> bytes:
        """Return the bytes of a list of buffers."""
        ranges = vectors(guest, at, count)
        if sum(size for _, size in ranges) > room:  # before they are copied: buffers may overlap
            raise ErrnoError(Errno.FBIG)
        return b"".join(read(guest, place, size) for place, size in ranges)

    def _fd_write(self, guest: Instance, number: int, buffers: int, count: int, at: int) -> None:
        found = self.descriptor(number, Right.WRITE)
        if isinstance(found.node, Stream):
            data = self._gathered(guest, buffers, count, _MOST_OUTPUT - len(self.output))
            if found.node is Stream.OUTPUT:
                self.output += data
        else:
            found, file, tree = self.file(number, Right.WRITE)
            data = self._gathered(guest, buffers, count, _MOST_WRITTEN)
            start = len(file.data) if found.flags & _APPEND else found.at
            tree.write(file, start, data, guest.charge)
            found.at = start + len(data)
        write_number(guest, at, len(data))

    def _fd_pwrite(self, guest: Instance, number: int, buffers: int, count: int, offset: int, at: int) -> None:
        _, file, tree = self.file(number, Right.WRITE | Right.SEEK)
        data = self._gathered(guest, buffers, count, _MOST_WRITTEN)
        tree.write(file, offset, data, guest.charge)
        write_number(guest, at, len(data))

    def _fd_read(self, guest: Instance, number: int, buffers: int, count: int, at: int) -> None:
        found = self.descriptor(number, Right.READ)
        total = 0
        if not isinstance(found.node, Stream):
            found, file, _ = self.file(number, Right.READ)
            total = _scatter(guest, vectors(guest, buffers, count), file, found.at)
            found.at += total
        write_number(guest, at, total)

    def _fd_pread(self, guest: Instance, number: int, buffers: int, count: int, offset: int, at: int) -> None:
        _, file, _ = self.file(number, Right.READ | Right.SEEK)
        write_number(guest, at, _scatter(guest, vectors(guest, buffers, count), file, offset))

    def _fd_seek(self, guest: Instance, number: int, offset: int, whence: int, at: int) -> None:
        found, file, _ = self.file(number, Right.TELL if (offset, whence) == (0, 1) else Right.SEEK)
        if whence > 2:
            raise ErrnoError(Errno.INVAL)
        signed = offset - (1 << 64) if offset >> 63 else offset
        place = (0, found.at, len(file.data))[whence] + signed
        if not 0 <= place <= _MOST_PLACE:
            raise ErrnoError(Errno.INVAL)
        found.at = place
        write_number(guest, at, place, 8)

    def _fd_tell(self, guest: Instance, number: int, at: int) -> None:
        found, _, _ = self.file(number, Right.TELL)
        write_number(guest, at, found.at, 8)

    def _fd_filestat_set_size(self, guest: Instance, number: int, size: int) -> None:
        _, file, tree = self.file(number, Right.SET_SIZE)
        tree.resize(file, size, guest.charge)

    def _fd_allocate(self, guest: Instance, number: int, offset: int, size: int) -> None:
        _, file, tree = self.file(number, Right.ALLOCATE)
        tree.resize(file, max(len(file.data), offset + size), guest.charge)

    def _fd_advise(self, guest: Instance, number: int, offset: int, size: int, advice: int) -> None:
        self.file(number, Right.ADVISE)
        if advice >= _ADVICES:
            raise ErrnoError(Errno.INVAL)

    def _fd_sync(self, guest: Instance, number: int) -> None:
        self.descriptor(number, Right.SYNC)

    def _fd_datasync(self, guest: Instance, number: int) -> None:
        self.descriptor(number, Right.DATASYNC)

    # --- what is known of a descriptor -----------------------------------------------------------------

    def _fd_fdstat_get(self, guest: Instance, number: int, at: int) -> None:
        found = self.descriptor(number, 0)
        head = bytes([found.kind, 0]) + found.flags.to_bytes(2, "little") + bytes(4)
        write(guest, at, head + found.rights.to_bytes(8, "little") + found.inheriting.to_bytes(8, "little"))

    def _fd_fdstat_set_flags(self, guest: Instance, number: int, flags: int) -> None:
        found = self.descriptor(number, Right.SET_FLAGS)
        if flags & ~_FLAGS:
            raise ErrnoError(Errno.INVAL)
        found.flags = flags

    def _fd_fdstat_set_rights(self, guest: Instance, number: int, rights: int, inheriting: int) -> None:
        found = self.descriptor(number, 0)
        if rights & ~found.rights or inheriting & ~found.inheriting:
            raise ErrnoError(Errno.NOTCAPABLE)
        found.rights, found.inheriting = rights, inheriting

    def _fd_filestat_get(self, guest: Instance, number: int, at: int) -> None:
        write(guest, at, self.stat(self.descriptor(number, Right.STAT).node))

    def stat(self, node: Node | Stream) -> bytes:
        """Return the description of a file, a folder or a stream."""
        serial, links, size = 0, 1, 0
        times: Times = (None, None)
        if not isinstance(node, Stream):
            serial, links, times = node.number, int(node.is_linked), node.times
            size = len(node.data) if isinstance(node, File) else 0
        now = self.granted.clock or 0
        accessed, changed = (now if time is None else time for time in times)
        numbers = (0, serial, kind_of(node), links, size, accessed, changed, now)
        return b"".join(number.to_bytes(8, "little") for number in numbers)

    def _fd_filestat_set_times(self, guest: Instance, number: int, accessed: int, changed: int, flags: int) -> None:
        self.set_times(self.descriptor(number, Right.SET_TIMES).node, accessed, changed, flags)

    def set_times(self, node: Node | Stream, accessed: int, changed: int, flags: int) -> None:
        """Set the times of a file or a folder, each to a value, to that of the clock, or not at all."""
        if flags & 3 == 3 or flags & 12 == 12 or flags > 15:
            raise ErrnoError(Errno.INVAL)
        if isinstance(node, Stream):
            raise ErrnoError(Errno.NOTSUP)
        times: Times = node.times
        if flags & 3:
            times = (accessed if flags & 1 else None, times[1])
        if flags & 12:
            times = (times[0], changed if flags & 4 else None)
        node.times = times

    def _granted_folder(self, number: int) -> None:
        if not self.descriptor(number, 0).is_granted:
            raise ErrnoError(Errno.BADF)

    def _fd_prestat_get(self, guest: Instance, number: int, at: int) -> None:
        self._granted_folder(number)
        write_number(guest, at, 1 << 32, 8)  # a folder, whose name has one byte

    def _fd_prestat_dir_name(self, guest: Instance, number: int, at: int, size: int) -> None:
        self._granted_folder(number)
        write(guest, at, b"/"[:size])

    # --- waiting ---------------------------------------------------------------------------------------

    def _poll_oneoff(self, guest: Instance, waits: int, events: int, count: int, at: int) -> None:
        """Report what is ready. Nothing waits: a time that has not come is an error of its event."""
        if not 0 < count <= _MOST_WAITS:
            raise ErrnoError(Errno.INVAL)
        asked = read(guest, waits, _SUBSCRIPTION_BYTES * count)
        each = [asked[begin : begin + _SUBSCRIPTION_BYTES] for begin in range(0, len(asked), _SUBSCRIPTION_BYTES)]
        found = [event for event in map(self._event, each) if event is not None]
        if not found:
            found = [one[:8] + int(Errno.NOTSUP).to_bytes(2, "little") + bytes(22) for one in each]
        write(guest, events, b"".join(found))
        write_number(guest, at, len(found))

    def _event(self, asked: bytes) -> bytes | None:
        """Return the event of a subscription; None if it is that of a time that has not come."""
        kind, number = asked[8], int.from_bytes(asked[16:20], "little")
        error, ready = Errno.SUCCESS, 0
        if kind == 0:
            timeout, is_absolute = int.from_bytes(asked[24:32], "little"), asked[40] & 1
            if number >= _CLOCKS:
                error = Errno.INVAL
            elif timeout > ((self.granted.clock or 0) if is_absolute else 0):
                return None
        else:
            try:
                found = self.descriptor(number, Right.POLL | (Right.READ if kind == 1 else Right.WRITE))
            except ErrnoError as refused:
                error = refused.number
            else:
                ready = max(len(found.node.data) - found.at, 0) if isinstance(found.node, File) and kind == 1 else 0
        head = asked[:8] + int(error).to_bytes(2, "little") + bytes([kind]) + bytes(5)
        return head + ready.to_bytes(8, "little") + bytes(8)


def _scatter(guest: Instance, ranges: list[tuple[int, int]], file: File, at: int) -> int:
    """Copy bytes of a file from a place on into buffers; return how many there were."""
    total = 0
    for place, size in ranges:
        data = bytes(file.data[at + total : at + total + size])
        write(guest, place, data)
        total += len(data)
    return total
