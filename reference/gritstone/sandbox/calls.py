"""Calls: a module runs in a fresh instance of the engine, which begins with the state of the instance before.

Everything that a guest can leave behind is copied out after a call that is done. After any other end it is not, so the
instance stays as it was before the call.

Spec: :rule:`sandbox.run.fresh`, :rule:`sandbox.keep.state`, :rule:`sandbox.fail.atomic`, :rule:`sandbox.outcome.class`,
:rule:`sandbox.tank.carried`, :rule:`sandbox.suspend.kept`, :rule:`sandbox.suspend.equal`.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import wasmtime

from gritstone.errors import Missing, Refusal
from gritstone.sandbox.instances import Instance, Suspended
from gritstone.sandbox.lowering import lower
from gritstone.sandbox.modules import WASI_ENTRY, admit_probe, entry_of
from gritstone.sandbox.tanks import Tank
from gritstone.sandbox.wasi import FUNCTIONS, MODULE, ExitError, WasiCalls
from gritstone.sandbox.world import NOTHING, World
from gritstone.wasm.binary import PAGE_BYTES
from gritstone.wasm.compiling import TICK_MS, Ticker, is_costly, make_engine
from gritstone.wasm.engine_calls import EngineCalls
from gritstone.wasm.failures import host_failure
from gritstone.wasm.image import ZERO_PAGE
from gritstone.wasm.instance import Instance as EngineInstance
from gritstone.wasm.instance import NativeStackOverflow, Prepared
from gritstone.wasm.kept import Kept
from gritstone.wasm.metering import meter_module
from gritstone.wit.failures import failure

__all__ = ["Call", "Limits", "Sandbox"]

_MOST_FUEL = 2**53 - 1
_DAY_TICKS = 86_400_000 // TICK_MS
_KEPT_BYTES = 16 << 20  # of modules before compiling
_SIZE, _OUTPUT, _MOST_OUTPUT = 8, 16, 4_080  # of the ABI ``memory``


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one call.

    Attributes:
        fuel: the units that it may use, 1 to 2^53 - 1, which begin a new tank; None for what is left in the tank of the
            instance, and for no limit in a run.
        pages: the maximum size of the memory in pages of 64 KiB.
        table: the elements that all tables together may have; None for no limit.
        ms: the milliseconds that it may take; None for a day.
        suspend: whether the call is kept if its fuel is spent, to be continued; otherwise it fails.
    """

    fuel: int | None = None
    pages: int = 1_024
    table: int | None = None
    ms: int | None = None
    suspend: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """The report of one call.

    Attributes:
        outcome: ``done``, ``suspended``, ``failed:trap:…``, ``failed:guest:…``, ``exhausted:…``, ``timeout`` or
            ``unresolved:…``.
        output: the bytes of the output; empty unless the call is done.
        used: the units of fuel that it used.
        instance: the state after the call if it is done, else the state before it, with the call if that is suspended;
            None if the module may not run.
    """

    outcome: str
    output: bytes
    used: int
    instance: Instance | None


