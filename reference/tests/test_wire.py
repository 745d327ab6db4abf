"""Spelling on the wire."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gritstone.errors import Invalid
from gritstone.grit import Blob, Mailbox, Message, Object, Step, Tree
from gritstone.harness.wire import (
    ArgumentError,
    read_bytes,
    read_frame,
    read_id,
    read_object,
    write_bytes,
    write_frame,
    write_object,
)

A = bytes(range(1, 33))
B = bytes(range(0x65, 0x85))


@pytest.mark.parametrize(
    ("text", "data"), [("", b""), ("AA", b"\0"), ("AAE", b"\0\1"), ("AAEC", b"\0\1\2"), ("-_-_", b"\xfb\xff\xbf")]
)
def test_base64url_bytes_are_decoded(text: str, data: bytes) -> None:
    assert read_bytes(text) == data
    assert write_bytes(data) == text


@pytest.mark.parametrize(
    "text",
    ["A", "AB", "AAF", "AA==", "+/+/", "AA=", "=", "AAEC\n", "AA EC", "\u00e9A", "AAEA=", "====", "AAAAA", None, 1],
)
def test_other_encodings_of_bytes_are_rejected(text: object) -> None:
    with pytest.raises(ArgumentError):
        read_bytes(text)


@given(st.binary(max_size=100))
def test_encoded_bytes_decode_to_the_same_bytes(data: bytes) -> None:
    text = write_bytes(data)
    assert text == base64.urlsafe_b64encode(data).decode().rstrip("=")
    assert read_bytes(text) == data


@given(st.text("AQgwBCD-_+/= \n", max_size=9))
def test_bytes_have_one_encoding(text: str) -> None:
    try:
        data = read_bytes(text)
    except ArgumentError:
        return
    assert write_bytes(data) == text


@pytest.mark.parametrize(
    "text",
    ["", A.hex()[:-1], A.hex() + "0", A.hex().upper() + "", A.hex() + "\n", "g" * 64, " " * 64, None, 5, [A.hex()]],
)
def test_ids_are_lower_case_hex(text: object) -> None:
    assert read_id(B.hex()) == B
    if text == A.hex().upper():
        assert text != A.hex()
    with pytest.raises(ArgumentError):
        read_id(text)


OBJECTS: list[Object] = [
    Blob({"ct": "s", "a": ""}, b"hello"),
    Tree({"b": B, "a": A}),
    Message(None, {}, A),
    Message(B, {"mt": "\u00e9"}, A),
    Mailbox({B: A, A: B}),
    Step(None, A, None, B, A),
    Tree({}),
    Tree({"..": bytes(32)}),
]


@pytest.mark.parametrize("value", OBJECTS)
def test_encoded_objects_decode_to_the_same_objects(value: Object) -> None:
    form = json.loads(json.dumps(write_object(value)))
    assert form["kind"] == value.kind.word
    assert read_object(form) == value


def test_pairs_keep_their_order() -> None:
    assert write_object(Tree({"b": B, "a": A}))["entries"] == [("b", B.hex()), ("a", A.hex())]


BAD_FORMS: list[object] = [
    None,
    [],
    {},
    {"kind": "commit"},
    {"kind": ["blob"]},
    {"kind": "blob", "headers": []},
    {"kind": "blob", "headers": [], "data": "", "more": 1},
    {"kind": "blob", "headers": {}, "data": ""},
    {"kind": "blob", "headers": [["a"]], "data": ""},
    {"kind": "blob", "headers": [["a", "b", "c"]], "data": ""},
    {"kind": "blob", "headers": [["a", 1]], "data": ""},
    {"kind": "blob", "headers": [], "data": "AB"},
    {"kind": "tree", "entries": [["a", "b"]]},
    {"kind": "tree", "entries": [["a", None]]},
    {"kind": "message", "previous": None, "headers": [], "content": None},
    {"kind": "mailbox", "entries": [["a", A.hex()]]},
    {"kind": "step", "previous": None, "actor": None, "inbox": None, "outbox": None, "core": A.hex()},
    {"kind": "blob", "headers": [["a", "b"], ["a", "b"]], "data": "A"},
]


@pytest.mark.parametrize("form", BAD_FORMS)
def test_other_forms_of_objects_are_rejected(form: object) -> None:
    with pytest.raises(ArgumentError):
        read_object(form)


@pytest.mark.parametrize(
    "form",
    [
        {"kind": "blob", "headers": [["a", "b"], ["a", "b"]], "data": ""},
        {"kind": "tree", "entries": [["a", A.hex()], ["a", B.hex()]]},
        {"kind": "mailbox", "entries": [[A.hex(), A.hex()], [A.hex(), B.hex()]]},
    ],
)
def test_repeated_key_is_rejected(form: object) -> None:
    with pytest.raises(Invalid):
        read_object(form)


def test_request_lines_are_decoded() -> None:
    assert read_frame(b'{"seq": 1, "op": "ping", "args": {}}') == (1, "ping", {})
    assert write_frame(7, "ok", {"a": [("\u00e9", None)]}) == '{"seq":7,"ok":{"a":[["\u00e9",null]]}}\n'.encode()
    assert read_frame(b'{"seq": 1, "op": "ping", "args": {}} ') == (1, "ping", {})
    assert read_frame(b'{"seq": 1, "op": ["ping"]}') == (1, "", None)
    assert read_frame(b'{"seq":1,"op":"ping","args":[[') == (1, "ping", None)
    assert read_frame(b'{"seq":1,"op":"ping"} {}') == (1, "ping", None)
    for line in (
        b"",
        b'{"seq": 1, "op": "ping", "args": {}} {}',
        b"{}",
        b"[]",
        b"\xff",
        b"{",
    ):
        with pytest.raises(ArgumentError):
            read_frame(line)
