"""WASI preview 1, as far as a sandbox without authority has it.

A guest writes to standard output, exits, and sees what was granted: arguments, environment, random bytes, a clock that
stands still, and files in memory below one folder. Every other function that a compiler's library imports returns an
error number. Nothing waits, and nothing of the machine is reached.

Spec: :rule:`sandbox.outcome.exit`, :rule:`sandbox.result.whole`, :rule:`sandbox.stop.blocked`,
:rule:`sandbox.grant.nothing`, :rule:`sandbox.files.kept`, :rule:`sandbox.files.inside`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from gritstone.sandbox.world import World, is_inside
from gritstone.wasm.binary import FunctionType
from gritstone.wasm.instance import Instance, trap
from gritstone.wasm.reader import I32, I64
from gritstone.wasm.stream import random_bytes

__all__ = ["FUNCTIONS", "MODULE", "ExitError", "WasiCalls"]

MODULE = "wasi_snapshot_preview1"
_OUTPUT, _FOLDER, _FIRST = 1, 3, 4  # descriptors
_OK, _BAD_FD, _EXISTS, _INVALID, _NO_ENTRY, _NO_FUNCTION, _NOT_SUPPORTED, _TOO_LARGE, _NOT_CAPABLE = (
    *(0, 8, 20, 28, 44),
    *(52, 58, 22, 76),
)
_NAME_TOO_LONG = 37
_CREATE, _DIRECTORY, _EXCLUSIVE, _TRUNCATE, _APPEND = 1, 2, 4, 8, 1
_MOST_OUTPUT = 1 << 20
_MOST_FILES_BYTES = 16 << 20  # of all files together
_MOST_OPEN = 256
_MOST_FILES = 4_096
_MOST_BUFFERS = 1_024
_MOST_PATH = 4_096  # bytes
_CHARGE = 100  # units of fuel of each call, and one for each 8 bytes
_CLOCKS = 4


def _type(parameters: str, results: str = "i") -> FunctionType:
    kinds = {"i": I32, "I": I64}
    return FunctionType(tuple(kinds[one] for one in parameters), tuple(kinds[one] for one in results))


FUNCTIONS: Mapping[str, FunctionType] = MappingProxyType(
    {
        "args_get": _type("ii"),
        "args_sizes_get": _type("ii"),
        "clock_res_get": _type("ii"),
        "clock_time_get": _type("iIi"),
        "environ_get": _type("ii"),
        "environ_sizes_get": _type("ii"),
        "fd_close": _type("i"),
        "fd_fdstat_get": _type("ii"),
        "fd_fdstat_set_flags": _type("ii"),
        "fd_filestat_get": _type("ii"),
        "fd_prestat_dir_name": _type("iii"),
        "fd_prestat_get": _type("ii"),
        "fd_read": _type("iiii"),
        "fd_readdir": _type("iiiIi"),
        "fd_seek": _type("iIii"),
        "fd_write": _type("iiii"),
        "path_create_directory": _type("iii"),
        "path_filestat_get": _type("iiiii"),
        "path_link": _type("iiiiiii"),
        "path_open": _type("iiiiiIIii"),
        "path_readlink": _type("iiiiii"),
        "path_remove_directory": _type("iii"),
        "path_rename": _type("iiiiii"),
        "path_symlink": _type("iiiii"),
        "path_unlink_file": _type("iii"),
        "poll_oneoff": _type("iiii"),
        "proc_exit": _type("i", ""),
        "random_get": _type("ii"),
        "sched_yield": _type(""),
        "sock_accept": _type("iii"),
        "sock_recv": _type("iiiiii"),
        "sock_send": _type("iiiii"),
        "sock_shutdown": _type("ii"),
    }
)
"""The type of each function that a module may import."""


class ExitError(Exception):
    """The guest left with ``proc_exit``.

    Attributes:
        code: its number, unsigned.
    """

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class _ErrnoError(Exception):
    """A function of WASI returns an error number."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@dataclass(slots=True)
class _Open:
    """An open file.

    Attributes:
        path: its path.
        at: where the next byte is read or written.
        appends: whether it is written at its end.
    """

    path: str
    at: int = 0
    appends: bool = False


