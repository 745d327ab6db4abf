"""Values in failures: documents, modules, words and bytes as people read them, bounded, without control characters.

Spec: :rule:`suite.message.explains`, :rule:`suite.output.plain`, :rule:`suite.bounds.each`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gritstone_conformance.attachment.base64url import encode_bytes
from gritstone_conformance.attachment.protocol import RawArgs
from gritstone_conformance.judge import Difference, answer_of, compare
from gritstone_conformance.model.flow.values import Ref
from gritstone_conformance.model.flow.values import encode as encode_value
from gritstone_conformance.model.values import Blob, to_json
from gritstone_conformance.replies import Ok, Refused, Reply, Trouble, Unsupported, WrongShape
from gritstone_conformance.reporting.messages import Teller
from gritstone_conformance.results.excerpts import (
    show_answer,
    show_request,
    show_request_lines,
    show_sides,
    sized_bytes,
)
from gritstone_conformance.results.outcomes import Divergent, Outcome
from gritstone_conformance.running.decoded_diff import field_difference
from gritstone_conformance.running.outcome_builder import excerpt
from gritstone_conformance.running.readable import (
    difference_inside,
    document_difference,
    readable_answer,
    readable_args,
)
from gritstone_conformance.strategies.sandbox_abi import write_words
from gritstone_conformance.strategies.sandbox_probes import counter
from gritstone_conformance.text import plain, printable
from selftests.fakes.subject import fake_book

PROGRAM = encode_value({"flow": 1, "name": "a", "start": "e", "nodes": {"e": {"kind": "end", "outcome": "success"}}})
OTHER = encode_value({"flow": 1, "name": "a", "start": "e", "nodes": {"e": {"kind": "end", "outcome": "failure"}}})
OPS = ("flow.check", "flow.render", "flow.metrics", "grit.put", "grit.encode", "grit.get", "sandbox.run", "wasm.meter")
MEMBERS = ("program", "policy", "template", "value", "trace", "bytes", "object", "output", "files", "module", "used")
PYTHON = re.compile(
    r"""\bb'|\bb"|<[a-z_.]*object|object at 0x|\b(?:Ok|Refused|Unsupported|Trouble|WrongShape)\(|\bNone\b"""
)
WORD = st.text("abcxyz01", max_size=6)

values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 63) - 1) | WORD | st.just(Ref("customer")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORD, inner, max_size=4),
    max_leaves=12,
)
"""Values of flows."""

contents = st.one_of(
    st.binary(max_size=700),
    values.map(encode_value),
    st.sampled_from([counter(abi) for abi in ("memory", "wasi")]),
    st.sampled_from([counter("memory")]).flatmap(
        lambda module: st.integers(0, len(module)).map(lambda at: module[:at])
    ),
    st.lists(st.integers(0, (1 << 64) - 1), max_size=60).map(lambda words: write_words("memory", words)),
    st.lists(st.integers(0, (1 << 64) - 1), max_size=60).map(lambda words: write_words("wasi", words)),
    st.text(max_size=700).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.text(max_size=40).map(
        lambda text: json.dumps({"text": text, "bytes": encode_bytes(text.encode(errors="replace"))}).encode()
    ),
    st.integers(0, 40_000).map(bytes),
)
"""Bytes of every kind that a request or a reply can have."""

# "None" is legal in the text of a value; the alphabet of texts from strangers excludes its letters
strange = st.text(st.characters(exclude_characters="Nb<(", exclude_categories=()), max_size=900)
leaves = contents.map(encode_bytes) | strange | st.none() | st.integers() | st.booleans() | st.just({"$": "any"})
replied: st.SearchStrategy[Any] = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=30) | st.dictionaries(st.sampled_from(MEMBERS) | strange, inner, max_size=5),
    max_leaves=30,
)
objects = st.dictionaries(st.sampled_from(MEMBERS), replied, max_size=6)
replies: st.SearchStrategy[Reply] = st.one_of(
    objects.map(Ok),
    st.builds(Refused, st.sampled_from(["invalid", "missing"]), st.none() | strange, st.none(), st.none() | strange),
    strange.map(Unsupported),
    strange.map(Trouble),
    st.builds(WrongShape, objects, st.just("/bytes"), strange, replied),
)
expectations = st.one_of(
    objects.map(lambda value: {"ok": value}),
    st.just({"refused": "invalid", "code": "shape"}),
    st.just({"any": [{"refused": "invalid"}, {"ok": {"$": "any"}}, {"error": True}]}),
)


