"""The model of values and of their JSON form."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gritstone_conformance.model.flow import values
from gritstone_conformance.model.flow.json_form import NoJsonForm, from_json, to_json
from gritstone_conformance.model.flow.values import (
    NotAValue,
    Ref,
    Value,
    decode,
    digest,
    encode,
    equal,
    is_within,
    kind_of,
    nesting_of,
    refs_in,
)
from gritstone_conformance.planning.suite import load_data
from selftests.checks.oracle import play_vector

SCALARS: st.SearchStrategy[Value] = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 63) - 1)
    | st.text(st.characters(codec="utf-8"), max_size=30)
    | st.from_regex("[a-z][a-z0-9_]{0,20}", fullmatch=True).map(Ref)
)
VALUES: st.SearchStrategy[Value] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab$.ré", max_size=4), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("value", "encoding"),
    [
        ((1 << 63) - 1, "1b7fffffffffffffff"),
        (-(1 << 63), "3b7fffffffffffffff"),
        ({"b": 1, "a": 2, "aa": 3}, "a361610261620162616103"),
        ([1, True, "1", None], "8401f56131f6"),
        (Ref("card"), "4463617264"),
        ({"a=1,b": 2}, "a165613d312c6202"),
        (23, "17"),
        (24, "1818"),
        (-25, "3818"),
        (256, "190100"),
        (False, "f4"),
        ({}, "a0"),
        ([], "80"),
    ],
)
def test_values_have_the_encodings_of_the_spec(value: Value, encoding: str) -> None:
    assert encode(value).hex() == encoding
    assert encode(decode(bytes.fromhex(encoding))).hex() == encoding


@pytest.mark.parametrize(
    "encoding",
    [
        *[
            "f93e00",
            "1817",
            "780161",
            "a2616201616102",
            "a2616101616102",
            "9f01ff",
            "a10102",
            "c100",
            "40",
            "4141",
            "f7",
            "0000",
            "6261",
            "61ff",
        ],
        *[
            "63eda080",
            "1bffffffffffffffff",
            "3b8000000000000000",
            "9b00ffffffffffffff",
            "bf616101ff",
            "5f4161ff",
            "1c",
            "ff",
            "f8",
            "f820",
        ],
        *("a2616101", "1800", "190017", "4161ff", "a1f600"),
        "58" + "40" + "61" * 64,
        "",
    ],
)
def test_other_bytes_are_malformed(encoding: str) -> None:
    with pytest.raises(NotAValue) as caught:
        decode(bytes.fromhex(encoding))
    assert caught.value.classes == {"malformed"}


@pytest.mark.parametrize(
    ("data", "classes"),
    [
        (b"\x81" * 16 + b"\x00", None),
        (b"\x81" * 15 + b"\x80", None),
        (b"\x81" * 15 + b"\xa0", None),
        (b"\x81" * 17 + b"\x00", {"exhausted"}),
        (b"\x81" * 16 + b"\x80", {"exhausted"}),
        (b"\xa1\x60" * 17 + b"\x00", {"exhausted"}),
        (b"\x81" * 17, {"exhausted", "malformed"}),
        (b"\x79\xff\xfd" + b"x" * 65_533, None),
        (b"\x79\xff\xfe" + b"x" * 65_534, {"exhausted"}),
        (b"\x79\xff\xfd" + b"x" * 65_534, {"exhausted", "malformed"}),
        (b"\x81" * 60_000 + b"\x00", {"exhausted"}),
        (b"\x81" * 65_537, {"exhausted", "malformed"}),
    ],
)
def test_values_have_limits(data: bytes, classes: set[str] | None) -> None:
    if classes is None:
        assert is_within(decode(data))
        return
    with pytest.raises(NotAValue) as caught:
        decode(data)
    assert caught.value.classes == classes


def test_a_program_may_be_longer() -> None:
    text = "x" * (131_072 - 5)
    assert decode(encode(text), 131_072) == text
    with pytest.raises(NotAValue):
        decode(encode(text + "x"), 131_072)


def test_kinds_are_never_equal() -> None:
    values: list[Value] = [None, False, True, 0, 1, "", "1", "card", Ref("card"), [], {}, [None], {"": None}, [[]]]
    assert len({encode(value) for value in values}) == len(values)
    assert len({digest(value) for value in values}) == len(values)
    assert equal([1], [1])
    assert not equal([1], [True])
    each: list[Value] = [None, True, 1, "1", Ref("a"), [], {}]
    kinds = [kind_of(value) for value in each]
    assert kinds == ["null", "bool", "int", "text", "ref", "list", "map"]


def test_a_digest_is_the_sha_256_of_the_encoding() -> None:
    assert digest("a") == hashlib.sha256(b"\x61a").hexdigest()


def test_refs_are_found_at_every_depth() -> None:
    value: Value = {"a": [Ref("one"), {"b": Ref("two")}], "c": "three"}
    assert sorted(refs_in(value)) == ["one", "two"]
    assert nesting_of(value) == 3


@given(VALUES)
def test_an_encoding_is_read_back(value: Value) -> None:
    assert encode(decode(encode(value))) == encode(value)


@given(VALUES, st.data())
def test_reading_is_total_and_exact(value: Value, data: st.DataObject) -> None:
    changed = bytearray(encode(value))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(changed) - 1))
        changed[place] = data.draw(st.integers(0, 255))
    try:
        found = decode(bytes(changed))
    except NotAValue:
        return
    assert encode(found) == changed


@given(VALUES)
def test_a_json_form_is_read_back(value: Value) -> None:
    try:
        text = to_json(value)
    except NoJsonForm:
        return
    assert equal(from_json(text), value)


@pytest.mark.parametrize(
    "text",
    [
        *("-0", "1.0", "1e2", "01", "+1", "NaN", "9223372036854775808", "-9223372036854775809"),
        '{"a":1,"a":2}',
        '{"a":1,"\\u0061":2}',
        '"\\ud800"',
        '{"\\udc00":1}',
        '["\\ud800"]',
        '{"a":"\\ud800"}',
        '{"$ref":"Card"}',
        '{"$ref":1}',
        "1 2",
        "",
    ],
)
def test_other_json_is_the_form_of_no_value(text: str) -> None:
    with pytest.raises(NoJsonForm):
        from_json(text)


def test_json_forms_of_the_spec() -> None:
    value = from_json('{"amount": 40, "order": "A-17", "customer": {"$ref": "customer"}}')
    assert encode(value).hex() == "a3656f7264657264412d313766616d6f756e74182868637573746f6d657248637573746f6d6572"
    assert to_json(value) == '{"order":"A-17","amount":40,"customer":{"$ref":"customer"}}'
    assert to_json({"$ref": 1, "a": "é"}) == '{"a":"é","$ref":1}'
    with pytest.raises(NoJsonForm):
        to_json({"$ref": "card"})


@pytest.mark.parametrize("topic", ["par", "replan", "wait"])
def test_model_does_not_change_decoded_values(topic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[tuple[bytes, Value]] = []

    def noted(data: bytes, most: int | None) -> Value:
        kept.append((data, decoded(data, most)))
        return kept[-1][1]

    decoded = values._decoded
    monkeypatch.setattr(values, "_decoded", noted)
    for case in load_data().vectors.cases():
        if case.name.startswith(f"flow/{topic}/"):
            assert play_vector(case) is None
    assert len(kept) > 100
    assert all(encode(value) == data for data, value in kept)
