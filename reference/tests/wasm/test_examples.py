"""The worked examples of the chapter of that name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gritstone.grit import CBOR_BLAKE3, FRAMED_SHA256

_FRAMED, _CBOR = FRAMED_SHA256.name, CBOR_BLAKE3.name
_MANIFEST = {"fuel": 1_000_000, "image": True, "pages": 4}

_A: dict[str, dict[str, str]] = {
    _FRAMED: {
        "core": "b5008f97162b68f0864b4e030f346cd5d92e52176992d2a5740aad1a8791abb5",
        "s1": "735f3a854a345219d8af101f005fa6028ff9686478f3fc0627bed8d9d7169cfa",
        "s2": "91a756930088534dd97e820f52b0a1f5bdb14a0882cb05a158b18daa3fc8a77e",
    },
    _CBOR: {
        "s1": "ba629cf2684a050f8f945a7b571067493048a9765be410f149bcc20d5641b67c",
        "s2": "ceefb211a047adcc6d3f8ef5a099a2b35bf85b47c1c3f7b28efa3aacb4897048",
    },
}
_B = {
    _FRAMED: {
        "core": "693d2be9f7b086e244f5250e20ea63fdd8c6c092b6d7c11c5c5ee68875702b0e",
        "s2": "96f51088486229d5aac94ddd7c012e6ecc010de892dfca5b229894b4949a4608",
        "s3": "f5f1888e5c01d460b82567a9495dd655bef755fb01e92ec516f8ba4f87a6f16c",
    },
    _CBOR: {"s3": "04626ae8697902e0c0fe4b63ceb79558c17fb5b961b36da540db9386a867fc84"},
}


def _history(bench: Any, counter: bytes, manifest: Any) -> dict[str, bytes]:
    actor = bench.core(counter, manifest)
    found = {"core": actor, "s1": bench.born(actor)}
    for number in (2, 3):
        found[f"s{number}"] = bench.tell(actor, found[f"s{number - 1}"])
    return found


def _count(bench: Any, actor: bytes, step: bytes) -> bytes:
    data: bytes = bench.workspace.load(bench.core_of(actor, step)["count"]).data
    return data


def test_counter_without_image_matches_the_vector(bench: Any, counter: bytes) -> None:
    found = _history(bench, counter, None)
    expected = _A[bench.store.format.name]
    assert {name: found[name].hex() for name in expected} == expected
    assert [_count(bench, found["core"], found[f"s{n}"])[0] for n in (1, 2, 3)] == [1, 1, 1]


def test_counter_with_image_matches_the_vector(bench: Any, counter: bytes) -> None:
    found = _history(bench, counter, _MANIFEST)
    expected = _B[bench.store.format.name]
    assert {name: found[name].hex() for name in expected} == expected
    actor = found["core"]
    assert [_count(bench, actor, found[f"s{n}"])[0] for n in (1, 2, 3)] == [1, 2, 3]
    assert [bench.state(actor, found[f"s{n}"]).used for n in (1, 2, 3)] == [3_815, 7_639, 11_463]
    assert bench.workspace.load(bench.wasm_of(actor, found["s3"])["state"]).data == bytes.fromhex(
        "a4 617601 6475736564 192cc7 657061676573 02 67676c6f62616c73 80"
    )


_LOOP = """(local i32) (loop (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1)))
  (i32.const 100))))"""
_FIB = """(module (func $f (param i32) (result i32) (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))
  (then (local.get 0)) (else (i32.add (call $f (i32.sub (local.get 0) (i32.const 1)))
  (call $f (i32.sub (local.get 0) (i32.const 2)))))))
  (func (export "wit") (result i32) (call $f (i32.const 20))))"""
_ADD = "(i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))"
_FLOATS = """(f64.store (i32.const 0) (f64.div (f64.const -0) (f64.const 0)))
  (f32.store (i32.const 8) (f32.add (f32.const nan:0x200001) (f32.const 1)))
  (f64.store (i32.const 16) (f64.neg (f64.load (i32.const 0))))
  (i32.add (i32.load (i32.const 4)) (i32.load (i32.const 8)))"""
_TABLE = """(module (type $t (func)) (type $u (func (param i32))) (table 2 funcref) (elem (i32.const 0) $g) (func $g)
  (func (export "wit") (result i32) %s (i32.const 0)))"""
_DEEP = '(module (func $f (export "wit") (result i32) (i32.add (i32.const 1) (call $f))))'


@pytest.mark.parametrize(
    ("text", "outcome", "least"),
    [
        ("(i32.const 0)", None, 3),
        (_LOOP + "(i32.const 0)", None, 703),
        (_LOOP + "(i32.div_u (i32.const 1) (i32.const 0))", "failed:trap:divide-by-zero", 712),
        (_FIB, "failed:guest:6765", 306_474),
        ("PAGE (memory.grow (i32.const 3))", "failed:guest:1", 24_643),
        ("PAGE (memory.grow (i32.const 256))", "failed:guest:4294967295", 2_097_219),
        ("PAGE (memory.fill (i32.const 0) (i32.const 0) (i32.const 65536)) (i32.const 0)", None, 8_262),
        ("PAGE" + _ADD * 1_000 + "(i32.const 0)", None, 6_003),
        ("PAGE" + _FLOATS, "failed:guest:4290248704", 29),
        ("unreachable", "failed:trap:unreachable", 3),
        ("PAGE (i32.load (i32.const 65533))", "failed:trap:memory-bounds", 4),
        ("PAGE (memory.fill (i32.const 65530) (i32.const 0) (i32.const 7)) (i32.const 0)", "failed:trap:memory-bounds",
         70),
        ("(i32.div_s (i32.const 0x80000000) (i32.const -1))", "failed:trap:unrepresentable", 12),
        ("(i32.trunc_f32_s (f32.const nan))", "failed:trap:unrepresentable", 4),
        (_TABLE % "(call_indirect (type $u) (i32.const 7) (i32.const 0))", "failed:trap:indirect-call", 13),
        (_TABLE % "(call_indirect (type $t) (i32.const 1))", "failed:trap:indirect-call", 12),
        (_DEEP, "failed:trap:stack-overflow", 52_424),
    ],
)  # fmt: skip
def test_fuel_budget_is_exact(
    bench: Any, wat: Callable[..., bytes], text: str, outcome: str | None, least: int
) -> None:
    head = "(memory 1)" if text.startswith("PAGE") else ""
    module = wat(text.removeprefix("PAGE"), head=head)
    # A genesis message that is declined has failed, without a code.
    expected = outcome or "failed"
    assert bench.born(bench.core(module, {"fuel": least})) == expected
    assert bench.born(bench.core(module, {"fuel": least - 1})) == "exhausted:fuel"
