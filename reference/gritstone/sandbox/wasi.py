"""WASI preview 1, as far as a sandbox without authority has it.

A guest writes to standard output, exits, and sees what was granted: arguments, environment, random bytes, a clock that
stands still, and files in memory below one folder. Every other function that a compiler's library imports returns an
error number. Nothing waits, and nothing of the machine is reached.

Spec: :rule:`sandbox.outcome.exit`, :rule:`sandbox.result.whole`, :rule:`sandbox.stop.blocked`,
:rule:`sandbox.grant.nothing`, :rule:`sandbox.files.kept`, :rule:`sandbox.files.inside`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from gritstone.sandbox.errors import Errno, ErrnoError
from gritstone.sandbox.guest_memory import read, write, write_number
from gritstone.sandbox.paths import PathCalls
from gritstone.sandbox.world import World
from gritstone.wasm.binary import FunctionType
from gritstone.wasm.instance import Instance
from gritstone.wasm.reader import I32, I64
from gritstone.wasm.stream import random_bytes

__all__ = ["FUNCTIONS", "MODULE", "ExitError", "WasiCalls"]

MODULE = "wasi_snapshot_preview1"
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
        "fd_advise": _type("iIIi"),
        "fd_allocate": _type("iII"),
        "fd_close": _type("i"),
        "fd_datasync": _type("i"),
        "fd_fdstat_get": _type("ii"),
        "fd_fdstat_set_flags": _type("ii"),
        "fd_fdstat_set_rights": _type("iII"),
        "fd_filestat_get": _type("ii"),
        "fd_filestat_set_size": _type("iI"),
        "fd_filestat_set_times": _type("iIIi"),
        "fd_pread": _type("iiiIi"),
        "fd_prestat_dir_name": _type("iii"),
        "fd_prestat_get": _type("ii"),
        "fd_pwrite": _type("iiiIi"),
        "fd_read": _type("iiii"),
        "fd_readdir": _type("iiiIi"),
        "fd_renumber": _type("ii"),
        "fd_seek": _type("iIii"),
        "fd_sync": _type("i"),
        "fd_tell": _type("ii"),
        "fd_write": _type("iiii"),
        "path_create_directory": _type("iii"),
        "path_filestat_get": _type("iiiii"),
        "path_filestat_set_times": _type("iiiiIIi"),
        "path_link": _type("iiiiiii"),
        "path_open": _type("iiiiiIIii"),
        "path_readlink": _type("iiiiii"),
        "path_remove_directory": _type("iii"),
        "path_rename": _type("iiiiii"),
        "path_symlink": _type("iiiii"),
        "path_unlink_file": _type("iii"),
        "poll_oneoff": _type("iiii"),
        "proc_exit": _type("i", ""),
        "proc_raise": _type("i"),
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


class WasiCalls(PathCalls):
    """The functions of WASI in one call of a guest."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._drawn = world.drawn

    @property
    def world(self) -> World:
        """What is granted after the call."""
        changed = replace(self.granted, drawn=self._drawn)
        if self.tree is None:
            return changed
        return replace(changed, files=self.tree.files(), folders=self.tree.folders(), times=self.tree.times())

    def call(self, instance: Instance, name: str, arguments: Sequence[int]) -> int | None:
        """Run a function.

        Raises:
            ExitError: the guest leaves.
            Refusal: a pointer is out of bounds, or the fuel is spent.
        """
        instance.charge(_CHARGE)
        function: Callable[..., None] | None = getattr(self, f"_{name}", None)
        if function is None:
            return Errno.NOTSUP
        try:
            function(instance, *arguments)
        except ErrnoError as error:
            return error.number
        return Errno.SUCCESS

    # --- process ---------------------------------------------------------------------------------------

    def _proc_exit(self, guest: Instance, code: int) -> None:
        raise ExitError(code)

    def _sched_yield(self, guest: Instance) -> None:
        """Do nothing."""

    def _args_sizes_get(self, guest: Instance, count: int, size: int) -> None:
        self._sizes(guest, self.granted.args, count, size)

    def _args_get(self, guest: Instance, places: int, texts: int) -> None:
        self._texts(guest, self.granted.args, places, texts)

    def _environ_sizes_get(self, guest: Instance, count: int, size: int) -> None:
        self._sizes(guest, self._variables(), count, size)

    def _environ_get(self, guest: Instance, places: int, texts: int) -> None:
        self._texts(guest, self._variables(), places, texts)

    def _variables(self) -> list[str]:
        return [f"{name}={value}" for name, value in sorted(self.granted.env.items())]

    def _sizes(self, guest: Instance, words: Sequence[str], count: int, size: int) -> None:
        write_number(guest, count, len(words))
        write_number(guest, size, sum(len(_terminated(word)) for word in words))

    def _texts(self, guest: Instance, words: Iterable[str], places: int, texts: int) -> None:
        for number, word in enumerate(words):
            write_number(guest, places + 4 * number, texts)
            write(guest, texts, _terminated(word))
            texts += len(_terminated(word))

    def _random_get(self, guest: Instance, at: int, size: int) -> None:
        if self.granted.random is None:
            raise ErrnoError(Errno.NOSYS)
        read(guest, at, size)  # the range is checked, and paid, before the bytes are made
        write(guest, at, random_bytes(self.granted.random, self._drawn, size))
        self._drawn += size

    def _clock_res_get(self, guest: Instance, clock: int, at: int) -> None:
        self._time(clock)
        write_number(guest, at, 1, 8)

    def _clock_time_get(self, guest: Instance, clock: int, precision: int, at: int) -> None:
        write_number(guest, at, self._time(clock), 8)

    def _time(self, clock: int) -> int:
        if self.granted.clock is None:
            raise ErrnoError(Errno.NOSYS)
        if clock >= _CLOCKS:
            raise ErrnoError(Errno.INVAL)
        return self.granted.clock


def _terminated(word: str) -> bytes:
    return word.encode() + b"\0"
