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
    "DIRECTORY",
    "EXCLUSIVE",
    "FAILS",
    "FOLDER",
    "LAST",
    "PATHS",
    "PLACE",
    "RESULT",
    "SIZE",
    "STAT",
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
    "fd_datasync": "i32",
    "fd_fdstat_get": "i32 i32",
    "fd_fdstat_set_flags": "i32 i32",
    "fd_filestat_get": "i32 i32",
    "fd_filestat_set_size": "i32 i64",
    "fd_pread": "i32 i32 i32 i64 i32",
    "fd_prestat_dir_name": "i32 i32 i32",
    "fd_prestat_get": "i32 i32",
    "fd_pwrite": "i32 i32 i32 i64 i32",
    "fd_read": "i32 i32 i32 i32",
    "fd_readdir": "i32 i32 i32 i64 i32",
    "fd_renumber": "i32 i32",
    "fd_seek": "i32 i64 i32 i32",
    "fd_sync": "i32",
    "fd_tell": "i32 i32",
    "fd_write": "i32 i32 i32 i32",
    "path_create_directory": "i32 i32 i32",
    "path_filestat_get": "i32 i32 i32 i32 i32",
    "path_open": "i32 i32 i32 i32 i32 i64 i64 i32 i32",
    "path_remove_directory": "i32 i32 i32",
    "path_rename": "i32 i32 i32 i32 i32 i32",
    "path_symlink": "i32 i32 i32 i32 i32",
    "path_unlink_file": "i32 i32 i32",
    "poll_oneoff": "i32 i32 i32 i32",
    "proc_exit": "i32",
    "random_get": "i32 i32",
    "sock_accept": "i32 i32 i32",
}
TABLE, TEXTS = DATA + 1_024, DATA + 2_048
COUNT, SIZE, RESULT, VECTOR, BUFFER = DATA, DATA + 4, DATA + 8, DATA + 16, DATA + 4_096
PATHS: Final = DATA + 16_384
PLACE: Final = DATA + 32
FAILS: Final = DATA + 40  # the error number of WasiProbe.through
VECTORS: Final = DATA + 64  # of several buffers
STAT: Final = DATA + 768  # what is known of a descriptor or file
_INHERITING: Final = STAT + 16
_EVERY_RIGHT: Final = number((1 << 30) - 1, "i64")
_READING: Final = number(1 << 1 | 1 << 2 | 1 << 5 | 1 << 13 | 1 << 14 | 1 << 21, "i64")
_CHANGING: Final = number((1 << 9) - 1 | 1 << 14 | 7 << 21, "i64")
CREATE, DIRECTORY, EXCLUSIVE, TRUNCATE, APPEND = 1, 2, 4, 8, 1
FOLDER: Final = 3
DESCRIPTOR: Final = ("i32.load", number(RESULT))
LAST: Final = 65_536 - 4


