"""Drafts of vectors of the turns of a session: phases, commits, results, condensing, asks, whole steps."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

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
    asked,
    both,
    calling,
    commit,
    ready,
    refusal,
    send,
    void,
)

__all__ = ["turn_drafts"]


def _configure(scene: Recorder) -> None:
    scene.send("configure", scene.tree(config=scene.blob(b'{"keep":3}', ct="j")), at="1")


def _result(call: str) -> Script:
    return lambda scene: scene.result(call, b"x")


_NO_CALL: Final = refusal("missing", "call")
REQUESTS: Final[dict[str, tuple[Script, dict[str, tuple[str, dict[str, Any]]]]]] = {
    "commit-final": (
        commit(HELLO, FINAL),
        {
            "idle": ("committed", {"action": "final"}),
            "calling": NOT_NOW,
            "ready": NOT_NOW,
            "asked": NOT_NOW,
        },
    ),
    "commit-call": (
        commit(HELLO, ADD),
        {"idle": ("committed", {"action": "call"}), "calling": NOT_NOW, "ready": NOT_NOW, "asked": NOT_NOW},
    ),
    "commit-retry": (
        commit(HELLO, RETRY),
        {
            "idle": ("committed", {"action": "retry"}),
            "calling": NOT_NOW,
            "ready": NOT_NOW,
            "asked": NOT_NOW,
        },
    ),
    "continue-final": (
        commit(CONTINUE, FINAL),
        {
            "idle": NOT_NOW,
            "calling": NOT_NOW,
            "ready": ("committed", {"action": "final"}),
            "asked": NOT_NOW,
        },
    ),
    "continue-call": (
        commit(CONTINUE, ADD),
        {"idle": NOT_NOW, "calling": NOT_NOW, "ready": ("committed", {"action": "call"}), "asked": NOT_NOW},
    ),
    "continue-retry": (
        commit(CONTINUE, RETRY),
        {
            "idle": NOT_NOW,
            "calling": NOT_NOW,
            "ready": ("committed", {"action": "retry"}),
            "asked": NOT_NOW,
        },
    ),
    "result": (
        _result("1.1"),
        {"idle": _NO_CALL, "calling": ("recorded", {"call": "1.1"}), "ready": _NO_CALL, "asked": NOT_NOW},
    ),
    "abandon": (
        send("abandon"),
        {
            "idle": NOT_NOW,
            "calling": ("abandoned", {"count": 2}),
            "ready": ("abandoned", {"count": 3}),
            "asked": ("answered", {"action": "abandoned", "count": 2}),
        },
    ),
    "configure": (
        _configure,
        {"idle": ("configured", {"count": 1}), "calling": NOT_NOW, "ready": NOT_NOW, "asked": NOT_NOW},
    ),
    "ask": (
        asked,
        {"idle": ("effect.model", {"count": 2}), "calling": NOT_NOW, "ready": NOT_NOW, "asked": NOT_NOW},
    ),
}
"""Each request, and how it ends in each phase."""


def _rules_of(name: str, phase: str) -> tuple[str, ...]:
    """Return the rules of a request in a phase, first the rule that the case is about."""
    first = "ask.alone" if phase == "asked" else "state.count" if name.endswith("retry") else "guest.exact"
    if name.startswith("continue") and phase in ("idle", "calling"):
        first = "prepare.phase"
    if name == "abandon":
        first = "abandon.closes"
    return tuple(dict.fromkeys((first, "guest.exact", "reply.one", "state.count")))


def _phases() -> Iterator[Draft]:
    for name, (request, endings) in REQUESTS.items():
        for phase, ends in endings.items():
            yield Draft(
                f"phase/{name}-in-{phase}",
                _rules_of(name, phase),
                both(PHASES[phase], request),
                ends,
                {"tools": TOOLS},
            )


def _numbered(index: int, data: str) -> bytes:
    return json.dumps({"kind": "user", "prompt": f"q{index}{data}"}, ensure_ascii=False).encode()


def _talk(turns: int, data: str = "\u00e9\n", *, tools: bool = False) -> Script:
    def script(scene: Recorder) -> None:
        for index in range(turns):
            scene.commit(_numbered(index, data), ADD if tools else f"a{index}".encode(), "j" if tools else "s")
            if tools:
                scene.result(f"{scene.state()['count']}.0", b"r" * 90)
                scene.commit(CONTINUE, b"a\rb")
        scene.prepare(_numbered(turns, data))

    return script


def _condensing() -> Iterator[Draft]:
    done = ("committed", {"action": "final"})
    small = b'{"keep":2,"max_messages":4,"summary_chars":40}'
    for turns in range(1, 6):
        yield Draft(
            f"condense/{turns}-turns",
            ("condense.boundary", "condense.conserve"),
            _talk(turns),
            done,
            {"config": small},
        )
    for name, config in {
        "two": b'{"keep":2,"max_messages":4}',
        "one": b'{"keep":1,"max_messages":3,"summary_chars":30}',
    }.items():
        yield Draft(f"condense/keep-{name}", ("condense.conserve",), _talk(5), done, {"config": config})
    for name, config in {
        "no-summary-text": b'{"keep":1,"max_messages":2,"summary_chars":0}',
        "keep-all-but-one": b'{"keep":3,"max_messages":4,"summary_chars":1200}',
        "long-summary": b'{"keep":1,"max_messages":2,"summary_chars":100000}',
    }.items():
        yield Draft(f"condense/{name}", ("condense.boundary",), _talk(4, "x" * 100), done, {"config": config})
    yield Draft(
        "condense/code-points",
        ("condense.boundary",),
        _talk(4, "\U0001f600" * 90),
        done,
        {"config": b'{"keep":1,"max_messages":2,"summary_chars":100}'},
    )
    yield Draft(
        "condense/tools",
        ("prepare.order", "condense.conserve"),
        _talk(3, tools=True),
        done,
        {"config": b'{"keep":2,"max_messages":5}', "tools": TOOLS},
    )


def _answers(*answers: tuple[bytes, dict[str, str]], mt: str = "effect.ok") -> Script:
    def script(scene: Recorder) -> None:
        asked(scene)
        for data, headers in answers:
            scene.answer(data, mt, **headers)

    return script


def _asks() -> Iterator[Draft]:
    entries = {"tools": TOOLS, "config": b'{"max_rounds":2}'}
    plain: dict[str, str] = {}
    final = ("answered", {"action": "final"})
    again: tuple[str, dict[str, Any]] = ("effect.model", {})
    scripts: dict[str, tuple[Script, tuple[str, dict[str, Any]]]] = {
        "final": (_answers((FINAL, plain)), final),
        "final-text": (_answers((b"{}", {"ct": "s"})), ("answered", {"content": "{}"})),
        "call-result-final": (_answers((ADD, plain), (b"1", plain), (FINAL, plain)), final),
        "json-result": (_answers((ADD, plain), (b"1", {"ct": "j"}), (FINAL, plain)), final),
        "result-not-json": (_answers((ADD, plain), (b"x", {"ct": "j"})), again),
        "result-not-utf-8": (_answers((ADD, plain), (b"\xff", plain)), again),
        "retry": (_answers((RETRY, plain)), again),
        "other-headers": (_answers((FINAL, {"ct": "j", "x": "y"})), again),
        "garbage-to-the-end": (
            _answers((b"x", plain), (b"x", plain), (b"x", plain)),
            ("answered", {"action": "failed", "error": "malformed/response"}),
        ),
        "retries-to-the-end": (
            _answers((RETRY, plain), (RETRY, plain), (RETRY, plain)),
            ("answered", {"action": "failed", "error": "exhausted/rounds"}),
        ),
        "calls-to-the-end": (
            _answers((ADD, plain), (b"1", plain), (ADD, plain), (b"1", plain), (ADD, plain)),
            ("answered", {"action": "failed", "error": "exhausted/rounds"}),
        ),
        "model-failed": (
            _answers((b"no model", {"ct": "s"}), mt="effect.failed"),
            ("answered", {"action": "failed", "error": "no model", "count": 2}),
        ),
    }
    for name, (script, ends) in scripts.items():
        rules = ("ask.bound", "ask.loop") if name.endswith("-to-the-end") else ("ask.loop", "ask.bound")
        yield Draft(f"ask/{name}", rules, script, ends, entries)
    for name, answers, ends in (
        ("model-a-tree", (("tree", "effect.ok"),), again),
        ("model-failed-a-tree", (("tree", "effect.failed"),), ("answered", {"action": "failed", "error": ""})),
        ("tool-a-tree", ((ADD, "effect.ok"), ("tree", "effect.ok")), again),
        ("tool-failed-a-tree", ((ADD, "effect.ok"), ("tree", "effect.failed")), again),
        ("model-erased", ((FINAL, "erased"),), again),
        ("tool-erased", ((ADD, "effect.ok"), (b"1", "erased")), again),
        ("failure-erased", ((b"no model", "erased.failed"),), ("answered", {"action": "failed", "error": ""})),
    ):
        needed = ("erase",) if name.endswith("erased") else ()
        yield Draft(f"ask/{name}", ("ask.loop",), _odd_answers(answers), ends, entries, needed)
    yield Draft("ask/answered-twice", ("ask.once",), _answer_twice, final, entries)
    yield Draft("ask/two-calls", ("ask.once", "ask.loop"), _answer_calls, again, entries)


def _odd_answers(answers: tuple[tuple[bytes | str, str], ...]) -> Script:
    """Return answers that are trees, or whose content is erased before they are read."""

    def script(scene: Recorder) -> None:
        asked(scene)
        for data, mt in answers:
            if isinstance(data, str):
                scene.send(mt, scene.tree(x=scene.blob(b"", ct="s")), reply=scene.newest())
                continue
            content = scene.blob(data)
            tip = scene.queue(
                mt.replace("erased.", "effect.").replace("erased", "effect.ok"), content, reply=scene.newest()
            )
            if mt.startswith("erased"):
                scene.erase(content)
            scene.read(tip)

    return script


def _answer_twice(scene: Recorder) -> None:
    asked(scene)
    effect = scene.newest()
    for _ in range(2):
        scene.send("effect.ok", scene.blob(FINAL), reply=effect)


def _answer_calls(scene: Recorder) -> None:
    asked(scene)
    scene.answer(TWO)
    second = scene.newest()
    first = scene.value(bytes.fromhex(second)).previous.hex()
    for effect, mt in ((second, "effect.failed"), (second, "effect.ok"), (first, "effect.ok")):
        scene.send(mt, scene.blob(b"r", ct="s"), reply=effect)


def _raw_commit(turn: bytes, headers: dict[str, str] | None = None, **entries: tuple[bytes, str]) -> Script:
    """Return a commit of given blobs: data and ``ct``."""

    def script(scene: Recorder) -> None:
        content = {name: scene.blob(data, ct=ct) for name, (data, ct) in entries.items()}
        scene.send("commit", scene.tree(**content), **{"at": "1", "turn": turn.hex(), **(headers or {})})

    return script


def _again(second: bytes, ct: str = "s", between: int = 0) -> Script:
    """Return a commit of ``hi``, further turns, and a second commit of the first turn."""

    def script(scene: Recorder) -> None:
        turn = scene.commit(HELLO, b"hi")
        for index in range(between):
            scene.commit(HELLO, b"%d" % index)
        scene.commit(HELLO, second, ct, turn=turn)

    return script


def _late(scene: Recorder) -> None:
    turn = scene.prepare(HELLO)
    scene.commit(b'{"kind":"user","prompt":"other"}', b"first")
    scene.commit(HELLO, b"second", turn=turn)


def _edited(scene: Recorder) -> None:
    turn = scene.prepare(HELLO)
    scene.commit(b'{"force_json":true,"kind":"user","prompt":"hello"}', b"1", turn=turn)


def _result_twice(second: bytes, ok: str = "1") -> Script:
    def script(scene: Recorder) -> None:
        ready(scene)
        scene.result("1.0", second, ok=ok)

    return script


def _refused_then_final(scene: Recorder) -> None:
    """Refuse a commit for its last check, and a configuration for its second entry; then commit the same turn."""
    turn = scene.commit(HELLO, ADD.replace(b'"a":1', b'"a":1,"b":1.5'), "j")
    config = {"config": scene.blob(b'{"keep":2}', ct="j"), "tools": scene.blob(b"{}", ct="j")}
    scene.send("configure", scene.tree(**config), at="1")
    scene.query("state")
    scene.commit(HELLO, b"hi", turn=turn)


def _rounds(scene: Recorder) -> None:
    ready(scene)
    scene.commit(CONTINUE, ADD, "j")


def _rounds_then_final(scene: Recorder) -> None:
    _rounds(scene)
    scene.commit(CONTINUE, b"enough")
    scene.commit(HELLO, ADD, "j")


_Z: Final = bytes(32)
_ONE_ROUND: Final = {"tools": TOOLS, "config": b'{"max_rounds":1}'}

_Scripts: TypeAlias = "dict[str, tuple[Script, tuple[str, dict[str, Any]], tuple[str, ...]]]"
_DONE: Final = ("committed", {"content": "hi"})
_STALE: Final = refusal("rejected", "stale")
_CONFLICT: Final = refusal("rejected", "conflict")
_REQUEST: Final = refusal("malformed", "request")


def _commits() -> Iterator[Draft]:
    scripts = {**_commits_again(), **_commits_of_other_forms(), **_commits_of_responses()}
    for name, (script, ends, rules) in scripts.items():
        yield Draft(f"commit/{name}", rules, script, ends, {"tools": TOOLS})
    yield from _rounds_of_tools()


def _commits_again() -> _Scripts:
    return {
        "same-again": (_again(b"hi"), _DONE, ("commit.replay",)),
        "same-after-seven": (_again(b"hi", between=7), _DONE, ("commit.replay", "commit.recorded")),
        "same-after-eight": (_again(b"hi", between=8), _STALE, ("commit.recorded", "commit.base")),
        "other-again": (_again(b"ho"), _CONFLICT, ("commit.conflict",)),
        "other-type-again": (_again(b"hi", "j"), _CONFLICT, ("commit.conflict", "commit.order")),
        "late": (_late, _STALE, ("commit.base",)),
        "edited": (_edited, _STALE, ("commit.base",)),
    }


def _commits_of_other_forms() -> _Scripts:
    return {
        "no-such-turn": (_raw_commit(_Z, request=(HELLO, "j"), response=(b"x", "s")), _STALE, ("commit.base",)),
        "no-response": (_raw_commit(_Z, request=(HELLO, "j")), _REQUEST, ("commit.order",)),
        "more-entries": (
            _raw_commit(_Z, request=(HELLO, "j"), response=(b"x", "s"), x=(b"", "s")),
            _REQUEST,
            ("commit.order",),
        ),
        "request-as-text": (_raw_commit(_Z, request=(HELLO, "s"), response=(b"x", "s")), _REQUEST, ("commit.order",)),
        "request-other": (_raw_commit(_Z, request=(b"{}", "j"), response=(b"x", "s")), _REQUEST, ("prepare.request",)),
        "phase-before-turn": (
            _raw_commit(_Z, request=(CONTINUE, "j"), response=(b"x", "s")),
            NOT_NOW,
            ("commit.order", "prepare.phase"),
        ),
        "turn-before-response": (
            _raw_commit(_Z, request=(HELLO, "j"), response=(b"x", "x")),
            _STALE,
            ("commit.order",),
        ),
        "header-before-content": (
            _raw_commit(_Z, {"at": "x"}, request=(HELLO, "j")),
            refusal("malformed", "header"),
            ("commit.order",),
        ),
    }


def _commits_of_responses() -> _Scripts:
    return {
        "response-type": (
            lambda scene: void(scene.commit(HELLO, b"x", "b")),
            refusal("malformed", "response"),
            ("response.grammar",),
        ),
        "force-json": (
            lambda scene: void(scene.commit(b'{"force_json":true,"kind":"user","prompt":"hello"}', b"no")),
            refusal("invalid", "not-json"),
            ("response.force-json",),
        ),
        "force-json-fits": (
            lambda scene: void(scene.commit(b'{"force_json":true,"kind":"user","prompt":"hello"}', b" [1.0] ")),
            ("committed", {"content": " [1.0] "}),
            ("response.force-json",),
        ),
        "refused-then-final": (_refused_then_final, _DONE, ("guest.atomic", "state.count")),
        "first-call-decides": (
            commit(HELLO, TWO.replace(b'{"a":1}', b"{}").replace(b'2},"tool":"add"', b'2},"tool":"sub"')),
            refusal("invalid", "argument"),
            ("commit.order", "call.arguments"),
        ),
    }


def _rounds_of_tools() -> Iterator[Draft]:
    yield Draft("rounds/one-more", ("rounds.bound",), _rounds, refusal("exhausted", "rounds"), _ONE_ROUND)
    yield Draft(
        "rounds/next-turn", ("rounds.bound",), _rounds_then_final, ("committed", {"action": "call"}), _ONE_ROUND
    )
    tools_first = both(ready, lambda scene: void(scene.commit(CONTINUE, ADD.replace(b"add", b"sub"), "j")))
    yield Draft("rounds/tools-first", ("commit.order",), tools_first, refusal("invalid", "tool"), _ONE_ROUND)


def _tool_results() -> Iterator[Draft]:
    entries = {"tools": TOOLS}
    malformed, conflict = refusal("malformed", "result"), refusal("rejected", "conflict")
    again: tuple[str, dict[str, Any]] = ("recorded", {"call": "1.0"})
    sixteen = json.dumps({"action": "call_tools", "calls": [{"tool": "all", "input": {}}] * 16}).encode()

    def all_sixteen(scene: Recorder) -> None:
        scene.commit(HELLO, sixteen, "j")
        for at in (15, 9, 10, 1, 0, 2, 14, 3, 13, 4, 12, 5, 11, 6, 8, 7):
            scene.result(f"1.{at}", b"%d" % at)
        scene.prepare(CONTINUE)

    def abandoned(scene: Recorder) -> None:
        scene.commit(HELLO, TWO, "j")
        scene.result("1.1", b"x")
        scene.send("abandon", scene.blob(b""), at="1")
        scene.prepare(HELLO)

    def after_commit(scene: Recorder) -> None:
        ready(scene)
        scene.commit(CONTINUE, b"done")
        scene.result("1.0", b"1")

    def same_tool(scene: Recorder) -> None:
        scene.commit(HELLO, TWO, "j")
        scene.result("1.1", b"second")
        scene.result("1.0", b"first", ok="0")
        scene.prepare(CONTINUE)

    scripts: dict[str, tuple[Script, tuple[str, dict[str, Any]], tuple[str, ...]]] = {
        "same-tool-twice": (same_tool, again, ("result.visible", "result.order-free")),
        "same-again": (_result_twice(b"1"), again, ("result.once",)),
        "other-again": (_result_twice(b"2"), conflict, ("result.once",)),
        "other-ok-again": (_result_twice(b"1", "0"), conflict, ("result.once",)),
        "after-the-next-commit": (after_commit, refusal("missing", "call"), ("result.once",)),
        "no-such-call": (both(calling, _result("1.2")), refusal("missing", "call"), ("result.once",)),
        "not-utf-8": (both(calling, lambda scene: scene.result("1.0", b"\xff")), malformed, ("result.form",)),
        "not-json": (both(calling, lambda scene: scene.result("1.0", b"x", ct="j")), malformed, ("result.form",)),
        "form-before-call": (lambda scene: scene.result("1.0", b"x", ct="j"), malformed, ("result.form",)),
        "sixteen": (all_sixteen, ("recorded", {"call": "1.7"}), ("result.order-free", "result.visible")),
        "abandoned": (abandoned, ("abandoned", {"count": 3}), ("abandon.closes", "result.visible")),
    }
    for name, (script, ends, rules) in scripts.items():
        yield Draft(f"result/{name}", rules, script, ends, entries)


def _whole_steps() -> Iterator[Draft]:
    def batch(scene: Recorder) -> None:
        scene.commit(HELLO, TWO, "j")
        for call, data in (("1.1", b"x"), ("1.0", b"y"), ("1.0", b"z"), ("1.7", b"")):
            scene.queue("tool-result", scene.blob(data, ct="s"), at="7", call=call, ok="1")
        scene.queue("stop", scene.blob(b""), at="7")
        scene.read(scene.queue("abandon", scene.blob(b""), at="8", corr="last"))

    def cleaned(scene: Recorder) -> None:
        scene.commit(HELLO, b"hi")
        scene.send("cleanup", scene.blob(b""))
        scene.prepare(HELLO)

    def updated(*entries: str) -> Script:
        def script(scene: Recorder) -> None:
            scene.commit(HELLO, b"hi")
            scene.send("update", scene.tree(**{name: scene.blob(b"x", ct="s") for name in entries}))
            scene.prepare(HELLO)

        return script

    done = ("committed", {"content": "hi"})
    yield Draft("step/batch", ("reply.batch", "reply.one"), batch, ("abandoned", {"count": 4}), {"tools": TOOLS})
    yield Draft("step/cleanup", ("guest.cleanup",), cleaned, done)
    for name, entries in {
        "note": ("note",),
        "session": ("session",),
        "effects": ("effects",),
        "code": ("wit_update",),
        "note-and-session": ("note", "session"),
    }.items():
        yield Draft(f"step/update-{name}", ("guest.update",), updated(*entries), done)


def turn_drafts() -> Iterator[Draft]:
    """Yield drafts of turns: phases, commits, results, condensing, asks, whole steps."""
    yield from _phases()
    yield from _commits()
    yield from _tool_results()
    yield from _condensing()
    yield from _asks()
    yield from _whole_steps()
