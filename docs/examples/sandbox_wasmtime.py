"""An adapter that lets the suite judge wasmtime, through its Python package, as a sandbox.

It claims fuel, time, tables, traps and kept instances. The output of a call is in the exported memory of the module.
"""

from __future__ import annotations

import threading
from importlib.metadata import version

import wasmtime
from sandbox_loop import Limits, Report, serve

TRAPS = {
    wasmtime.TrapCode.UNREACHABLE: "failed:trap:unreachable",
    wasmtime.TrapCode.MEMORY_OUT_OF_BOUNDS: "failed:trap:memory-bounds",
    wasmtime.TrapCode.TABLE_OUT_OF_BOUNDS: "failed:trap:table-bounds",
    wasmtime.TrapCode.INDIRECT_CALL_TO_NULL: "failed:trap:indirect-call",
    wasmtime.TrapCode.BAD_SIGNATURE: "failed:trap:indirect-call",
    wasmtime.TrapCode.INTEGER_DIVISION_BY_ZERO: "failed:trap:divide-by-zero",
    wasmtime.TrapCode.INTEGER_OVERFLOW: "failed:trap:unrepresentable",
    wasmtime.TrapCode.BAD_CONVERSION_TO_INTEGER: "failed:trap:unrepresentable",
    wasmtime.TrapCode.STACK_OVERFLOW: "exhausted:stack",
    wasmtime.TrapCode.OUT_OF_FUEL: "exhausted:fuel",
    wasmtime.TrapCode.INTERRUPT: "timeout",
}
CONFIG = wasmtime.Config()
CONFIG.consume_fuel = True
CONFIG.epoch_interruption = True
ENGINE = wasmtime.Engine(CONFIG)
PAGE = 65_536

Instance = tuple[wasmtime.Store, wasmtime.Instance]


def limit(store: wasmtime.Store, limits: Limits) -> int:
    """Set the limits of the next call, and return its fuel."""
    fuel = 2**53 - 1 if limits["fuel"] is None else limits["fuel"]
    store.set_fuel(fuel)
    store.set_epoch_deadline(1)
    table = -1 if limits["table"] is None else limits["table"]
    store.set_limits(memory_size=limits["pages"] * PAGE, table_elements=table)
    return int(fuel)


def again(kept: Instance, limits: Limits) -> Report:
    """Call the entry of an instance and report how it ended."""
    store, instance = kept
    fuel = limit(store, limits)
    exports = instance.exports(store)
    clock = threading.Timer((limits["ms"] or 86_400_000) / 1000, ENGINE.increment_epoch)
    clock.start()
    try:
        exports["run"](store)
        outcome = "done"
    except wasmtime.Trap as trap:
        outcome = TRAPS[trap.trap_code]
    finally:
        clock.cancel()
    memory = exports["memory"]
    size = min(int.from_bytes(memory.read(store, 8, 12), "little"), 4_080)
    output = bytes(memory.read(store, 16, 16 + size)) if outcome == "done" else b""
    return Report(outcome, output, fuel - store.get_fuel(), kept)


def run(module: bytes, limits: Limits) -> Report:
    """Instantiate a module and call its entry."""
    store = wasmtime.Store(ENGINE)
    fuel = limit(store, limits)
    try:
        code = wasmtime.Module(ENGINE, module)
    except wasmtime.WasmtimeError:
        return Report("unresolved:module", used=0)
    if code.imports:
        return Report("unresolved:import", used=0)
    entry = next((each.type for each in code.exports if each.name == "run"), None)
    if not isinstance(entry, wasmtime.FuncType) or entry.params or entry.results:
        return Report("unresolved:export", used=0)
    try:
        instance = wasmtime.Instance(store, code, [])
    except wasmtime.Trap as trap:  # of the start function
        return Report(TRAPS[trap.trap_code], used=fuel - store.get_fuel())
    except wasmtime.WasmtimeError:
        return Report("unresolved:limit", used=0)
    return again((store, instance), limits)


if __name__ == "__main__":
    features = ["abi.memory", "fuel", "keep", "table", "time", "traps"]
    serve("wasmtime", version("wasmtime"), features, run, again)
