"""The engine's C interface, for what its Python one does slowly, or with a state that all threads share.

Values are read and written in place, without objects of their own; and what a host function raises stays with the
thread that it was raised on.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import wasmtime
from wasmtime import _ffi as ffi

from gritstone.errors import InternalError
from gritstone.wasm.binary import FunctionType
from gritstone.wasm.reader import I32, I64

__all__ = ["Cell", "define_function"]

_KINDS = {I32: ffi.WASMTIME_I32.value, I64: ffi.WASMTIME_I64.value}
_MASK32 = 0xFFFF_FFFF
_NO_FINALIZER = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(0)
_TEXT = ctypes.create_string_buffer(b"ended by the host")


class Cell:
    """Be a mutable global of an integer type."""

    __slots__ = ("_context", "_global", "_mask", "_raw", "_store")

    def __init__(self, store: wasmtime.Store, place: wasmtime.Global, kind: int) -> None:
        self._store = store  # keeps alive what the context points to
        self._context = store._context()
        self._global = ctypes.byref(place._global)
        self._raw = ffi.wasmtime_val_t(kind=_KINDS[kind])
        self._mask = _MASK32 if kind == I32 else _MASK32 << 32 | _MASK32

    def read(self) -> int:
        """Give its bits, without sign."""
        ffi.wasmtime_global_get(self._context, self._global, ctypes.byref(self._raw))
        return self._raw.of.i64 & self._mask

    def write(self, bits: int) -> None:
        """Set its bits."""
        self._raw.of.i64 = bits
        if ffi.wasmtime_global_set(self._context, self._global, ctypes.byref(self._raw)):
            raise InternalError("a global cannot be set")


def define_function(
    linker: wasmtime.Linker,
    module: str,
    name: str,
    type_: FunctionType,
    function: Callable[[Sequence[int]], int | None],
) -> object:
    """Let imports of a name call a function.

    Args:
        linker: what links the imports.
        module: the module that they name.
        name: the name.
        type_: parameters, all i32, and at most one result.
        function: takes the parameters without sign; whatever it raises ends the run with a trap.

    Returns:
        What has to be kept as long as the linker is used.
    """
    kinds = {I32: wasmtime.ValType.i32(), I64: wasmtime.ValType.i64()}
    is_long = type_.results == (I64,)

    def enter(env: Any, caller: Any, parameters: Any, count: int, results: Any, result_count: int) -> Any:
        try:
            result = function([parameters[index].of.i32 & _MASK32 for index in range(count)])
        except BaseException:  # noqa: BLE001 - nothing may pass through the engine; the caller has kept it
            return ctypes.cast(ffi.wasmtime_trap_new(_TEXT, len(_TEXT) - 1), ctypes.c_void_p).value
        if result_count:
            results[0].kind = ffi.WASMTIME_I64.value if is_long else ffi.WASMTIME_I32.value
            if is_long:
                results[0].of.i64 = result
            else:
                results[0].of.i32 = result
        return 0

    callback = ffi.wasmtime_func_callback_t(enter)
    parts = [part.encode() for part in (module, name)]
    texts = [(ctypes.create_string_buffer(part), len(part)) for part in parts]
    shape = wasmtime.FuncType([kinds[one] for one in type_.parameters], [kinds[one] for one in type_.results])
    error = ffi.wasmtime_linker_define_func(
        linker.ptr(), *texts[0], *texts[1], shape.ptr(), callback, None, _NO_FINALIZER
    )
    if error:
        raise InternalError(f"{name} cannot be defined")
    return callback
