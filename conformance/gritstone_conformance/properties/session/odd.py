"""Whatever a message or a query contains, the session makes the step, or gives the answer, that the text defines."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.session.scene import (
    ADD,
    CONTINUE,
    FINAL,
    HELLO,
    TOOLS,
    TWO,
    SessionScene,
    of_sessions,
)
from gritstone_conformance.properties.wit.registry import tape
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES", "hostile_text"]

_MT: Final = (
    "abandon",
    "commit",
    "tool-result",
    "configure",
    "ask",
    "effect.ok",
    "effect.failed",
    "stop",
    "",
    "update ",
)
_NUMBERS: Final = (
    *("1", "0", "9007199254740991", "9007199254740992", "01", "-1", "1.0", "1e3", "", " 1", "1 ", "+1", "0x1"),
    *("9" * 16, "9" * 17, "1_0", "\u0661"),
)
_CORRS: Final = ("c", "!~", "c" * 128, "c" * 129, "", "a b", "\u00e9")
_CALLS: Final = ("1.0", "1.1", "2.0", "1", "1.", ".0", "01.0", "1.00", "1.0.0", "1.0 ", "9007199254740992.0", "")
_OKS: Final = ("1", "0", "", "true", "01", "1 ")
_TEXTS: Final = (HELLO, CONTINUE, FINAL, ADD, TWO, b"", b"{}", b"[]", b"x", b"\xff", b"null", b"\x00", b'"\\ud800"')
_TYPES: Final = ("j", "s", "b", "", "J", "application/json")
_WORDS: Final = (
    *(b"{", b"}", b"[", b"]", b",", b":", b'"', b'"a"', b'"\\u0061"', b'"b"', b"1", b"-0", b"0.10", b"1E+2", b"01"),
    *(b"true", b"null", b"False", b"NaN", b" ", b"\t", b"\n", b"\r", b"\x0c", b"\x00", b"\xff", b"\xc3\xa9", b"\\"),
    *(b'"\\ud83d\\ude00"', b'"\\ud83d"', b'"\\ude00"', b'"\\x"', b'"\x1f"', b'"\x7f"', b"\xef\xbb\xbf", b"1" * 32),
    *(b"1" * 33, b"[" * 31, b"]" * 31, b'"\\/"', b'"\\u00E9"', b"\xed\xa0\x80", b"/**/", b"'a'", b"-", b".5", b"5."),
)


def hostile_text(tape: Tape) -> bytes:
    """Return a text that is JSON, or almost JSON, or nothing like it."""
    kind = tape.below(4)
    if kind == 0:
        return b"".join(tape.pick(_WORDS) for _ in range(tape.within(1, 6)))
    depth = tape.pick((1, 2, 29, 30, 31, 32))
    value = tape.pick(_WORDS)
    nested = b"[" * depth + value + b"]" * depth
    if kind == 1:
        return nested
    name, other = tape.pick((b'"a"', b'"\\u0061"', b'"b"', b'"\\ud83d\\ude00"', b'"\xef\xbf\xbf"')), tape.pick(_WORDS)
    return b"{" + name + b":" + (nested if kind == 2 else value) + b',"a":' + other + b"}"


def _content(scene: SessionScene, tape: Tape) -> bytes:
    def blob() -> bytes:
        data = hostile_text(tape) if tape.once_in(3) else tape.pick(_TEXTS)
        ct = tape.pick(_TYPES)
        return scene.blob(data, **({"ct": ct} if ct else {}), **({"x": "y"} if tape.once_in(8) else {}))

    kind = tape.below(6)
    if kind < 2:
        return blob()
    names = ({"request", "response"}, {"config"}, {"config", "tools"}, {"request"}, {"x"}, {"response", "x"})
    return scene.tree(
        **{name: scene.tree(x=scene.json(b"1")) if tape.once_in(9) else blob() for name in sorted(tape.pick(names))}
    )


def _headers(scene: SessionScene, tape: Tape, effect: bytes) -> dict[str, str]:
    """Return headers of which each may be absent, right or odd."""
    choices: dict[str, tuple[str, ...]] = {
        "at": _NUMBERS,
        "corr": _CORRS,
        "turn": ("", scene.turn(HELLO).hex(), "0" * 64, "A" * 64, "0" * 63, "g" * 64),
        "call": _CALLS,
        "ok": _OKS,
        "reply": (effect.hex(), "0" * 64, effect.hex().upper()),
        "previous": ("x",),
    }
    first = {"at": "1", "turn": scene.turn(HELLO).hex(), "call": "1.0", "ok": "1", "reply": effect.hex()}
    drawn = {name: tape.pick(values) for name, values in choices.items() if tape.once_in(3)}
    left = {name: value for name, value in first.items() if name not in drawn and not tape.once_in(12)}
    is_wide = scene.bench.pair.model.format.name == "cbor-blake3"
    return {name: value for name, value in {**left, **drawn}.items() if is_wide or value.isascii()}


def messages(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Whatever the headers and contents of messages are, and in whatever phase, every message ends in a step."""
    scene = SessionScene(trial, fmt, tools=TOOLS)
    phase = tape.below(4)
    if phase == 1:
        scene.commit(HELLO, TWO, "j", rule="guest.exact")
    elif phase == 2:
        scene.commit(HELLO, ADD, "j", rule="guest.exact")
        scene.result("1.0", b"1", rule="guest.exact")
    elif phase == 3:
        scene.send("ask", scene.json(HELLO), rule="ask.loop", at="1")
    for _ in range(tape.within(2, 5)):
        effect = scene.newest()
        for _ in range(tape.within(1, 2)):
            scene.queue(tape.pick(_MT), _content(scene, tape), **_headers(scene, tape, effect))
        scene.read("guest.total")
    scene.query("state", b"", "guest.total")
    scene.prepare(HELLO, "guest.total")
    scene.flush()


