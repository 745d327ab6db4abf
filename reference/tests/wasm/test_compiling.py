"""Compilers: hostile modules take them no long time, settings end no process, and runs have a time."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from gritstone.errors import Exhausted
from gritstone.wasm.admission import admit_module
from gritstone.wasm.compiling import is_costly
from gritstone.wasm.engine import Instance, WasmEngine


def _nest(depth: int, locals_: int, wat: Callable[..., bytes]) -> bytes:
    """Make loops in each other around something that is done with many locals."""
    inner = "".join(f"(local.set {at} (i32.add (local.get {at}) (i32.const 1)))" for at in range(locals_))
    ends = "(br_if 0 (i32.eqz (local.get 0))))" * depth
    return wat(f"(local {'i32 ' * locals_}) {'(loop ' * depth} {inner} {ends} (i32.const 0)")


def _branches(count: int, wat: Callable[..., bytes]) -> bytes:
    return wat("(local i32)" + "(if (local.get 0) (then (local.set 0 (i32.const 1))))" * count + "(local.get 0)")


def _checks(check: str, count: int, locals_: int, wat: Callable[..., bytes]) -> bytes:
    """Make a loop over many locals without constructs in it, but with much that metering adds one for."""
    touches = "".join(f"(local.set {at} (i32.add (local.get {at}) (i32.const 1)))" for at in range(1, locals_))
    return wat(f"(local {'i32 ' * locals_}) (loop {touches} {check * count}) (i32.const 0)", head="(memory 1)")


_SHAPES = ["100 loops", "1000 loops", "one loop", "branches", "branches over locals", "branches alone", "sizes"]


@pytest.mark.parametrize("shape", _SHAPES)
def test_slow_modules_are_compiled_in_one_pass(wat: Callable[..., bytes], shape: str) -> None:
    data = {
        "100 loops": lambda: _nest(100, 1_000, wat),
        "1000 loops": lambda: _nest(1_000, 10, wat),
        "one loop": lambda: _nest(1, 9_000, wat),
        "branches": lambda: _branches(20_000, wat),
        "branches over locals": lambda: _checks("(br_if 0 (local.get 0))", 12_000, 1_400, wat),
        "branches alone": lambda: _checks("(br_if 0 (local.get 0))", 60_000, 1, wat),
        "sizes": lambda: _checks("(drop (memory.grow (local.get 0)))", 2_000, 1_400, wat),
    }[shape]()
    assert is_costly(admit_module(data, "wit", 1))
    begin = time.process_time()
    instance = WasmEngine().instantiate(WasmEngine().prepare(data, data, "wit", 1), _Nobody())
    assert time.process_time() - begin < 15, "far below what the other compiler takes"
    instance.fuel = 10**6
    assert instance.run("wit") == 0


def test_guests_that_are_in_use_are_optimised(wat: Callable[..., bytes], counter: bytes) -> None:
    for data in (counter, _nest(3, 20, wat), _branches(200, wat)):
        assert not is_costly(admit_module(data, "wit", 256))


class _Nobody:
    def call(self, instance: Instance, name: str, arguments: object) -> int | None:
        raise AssertionError(name)


_DEEP = "(module (func $f (param i64) (result i64) (i64.add (i64.const 1) (call $f (local.get 0)))) "
_DEEP += '(func (export "wit") (result i32) (i32.wrap_i64 (call $f (i64.const 1)))))'


_SCRIPT = """
import sys
from gritstone.errors import Refusal
from gritstone.wasm.engine import WasmEngine
from gritstone.wasm.instance import NativeStackOverflow
engine = WasmEngine(limit_ms=int(sys.argv[1]), is_steady=bool(int(sys.argv[2])))
for line in sys.stdin:
    data = bytes.fromhex(line)
    prepared = engine.prepare(data, data, "wit", 1)
    for one in (prepared, engine.steady(data, prepared)):
        instance = engine.instantiate(one, None)
        instance.fuel = 10**9
        try:
            instance.run("wit")
        except NativeStackOverflow:
            continue
        except Refusal as refusal:
            print(refusal.code)
            break
