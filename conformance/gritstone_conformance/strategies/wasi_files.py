"""Steps of a probe of the ABI ``wasi`` that C libraries and Rust's standard library make before and with files.

Spec: ``sandbox/authority``.
"""

from __future__ import annotations

from typing import Any, Final

from gritstone_conformance.strategies.probes import number, zero
from gritstone_conformance.strategies.sandbox_abi import DATA
from gritstone_conformance.strategies.wasi_probe import (
    BUFFER,
    COUNT,
    DESCRIPTOR,
    DIRECTORY,
    FOLDER,
    PLACE,
    SIZE,
    STAT,
    VECTOR,
    WasiProbe,
)

__all__ = ["FILE_STEPS", "SLOTS", "file_step"]

SLOTS: Final = DATA + 512
"""Where the descriptors of a probe are."""

_FLAGS: Final = 31
_ENTRY_BYTES: Final = 24  # in front of a name
_LISTED_BYTES: Final = 70  # room for two entries, so that a folder is listed in several calls
_DOT: Final = ord(".")
_CHANGES: Final = (9, 10, 13, 14, 16, 17, 18, 25, 26)  # rights of the folder: to open, create, list, rename, remove
_PASSED: Final = (1, 2, 5, 6, 21, 22)  # rights of files: to read, write, move, and to get and set the size


def _slot(first: int) -> Any:
    return ("i32.load", number(SLOTS + 4 * first))


def _whether(probe: WasiProbe, call: Any) -> Any:
    return probe.number(("i32.eqz", call))


def _described(probe: WasiProbe, fails: Any) -> list[Any]:
    """Emit whether a description was returned, the type of the file, and its size."""
    fill = ("memory.fill", number(STAT), zero, number(64))
    kind, size = ("i32.load8_u", number(STAT + 16)), ("i64.load", number(STAT + 32))
    return [fill, _whether(probe, fails), probe.number(kind), probe.word(size)]


def _status(probe: WasiProbe, first: int) -> list[Any]:
    """Emit whether there is a status, the type of the file, and the flags."""
    kind, flags = ("i32.load8_u", number(STAT)), ("i32.load16_u", number(STAT + 2))
    fill = ("memory.fill", number(STAT), zero, number(24))
    get = _whether(probe, probe.call("fd_fdstat_get", _slot(first), STAT))
    return [fill, get, probe.number(kind), probe.number(("i32.and", flags, number(_FLAGS)))]


def _folder(probe: WasiProbe) -> list[Any]:
    """Emit whether the folder has a status, its type, and whether it has the rights of its own and for its files."""
    fill = ("memory.fill", number(STAT), zero, number(24))
    code = [fill, _whether(probe, probe.call("fd_fdstat_get", FOLDER, STAT))]
    code.append(probe.number(("i32.load8_u", number(STAT))))
    for place, bits in ((STAT + 8, _CHANGES), (STAT + 16, _PASSED)):
        rights = number(sum(1 << bit for bit in bits), "i64")
        code.append(probe.number(("i64.eq", ("i64.and", ("i64.load", number(place)), rights), rights)))
    return code


def _read_at(probe: WasiProbe, first: int, offset: int) -> list[Any]:
    """Emit whether a byte at a place was read, how many, and the byte."""
    read = probe.call("fd_pread", _slot(first), VECTOR, 1, number(offset, "i64"), SIZE)
    return [
        ("i32.store", number(SIZE), zero),
        ("i32.store8", number(BUFFER), zero),
        *probe.buffer(BUFFER, 1),
        _whether(probe, read),
        probe.number(("i32.load", number(SIZE))),
        probe.number(("i32.load8_u", number(BUFFER))),
    ]


def _write_at(probe: WasiProbe, first: int, byte: str, offset: int) -> list[Any]:
    write = probe.call("fd_pwrite", _slot(first), VECTOR, 1, number(offset, "i64"), SIZE)
    return [*probe.buffer(*probe.text(byte)), _whether(probe, write)]


def _tell(probe: WasiProbe, first: int) -> list[Any]:
    told = _whether(probe, probe.call("fd_tell", _slot(first), PLACE))
    return [("i64.store", number(PLACE), number(0, "i64")), told, probe.word(("i64.load", number(PLACE)))]


