"""The engine: wasmtime, which runs metered modules only.

Compiled code is cached by the id of the module and its maximum memory; it is never read from outside the process. A
module is linked once with the functions of ``grit``, which find their call by the thread that they run on. Each
instance has its own store, so nothing of a call remains unless it was copied out.

The engine makes no decisions: its fuel is off, its stack is larger than any module can use within its units, and its
clock is on only if a host limits the time of a call. ``instance`` maps the results of the engine to outcomes.

Spec: :rule:`wasm.fuel.no-engine`, :rule:`wasm.call.fresh`, :rule:`wasm.call.survives`, :rule:`wasm.host.alive`,
:rule:`wasm.host.bounded`, :rule:`wasm.grant.nothing-else`.
"""

from __future__ import annotations

import atexit
import weakref
from collections.abc import Callable, Sequence

import wasmtime

from gritstone.errors import InternalError, Refusal
from gritstone.grit.objects import ObjectId
from gritstone.switch import choose
from gritstone.wasm.admission import AdmittedModule, admit_module
from gritstone.wasm.compiling import Ticker, is_costly, make_engine
from gritstone.wasm.engine_calls import EngineCalls
from gritstone.wasm.failures import host_failure
from gritstone.wasm.image import Images
from gritstone.wasm.instance import TRAPS, HostCalls, Instance, Prepared, out_of_fuel, trap
from gritstone.wasm.interface import FUNCTIONS, MODULE
from gritstone.wasm.kept import Kept
from gritstone.wasm.metering import meter_module

__all__ = ["TRAPS", "HostCalls", "Instance", "Prepared", "WasmEngine", "out_of_fuel", "trap"]

_KEPT_BYTES = 64 << 20  # of modules before compiling; compiled code takes a few times as much
_KEPT_REFUSALS = 1_024


class WasmEngine:
    """A compiler of modules and a factory of instances.

    Attributes:
        images: the images of calls.
    """

    def __init__(self, *, limit_ms: int = 0, is_steady: bool = False, may_lack_memory: bool = False) -> None:
        """Create an engine.

        Args:
            limit_ms: the maximum time of a run in milliseconds; 0 for no limit.
            is_steady: whether all modules are compiled in one pass, not only those that otherwise take long.
            may_lack_memory: whether the process has a memory limit; a run that may have hit it is abandoned.
        """
        self.images = choose("images", Images)()
        self._engine_calls = choose("engine calls", EngineCalls())
        self._limit_ms = limit_ms
        self._is_steady = is_steady
        self._may_lack_memory = may_lack_memory
        self._linkers: dict[bool, wasmtime.Linker] = {}
        self._functions: list[object] = []
        self._ticker = Ticker() if limit_ms else None
        self._refused: Kept[tuple[ObjectId, str, int], Refusal | None] = Kept(_KEPT_REFUSALS)
        self._prepared: Kept[tuple[ObjectId, int, bool], Prepared] = Kept(_KEPT_BYTES)
        atexit.register(_close, weakref.ref(self))

    def close(self) -> None:
        """Free the resources of the engine early: no module is run after this."""
        for prepared in self._prepared.values():
            prepared.linked.close()
        for linker in self._linkers.values():
            linker.close()
            linker.engine.close()

    def prepare(self, module_id: ObjectId, data: bytes, entry: str, pages: int) -> Prepared:
        """Return an admitted module that is ready to run, from the cache if possible.

        Raises:
            Rejected: the module may not run.
        """
        admitted: list[AdmittedModule] = []
        refusal = self._refused.get((module_id, entry, pages), 1, lambda: _judge(data, entry, pages, admitted))
        if refusal is not None:
            raise refusal.with_traceback(None)

        def compile_() -> Prepared:
            made = admitted[0] if admitted else admit_module(data, entry, pages)
            return self._compile(made, is_steady=self._is_steady or is_costly(made))

        return self._prepared.get((module_id, pages, False), len(data), compile_)

    def steady(self, module_id: ObjectId, prepared: Prepared) -> Prepared:
        """Return the module compiled in one pass."""
        admitted = prepared.admitted
        key = module_id, admitted.pages, True
        return self._prepared.get(key, len(admitted.module.data), lambda: self._compile(admitted, is_steady=True))

    def instantiate(self, prepared: Prepared, host: HostCalls) -> Instance:
        """Create an instance. No code of the guest runs.

        Raises:
            Missing: the machine has not enough memory.
        """
        store = wasmtime.Store(prepared.engine)
        if self._ticker is not None:
            self._ticker.start(store, prepared.engine, self._limit_ms)
        try:
            linked, lacks = prepared.linked.instantiate(store), self._may_lack_memory
            return Instance(store, prepared, linked, host, may_lack_memory=lacks)
        except wasmtime.WasmtimeError as error:
            raise host_failure(f"no room for an instance: {error}") from error

    def _compile(self, admitted: AdmittedModule, *, is_steady: bool) -> Prepared:
        linker = self._linker(is_steady=is_steady)
        try:
            module = wasmtime.Module(linker.engine, meter_module(admitted))
            linked = linker.instantiate_pre(module)
            return Prepared(admitted, self._engine_calls, linker.engine, linked, is_steady=is_steady)
        except wasmtime.WasmtimeError as error:
            raise InternalError("the engine does not take an admitted module") from error

    def _linker(self, *, is_steady: bool) -> wasmtime.Linker:
        """Return the linker for modules of one of the two compilers."""
        found = self._linkers.get(is_steady)
        if found is None:
            found = wasmtime.Linker(make_engine(is_steady=is_steady, has_limit=bool(self._limit_ms)))
            for name, type_ in FUNCTIONS.items():
                self._functions.append(self._engine_calls.define(found, (MODULE, name), type_, self._function(name)))
            self._linkers[is_steady] = found
        return found

    def _function(self, name: str) -> Callable[[Sequence[int]], int | None]:
        """Return the callback of the engine for a function of ``grit``."""
        running = self._engine_calls.running

        def function(arguments: Sequence[int]) -> int | None:
            instance: Instance = running.instance
            return instance.serve(name, arguments)

        return function


def _close(reference: weakref.ref[WasmEngine]) -> None:
    engine = reference()
    if engine is not None:
        engine.close()


def _judge(data: bytes, entry: str, pages: int, admitted: list[AdmittedModule]) -> Refusal | None:
    """Return why a module may not run; if it may, append it to a list and return None."""
    try:
        admitted.append(admit_module(data, entry, pages))
    except Refusal as refusal:
        return refusal.with_traceback(None)
    return None
