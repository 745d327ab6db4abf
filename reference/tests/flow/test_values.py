"""Values: the encoding, its limits, and the JSON form."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gritstone.errors import Exhausted, Malformed
from gritstone.flow.json_form import read_json, write_json
from gritstone.flow.values import (
    Ref,
    are_equal,
    decode_value,
    digest,
    encode_value,
    in_key_order,
    key_order,
    names_of_refs,
)

ACCEPTED: Mapping[str, Any] = {
    "1b7fffffffffffffff": 2**63 - 1,
    "3b7fffffffffffffff": -(2**63),
    "a361610261620162616103": {"b": 1, "a": 2, "aa": 3},
    "8401f56131f6": [1, True, "1", None],
    "4463617264": Ref("card"),
    "a165613d312c6202": {"a=1,b": 2},
    "81" * 15 + "80": [[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]],
}
REFUSED = """f93e00 1817 780161 a2616201616102 a2616101616102 9f01ff a10102 c100 40 4141 f7 0000 6261 61ff 63eda080
    1bffffffffffffffff 3b8000000000000000 9b00ffffffffffffff 5840 1c 5f ff a1 81 a16161"""


_SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text()
_REFS = st.from_regex(r"[a-z][a-z0-9_]{0,10}", fullmatch=True).map(Ref)
VALUES = st.recursive(
    _SCALARS | _REFS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4)
)


@pytest.mark.parametrize("data", ACCEPTED)
def test_values_have_one_encoding(data: str) -> None:
    assert encode_value(ACCEPTED[data]).hex() == data
    assert decode_value(bytes.fromhex(data)) == ACCEPTED[data]


@pytest.mark.parametrize("data", REFUSED.split())
def test_other_bytes_are_malformed(data: str) -> None:
    with pytest.raises(Malformed):
        decode_value(bytes.fromhex(data))


def test_no_bytes_are_malformed() -> None:
    with pytest.raises(Malformed):
        decode_value(b"")


def test_limits_are_exact() -> None:
    decode_value(b"\x81" * 16 + b"\x00")
    text = "a" * 65_531
    assert decode_value(encode_value(text)) == text
    for refused in (lambda: decode_value(b"\x81" * 17 + b"\x00"), lambda: encode_value(text + "aaa")):
        with pytest.raises(Exhausted):
            refused()
    with pytest.raises(Exhausted):
        decode_value(bytes(65_537))


@pytest.mark.parametrize("value", [1.0, 2**63, -(2**63) - 1, "\ud800", {1: 2}, Ref("A"), (1,), b"card"])
def test_other_objects_have_no_encoding(value: Any) -> None:
    with pytest.raises(Malformed):
        encode_value([value])


@given(VALUES)
def test_encoding_is_the_canonical_one_of_another_library(value: Any) -> None:
    data = encode_value(value)
    other = io.BytesIO()
    cbor2.CBOREncoder(other, canonical=True, default=lambda encoder, ref: encoder.encode(ref.name.encode())).encode(
        value
    )
    assert data == other.getvalue()
    assert are_equal(decode_value(data), value)


@given(st.binary(max_size=40))
def test_decoded_bytes_are_encoded_again(data: bytes) -> None:
    try:
        value = decode_value(data)
    except (Malformed, Exhausted):
        return
    assert encode_value(value) == data


@given(VALUES)
def test_json_form_keeps_values(value: Any) -> None:
    try:
        text = write_json(value)
    except Malformed:
        assert '"$ref"' in str(value).replace("'", '"')
        return
    assert are_equal(read_json(text), value)


@pytest.mark.parametrize("text", ["1.0", "1e3", "-0", '{"a":1,"a":2}', '"\\ud800"', '{"$ref":"A"}', "NaN", "", "1 2"])
def test_other_json_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        read_json(text)


def test_deep_json_is_exhausted() -> None:
    for depth in (17, 100_000):
        with pytest.raises(Exhausted):
            read_json("[" * depth + "]" * depth)


def test_different_values_have_different_digests() -> None:
    values = [1, True, "1", None, False, 0, "", [], {}, Ref("a"), "a", [1, 2], [[1], 2], {"a": 1}, {"a": "1"}]
    assert len({digest(encode_value(value)) for value in values}) == len(values)
    assert not are_equal([1], [True])


def test_refs_are_found_at_every_depth() -> None:
    assert names_of_refs({"a": [Ref("x"), {"b": Ref("y")}], "c": "z"}) == {"x", "y"}


def test_key_order_is_that_of_encodings() -> None:
    assert sorted(["b", "aa", "a", "é"], key=key_order) == ["a", "b", "aa", "é"]


@given(VALUES)
def test_key_order_of_a_value_is_that_of_its_decoded_encoding(value: Any) -> None:
    assert repr(in_key_order(value)) == repr(decode_value(encode_value(value, None), 1 << 30))
