"""The engine: wasmtime, given metered modules and nothing else.

Compiled code is kept by the id of the module and the memory it may have; it is never read from anywhere. A module is
linked once with the functions of ``grit``, which find the call that they serve by the thread they run on, and there is
one store for each instance, so that nothing is left of a call that nobody took out of it.

The engine decides nothing: its fuel and epochs are off, its stack is larger than any module can use within its units,
and traps are told apart by their code, after the counters of the module.

Spec: :rule:`wasm.outcome.code`, :rule:`wasm.outcome.merged`, :rule:`wasm.outcome.no-text`, :rule:`wasm.fuel.no-engine`,
:rule:`wasm.call.fresh`, :rule:`wasm.call.survives`, :rule:`wasm.grant.nothing-else`.
"""

from __future__ import annotations

import atexit
import ctypes
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol, TypeVar

import wasmtime
from wasmtime import TrapCode

from gritstone.errors import InternalError, Refusal
from gritstone.grit.objects import ObjectId
from gritstone.wasm.admission import AdmittedModule, admit_module
from gritstone.wasm.binary import PAGE_BYTES
from gritstone.wasm.interface import FUNCTIONS, MODULE
from gritstone.wasm.metering import DEPTH, FUEL, GLOBAL, MEMORY, STACK_UNITS, meter_module
from gritstone.wasm.native import Cell, define_function
from gritstone.wasm.reader import I32, I64
from gritstone.wit.failures import failure

__all__ = ["TRAPS", "Engine", "Host", "Instance", "Prepared", "out_of_fuel", "trap"]

_STACK_BYTES = 2 << 20  # of native stack; 65,536 units take less, and with more the engine ends the process
_KEPT = 256  # modules
_MOST_FUEL = 2**63 - 1  # F is above, which is below 0 with a sign, if a charge found too little
_SPENT = 2**64 - 1
_K = TypeVar("_K")
_V = TypeVar("_V")
_MASK32 = 0xFFFF_FFFF

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
"""The word of each trap that a module can meet; the engine tells more apart than others do."""


class Host(Protocol):
    """Be what a guest calls."""

    def call(self, instance: Instance, name: str, arguments: Sequence[int]) -> int | None:
        """Do what a function of ``grit`` does.

        Args:
            instance: who calls.
            name: which function.
            arguments: its parameters, without sign.

        Raises:
            Refusal: the call of the guest ends so.
        """


class Prepared:
    """Be a module that was admitted, metered and compiled.

    Attributes:
        admitted: the module as it was admitted.
        linked: the compiled module with its imports.
    """

    __slots__ = ("admitted", "linked")

    def __init__(self, admitted: AdmittedModule, linked: wasmtime.InstancePre) -> None:
        self.admitted = admitted
        self.linked = linked

    def exports(self, name: str) -> bool:
        """Tell whether the module has an export of a name."""
        return any(one.name == name for one in self.admitted.module.exports)

    def imports(self, name: str) -> bool:
        """Tell whether the module imports the function of a name."""
        return any(one.name == name for one in self.admitted.module.imports)