class WasiCalls:
    """The functions of WASI in one call of a guest. Its open files are closed when the call ends.

    Attributes:
        output: what the guest wrote to standard output.
    """

    def __init__(self, world: World) -> None:
        self.output = bytearray()
        self._world = world
        self._drawn = world.drawn
        self._files = {path: bytearray(data) for path, data in (world.files or {}).items()}
        self._room = _MOST_FILES_BYTES - sum(map(len, self._files.values()))
        self._open: dict[int, _Open] = {}

    @property
    def world(self) -> World:
        """What is granted after the call."""
        files = None
        if self._world.files is not None:
            files = {path: bytes(data) for path, data in sorted(self._files.items())}
        return replace(self._world, drawn=self._drawn, files=files)

    def call(self, instance: Instance, name: str, arguments: Sequence[int]) -> int | None:
        """Run a function.

        Raises:
            ExitError: the guest leaves.
            Refusal: a pointer is out of bounds, or the fuel is spent.
        """
        instance.charge(_CHARGE)
        function: Callable[..., None] | None = getattr(self, f"_{name}", None)
        if function is None:
            return _NOT_SUPPORTED
        try:
            function(instance, *arguments)
        except _ErrnoError as error:
            return error.number
        return _OK

    # --- memory ----------------------------------------------------------------------------------------

    def _read(self, guest: Instance, at: int, size: int) -> bytes:
        if at + size > guest.memory_bytes:
            raise trap("memory-bounds")
        guest.charge(size // 8)
        return guest.read(at, size)

    def _write(self, guest: Instance, at: int, data: bytes) -> None:
        if at + len(data) > guest.memory_bytes:
            raise trap("memory-bounds")
        guest.charge(len(data) // 8)
        guest.write(at, data)

    def _number(self, guest: Instance, at: int, value: int, size: int = 4) -> None:
        self._write(guest, at, value.to_bytes(size, "little"))

    def _vectors(self, guest: Instance, at: int, count: int) -> list[tuple[int, int]]:
        """Return the ranges of a list of buffers; each is in bounds."""
        if count > _MOST_BUFFERS:
            raise _ErrnoError(_INVALID)
        listed = self._read(guest, at, 8 * count)
        numbers = [int.from_bytes(listed[place : place + 4], "little") for place in range(0, len(listed), 4)]
        found = list(zip(numbers[::2], numbers[1::2], strict=True))
        if any(place + size > guest.memory_bytes for place, size in found):
            raise trap("memory-bounds")
        return found

    # --- process ---------------------------------------------------------------------------------------

    def _proc_exit(self, guest: Instance, code: int) -> None:
        raise ExitError(code)

    def _sched_yield(self, guest: Instance) -> None:
        """Do nothing."""

    def _args_sizes_get(self, guest: Instance, count: int, size: int) -> None:
        self._sizes(guest, self._world.args, count, size)

    def _args_get(self, guest: Instance, places: int, texts: int) -> None:
        self._texts(guest, self._world.args, places, texts)

    def _environ_sizes_get(self, guest: Instance, count: int, size: int) -> None:
        self._sizes(guest, self._variables(), count, size)

    def _environ_get(self, guest: Instance, places: int, texts: int) -> None:
        self._texts(guest, self._variables(), places, texts)

    def _variables(self) -> list[str]:
        return [f"{name}={value}" for name, value in sorted(self._world.env.items())]

    def _sizes(self, guest: Instance, words: Sequence[str], count: int, size: int) -> None:
        self._number(guest, count, len(words))
        self._number(guest, size, sum(len(_terminated(word)) for word in words))

    def _texts(self, guest: Instance, words: Iterable[str], places: int, texts: int) -> None:
        for number, word in enumerate(words):
            self._number(guest, places + 4 * number, texts)
            self._write(guest, texts, _terminated(word))
            texts += len(_terminated(word))

    def _random_get(self, guest: Instance, at: int, size: int) -> None:
        if self._world.random is None:
            raise _ErrnoError(_NO_FUNCTION)
        self._read(guest, at, size)  # the range is checked, and paid, before the bytes are made
        self._write(guest, at, random_bytes(self._world.random, self._drawn, size))
        self._drawn += size

    def _clock_res_get(self, guest: Instance, clock: int, at: int) -> None:
        self._time(clock)
        self._number(guest, at, 1, 8)

    def _clock_time_get(self, guest: Instance, clock: int, precision: int, at: int) -> None:
        self._number(guest, at, self._time(clock), 8)

    def _time(self, clock: int) -> int:
        if self._world.clock is None:
            raise _ErrnoError(_NO_FUNCTION)
        if clock >= _CLOCKS:
            raise _ErrnoError(_INVALID)
        return self._world.clock

    # --- descriptors -----------------------------------------------------------------------------------

    def _opened(self, descriptor: int) -> _Open:
        found = self._open.get(descriptor)
        if found is None or found.path not in self._files:
            raise _ErrnoError(_BAD_FD)
        return found

    def _fd_close(self, guest: Instance, descriptor: int) -> None:
        if self._open.pop(descriptor, None) is None:
            raise _ErrnoError(_BAD_FD)

    def _fd_write(self, guest: Instance, descriptor: int, vectors: int, count: int, at: int) -> None:
        if descriptor != _OUTPUT:
            self._opened(descriptor)
        ranges = self._vectors(guest, vectors, count)
        room = _MOST_OUTPUT - len(self.output) if descriptor == _OUTPUT else _MOST_FILES_BYTES
        if sum(size for _, size in ranges) > room:  # before they are copied: buffers may overlap
            raise _ErrnoError(_TOO_LARGE)
        data = b"".join(self._read(guest, place, size) for place, size in ranges)
        if descriptor == _OUTPUT:
            self.output += data
        else:
            self._write_file(self._opened(descriptor), data)
        self._number(guest, at, len(data))

    def _write_file(self, file: _Open, data: bytes) -> None:
        content = self._files[file.path]
        start = len(content) if file.appends else file.at
        grown = max(start + len(data) - len(content), 0)
        if grown > self._room:
            raise _ErrnoError(_TOO_LARGE)
        self._room -= grown
        content += bytes(max(start - len(content), 0))
        content[start : start + len(data)] = data
        file.at = start + len(data)

    def _fd_read(self, guest: Instance, descriptor: int, vectors: int, count: int, at: int) -> None:
        file, total = self._opened(descriptor), 0
        for place, size in self._vectors(guest, vectors, count):
            data = bytes(self._files[file.path][file.at : file.at + size])
            self._write(guest, place, data)
            file.at += len(data)
            total += len(data)
        self._number(guest, at, total)

    def _fd_seek(self, guest: Instance, descriptor: int, offset: int, whence: int, at: int) -> None:
        file = self._opened(descriptor)
        if whence > 2:
            raise _ErrnoError(_INVALID)
        signed = offset - (1 << 64) if offset >> 63 else offset
        place = (0, file.at, len(self._files[file.path]))[whence] + signed
        if not 0 <= place <= _MOST_FILES_BYTES:
            raise _ErrnoError(_INVALID)
        file.at = place
        self._number(guest, at, place, 8)

    def _fd_prestat_get(self, guest: Instance, descriptor: int, at: int) -> None:
        if descriptor != _FOLDER or self._world.files is None:
            raise _ErrnoError(_BAD_FD)
        self._number(guest, at, 1 << 32, 8)  # a folder, whose name has one byte

    def _fd_prestat_dir_name(self, guest: Instance, descriptor: int, at: int, size: int) -> None:
        if descriptor != _FOLDER or self._world.files is None:
            raise _ErrnoError(_BAD_FD)
        self._write(guest, at, b"/"[:size])

    # --- paths -----------------------------------------------------------------------------------------

    def _path(self, guest: Instance, folder: int, at: int, size: int) -> str:
        """Return a path inside the folder."""
        if folder != _FOLDER or self._world.files is None:
            raise _ErrnoError(_BAD_FD)
        if size > _MOST_PATH:
            raise _ErrnoError(_NAME_TOO_LONG)
        try:
            path = self._read(guest, at, size).decode()
        except UnicodeDecodeError:
            raise _ErrnoError(_INVALID) from None
        if not is_inside(path):
            raise _ErrnoError(_NOT_CAPABLE)
        return path

    def _known(self, guest: Instance, folder: int, at: int, size: int) -> str:
        """Return the path of a file that exists."""
        path = self._path(guest, folder, at, size)
        if path not in self._files:
            raise _ErrnoError(_NO_ENTRY)
        return path

    def _path_open(self, guest: Instance, folder: int, *arguments: int) -> None:
        _, at, size, options, _, _, flags, result = arguments
        path = self._path(guest, folder, at, size)
        if options & _DIRECTORY:
            raise _ErrnoError(_NOT_SUPPORTED)
        if path in self._files and options & _EXCLUSIVE:
            raise _ErrnoError(_EXISTS)
        if path not in self._files and not options & _CREATE:
            raise _ErrnoError(_NO_ENTRY)
        if len(self._open) >= _MOST_OPEN or (path not in self._files and len(self._files) >= _MOST_FILES):
            raise _ErrnoError(_TOO_LARGE)
        if path not in self._files or options & _TRUNCATE:
            self._remove(path)
            self._files[path] = bytearray()
        descriptor = next(number for number in range(_FIRST, _FIRST + _MOST_OPEN + 1) if number not in self._open)
        self._open[descriptor] = _Open(path, appends=bool(flags & _APPEND))
        self._number(guest, result, descriptor)

    def _path_unlink_file(self, guest: Instance, folder: int, at: int, size: int) -> None:
        self._remove(self._known(guest, folder, at, size))

    def _path_rename(self, guest: Instance, folder: int, at: int, size: int, *to: int) -> None:
        old, new = self._known(guest, folder, at, size), self._path(guest, *to)
        if new != old:
            self._remove(new)
            self._files[new] = self._files.pop(old)

    def _remove(self, path: str) -> None:
        self._room += len(self._files.pop(path, b""))


def _terminated(word: str) -> bytes:
    return word.encode() + b"\0"
