"""The tree of exceptions."""

from __future__ import annotations

import pytest

from gritstone.errors import (
    Exhausted,
    GritstoneError,
    InternalError,
    Invalid,
    Malformed,
    Missing,
    Refusal,
    Rejected,
)


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        (Malformed, "malformed"),
        (Invalid, "invalid"),
        (Missing, "missing"),
        (Rejected, "rejected"),
        (Exhausted, "exhausted"),
    ],
)
def test_refusal_classes_have_their_kinds(kind: type[Refusal], word: str) -> None:
    refusal = kind("no", rule="grit.x.y")
    assert refusal.kind == word
    assert refusal.rule == "grit.x.y"
    assert refusal.code is None
    assert isinstance(refusal, GritstoneError)


def test_refusal_text_names_what_where_expected_and_got() -> None:
    refusal = Invalid("bad", rule="grit.x.y", code="digest", offset=7, got="b", expected="a")
    assert str(refusal) == "bad, at byte 7, expected a, got b"
    assert (refusal.offset, refusal.got, refusal.expected, refusal.code) == (7, "b", "a", "digest")
    assert str(Missing("nothing", rule="grit.x.y")) == "nothing"


def test_internal_error_is_not_a_refusal() -> None:
    assert not issubclass(InternalError, Refusal)
