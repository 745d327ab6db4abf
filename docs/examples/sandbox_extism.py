"""An adapter that lets the suite judge the Extism SDK for Python as a sandbox.

Its limit of time is the cancel handle of a plug-in, because each call has a limit of its own. The SDK reports how a
call failed as a text only, which a plug-in can choose, so this adapter claims no traps and reads no text.
"""

from __future__ import annotations

import threading
from importlib.metadata import version

import extism
from sandbox_loop import Limits, Report, serve


def again(plugin: extism.Plugin, limits: Limits) -> Report:
    """Call the entry and report how it ended."""
    ended, late = threading.Event(), threading.Event()
    clock = threading.Thread(target=stop, args=(plugin, limits["ms"], ended, late))
    clock.start()
    try:
        return Report("done", plugin.call("run", b""), instance=plugin)
    except extism.Error:  # the plug-in keeps the state that the call left
        return Report("timeout" if late.is_set() else "failed", instance=plugin)
    finally:
        ended.set()
        clock.join()


def stop(plugin: extism.Plugin, ms: int | None, ended: threading.Event, late: threading.Event) -> None:
    """Cancel a call that takes too long; a call that has not begun cannot be cancelled, so try until it ended."""
    if ended.wait(None if ms is None else ms / 1_000):
        return
    late.set()
    while not ended.wait(0.005):
        plugin.cancel_handle().cancel()


def run(module: bytes, limits: Limits) -> Report:
    """Make a plug-in of a module and call its entry."""
    manifest = {"wasm": [{"data": module}], "memory": {"max_pages": limits["pages"]}}
    try:
        plugin = extism.Plugin(manifest, functions=[])
    except extism.Error:
        return Report("unresolved:module")
    if not plugin.function_exists("run"):
        return Report("unresolved:export")
    return again(plugin, limits)


if __name__ == "__main__":
    serve("extism", version("extism"), ["abi.extism", "keep", "time"], run, again)