def queries(trial: Trial, fmt: Format, tape: Tape) -> None:
    """A prepared turn is refused unless the argument is one of the two forms, whatever its bytes are."""
    scene = SessionScene(trial, fmt, tools=TOOLS)
    if tape.below(2):
        scene.commit(HELLO, ADD, "j", rule="guest.exact")
        scene.result("1.0", b"1", rule="guest.exact")
    for _ in range(4):
        text = hostile_text(tape)
        for request in (
            text,
            b'{"kind":"user","prompt":' + text + b"}",
            b'{"kind":"user","prompt":"x","force_json":' + text + b"}",
            b'{"kind":"continue","force_json":' + text + b"}",
        ):
            scene.prepare(request, "prepare.request")
    scene.flush()


def rows(trial: Trial, fmt: Format, tape: Tape) -> None:
    """A JSON text is what the chapter on JSON says, in a response, in an input, in a result, and in settings."""
    scene = SessionScene(trial, fmt, tools=TOOLS)
    for _ in range(3):
        text = hostile_text(tape)
        scene.send("configure", scene.tree(config=scene.json(text)), rule="json.strict", at="1")
        scene.commit(HELLO, text, "j", rule="json.strict")
        scene.commit(b'{"kind":"user","prompt":"x","force_json":true}', text, rule="json.strict")
        scene.send("abandon", scene.json(b""), rule="guest.exact", at="1")
        scene.commit(HELLO, b'{"action":"final","response":' + text + b"}", "j", rule="json.strict")
        call = b'{"action":"call_tool","tool":"all","input":{"any":' + text + b"}}"
        scene.commit(HELLO, call, "j", rule="json.spelling")
        if scene.state()["phase"] == "calling":
            (call_id,) = (each["id"] for each in scene.state()["calls"])
            scene.result(call_id, text, "j", rule="json.strict")
            scene.prepare(CONTINUE, "json.spelling")
            scene.send("abandon", scene.json(b""), rule="guest.exact", at="1")
    scene.flush()


PROPERTIES: Final = (
    *of_sessions("guest/odd-messages", messages, "guest.total", "guest.headers", given=tape(160), examples=40),
    *of_sessions("prepare/odd-requests", queries, "prepare.request", "json.strict", given=tape(60), examples=20),
    *of_sessions("json/odd-texts", rows, "json.strict", "json.spelling", given=tape(60), examples=15),
)
