"""Wide modules: start functions, and mutable globals of float types."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import wasmtime

from gritstone.sandbox import Instance, Limits, Sandbox, read_instance, write_instance
from gritstone.sandbox.lowering import lower

WIDE = """(module
  (memory (export "memory") 1)
  (global $calls (mut i64) (i64.const 7))
  (global $single (mut f32) (f32.const -nan:0x200001))
  (global $double (export "double") (mut f64) (f64.const -0))
  (global $fixed f64 (f64.const 1.5))
  {more}
  (func $start (global.set $calls (i64.add (global.get $calls) (i64.const 1000))) {start})
  (func (export "run")
    (i32.store (i32.const 8) (i32.const 32))
    (i64.store (i32.const 16) (global.get $calls))
    (i64.store (i32.const 24) (i64.extend_i32_u (i32.reinterpret_f32 (global.get $single))))
    (i64.store (i32.const 32) (i64.reinterpret_f64 (global.get $double)))
    (f64.store (i32.const 40) (global.get $fixed))
    (global.set $calls (i64.add (global.get $calls) (i64.const 1)))
    (global.set $single (f32.neg (global.get $single)))
    (global.set $double (f64.const nan:0x7000000000003)))
  (start $start))"""
FLOOR = b"\0asm\1\0\0\0"


def wide(start: str = "", more: str = "") -> bytes:
    return bytes(wasmtime.wat2wasm(WIDE.format(start=start, more=more)))


def copied(instance: Instance | None) -> Instance:
    assert instance is not None
    return read_instance(write_instance(instance))


def test_start_function_runs_once_and_bits_of_floats_are_kept(
    sandbox: Sandbox, words: Callable[[bytes], list[int]]
) -> None:
    first = sandbox.run(wide(), Limits())
    assert first.outcome == "done"
    assert words(first.output) == [1007, 0xFFA00001, 1 << 63, 0x3FF8 << 48]
    second = sandbox.again(copied(first.instance), Limits())
    assert words(second.output) == [1008, 0x7FA00001, 0x7FF7000000000003, 0x3FF8 << 48]
    third = sandbox.again(copied(second.instance), Limits())
    assert words(third.output) == [1009, 0xFFA00001, 0x7FF7000000000003, 0x3FF8 << 48]


@pytest.mark.parametrize(
    ("start", "outcome"),
    [("(loop (br 0))", "exhausted:fuel"), ("unreachable", "failed:trap:unreachable"), ("", "done")],
)
def test_start_function_runs_under_the_limits_of_the_call(sandbox: Sandbox, start: str, outcome: str) -> None:
    call = sandbox.run(wide(start), Limits(fuel=10_000))
    assert call.outcome == outcome
    assert sandbox.run(wide(start), Limits(fuel=call.used)).outcome == outcome
    assert sandbox.run(wide(start), Limits(fuel=call.used - 1)).outcome == "exhausted:fuel"


def test_start_function_may_be_exported_under_any_name(sandbox: Sandbox, words: Callable[[bytes], list[int]]) -> None:
    call = sandbox.run(wide(more='(export "start" (func $start)) (export "start\'" (func $start))'), Limits())
    assert words(call.output)[0] == 1007


def module(*sections: tuple[int, str]) -> bytes:
    return FLOOR + b"".join(bytes([number, len(content) // 2]) + bytes.fromhex(content) for number, content in sections)


NO_CODE = (1, "01600000"), (3, "0100")
BODY = (10, "010200 0b".replace(" ", ""))


@pytest.mark.parametrize(
    "data",
    [
        module(*NO_CODE, (8, "01"), BODY),
        module((1, "0160017f00"), (3, "0100"), (8, "00"), BODY),
        module(*NO_CODE, (6, "017d0141000b"), BODY),
        module(*NO_CODE, (6, "017d01430000000043000000000b"), BODY),
        module((6, "017d0143")),
        module((8, "")),
        module((6, "017f0041000b")),
        FLOOR,
        b"",
    ],
    ids=[
        *("unknown function", "function with a parameter", "initial value of another type", "two initial values"),
        *("globals that end early", "empty start section", "no float", "no sections", "no bytes"),
    ],
)
def test_module_that_is_defective_or_not_wide_is_unchanged(sandbox: Sandbox, data: bytes) -> None:
    assert lower(data) == (data, None)
    assert sandbox.run(data, Limits()).outcome.startswith("unresolved:")


def test_lowered_module_is_not_lowered_again() -> None:
    data, name = lower(wide())
    assert name == "start"
    assert lower(data) == (data, None)


def test_floats_are_converted_in_code_that_is_never_reached(sandbox: Sandbox) -> None:
    dead = "(if (i32.const 0) (then (return) (global.set $single (f32.neg (global.get $single))) unreachable))"
    assert sandbox.run(wide(dead), Limits()).outcome == "done"
