"""Calls: a module runs in a fresh instance of the engine, which begins with the state of the instance before.

Everything that a guest can leave behind is copied out after a call that is done. After any other end it is not, so the
instance stays as it was before the call.

Spec: :rule:`sandbox.run.fresh`, :rule:`sandbox.keep.state`, :rule:`sandbox.fail.atomic`, :rule:`sandbox.outcome.class`.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import wasmtime

from gritstone.errors import Missing, Refusal
from gritstone.sandbox.instances import Instance
from gritstone.sandbox.modules import ENTRY, admit_probe
from gritstone.wasm.binary import PAGE_BYTES
from gritstone.wasm.compiling import TICK_MS, Ticker, is_costly, make_engine
from gritstone.wasm.engine_calls import EngineCalls
from gritstone.wasm.failures import host_failure
from gritstone.wasm.image import ZERO_PAGE
from gritstone.wasm.instance import Instance as EngineInstance
from gritstone.wasm.instance import NativeStackOverflow, Prepared
from gritstone.wasm.metering import meter_module
from gritstone.wit.failures import failure

__all__ = ["Call", "Limits", "Sandbox"]

_MOST_FUEL = 2**53 - 1
_DAY_TICKS = 86_400_000 // TICK_MS
_KEPT_BYTES = 16 << 20  # of modules before compiling
_SIZE, _OUTPUT, _MOST_OUTPUT = 8, 16, 4_080


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one call.

    Attributes:
        fuel: the units that it may use, 1 to 2^53 - 1; None for the most.
        pages: the maximum size of the memory in pages of 64 KiB.
        table: the elements that all tables together may have; None for no limit.
        ms: the milliseconds that it may take; None for a day.
    """

    fuel: int | None = None
    pages: int = 1_024
    table: int | None = None
    ms: int | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """The report of one call.

    Attributes:
        outcome: ``done``, ``failed:trap:…``, ``exhausted:…``, ``timeout`` or ``unresolved:…``.
        output: the bytes of the output; empty unless the call is done.
        used: the units of fuel that it used.
        instance: the state after the call if it is done, else the state before it; None if the module may not run.
    """

    outcome: str
    output: bytes
    used: int
    instance: Instance | None


@dataclass(slots=True)
class _Modules:
    """The compiled modules that were used last, up to a number of bytes."""

    size: int = 0
    found: OrderedDict[tuple[bytes, int, bool], Prepared] = field(default_factory=OrderedDict)

    def add(self, key: tuple[bytes, int, bool], prepared: Prepared) -> None:
        """Add a module and drop the oldest ones."""
        self.found[key] = prepared
        self.size += len(key[0])
        while self.size > _KEPT_BYTES and len(self.found) > 1:
            (data, *_), _ = self.found.popitem(last=False)
            self.size -= len(data)

    def get(self, key: tuple[bytes, int, bool]) -> Prepared | None:
        """Return a module, which then counts as the last one used."""
        prepared = self.found.get(key)
        if prepared is not None:
            self.found.move_to_end(key)
        return prepared


