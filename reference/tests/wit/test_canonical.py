"""Canonical JSON, against RFC 8785 as another library has it."""

from __future__ import annotations

from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from gritstone.errors import Invalid
from gritstone.wit.canonical import read_canonical, write_canonical

texts = st.text(max_size=6).filter(lambda text: text.isprintable() or text.isascii())
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | texts,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(texts, below, max_size=3),
    max_leaves=12,
)


@given(values)
def test_examples_of_rfc_8785_are_encoded(value: Any) -> None:
    data = write_canonical(value)
    assert data == rfc8785.dumps(value)
    assert read_canonical(data) == value


def test_members_are_sorted_by_code_units() -> None:
    assert write_canonical({"\uffee": 1, "\U0001f600": 2}) == '{"\U0001f600":2,"\uffee":1}'.encode()


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"{", b"[1,]", b"nul", b"\xff", b" 1", b"1 ", b"[1, 2]", b"-0", b"1.0", b"1e3", b"01", b"NaN"),
        *(b"9007199254740992", b'{"a":1,"a":2}', b'{"b":1,"a":2}', b'"\\u0041"', b'"\\/"', b'"\\ud800"', b'"\n"'),
        *(b"[" * 65 + b"]" * 65, b"[" * 100_000, b'"\\u000A"'),
    ],
)
def test_other_encodings_are_rejected(data: bytes) -> None:
    with pytest.raises(Invalid):
        read_canonical(data)


def test_json_nested_64_deep_is_accepted() -> None:
    data = b"[" * 64 + b"]" * 64
    assert write_canonical(read_canonical(data)) == data


@pytest.mark.parametrize("value", [1.5, b"x", {1: 2}, 2**53, "\ud800", {"\ud800": 1}, object()])
def test_values_outside_json_are_rejected(value: Any) -> None:
    with pytest.raises((Invalid, AttributeError)):
        write_canonical(value)


class Cents(int):
    def __str__(self) -> str:
        return f"{int(self) / 100:.2f}"

    __repr__ = __str__


class Word(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "other"


def test_value_of_a_subclass_is_written_as_what_it_contains() -> None:
    assert write_canonical({Word("b"): [Cents(1250)], "a": Word("x")}) == b'{"a":"x","b":[1250]}'


def test_name_that_is_not_a_text_is_invalid() -> None:
    with pytest.raises(Invalid, match="the name of a member is not a text"):
        write_canonical({1: 2})
