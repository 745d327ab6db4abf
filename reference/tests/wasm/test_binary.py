"""Taking modules apart."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gritstone.errors import Malformed
from gritstone.wasm.binary import Data, Elements, SizeLimits, read_module
from gritstone.wasm.reader import Reader, signed, unsigned


@given(st.integers(0, 2**32 - 1))
def test_unsigned_numbers_round_trip(value: int) -> None:
    data = unsigned(value)
    reader = Reader(data, 0, len(data))
    assert (reader.u32(), reader.at) == (value, len(data))


@given(st.sampled_from([32, 33, 64]), st.data())
def test_signed_numbers_round_trip(bits: int, data: st.DataObject) -> None:
    value = data.draw(st.integers(-(1 << bits - 1), (1 << bits - 1) - 1))
    raw = signed(value)
    reader = Reader(raw, 0, len(raw))
    assert (reader.signed(bits), reader.at) == (value, len(raw))


@pytest.mark.parametrize("raw", ["8080808010", "808080808000", "ffffffff1f", "80"])
def test_unsigned_number_out_of_range_is_malformed(raw: str) -> None:
    data = bytes.fromhex(raw)
    with pytest.raises(Malformed):
        Reader(data, 0, len(data)).u32()


@pytest.mark.parametrize(("raw", "value"), [("8080808078", -(2**31)), ("ffffffff07", 2**31 - 1), ("ff7f", -1)])
def test_signed_numbers_may_be_long(raw: str, value: int) -> None:
    data = bytes.fromhex(raw)
    assert Reader(data, 0, len(data)).signed(32) == value


@pytest.mark.parametrize("raw", ["8080808070", "ffffffff0f", "ffffffffff00"])
def test_signed_number_out_of_range_is_malformed(raw: str) -> None:
    data = bytes.fromhex(raw)
    with pytest.raises(Malformed):
        Reader(data, 0, len(data)).signed(32)


def test_sections_are_decoded(wat: Callable[..., bytes]) -> None:
    module = read_module(
        wat(
            '(module (import "grit" "wait" (func (result i32))) (memory 1 2) (table 3 funcref) (global (mut i64) '
            '(i64.const -1)) (func (export "wit") (result i32) (local i32 i32 f64) i32.const 0) (elem (i32.const 1) 1)'
            '(data (i32.const 65533) "abc") (data "passive"))'
        )
    )
    assert module.memories == [SizeLimits(1, 2)]
    assert module.tables == [SizeLimits(3, None)]
    assert module.elements == [Elements(1, (1,))]
    assert module.segments == [Data(65533, 3), Data(None, 7)]
    assert [(one.name, one.type_index) for one in module.imports] == [("wait", 0)]
    assert module.bodies[0].declared == 3
    assert [one.mutable for one in module.globals] == [True]


@pytest.mark.parametrize(
    "text",
    [
        '(memory 1) (data (i32.const 65534) "abc")',
        '(memory 1) (data (i32.const -1) "a")',
        "(table 1 funcref) (func) (elem (i32.const 1) 0)",
        "(func) (start 0)",
        "(memory 1) (memory 1)",
        "(table 1 funcref) (table 1 funcref)",
        "(table 1 externref)",
        "(memory i64 1)",
        "(memory 1 1 shared)",
        "(global v128 (v128.const i64x2 0 0))",
        "(global i32 (i32.add (i32.const 1) (i32.const 1)))",
        "(table 1 funcref) (func) (elem func 0)",
        "(func) (elem declare func 0)",
    ],
)
def test_foreign_features_are_rejected(wat: Callable[..., bytes], text: str) -> None:
    try:
        module = read_module(wat(f"(module {text})"))
    except Malformed:
        return
    assert module.invalid is not None


def test_every_truncated_module_is_malformed(counter: bytes) -> None:
    read_module(counter)
    for size in range(8, len(counter)):
        try:
            module = read_module(counter[:size])
        except Malformed:
            continue
        assert not module.segments, "a module may end between sections, if every function has its body"


@settings(max_examples=300)
@given(st.data())
def test_any_bytes_are_decoded_or_rejected(counter: bytes, data: st.DataObject) -> None:
    changed = bytearray(counter)
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(8, len(changed) - 1))] = data.draw(st.integers(0, 255))
    with suppress(Malformed):
        read_module(bytes(changed))
