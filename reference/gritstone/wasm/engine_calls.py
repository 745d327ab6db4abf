"""Access to the exports of an instance, and functions for its imports, through the Python interface of the engine.

That interface keeps the last exception of a host function in a variable that all threads share. So a trap of another
thread can end a call here; such a call is abandoned by the host, as if the host could not run it now.

Spec: :rule:`wasm.host.alive`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import wasmtime

from gritstone.wasm.binary import FunctionType
from gritstone.wasm.reader import I32, I64

__all__ = ["Cell", "EngineCalls", "Function", "Memory", "function_type"]

_MASK32 = 0xFFFF_FFFF
_MASK64 = _MASK32 << 32 | _MASK32


class Cell:
    """A mutable global of an integer type."""

    __slots__ = ("_global", "_mask", "_store")

    def __init__(self, store: wasmtime.Store, export: Any, kind: int) -> None:
        self._store = store
        self._global = export
        self._mask = _MASK32 if kind == I32 else _MASK64

    def read(self) -> int:
        """Return the value as unsigned bits."""
        bits: int = self._global.value(self._store)
        return bits & self._mask

    def write(self, bits: int) -> None:
        """Set the bits of the value."""
        self._global.set_value(self._store, bits)


class Memory:
    """The memory of an instance.

    Attributes:
        view: the whole memory as of the last call of ``look``.
        size: the length in bytes as of the last call of ``look``.
    """

    __slots__ = ("_memory", "_store", "size", "view")

    def __init__(self, store: wasmtime.Store, export: Any) -> None:
        self._store = store  # keeps alive the memory that the view shows
        self._memory = export
        self.view = memoryview(b"")
        self.size = 0
        self.look()

    def look(self) -> None:
        """Update the view and the size; the memory can move when it grows."""
        size = self._memory.data_len(self._store)
        if size != self.size:
            self.view, self.size = memoryview(self._memory.get_buffer_ptr(self._store)).cast("B"), size

    def grow(self, pages: int) -> bool:
        """Grow the memory; return whether this succeeded."""
        try:
            self._memory.grow(self._store, pages)
        except wasmtime.WasmtimeError:
            return False
        self.look()
        return True


class Function:
    """An exported function with parameters of i32 and at most one result, of i32."""

    __slots__ = ("_function", "_store")

    def __init__(self, store: wasmtime.Store, export: Any) -> None:
        self._store = store
        self._function = export

    def call(self, arguments: Sequence[int]) -> int:
        """Call the function; return its unsigned result, which is arbitrary if the function has none.

        Raises:
            Trap: the function trapped.
            WasmtimeError: the engine ended the call for another reason.
        """
        try:
            result = self._function(self._store, *arguments)
        except _HostError as error:
            raise wasmtime.WasmtimeError("ended by the host") from error
        return result & _MASK32 if isinstance(result, int) else 0


class _HostError(Exception):
    """An exception that ends a run because a host function raised one, which the caller has kept."""


class EngineCalls:
    """The operations of an engine on its instances; ``gritstone.optional.native_calls`` has faster ones.

    Attributes:
        running: has the instance that runs on the current thread as ``running.instance``, if one has run there.
    """

    def __init__(self) -> None:
        self.running = threading.local()

    def cell(self, store: wasmtime.Store, instance: wasmtime.Instance, name: str, kind: int) -> Cell:
        """Return an exported global of an integer type."""
        return Cell(store, instance.exports(store)[name], kind)

    def memory(self, store: wasmtime.Store, instance: wasmtime.Instance, name: str) -> Memory:
        """Return an exported memory."""
        return Memory(store, instance.exports(store)[name])

    def function(self, store: wasmtime.Store, instance: wasmtime.Instance, name: str) -> Function:
        """Return an exported function."""
        return Function(store, instance.exports(store)[name])

    def define(
        self,
        linker: wasmtime.Linker,
        import_name: tuple[str, str],
        type_: FunctionType,
        function: Callable[[Sequence[int]], int | None],
    ) -> object:
        """Define a function for the imports of a name.

        Args:
            linker: the linker that resolves the imports.
            import_name: the module name and the name of the imports.
            type_: the type of the function: parameters of integers, and at most one result, an i32.
            function: receives the parameters unsigned; an exception that it raises ends the run with a trap.

        Returns:
            An object that must be kept as long as the linker is used.
        """
        masks = [_MASK32 if kind == I32 else _MASK64 for kind in type_.parameters]

        def enter(*values: int) -> int | None:
            try:
                return function([value & mask for value, mask in zip(values, masks, strict=True)])
            except BaseException as error:
                raise _HostError from error

        linker.define_func(*import_name, function_type(type_), enter)
        return enter


def function_type(type_: FunctionType) -> wasmtime.FuncType:
    """Return the type of a function with integer parameters and results as the engine has it."""
    kinds = {I32: wasmtime.ValType.i32(), I64: wasmtime.ValType.i64()}
    return wasmtime.FuncType([kinds[one] for one in type_.parameters], [kinds[one] for one in type_.results])
