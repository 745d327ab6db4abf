"""A table of JSON texts with their spelling, and of texts that are not JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.session.scene import HELLO, TOOLS, SessionScene, of_sessions
from gritstone_conformance.trial import Trial

__all__ = ["ACCEPTED", "PROPERTIES", "REFUSED"]

_DEEPEST: Final = 32
_T = TypeVar("_T")

ACCEPTED: Final[dict[bytes, bytes]] = {
    **{text: text for text in (b"0", b"-0", b"1.0", b"1E400", b"1e-400", b"0.0e+10", b"-1.50E+2", b"9" * 32)},
    **{text: text for text in (b"true", b"false", b"null", b"{}", b"[]", b'""', b"[[],{}]", b'[null,"",0]')},
    **{b'"' + text + b'"': b'"' + text + b'"' for text in (b"\\u0000", b"\\u001f", b'\\b\\t\\n\\f\\r\\"\\\\', b"\x7f")},
    b'"\\/\\u002f/"': b'"///"',
    b'"\\u0008\\u0009\\u000A\\u000c\\u000D\\u0022\\u005c\\u007f"': b'"\\b\\t\\n\\f\\r\\"\\\\\x7f"',
    b'"\\u00e9\\u2028\\uFEFF\\uffff"': '"\u00e9\u2028\ufeff\uffff"'.encode(),
    b'"\\uD83D\\ude00\\udbff\\uDFFF"': '"\U0001f600\U0010ffff"'.encode(),
    b' [ 1 ,\t2\r\n, { "a" : [ ] } ] \n': b'[1,2,{"a":[]}]',
    b'{"b":1,"a":2,"A":3,"":4,"aa":5}': b'{"":4,"A":3,"a":2,"aa":5,"b":1}',
    b'{"2":1,"10":2,"1":3,"01":4}': b'{"01":4,"1":3,"10":2,"2":1}',
    b'{"a":{"a":{"a":1}},"b":{"a":1}}': b'{"a":{"a":{"a":1}},"b":{"a":1}}',
    b'{"\\uffff":1,"\\ud83d\\ude00":2,"\\ud7ff":3}': '{"\ud7ff":3,"\U0001f600":2,"\uffff":1}'.encode(),
    '{"e\u0301":1,"\u00e9":2}'.encode(): '{"e\u0301":1,"\u00e9":2}'.encode(),
    b'{"toString":1,"constructor":2,"__proto__":{"x":3}}': b'{"__proto__":{"x":3},"constructor":2,"toString":1}',
}
"""Texts, each with its JSON as a guest writes it."""

_PARTS: Final = (
    *(b"", b" ", b"[", b"{", b"]", b"[1", b"[1,]", b"[,1]", b"[1 2]", b"[1]]", b"[1;2]", b'{"a":1,}', b"{,}", b'{"a"}'),
    *(
        b'{"a":}',
        b'{"a" 1}',
        b'{"a":1 "b":2}',
        b'{"a":1}}',
        b'{"a":1:2}',
        b"{a:1}",
        b"{1:2}",
        b"{null:1}",
        b"1 2",
        b"1,",
    ),
    *(b"[1}", b'{"a":1]', b"1:1", b",1", b":1", b'"a" "b"', b"()", b"undefined", b"[1,,2]", b'{"a":1,,"b":2}'),
)
_NUMBERS: Final = (
    *(b"01", b"-01", b"00", b"+1", b"1.", b".5", b"-.5", b"-", b"--1", b"1e", b"1e+", b"1.e1", b"1E-", b"0x1", b"1_0"),
    *(
        b"1e1.5",
        b"NaN",
        b"-NaN",
        b"Infinity",
        b"-Infinity",
        b"1n",
        b"1f",
        b"\xd9\xa1",
        b"\xef\xbc\x91",
        b"- 1",
        b"1 .0",
    ),
    *(b"1" * 33, b"-" + b"1" * 32, b"0." + b"1" * 31, b"1e" + b"1" * 31),
)
_STRINGS: Final = (
    *(
        b'"',
        b'"a',
        b"'a'",
        b'"\\"',
        b'"\\u12"',
        b'"\\u12g4"',
        b'"\\u 123"',
        b'"\\u+123"',
        b'"\\U0041"',
        b'"\\x41"',
        b'"\\0"',
    ),
    *(b'"\\a"', b'"\\v"', b'"\\\'"', b'"\\\n"', b'"\t"', b'"\n"', b'"\x00"', b'"\x1f"', b'"\\u{61}"', b"`a`"),
    *(
        b'"\\ud800"',
        b'"\\udc00"',
        b'"\\uDFFF"',
        b'"\\ud800\\ud800"',
        b'"\\ud800x"',
        b'"\\ud800\\u0041"',
        b'"\\ud800\\n"',
    ),
    *(b'"\\udc00\\ud800"', b'"\\ud83d\\ude0"', b'"\\ud83d \\ude00"', b'{"\\ud800":1}', b'"\\ud83d\xf0\x9f\x98\x80"'),
    *(
        b'"\xed\xa0\x80"',
        b'"\xed\xa0\xbd\xed\xb8\x80"',
        b'"\xc0\x80"',
        b'"\xe0\x80\xaf"',
        b'"\xf4\x90\x80\x80"',
        b'"\xff"',
    ),
    *(b'"\xc3"', b'"\xe2\x82"', b"\xff", b'"\\ud83d\\ude00\\ude00"'),
)
_REPEATED: Final = (
    *(b'{"a":1,"a":1}', b'{"a":1,"\\u0061":2}', b'{"a":1,"b":2,"a":3}', b'{"":1,"":2}', b'{"x":{"b":1,"b":1}}'),
    *(b'[{"a":1,"a":1}]', b'{"__proto__":1,"__proto__":2}', b'{"\\ud83d\\ude00":1,"\xf0\x9f\x98\x80":2}'),
    *(b'{"/":1,"\\/":2}', b'{"1":1,"\\u0031":2}', b'{"a":[],"a":[]}'),
)
_AROUND: Final = (
    *(
        b"\xef\xbb\xbf1",
        b"\xff\xfe1\x00",
        b"1\xef\xbb\xbf",
        b"\x0c1",
        b"\x0b1",
        b"\x001",
        b"1\x00",
        b"\xc2\xa01",
        b"1\xc2\xa0",
    ),
    *(b"\xe2\x80\xa81", b"/**/1", b"1//", b"#1", b"1;", b"\\u0031", b"True", b"nul", b"nullx", b"truefalse", b"NULL"),
)


def _nested(depth: int, kind: str) -> bytes:
    """Return a text with this many arrays, objects, or both in turn within each other."""
    opening, closing = {"[": ("[", "]"), "{": ('{"a":', "}"), "[{": ('[{"a":', "}]")}[kind]
    return (opening * depth + "0" + closing * depth).encode()


_DEEP: Final = (
    *(_nested(_DEEPEST + 1, kind) for kind in ("[", "{")),
    *(_nested(_DEEPEST // 2, "[{").replace(b"0", b"[]"), b"[" * 33 + b"]" * 33, b"[0," + _nested(32, "{") + b"]"),
    *(_nested(100_000, "["), b"[" * 100_000, b'{"a":' * 100_000, b'["' + b"[" * 40 + b'",' + _nested(32, "[") + b"]"),
)
_NEXT: Final = (
    _nested(32, "["),
    _nested(32, "{"),
    _nested(16, "[{"),
    b'["' + b"[" * 40 + b'"]',
    b"[[]," * 31 + b"[]" + b"]" * 31,
)
"""Texts at the largest depth. They are too deep for the input of a call."""

REFUSED: Final = (*_PARTS, *_NUMBERS, *_STRINGS, *_REPEATED, *_AROUND, *_DEEP)
"""Bytes that are not a JSON text."""


def _parts(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    """Yield 16 items at a time."""
    for start in range(0, len(items), 16):
        yield items[start : start + 16]


def strict(trial: Trial, fmt: Format) -> None:
    """A sequence of bytes is a JSON text or not, whatever program made it; a call that is not open shows which."""
    scene = SessionScene(trial, fmt)
    for texts, (kind, code) in ((REFUSED, ("malformed", "result")), ((*ACCEPTED, *_NEXT), ("missing", "call"))):
        for part in _parts(texts):
            for text in part:
                scene.queue("tool-result", scene.json(text), at="1", call="1.0", ok="1")
            scene.read("json.strict")
            for message in scene.sent()[: len(part)]:
                data = scene.bench.executor.shelf.blob(message.content)
                assert data is not None
                assert json.loads(data.data) == {"class": kind, "code": code}, (
                    "the model reads a text of the table otherwise"
                )
        scene.flush()


def spelling(trial: Trial, fmt: Format) -> None:
    """The JSON of a value has one spelling, but a number keeps the bytes with which it was read."""
    scene = SessionScene(trial, fmt, tools=TOOLS)
    for texts in _parts(tuple(ACCEPTED.items())):
        calls = b",".join(b'{"input":{"any":%b},"tool":"all"}' % text for text, _ in texts)
        scene.commit(HELLO, b'{"action":"call_tools","calls":[' + calls + b"]}", "j", rule="json.spelling")
        data = scene.bench.executor.shelf.blob(scene.sent()[0].content)
        assert data is not None
        for _, spelled in texts:
            assert b'"input":{"any":%b},"tool":"all"}' % spelled in data.data, "the model writes a text otherwise"
        scene.send("abandon", scene.json(b""), rule="json.spelling", at="1")
        scene.prepare(HELLO, "json.spelling")
        scene.flush()


PROPERTIES: Final = (
    *of_sessions("json/strict", strict, "json.strict"),
    *of_sessions("json/spelling", spelling, "json.spelling"),
)