class Engine:
    """Compile modules, and make instances of them."""

    def __init__(self) -> None:
        config = wasmtime.Config()
        config.wasm_simd = False
        config.wasm_relaxed_simd = False
        config.wasm_threads = False
        config.wasm_tail_call = False
        config.wasm_multi_memory = False
        config.wasm_memory64 = False
        config.wasm_exceptions = False
        config.max_wasm_stack = _STACK_BYTES
        self._engine = wasmtime.Engine(config)
        self._calls = threading.local()
        self._linker = wasmtime.Linker(self._engine)
        self._functions = [
            define_function(self._linker, MODULE, name, type_, self._function(name))
            for name, type_ in FUNCTIONS.items()
        ]
        self._admitted: OrderedDict[tuple[ObjectId, str, int], AdmittedModule | Refusal] = OrderedDict()
        self._prepared: OrderedDict[tuple[ObjectId, int], Prepared] = OrderedDict()
        atexit.register(_close, weakref.ref(self))

    def close(self) -> None:
        """Let go of what the engine made, while that can be done: no module is run any more."""
        for prepared in self._prepared.values():
            prepared.linked.close()
        self._prepared.clear()
        self._linker.close()
        self._engine.close()

    def prepare(self, module_id: ObjectId, data: bytes, entry: str, pages: int) -> Prepared:
        """Admit a module and make it ready to run, or find that this was done before.

        Raises:
            Rejected: it may not run.
        """
        key = module_id, entry, pages
        found = _keep(self._admitted, key, lambda: _judge(data, entry, pages))
        if isinstance(found, Refusal):
            raise found.with_traceback(None)
        return _keep(self._prepared, (module_id, pages), lambda: self._compile(found))

    def instantiate(self, prepared: Prepared, host: Host) -> Instance:
        """Make an instance. No code of the guest runs."""
        store = wasmtime.Store(self._engine)
        return Instance(store, prepared, prepared.linked.instantiate(store), host, self._calls)

    def _compile(self, admitted: AdmittedModule) -> Prepared:
        try:
            module = wasmtime.Module(self._engine, meter_module(admitted))
            return Prepared(admitted, self._linker.instantiate_pre(module))
        except wasmtime.WasmtimeError as error:
            raise InternalError("the engine does not take an admitted module") from error

    def _function(self, name: str) -> Callable[[Sequence[int]], int | None]:
        """Make what the engine calls for a function of ``grit``."""
        calls = self._calls

        def function(arguments: Sequence[int]) -> int | None:
            instance: Instance = calls.instance
            return instance.serve(name, arguments)

        return function


def _close(reference: weakref.ref[Engine]) -> None:
    engine = reference()
    if engine is not None:
        engine.close()


def _judge(data: bytes, entry: str, pages: int) -> AdmittedModule | Refusal:
    try:
        return admit_module(data, entry, pages)
    except Refusal as refusal:
        return refusal.with_traceback(None)


def _keep(table: OrderedDict[_K, _V], key: _K, make: Callable[[], _V]) -> _V:
    """Find what was made before, or make it; what nobody asked for longest is let go."""
    found = table.get(key)
    if found is None:
        found = table[key] = make()
        if len(table) > _KEPT:
            table.popitem(last=False)
    else:
        table.move_to_end(key)
    return found


