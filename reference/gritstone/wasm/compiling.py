"""Compilers: which of the engine's two compiles a module, and with which settings.

The optimising compiler takes time out of proportion to a body with many constructs and many locals: a module of 45 KB
can keep it for minutes. Metering adds to the constructs: it puts an ``if`` in front of each segment and of each
instruction that is charged by a size. So the cost of a module is estimated from its metered form, and modules above a
bound go to the other compiler, which compiles in one pass. What a module does is the same with both, since whatever it
can notice is written into it.

Settings that end the process are not used: a test makes each engine in a process of its own. The Python interface of
the engine names one compiler only; the other one is chosen by its number.

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
"""How much of the native stack guests may use: 65,536 units take less. With much more the engine ends the process."""

TICK_MS = 10
"""How exactly the time of a run is measured."""

_ONE_PASS = 2  # the number of the compiler
_MOST_COST = 160_000  # about a second of the optimising compiler
_MANY_LOCALS = 64
_MANY_SEGMENTS = 400
_MANY_BYTES = 4


def is_costly(admitted: AdmittedModule) -> bool:
    """Tell whether the optimising compiler could take too long for a module."""
    return sum(map(_cost, admitted.module.bodies)) > _MOST_COST


def _cost(body: Body) -> int:
    """Estimate what the optimising compiler takes for the metered form of a body.

    Measured with bodies that are made to hurt it: blocks times the values that may live through them, two terms for
    what is quadratic in locals and in blocks alone, and one for the length, since a module may have many bodies.
    """
    blocks = body.constructs + body.segments
    values = body.declared + body.nesting + 8
    alone = body.declared**2 // _MANY_LOCALS + body.segments**2 // _MANY_SEGMENTS
    return blocks * values + alone + (body.end - body.code) // _MANY_BYTES


def make_engine(*, is_steady: bool, has_limit: bool) -> wasmtime.Engine:
    """Make an engine that compiles the language and nothing beyond it.

    Args:
        is_steady: whether it compiles in one pass.
        has_limit: whether it looks at a clock while it runs.
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
    """Move the clocks of engines, as long as something runs on them.

    The thread ends by itself once every run that began has had all its ticks, so that nothing is left to be stopped. It
    counts them: on a machine that is busy a tick takes longer.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._engines: dict[int, wasmtime.Engine] = {}
        self._left = 0
        self._is_running = False

    def start(self, store: wasmtime.Store, engine: wasmtime.Engine, limit_ms: int) -> None:
        """Begin to measure what runs in a store."""
        ticks = -(-limit_ms // TICK_MS) + 1
        with self._lock:
            self._engines[id(engine)] = engine
            store.set_epoch_deadline(ticks)  # from the tick that the engine is at, so there must be none meanwhile
            self._left = max(self._left, ticks + 1)
            if not self._is_running:
                self._is_running = True
                threading.Thread(target=self._run, name="ticks", daemon=True).start()

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
