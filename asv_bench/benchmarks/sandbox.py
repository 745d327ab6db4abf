"""Speed of ``sandbox``: a run, another call, and a copy of an instance, whose memory has 16 pages.

``track_`` values are ratios of two times that were taken in turns in one process.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import wasmtime

from gritstone.sandbox import Instance, Limits, Sandbox, read_instance, write_instance

_LIMITS = Limits(fuel=1_000_000_000)
_FILL = """(module
  (memory (export "memory") {pages} 1024)
  (global $calls (mut i32) (i32.const 0))
  (func (export "run") (local $page i32) (local $end i32)
    (local.set $end (select (i32.const {pages}) (i32.const 1) (i32.eqz (global.get $calls))))
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (loop
      (i32.store offset=8192 (i32.shl (local.get $page) (i32.const 16))
        (i32.add (local.get $page) (i32.mul (global.get $calls) (i32.const 2654435761))))
      (br_if 0 (i32.lt_u (local.tee $page (i32.add (local.get $page) (i32.const 1))) (local.get $end))))))
"""
"""Writes one number into each page when it is called first, then into the first page."""


def _module(pages: int) -> bytes:
    return bytes(wasmtime.wat2wasm(_FILL.format(pages=pages)))


def _kept(sandbox: Sandbox, pages: int) -> Instance:
    instance = sandbox.run(_module(pages), _LIMITS).instance
    assert instance is not None
    return instance


def _seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


class Calls:
    """A run, a call of a kept instance, and a new sandbox with an unknown module."""

    def setup(self) -> None:
        self.sandbox = Sandbox()
        self.module = _module(16)
        self.instance = _kept(self.sandbox, 16)

    def time_run(self) -> None:
        self.sandbox.run(self.module, _LIMITS)

    def time_again(self) -> None:
        self.sandbox.again(self.instance, _LIMITS)

    def time_first_run(self) -> None:
        Sandbox().run(self.module, _LIMITS)


class Copies:
    """A kept instance of 1 MiB as bytes, and back; a snapshot itself copies nothing."""

    def setup(self) -> None:
        self.instance = _kept(Sandbox(), 16)
        self.data = write_instance(self.instance)

    def time_export(self) -> None:
        write_instance(self.instance)

    def time_import(self) -> None:
        read_instance(self.data)

    def track_export_bytes(self) -> int:
        return len(self.data)


class Sizes:
    """A call of an instance with 64 MiB against one with 1 MiB; both write one page."""

    timeout = 300

    def setup(self) -> None:
        self.sandbox = Sandbox()
        self.large, self.small = (_kept(self.sandbox, pages) for pages in (1_024, 16))

    def _again(self, instance: Instance) -> float:
        return _seconds(lambda: self.sandbox.again(instance, _LIMITS))

    def track_again_64_mib_to_1_mib(self) -> float:
        return statistics.median(self._again(self.large) / self._again(self.small) for _ in range(5))
