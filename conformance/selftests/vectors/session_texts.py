"""Drafts of vectors of the texts that a session reads: responses, headers, settings, requests of turns."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from selftests.vectors.session_drafts import (
    ADD,
    CONTINUE,
    FINAL,
    HELLO,
    NOT_NOW,
    PHASES,
    RETRY,
    TOOLS,
    TWO,
    Draft,
    Recorder,
    Script,
    commit,
    refusal,
    say,
    send,
    send_without_time,
    void,
)

__all__ = ["text_drafts"]

_FITTING: Final = {
    "final": FINAL,
    "final-spaced": b' { "response" : "d\\u006fne", "action" : "final" } ',
    "call-tool": ADD,
    "call-tools": TWO,
    "sixteen-calls": json.dumps({"action": "call_tools", "calls": [{"tool": "all", "input": {}}] * 16}).encode(),
    "retry": RETRY,
    "retry-error": b'{"action":"retry","error":"late"}',
}
_OTHER: Final = {
    "empty": b"",
    "text": b"done",
    "array": b"[]",
    "no-action": b'{"response":"done"}',
    "unknown-action": b'{"action":"stop"}',
    "final-without-text": b'{"action":"final"}',
    "final-number": b'{"action":"final","response":1}',
    "final-null": b'{"action":"final","response":null}',
    "final-more": b'{"action":"final","response":"done","x":1}',
    "call-arguments": b'{"action":"call_tool","arguments":{"a":1},"tool":"add"}',
    "call-without-input": b'{"action":"call_tool","tool":"add"}',
    "call-input-array": b'{"action":"call_tool","input":[],"tool":"add"}',
    "call-tool-null": b'{"action":"call_tool","input":{},"tool":null}',
    "calls-empty": b'{"action":"call_tools","calls":[]}',
    "calls-seventeen": json.dumps({"action": "call_tools", "calls": [{"tool": "all", "input": {}}] * 17}).encode(),
    "calls-object": b'{"action":"call_tools","calls":{}}',
    "calls-more": b'{"action":"call_tools","calls":[{"input":{},"tool":"all","id":"1"}]}',
    "retry-error-number": b'{"action":"retry","error":1}',
    "retry-more": b'{"action":"retry","message":"x"}',
    "duplicate-member": b'{"action":"final","response":"a","response":"b"}',
    "second-value": FINAL + FINAL,
    "byte-order-mark": b"\xef\xbb\xbf" + FINAL,
    "lone-surrogate": b'{"action":"final","response":"\\ud800"}',
    "invalid-utf-8": b'{"action":"final","response":"\xff"}',
    "upper-case": b'{"Action":"final","response":"done"}',
    "nested-33": b'{"action":"call_tool","input":{"any":' + b"[" * 31 + b"]" * 31 + b'},"tool":"all"}',
    "number-33": b'{"action":"call_tool","input":{"a":' + b"1" * 33 + b'},"tool":"add"}',
    "number-zero": b'{"action":"call_tool","input":{"a":01},"tool":"add"}',
    "number-nan": b'{"action":"call_tool","input":{"a":NaN},"tool":"add"}',
}
_INPUTS: Final = {
    "number-fraction": ("add", b'{"a":2.50}', None),
    "number-spelling": ("add", b'{"a":-0.0e+10}', None),
    "number-32": ("add", b'{"a":' + b"1" * 32 + b"}", None),
    "integer": ("add", b'{"a":1,"b":-0}', None),
    "integer-fraction": ("add", b'{"a":1,"b":1.0}', "argument"),
    "integer-exponent": ("add", b'{"a":1,"b":1e3}', "argument"),
    "missing": ("add", b'{"b":1}', "argument"),
    "unknown": ("add", b'{"a":1,"c":1}', "argument"),
    "number-text": ("add", b'{"a":"1"}', "argument"),
    "number-boolean": ("add", b'{"a":true}', "argument"),
    "number-null": ("add", b'{"a":null}', "argument"),
    "string": ("all", b'{"string":""}', None),
    "string-number": ("all", b'{"string":1}', "argument"),
    "string-null": ("all", b'{"string":null}', "argument"),
    "boolean": ("all", b'{"boolean":false}', None),
    "boolean-number": ("all", b'{"boolean":0}', "argument"),
    "object": ("all", b'{"object":{"b":1,"a":2}}', None),
    "object-array": ("all", b'{"object":[]}', "argument"),
    "array": ("all", b'{"array":[]}', None),
    "array-object": ("all", b'{"array":{}}', "argument"),
    "any-null": ("all", b'{"any":null}', None),
    "any-nested": ("all", b'{"any":' + b"[" * 30 + b"]" * 30 + b"}", None),
    "no-tool": ("sub", b"{}", "tool"),
}
_STRICT: Final = {
    *("final-spaced", "duplicate-member", "second-value", "byte-order-mark", "lone-surrogate", "invalid-utf-8"),
    *("nested-33", "number-33", "number-zero", "number-nan"),
}
_SPELLINGS: Final = {"number-fraction", "number-spelling", "number-32", "object"}


def _by_text(name: str, rule: str) -> tuple[str, str]:
    """Return the rules of a response, first the rule that it is about."""
    return ("json.strict", rule) if name in _STRICT else (rule, "json.strict")


def _responses() -> Iterator[Draft]:
    entries = {"tools": TOOLS}
    for name, data in _FITTING.items():
        if data in (FINAL, ADD, RETRY):
            continue  # the table of phases has it
        action = {"c": "call", "s": "call", "f": "final", "r": "retry"}[name[0]]
        ends = ("committed", {"action": action})
        yield Draft(f"response/{name}", _by_text(name, "response.grammar"), commit(HELLO, data), ends, entries)
    for name, data in _OTHER.items():
        by_text = (*_by_text(name, "response.grammar"), "guest.atomic")
        yield Draft(f"response/{name}", by_text, commit(HELLO, data), refusal("malformed", "response"), entries)
    for name, (tool, given, code) in _INPUTS.items():
        data = b'{"action":"call_tool","input":' + given + b',"tool":"' + tool.encode() + b'"}'
        ends = ("committed", {"action": "call"}) if code is None else refusal("invalid", code)
        rules = ("json.spelling", "call.arguments") if name in _SPELLINGS else ("call.arguments", "json.spelling")
        yield Draft(f"argument/{name}", rules, commit(HELLO, data), ends, entries)
    for name, text in {"row": FINAL, "number": b"42", "empty": b"", "nul": b"\0", "object": b"{}"}.items():
        ends = ("committed", {"action": "final", "content": text.decode()})
        yield Draft(f"text/{name}", ("response.text",), say(text), ends, entries)
    yield Draft(
        "text/not-utf-8",
        ("response.text", "commit.order"),
        say(b"\xff"),
        refusal("malformed", "utf8"),
    )


def _headers() -> Iterator[Draft]:
    header = refusal("malformed", "header")
    for name, mt, headers in (
        ("at-empty", "abandon", {"at": ""}),
        ("at-zero-first", "abandon", {"at": "01"}),
        ("at-too-large", "abandon", {"at": "9007199254740992"}),
        ("at-sign", "abandon", {"at": "-1"}),
        ("corr-empty", "abandon", {"corr": ""}),
        ("corr-blank", "abandon", {"corr": "a b"}),
        ("corr-129", "abandon", {"corr": "c" * 129}),
        ("unknown-mt", "stop", {}),
        ("genesis-again", "genesis", {}),
        ("commit-no-turn", "commit", {}),
        ("commit-upper-case-turn", "commit", {"turn": "A" * 64}),
        ("result-no-ok", "tool-result", {"call": "1.0"}),
        ("result-ok-true", "tool-result", {"call": "1.0", "ok": "true"}),
        ("result-call-no-dot", "tool-result", {"call": "1", "ok": "1"}),
    ):
        yield Draft(f"header/{name}", ("guest.headers", "reply.one"), send(mt, **headers), header)
    yield Draft("header/no-at", ("guest.headers", "reply.one"), send_without_time, header)
    for name, headers in {
        "at-zero": {"at": "0"},
        "at-largest": {"at": "9007199254740991"},
        "corr-128": {"corr": "!" + "~" * 127},
        "more": {"x": "y", "replay": "1", "reply": "0" * 64},
    }.items():
        yield Draft(f"header/{name}", ("reply.one", "guest.headers"), send("abandon", **headers), NOT_NOW)


_CONFIGS: Final = {
    "empty": (b"{}", None),
    "all": (
        b'{"keep":1,"max_messages":2,"max_rounds":1,"summary_chars":0,"system_prompt":"s","tool_text":false}',
        None,
    ),
    "most": (b'{"keep":999,"max_messages":1000,"max_rounds":100,"summary_chars":100000}', None),
    "keep-0": (b'{"keep":0}', "config"),
    "keep-not-below": (b'{"keep":24}', "config"),
    "messages-1001": (b'{"max_messages":1001}', "config"),
    "rounds-0": (b'{"max_rounds":0}', "config"),
    "rounds-101": (b'{"max_rounds":101}', "config"),
    "chars-100001": (b'{"summary_chars":100001}', "config"),
    "chars-minus-zero": (b'{"summary_chars":-0}', "config"),
    "keep-fraction": (b'{"keep":1.0}', "config"),
    "keep-text": (b'{"keep":"1"}', "config"),
    "keep-true": (b'{"keep":true}', "config"),
    "prompt-null": (b'{"system_prompt":null}', "config"),
    "unknown": (b'{"model":"x"}', "config"),
    "array": (b"[]", "config"),
    "duplicate": (b'{"keep":1,"keep":1}', "config"),
}
_TOOL: Final = b'{"description":"d","name":"t","params":[]}'
_TOOL_LISTS: Final = {
    "empty": (b"[]", None),
    "one": (b"[" + _TOOL + b"]", None),
    "twice": (b"[" + _TOOL + b"," + _TOOL + b"]", "tools"),
    "descending": (b"[" + _TOOL + b"," + _TOOL.replace(b'"t"', b'"a"') + b"]", "tools"),
    "upper-case": (b"[" + _TOOL.replace(b'"t"', b'"T"') + b"]", "tools"),
    "name-64": (b"[" + _TOOL.replace(b'"t"', b'"' + b"t" * 64 + b'"') + b"]", None),
    "name-65": (b"[" + _TOOL.replace(b'"t"', b'"' + b"t" * 65 + b'"') + b"]", "tools"),
    "description-1024": (b"[" + _TOOL.replace(b'"d"', b'"' + "\u00e9".encode() * 512 + b'"') + b"]", None),
    "description-1025": (b"[" + _TOOL.replace(b'"d"', b'"' + "\u00e9".encode() * 512 + b'd"') + b"]", "tools"),
    "description-control": (b"[" + _TOOL.replace(b'"d"', b'"\\u001f"') + b"]", "tools"),
    "more": (b"[" + _TOOL.replace(b"[]", b'[],"x":1') + b"]", "tools"),
    "parameter-twice": (
        b"[" + _TOOL.replace(b"[]", b"[" + b",".join([b'{"name":"p","required":true,"type":"any"}'] * 2) + b"]") + b"]",
        "tools",
    ),
    "parameter-type": (
        b"[" + _TOOL.replace(b"[]", b'[{"name":"p","required":true,"type":"text"}]') + b"]",
        "tools",
    ),
    "object": (b"{}", "tools"),
}


def _settings() -> Iterator[Draft]:
    for entry, texts in (("config", _CONFIGS), ("tools", _TOOL_LISTS)):
        for name, (data, code) in texts.items():
            ends = ("configured", {"count": 1}) if code is None else refusal("invalid", code)
            yield Draft(f"configure/{entry}-{name}", ("tools.replace", "tools.block"), _new(entry, data), ends)


def _new(entry: str, data: bytes) -> Script:
    def script(scene: Recorder) -> None:
        scene.send("configure", scene.tree(**{entry: scene.blob(data, ct="j")}), at="1")
        scene.prepare(HELLO)

    return script


def _asking(*requests: bytes) -> Script:
    """Return queries of a session that has one turn."""

    def script(scene: Recorder) -> None:
        scene.commit(HELLO, b"hi")
        for request in requests:
            scene.prepare(request)
        assert scene.ask("other") is None

    return script


_REQUESTS_OF_TURNS: Final = {
    "user": HELLO,
    "spaced": b' { "prompt" : "hello" , "kind" : "user" } ',
    "system": b'{"kind":"user","prompt":"hello","system":"Be long."}',
    "system-empty": b'{"kind":"user","prompt":"hello","system":""}',
    "force-json": b'{"force_json":true,"kind":"user","prompt":"hello"}',
    "all-members": b'{"force_json":true,"kind":"user","prompt":"hello","system":"Be long."}',
    "prompt-empty": b'{"kind":"user","prompt":""}',
    "continue": CONTINUE,
    "continue-force-json": b'{"force_json":true,"kind":"continue"}',
    "continue-system": b'{"kind":"continue","system":"x"}',
    "continue-prompt": b'{"kind":"continue","prompt":"x"}',
    "no-kind": b'{"prompt":"x"}',
    "other-kind": b'{"kind":"stop"}',
    "no-prompt": b'{"kind":"user"}',
    "prompt-number": b'{"kind":"user","prompt":1}',
    "system-null": b'{"kind":"user","prompt":"x","system":null}',
    "force-json-number": b'{"force_json":1,"kind":"user","prompt":"x"}',
    "more": b'{"kind":"user","prompt":"x","x":1}',
    "empty": b"",
    "list": b"[]",
    "not-json": b"hello",
    "twice": b'{"kind":"user","prompt":"x","prompt":"x"}',
}
_FORMS: Final = {
    **dict.fromkeys(("user", "spaced", "force-json", "prompt-empty"), "prepare.bytes"),
    **dict.fromkeys(("system", "system-empty", "all-members"), "prepare.order"),
    **dict.fromkeys(("continue", "continue-force-json"), "prepare.phase"),
}


def _first_of(rule: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((rule, "prepare.bytes", "prepare.request", "prepare.phase", "prepare.order")))


def _prepared() -> Iterator[Draft]:
    done = ("committed", {"content": "hi"})
    settings = {"tools": TOOLS, "config": b'{"system_prompt":"Be brief."}'}
    for name, request in _REQUESTS_OF_TURNS.items():
        first = _FORMS.get(name, "prepare.request")
        yield Draft(f"prepare/{name}", _first_of(first), _asking(request), done, settings)
    for name, entries in {
        "nothing": {},
        "system-prompt-alone": {"config": b'{"system_prompt":"Be brief."}'},
        "tools-alone": {"tools": TOOLS},
        "no-tool-text": {"tools": TOOLS, "config": b'{"system_prompt":"Be brief.","tool_text":false}'},
        "spellings": {"tools": TOOLS.replace(b",", b" , ").replace(b"Add", b"\\u0041d\\/d")},
    }.items():
        rules = ("json.spelling", "tools.block") if name == "spellings" else ("tools.block", "prepare.bytes")
        yield Draft(f"prepare/with-{name}", rules, _asking(HELLO), done, entries)


def _in_phases() -> Iterator[Draft]:
    """Yield queries for both kinds of turns in the phases in which there is no turn of one of them."""
    ends: dict[str, tuple[str, dict[str, Any]]] = {"calling": ("committed", {}), "ready": ("recorded", {})}
    for phase, end in {**ends, "asked": ("effect.model", {})}.items():

        def script(scene: Recorder, before: Script = PHASES[phase]) -> None:
            before(scene)
            scene.prepare(HELLO)
            scene.prepare(CONTINUE)

        yield Draft(f"prepare/in-{phase}", ("prepare.phase", "prepare.bytes"), script, end, {"tools": TOOLS})


def _ask_with(data: bytes, ct: str) -> Script:
    return lambda scene: void(scene.send("ask", scene.blob(data, ct=ct), at="1"))


def _result_tree(scene: Recorder) -> None:
    scene.send("tool-result", scene.tree(x=scene.blob(b"")), at="1", call="1.0", ok="1")


def _configure_blob(scene: Recorder) -> None:
    scene.send("configure", scene.blob(b'{"keep":3}', ct="j"), at="1")


def _configure_tree(scene: Recorder) -> None:
    """Configure with a tree in the place of the configuration."""
    scene.send("configure", scene.tree(config=scene.tree(x=scene.blob(b"{}", ct="j"))), at="1")


def _configured_twice(scene: Recorder) -> None:
    for settings in ({"config": b'{"keep":3}', "tools": b"[" + _TOOL + b"]"}, {"config": b'{"max_rounds":1}'}):
        entries = {name: scene.blob(data, ct="j") for name, data in settings.items()}
        scene.send("configure", scene.tree(**entries), at="1")
    scene.prepare(HELLO)


def text_drafts() -> Iterator[Draft]:
    """Yield drafts of the texts that a session reads."""
    yield from _responses()
    yield from _headers()
    yield from _settings()
    yield from _prepared()
    yield from _in_phases()
    tree = refusal("malformed", "request")
    for name, script in {"a-blob": _configure_blob, "below-a-tree": _configure_tree}.items():
        ends = tree if name == "a-blob" else refusal("invalid", "config")
        yield Draft(f"configure/{name}", ("tools.replace",), script, ends)
    yield Draft("configure/other-entry", ("tools.replace",), _new("note", b"{}"), tree)
    for name, data, ct in (("continue", CONTINUE, "j"), ("text", HELLO, "s")):
        yield Draft(f"ask/request-{name}", ("ask.loop", "prepare.request"), _ask_with(data, ct), tree)
    yield Draft("result/tree", ("result.form",), _result_tree, refusal("malformed", "result"))
    yield Draft("configure/twice", ("tools.replace",), _configured_twice, ("configured", {"count": 2}))