"""


@pytest.mark.parametrize("is_steady", ["0", "1"])
@pytest.mark.parametrize("limit_ms", ["0", "10000"])
def test_deep_stacks_do_not_end_the_process(wat: Callable[..., bytes], is_steady: str, limit_ms: str) -> None:
    """In a process of its own, whose end would be seen."""
    lines = "\n".join(data.hex() for data in [wat(_DEEP), *_deep_bodies(wat)])
    command = [sys.executable, "-c", _SCRIPT, limit_ms, is_steady]
    run = subprocess.run(command, check=True, timeout=120, capture_output=True, text=True, input=lines)
    assert run.stdout.split() == ["failed:trap:stack-overflow"] * 4


def test_code_with_large_frames_runs_unoptimised(bench: Any, wat: Callable[..., bytes]) -> None:
    module = _deep_bodies(wat)[0]
    assert bench.born(bench.core(module, {"fuel": 10**9})) == "failed:trap:stack-overflow"


def _deep_bodies(wat: Callable[..., bytes]) -> list[bytes]:
    """Make functions that call themselves with many values alive: locals, operands, parameters."""
    sums = "".join(
        f"(local.set 0 (i64.add (local.get 0) (i64.mul (local.get 1) (i64.const {n}))))" for n in range(2_000)
    )
    call = "(local.set 0 (i64.add (local.get 0) (call $f (local.get 0) (local.get 1))))"
    wide = " ".join(f"(i64.load (i32.const {8 * n}))" for n in range(1_000))
    names = "i64 " * 64
    given = "(local.get 0) " * 64
    entry = '(func (export "wit") (result i32) (drop (call $f {})) (i32.const 0)))'
    two = entry.format("(i64.const 1) (i64.const 2)")
    return [
        wat(f"(module (func $f (param i64 i64) (result i64) (loop {sums} {call}) {sums} (local.get 0)) {two}"),
        wat(
            f"(module (memory 1) (func $f (param i64 i64) (result i64) {wide} (call $f (local.get 0) (local.get 1))"
            f"{'i64.add ' * 1_000}) {two}"
        ),
        wat(f"(module (func $f (param {names}) (result i64) (i64.add (i64.const 1) (call $f {given})))"
            + entry.format("(i64.const 1) " * 64)),
    ]  # fmt: skip


@pytest.mark.parametrize("is_steady", [False, True])
def test_run_times_out(wat: Callable[..., bytes], is_steady: bool) -> None:
    engine = WasmEngine(limit_ms=100, is_steady=is_steady)
    endless, quick = wat("(loop (br 0)) unreachable"), wat("(i32.const 7)")
    for data in (endless, quick) * 2:
        instance = engine.instantiate(engine.prepare(data, data, "wit", 1), _Nobody())
        instance.fuel = 2**62
        begin = time.monotonic()
        if data == quick:
            assert instance.run("wit") == 7
            continue
        with pytest.raises(Exhausted) as caught:
            instance.run("wit")
        assert caught.value.code == "timeout"
        assert 0.1 <= time.monotonic() - begin < 10
    deadline = time.monotonic() + 10
    while any(thread.name == "ticks" for thread in threading.enumerate()):
        assert time.monotonic() < deadline, "the clock stops when it is not needed"
        time.sleep(0.01)


def test_compiled_code_is_kept_by_size(wat: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gritstone.wasm.engine._KEPT_BYTES", 100)
    engine = WasmEngine()
    first, second = wat("(i32.const 1)"), wat("(i32.const 2)")
    kept = engine.prepare(first, first, "wit", 1)
    assert engine.prepare(first, first, "wit", 1) is kept
    for data in (second, first * 1, wat("(i32.const 3)"), wat("(i32.const 4)")):
        engine.prepare(data, data, "wit", 1)
    assert engine.prepare(first, first, "wit", 1) is not kept