class WasiProbe(SandboxProbe):
    """A probe with functions of WASI and texts in its memory.

    A probe with ``path_open`` has ``fd_fdstat_get``, too, which reports the rights that it may request.
    """

    def __init__(self, *names: str) -> None:
        if "path_open" in names:
            names = (*dict.fromkeys([*names, "fd_fdstat_get"]),)
        imports = [(_MODULE, name, _TYPES[name], "" if name == "proc_exit" else "i32") for name in names]
        super().__init__("wasi", imports=imports)
        self._functions = dict(zip(names, self.imported, strict=True))
        self._own: dict[str, int] = {}
        self._texts = b""

    def call(self, name: str, *arguments: Any) -> tuple[Any, ...]:
        """Return code that calls a function; numbers are constants."""
        return ("call", self._functions[name], *map(_code, arguments))

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

    def open(self, path: str, flags: int = 0, mode: int = 0, folder: Any = FOLDER, slot: int = RESULT) -> Any:
        """Return code that opens a file and leaves the error number.

        It requests the rights to read, or to read and change if it creates, cuts or appends, as far as
        ``fd_fdstat_get`` reports that the folder passes them on, as C libraries do. If it reports nothing, the code
        requests all.

        Args:
            path: of the file.
            flags: the options of opening, such as ``CREATE``.
            mode: the flags of the descriptor, such as ``APPEND``.
            folder: the descriptor of a folder.
            slot: where the descriptor is stored.
        """
        is_read = flags in (0, DIRECTORY) and mode == 0
        return self._opening(path, flags, mode, folder, slot, _READING if is_read else _CHANGING)

    def open_to_change(self, path: str, flags: int = 0, mode: int = 0, slot: int = RESULT) -> Any:
        """Return code that opens a file to read and to change it, also without flags."""
        return self._opening(path, flags, mode, FOLDER, slot, _CHANGING)

    def open_plainly(self, path: str, folder: Any) -> Any:
        """Return code that opens a path without any right, which no host has to pass on."""
        nothing = number(0, "i64")
        return self.call("path_open", folder, 0, *self.text(path), 0, nothing, nothing, 0, RESULT)

    def _opening(self, path: str, flags: int, mode: int, folder: Any, slot: int, rights: Any) -> Any:
        if "open" not in self._own:
            self._own["open"] = self._define_open()
        arguments = (folder, *self.text(path), flags, rights, mode, slot)
        return ("call", self._own["open"], *map(_code, arguments))

    def _define_open(self) -> int:
        folder, path, size, flags, rights, mode, slot = (("local.get", local) for local in range(7))
        passed = ("i64.load", number(_INHERITING))
        opened = self.call("path_open", folder, 0, path, size, flags, ("i64.and", rights, passed), passed, mode, slot)
        code = [
            ("i64.store", number(_INHERITING), _EVERY_RIGHT),
            ("drop", self.call("fd_fdstat_get", folder, STAT)),
            opened,
        ]
        return self.module.function(["i32", "i32", "i32", "i32", "i64", "i32", "i32"], ["i32"], [], code)

    def buffer(self, at: int, size: int) -> list[Any]:
        """Return code that makes the one buffer of a read or write."""
        return [("i32.store", number(VECTOR), number(at)), ("i32.store", number(VECTOR + 4), number(size))]

    def buffers(self, buffers: Sequence[tuple[int, int]]) -> list[Any]:
        """Return code that makes several buffers; each has a place and a size."""
        numbers = [each for buffer in buffers for each in buffer]
        return [("i32.store", number(VECTORS + 4 * at), number(each)) for at, each in enumerate(numbers)]

    def through(self, name: str, descriptor: Any, count: int = 1, at: int = VECTOR) -> Any:
        """Return code that reads or writes through buffers, and leaves the sum of the sizes.

        A host may return before it has used all buffers; the code then calls it again with the rest. It ends at an
        error number, which is left at ``FAILS``, and when nothing more is read or written.
        """
        if name not in self._own:
            self._own[name] = self._define_through(name)
        return ("call", self._own[name], *map(_code, (descriptor, at, count)))

    def succeeds(self) -> Any:
        """Return code that leaves whether the last :meth:`through` succeeded."""
        return ("i32.eqz", ("i32.load", number(FAILS)))

    def _define_through(self, name: str) -> int:
        descriptor, place, left, moved, total = (("local.get", local) for local in range(5))
        size = ("i32.load", 4, place)
        skip = [
            ("local.set", 3, ("i32.sub", moved, size)),
            ("local.set", 1, ("i32.add", place, number(8))),
            ("local.set", 2, ("i32.sub", left, number(1))),
            ("br", 1),
        ]
        skipping = ("if", None, ("i32.and", ("i32.ne", left, zero), ("i32.ge_u", moved, size)), skip)
        fails = ("i32.load", number(FAILS))
        continues = ("i32.and", ("i32.eqz", fails), ("i32.ne", ("i32.load", number(SIZE)), zero))
        step = [
            ("i32.store", number(SIZE), zero),
            ("i32.store", number(FAILS), self.call(name, descriptor, place, left, SIZE)),
            ("local.set", 3, ("i32.load", number(SIZE))),
            ("local.set", 4, ("i32.add", total, moved)),
            ("loop", None, [skipping]),
            ("br_if", 1, ("i32.eqz", left)),
            ("i32.store", place, ("i32.add", ("i32.load", place), moved)),
            ("i32.store", 4, place, ("i32.sub", size, moved)),
            ("br_if", 0, continues),
        ]
        code = [("block", None, [("loop", None, step)]), total]
        return self.module.function(["i32", "i32", "i32"], ["i32"], ["i32", "i32"], code)


def _code(argument: Any) -> Any:
    return number(argument) if isinstance(argument, int) else argument
