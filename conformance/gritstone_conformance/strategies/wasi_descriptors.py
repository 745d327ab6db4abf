"""Probes of the ABI ``wasi`` that use several descriptors, follow pointers, or pass ranges behind their memory.

Spec: ``sandbox/authority``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from gritstone_conformance.strategies.probes import number
from gritstone_conformance.strategies.sandbox_probes import Build
from gritstone_conformance.strategies.wasi_files import FILE_STEPS, SLOTS, file_step
from gritstone_conformance.strategies.wasi_probe import (
    BUFFER,
    COUNT,
    CREATE,
    DESCRIPTOR,
    FOLDER,
    LAST,
    PATHS,
    PLACE,
    RESULT,
    SIZE,
    TABLE,
    TEXTS,
    VECTOR,
    VECTORS,
    WasiProbe,
)

__all__ = [
    "OUT_OF_REACH",
    "Move",
    "cpu_clocks",
    "moving",
    "out_of_reach",
    "pointing",
    "writing_errors",
]

Move = tuple[str | int, ...]
"""One step of :func:`moving`."""

_CHANGES: Final = ("path_open", "fd_read", "fd_write", "fd_seek", "fd_close", "path_unlink_file", "path_rename")


def moving(moves: Sequence[Move]) -> Build:
    """Return a probe that uses several descriptors, and emits for each step whether it succeeded.

    Args:
        moves: a descriptor is stated as a slot, which ``open`` fills and ``close`` does not empty. After ``seek`` the
            probe also emits the place, and after ``read`` the size and the first 8 bytes. A step is
            ``("open", slot, path, flags, mode)``, ``("write", slot, text)``, ``("read", slot, size)``,
            ``("seek", slot, distance, origin)``, ``("close", slot)``, ``("rename", path, path)``,
            ``("remove", path)``, or a kind of ``FILE_STEPS`` with its arguments.
    """
    more = [name for kind, *_ in moves for name in FILE_STEPS.get(str(kind), ((), None))[0]]

    def build(abi: str) -> bytes:
        probe = WasiProbe(*dict.fromkeys([*_CHANGES, *more]))
        return probe.made([each for move in moves for each in _moved(probe, *move)])

    return build


def _moved(probe: WasiProbe, kind: str | int, *arguments: Any) -> list[Any]:
    if kind in FILE_STEPS:
        return file_step(probe, str(kind), *arguments)
    first, *more = arguments
    if kind in ("rename", "remove"):
        paths = [each for path in (first, *more) for each in (FOLDER, *probe.text(path))]
        name = "path_rename" if kind == "rename" else "path_unlink_file"
        return [probe.number(("i32.eqz", probe.call(name, *paths)))]
    slot = number(SLOTS + 4 * first)
    descriptor = ("i32.load", slot)
    if kind == "open":
        path, flags, mode = more
        fails = probe.open_to_change(path, flags, mode, SLOTS + 4 * first)
        return [("i32.store", slot, number(99)), probe.number(("i32.eqz", fails))]
    if kind == "write":
        write = ("drop", probe.through("fd_write", descriptor))
        return [*probe.buffer(*probe.text(more[0])), write, probe.number(probe.succeeds())]
    if kind == "read":
        return [
            ("i64.store", number(BUFFER), number(0, "i64")),
            *probe.buffer(BUFFER, more[0]),
            ("i32.store", number(COUNT), probe.through("fd_read", descriptor)),
            probe.number(probe.succeeds()),
            probe.number(("i32.load", number(COUNT))),
            probe.word(("i64.load", number(BUFFER))),
        ]
    if kind == "seek":
        distance, origin = more
        fails = probe.call("fd_seek", descriptor, number(distance % (1 << 64), "i64"), origin, PLACE)
        return [
            ("i64.store", number(PLACE), number(0, "i64")),
            probe.number(("i32.eqz", fails)),
            probe.word(("i64.load", number(PLACE))),
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
        probe = WasiProbe(f"{which}_sizes_get", f"{which}_get")
        code: list[Any] = [
            ("drop", probe.call(f"{which}_sizes_get", COUNT, SIZE)),
            probe.number(("i32.load", number(COUNT))),
            probe.number(("i32.load", number(SIZE))),
            probe.number(probe.call(f"{which}_get", TABLE, TEXTS)),
        ]
        for at in range(count):
            text = ("i32.load", number(TABLE + 4 * at))
            code += [probe.word(("i64.load", 8 * word, text)) for word in range(words)]
        return probe.made(code)

    return build


def cpu_clocks(now: int) -> Build:
    """Return a probe that emits, for each of the clocks of the processor, whether it shows another time."""

    def build(abi: str) -> bytes:
        probe = WasiProbe("clock_time_get")
        other = ("i64.ne", ("i64.load", number(RESULT)), number(now, "i64"))
        code: list[Any] = []
        for clock in (2, 3):
            shows = ("i32.eqz", probe.call("clock_time_get", clock, number(1, "i64"), RESULT))
            code.append(probe.number(("i32.and", shows, other)))
        return probe.made(code)

    return build


def writing_errors(text: str) -> Build:
    """Return a probe that writes a text to standard error, before a word and behind it."""

    def build(abi: str) -> bytes:
        probe = WasiProbe("fd_write")
        write = [*probe.buffer(*probe.text(text)), ("drop", probe.call("fd_write", 2, VECTOR, 1, SIZE))]
        return probe.made([*write, probe.word(number(7, "i64")), *write])

    return build


_END: Final = LAST + 4

_OUT_OF_REACH: Final[dict[str, tuple[str, tuple[Any, ...]]]] = {
    "a buffer of a file to read": ("fd_read", (DESCRIPTOR, VECTOR, 1, SIZE)),
    "a buffer of a file to write": ("fd_write", (DESCRIPTOR, VECTOR, 1, SIZE)),
    "the place of the size that was read": ("fd_read", (DESCRIPTOR, VECTORS, 1, LAST + 1)),
    "the place in a file": ("fd_seek", (DESCRIPTOR, number(0, "i64"), 1, LAST)),
    "the name of the folder": ("fd_prestat_dir_name", (FOLDER, _END, ("i32.load", number(SIZE)))),
    "the path of a file to remove": ("path_unlink_file", (FOLDER, LAST + 3, 2)),
    "the new path of a file": ("path_rename", (FOLDER, PATHS, 1, FOLDER, LAST + 3, 2)),
    "arguments": ("args_get", (TABLE, _END - 2)),
    "the table of arguments": ("args_get", (LAST + 1, TEXTS)),
    "variables": ("environ_get", (TABLE, _END - 2)),
    "the table of variables": ("environ_get", (LAST + 1, TEXTS)),
}
OUT_OF_REACH: Final = tuple(_OUT_OF_REACH)
"""The ranges that :func:`out_of_reach` takes; those of arguments and variables are the last four."""


def out_of_reach(which: str) -> Build:
    """Return a probe that opens the file ``f`` and passes a range behind its memory, and emits whether this succeeded.

    The file is not opened before the ranges of arguments and variables.
    """

    def build(abi: str) -> bytes:
        name, arguments = _OUT_OF_REACH[which]
        probe = WasiProbe("path_open", "fd_prestat_get", name)
        opens: list[Any] = [
            ("drop", probe.open("f", CREATE)),
            ("drop", probe.call("fd_prestat_get", FOLDER, COUNT)),
        ]
        if name in ("args_get", "environ_get"):
            probe, opens = WasiProbe(name), []
        code = [
            *opens,
            *probe.buffer(LAST, 5),
            *probe.buffers([(BUFFER, 1)]),
            ("i32.store8", number(LAST + 3), number(ord("f"))),
        ]
        return probe.made([*code, probe.number(("i32.eqz", probe.call(name, *arguments)))])

    return build
