"""The engine: what its users share, and what they do not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from gritstone.errors import Missing, Refusal, Rejected
from gritstone.wasm.engine import Instance, WasmEngine, trap


class Host:
    """Return the configured answer to ``attempt``."""

    def __init__(self, answer: int | BaseException) -> None:
        self.answer = answer

    def call(self, instance: Instance, name: str, arguments: Sequence[int]) -> int | None:
        instance.charge(10)
        if isinstance(self.answer, int):
            return self.answer
        raise self.answer


_ASKING = """(module (import "grit" "attempt" (func $attempt (result i32))) (global $g (mut i32) (i32.const 0))
(func (export "wit") (result i32)
  (global.set $g (i32.add (global.get $g) (i32.const 1)))
  (if (i32.eq (call $attempt) (i32.const 7)) (then unreachable)) (global.get $g)))"""


def _code(engine: WasmEngine, data: bytes, answer: int | BaseException) -> object:
    instance = engine.instantiate(engine.prepare(data, data, "wit", 1), Host(answer))
    instance.fuel = 1_000
    try:
        return instance.run("wit")
    except Refusal as refusal:
        return refusal.code


def test_threads_keep_their_own_results(engine: WasmEngine, wat: Callable[..., bytes]) -> None:
    data = wat(_ASKING)
    wanted: list[tuple[int | BaseException, object]] = [
        (1, 1),
        (7, "failed:trap:unreachable"),
        (trap("memory-bounds"), "failed:trap:memory-bounds"),
        (Rejected("x", rule="wasm.outcome.guest", code="failed:guest:3"), "failed:guest:3"),
    ] * 100
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda pair: _code(engine, data, pair[0]), wanted))
    assert found == [code for _, code in wanted]


def test_host_exceptions_pass_unchanged(engine: WasmEngine, wat: Callable[..., bytes]) -> None:
    data = wat(_ASKING)
    lost = Missing("lost", rule="wit.query.answers")
    instance = engine.instantiate(engine.prepare(data, data, "wit", 1), Host(lost))
    instance.fuel = 1_000
    with pytest.raises(Missing) as caught:
        instance.run("wit")
    assert caught.value is lost


def test_unaffordable_charge_spends_all_fuel(engine: WasmEngine, wat: Callable[..., bytes]) -> None:
    data = wat(_ASKING)
    instance = engine.instantiate(engine.prepare(data, data, "wit", 1), Host(1))
    instance.fuel = 22
    with pytest.raises(Refusal) as caught:
        instance.run("wit")
    assert (caught.value.code, instance.fuel) == ("exhausted:fuel", 0)


def test_export_names_do_not_affect_the_result(engine: WasmEngine, wat: Callable[..., bytes]) -> None:
    data = wat('(module (func $out_of_fuel (export "all fuel consumed") unreachable) (func (export "wit") (result i32)'
               "call $out_of_fuel i32.const 0))")  # fmt: skip
    assert _code(engine, data, 1) == "failed:trap:unreachable"


def test_a_module_is_compiled_once(engine: WasmEngine, wat: Callable[..., bytes]) -> None:
    data = wat(_ASKING)
    assert engine.prepare(data, data, "wit", 1) is engine.prepare(data, data, "wit", 1)
    assert engine.prepare(data, data, "wit", 1) is not engine.prepare(data, data, "wit", 2)
    for _ in range(2):
        with pytest.raises(Rejected) as caught:
            engine.prepare(data, data, "wit_query", 1)
        assert caught.value.code == "unresolved:export"


def test_stated_counts_allocate_no_memory() -> None:
    script = """
import resource
from gritstone.wasm.admission import admit_module
from gritstone.errors import Rejected
head = bytes.fromhex("0061736d01000000")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for number in range(13):
    for content in ("ffffffff0f", "01ffffffff0f", "0160ffffffff0f", "0108ffffffff0f7f"):
        for size in (0, 900):
            part = bytes.fromhex(content) + bytes(size)
            length = bytes((len(part) & 127 | 128, len(part) >> 7))
            try:
                admit_module(head + bytes((number,)) + length + part, "wit", 1)
            except Rejected:
                pass
assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 65_536
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