class Instance:
    """Be one instance of a module with its own memory and globals.

    Attributes:
        prepared: the module.
    """

    def __init__(
        self,
        store: wasmtime.Store,
        prepared: Prepared,
        instance: wasmtime.Instance,
        host: Host,
        calls: threading.local,
    ) -> None:
        self.prepared = prepared
        self._store = store
        self._host = host
        self._calls = calls
        exports = instance.exports(store)
        self._exports = exports
        self._fuel = Cell(store, _global(exports[FUEL]), I64)
        self._depth = Cell(store, _global(exports[DEPTH]), I32)
        memory = exports[MEMORY] if prepared.admitted.module.memories else None
        assert memory is None or isinstance(memory, wasmtime.Memory), "it is exported under this name"
        self._memory = memory
        self._mutable = [
            Cell(store, _global(exports[f"{GLOBAL}{index}"]), one.type)
            for index, one in enumerate(prepared.admitted.module.globals)
            if one.mutable
        ]
        self._ended: BaseException | None = None

    # --- running ---------------------------------------------------------------------------------------

    def run(self, name: str, *arguments: int) -> int | None:
        """Run an exported function with parameters of i32 to its end; gives its result, without sign.

        Raises:
            Rejected: it trapped, or a host function ended it.
            Exhausted: it has no fuel left.
        """
        function = self._exports[name]
        assert isinstance(function, wasmtime.Func), "it was admitted with this type"
        outer = getattr(self._calls, "instance", None)
        self._calls.instance = self
        try:
            result = function(self._store, *arguments)
        except (wasmtime.Trap, wasmtime.WasmtimeError, Refusal, InternalError) as error:
            raise self._why(error) from error
        finally:
            self._calls.instance = outer
        return None if result is None else result & _MASK32

    def serve(self, name: str, arguments: Sequence[int]) -> int | None:
        """Let the host do what a function of ``grit`` does; keeps what ends the call."""
        try:
            return self._host.call(self, name, arguments)
        except BaseException as error:
            self._ended = error
            raise

    def _why(self, error: BaseException) -> BaseException:
        """Say why a run did not end by itself.

        Spec: :rule:`wasm.outcome.code`, :rule:`wasm.outcome.no-text`.
        """
        if self._ended is not None:
            return self._ended
        if self._fuel.read() > _MOST_FUEL:
            return out_of_fuel()
        if self._depth.read() > STACK_UNITS:
            return trap("stack-overflow")
        code = error.trap_code if isinstance(error, wasmtime.Trap) else None
        if code is None or code not in TRAPS:
            return InternalError(f"the engine ended a run by itself: {error}")
        return trap(TRAPS[code])

    def constant(self, name: str) -> int:
        """Give an exported constant of the type i32, with sign."""
        value = _global(self._exports[name]).value(self._store)
        assert isinstance(value, int), "it was admitted with this type"
        return value

    # --- fuel ------------------------------------------------------------------------------------------

    @property
    def fuel(self) -> int:
        """Say how many units are left."""
        left = self._fuel.read()
        return left if left <= _MOST_FUEL else 0

    @fuel.setter
    def fuel(self, units: int) -> None:
        self._fuel.write(units)

    def charge(self, units: int) -> None:
        """Take units.

        Raises:
            Exhausted: there are fewer; then none is left.

        Spec: :rule:`wasm.fuel.host-call`.
        """
        left = self.fuel
        if left < units:
            self.fuel = _SPENT
            raise out_of_fuel()
        self.fuel = left - units

    # --- state -----------------------------------------------------------------------------------------

    @property
    def memory_bytes(self) -> int:
        """Say how long the memory is; 0 if there is none."""
        return 0 if self._memory is None else self._memory.data_len(self._store)

    @property
    def pages(self) -> int:
        """Say how many pages the memory has."""
        return self.memory_bytes // PAGE_BYTES

    def read(self, at: int, size: int) -> bytes:
        """Copy from the memory what is known to lie in it."""
        assert at + size <= self.memory_bytes, "the range was checked"
        return ctypes.string_at(self._address() + at, size) if size else b""

    def write(self, at: int, data: bytes) -> None:
        """Copy into the memory where it is known that there is room."""
        assert at + len(data) <= self.memory_bytes, "the range was checked"
        if data:
            ctypes.memmove(self._address() + at, data, len(data))

    def _address(self) -> int:
        """Say where the memory lies now; it may move when it grows."""
        assert self._memory is not None, "there is no range without a memory"
        return ctypes.addressof(self._memory.data_ptr(self._store).contents)

    def grow(self, pages: int) -> None:
        """Make the memory longer, as the host; this costs nothing."""
        assert self._memory is not None, "only a memory grows"
        self._memory.grow(self._store, pages)

    def read_globals(self) -> list[int]:
        """Give the bits of the mutable globals, in the order of their indices."""
        return [one.read() for one in self._mutable]

    def write_globals(self, values: Sequence[int]) -> None:
        """Set the mutable globals from their bits."""
        for one, value in zip(self._mutable, values, strict=True):
            one.write(value)


def out_of_fuel() -> Refusal:
    """Make the refusal of a call that has no fuel left."""
    return failure("exhausted", "the fuel is spent", rule="wasm.fuel.exact", detail="fuel")


def trap(word: str) -> Refusal:
    """Make the refusal of a call that trapped."""
    return failure("failed", f"the guest trapped: {word}", rule="wasm.outcome.code", detail=f"trap:{word}")


def _global(export: object) -> wasmtime.Global:
    assert isinstance(export, wasmtime.Global), "it is exported under this name"
    return export
