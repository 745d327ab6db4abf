"""Frames: the bytes of a request, and the rule that each malformed reply violates."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gritstone_conformance.attachment.protocol import (
    MAX_INTEGER,
    ProtocolFault,
    encode_request,
    parse_json,
    parse_reply,
)
from gritstone_conformance.replies import REFUSAL_CLASSES, Ok, Refused, Trouble, Unsupported
from gritstone_conformance.schemas import violation

FAULTS = {
    "banner": (b"Acme adapter 1.0", "harness.frame.stdout-clean", "harness.frame.line"),
    "banner-not-utf8": (b"Acm\xe9 1.0", "harness.frame.stdout-clean", "harness.frame.line"),
    "log-line": (b"[INFO] ready", "harness.frame.stdout-clean", "harness.frame.line"),
    "banner-after-bom": (b"\xef\xbb\xbfAcme", "harness.frame.stdout-clean", "harness.frame.line"),
    "bom": (b'\xef\xbb\xbf{"seq":1,"ok":{}}', "harness.frame.line", None),
    "cr": (b'{"seq":1,"ok":{}}\r', "harness.frame.line", None),
    "cr-inside": (b'{"seq":1,\r"ok":{}}', "harness.frame.line", None),
    "blank": (b"", "harness.frame.line", None),
    "blanks": (b"  ", "harness.frame.line", None),
    "cut-by-lf": (b'{"seq":1,', "harness.frame.line", None),
    "not-utf8": (b'{"seq":1,"ok":{"a":"\xff"}}', "harness.frame.line", None),
    "utf8-surrogate": (b'{"seq":1,"ok":{"a":"\xed\xa0\x80"}}', "harness.frame.line", None),
    "two-objects": (b'{"seq":1,"ok":{}}{"seq":2,"ok":{}}', "harness.frame.line", None),
    "control-character": (b'{"seq":1,"ok":{"a":"\t"}}', "harness.frame.line", None),
    "single-quotes": (b"{'seq':1,'ok':{}}", "harness.frame.line", None),
    "trailing-comma": (b'{"seq":1,"ok":{},}', "harness.frame.line", None),
    "list": (b'[{"seq":1,"ok":{}}]', "harness.frame.line", None),
    "number-line": (b"1", "harness.frame.line", None),
    "null": (b"null", "harness.frame.line", None),
    "nested": (b'{"seq":1,"ok":' + b'{"a":' * 100_000, "harness.frame.line", None),
    "repeated-member": (b'{"seq":1,"seq":1,"ok":{}}', "harness.json.plain", None),
    "repeated-deep": (b'{"seq":1,"ok":{},"x":{"a":[{"b":1,"b":1}]}}', "harness.json.plain", None),
    "repeated-by-escape": (b'{"seq":1,"ok":{"a":1,"\\u0061":1}}', "harness.json.plain", None),
    "fraction": (b'{"seq":1,"ok":{"a":1.0}}', "harness.json.plain", None),
    "exponent": (b'{"seq":1,"ok":{"a":1e3}}', "harness.json.plain", None),
    "exponent-seq": (b'{"seq":1e0,"ok":{}}', "harness.json.plain", None),
    "negative": (b'{"seq":1,"ok":{"a":-1}}', "harness.json.plain", None),
    "minus-zero": (b'{"seq":1,"ok":{"a":-0}}', "harness.json.plain", None),
    "leading-zero": (b'{"seq":1,"ok":{"a":01}}', "harness.frame.line", None),
    "2^53": (b'{"seq":1,"ok":{"a":9007199254740992}}', "harness.json.plain", None),
    "huge-number": (b'{"seq":1,"ok":{"a":' + b"9" * 5000 + b"}}", "harness.json.plain", None),
    "nan": (b'{"seq":1,"ok":{"a":NaN}}', "harness.json.plain", None),
    "infinity": (b'{"seq":1,"ok":{"a":-Infinity}}', "harness.json.plain", None),
    "lone-surrogate": (b'{"seq":1,"ok":{"a":"\\ud800"}}', "harness.json.plain", None),
    "low-before-high": (b'{"seq":1,"ok":{"a":"\\udc00\\ud800"}}', "harness.json.plain", None),
    "surrogate-name": (b'{"seq":1,"ok":{"\\udfff":1}}', "harness.json.plain", None),
    "no-seq": (b'{"ok":{}}', "harness.reply.one-answer", None),
    "text-seq": (b'{"seq":"1","ok":{}}', "harness.reply.one-answer", None),
    "bool-seq": (b'{"seq":true,"ok":{}}', "harness.reply.one-answer", None),
    "null-seq": (b'{"seq":null,"ok":{}}', "harness.reply.one-answer", None),
    "no-answer": (b'{"seq":1}', "harness.reply.one-answer", None),
    "two-answers": (b'{"seq":1,"ok":{},"error":{"message":""}}', "harness.reply.one-answer", None),
    "unknown-member": (b'{"seq":1,"ok":{},"time":1}', "harness.reply.one-answer", None),
    "echo": (b'{"seq":1,"op":"ping","args":{}}', "harness.reply.one-answer", None),
    "ok-list": (b'{"seq":1,"ok":[]}', "harness.reply.one-answer", None),
    "ok-null": (b'{"seq":1,"ok":null}', "harness.reply.one-answer", None),
    "x-list": (b'{"seq":1,"ok":{},"x":[]}', "harness.reply.one-answer", None),
    "refused-text": (b'{"seq":1,"refused":"invalid"}', "harness.reply.one-answer", None),
    "refused-no-class": (b'{"seq":1,"refused":{}}', "harness.reply.one-answer", None),
    "refused-class-number": (b'{"seq":1,"refused":{"class":1}}', "harness.reply.one-answer", None),
    "refused-code-number": (b'{"seq":1,"refused":{"class":"invalid","code":1}}', "harness.reply.one-answer", None),
    "refused-more": (b'{"seq":1,"refused":{"class":"invalid","why":""}}', "harness.reply.one-answer", None),
    "refused-bad": (b'{"seq":1,"refused":{"class":"bad"}}', "harness.reply.class-closed", None),
    "refused-case": (b'{"seq":1,"refused":{"class":"Invalid"}}', "harness.reply.class-closed", None),
    "unsupported-text": (b'{"seq":1,"unsupported":"x"}', "harness.reply.one-answer", None),
    "unsupported-empty": (b'{"seq":1,"unsupported":{"feature":""}}', "harness.reply.one-answer", None),
    "unsupported-more": (b'{"seq":1,"unsupported":{"feature":"x","why":""}}', "harness.reply.one-answer", None),
    "error-text": (b'{"seq":1,"error":"x"}', "harness.reply.one-answer", None),
    "error-no-message": (b'{"seq":1,"error":{"context":1}}', "harness.reply.one-answer", None),
    "error-more": (b'{"seq":1,"error":{"message":"","stack":""}}', "harness.reply.one-answer", None),
}
"""Name -> line, rule broken as the first line of a process, rule broken later (None: the same)."""


@pytest.mark.parametrize("name", FAULTS)
def test_malformed_reply_violates_its_rule(name: str) -> None:
    line, first_rule, later_rule = FAULTS[name]
    for first, rule in ((True, first_rule), (False, later_rule or first_rule)):
        with pytest.raises(ProtocolFault) as caught:
            parse_reply(line, first=first)
        assert caught.value.rule == rule
        assert caught.value.cause == "protocol:" + rule.removeprefix("harness.")
        assert len(caught.value.detail) < 600
        assert caught.value.detail.isprintable()


GOOD = {
    b'{"seq":0,"ok":{}}': (0, Ok({})),
    b' { "ok" : { } , "seq" : 9007199254740991 } ': (MAX_INTEGER, Ok({})),
    b'{"seq":1,"ok":{},"x":{"ms":1}}': (1, Ok({})),
    b'{"seq":1,"ok":{"a":"\\ud83d\\ude00\xc3\xa9"}}': (1, Ok({"a": "\U0001f600\u00e9"})),
    b'{"seq":1,"refused":{"class":"missing"}}': (1, Refused("missing")),
    b'{"seq":1,"refused":{"class":"invalid","code":"digest","rule":"a","message":"b"}}': (
        1,
        Refused("invalid", "digest", "a", "b"),
    ),
    b'{"seq":1,"unsupported":{"feature":"erase"}}': (1, Unsupported("erase")),
    b'{"seq":1,"error":{"message":"","context":[null]}}': (1, Trouble("")),
}


@pytest.mark.parametrize("line", GOOD)
def test_valid_reply_is_accepted(line: bytes) -> None:
    assert parse_reply(line) == GOOD[line]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, MAX_INTEGER) | st.text(max_size=8) | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
MEMBERS = st.fixed_dictionaries(
    {},
    optional={
        "seq": st.integers(0, 9) | JSON,
        "ok": st.just({}) | JSON,
        "x": st.just({}) | JSON,
        "refused": st.fixed_dictionaries({"class": st.sampled_from((*REFUSAL_CLASSES, "bad"))}) | JSON,
        "unsupported": st.fixed_dictionaries({"feature": st.text(max_size=2)}) | JSON,
        "error": st.fixed_dictionaries({"message": st.text(max_size=2)}, optional={"context": JSON}) | JSON,
        "other": JSON,
    },
)


@given(MEMBERS)
def test_reader_and_schema_agree(members: dict[str, object]) -> None:
    line = json.dumps(members, ensure_ascii=False).encode("utf-8", "surrogatepass")
    try:
        parse_reply(line)
        read = True
    except ProtocolFault as fault:
        if fault.rule in ("harness.json.plain", "harness.frame.line"):
            return  # a schema cannot check the spelling
        read = False
    assert read == (violation("reply", members) is None)


@given(st.dictionaries(st.text(max_size=5), JSON.filter(lambda value: value == value), max_size=3), st.text(max_size=9))
def test_request_is_one_plain_line(args: dict[str, object], op: str) -> None:
    line = encode_request(7, op, json.loads(json.dumps(args).replace("NaN", "0").replace("Infinity", "0")))
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert b"\r" not in line
    assert json.loads(line)["op"] == op


def test_request_has_no_spaces_and_plain_text() -> None:
    assert encode_request(5, "grit.x", {"a": ["\u00e9\n", None, True]}) == (
        b'{"seq":5,"op":"grit.x","args":{"a":["\xc3\xa9\\n",null,true]}}\n'
    )


def test_deep_nesting_is_rejected_without_recursion() -> None:
    with pytest.raises(ProtocolFault):
        parse_json(b"[" * 1_000_000)