class Sandbox:
    """Runs modules. It can be used by several threads, one call at a time."""

    def __init__(self) -> None:
        self._calls = EngineCalls()
        self._linkers: dict[bool, wasmtime.Linker] = {}
        self._functions: list[object] = []
        self._prepared: Kept[tuple[bytes, int, bool], Prepared] = Kept(_KEPT_BYTES)
        self._ticker = Ticker()
        self._lock = threading.Lock()

    def run(self, module: bytes, limits: Limits, world: World = NOTHING) -> Call:
        """Instantiate a module and call its entry.

        Args:
            module: the bytes of the module; see ``modules`` for what it exports and may import.
            limits: the limits of the call.
            world: what is granted to the instance.

        Returns:
            The report. A module that may not run is reported with an outcome ``unresolved:…``.
        """
        lowered, start = lower(module)
        return self._call(lowered, None, limits, world, start)

    def again(self, instance: Instance, limits: Limits) -> Call:
        """Call the entry of an instance once more, or continue its suspended call, and return the report.

        To continue a call means to repeat it from its start with more fuel, because the engine cannot leave a call and
        come back. So a call that is divided into n equal parts takes about n / 2 times as long.
        """
        return self._call(instance.module, instance, limits, instance.world)

    def _call(
        self, module: bytes, before: Instance | None, limits: Limits, world: World, start: str | None = None
    ) -> Call:
        if before is None or before.suspended is None:
            return self._attempt(module, before, limits, world, start)
        kept = before.suspended
        limits = replace(limits, pages=kept.pages, table=kept.table)
        call = self._attempt(module, before, limits, world, kept.start)
        has_failed = call.outcome not in ("done", "suspended")
        return replace(call, instance=replace(before, suspended=None)) if has_failed else call

    def _attempt(self, module: bytes, before: Instance | None, limits: Limits, world: World, start: str | None) -> Call:
        with self._lock:
            try:
                if before is not None and limits.fuel is None and before.tank.left == 0:
                    return _spent(before, before.tank, limits, 0, start)
                if before is not None and before.size > limits.pages:
                    raise failure("exhausted", "the memory is larger", rule="sandbox.pages.bound", detail="memory")
                try:
                    return self._run(self._prepare(module, limits, is_steady=False), before, limits, world, start)
                except NativeStackOverflow:
                    return self._run(self._prepare(module, limits, is_steady=True), before, limits, world, start)
            except Missing:  # the machine has no room for it
                return Call("exhausted:memory", b"", 0, before)
            except Refusal as refusal:
                return Call(refusal.code or "", b"", 0, before)

    def _prepare(self, data: bytes, limits: Limits, *, is_steady: bool) -> Prepared:
        """Return a compiled module.

        Raises:
            Rejected: the module may not run.
        """

        def compile_() -> Prepared:
            admitted = admit_probe(data, limits.pages)
            linker = self._linker(is_steady=is_steady or is_costly(admitted))
            linked = linker.instantiate_pre(wasmtime.Module(linker.engine, meter_module(admitted)))
            return Prepared(admitted, self._calls, linker.engine, linked, is_steady=is_steady)

        prepared = self._prepared.get((data, limits.pages, is_steady), len(data), compile_)
        elements = sum(table.least for table in prepared.admitted.module.tables)
        if limits.table is not None and elements > limits.table:
            raise failure("unresolved", "too large tables", rule="sandbox.table.bound", detail="limit", got=elements)
        return prepared

    def _linker(self, *, is_steady: bool) -> wasmtime.Linker:
        """Return the linker for modules of one of the two compilers."""
        found = self._linkers.get(is_steady)
        if found is None:
            found = wasmtime.Linker(make_engine(is_steady=is_steady, has_limit=True))
            for name, type_ in FUNCTIONS.items():

                def function(arguments: Sequence[int], name: str = name) -> int | None:
                    running: EngineInstance = self._calls.running.instance
                    return running.serve(name, arguments)

                self._functions.append(self._calls.define(found, (MODULE, name), type_, function))
            self._linkers[is_steady] = found
        return found

    def _run(
        self, prepared: Prepared, before: Instance | None, limits: Limits, world: World, start: str | None
    ) -> Call:
        """Run the start function, if there is one, and the entry in a new instance of the engine."""
        tank = before.tank if before is not None and limits.fuel is None else Tank(limits.fuel)
        fuel = _MOST_FUEL if tank.left is None else tank.left
        spent = 0 if before is None or before.suspended is None else before.suspended.spent
        fuel += spent
        wasi = WasiCalls(world)
        store, running = _instantiate(prepared, before, wasi)
        running.fuel = fuel
        if limits.ms is not None:
            self._ticker.start(store, prepared.engine, limits.ms)
        try:
            names = [name for name in (start, entry_of(prepared.admitted)) if name is not None]
            outcome = _outcome(running, names)
        finally:
            self._ticker.stop()
        used = fuel - running.fuel
        used = max(used - spent, 0)  # a repeated call may time out before it comes to where it was
        if outcome != "done":
            unchanged = before or _state(prepared, _instantiate(prepared, None, wasi)[1], world, {}, tank)
            if outcome == "exhausted:fuel":
                return _spent(unchanged, tank, limits, used, start)
            return Call(outcome, b"", used, unchanged)
        known = {} if before is None else before.pages
        tank.take(used)
        return Call(outcome, _output(running, wasi), used, _state(prepared, running, wasi.world, known, tank))


def _spent(origin: Instance, tank: Tank, limits: Limits, used: int, start: str | None) -> Call:
    """Return the report of a call whose fuel is spent.

    Args:
        origin: the state before the call, perhaps with the parts of it that have run.
        tank: the tank that it draws on.
        limits: its limits.
        used: the units that this part of it used.
        start: the export that runs before the entry, or None.
    """
    if not limits.suspend:
        return Call("exhausted:fuel", b"", used, origin)
    tank.take(used)
    earlier = 0 if origin.suspended is None else origin.suspended.spent
    suspended = Suspended(earlier + used, limits.pages, limits.table, start)
    return Call("suspended", b"", used, replace(origin, tank=tank, suspended=suspended))


def _outcome(running: EngineInstance, names: Sequence[str]) -> str:
    """Run exported functions in order, and return how this ended."""
    try:
        for name in names:
            running.run(name)
    except ExitError as left:
        return f"failed:guest:{left.code}" if left.code else "done"
    except Missing:
        raise
    except Refusal as refusal:
        return refusal.code or ""
    return "done"


def _output(running: EngineInstance, wasi: WasiCalls) -> bytes:
    """Return the output of a call that is done."""
    if entry_of(running.prepared.admitted) == WASI_ENTRY:
        return bytes(wasi.output)
    size = int.from_bytes(running.read(_SIZE, 4), "little")
    return running.read(_OUTPUT, min(size, _MOST_OUTPUT))


def _instantiate(prepared: Prepared, before: Instance | None, wasi: WasiCalls) -> tuple[wasmtime.Store, EngineInstance]:
    """Return a new instance of the engine with the state of an instance, or with that of the module."""
    store = wasmtime.Store(prepared.engine)
    store.set_epoch_deadline(_DAY_TICKS)
    try:
        linked = prepared.linked.instantiate(store)
    except wasmtime.WasmtimeError as error:
        raise host_failure(f"no room for an instance: {error}") from error
    running = EngineInstance(store, prepared, linked, wasi)
    if before is not None:
        _restore(running, before)
    return store, running


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


def _state(
    prepared: Prepared, running: EngineInstance, world: World, known: Mapping[int, bytes], tank: Tank
) -> Instance:
    """Return the state that a call left; pages that did not change are shared with the state before."""
    pages: dict[int, bytes] = {}
    for number in range(running.pages):
        page = running.read(number * PAGE_BYTES, PAGE_BYTES)
        if page != ZERO_PAGE:
            pages[number] = known[number] if known.get(number) == page else page
    return Instance(prepared.admitted.module.data, tuple(running.read_globals()), running.pages, pages, world, tank)
