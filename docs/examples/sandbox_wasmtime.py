"""An adapter that lets the suite judge wasmtime, through its Python package, as a sandbox.

It claims fuel, time, traps and kept instances. The output of a call is in the exported memory of the module.
"""

from __future__ import annotations

import base64
import itertools
import json
import re
import sys
import threading
from importlib.metadata import version
from typing import Any

import wasmtime

FEATURES = [f"sandbox.{name}" for name in ("abi.memory", "fuel", "keep", "table", "time", "traps")]
HELLO: dict[str, Any] = {
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
    wasmtime.TrapCode.INTERRUPT: "timeout",
}
CONFIG = wasmtime.Config()
CONFIG.consume_fuel = True
CONFIG.epoch_interruption = True
ENGINE = wasmtime.Engine(CONFIG)
PAGE = 65_536
LEAST = {"fuel": 1, "pages": 16, "table": 0, "ms": 1}
MOST = {"fuel": 2**53 - 1, "pages": 1_024, "table": 1_000_000, "ms": 60_000}

INSTANCES: dict[str, tuple[wasmtime.Store, wasmtime.Instance]] = {}
NUMBERS = itertools.count(1)


class RefusedError(Exception):
    """A refusal of a request: its class."""


def checked(limits: dict[str, Any]) -> dict[str, Any]:
    """Check the limits of a request."""
    whole = all(type(limits[name]) is int or (limits[name] is None and name != "pages") for name in MOST)
    if limits.keys() != MOST.keys() or not whole or limits["pages"] % 16:
        raise ValueError("a limit is missing or no number")
    if not all(LEAST[name] <= limits[name] <= MOST[name] for name in MOST if limits[name] is not None):
        raise ValueError("a limit is out of bounds")
    return limits


def limit(store: wasmtime.Store, limits: dict[str, Any]) -> int:
    """Set the limits of the next call, and return its fuel."""
    fuel = 2**53 - 1 if limits["fuel"] is None else limits["fuel"]
    store.set_fuel(fuel)
    store.set_epoch_deadline(1)
    table = -1 if limits["table"] is None else limits["table"]
    store.set_limits(memory_size=limits["pages"] * PAGE, table_elements=table)
    return int(fuel)


def call(store: wasmtime.Store, instance: wasmtime.Instance, limits: dict[str, Any], fuel: int) -> dict[str, Any]:
    """Call the entry and report how it ended."""
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
    return {"outcome": outcome, "output": to_base64(output), "used": fuel - store.get_fuel()}


def run(*, module: str, limits: dict[str, Any], grants: dict[str, Any], keep: bool) -> dict[str, Any]:
    """Instantiate a module and call its entry."""
    if grants != {} or type(keep) is not bool:
        raise ValueError("a grant that is not claimed, or no truth value")
    unresolved = {"outcome": "unresolved:module", "output": "", "used": 0, "instance": None}
    data, store = from_base64(module), wasmtime.Store(ENGINE)
    fuel = limit(store, checked(limits))
    try:
        code = wasmtime.Module(ENGINE, data)
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
        return unresolved | {"outcome": TRAPS[trap.trap_code], "used": fuel - store.get_fuel()}
    except wasmtime.WasmtimeError:
        return unresolved | {"outcome": "unresolved:limit"}
    handle = f"i{next(NUMBERS)}" if keep else None
    if handle is not None:
        INSTANCES[handle] = store, instance
    return {**call(store, instance, limits, fuel), "instance": handle}


def again(*, instance: str, limits: dict[str, Any]) -> dict[str, Any]:
    """Call the entry of a kept instance once more."""
    checked(limits)
    store, found = known(instance)
    return call(store, found, limits, limit(store, limits))


def close(*, handle: str) -> dict[str, Any]:
    """Drop an instance."""
    known(handle)
    del INSTANCES[handle]
    return {}


def known(handle: str) -> tuple[wasmtime.Store, wasmtime.Instance]:
    """Return the instance of a handle."""
    if re.fullmatch(r"[!-~]{1,128}", handle) is None:
        raise ValueError("no handle")
    if handle not in INSTANCES:
        raise RefusedError("missing")
    return INSTANCES[handle]


def hello(*, protocol: list[int], suite: str, spec: str, frame_bytes: int, window: int) -> dict[str, Any]:
    """Return the name and the claims; the smaller limit of both sides applies."""
    whole = all(type(number) is int for number in (*protocol, frame_bytes, window))
    if not (whole and protocol and min(*protocol, window) > 0 and frame_bytes >= 4_194_304):
        raise ValueError("a number is out of range")
    version = len(spec) <= 16 and re.fullmatch(r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)", spec)
    if not (isinstance(protocol, list) and isinstance(suite, str) and suite and version):
        raise ValueError("a text or a list is invalid")
    if 1 not in protocol:
        raise RefusedError("rejected")
    limits = HELLO["limits"]
    bounds = {"window": min(window, limits["window"]), "frame_bytes": min(frame_bytes, limits["frame_bytes"])}
    return {**HELLO, "limits": {**limits, **bounds}}


def to_base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64(text: str) -> bytes:
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if to_base64(data) != text:
        raise ValueError("not the canonical base64url")
    return data


OPERATIONS = {
    "hello": hello,
    "ping": dict[str, Any],
    "bye": dict[str, Any],
    "sandbox.run": run,
    "sandbox.again": again,
    "sandbox.close": close,
}
NO_ARGUMENTS = ("ping", "bye")

for line in sys.stdin.buffer:
    seq = int(line[len(b'{"seq":') :].partition(b",")[0])
    op = ""
    try:
        request = json.loads(line)
        op, args = request["op"], request["args"]
        if op not in OPERATIONS:
            reply = {"unsupported": {"feature": op}}
        elif op in NO_ARGUMENTS and args:
            reply = {"error": {"message": "unknown arguments"}}
        else:
            reply = {"ok": OPERATIONS[op](**args)}
    except RefusedError as refusal:
        reply = {"refused": {"class": str(refusal)}}
    except Exception as error:  # noqa: BLE001 - the adapter continues after any fault
        reply = {"error": {"message": repr(error)[:1_000]}}
    print(json.dumps({"seq": seq, **reply}), flush=True)
    if op == "bye" and "ok" in reply:
        break
