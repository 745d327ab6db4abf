"""Probes of the ABI ``wasi`` that look for what they were granted, and for what they were not.

Spec: ``sandbox/authority``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from gritstone_conformance.strategies.probes import number, zero
from gritstone_conformance.strategies.sandbox_abi import SandboxProbe
from gritstone_conformance.strategies.sandbox_probes import Build
from gritstone_conformance.strategies.wasi_probe import (
    APPEND,
    BUFFER,
    COUNT,
    CREATE,
    DESCRIPTOR,
    DIRECTORY,
    FOLDER,
    LAST,
    PATHS,
    PLACE,
    RESULT,
    SIZE,
    TABLE,
    TEXTS,
    TRUNCATE,
    VECTOR,
    VECTORS,
    WasiProbe,
)

__all__ = [
    "OUTSIDE",
    "beyond",
    "changing_files",
    "clocks",
    "drawing",
    "ending_at_the_end",
    "escaping",
    "folders",
    "gathering",
    "listing",
    "looking",
    "misusing",
    "reading",
    "scattering",
    "seeking",
    "seeking_nowhere",
    "sleeping",
]


def listing(which: str) -> Build:
    """Return a probe that emits the number and the size of its variables or arguments, and both error numbers.

    If there are none, a host may refuse to return them, and the second error number is emitted as 0.

    Args:
        which: ``environ`` or ``args``.
    """

    def build(abi: str) -> bytes:
        probe = WasiProbe(f"{which}_sizes_get", f"{which}_get")
        return probe.made(
            [
                probe.number(probe.call(f"{which}_sizes_get", COUNT, SIZE)),
                probe.number(("i32.load", number(COUNT))),
                probe.number(("i32.load", number(SIZE))),
                probe.number(("select", probe.call(f"{which}_get", TABLE, TEXTS), zero, ("i32.load", number(COUNT)))),
            ]
        )

    return build


def looking(abi: str) -> bytes:
    """Return a probe that emits 1 for each thing that it can observe, and 0 for each that it cannot.

    In this order: variables, more than one argument, sockets, folders at the descriptors 3 to 9, files at the
    descriptors 0 to 9. One argument may be a constant, such as a name that the host gives to each program.
    """
    probe = WasiProbe(
        *("environ_sizes_get", "args_sizes_get", "fd_prestat_get", "path_open", "sock_accept"),
    )
    found = ("i32.load", number(COUNT))

    def counts(name: str, most: int) -> Any:
        fails = probe.call(name, COUNT, SIZE)
        return probe.number(("select", zero, ("i32.gt_u", found, number(most)), ("i32.ne", fails, zero)))

    code: list[Any] = [counts("environ_sizes_get", 0), counts("args_sizes_get", 1)]
    code.append(probe.number(("i32.eqz", probe.call("sock_accept", FOLDER, 0, RESULT))))
    folders = [probe.call("fd_prestat_get", descriptor, RESULT) for descriptor in range(3, 10)]
    opened = [probe.open_plainly(path, descriptor) for descriptor in range(10) for path in OUTSIDE]
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
    probe = WasiProbe("clock_time_get")
    code: list[Any] = []
    for clock in (0, 1):
        code.append(("i64.store", number(RESULT), number(0, "i64")))
        code.append(probe.number(probe.call("clock_time_get", clock, number(1, "i64"), RESULT)))
        code.append(probe.word(("i64.load", number(RESULT))))
    return probe.made(code)


def drawing(abi: str) -> bytes:
    """Return a probe that emits the error number and four words of random bytes, read in two pieces."""
    probe = WasiProbe("random_get")
    return probe.made(
        [
            ("memory.fill", number(BUFFER), zero, number(32)),
            probe.number(probe.call("random_get", BUFFER, 13)),
            probe.number(probe.call("random_get", BUFFER + 13, 19)),
            *(probe.word(("i64.load", number(BUFFER + 8 * at))) for at in range(4)),
        ]
    )


def sleeping(milliseconds: int) -> Build:
    """Return a probe that asks to wait, and emits whether it may not.

    It subscribes to the monotonic clock and calls ``poll_oneoff``.
    """

    def build(abi: str) -> bytes:
        probe = WasiProbe("poll_oneoff")
        return probe.made(
            [
                ("i32.store", number(BUFFER + 16), number(1)),  # the monotonic clock
                ("i64.store", number(BUFFER + 24), number(milliseconds * 1_000_000, "i64")),
                probe.number(("i32.ne", probe.call("poll_oneoff", BUFFER, TABLE, 1, COUNT), zero)),
            ]
        )

    return build


def reading(paths: Sequence[str], words: int = 4) -> Build:
    """Return a probe that opens each path, reads it twice, and emits whether it opened, the sizes and some words."""

    def build(abi: str) -> bytes:
        probe = WasiProbe("path_open", "fd_read", "fd_close")
        code: list[Any] = []
        read = probe.number(probe.through("fd_read", DESCRIPTOR))
        for path in paths:
            code += [
                ("memory.fill", number(BUFFER), zero, number(8 * words)),
                *probe.buffer(BUFFER, 8 * words - 3),
                ("i32.store", number(RESULT), number(99)),
                probe.number(("i32.eqz", probe.open(path))),
                read,
                *probe.buffer(BUFFER + 8 * words - 3, 3),
                read,
                *(probe.word(("i64.load", number(BUFFER + 8 * at))) for at in range(words)),
                ("drop", probe.call("fd_close", DESCRIPTOR)),
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
        probe = WasiProbe("path_open", "fd_read")
        places = [BUFFER + sum(sizes[:at]) + at for at in range(len(sizes))]
        code: list[Any] = [
            ("drop", probe.open(path)),
            *probe.buffers([*zip(places, sizes, strict=True)]),
            probe.number(probe.through("fd_read", DESCRIPTOR, len(sizes), VECTORS)),
            *(probe.word(("i64.load", number(BUFFER + 8 * at))) for at in range(words)),
        ]
        return probe.made(code)

    return build


def gathering(path: str | None, texts: Sequence[str]) -> Build:
    """Return a probe that writes texts from several buffers, in the opposite order of their places in memory.

    Args:
        path: of the file, which may be new; None for standard output. The probe emits the sum of the sizes, but not if
            it writes to standard output.
        texts: one for each buffer.
    """

    def build(abi: str) -> bytes:
        probe = WasiProbe(*(["fd_write"] if path is None else ["path_open", "fd_write"]))
        buffers = [probe.text(text) for text in reversed(texts)][::-1]
        code: list[Any] = probe.buffers(buffers)
        if path is None:
            return probe.made([*code, ("drop", probe.through("fd_write", 1, len(texts), VECTORS))])
        written = probe.through("fd_write", DESCRIPTOR, len(texts), VECTORS)
        return probe.made([*code, ("drop", probe.open(path, CREATE | TRUNCATE)), probe.number(written)])

    return build


def folders(abi: str) -> bytes:
    """Return a probe that looks for folders that were opened for it.

    It emits for each descriptor 0 to 9 except 3 whether it is one, and whether it has a name. Then it emits whether 3
    is one, and if so: the kind, whether the name has a length, whether it is written, whether its first and last byte
    are there, the byte behind it, and the byte behind the kind and the length. No host writes the last two.
    """
    probe = WasiProbe("fd_prestat_get", "fd_prestat_dir_name")
    size = ("i32.load", number(SIZE))
    code: list[Any] = []
    for descriptor in (0, 1, 2, *range(4, 10)):
        code.append(probe.number(("i32.eqz", probe.call("fd_prestat_get", descriptor, COUNT))))
        code.append(probe.number(("i32.eqz", probe.call("fd_prestat_dir_name", descriptor, BUFFER, 1))))
    name = probe.call("fd_prestat_dir_name", FOLDER, BUFFER, size)
    last = ("i32.sub", ("i32.add", number(BUFFER), size), number(1))
    found = [
        probe.number(("i32.load8_u", number(COUNT))),
        probe.number(("i32.ne", size, zero)),
        probe.number(("i32.eqz", name)),
        *(probe.number(("i32.ne", ("i32.load8_u", each), number(255))) for each in (number(BUFFER), last)),
        probe.number(("i32.load8_u", 1, last)),
        probe.number(("i32.load8_u", number(COUNT + 8))),
    ]
    code += [
        ("memory.fill", number(COUNT), number(255), number(16)),
        ("memory.fill", number(BUFFER), number(255), number(4_096)),
        ("local.set", 0, ("i32.eqz", probe.call("fd_prestat_get", FOLDER, COUNT))),
        probe.number(("local.get", 0)),
        ("if", None, ("i32.and", ("local.get", 0), ("i32.le_u", size, number(4_095))), found),
    ]
    return probe.made(code, ["i32"])


def misusing(abi: str) -> bytes:
    """Return a probe that uses clocks and descriptors that do not exist, and emits whether each use succeeded."""
    names = ("clock_time_get", "clock_res_get", "fd_read", "fd_write", "fd_seek", "fd_close")
    probe = WasiProbe(*names)
    calls = [probe.call("clock_time_get", clock, number(1, "i64"), RESULT) for clock in (4, 99, (1 << 31) - 1)] + [
        probe.call("clock_res_get", clock, RESULT) for clock in (4, 99)
    ]
    for descriptor in (50, (1 << 31) - 1):
        calls += [probe.call(name, descriptor, VECTOR, 1, SIZE) for name in ("fd_read", "fd_write")]
        calls += [probe.call("fd_seek", descriptor, number(0, "i64"), 0, PLACE), probe.call("fd_close", descriptor)]
    return probe.made([*probe.buffer(BUFFER, 3), *(probe.number(("i32.eqz", each)) for each in calls)])


_NEAR_4_GIB: Final = 0xFFFF_FFF0
_NO_RIGHTS: Final = number(0, "i64")  # which every host passes on

_BEYOND: Final[dict[str, tuple[str, tuple[Any, ...]]]] = {
    "a path": ("path_open", (FOLDER, 0, LAST + 3, 2, 0, _NO_RIGHTS, _NO_RIGHTS, 0, RESULT)),
    "the place of the number of arguments": ("args_sizes_get", (LAST + 1, SIZE)),
    "the place of the size of the environment": ("environ_sizes_get", (COUNT, LAST + 1)),
    "the place of the time": ("clock_time_get", (0, number(1, "i64"), LAST)),
    "random bytes": ("random_get", (LAST, 5)),
    "random bytes that wrap around": ("random_get", (_NEAR_4_GIB, 32)),
    "the list of buffers": ("fd_write", (1, LAST, 1, SIZE)),
    "a buffer": ("fd_write", (1, VECTOR, 1, SIZE)),
    "a buffer at 16 MiB": ("fd_write", (1, VECTOR, 1, SIZE)),
    "the place of the number of bytes": ("fd_write", (1, VECTORS, 1, LAST + 1)),  # of an empty buffer
    "the place of a descriptor": ("path_open", (FOLDER, 0, PATHS, 1, 0, _NO_RIGHTS, _NO_RIGHTS, 0, LAST + 1)),
    "the place of a kind of folder": ("fd_prestat_get", (FOLDER, LAST - 3)),
}
_BUFFERS_BEYOND: Final = {"a buffer at 16 MiB": (1 << 24, 1)}
BEYOND: Final = tuple(_BEYOND)
"""The ranges that :func:`beyond` takes."""


def beyond(which: str) -> Build:
    """Return a probe that passes a range which ends behind its memory, and emits whether this succeeded."""

    def build(abi: str) -> bytes:
        name, arguments = _BEYOND[which]
        probe = WasiProbe(name)
        probe.text("f")
        code = [
            *probe.buffer(*_BUFFERS_BEYOND.get(which, (LAST, 5))),
            *probe.buffers([(PATHS, 0)]),  # a write that fails may have written the bytes of its buffers
            ("i32.store8", number(LAST + 3), number(ord("f"))),
        ]
        return probe.made([*code, probe.number(("i32.eqz", probe.call(name, *arguments)))])

    return build


def seeking_nowhere(path: str, origins: Sequence[int]) -> Build:
    """Return a probe that moves to 2 in a file, then uses origins that do not exist, and emits whether each succeeded.

    It emits the place in the file after each of them.
    """

    def build(abi: str) -> bytes:
        probe = WasiProbe("path_open", "fd_seek")

        def move(distance: int, origin: int) -> Any:
            return probe.call("fd_seek", DESCRIPTOR, number(distance, "i64"), origin, PLACE)

        code: list[Any] = [("drop", probe.open(path)), ("drop", move(2, 0))]
        for origin in origins:
            code += [
                probe.number(("i32.eqz", move(1, origin))),
                ("drop", move(0, 1)),
                probe.word(("i64.load", number(PLACE))),
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
        probe = WasiProbe("path_open", "fd_read", "fd_seek", "fd_close")
        code: list[Any] = [("drop", probe.open(path))]
        for distance, origin in moves:
            move = probe.call("fd_seek", DESCRIPTOR, number(distance % (1 << 64), "i64"), origin, PLACE)
            code += [
                ("i64.store", number(PLACE), number(0, "i64")),
                ("i64.store", number(BUFFER), number(0, "i64")),
                probe.number(("i32.eqz", move)),
                probe.word(("i64.load", number(PLACE))),
                *probe.buffer(BUFFER, 3),
                probe.number(probe.through("fd_read", DESCRIPTOR)),
                probe.word(("i64.load", number(BUFFER))),
            ]
        return probe.made([*code, *[probe.number(("i32.eqz", probe.call("fd_close", DESCRIPTOR)))] * 2])

    return build


def changing_files(changes: Sequence[tuple[str, ...]]) -> Build:
    """Return a probe that changes files, and emits for each change whether it succeeded.

    A change is ``("write", path, text)`` to a new or emptied file, ``("append", path, text)``, ``("remove", path)``,
    ``("rename", path, path)`` or ``("link", target, path)``.
    """

    def build(abi: str) -> bytes:
        probe = WasiProbe("path_open", "fd_write", "fd_close", "path_unlink_file", "path_rename", "path_symlink")
        return probe.made([each for change in changes for each in _changed(probe, *change)])

    return build


def _changed(probe: WasiProbe, kind: str, first: str, second: str = "") -> list[Any]:
    if kind in ("write", "append"):
        flags, mode = (CREATE | TRUNCATE, 0) if kind == "write" else (CREATE, APPEND)
        return [
            *probe.buffer(*probe.text(second)),
            ("i32.store", number(RESULT), number(99)),
            probe.number(("i32.eqz", probe.open(first, flags, mode))),
            ("drop", probe.through("fd_write", DESCRIPTOR)),
            probe.number(probe.succeeds()),
            ("drop", probe.call("fd_close", DESCRIPTOR)),
        ]
    if kind == "remove":
        return [probe.number(("i32.eqz", probe.call("path_unlink_file", FOLDER, *probe.text(first))))]
    if kind == "rename":
        call = probe.call("path_rename", FOLDER, *probe.text(first), FOLDER, *probe.text(second))
        return [probe.number(("i32.eqz", call))]
    call = probe.call("path_symlink", *probe.text(first), FOLDER, *probe.text(second))
    return [("drop", call)]  # a host may have links, as long as they lead nowhere


def escaping(paths: Sequence[str], behind: str, known: str) -> Build:
    """Return a probe that reads, as far as it can, the first 8 bytes of what each path leads to.

    A path may be opened as a file or as a folder. From a folder the probe reads two further paths. For each path it
    emits the bytes of the file, whether it is a folder, and the bytes of both further paths; they are 0 where nothing
    was read. Then it tries to create a file at each path.

    Args:
        paths: which may lead outside.
        behind: a further path that may lead outside.
        known: a further path that leads to a granted file.
    """

    def build(abi: str) -> bytes:
        probe = WasiProbe("path_open", "fd_read", "fd_close")
        code: list[Any] = []
        read = [
            ("i64.store", number(BUFFER), number(0, "i64")),
            *probe.buffer(BUFFER, 8),
            ("drop", probe.through("fd_read", DESCRIPTOR)),
            probe.word(("i64.load", number(BUFFER))),
            ("drop", probe.call("fd_close", DESCRIPTOR)),
        ]
        reset = ("i32.store", number(RESULT), number(99))
        opened = ("i32.load", number(COUNT))
        for path in paths:
            code += [reset, ("drop", probe.open(path)), *read, reset]
            code.append(probe.number(("i32.eqz", probe.open(path, DIRECTORY))))
            code.append(("i32.store", number(COUNT), DESCRIPTOR))
            for further in (behind, known):
                code += [reset, ("drop", probe.open(further, folder=opened)), *read]
            code.append(("drop", probe.call("fd_close", opened)))
        return probe.made([*code, *(("drop", probe.open(path, CREATE)) for path in paths)])

    return build


def ending_at_the_end(abi: str) -> bytes:
    """Return a probe that emits 9 twice, the second time from the last bytes of its memory."""
    probe = SandboxProbe(abi)
    return probe.binary([probe.word(number(9, "i64")), probe.writing_from(65_536 - 17)])