def _list(probe: WasiProbe, path: str) -> list[Any]:
    """Emit the number of entries except dots, and the sum of their first bytes, each times the type of its file."""
    return [
        ("drop", probe.open(path, DIRECTORY)),
        ("i32.store", number(COUNT), DESCRIPTOR),
        probe.word(("call", _define_list(probe), ("i32.load", number(COUNT)))),
        ("drop", probe.call("fd_close", ("i32.load", number(COUNT)))),
    ]


def _define_list(probe: WasiProbe) -> int:
    folder, cookie, used, at, found = (("local.get", local) for local in range(5))
    entry = ("i32.add", number(BUFFER), at)
    following = ("i32.add", ("i32.add", at, number(_ENTRY_BYTES)), ("i32.load", 16, entry))
    first = ("i32.load8_u", _ENTRY_BYTES, entry)
    value = ("i32.add", number(1 << 24), ("i32.mul", first, ("i32.load8_u", 20, entry)))
    # the length of a name is there only if the part in front of it is whole
    is_whole = ("i32.le_u", ("i32.add", at, number(_ENTRY_BYTES)), used)
    entries = [
        ("br_if", 1, ("i32.eqz", is_whole)),
        ("br_if", 1, ("i32.gt_u", following, used)),
        ("local.set", 4, ("i32.add", found, ("select", zero, value, ("i32.eq", first, number(_DOT))))),
        ("local.set", 1, ("i64.load", entry)),
        ("local.set", 3, following),
        ("br", 0),
    ]
    call = probe.call("fd_readdir", folder, BUFFER, number(_LISTED_BYTES), cookie, SIZE)
    step = [
        ("i32.store", number(SIZE), zero),
        ("br_if", 1, call),
        ("local.set", 2, ("i32.load", number(SIZE))),
        ("local.set", 3, zero),
        ("block", None, [("loop", None, entries)]),
        ("br_if", 0, ("i32.and", ("i32.ge_u", used, number(_LISTED_BYTES)), ("i32.ne", at, zero))),
    ]
    code = [("block", None, [("loop", None, step)]), ("i64.extend_i32_u", found)]
    return probe.module.function(["i32"], ["i64"], ["i64", "i32", "i32", "i32"], code)


def _on_path(name: str) -> Any:
    return lambda probe, path: [_whether(probe, probe.call(name, FOLDER, *probe.text(path)))]


def _on_slot(name: str) -> Any:
    return lambda probe, first, *more: [_whether(probe, probe.call(name, _slot(first), *more))]


def _stat_path(probe: WasiProbe, path: str) -> list[Any]:
    return _described(probe, probe.call("path_filestat_get", FOLDER, 0, *probe.text(path), STAT))


def _renumber(probe: WasiProbe, first: int, second: int) -> list[Any]:
    return [_whether(probe, probe.call("fd_renumber", _slot(first), _slot(second)))]


def _resize(probe: WasiProbe, first: int, size: int) -> list[Any]:
    return [_whether(probe, probe.call("fd_filestat_set_size", _slot(first), number(size, "i64")))]


FILE_STEPS: Final[dict[str, tuple[tuple[str, ...], Any]]] = {
    "folder": (("fd_fdstat_get",), _folder),
    "status": (("fd_fdstat_get",), _status),
    "flags": (("fd_fdstat_set_flags",), _on_slot("fd_fdstat_set_flags")),
    "stat": (
        ("fd_filestat_get",),
        lambda probe, first: _described(probe, probe.call("fd_filestat_get", _slot(first), STAT)),
    ),
    "stat-path": (("path_filestat_get",), _stat_path),
    "tell": (("fd_tell",), _tell),
    "read-at": (("fd_pread",), _read_at),
    "write-at": (("fd_pwrite",), _write_at),
    "resize": (("fd_filestat_set_size",), _resize),
    "sync": (("fd_sync",), _on_slot("fd_sync")),
    "sync-data": (("fd_datasync",), _on_slot("fd_datasync")),
    "renumber": (("fd_renumber",), _renumber),
    "make": (("path_create_directory",), _on_path("path_create_directory")),
    "unmake": (("path_remove_directory",), _on_path("path_remove_directory")),
    "list": (("path_open", "fd_readdir", "fd_close"), _list),
}
"""For each kind of step the functions that it needs, and its code."""


def file_step(probe: WasiProbe, kind: str, *arguments: Any) -> list[Any]:
    """Return the code of a step."""
    code: list[Any] = FILE_STEPS[kind][1](probe, *arguments)
    return code
