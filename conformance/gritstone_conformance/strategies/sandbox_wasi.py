"""Probes of the ABI ``wasi`` that look for what they were granted, and for what they were not.

Spec: ``sandbox/authority``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from gritstone_conformance.strategies.assembler import Code
from gritstone_conformance.strategies.probes import number, zero
from gritstone_conformance.strategies.sandbox_abi import DATA, SandboxProbe
from gritstone_conformance.strategies.sandbox_probes import Build

__all__ = [
    "OUTSIDE",
    "OUT_OF_REACH",
    "Move",
    "beyond",
    "changing_files",
    "clocks",
    "cpu_clocks",
    "drawing",
    "ending_at_the_end",
    "folders",
    "gathering",
    "listing",
    "looking",
    "misusing",
    "moving",
    "opening",
    "out_of_reach",
    "pointing",
    "reading",
    "scattering",
    "seeking",
    "seeking_nowhere",
    "sleeping",
    "writing_errors",
]

_MODULE: Final = "wasi_snapshot_preview1"
_TYPES: Final = {
    "args_get": "i32 i32",
    "args_sizes_get": "i32 i32",
    "clock_res_get": "i32 i32",
    "clock_time_get": "i32 i64 i32",
    "environ_get": "i32 i32",
    "environ_sizes_get": "i32 i32",
    "fd_close": "i32",
    "fd_prestat_dir_name": "i32 i32 i32",
    "fd_prestat_get": "i32 i32",
    "fd_read": "i32 i32 i32 i32",
    "fd_seek": "i32 i64 i32 i32",
    "fd_write": "i32 i32 i32 i32",
    "path_open": "i32 i32 i32 i32 i32 i64 i64 i32 i32",
    "path_rename": "i32 i32 i32 i32 i32 i32",
    "path_symlink": "i32 i32 i32 i32 i32",
    "path_unlink_file": "i32 i32 i32",
    "poll_oneoff": "i32 i32 i32 i32",
    "random_get": "i32 i32",
    "sock_accept": "i32 i32 i32",
}
_TABLE, _TEXTS = DATA + 1_024, DATA + 2_048
_COUNT, _SIZE, _RESULT, _VECTOR, _BUFFER = DATA, DATA + 4, DATA + 8, DATA + 16, DATA + 4_096
_PATHS: Final = DATA + 16_384
_PLACE: Final = DATA + 32
_VECTORS: Final = DATA + 64  # of several buffers
_RIGHTS: Final = number((1 << 29) - 1, "i64")
_MAY_READ: Final = number(1 << 1 | 1 << 5, "i64")
_CREATE, _TRUNCATE, _APPEND = 1, 8, 1
_FOLDER: Final = 3


class _WasiProbe(SandboxProbe):
    """A probe with functions of WASI and texts in its memory."""

    def __init__(self, *names: str) -> None:
        super().__init__("wasi", imports=[(_MODULE, name, _TYPES[name], "i32") for name in names])
        self._functions = dict(zip(names, self.imported, strict=True))
        self._texts = b""

    def call(self, name: str, *arguments: Any) -> tuple[Any, ...]:
        """Return code that calls a function; numbers are constants."""
        return ("call", self._functions[name], *(number(each) if isinstance(each, int) else each for each in arguments))

    def text(self, text: str) -> tuple[int, int]:
        """Put a text into the memory; returns its place and size."""
        data = text.encode()
        at = _PATHS + len(self._texts)
        self._texts += data
        return at, len(data)

    def made(self, code: Code, local_types: Sequence[str] = ()) -> bytes:
        """Return the probe with its texts."""
        self.module.data(_PATHS, self._texts)
        return self.binary(code, local_types)

    def open(self, path: str, flags: int = 0, mode: int = 0, folder: int = _FOLDER) -> tuple[Any, ...]:
        """Return code that opens a file and leaves the error number; the descriptor is at ``_RESULT``."""
        rights = _MAY_READ if flags == mode == 0 else _RIGHTS
        return self.call("path_open", folder, 0, *self.text(path), flags, rights, _RIGHTS, mode, _RESULT)

    def buffer(self, at: int, size: int) -> list[Any]:
        """Return code that makes the one buffer of a read or write."""
        return [("i32.store", number(_VECTOR), number(at)), ("i32.store", number(_VECTOR + 4), number(size))]

    def buffers(self, buffers: Sequence[tuple[int, int]]) -> list[Any]:
        """Return code that makes several buffers; each has a place and a size."""
        numbers = [each for buffer in buffers for each in buffer]
        return [("i32.store", number(_VECTORS + 4 * at), number(each)) for at, each in enumerate(numbers)]

    def through(self, name: str, descriptor: Any, count: int) -> list[Any]:
        """Return code that reads or writes through several buffers, and leaves the sum of the sizes in the local 2.

        A host may return before it has used all buffers; the code then calls it again with the rest. It ends at an
        error number (local 3) and when nothing more is read or written. It uses the locals 0 to 3, which are i32.
        """
        buffer, moved, total, fails = (("local.get", local) for local in range(4))
        place = ("i32.add", number(_VECTORS), ("i32.shl", buffer, number(3)))
        size = ("i32.load", 4, place)
        is_left = ("i32.lt_u", buffer, number(count))
        skip = [("local.set", 1, ("i32.sub", moved, size)), ("local.set", 0, ("i32.add", buffer, number(1))), ("br", 1)]
        skipping = ("if", None, ("i32.and", is_left, ("i32.ge_u", moved, size)), skip)
        call = self.call(name, descriptor, place, ("i32.sub", number(count), buffer), _SIZE)
        continues = ("i32.and", is_left, ("i32.and", ("i32.eqz", fails), ("i32.ne", ("i32.load", number(_SIZE)), zero)))
        step = [
            ("i32.store", number(_SIZE), zero),
            ("local.set", 3, call),
            ("local.set", 1, ("i32.load", number(_SIZE))),
            ("local.set", 2, ("i32.add", total, moved)),
            ("loop", None, [skipping]),
            ("i32.store", place, ("i32.add", ("i32.load", place), moved)),
            ("i32.store", 4, place, ("i32.sub", size, moved)),
            ("br_if", 0, continues),
        ]
        return [("local.set", 0, zero), ("local.set", 2, zero), ("loop", None, step)]


_TOTAL: Final = ("local.get", 2)
_FOUR: Final = ["i32"] * 4
_DESCRIPTOR: Final = ("i32.load", number(_RESULT))


def listing(which: str, words: int) -> Build:
    """Return a probe that emits the number and the size of its variables or arguments, and words of their texts.

    Args:
        which: ``environ`` or ``args``.
        words: how many words of the texts.
    """

    def build(abi: str) -> bytes:
        probe = _WasiProbe(f"{which}_sizes_get", f"{which}_get")
        return probe.made(
            [
                probe.number(probe.call(f"{which}_sizes_get", _COUNT, _SIZE)),
                probe.number(("i32.load", number(_COUNT))),
                probe.number(("i32.load", number(_SIZE))),
                probe.number(probe.call(f"{which}_get", _TABLE, _TEXTS)),
                *(probe.word(("i64.load", number(_TEXTS + 8 * at))) for at in range(words)),
            ]
        )

    return build


def looking(abi: str) -> bytes:
    """Return a probe that emits 1 for each thing that it can observe, and 0 for each that it cannot.

    In this order: variables, arguments, sockets, folders at the descriptors 3 to 9, files at the descriptors 0 to 9.
    """
    probe = _WasiProbe(
        *("environ_sizes_get", "args_sizes_get", "fd_prestat_get", "path_open", "sock_accept"),
    )
    found = ("i32.load", number(_COUNT))

    def counts(name: str) -> Any:
        fails = probe.call(name, _COUNT, _SIZE)
        return probe.number(("select", zero, ("i32.ne", found, zero), ("i32.ne", fails, zero)))

    code: list[Any] = [counts("environ_sizes_get"), counts("args_sizes_get")]
    code.append(probe.number(("i32.eqz", probe.call("sock_accept", _FOLDER, 0, _RESULT))))
    folders = [probe.call("fd_prestat_get", descriptor, _RESULT) for descriptor in range(3, 10)]
    opened = [probe.open(path, folder=descriptor) for descriptor in range(10) for path in OUTSIDE]
    return probe.made([*code, *(probe.number(("i32.eqz", each)) for each in (*folders, *opened))])


OUTSIDE: Final = (
    "/etc/passwd",
    "etc/passwd",
    "../etc/passwd",
    "../../../../../../etc/passwd",
    ".",
    "..",
    "/proc/self/environ",
)
"""Paths that lead out of a folder, or to what a host may have there."""


def clocks(abi: str) -> bytes:
    """Return a probe that emits, for the realtime and the monotonic clock, the error number and the time."""
    probe = _WasiProbe("clock_time_get")
    code: list[Any] = []
    for clock in (0, 1):
        code.append(("i64.store", number(_RESULT), number(0, "i64")))
        code.append(probe.number(probe.call("clock_time_get", clock, number(1, "i64"), _RESULT)))
        code.append(probe.word(("i64.load", number(_RESULT))))
    return probe.made(code)


def drawing(abi: str) -> bytes:
    """Return a probe that emits the error number and four words of random bytes, read in two pieces."""
    probe = _WasiProbe("random_get")
    return probe.made(
        [
            ("memory.fill", number(_BUFFER), zero, number(32)),
            probe.number(probe.call("random_get", _BUFFER, 13)),
            probe.number(probe.call("random_get", _BUFFER + 13, 19)),
            *(probe.word(("i64.load", number(_BUFFER + 8 * at))) for at in range(4)),
        ]
    )


def sleeping(milliseconds: int) -> Build:
    """Return a probe that asks to wait, and emits whether it may not.

    It subscribes to the monotonic clock and calls ``poll_oneoff``.
    """

    def build(abi: str) -> bytes:
        probe = _WasiProbe("poll_oneoff")
        return probe.made(
            [
                ("i32.store", number(_BUFFER + 16), number(1)),  # the monotonic clock
                ("i64.store", number(_BUFFER + 24), number(milliseconds * 1_000_000, "i64")),
                probe.number(("i32.ne", probe.call("poll_oneoff", _BUFFER, _TABLE, 1, _COUNT), zero)),
            ]
        )

    return build


def reading(paths: Sequence[str], words: int = 4) -> Build:
    """Return a probe that opens each path, reads it twice, and emits whether it opened, the sizes and some words."""

    def build(abi: str) -> bytes:
        probe = _WasiProbe("path_open", "fd_read", "fd_close")
        code: list[Any] = []
        for path in paths:
            read = [
                ("i32.store", number(_SIZE), number(0)),
                ("drop", probe.call("fd_read", _DESCRIPTOR, _VECTOR, 1, _SIZE)),
                probe.number(("i32.load", number(_SIZE))),
            ]
            code += [
                ("memory.fill", number(_BUFFER), zero, number(8 * words)),
                *probe.buffer(_BUFFER, 8 * words - 3),
                ("i32.store", number(_RESULT), number(99)),
                probe.number(("i32.eqz", probe.open(path))),
                *read,
                *probe.buffer(_BUFFER + 8 * words - 3, 3),
                *read,
                *(probe.word(("i64.load", number(_BUFFER + 8 * at))) for at in range(words)),
                ("drop", probe.call("fd_close", _DESCRIPTOR)),
            ]
        return probe.made(code)

    return build


def scattering(path: str, sizes: Sequence[int], words: int) -> Build:
    """Return a probe that reads a file into several buffers, and emits the sum of the sizes and the bytes.

    Args:
        path: of the file.
        sizes: of the buffers; the bytes between two of them belong to none, and stay 0.
        words: how many words of the memory from the first buffer on.
    """

    def build(abi: str) -> bytes:
        probe = _WasiProbe("path_open", "fd_read")
        places = [_BUFFER + sum(sizes[:at]) + at for at in range(len(sizes))]
        code: list[Any] = [
            ("drop", probe.open(path)),
            *probe.buffers([*zip(places, sizes, strict=True)]),
            *probe.through("fd_read", _DESCRIPTOR, len(sizes)),
            probe.number(_TOTAL),
            *(probe.word(("i64.load", number(_BUFFER + 8 * at))) for at in range(words)),
        ]
        return probe.made(code, _FOUR)

    return build


def gathering(path: str | None, texts: Sequence[str]) -> Build:
    """Return a probe that writes texts from several buffers, in the opposite order of their places in memory.

    Args:
        path: of the file, which may be new; None for standard output. The probe emits the sum of the sizes, but not if
            it writes to standard output.
        texts: one for each buffer.
    """

    def build(abi: str) -> bytes:
        probe = _WasiProbe(*(["fd_write"] if path is None else ["path_open", "fd_write"]))
        buffers = [probe.text(text) for text in reversed(texts)][::-1]
        code: list[Any] = probe.buffers(buffers)
        if path is None:
            return probe.made([*code, *probe.through("fd_write", 1, len(texts))], _FOUR)
        code += [("drop", probe.open(path, _CREATE | _TRUNCATE)), *probe.through("fd_write", _DESCRIPTOR, len(texts))]
        return probe.made([*code, probe.number(_TOTAL)], _FOUR)

    return build


def folders(abi: str) -> bytes:
    """Return a probe that looks for folders that were opened for it.

    It emits for each descriptor 0 to 9 except 3 whether it is one, and whether it has a name. Then it emits whether 3
    is one, and if so: the kind, whether the name has a length, whether it is written, whether its first and last byte
    are there, the byte behind it, and the byte behind the kind and the length. No host writes the last two.
    """
    probe = _WasiProbe("fd_prestat_get", "fd_prestat_dir_name")
    size = ("i32.load", number(_SIZE))
    code: list[Any] = []
    for descriptor in (0, 1, 2, *range(4, 10)):
        code.append(probe.number(("i32.eqz", probe.call("fd_prestat_get", descriptor, _COUNT))))
        code.append(probe.number(("i32.eqz", probe.call("fd_prestat_dir_name", descriptor, _BUFFER, 1))))
    name = probe.call("fd_prestat_dir_name", _FOLDER, _BUFFER, size)
    last = ("i32.sub", ("i32.add", number(_BUFFER), size), number(1))
    found = [
        probe.number(("i32.load8_u", number(_COUNT))),
        probe.number(("i32.ne", size, zero)),
        probe.number(("i32.eqz", name)),
        *(probe.number(("i32.ne", ("i32.load8_u", each), number(255))) for each in (number(_BUFFER), last)),
        probe.number(("i32.load8_u", 1, last)),
        probe.number(("i32.load8_u", number(_COUNT + 8))),
    ]
    code += [
        ("memory.fill", number(_COUNT), number(255), number(16)),
        ("memory.fill", number(_BUFFER), number(255), number(4_096)),
        ("local.set", 0, ("i32.eqz", probe.call("fd_prestat_get", _FOLDER, _COUNT))),
        probe.number(("local.get", 0)),
        ("if", None, ("i32.and", ("local.get", 0), ("i32.le_u", size, number(4_095))), found),
    ]
    return probe.made(code, ["i32"])


def misusing(abi: str) -> bytes:
    """Return a probe that uses clocks and descriptors that do not exist, and emits whether each use succeeded."""
    names = ("clock_time_get", "clock_res_get", "fd_read", "fd_write", "fd_seek", "fd_close")
    probe = _WasiProbe(*names)
    calls = [probe.call("clock_time_get", clock, number(1, "i64"), _RESULT) for clock in (4, 99, (1 << 31) - 1)] + [
        probe.call("clock_res_get", clock, _RESULT) for clock in (4, 99)
    ]
    for descriptor in (50, (1 << 31) - 1):
        calls += [probe.call(name, descriptor, _VECTOR, 1, _SIZE) for name in ("fd_read", "fd_write")]
        calls += [probe.call("fd_seek", descriptor, number(0, "i64"), 0, _PLACE), probe.call("fd_close", descriptor)]
    return probe.made([*probe.buffer(_BUFFER, 3), *(probe.number(("i32.eqz", each)) for each in calls)])


_LAST: Final = 65_536 - 4
_NEAR_4_GIB: Final = 0xFFFF_FFF0

_BEYOND: Final[dict[str, tuple[str, tuple[Any, ...]]]] = {
    "a path": ("path_open", (_FOLDER, 0, _LAST + 3, 2, 0, _MAY_READ, _MAY_READ, 0, _RESULT)),
    "the place of the number of arguments": ("args_sizes_get", (_LAST + 1, _SIZE)),
    "the place of the size of the environment": ("environ_sizes_get", (_COUNT, _LAST + 1)),
    "the place of the time": ("clock_time_get", (0, number(1, "i64"), _LAST)),
    "random bytes": ("random_get", (_LAST, 5)),
    "random bytes that wrap around": ("random_get", (_NEAR_4_GIB, 32)),
    "the list of buffers": ("fd_write", (1, _LAST, 1, _SIZE)),
    "a buffer": ("fd_write", (1, _VECTOR, 1, _SIZE)),
    "a buffer at 16 MiB": ("fd_write", (1, _VECTOR, 1, _SIZE)),
    "the place of the number of bytes": ("fd_write", (1, _VECTORS, 1, _LAST + 1)),
    "the place of a descriptor": ("path_open", (_FOLDER, 0, _PATHS, 1, 0, _MAY_READ, _MAY_READ, 0, _LAST + 1)),
    "the place of a kind of folder": ("fd_prestat_get", (_FOLDER, _LAST - 3)),
}
_BUFFERS_BEYOND: Final = {"a buffer at 16 MiB": (1 << 24, 1)}
BEYOND: Final = tuple(_BEYOND)
"""The ranges that :func:`beyond` takes."""


def beyond(which: str) -> Build:
    """Return a probe that passes a range which ends behind its memory, and emits whether this succeeded."""

    def build(abi: str) -> bytes:
        name, arguments = _BEYOND[which]
        probe = _WasiProbe(name)
        probe.text("f")
        code = [
            *probe.buffer(*_BUFFERS_BEYOND.get(which, (_LAST, 5))),
            *probe.buffers([(_PATHS, 1)]),
            ("i32.store8", number(_LAST + 3), number(ord("f"))),
        ]
        return probe.made([*code, probe.number(("i32.eqz", probe.call(name, *arguments)))])

    return build


def seeking_nowhere(path: str, origins: Sequence[int]) -> Build:
    """Return a probe that moves to 2 in a file, then uses origins that do not exist, and emits whether each succeeded.

    It emits the place in the file after each of them.
    """

    def build(abi: str) -> bytes:
        probe = _WasiProbe("path_open", "fd_seek")

        def move(distance: int, origin: int) -> Any:
            return probe.call("fd_seek", _DESCRIPTOR, number(distance, "i64"), origin, _PLACE)

        code: list[Any] = [("drop", probe.open(path)), ("drop", move(2, 0))]
        for origin in origins:
            code += [
                probe.number(("i32.eqz", move(1, origin))),
                ("drop", move(0, 1)),
                probe.word(("i64.load", number(_PLACE))),
            ]
        return probe.made(code)

    return build


def seeking(path: str, moves: Sequence[tuple[int, int]]) -> Build:
    """Return a probe that moves in a file and reads 3 bytes after each move, and then closes the file twice.

    It emits for each move whether it succeeded, the place, the number of bytes read, and the bytes; then for each
    attempt to close whether it succeeded.

    Args:
        path: of the file.
        moves: distances, each with its origin: 0 the begin, 1 the place, 2 the end.
    """

    def build(abi: str) -> bytes:
        probe = _WasiProbe("path_open", "fd_read", "fd_seek", "fd_close")
        code: list[Any] = [("drop", probe.open(path)), *probe.buffer(_BUFFER, 3)]
        for distance, origin in moves:
            move = probe.call("fd_seek", _DESCRIPTOR, number(distance % (1 << 64), "i64"), origin, _PLACE)
            code += [
                ("i64.store", number(_PLACE), number(0, "i64")),
                ("i64.store", number(_BUFFER), number(0, "i64")),
                probe.number(("i32.eqz", move)),
                probe.word(("i64.load", number(_PLACE))),
                ("drop", probe.call("fd_read", _DESCRIPTOR, _VECTOR, 1, _SIZE)),
                probe.number(("i32.load", number(_SIZE))),
                probe.word(("i64.load", number(_BUFFER))),
            ]
        return probe.made([*code, *[probe.number(("i32.eqz", probe.call("fd_close", _DESCRIPTOR)))] * 2])

    return build


def changing_files(changes: Sequence[tuple[str, ...]]) -> Build:
    """Return a probe that changes files, and emits for each change whether it succeeded.

    A change is ``("write", path, text)`` to a new or emptied file, ``("append", path, text)``, ``("remove", path)``,
    ``("rename", path, path)`` or ``("link", target, path)``.
    """

    def build(abi: str) -> bytes:
        probe = _WasiProbe("path_open", "fd_write", "fd_close", "path_unlink_file", "path_rename", "path_symlink")
        return probe.made([each for change in changes for each in _changed(probe, *change)])

    return build


def _changed(probe: _WasiProbe, kind: str, first: str, second: str = "") -> list[Any]:
    if kind in ("write", "append"):
        flags, mode = (_CREATE | _TRUNCATE, 0) if kind == "write" else (_CREATE, _APPEND)
        opened = ("i32.eqz", probe.open(first, flags, mode))
        written = ("i32.eqz", probe.call("fd_write", _DESCRIPTOR, _VECTOR, 1, _SIZE))
        return [
            *probe.buffer(*probe.text(second)),
            ("i32.store", number(_RESULT), number(99)),
            probe.number(opened),
            probe.number(written),
            ("drop", probe.call("fd_close", _DESCRIPTOR)),
        ]
    if kind == "remove":
        return [probe.number(("i32.eqz", probe.call("path_unlink_file", _FOLDER, *probe.text(first))))]
    if kind == "rename":
        call = probe.call("path_rename", _FOLDER, *probe.text(first), _FOLDER, *probe.text(second))
        return [probe.number(("i32.eqz", call))]
    call = probe.call("path_symlink", *probe.text(first), _FOLDER, *probe.text(second))
    return [("drop", call)]  # a host may have links, as long as they lead nowhere


def opening(paths: Sequence[str]) -> Build:
    """Return a probe that tries to read and to write each path, and emits whether it could."""

    def build(abi: str) -> bytes:
        probe = _WasiProbe("path_open")
        code = []
        for path in paths:
            code += [probe.number(("i32.eqz", probe.open(path))), probe.number(("i32.eqz", probe.open(path, _CREATE)))]
        return probe.made(code)

    return build


def ending_at_the_end(abi: str) -> bytes:
    """Return a probe that emits 9 twice, the second time from the last bytes of its memory."""
    probe = SandboxProbe(abi)
    return probe.binary([probe.word(number(9, "i64")), probe.writing_from(65_536 - 17)])


Move = tuple[str | int, ...]
"""One step of :func:`moving`."""

_SLOTS: Final = DATA + 512
_CHANGES: Final = ("path_open", "fd_read", "fd_write", "fd_seek", "fd_close", "path_unlink_file", "path_rename")


def moving(moves: Sequence[Move]) -> Build:
    """Return a probe that uses several descriptors, and emits for each step whether it succeeded.

    Args:
        moves: a descriptor is stated as a slot, which ``open`` fills and ``close`` does not empty. After ``seek`` the
            probe also emits the place, and after ``read`` the size and the first 8 bytes. A step is
            ``("open", slot, path, flags, mode)``, ``("write", slot, text)``, ``("read", slot, size)``,
            ``("seek", slot, distance, origin)``, ``("close", slot)``, ``("rename", path, path)`` or
            ``("remove", path)``.
    """

    def build(abi: str) -> bytes:
        probe = _WasiProbe(*_CHANGES)
        return probe.made([each for move in moves for each in _moved(probe, *move)])

    return build


def _moved(probe: _WasiProbe, kind: str | int, first: Any, *more: Any) -> list[Any]:
    if kind in ("rename", "remove"):
        paths = [each for path in (first, *more) for each in (_FOLDER, *probe.text(path))]
        name = "path_rename" if kind == "rename" else "path_unlink_file"
        return [probe.number(("i32.eqz", probe.call(name, *paths)))]
    slot = number(_SLOTS + 4 * first)
    descriptor = ("i32.load", slot)
    if kind == "open":
        path, flags, mode = more
        fails = probe.call("path_open", _FOLDER, 0, *probe.text(path), flags, _RIGHTS, _RIGHTS, mode, slot)
        return [("i32.store", slot, number(99)), probe.number(("i32.eqz", fails))]
    if kind == "write":
        fails = probe.call("fd_write", descriptor, _VECTOR, 1, _SIZE)
        return [*probe.buffer(*probe.text(more[0])), probe.number(("i32.eqz", fails))]
    if kind == "read":
        return [
            ("i32.store", number(_SIZE), zero),
            ("i64.store", number(_BUFFER), number(0, "i64")),
            *probe.buffer(_BUFFER, more[0]),
            probe.number(("i32.eqz", probe.call("fd_read", descriptor, _VECTOR, 1, _SIZE))),
            probe.number(("i32.load", number(_SIZE))),
            probe.word(("i64.load", number(_BUFFER))),
        ]
    if kind == "seek":
        distance, origin = more
        fails = probe.call("fd_seek", descriptor, number(distance % (1 << 64), "i64"), origin, _PLACE)
        return [
            ("i64.store", number(_PLACE), number(0, "i64")),
            probe.number(("i32.eqz", fails)),
            probe.word(("i64.load", number(_PLACE))),
        ]
    return [probe.number(("i32.eqz", probe.call("fd_close", descriptor)))]


def pointing(which: str, count: int, words: int) -> Build:
    """Return a probe that emits its variables or arguments, each from where its pointer points to.

    It emits the number of texts, the sum of their sizes, the error number, and of each text its first words.

    Args:
        which: ``environ`` or ``args``.
        count: how many pointers are followed.
        words: how many words of each text; those behind its end are of any value.
    """

    def build(abi: str) -> bytes:
        probe = _WasiProbe(f"{which}_sizes_get", f"{which}_get")
        code: list[Any] = [
            ("drop", probe.call(f"{which}_sizes_get", _COUNT, _SIZE)),
            probe.number(("i32.load", number(_COUNT))),
            probe.number(("i32.load", number(_SIZE))),
            probe.number(probe.call(f"{which}_get", _TABLE, _TEXTS)),
        ]
        for at in range(count):
            text = ("i32.load", number(_TABLE + 4 * at))
            code += [probe.word(("i64.load", 8 * word, text)) for word in range(words)]
        return probe.made(code)

    return build


def cpu_clocks(now: int) -> Build:
    """Return a probe that emits, for each of the clocks of the processor, whether it shows another time."""

    def build(abi: str) -> bytes:
        probe = _WasiProbe("clock_time_get")
        other = ("i64.ne", ("i64.load", number(_RESULT)), number(now, "i64"))
        code: list[Any] = []
        for clock in (2, 3):
            shows = ("i32.eqz", probe.call("clock_time_get", clock, number(1, "i64"), _RESULT))
            code.append(probe.number(("i32.and", shows, other)))
        return probe.made(code)

    return build


def writing_errors(text: str) -> Build:
    """Return a probe that writes a text to standard error, before a word and behind it."""

    def build(abi: str) -> bytes:
        probe = _WasiProbe("fd_write")
        write = [*probe.buffer(*probe.text(text)), ("drop", probe.call("fd_write", 2, _VECTOR, 1, _SIZE))]
        return probe.made([*write, probe.word(number(7, "i64")), *write])

    return build


_END: Final = _LAST + 4

_OUT_OF_REACH: Final[dict[str, tuple[str, tuple[Any, ...]]]] = {
    "a buffer of a file to read": ("fd_read", (_DESCRIPTOR, _VECTOR, 1, _SIZE)),
    "a buffer of a file to write": ("fd_write", (_DESCRIPTOR, _VECTOR, 1, _SIZE)),
    "the place of the size that was read": ("fd_read", (_DESCRIPTOR, _VECTORS, 1, _LAST + 1)),
    "the place in a file": ("fd_seek", (_DESCRIPTOR, number(0, "i64"), 1, _LAST)),
    "the name of the folder": ("fd_prestat_dir_name", (_FOLDER, _END, ("i32.load", number(_SIZE)))),
    "the path of a file to remove": ("path_unlink_file", (_FOLDER, _LAST + 3, 2)),
    "the new path of a file": ("path_rename", (_FOLDER, _PATHS, 1, _FOLDER, _LAST + 3, 2)),
    "arguments": ("args_get", (_TABLE, _END - 2)),
    "the table of arguments": ("args_get", (_LAST + 1, _TEXTS)),
    "variables": ("environ_get", (_TABLE, _END - 2)),
    "the table of variables": ("environ_get", (_LAST + 1, _TEXTS)),
}
OUT_OF_REACH: Final = tuple(_OUT_OF_REACH)
"""The ranges that :func:`out_of_reach` takes; those of arguments and variables are the last four."""


def out_of_reach(which: str) -> Build:
    """Return a probe that opens the file ``f`` and passes a range behind its memory, and emits whether this succeeded.

    The file is not opened before the ranges of arguments and variables.
    """

    def build(abi: str) -> bytes:
        name, arguments = _OUT_OF_REACH[which]
        probe = _WasiProbe("path_open", "fd_prestat_get", name)
        opens: list[Any] = [
            ("drop", probe.open("f", _CREATE)),
            ("drop", probe.call("fd_prestat_get", _FOLDER, _COUNT)),
        ]
        if name in ("args_get", "environ_get"):
            probe, opens = _WasiProbe(name), []
        code = [
            *opens,
            *probe.buffer(_LAST, 5),
            *probe.buffers([(_BUFFER, 1)]),
            ("i32.store8", number(_LAST + 3), number(ord("f"))),
        ]
        return probe.made([*code, probe.number(("i32.eqz", probe.call(name, *arguments)))])

    return build
