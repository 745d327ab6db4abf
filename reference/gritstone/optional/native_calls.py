"""The C interface of the engine, for operations that its Python interface does slowly or with state shared by threads.

Values are read and written in place without intermediate objects. An exception of a host function stays on the thread
that raised it.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import wasmtime
from wasmtime import _bindings as raw
from wasmtime import _ffi as ffi

from gritstone.errors import InternalError
from gritstone.wasm.binary import FunctionType
from gritstone.wasm.engine_calls import Cell, EngineCalls, Function, Memory, function_type
from gritstone.wasm.reader import I32, I64

__all__ = ["NativeCalls"]

_KINDS = {I32: ffi.WASMTIME_I32.value, I64: ffi.WASMTIME_I64.value}
_MASK32 = 0xFFFF_FFFF
_NO_FINALIZER = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(0)
_TEXT = ctypes.create_string_buffer(b"ended by the host")


def _direct(name: str, result: Any, *arguments: Any) -> Any:
    """Return a function of the engine that takes addresses as integers, which is the fastest way to call it."""
    function = vars(raw)["dll"][name]
    function.restype, function.argtypes = result, arguments
    return function


_ADDRESS, _SIZE = ctypes.c_void_p, ctypes.c_size_t
_global_get = _direct("wasmtime_global_get", None, _ADDRESS, _ADDRESS, _ADDRESS)
_global_set = _direct("wasmtime_global_set", _ADDRESS, _ADDRESS, _ADDRESS, _ADDRESS)
_memory_size = _direct("wasmtime_memory_data_size", _SIZE, _ADDRESS, _ADDRESS)
_memory_data = _direct("wasmtime_memory_data", _ADDRESS, _ADDRESS, _ADDRESS)
_export_get = _direct(
    "wasmtime_instance_export_get", ctypes.c_bool, _ADDRESS, _ADDRESS, ctypes.c_char_p, _SIZE, _ADDRESS
)
_WORDS = 4  # 32-bit words in the slot of one parameter or result
_ENTER = ctypes.CFUNCTYPE(ctypes.c_size_t, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
_ROOM = [ctypes.c_uint32 * (_WORDS * max(count, 1)) for count in range(7)]
"""The buffer types for parameters or one result, by their number."""


def _find_export(store: wasmtime.Store, instance: wasmtime.Instance, text: str) -> Any:
    """Return the export of an instance with this name; the export must exist."""
    found, name = raw.wasmtime_extern_t(), text.encode()
    if not _export_get(_context(store), ctypes.addressof(instance._instance), name, len(name), ctypes.addressof(found)):
        raise InternalError(f"nothing is exported as {name!r}")
    return found.of


def _context(store: wasmtime.Store) -> int:
    found = ctypes.cast(store._context(), ctypes.c_void_p).value
    assert found is not None, "a store has a context"
    return found


class _NativeCell(Cell):
    """A mutable global of an integer type."""

    __slots__ = ("_context", "_export", "_raw", "_room", "_value")

    def __init__(self, store: wasmtime.Store, export: Any, kind: int) -> None:
        super().__init__(store, None, kind)  # it keeps alive the memory that the context points to
        self._context = _context(store)
        self._export = export
        self._global = ctypes.addressof(export.global_)
        self._raw = raw.wasmtime_val_t(kind=_KINDS[kind])
        self._value = self._raw.of
        self._room = ctypes.addressof(self._raw)

    def read(self) -> int:
        _global_get(self._context, self._global, self._room)
        bits: int = self._value.i64
        return bits & self._mask

    def write(self, bits: int) -> None:
        self._value.i64 = bits
        if _global_set(self._context, self._global, self._room):
            raise InternalError("a global cannot be set")


class _NativeMemory(Memory):
    """The memory of an instance."""

    __slots__ = ("_context", "_export")

    def __init__(self, store: wasmtime.Store, export: Any) -> None:
        self._context = _context(store)
        self._export = export
        super().__init__(store, ctypes.addressof(export.memory))

    def look(self) -> None:
        size = _memory_size(self._context, self._memory)
        if size != self.size:
            room = (ctypes.c_ubyte * size).from_address(_memory_data(self._context, self._memory))
            self.view, self.size = memoryview(room).cast("B"), size

    def grow(self, pages: int) -> bool:
        before = ctypes.c_uint64()
        error = raw._wasmtime_memory_grow(
            self._store._context(), ctypes.byref(self._export.memory), pages, ctypes.byref(before)
        )
        if error:
            raw._wasmtime_error_delete(error)
            return False
        self.look()
        return True


class _NativeFunction(Function):
    """An exported function."""

    __slots__ = ("_context",)

    def __init__(self, store: wasmtime.Store, export: Any) -> None:
        super().__init__(store, ctypes.byref(export.func))  # it keeps alive the memory that the context points to
        self._context = store._context()

    def call(self, arguments: Sequence[int]) -> int:
        count = max(len(arguments), 1)
        room = (raw.wasmtime_val_raw_t * count)()
        for place, argument in enumerate(arguments):
            room[place].i32 = argument
        trap = ctypes.POINTER(raw.wasm_trap_t)()
        error = raw._wasmtime_func_call_unchecked(self._context, self._function, room, count, ctypes.byref(trap))
        if error:
            raise wasmtime.WasmtimeError._from_ptr(error)
        if trap:
            raise wasmtime.Trap._from_ptr(trap)
        result: int = room[0].i32
        return result & _MASK32


class NativeCalls(EngineCalls):
    """The operations of the engine on one instance, through its C interface."""

    def cell(self, store: wasmtime.Store, instance: wasmtime.Instance, name: str, kind: int) -> Cell:
        """Return an exported global of an integer type."""
        return _NativeCell(store, _find_export(store, instance, name), kind)

    def memory(self, store: wasmtime.Store, instance: wasmtime.Instance, name: str) -> Memory:
        """Return an exported memory."""
        return _NativeMemory(store, _find_export(store, instance, name))

    def function(self, store: wasmtime.Store, instance: wasmtime.Instance, name: str) -> Function:
        """Return an exported function."""
        return _NativeFunction(store, _find_export(store, instance, name))

    def define(
        self,
        linker: wasmtime.Linker,
        import_name: tuple[str, str],
        type_: FunctionType,
        function: Callable[[Sequence[int]], int | None],
    ) -> object:
        """Define a function for the imports of a name; see ``EngineCalls``."""
        room_of = _ROOM[len(type_.parameters)].from_address
        end, shape = _WORDS * len(type_.parameters), function_type(type_)
        is_long = type_.results == (I64,)

        def enter(env: int, caller: int, values: int, count: int) -> int:
            room = room_of(values)
            try:
                result = function(room[0:end:_WORDS])
            except BaseException:  # noqa: BLE001 - an exception must not pass through the engine; the caller has kept it
                made = ffi.wasmtime_trap_new(_TEXT, len(_TEXT) - 1)
                return ctypes.cast(made, ctypes.c_void_p).value or 0
            if result is not None:
                room[0] = result & _MASK32
                if is_long:
                    room[1] = result >> 32 & _MASK32
            return 0

        callback = _ENTER(enter)
        texts = [(ctypes.create_string_buffer(part), len(part)) for part in map(str.encode, import_name)]
        error = ffi.wasmtime_linker_define_func_unchecked(
            linker.ptr(),
            *texts[0],
            *texts[1],
            shape.ptr(),
            ctypes.cast(callback, raw.wasmtime_func_unchecked_callback_t),
            None,
            _NO_FINALIZER,
        )
        if error:
            raise InternalError(f"{import_name} cannot be defined")
        return callback
