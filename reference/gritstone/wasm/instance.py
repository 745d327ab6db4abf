"""An instance of a module: its run, its fuel, its memory, and its outcome.

This module maps every result of the engine to the closed set of outcomes: the counters of the module are checked first,
then the code of the trap; the message is never used.

Spec: :rule:`wasm.outcome.code`, :rule:`wasm.outcome.merged`, :rule:`wasm.outcome.no-text`, :rule:`wasm.fuel.host-call`.
"""

from __future__ import annotations

import mmap
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

import wasmtime
from wasmtime import TrapCode

from gritstone.errors import Refusal
from gritstone.wasm.admission import AdmittedModule
from gritstone.wasm.binary import PAGE_BYTES
from gritstone.wasm.engine_calls import Cell, EngineCalls
from gritstone.wasm.failures import host_failure
from gritstone.wasm.metering import DEPTH, FUEL, GLOBAL, MEMORY, STACK_UNITS
from gritstone.wasm.reader import I32, I64
from gritstone.wit.failures import failure

__all__ = ["TRAPS", "HostCalls", "Instance", "NativeStackOverflow", "Prepared", "out_of_fuel", "trap"]

_MOST_FUEL = 2**63 - 1  # a charge above the rest makes F negative, which is above this value if unsigned
_SPENT = 2**64 - 1
_SPARE_BYTES = 32 << 20  # more than a host call allocates and frees

TRAPS: Mapping[TrapCode, str] = MappingProxyType(
    {
        TrapCode.UNREACHABLE: "unreachable",
        TrapCode.MEMORY_OUT_OF_BOUNDS: "memory-bounds",
        TrapCode.TABLE_OUT_OF_BOUNDS: "table-bounds",
        TrapCode.INDIRECT_CALL_TO_NULL: "indirect-call",
        TrapCode.BAD_SIGNATURE: "indirect-call",
        TrapCode.INTEGER_DIVISION_BY_ZERO: "divide-by-zero",
        TrapCode.INTEGER_OVERFLOW: "unrepresentable",
        TrapCode.BAD_CONVERSION_TO_INTEGER: "unrepresentable",
    }
)
"""The word of each trap that a module can cause; several traps of the engine share a word."""


class NativeStackOverflow(Exception):  # noqa: N818 - it is not an error
    """An exception for optimised code that used more of the native stack than its stack units account for.

    The run must be repeated with code that was compiled in one pass, which never does this.
    """


class HostCalls(Protocol):
    """The host functions that a guest calls."""

    def call(self, instance: Instance, name: str, arguments: Sequence[int]) -> int | None:
        """Run a function of ``grit``.

        Args:
            instance: the calling instance.
            name: the name of the function.
            arguments: its parameters, without sign.

        Raises:
            Refusal: the call of the guest ends with it.
        """


class Prepared:
    """A module that was admitted, metered and compiled.

    Attributes:
        admitted: the admitted module.
        calls: the operations on its instances.
        engine: the engine that compiled it.
        linked: the compiled module with its imports.
        is_steady: whether it was compiled in one pass.
        mutable: the name and the type of each mutable global.
    """

    __slots__ = ("_exports", "_imports", "admitted", "calls", "engine", "is_steady", "linked", "mutable")

    def __init__(
        self,
        admitted: AdmittedModule,
        calls: EngineCalls,
        engine: wasmtime.Engine,
        linked: wasmtime.InstancePre,
        *,
        is_steady: bool,
    ) -> None:
        self.admitted = admitted
        self.calls = calls
        self.engine = engine
        self.linked = linked
        self.is_steady = is_steady
        module = admitted.module
        self.mutable = [(f"{GLOBAL}{index}", one.type) for index, one in enumerate(module.globals) if one.mutable]
        self._exports = frozenset(one.name for one in module.exports)
        self._imports = frozenset(one.name for one in module.imports)

    def exports(self, name: str) -> bool:
        """Return whether the module has an export of a name."""
        return name in self._exports

    def imports(self, name: str) -> bool:
        """Return whether the module imports the function of a name."""
        return name in self._imports


