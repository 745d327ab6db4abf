"""Excerpts: any value as one short line; different values have different excerpts.

Spec: :rule:`suite.message.explains`.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gritstone_conformance.attachment.base64url import encode_bytes
from gritstone_conformance.results.excerpts import (
    cut_middle,
    show_answer,
    show_bytes,
    show_difference,
    show_first_byte,
    show_request,
    show_sides,
    show_value,
)
from gritstone_conformance.running.outcome_builder import excerpt

ID = "3048fd0d5fc394c1d75bd9010ba1d58953270a35ef852c3c61247152b37b58f0"


def test_cut_middle_keeps_both_ends_and_the_width() -> None:
    assert cut_middle("abcdef", 6) == "abcdef"
    for width in range(2, 40):
        line = cut_middle("x" * 30 + "y" * 30, width)
        assert len(line) == width
        assert "…" in line


def test_bytes_are_shown_as_text_or_hex() -> None:
    assert show_bytes(b"tree 3\0a\0\xff\n", as_text=True, width=80) == "tree 3␀a␀\\xff\\x0a"
    assert show_bytes(b"\x82\x01\xa0", as_text=False, width=80) == "8201a0"
    assert len(show_bytes(bytes(10_000), as_text=True, width=40)) == 40


def test_request_is_one_line() -> None:
    shown = show_request("grit.decode", {"format": "framed-sha256", "bytes": "dHJlZSAwAA"}, 100)
    assert shown == "grit.decode  framed-sha256, 7 bytes  tree 0␀"
    shown = show_request("grit.decode", {"format": "cbor-blake3", "bytes": "ggGg"}, 100)
    assert shown == "grit.decode  cbor-blake3, 3 bytes  8201a0"
    shown = show_request("grit.get", {"store": "s", "id": ID}, 100)
    assert shown == "grit.get  s, id 3048fd0d…"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "nothing"),
        ({"refused": "missing", "code": "erased"}, "refused missing (erased)"),
        ({"any": [{"refused": "invalid"}, {"refused": "malformed"}]}, "refused invalid or refused malformed"),
        ({"ok": {"id": ID}}, 'ok  {"id":"3048fd0d…"}'),
        ({"error": "\x1b[2J broke"}, "error: \\x1b[2J broke"),
        ({"error": True}, "error"),
        ({"unsupported": "grit.id"}, "unsupported grit.id"),
    ],
)
def test_answers_are_shown_in_words(value: Any, shown: str) -> None:
    assert show_answer(value, 100) == shown


def test_values_are_cut_to_the_width() -> None:
    assert len(show_value({"bytes": "A" * 100_000}, 60)) == 60


def test_ids_are_shortened_everywhere() -> None:
    place = f"heads/{'ab' * 32}~1/inbox/{'cd' * 32}"
    shown = dict(show_difference(place, "a legal history", f"{'0f' * 32} was not covered alone", 100))
    assert shown["path"] == "heads/abababababab…~1/inbox/cdcdcdcdcdcd…"
    assert shown["got"] == "0f0f0f0f0f0f… was not covered alone"
    assert show_request("grit.get", {"id": "0f" * 32}, 80) == "grit.get  id 0f0f0f0f…"
    assert show_value("ab" * 31, 100) == "ab" * 31


@pytest.mark.rule("suite.message.explains")
def test_expected_and_actual_value_never_look_alike() -> None:
    one, other = "ab" * 32, "ab" * 31 + "ac"
    assert show_sides("/id", one, other, 100) == (one, other)
    assert show_sides("/id", one, "ac" * 32, 100) == ("abababababab…", "acacacacacac…")
    long, longer = [0] * 90 + [1] + [2] * 90, [0] * 90 + [3] + [2] * 90
    expected, got = show_sides("/refs", long, longer, 60)
    assert (expected[:16], got[:16]) == ("…0,0,0,0,0,0,1,2", "…0,0,0,0,0,0,3,2")
    assert max(len(expected), len(got)) <= 60
    assert show_sides("", {"ok": {"id": one}}, {"refused": "missing"}, 100)[0] == 'ok  {"id":"abababababab…"}'


def test_empty_text_is_shown() -> None:
    assert show_request("grit.refs", {"store": "s", "prefix": ""}, 80) == 'grit.refs  s, prefix ""'


@pytest.mark.rule("suite.message.explains")
@pytest.mark.parametrize(
    ("expected", "got", "shown"),
    [
        (b"tree 68\0\x20\0\x01", b"tree 68\0\x61\0\x01", 'at byte 8, after "tree 68␀": 200001 expected, 610001 got'),
        (b"\x82\x01" + bytes(20), b"\x83\x01", "at byte 0: 8201000000000000… expected, 8301 got"),
        (b"blob 0\0", b"blob 0\0more", 'at byte 7, after "blob 0␀": the end expected, "more" got'),
        (b"ref tags/a " + b"01" * 32, b"ref tags/b ", 'at byte 9, after "ref tags/": "a 010101"… expected, "b " got'),
        (b"0123456789abcdef", b"0123456789abcdeF", 'at byte 15, after …"3456789abcde": "f" expected, "F" got'),
    ],
    ids=["hex", "first", "longer", "text", "far"],
)
def test_differing_bytes_name_the_first_difference(expected: bytes, got: bytes, shown: str) -> None:
    sides = encode_bytes(expected), encode_bytes(got)
    assert show_first_byte("/bytes", *sides) == shown
    assert ("differs", shown) in show_difference("/bundle", *sides, 100)


def test_first_differing_byte_exists_only_for_bytes() -> None:
    assert show_first_byte("/id", "AAAA", "AAAB") is None
    assert show_first_byte("/bytes", "AAAA", None) is None
    assert show_first_byte("/bytes", "AAAA", "no bytes") is None
    assert show_first_byte("", {"ok": {"bytes": "AAAA"}}, {"refused": "invalid"}) is None


@given(st.binary(max_size=700), st.binary(max_size=700), st.integers(0, 700))
def test_shortened_bytes_name_the_same_first_difference_or_none(one: bytes, other: bytes, shared: int) -> None:
    other = one[:shared] + other
    sides = [encode_bytes(data) for data in (one, other)]
    whole = show_first_byte("/bytes", *sides)
    kept = show_first_byte("/bytes", *map(excerpt, sides))
    assert (whole is None) is (one == other)
    assert kept is None or whole is not None
    assert kept is None or kept.split(":")[0].split(",")[0] == str(whole).split(":")[0].split(",")[0]
