"""Compilers: the choice between the two compilers of the engine, and their settings.

The compile time of the optimising compiler is not linear for a body with many constructs and many locals: a module of
45 KB can take minutes. Metering adds constructs: it inserts an ``if`` before each segment and before each instruction
that is charged by a size. So the cost of a module is estimated from its metered form, and modules above a limit are
compiled with the other compiler, which compiles in one pass. A module behaves the same with both, because everything
that it can observe is compiled into it.

Settings that end the process are not used: a test creates each engine in a separate process. The Python interface of
the engine has a name for only one compiler; the other one is selected by its number.

Spec: :rule:`wasm.host.alive`, :rule:`wasm.same.everywhere`.
"""

from __future__ import annotations

import threading
import time

import wasmtime
from wasmtime import _bindings as raw

from gritstone.wasm.admission import AdmittedModule
from gritstone.wasm.binary import Body

__all__ = ["STACK_BYTES", "TICK_MS", "Ticker", "is_costly", "make_engine"]

STACK_BYTES = 2 << 20
"""The native stack of guests: 65,536 units use less. With a much larger stack the engine ends the process."""

TICK_MS = 10
"""The resolution of the time of a run."""

_ONE_PASS = 2  # the number of the one-pass compiler
_MOST_COST = 160_000  # about a second of the optimising compiler
_MANY_LOCALS = 64
_MANY_SEGMENTS = 400
_MANY_BYTES = 4


def is_costly(admitted: AdmittedModule) -> bool:
    """Return whether the optimising compiler could take too long for a module."""
    return sum(map(_cost, admitted.module.bodies)) > _MOST_COST


def _cost(body: Body) -> int:
    """Return the estimated cost of the optimising compiler for the metered form of a body.

    The formula was fitted to bodies that are expensive to compile: the product of blocks and values that may be live in
    them, two terms that are quadratic in locals and in blocks alone, and one for the length, as a module may have many
    bodies.
    """
    blocks = body.constructs + body.segments
    values = body.declared + body.nesting + 8
    alone = body.declared**2 // _MANY_LOCALS + body.segments**2 // _MANY_SEGMENTS
    return blocks * values + alone + (body.end - body.code) // _MANY_BYTES


def make_engine(*, is_steady: bool, has_limit: bool) -> wasmtime.Engine:
    """Return an engine that compiles exactly the language.

    Args:
        is_steady: whether it compiles in one pass.
        has_limit: whether it checks a clock while it runs.
    """
    config = wasmtime.Config()
    config.wasm_simd = False
    config.wasm_relaxed_simd = False
    config.wasm_threads = False
    config.wasm_tail_call = False
    config.wasm_multi_memory = False
    config.wasm_memory64 = False
    config.wasm_exceptions = False
    config.max_wasm_stack = STACK_BYTES
    config.epoch_interruption = has_limit
    if is_steady:
        config.wasm_function_references = False
        config.wasm_gc = False
        raw.wasmtime_config_strategy_set(config.ptr(), _ONE_PASS)
    return wasmtime.Engine(config)


class Ticker:
    """A thread that advances the clocks of engines while a run has a time limit.

    The thread ends by itself after every started run has had all its ticks, so it need not be stopped. It counts ticks:
    on a busy machine a tick takes longer.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._engines: dict[int, wasmtime.Engine] = {}
        self._left = 0
        self._is_running = False

    def start(self, store: wasmtime.Store, engine: wasmtime.Engine, limit_ms: int) -> None:
        """Start the time limit of a run in a store."""
        ticks = -(-limit_ms // TICK_MS) + 1
        with self._lock:
            self._engines[id(engine)] = engine
            store.set_epoch_deadline(ticks)  # relative to the current tick, so no tick may occur meanwhile
            self._left = max(self._left, ticks + 1)
            if not self._is_running:
                self._is_running = True
                threading.Thread(target=self._run, name="ticks", daemon=True).start()

    def stop(self) -> None:
        """End the time limits of all runs, which must be over: the thread ends at its next tick."""
        with self._lock:
            self._left = min(self._left, 1)

    def _run(self) -> None:
        while True:
            time.sleep(TICK_MS / 1000)
            with self._lock:
                for engine in self._engines.values():
                    engine.increment_epoch()
                self._left -= 1
                if not self._left:
                    self._is_running = False
                    self._engines.clear()
                    return