class Instance:
    """An instance of a module with its own memory and globals.

    Attributes:
        prepared: the module.
    """

    def __init__(
        self,
        store: wasmtime.Store,
        prepared: Prepared,
        instance: wasmtime.Instance,
        host: HostCalls,
        *,
        may_lack_memory: bool = False,
    ) -> None:
        self.prepared = prepared
        self._store = store
        self._instance = instance
        self._host = host
        self._fuel = self._cell(FUEL, I64)
        has_memory = bool(prepared.admitted.module.memories)
        self._memory = prepared.calls.memory(store, instance, MEMORY) if has_memory else None
        self._may_lack_memory = may_lack_memory
        self._left: int | None = None
        self._ended: BaseException | None = None

    def _cell(self, name: str, kind: int) -> Cell:
        return self.prepared.calls.cell(self._store, self._instance, name, kind)

    def _mutable(self) -> list[Cell]:
        return [self._cell(name, kind) for name, kind in self.prepared.mutable]

    # --- running ---------------------------------------------------------------------------------------

    def run(self, name: str, *arguments: int) -> int:
        """Run an exported function with parameters of i32; return its result without sign, if it has one.

        Raises:
            Rejected: the function trapped, or a host function ended it.
            Exhausted: the function ran out of fuel or time.
        """
        function = self.prepared.calls.function(self._store, self._instance, name)
        outer = getattr(self.prepared.calls.running, "instance", None)
        left = self._leave()
        self.prepared.calls.running.instance = self
        try:
            return function.call(arguments)
        except (wasmtime.Trap, wasmtime.WasmtimeError) as error:
            raise self._why(error) from error
        finally:
            self.prepared.calls.running.instance = outer
            if left is not None:
                self._enter()
            elif self._memory is not None:
                self._memory.look()
            if self._may_lack_memory and self._memory is not None:
                self._check_room()

    def _check_room(self) -> None:
        """Abandon a run in which the process may have failed to allocate memory that the guest may have.

        If a process has a memory limit, ``memory.grow`` returns -1 at that limit, as at the limit of the manifest, and
        the two cases cannot be distinguished. So this method tries to allocate the remaining memory; if that succeeds,
        there was enough before.

        Spec: :rule:`wasm.manifest.not-lowered`.
        """
        rest = self.prepared.admitted.pages - self.pages
        try:
            mmap.mmap(-1, rest * PAGE_BYTES + _SPARE_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS).close()
        except (OSError, MemoryError) as error:
            raise host_failure("no memory for all that a guest may have") from error

    def serve(self, name: str, arguments: Sequence[int]) -> int | None:
        """Run a function of ``grit`` in the host; record an error that ends the call."""
        self._enter()
        try:
            return self._host.call(self, name, arguments)
        except BaseException as error:
            self._ended = error
            raise
        finally:
            self._leave()

    def _enter(self) -> None:
        """Read the state that the guest may have changed, once per host call."""
        self._left = self._fuel.read()
        if self._memory is not None:
            self._memory.look()

    def _leave(self) -> int | None:
        """Write the remaining fuel back before the guest continues."""
        left = self._left
        if left is not None:
            self._fuel.write(left)
            self._left = None
        return left

    def _why(self, error: BaseException) -> BaseException:
        """Return the error for a run that did not end normally.

        Spec: :rule:`wasm.outcome.code`, :rule:`wasm.outcome.no-text`.
        """
        if self._ended is not None:
            return self._ended
        if self._fuel.read() > _MOST_FUEL:
            return out_of_fuel()
        if self._cell(DEPTH, I32).read() > STACK_UNITS:
            return trap("stack-overflow")
        code = error.trap_code if isinstance(error, wasmtime.Trap) else None
        if code is TrapCode.INTERRUPT:
            return failure("timeout", "the guest took too long")
        if code is TrapCode.STACK_OVERFLOW and not self.prepared.is_steady:
            return NativeStackOverflow()
        if code is None or code not in TRAPS:
            return host_failure(f"the engine ended a run by itself: {error}")
        return trap(TRAPS[code])

    def constant(self, name: str) -> int:
        """Return an exported constant of the type i32, without sign."""
        return self._cell(name, I32).read()

    # --- fuel ------------------------------------------------------------------------------------------

    @property
    def fuel(self) -> int:
        """Return the remaining units."""
        left = self._fuel.read() if self._left is None else self._left
        return left if left <= _MOST_FUEL else 0

    @fuel.setter
    def fuel(self, units: int) -> None:
        if self._left is None:
            self._fuel.write(units)
        else:
            self._left = units

    def charge(self, units: int) -> None:
        """Subtract units within a host call.

        Raises:
            Exhausted: fewer units remain; they are all spent.

        Spec: :rule:`wasm.fuel.host-call`.
        """
        left = self.fuel if self._left is None else self._left
        if left < units:
            self.fuel = _SPENT
            raise out_of_fuel()
        left -= units
        if self._left is None:
            self._fuel.write(left)
        else:
            self._left = left

    # --- state -----------------------------------------------------------------------------------------

    @property
    def memory_bytes(self) -> int:
        """Return the size of the memory in bytes; 0 if there is none."""
        return 0 if self._memory is None else self._memory.size

    @property
    def pages(self) -> int:
        """Return the number of pages of the memory."""
        return self.memory_bytes // PAGE_BYTES

    @property
    def memory(self) -> memoryview:
        """Return a view of the memory; it must not be used after guest code runs."""
        return memoryview(b"") if self._memory is None else self._memory.view

    def read(self, at: int, size: int) -> bytes:
        """Return a copy of bytes of the memory; the range must be in bounds."""
        memory = self._memory
        return b"" if memory is None else bytes(memory.view[at : at + size])

    def write(self, at: int, data: bytes) -> None:
        """Write bytes to the memory; the range must be in bounds."""
        if data and self._memory is not None:
            self._memory.view[at : at + len(data)] = data

    def restore(self, pages: int | None, values: Sequence[int] | None) -> None:
        """Grow the memory to a number of pages, without charge, and set the mutable globals from their bits.

        Raises:
            Missing: the machine has not enough memory.
        """
        assert pages is not None, "the image was read"
        assert values is not None, "the image was read"
        if pages > self.pages:
            assert self._memory is not None, "only a memory grows"
            if not self._memory.grow(pages - self.pages):
                raise host_failure("no memory for a guest")
        for one, value in zip(self._mutable(), values, strict=True):
            one.write(value)

    def read_globals(self) -> list[int]:
        """Return the bits of the mutable globals, in the order of their indices."""
        return [one.read() for one in self._mutable()]


def out_of_fuel() -> Refusal:
    """Return the refusal of a call that ran out of fuel."""
    return failure("exhausted", "the fuel is spent", rule="wasm.fuel.exact", detail="fuel")


def trap(word: str) -> Refusal:
    """Return the refusal of a call that trapped."""
    return failure("failed", f"the guest trapped: {word}", rule="wasm.outcome.code", detail=f"trap:{word}")
