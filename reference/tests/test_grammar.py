"""The grammars, at and over each bound."""

from __future__ import annotations

import pytest

from gritstone.errors import Invalid
from gritstone.grit.grammar import ASCII, UNICODE, Alphabet

BOTH = [pytest.param(ASCII, id="ascii"), pytest.param(UNICODE, id="unicode")]


@pytest.mark.parametrize("alphabet", BOTH)
@pytest.mark.parametrize("name", ["a", "...", " ", "a..b", "~", "A", "a" * 255, "a b", ".a", "..a"])
def test_valid_names_are_accepted(alphabet: Alphabet, name: str) -> None:
    assert alphabet.name.check(name) == name.encode()


@pytest.mark.parametrize("alphabet", BOTH)
@pytest.mark.parametrize("name", ["", ".", "..", "/", "a/b", "a\n", "\0", "\x1f", "\x7f", "a" * 256, "\ud800"])
def test_invalid_names_are_rejected(alphabet: Alphabet, name: str) -> None:
    with pytest.raises(Invalid):
        alphabet.name.check(name)


@pytest.mark.parametrize("alphabet", BOTH)
def test_header_keys_follow_the_grammar(alphabet: Alphabet) -> None:
    for key in ("!", "~", "k" * 64, "Content-Type", "a/b"):
        assert alphabet.key.check(key) == key.encode()
    for key in ("", " ", "a b", "k" * 65, "\x7f", "\u00e9"):
        with pytest.raises(Invalid):
            alphabet.key.check(key)


@pytest.mark.parametrize("alphabet", BOTH)
def test_header_values_follow_the_grammar(alphabet: Alphabet) -> None:
    for value in ("", " ", "a/b", ".", "v" * 65_535):
        assert alphabet.value.check(value) == value.encode()
    for value in ("v" * 65_536, "\0", "\t", "\x7f"):
        with pytest.raises(Invalid):
            alphabet.value.check(value)


def test_length_of_text_outside_ascii_is_measured_in_bytes() -> None:
    assert UNICODE.name.check("\u00e9" * 127) == "\u00e9".encode() * 127
    for name in ("\u00e9" * 128, "\x80", "\x9f", "\udfff"):
        with pytest.raises(Invalid):
            UNICODE.name.check(name)
    assert UNICODE.value.check("\u00a0\ufffe\U0010ffff")
    with pytest.raises(Invalid) as caught:
        ASCII.value.check("\u00e9")
    assert caught.value.rule == "grit.framed.ascii"
    with pytest.raises(Invalid) as caught:
        UNICODE.value.check("\ud800")
    assert caught.value.rule == "grit.cbor.utf8"
