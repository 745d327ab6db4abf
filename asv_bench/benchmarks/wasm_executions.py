"""Executions: forks with many siblings, runs of children that share an image, first runs, and a memory of 4 GiB.

``track_`` values are ratios of two times of one process: about 1 is the aim, but for the memory of 4 GiB.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import wasmtime

from gritstone.kit.executions import Environment, Execution, Sandbox, spawn
from gritstone.wasm import Guests
from gritstone_conformance.strategies.guests import guest

_COUNTING = """(module
  (import "grit" "input" (func $input (param i32 i32) (result i32)))
  (import "grit" "step" (func $step (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "grit" "result" (func $result (param i32) (result i32)))
  (memory {pages})
  (global $calls (mut i32) (i32.const 0))
  (func (export "wit") (result i32) (local $page i32) (local $end i32)
    (local.set $end (select (i32.const {filled}) (i32.const {changed}) (i32.eqz (global.get $calls))))
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (loop
      (i32.store offset=512 (i32.shl (local.get $page) (i32.const 16))
        (i32.add (local.get $page) (i32.mul (global.get $calls) (i32.const 2654435761))))
      (local.set $page (i32.add (local.get $page) (i32.const 1)))
      (br_if 0 (i32.lt_u (local.get $page) (local.get $end))))
    (drop (call $input (i32.const 0) (i32.const 0)))
    (drop (call $input (i32.const 1) (i32.const 32)))
    (drop (call $input (i32.const 2) (i32.const 64)))
    (drop (call $input (i32.const 5) (i32.const 96)))
    (if (call $step (i32.const 32) (i32.const 0) (i32.const 96) (i32.const 160) (i32.const 64) (i32.const 128))
      (then (return (i32.const 1))))
    (call $result (i32.const 128))))
"""
"""Writes to each of so many pages when it is called first, then to some of them."""

_PAGES_A_MB = 16


def _spawn(memory_mb: int, *, filled: int, changed: int) -> Execution:
    pages = memory_mb * _PAGES_A_MB
    module = bytes(wasmtime.wat2wasm(_COUNTING.format(pages=pages, filled=filled, changed=changed)))
    env = Environment(max_memory_mb=memory_mb, max_fuel=1 << 40)
    return spawn(module, env, sandbox=Sandbox(guests=Guests()))


def _seconds(work: Callable[[], object]) -> float:
    start = time.process_time()  # of this process alone, so that other processes do not count
    work()
    return time.process_time() - start


class Siblings:
    """Forks of one step: the time of one does not depend on how many there are."""

    timeout = 120

    def setup(self) -> None:
        self.parents = [spawn(guest("counter"), sandbox=Sandbox(guests=Guests())) for _ in range(9)]

    def time_fork(self) -> None:
        self.parents[0].fork()

    def track_fork_400_to_fork_1(self) -> float:
        first = statistics.median(_seconds(parent.fork) for parent in self.parents)
        for _ in range(390):
            self.parents[0].fork()
        return statistics.median(_seconds(self.parents[0].fork) for _ in range(9)) / first


class Images:
    """Runs of an actor with 64 MiB of memory of which 10 pages change, and of its forks."""

    timeout = 300
    number = 1
    repeat = 9
    warmup_time = 0.0

    def setup(self) -> None:
        self.parent = _spawn(64, filled=1024, changed=10)

    def teardown(self) -> None:
        del self.parent

    def time_first_run(self) -> None:
        self.parent.run()

    def _later(self) -> float:
        """Return the time of a run in the middle of many."""
        for _ in range(4):
            self.parent.run()
        return statistics.median(_seconds(self.parent.run) for _ in range(9))

    def track_first_run_to_later(self) -> float:
        first = _seconds(self.parent.run)
        return first / self._later()

    def track_second_run_to_later(self) -> float:
        self.parent.run()
        second = _seconds(self.parent.run)
        return second / self._later()

    def track_sibling_to_first_child(self) -> float:
        self._later()
        first, *others = (self.parent.fork() for _ in range(9))
        return _seconds(first.run) ** -1 * statistics.median(_seconds(one.run) for one in others)


class LargeMemory:
    """A step with a memory of 4 GiB of which 16 pages are used, against one with 16 MiB."""

    timeout = 600

    def track_4_gib_to_16_mib(self) -> float:
        large, small = (_spawn(memory_mb, filled=16, changed=16) for memory_mb in (4_096, 16))
        return statistics.median(_seconds(large.run) / _seconds(small.run) for _ in range(3))
