"""JSON of sessions: strict to read, one text to write, and a number is its spelling."""

from __future__ import annotations

import pytest

from gritstone.session.json_text import NoJson, Spelled, parse, spell


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (b' {"b" : 2.50, "a" : "\\u00e9\\/" }\r\n', '{"a":"é/","b":2.50}'),
        (b"-0", "-0"),
        (b"1E+2", "1E+2"),
        ('{"\uffff":1,"\U00010000":2}'.encode(), '{"\U00010000":2,"\uffff":1}'),
        (b'"\\u0001\\u000a\\ud83d\\ude00"', '"\\u0001\\n\U0001f600"'),
        (b"[" * 32 + b"]" * 32, "[" * 32 + "]" * 32),
        (b"[true,false,null,{}]", "[true,false,null,{}]"),
    ],
)
def test_value_has_one_text(text: bytes, written: str) -> None:
    assert spell(parse(text)) == written.encode()


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"\xef\xbb\xbf1", b"\xff", b"1 2", b"[1,]", b"[1 2]", b'{"a"}', b'{"a":1', b"'a'", b"\x0c1"),
        *(b'{"a":1,"\\u0061":2}', b'"\\ud800"', b'"\\ude00"', b'"\\ud800\\u0061"', b'"\\x"', b'"\n"', b'"a'),
        *(b"[" * 33 + b"]" * 33, b"1" * 33, b"01", b"+1", b".5", b"1.", b"1e", b"-", b"NaN", b"Infinity", b"True"),
    ],
)
def test_other_bytes_are_refused(text: bytes) -> None:
    with pytest.raises(NoJson):
        parse(text)


@pytest.mark.parametrize(
    ("spelling", "is_integer", "natural"),
    [("0", True, 0), ("12", True, 12), ("-0", True, None), ("1.0", False, None), ("1e3", False, None)],
)
def test_integers_are_known_by_their_spelling(spelling: str, *, is_integer: bool, natural: int | None) -> None:
    number = Spelled(spelling)
    assert (number.is_integer, number.natural) == (is_integer, natural)
