"""An adapter that lets the suite judge wasmtime, through its Python package, as a sandbox.

It claims fuel, traps and kept instances. The output of a call is in the exported memory of the module.
"""

from __future__ import annotations

import base64
import itertools
import json
import sys
from importlib.metadata import version
from typing import Any

import wasmtime

FEATURES = ["sandbox.abi.memory", "sandbox.fuel", "sandbox.keep", "sandbox.table", "sandbox.traps"]
HELLO = {
    "protocol": 1,
    "implementation": {"name": "wasmtime", "version": version("wasmtime"), "language": "python"},
    "spec": ["0.6"],
    "formats": [],
    "profiles": ["sandbox"],
    "features": FEATURES,
    "limits": {"window": 64, "frame_bytes": 16_777_216, "fuel_slack": 0},
}
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
}
CONFIG = wasmtime.Config()
CONFIG.consume_fuel = True
ENGINE = wasmtime.Engine(CONFIG)
PAGE = 65_536

INSTANCES: dict[str, tuple[wasmtime.Store, wasmtime.Instance]] = {}
NUMBERS = itertools.count(1)


def limit(store: wasmtime.Store, limits: dict[str, Any]) -> None:
    """Set the limits of the next call."""
    store.set_fuel(limits["fuel"])
    table = -1 if limits["table"] is None else limits["table"]
    store.set_limits(memory_size=limits["pages"] * PAGE, table_elements=table)


def call(store: wasmtime.Store, instance: wasmtime.Instance, fuel: int) -> dict[str, Any]:
    """Call the entry and report how it ended."""
    exports = instance.exports(store)
    try:
        exports["run"](store)
        outcome = "done"
    except wasmtime.Trap as trap:
        outcome = TRAPS[trap.trap_code]
    memory = exports["memory"]
    size = min(int.from_bytes(memory.read(store, 8, 12), "little"), 4_080)
    output = bytes(memory.read(store, 16, 16 + size)) if outcome == "done" else b""
    return {"outcome": outcome, "output": to_base64(output), "used": fuel - store.get_fuel()}


def run(*, module: str, limits: dict[str, Any], grants: dict[str, Any], keep: bool) -> dict[str, Any]:
    """Instantiate a module and call its entry."""
    unresolved = {"outcome": "unresolved:module", "output": "", "used": 0, "instance": None}
    store = wasmtime.Store(ENGINE)
    limit(store, limits)
    try:
        code = wasmtime.Module(ENGINE, from_base64(module))
    except wasmtime.WasmtimeError:
        return unresolved
    if code.imports:
        return unresolved | {"outcome": "unresolved:import"}
    entry = next((each.type for each in code.exports if each.name == "run"), None)
    if not isinstance(entry, wasmtime.FuncType) or entry.params or entry.results:
        return unresolved | {"outcome": "unresolved:export"}
    try:
        instance = wasmtime.Instance(store, code, [])
    except wasmtime.Trap as trap:  # of the start function
        return unresolved | {"outcome": TRAPS[trap.trap_code], "used": limits["fuel"] - store.get_fuel()}
    except wasmtime.WasmtimeError:
        return unresolved | {"outcome": "unresolved:limit"}
    handle = f"i{next(NUMBERS)}" if keep else None
    if handle is not None:
        INSTANCES[handle] = store, instance
    return {**call(store, instance, limits["fuel"]), "instance": handle}


def again(*, instance: str, limits: dict[str, Any]) -> dict[str, Any]:
    """Call the entry of a kept instance once more."""
    store, found = INSTANCES[instance]
    limit(store, limits)
    return call(store, found, limits["fuel"])


def close(*, handle: str) -> dict[str, Any]:
    """Drop an instance."""
    del INSTANCES[handle]
    return {}


def to_base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


OPERATIONS = {
    "hello": lambda **offer: HELLO,
    "ping": dict,
    "bye": dict,
    "sandbox.run": run,
    "sandbox.again": again,
    "sandbox.close": close,
}

for line in sys.stdin:
    request = json.loads(line)
    try:
        reply = (
            {"ok": OPERATIONS[request["op"]](**request["args"])}
            if request["op"] in OPERATIONS
            else {"unsupported": {"feature": request["op"]}}
        )
    except KeyError:
        reply = {"refused": {"class": "missing"}}
    except Exception as error:  # noqa: BLE001 - the adapter continues after any fault
        reply = {"error": {"message": repr(error)}}
    print(json.dumps({"seq": request["seq"], **reply}), flush=True)
    if request["op"] == "bye":
        break
