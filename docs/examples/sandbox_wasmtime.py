"""An adapter that lets the suite judge wasmtime, through its Python package, as a sandbox.

It claims fuel, time, tables, traps and kept instances. The output of a call is in the exported memory of the module or,
with WASI, on standard output. With WASI it also claims arguments, an environment and files.
"""

from __future__ import annotations

import atexit
import os
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any

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
CONFIG.cranelift_opt_level = "none"  # code runs for milliseconds, so its compilation decides how long a run takes
ENGINE = wasmtime.Engine(CONFIG)
PAGE = 65_536

WASI = wasmtime.Linker(ENGINE)
WASI.define_wasi()


@dataclass
class Kept:
    """An instance.

    Attributes:
        store: its store.
        instance: the instance of wasmtime.
        entry: the name of its entry.
        output: the standard output of the call.
        folder: a folder with the granted files, which is removed with the instance.
    """

    store: wasmtime.Store
    instance: wasmtime.Instance
    entry: str
    output: bytearray
    folder: tempfile.TemporaryDirectory[str] | None


def limit(store: wasmtime.Store, limits: Limits) -> int:
    """Set the limits of the next call, and return its fuel."""
    fuel = 2**53 - 1 if limits["fuel"] is None else limits["fuel"]
    store.set_fuel(fuel)
    store.set_epoch_deadline(1)
    table = -1 if limits["table"] is None else limits["table"]
    store.set_limits(memory_size=limits["pages"] * PAGE, table_elements=table)
    return int(fuel)


def again(kept: Kept, limits: Limits) -> Report:
    """Call the entry of an instance and report how it ended."""
    store, exports = kept.store, kept.instance.exports(kept.store)
    fuel = limit(store, limits)
    kept.output.clear()
    clock = threading.Timer((limits["ms"] or 86_400_000) / 1000, ENGINE.increment_epoch)
    clock.start()
    try:
        exports[kept.entry](store)
        outcome = "done"
    except wasmtime.Trap as trap:
        outcome = TRAPS[trap.trap_code]
    except wasmtime.ExitTrap as left:
        outcome = f"failed:guest:{left.code}" if left.code else "done"
    except wasmtime.WasmtimeError:  # of a function of WASI that does not accept its arguments
        outcome = "failed:denied"
    finally:
        clock.cancel()
    output = bytes(kept.output)
    if kept.entry == "run":
        memory = exports["memory"]
        size = min(int.from_bytes(memory.read(store, 8, 12), "little"), 4_080)
        output = bytes(memory.read(store, 16, 16 + size))
    files = None if kept.folder is None else read_files(Path(kept.folder.name))
    return Report(outcome, output if outcome == "done" else b"", fuel - store.get_fuel(), kept, files)


def read_files(folder: Path) -> dict[str, bytes]:
    """Return all files in a folder, without those behind links."""
    found = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


def write_files(folder: Path, files: dict[str, bytes]) -> None:
    """Write the granted files into a folder, and nothing outside it."""
    for path, data in files.items():
        place = (folder / path).resolve()
        if not place.is_relative_to(folder.resolve()):
            raise ValueError("a path leads out of the folder")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)


@lru_cache(maxsize=16)
def compiled(module: bytes) -> wasmtime.Module:
    """Return the code of a module. It has no state, so all instances of the module share it."""
    return wasmtime.Module(ENGINE, module)


def run(module: bytes, limits: Limits, grants: Mapping[str, Any] = MappingProxyType({})) -> Report:
    """Instantiate a module and call its entry."""
    store = wasmtime.Store(ENGINE)
    fuel = limit(store, limits)
    try:
        code = compiled(module)
    except wasmtime.WasmtimeError:
        return Report("unresolved:module", used=0)
    name = "_start" if code.imports else "run"
    entry = next((each.type for each in code.exports if each.name == name), None)
    if not isinstance(entry, wasmtime.FuncType) or entry.params or entry.results:
        return Report("unresolved:export", used=0)
    output, folder = bytearray(), tempfile.TemporaryDirectory() if "files" in grants else None
    world = wasmtime.WasiConfig()
    world.argv, world.env = grants.get("args", []), list(grants.get("env", {}).items())
    world.stdout_custom = output.extend
    if folder is not None:
        write_files(Path(folder.name), grants["files"])
        world.preopen_dir(folder.name, "/")
    store.set_wasi(world)
    try:
        instance = WASI.instantiate(store, code)
    except wasmtime.Trap as trap:  # of the start function
        return Report(TRAPS[trap.trap_code], used=fuel - store.get_fuel())
    except wasmtime.WasmtimeError:
        return Report("unresolved:limit", used=0)
    return again(Kept(store, instance, name, output, folder), limits)


if __name__ == "__main__":
    atexit.register(os._exit, 0)  # runs last: threads of WASI may still run, and would abort an orderly end
    features = ["abi.memory", "abi.wasi", "env", "files", "fuel", "keep", "table", "time", "traps"]
    serve("wasmtime", version("wasmtime"), features, run, again)
