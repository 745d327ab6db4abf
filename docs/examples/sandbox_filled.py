"""wasmtime as a sandbox: the functions that the adapter calls, filled in with the calls of its Python package.

The suite brings every module; nothing has to be ported. ``gritstone doctor`` reports what to fill in next, and
docs/howto-sandbox.rst is the guide. Print only to standard error, because standard output carries the replies.
"""

import threading
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import wasmtime

NAME, VERSION = "wasmtime", version("wasmtime")

# Claim only what you implement (harness.hello.honest). The floor is one ABI, and time or fuel (sandbox.hello.floor).
# ABIs: sandbox.abi.memory, sandbox.abi.wasi, sandbox.abi.extism (spec/sandbox/abi.rst).
# Then, one after another: sandbox.fuel, sandbox.table, sandbox.traps, sandbox.keep, sandbox.atomic, sandbox.snapshot,
# sandbox.export, sandbox.wide, and with WASI sandbox.env, sandbox.random, sandbox.clock, sandbox.files.
FEATURES = ["sandbox.abi.memory", "sandbox.time", "sandbox.keep"]

# For sandbox.fuel: the most units that a call may use before the engine notices that they are spent, up to 65,536.
FUEL_SLACK = 0


@dataclass(frozen=True)
class Limits:
    """The limits of a call. ``pages`` always holds; None is no limit. Ignore those that are not claimed."""

    pages: int  # of 64 KiB: of the memory
    ms: int | None  # sandbox.time: milliseconds
    fuel: int | None  # sandbox.fuel: in your own units
    table: int | None  # sandbox.table: elements of all tables together
    suspend: bool  # sandbox.suspend: if the fuel is spent, keep the call, and the outcome is ``suspended``


@dataclass(frozen=True)
class Ended:
    """How a call ended.

    Attributes:
        outcome: one of the texts of spec/sandbox/outcomes.rst. ``done``: the entry returned. ``failed``: a trap
            (``failed:trap:<t>`` with sandbox.traps). ``timeout``, ``exhausted:fuel``, ``exhausted:stack``: a limit.
        output: if the outcome is ``done``, what the module wrote; its ABI defines where this is.
        used: with sandbox.fuel, the units that the call used.
        instance: with sandbox.keep, what ``again`` needs for the next call; None if nothing is left to be called. If
            the request does not keep it, the adapter passes it to ``close``.
        files: with sandbox.files, if files were granted: all files after the call.
    """

    outcome: str
    output: bytes = b""
    used: int = 0
    instance: Any = None
    files: dict[str, bytes] | None = None


class RefusedError(Exception):
    """The request is refused. Raise it with the class malformed, invalid, rejected or exhausted."""


CONFIG = wasmtime.Config()
CONFIG.epoch_interruption = True
ENGINE = wasmtime.Engine(CONFIG)
OUTCOMES = {wasmtime.TrapCode.INTERRUPT: "timeout", wasmtime.TrapCode.STACK_OVERFLOW: "exhausted:stack"}


def run(module: bytes, limits: Limits, grants: dict[str, Any]) -> Ended:
    """Instantiate a module, call its entry once and report how this ended."""
    store = wasmtime.Store(ENGINE)
    store.set_limits(memory_size=limits.pages * 65_536)
    store.set_epoch_deadline(1)
    try:
        code = wasmtime.Module(ENGINE, module)
        entries = [each.type for each in code.exports if each.name == "run"]
        if not entries or not isinstance(entries[0], wasmtime.FuncType) or entries[0].params or entries[0].results:
            return Ended("unresolved:export")
        instance = wasmtime.Instance(store, code, [])  # fails if the module has imports, or needs too much memory
    except wasmtime.WasmtimeError:
        return Ended("unresolved:module")
    return again((store, instance), limits)


def again(instance: Any, limits: Limits) -> Ended:
    """Call the entry of a kept instance once more, with the limits of this call (sandbox.keep)."""
    store, exports = instance[0], instance[1].exports(instance[0])
    store.set_limits(memory_size=limits.pages * 65_536)
    store.set_epoch_deadline(1)
    clock = threading.Timer((limits.ms or 60_000) / 1000, ENGINE.increment_epoch)
    clock.start()
    try:
        exports["run"](store)
    except wasmtime.Trap as trap:
        return Ended(OUTCOMES.get(trap.trap_code, "failed"), instance=instance)
    finally:
        clock.cancel()
    size = int.from_bytes(exports["memory"].read(store, 8, 12), "little")
    return Ended("done", bytes(exports["memory"].read(store, 16, 16 + size)), instance=instance)


def close(copy: Any) -> None:
    """Free an instance or a snapshot; if nothing has to be freed, leave it as it is (sandbox.keep)."""


def snapshot(instance: Any) -> Any:
    """Return a copy of an instance that no later call changes (sandbox.snapshot)."""
    raise NotImplementedError("fill in `snapshot` in sandbox.py")


def resume(snapshot: Any) -> Any:
    """Return a new instance with the state of a snapshot, and run nothing (sandbox.snapshot)."""
    raise NotImplementedError("fill in `resume` in sandbox.py")


def export_bytes(snapshot: Any, fuel: int | None) -> bytes:
    """Return a snapshot as bytes, for another process (sandbox.export)."""
    raise NotImplementedError("fill in `export_bytes` in sandbox.py")


def import_bytes(data: bytes) -> Any:
    """Return the snapshot that these bytes contain, or refuse them: they come from outside (sandbox.export)."""
    raise NotImplementedError("fill in `import_bytes` in sandbox.py")
