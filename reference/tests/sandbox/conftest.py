"""Modules of a sandbox, written as text."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import wasmtime

from gritstone.sandbox import Sandbox

COUNTER = """(module
  (memory (export "memory") 1 8)
  (global $calls (mut i64) (i64.const 100))
  (data (i32.const 8192) "\\01\\02\\03")
  {more}
  (func (export "run")
    (global.set $calls (i64.add (global.get $calls) (i64.const 1)))
    (i32.store (i32.const 8) (i32.const 16))
    (i64.store (i32.const 16) (global.get $calls))
    (i64.store (i32.const 24) (i64.extend_i32_u (memory.size)))
    {body}))"""
"""A module that reports how often it was called, and the size of its memory."""

COMMAND = """(module
  {imports}
  (memory (export "memory") 1 1024)
  (func (export "_start") {body}))"""


@pytest.fixture
def counter() -> Callable[..., bytes]:
    """Return a function that makes a counter of the ABI ``memory``, with more code at its end."""

    def make(body: str = "", more: str = "") -> bytes:
        return bytes(wasmtime.wat2wasm(COUNTER.format(body=body, more=more)))

    return make


@pytest.fixture
def command() -> Callable[..., bytes]:
    """Return a function that makes a module of the ABI ``wasi`` from its imports and its code."""

    def make(body: str, **imports: str) -> bytes:
        lines = [
            f'(import "wasi_snapshot_preview1" "{name}" (func ${name} {type_}))' for name, type_ in imports.items()
        ]
        return bytes(wasmtime.wat2wasm(COMMAND.format(imports="\n".join(lines), body=body)))

    return make


@pytest.fixture(scope="session")
def sandbox() -> Sandbox:
    return Sandbox()


@pytest.fixture
def words() -> Callable[[bytes], list[int]]:
    """Return a function that reads an output as words."""
    return lambda output: [int.from_bytes(output[at : at + 8], "little") for at in range(0, len(output), 8)]
