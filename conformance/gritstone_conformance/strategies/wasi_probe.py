"""The probe of the ABI ``wasi``: the functions that it imports, and the layout of its memory.

Spec: ``sandbox/authority``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from gritstone_conformance.strategies.assembler import Code
from gritstone_conformance.strategies.probes import number, zero
from gritstone_conformance.strategies.sandbox_abi import DATA, SandboxProbe

__all__ = [
    "APPEND",
    "BUFFER",
    "COUNT",
    "CREATE",
    "DESCRIPTOR",
    "FOLDER",
    "LAST",
    "MAY_READ",
    "PATHS",
    "PLACE",
    "RESULT",
    "RIGHTS",
    "SIZE",
    "TABLE",
    "TEXTS",
    "TRUNCATE",
    "VECTOR",
    "VECTORS",
    "WasiProbe",
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
TABLE, TEXTS = DATA + 1_024, DATA + 2_048
COUNT, SIZE, RESULT, VECTOR, BUFFER = DATA, DATA + 4, DATA + 8, DATA + 16, DATA + 4_096
PATHS: Final = DATA + 16_384
PLACE: Final = DATA + 32
VECTORS: Final = DATA + 64  # of several buffers
RIGHTS: Final = number((1 << 29) - 1, "i64")
MAY_READ: Final = number(1 << 1 | 1 << 5, "i64")
CREATE, TRUNCATE, APPEND = 1, 8, 1
FOLDER: Final = 3
DESCRIPTOR: Final = ("i32.load", number(RESULT))
LAST: Final = 65_536 - 4


class WasiProbe(SandboxProbe):
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
        at = PATHS + len(self._texts)
        self._texts += data
        return at, len(data)

    def made(self, code: Code, local_types: Sequence[str] = ()) -> bytes:
        """Return the probe with its texts."""
        self.module.data(PATHS, self._texts)
        return self.binary(code, local_types)

    def open(self, path: str, flags: int = 0, mode: int = 0, folder: int = FOLDER) -> tuple[Any, ...]:
        """Return code that opens a file and leaves the error number; the descriptor is at ``RESULT``."""
        rights = MAY_READ if flags == mode == 0 else RIGHTS
        return self.call("path_open", folder, 0, *self.text(path), flags, rights, RIGHTS, mode, RESULT)

    def buffer(self, at: int, size: int) -> list[Any]:
        """Return code that makes the one buffer of a read or write."""
        return [("i32.store", number(VECTOR), number(at)), ("i32.store", number(VECTOR + 4), number(size))]

    def buffers(self, buffers: Sequence[tuple[int, int]]) -> list[Any]:
        """Return code that makes several buffers; each has a place and a size."""
        numbers = [each for buffer in buffers for each in buffer]
        return [("i32.store", number(VECTORS + 4 * at), number(each)) for at, each in enumerate(numbers)]

    def through(self, name: str, descriptor: Any, count: int) -> list[Any]:
        """Return code that reads or writes through several buffers, and leaves the sum of the sizes in the local 2.

        A host may return before it has used all buffers; the code then calls it again with the rest. It ends at an
        error number (local 3) and when nothing more is read or written. It uses the locals 0 to 3, which are i32.
        """
        buffer, moved, total, fails = (("local.get", local) for local in range(4))
        place = ("i32.add", number(VECTORS), ("i32.shl", buffer, number(3)))
        size = ("i32.load", 4, place)
        is_left = ("i32.lt_u", buffer, number(count))
        skip = [("local.set", 1, ("i32.sub", moved, size)), ("local.set", 0, ("i32.add", buffer, number(1))), ("br", 1)]
        skipping = ("if", None, ("i32.and", is_left, ("i32.ge_u", moved, size)), skip)
        call = self.call(name, descriptor, place, ("i32.sub", number(count), buffer), SIZE)
        continues = ("i32.and", is_left, ("i32.and", ("i32.eqz", fails), ("i32.ne", ("i32.load", number(SIZE)), zero)))
        step = [
            ("i32.store", number(SIZE), zero),
            ("local.set", 3, call),
            ("local.set", 1, ("i32.load", number(SIZE))),
            ("local.set", 2, ("i32.add", total, moved)),
            ("loop", None, [skipping]),
            ("i32.store", place, ("i32.add", ("i32.load", place), moved)),
            ("i32.store", 4, place, ("i32.sub", size, moved)),
            ("br_if", 0, continues),
        ]
        return [("local.set", 0, zero), ("local.set", 2, zero), ("loop", None, step)]