def block(op: str, args: dict[str, Any], difference: Difference, width: int = 100) -> list[str]:
    """Return the lines of a failure, from values to the terminal."""
    expected, got = (
        excerpt(readable_answer(op, difference.path, side)) for side in (difference.expected, difference.got)
    )
    path = str(excerpt(difference.path))
    divergence = Divergent(0, op, path, expected, got, 1, excerpt(readable_args(op, args)), (), difference.message)
    inside = difference_inside(op, difference.path, difference.expected, difference.got)
    outcome = Outcome("x/y/z", "0" * 64, "vector", ("grit.tree.key-order",), "MUST", "fail", rule="grit.tree.key-order")
    line = json.loads(json.dumps(Outcome.to_json(_with(outcome, divergence, inside))))
    header = {"iut": None, "attach": "stdio", "command": ["x"], "spec": "0.6"}
    teller = Teller(fake_book(), {}, header, Path(".gritstone"), width)
    return [plain(each) for each in teller.block(Outcome.from_json(line), {}, replay="x")]


def _with(outcome: Outcome, divergence: Divergent, detail: str | None) -> Outcome:
    return Outcome(
        **{**{name: getattr(outcome, name) for name in Outcome.__slots__}, "divergence": divergence, "detail": detail}
    )


def texts(value: Any) -> Iterator[str]:
    """Yield each text in a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | dict):
        for item in value if isinstance(value, list) else [*value, *value.values()]:
            yield from texts(item)


@pytest.mark.rule("suite.output.plain", "suite.bounds.each", "suite.message.explains")
@given(op=st.sampled_from(OPS), args=objects, expect=expectations, reply=replies)
def test_block_is_bounded_and_plain_for_every_reply(op: str, args: dict[str, Any], expect: Any, reply: Reply) -> None:
    difference = compare(expect, reply, {})
    if difference is None:
        return
    lines = block(op, args, difference)
    assert max(map(len, lines)) < 700
    assert len(lines) < 60
    for line in lines:
        assert line == printable(line, len(line)), "a control character is shown"
        assert PYTHON.search(line) is None, line


@given(op=st.sampled_from(OPS), args=objects, got=objects)
def test_readable_bytes_are_never_cut_by_the_report(op: str, args: dict[str, Any], got: dict[str, Any]) -> None:
    for value in (readable_args(op, args), readable_answer(op, "", {"ok": got})):
        sized = [text for text in texts(value) if re.match(r"[0-9]+ bytes?  ", text)]
        assert all(excerpt(text) == text for text in sized)


@given(data=contents)
def test_each_content_has_its_size_and_one_line(data: bytes) -> None:
    text = str(readable_args("flow.check", {"program": encode_bytes(data)})["program"])
    assert text.startswith(f"{len(data)} byte")
    assert len(text) <= 400
    assert text == printable(text, len(text))
    assert sized_bytes(data).startswith(f"{len(data)} byte")


def test_document_is_shown_as_json() -> None:
    shown = readable_args("flow.check", {"program": encode_bytes(PROGRAM), "peers": ["edge"]})
    assert shown["peers"] == ["edge"]
    size, text = str(shown["program"]).split("  ", 1)
    assert size == f"{len(PROGRAM)} bytes"
    assert json.loads(text)["nodes"]["e"]["outcome"] == "success"
    shown = readable_args("flow.check", {"input": encode_bytes(encode_value({"c": Ref("customer")}))})
    assert shown["input"] == '14 bytes  {"c":{"$ref":"customer"}}'.replace(
        "14", str(len(encode_value({"c": Ref("customer")})))
    )


def test_documents_name_the_member_that_differs() -> None:
    words = document_difference(PROGRAM, OTHER)
    assert words == "nodes.e.outcome differs: success expected, failure got"
    lists = [encode_value({"steps": [{"a b": 1}, {"a b": number}]}) for number in (2, 3)]
    assert document_difference(*lists) == 'steps[1]["a b"] differs: 2 expected, 3 got'
    more = [encode_value({"l": list(items)}) for items in ((1, 2), (1,))]
    assert document_difference(*more) == "l[1] differs: 2 expected, nothing, or null got"
    assert document_difference(PROGRAM, PROGRAM) is None
    assert document_difference(PROGRAM, b"\xff") is None
    value = [encode_bytes(encode_value(one)) for one in ("x", "y")]
    assert difference_inside("flow.render", "/value", *value) == "the value differs: x expected, y got"


def test_document_in_a_blob_names_the_member_that_differs() -> None:
    sides = [to_json(Blob((), data))["data"] for data in (PROGRAM, OTHER)]
    assert field_difference("/data", *sides) == "nodes.e.outcome differs: success expected, failure got"
    assert field_difference("/data", "AAAA", "AAAB") == 'at byte 2, after "␀␀": 00 expected, 01 got'
    assert field_difference("/entries/0/0", "a", "b") == "a expected, b got"


def test_words_of_a_probe_are_shown_as_numbers() -> None:
    for abi in ("memory", "wasi"):
        sides = [encode_bytes(write_words(abi, words)) for words in ((101, 1, 7), (101, 2, 7))]
        shown = [str(readable_answer("sandbox.again", "/output", side)) for side in sides]
        assert [text.split("  ")[1] for text in shown] == ["words 101, 1, 7", "words 101, 2, 7"]
        assert difference_inside("sandbox.again", "/output", *sides) == "word 2 differs: 1 expected, 2 got"
        short = encode_bytes(write_words(abi, (101,)))
        assert difference_inside("sandbox.run", "/ok/output", sides[0], short) == "3 words expected, 1 got"
    assert readable_answer("sandbox.run", "", {"ok": {"output": "AAE", "used": 1}}) == {
        "ok": {"output": "2 bytes  0001", "used": 1}
    }


def test_module_is_shown_as_text() -> None:
    module = counter("memory")
    shown = str(readable_args("sandbox.run", {"module": encode_bytes(module), "keep": True})["module"])
    assert shown.startswith(f"{len(module)} bytes  (module (type (;0;) (func")
    assert shown.endswith("))")
    cut = str(readable_args("sandbox.run", {"module": encode_bytes(module[:-1])})["module"])
    assert cut.startswith(f"{len(module) - 1} bytes  0061736d01000000")
    imports = bytes.fromhex("0061736d01000000 0216 03 0161 0161 01 70 00 01 0161 0162 02 00 01 0161 0163 03 7f 01")
    imports = imports[:9] + bytes([len(imports) - 10]) + imports[10:]
    shown = str(readable_args("wasm.admit", {"module": encode_bytes(imports)})["module"])
    assert '(import "a" "b" (memory (;0;) 1)) (import "a" "c" (global (;0;) (mut i32)))' in shown


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b"", "0 bytes"),
        (b"\xff", "1 byte  ff"),
        (b"\x00\x01\x02", "3 bytes  000102"),
        ("naïve\n".encode(), "7 bytes  naïve\\n"),
        (b"a\x1b[2J", "5 bytes  611b5b324a"),
        ("\u202eabc".encode(), "6 bytes  \\u202eabc"),
        (b"blob 1\0\xff", "8 bytes  blob 1␀\\xff"),
        ("é".encode()[:1], "1 byte  c3"),
        (b'{"a":1}', '7 bytes  {"a":1}'),
    ],
)
def test_other_bytes_are_text_or_hex(data: bytes, shown: str) -> None:
    assert readable_args("runtime.query", {"args": encode_bytes(data)})["args"] == shown


def test_values_that_are_no_bytes_remain() -> None:
    cases: list[tuple[str, dict[str, Any]]] = [
        ("grit.put", {"bytes": "AB"}),  # not canonical
        ("grit.put", {"bytes": 7}),
        ("grit.get", {"store": "s", "id": "0" * 64}),
        ("no.such", {"bytes": "AAAA"}),
        ("", {}),
        ("flow.eval", {"expr": "abcd"}),
    ]
    for op, args in cases:
        assert readable_args(op, args) == args
    assert readable_args("ping", RawArgs("[]")) == {}
    assert readable_answer("flow.eval", "/value", "abcd") == "abcd"
    assert readable_answer("flow.eval", "", {"ok": {"value": "abcd"}}) == {"ok": {"value": "abcd"}}
    assert readable_answer("grit.get", "", "a reply") == "a reply"
    request = {"effects": [{"kind": "k", "request": None}, {"kind": "abcd", "request": "eA"}]}
    shown = readable_answer("runtime.effects", "", {"ok": request})
    assert shown["ok"]["effects"] == [{"kind": "k", "request": None}, {"kind": "abcd", "request": "1 byte  x"}]


def test_bytes_within_lists_and_objects_are_decoded_once() -> None:
    blob = {"kind": "blob", "headers": [["ct", "s"]], "data": encode_bytes(b"eA")}
    assert readable_args("grit.encode", {"format": "framed-sha256", "object": blob})["object"]["data"] == "2 bytes  eA"
    assert readable_args("runtime.resolve", {"outcome": {"ok": "eA"}})["outcome"] == {"ok": "1 byte  x"}
    files = {"files": {"n": encode_bytes(b"1"), "o": encode_bytes(b"\0kept")}}
    assert readable_args("sandbox.run", {"grants": files})["grants"]["files"] == {
        "n": "1 byte  1",
        "o": "5 bytes  006b657074",
    }
    assert readable_answer("image.log", "/records/0", encode_bytes(b"seq 0\n")) == "6 bytes  seq 0\\n"


def test_bytes_that_differ_never_look_alike() -> None:
    one, other = (
        readable_answer("grit.get", "/bytes", encode_bytes(b"blob 300\0" + bytes(290) + end)) for end in (b"a", b"b")
    )
    assert one != other
    lead, tail = b"[" + b"1," * 300, b"," * 1 + b"2," * 300 + b"3]"
    sides = [encode_bytes(lead + middle + tail) for middle in (b"7", b"8")]
    assert difference_inside("image.log", "/records/1", *sides) is not None
    expected, got = show_sides("/bytes", encode_bytes(b"leaf"), encode_bytes(b"reef"), 80)
    assert (expected, got) == ("4 bytes  leaf", "4 bytes  reef")


def test_long_documents_of_a_request_have_their_own_lines() -> None:
    args = readable_args("flow.check", {"program": encode_bytes(PROGRAM), "policy": encode_bytes(OTHER), "peers": []})
    lines = show_request_lines("flow.check", args, 85)
    assert [label for label, _ in lines] == ["", "program", "policy"]
    assert lines[0] == ("", "flow.check  peers []")
    assert show_request_lines("flow.check", {"peers": []}, 85) == [("", "flow.check  peers []")]
    assert show_request("flow.eval", {"expr": "1", "env": "1 byte  {}"}, 80) == "flow.eval  expr 1  env 1 byte {}"


def test_replies_are_shown_in_words_without_escapes_of_python() -> None:
    assert show_answer(answer_of(Refused("invalid", "\x1b", None, None)), 100) == "refused invalid (\\x1b)"
    assert show_answer(answer_of(Trouble("KeyError('x')")), 100) == "error: KeyError('x')"
    assert show_answer({"any": {"refused": "invalid"}}, 100) == "refused invalid"
    assert show_answer({"refused": {"a": None}}, 100) == 'refused {"a":null}'
    shown = show_answer(
        excerpt(readable_answer("grit.encode", "", {"ok": {"bytes": encode_bytes(b"blob 1\0\n")}})), 100
    )
    assert shown == 'ok  {"bytes":<8 bytes blob 1␀\\x0a>}'
