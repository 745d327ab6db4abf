"""Metered modules: what they cost, where they stop, and that they do the same otherwise."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gritstone.errors import Refusal
from gritstone.wasm.admission import admit_module
from gritstone.wasm.engine import Instance
from gritstone.wasm.instructions import COSTS, NAN_RESULTS
from gritstone.wasm.metering import meter_module

_SPEC = Path(__file__).parents[3] / "spec" / "wasm"
_FIB = (
    "(module (func $f (param i32) (result i32)"
    "(if (result i32) (i32.lt_u (local.get 0) (i32.const 2)) (then (local.get 0)) (else (i32.add"
    "(call $f (i32.sub (local.get 0) (i32.const 1))) (call $f (i32.sub (local.get 0) (i32.const 2)))))))"
    '(func (export "wit") (result i32) (call $f (i32.const 20))))'
)
_LOOP = "(loop (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 100))))"
_FLOATS = """
(f64.store (i32.const 0) (f64.div (f64.const -0) (f64.const 0)))
(f32.store (i32.const 8) (f32.add (f32.const nan:0x200001) (f32.const 1)))
(f64.store (i32.const 16) (f64.neg (f64.load (i32.const 0))))
(i32.add (i32.load (i32.const 4)) (i32.load (i32.const 8)))
"""
_CALL = "(drop (call_indirect (type $t) {argument} (i32.const {index}))) (i32.const 0)"
_TABLE = "(type $t (func (param i32) (result i32))) (type $u (func (result i32))) (table {size} funcref)"


@pytest.fixture
def run(start: Callable[..., Instance]) -> Callable[..., tuple[object, int]]:
    """Return a function that runs ``wit`` with a budget and returns its result or code, and the spent units."""

    def run(data: bytes, budget: int = 10_000_000_000, pages: int = 256) -> tuple[object, int]:
        instance = start(data, budget, pages)
        try:
            result: object = instance.run("wit")
        except Refusal as refusal:
            result = refusal.code
        return result, budget - instance.fuel

    return run


def _division(text: str) -> str:
    return f"(drop ({text})) (i32.const 0)"


@pytest.mark.parametrize(
    ("head", "body", "result", "cost"),
    [
        ("", "(i32.const 0)", 0, 3),
        ("", f"(local i32) {_LOOP} (i32.const 0)", 0, 703),
        ("", f"(local i32) {_LOOP} (i32.div_u (i32.const 1) (i32.const 0))", "failed:trap:divide-by-zero", 712),
        ("", _FIB, 6765, 306_474),
        ("(memory 1)", "(memory.grow (i32.const 3))", 1, 24_643),
        ("(memory 1)", "(memory.grow (i32.const 256))", 4_294_967_295, 2_097_219),
        ("(memory 1)", "(memory.fill (i32.const 0) (i32.const 1) (i32.const 65536)) (i32.const 0)", 0, 8_262),
        ("(memory 1)", _FLOATS, 4_290_248_704, 29),
        ("", "unreachable", "failed:trap:unreachable", 3),
        ("(memory 1)", "(i32.load (i32.const 65533))", "failed:trap:memory-bounds", 4),
        (
            "(memory 1)",
            "(memory.fill (i32.const 65530) (i32.const 0) (i32.const 7)) (i32.const 0)",
            "failed:trap:memory-bounds",
            70,
        ),
        ("", _division("i32.div_s (i32.const 1) (i32.const 0)"), "failed:trap:divide-by-zero", 14),
        ("", _division("i32.rem_u (i32.const 1) (i32.const 0)"), "failed:trap:divide-by-zero", 14),
        ("", "(i32.div_s (i32.const 0x80000000) (i32.const -1))", "failed:trap:unrepresentable", 12),
        ("", "(i32.trunc_f32_s (f32.const nan))", "failed:trap:unrepresentable", 4),
        ("", "(i32.trunc_f64_u (f64.const 4294967296))", "failed:trap:unrepresentable", 4),
        (
            _TABLE.format(size=1) + "(func $g (type $u) (i32.const 0)) (elem (i32.const 0) $g)",
            _CALL.format(argument="(i32.const 0)", index=0),
            "failed:trap:indirect-call",
            14,
        ),
        (_TABLE.format(size=1), _CALL.format(argument="(i32.const 0)", index=0), "failed:trap:indirect-call", 14),
        (_TABLE.format(size=1), _CALL.format(argument="(i32.const 0)", index=9), "failed:trap:table-bounds", 14),
        (
            "",
            '(module (func $f (export "wit") (result i32) (i32.add (i32.const 1) (call $f))))',
            "failed:trap:stack-overflow",
            52_424,
        ),
    ],
)
def test_program_costs_the_specified_units(
    wat: Callable[..., bytes],
    run: Callable[..., tuple[object, int]],
    head: str,
    body: str,
    result: object,
    cost: int,
) -> None:
    data = wat(body, head=head)
    assert run(data) == (result, cost)
    assert run(data, cost) == (result, cost)
    assert run(data, cost - 1) == ("exhausted:fuel", cost - 1)
    assert run(data, 2**63 - 1) == (result, cost)


def test_a_program_stops_at_every_budget_below_its_cost(
    wat: Callable[..., bytes], run: Callable[..., tuple[object, int]]
) -> None:
    data = wat(
        '(module (memory 1) (func $f (param i32) (result i32) (local i64 i64 i64 i64 i64 i64 i64 i64) (block (br_if 0 '
        "(local.get 0)) (return (i32.const 7))) (memory.fill (i32.const 0) (i32.const 9) (i32.const 17)) (i32.const 8))"
        '(func (export "wit") (result i32) (i32.add (call $f (i32.const 0)) (call $f (i32.const 1)))))'
    )  # fmt: skip
    # wit: 2 + 1 + 4 + 1 + 4 + 1; $f(0): 3 + (get 1, br_if 1), then const 1, return 1; $f(1): 5, then 67 + 2 + 1
    cost = 13 + 5 + 2 + 5 + 67 + 2 + 1
    assert run(data) == (15, cost)
    for budget in range(cost):
        assert run(data, budget) == ("exhausted:fuel", budget)


def test_stores_in_a_loop_cost_the_specified_units(
    wat: Callable[..., bytes], run: Callable[..., tuple[object, int]]
) -> None:
    store = "(i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))"
    assert run(wat(store * 1_000 + "(i32.const 0)", head="(memory 1)")) == (0, 6_003)


@pytest.mark.parametrize("kind", ["i32", "i64", "f32", "f64"])
@pytest.mark.parametrize(("parameters", "locals_", "operands"), [(1, 0, 0), (3, 40, 0), (30, 0, 30), (60, 900, 300)])
def test_stack_limit_is_exact(
    wat: Callable[..., bytes],
    run: Callable[..., tuple[object, int]],
    kind: str,
    parameters: int,
    locals_: int,
    operands: int,
) -> None:
    constants, drops = f"{kind}.const 1 " * operands, "drop " * operands
    get = "".join(f"local.get {index} " for index in range(1, parameters))
    frame = 8 + parameters + locals_ + max(operands + parameters, 2)
    own = 8 + max(parameters, 1)

    def data(depth: int) -> bytes:
        zeros = f"{kind}.const 0 " * (parameters - 1)
        return wat(
            f"(module (func $f (param i32 {f'{kind} ' * (parameters - 1)}) (local {f'{kind} ' * locals_})"
            f"{constants} "
            f"local.get 0 if local.get 0 i32.const 1 i32.sub {get} call $f end {drops})"
            f'(func (export "wit") (result i32) i32.const {depth} {zeros} call $f i32.const 0))'
        )

    most = (65_536 - own) // frame
    assert run(data(most - 1))[0] == 0
    assert run(data(most))[0] == "failed:trap:stack-overflow"


def test_stack_is_checked_before_fuel(wat: Callable[..., bytes], run: Callable[..., tuple[object, int]]) -> None:
    data = wat('(module (func $f (export "wit") (result i32) (i32.add (i32.const 1) (call $f))))')
    assert run(data, 52_424)[0] == "failed:trap:stack-overflow"
    assert run(data, 52_423)[0] == "exhausted:fuel"


@pytest.mark.parametrize("bits", ["0x1", "0x200001", "0x7fffff"])
def test_only_arithmetic_makes_nan_canonical(
    wat: Callable[..., bytes], run: Callable[..., tuple[object, int]], bits: str
) -> None:
    number = int(bits, 16) | 0x7F80_0000
    kept = {"f32.abs": number, "f32.neg": number | 0x8000_0000}
    for name in ("f32.ceil", "f32.floor", "f32.trunc", "f32.nearest", "f32.sqrt"):
        assert run(wat(f"(i32.reinterpret_f32 ({name} (f32.const -nan:{bits})))"))[0] == 0x7FC0_0000, name
    for name, value in kept.items():
        assert run(wat(f"(i32.reinterpret_f32 ({name} (f32.const nan:{bits})))"))[0] == value, name
    for name in ("f32.add", "f32.sub", "f32.mul", "f32.div", "f32.min", "f32.max"):
        text = f"(i32.reinterpret_f32 ({name} (f32.const -nan:{bits}) (f32.const 1)))"
        assert run(wat(text))[0] == 0x7FC0_0000, name
    text = f"(i32.wrap_i64 (i64.shr_u (i64.reinterpret_f64 (f64.promote_f32 (f32.const -nan:{bits}))) (i64.const 32)))"
    assert run(wat(text))[0] == 0x7FF8_0000
    text = f"(i32.reinterpret_f32 (f32.copysign (f32.const nan:{bits}) (f32.const -1)))"
    assert run(wat(text))[0] == number | 0x8000_0000


def test_metering_keeps_signed_zero_and_infinity(
    wat: Callable[..., bytes], run: Callable[..., tuple[object, int]]
) -> None:
    assert run(wat("(i32.reinterpret_f32 (f32.add (f32.const -0) (f32.const -0)))"))[0] == 0x8000_0000
    assert run(wat("(i32.reinterpret_f32 (f32.div (f32.const 1) (f32.const 0)))"))[0] == 0x7F80_0000


@pytest.mark.parametrize(("declared", "pages", "most"), [("1", 4, 4), ("1 3", 4, 3), ("1 9", 4, 4), ("0 0", 4, 0)])
def test_memory_grows_up_to_its_maximum(
    wat: Callable[..., bytes], run: Callable[..., tuple[object, int]], declared: str, pages: int, most: int
) -> None:
    first = int(declared.split(maxsplit=1)[0])
    grow = "(memory.grow (i32.const {}))".format
    assert run(wat(grow(most - first), head=f"(memory {declared})"), pages=pages)[0] == first
    assert run(wat(grow(most - first + 1), head=f"(memory {declared})"), pages=pages)[0] == 2**32 - 1


def test_many_results_and_returns_go_through_the_block(
    wat: Callable[..., bytes], run: Callable[..., tuple[object, int]]
) -> None:
    data = wat(
        "(module (func $f (param i32) (result i32 i64)"
        "(block (br_if 0 (local.get 0)) (return (i32.const 5) (i64.const 6)))"
        "(i32.const 7) (i64.const 8) (br 0))"
        "(func $g (param i32) (result i32) (call $f (local.get 0)) i32.wrap_i64 i32.add)"
        '(func (export "wit") (result i32)'
        "(i32.add (i32.mul (i32.const 100) (call $g (i32.const 0))) (call $g (i32.const 1)))))"
    )  # fmt: skip
    assert run(data)[0] == 1115


def test_dead_code_costs_nothing(wat: Callable[..., bytes], run: Callable[..., tuple[object, int]]) -> None:
    dead = "(block (loop (if (i32.const 1) (then nop) (else unreachable (br 0)))))"
    dead += "(drop (i32.div_u (i32.const 1) (i32.const 2)))"
    assert run(wat(f"(block (br 0) {dead}) (return (i32.const 0)) {dead}")) == (0, 5)
    assert run(wat(f"(if (i32.const 1) (then (return (i32.const 0)) {dead}) (else nop)) unreachable")) == (0, 6)


def test_cost_tables_equal_those_of_the_spec() -> None:
    listed = json.loads((_SPEC / "instructions.json").read_text())["instructions"]
    numbers = {int("".join(one["code"].split()), 16): one for one in listed}
    assert {number: one["cost"] for number, one in numbers.items()} == dict(COSTS)
    assert {number for number, one in numbers.items() if "nan" in one} == set(NAN_RESULTS)


def test_example_of_the_spec_is_metered_byte_for_byte(wat: Callable[..., bytes]) -> None:
    data = bytes.fromhex("0061736d010000000105016000017f030201000707010377697400000a0601040041000b")
    metered = meter_module(admit_module(data, "wit", 256))
    assert len(metered) == 118
    assert hashlib.sha256(metered).hexdigest() == "6dceaad0ee3040d2269e7306b9a3fef7d9ff30405115677b3a0c54503a64e783"


@pytest.mark.parametrize(
    ("dead", "alive"),
    [
        ("(return (i32.const 0)) (drop (i32.const 9))", "(return (i32.const 0))"),
        (
            "(if (i32.const 1) (then (return (i32.const 0)) (drop (i32.const 9))) (else (nop))) (i32.const 1)",
            "(if (i32.const 1) (then (return (i32.const 0))) (else (nop))) (i32.const 1)",
        ),
        (
            "(block (br 0) (drop (i32.const 7)) (block (drop (i32.const 8)))) (i32.const 0)",
            "(block (br 0)) (i32.const 0)",
        ),
    ],
)
def test_dead_code_is_removed(wat: Callable[..., bytes], dead: str, alive: str) -> None:
    with_dead, without = (meter_module(admit_module(wat(body), "wit", 1)) for body in (dead, alive))
    assert with_dead == without
    assert b"\x41\x09\x1a" not in with_dead