class Sandbox:
    """Runs modules of the ABI ``memory``. It can be used by several threads, one call at a time."""

    def __init__(self) -> None:
        self._calls = EngineCalls()
        self._linkers: dict[bool, wasmtime.Linker] = {}
        self._modules = _Modules()
        self._ticker = Ticker()
        self._lock = threading.Lock()

    def run(self, module: bytes, limits: Limits) -> Call:
        """Instantiate a module and call its entry.

        Args:
            module: the bytes of the module: no imports, exports ``run`` [] -> [] and ``memory``.
            limits: the limits of the call.

        Returns:
            The report. A module that may not run is reported with an outcome ``unresolved:…``.
        """
        return self._call(module, None, limits)

    def again(self, instance: Instance, limits: Limits) -> Call:
        """Call the entry of an instance once more, and return the report."""
        return self._call(instance.module, instance, limits)

    def _call(self, module: bytes, before: Instance | None, limits: Limits) -> Call:
        fuel = _MOST_FUEL if limits.fuel is None else limits.fuel
        try:
            with self._lock:
                self._check_size(before, limits)
                return self._run(self._prepare(module, limits, is_steady=False), before, limits, fuel)
        except NativeStackOverflow:
            with self._lock:
                return self._run(self._prepare(module, limits, is_steady=True), before, limits, fuel)
        except Missing:  # the machine has no room for it
            return Call("exhausted:memory", b"", 0, before)
        except Refusal as refusal:
            return Call(refusal.code or "", b"", 0, before)

    def _check_size(self, before: Instance | None, limits: Limits) -> None:
        if before is not None and before.size > limits.pages:
            raise failure("exhausted", "the memory is larger", rule="sandbox.pages.bound", detail="memory")

    def _prepare(self, data: bytes, limits: Limits, *, is_steady: bool) -> Prepared:
        """Return a compiled module.

        Raises:
            Rejected: the module may not run.
        """
        prepared = self._modules.get((data, limits.pages, is_steady))
        if prepared is None:
            admitted = admit_probe(data, limits.pages)
            linker = self._linker(is_steady=is_steady or is_costly(admitted))
            compiled = wasmtime.Module(linker.engine, meter_module(admitted))
            linked = linker.instantiate_pre(compiled)
            prepared = Prepared(admitted, self._calls, linker.engine, linked, is_steady=is_steady)
            self._modules.add((data, limits.pages, is_steady), prepared)
        elements = sum(table.least for table in prepared.admitted.module.tables)
        if limits.table is not None and elements > limits.table:
            raise failure("unresolved", "too large tables", rule="sandbox.table.bound", detail="limit", got=elements)
        return prepared

    def _linker(self, *, is_steady: bool) -> wasmtime.Linker:
        if is_steady not in self._linkers:
            self._linkers[is_steady] = wasmtime.Linker(make_engine(is_steady=is_steady, has_limit=True))
        return self._linkers[is_steady]

    def _run(self, prepared: Prepared, before: Instance | None, limits: Limits, fuel: int) -> Call:
        """Run the entry in a new instance of the engine."""
        store, running = _instantiate(prepared, before)
        running.fuel = fuel
        if limits.ms is not None:
            self._ticker.start(store, prepared.engine, limits.ms)
        try:
            running.run(ENTRY)
        except Refusal as refusal:
            unchanged = before or _state(prepared, _instantiate(prepared, None)[1], {})
            return Call(refusal.code or "", b"", fuel - running.fuel, unchanged)
        used, size = fuel - running.fuel, int.from_bytes(running.read(_SIZE, 4), "little")
        output = running.read(_OUTPUT, min(size, _MOST_OUTPUT))
        return Call("done", output, used, _state(prepared, running, {} if before is None else before.pages))


def _instantiate(prepared: Prepared, before: Instance | None) -> tuple[wasmtime.Store, EngineInstance]:
    """Return a new instance of the engine with the state of an instance, or with that of the module."""
    store = wasmtime.Store(prepared.engine)
    store.set_epoch_deadline(_DAY_TICKS)
    try:
        linked = prepared.linked.instantiate(store)
    except wasmtime.WasmtimeError as error:
        raise host_failure(f"no room for an instance: {error}") from error
    running = EngineInstance(store, prepared, linked, _NoFunctions())
    if before is not None:
        _restore(running, before)
    return store, running


class _NoFunctions:
    """The ABI has no functions of the host."""

    def call(self, instance: EngineInstance, name: str, arguments: Sequence[int]) -> int | None:
        """Never called: a module has no imports."""
        raise AssertionError(name)


def _restore(running: EngineInstance, before: Instance) -> None:
    """Restore the state of an instance in a new instance of the engine.

    Spec: :rule:`sandbox.snapshot.memory`, :rule:`sandbox.snapshot.globals`.
    """
    running.restore(before.size, before.globals)
    for segment in running.prepared.admitted.module.segments:
        if segment.offset is not None:
            running.write(segment.offset, bytes(segment.size))
    for number, page in before.pages.items():
        running.write(number * PAGE_BYTES, page)


def _state(prepared: Prepared, running: EngineInstance, known: Mapping[int, bytes]) -> Instance:
    """Return the state that a call left; pages that did not change are shared with the state before."""
    pages: dict[int, bytes] = {}
    for number in range(running.pages):
        page = running.read(number * PAGE_BYTES, PAGE_BYTES)
        if page != ZERO_PAGE:
            pages[number] = known[number] if known.get(number) == page else page
    return Instance(prepared.admitted.module.data, tuple(running.read_globals()), running.pages, pages)
