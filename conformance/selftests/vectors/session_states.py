"""Drafts of vectors of cores: first cores, strangers, and sessions that other code damaged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from gritstone_conformance.cases import CaseStep
from gritstone_conformance.model.values import Message
from gritstone_conformance.replies import Json
from selftests.vectors.session_drafts import ADD, HELLO, TOOLS, Draft, Recorder, Script, asked, calling, refusal

__all__ = ["state_drafts"]

_DAMAGED: Final = refusal("invalid", "state")
_FAILED: Final[dict[str, Json]] = {"refused": "rejected", "code": "failed"}
_STATE: Final = '{"count":1,"covered":0,"history":2,"phase":"idle","rounds":0}'
_INDEX: Final = "0000000000"

Blob = tuple[bytes, dict[str, str]]
Entries = Callable[[Recorder], dict[str, bytes | None]]


def _program(scene: Recorder, path: str, content: bytes) -> bytes:
    """Return the program of the puppet that puts an object at a path."""
    op = b"P" + bytes([len(path)]) + path.encode() + b"\0"
    return scene.tree(**{"program": scene.blob(op), "00": content})


def _removal(scene: Recorder, path: str) -> bytes:
    return scene.tree(program=scene.blob(b"D" + bytes([len(path)]) + path.encode()))


def _replaced(scene: Recorder, program: bytes) -> None:
    """Run a program of the puppet on the core of a session."""
    for code in ("puppet", "session"):
        scene.send("update", scene.tree(wit=scene.blob(f"external:{code}/1".encode(), ct="s")))
        if code == "puppet":
            scene.send("", program)


def _changed(path: str, blob: Blob | None, before: Script) -> Script:
    """Return a request to a session in which one entry was replaced or removed."""

    def script(scene: Recorder) -> None:
        before(scene)
        content = None if blob is None else scene.blob(blob[0], **blob[1])
        _replaced(scene, _removal(scene, path) if content is None else _program(scene, path, content))
        scene.prepare(HELLO)
        scene.send("abandon", scene.blob(b""), at="1")

    return script


def _one_turn(scene: Recorder) -> None:
    scene.commit(HELLO, b"hi")


def _text(data: str, **headers: str) -> Blob:
    return data.encode(), {"ct": "s", **headers}


def _json(data: str, **headers: str) -> Blob:
    return data.encode(), {"ct": "j", **headers}


_TURN: Final = "session/turns/" + "0" * 64
_DAMAGES: Final[dict[str, tuple[str, Blob | None, Script]]] = {
    "other-entry": ("session/note", _text("x"), _one_turn),
    "state-a-tree": ("session/state/x", _text("x"), _one_turn),
    "no-nonce": ("session/nonce", None, _one_turn),
    "nonce-31": ("session/nonce", (bytes(31), {"ct": "b"}), _one_turn),
    "nonce-text": ("session/nonce", _text("0" * 32), _one_turn),
    "config-text": ("session/config", _text("{}"), _one_turn),
    "config-keep": ("session/config", _json('{"keep":0}'), _one_turn),
    "tools-name": ("session/tools", _json('[{"description":"","name":"T","params":[]}]'), _one_turn),
    "state-more": ("session/state", _json(_STATE[:-1] + ',"x":0}'), _one_turn),
    "state-less": ("session/state", _json(_STATE.replace(',"rounds":0', "")), _one_turn),
    "state-phase": ("session/state", _json(_STATE.replace("idle", "busy")), _one_turn),
    "state-minus-zero": ("session/state", _json(_STATE.replace('"rounds":0', '"rounds":-0')), _one_turn),
    "state-covered": ("session/state", _json(_STATE.replace('"covered":0', '"covered":3')), _one_turn),
    "state-history": ("session/state", _json(_STATE.replace('"history":2', '"history":3')), _one_turn),
    "state-count": ("session/state", _json(_STATE.replace('"count":1', '"count":4503599627370497')), _one_turn),
    "state-calling": ("session/state", _json(_STATE.replace("idle", "calling")), _one_turn),
    "no-state": ("session/state", None, _one_turn),
    "history-gap": (f"session/history/{_INDEX}", None, _one_turn),
    "history-name": ("session/history/2", _text("x", role="user"), _one_turn),
    "history-role": (f"session/history/{_INDEX}", _text("x", role="system"), _one_turn),
    "history-no-role": (f"session/history/{_INDEX}", _text("x"), _one_turn),
    "history-not-utf-8": (f"session/history/{_INDEX}", (b"\xff", {"ct": "s", "role": "user"}), _one_turn),
    "history-calls": (f"session/history/{_INDEX}", _json('{"calls":[]}', role="assistant"), _one_turn),
    "history-tool": (f"session/history/{_INDEX}", _text("x", role="tool", tool="t", ok="1"), _one_turn),
    "summary-version": ("session/summary", _text("x", covered="0", version="0"), _one_turn),
    "summary-headers": ("session/summary", _text("x", version="1"), _one_turn),
    "calls-in-idle": ("session/calls/1.0", _text("add"), _one_turn),
    "calls-gap": ("session/calls/1.0", None, calling),
    "calls-tool": ("session/calls/1.0", _text("Add"), calling),
    "calls-name": ("session/calls/1.2x", _text("add"), calling),
    "calls-count": ("session/calls/2.2", _text("add"), calling),
    "results-name": ("session/results/x", _text("x"), _one_turn),
    "turns-name": ("session/turns/x/count", _text("1"), _one_turn),
    "turns-entries": (f"{_TURN}/count", _text("1"), _one_turn),
    "ask-without-effects": ("effects", None, asked),
    "ask-message": ("session/ask/message", _text("x"), asked),
    "ask-request": ("session/ask/request", _json('{"kind":"continue"}'), asked),
    "ask-corr": ("session/ask/corr", _text("a b"), asked),
    "effects-name": ("effects/1.0", _text("0" * 64), asked),
    "effects-text": ("effects/model", _text("x"), asked),
    "effects-without-ask": ("effects/model", _text("0" * 64), _one_turn),
}
_SOUND: Final[dict[str, tuple[str, Blob | None, Script, tuple[str, dict[str, Any]]]]] = {
    "config-empty": ("session/config", _json("{}"), _one_turn, refusal("rejected", "phase")),
    "state-largest": (
        "session/state",
        _json(_STATE.replace('"count":1', '"count":4503599627370496')),
        _one_turn,
        refusal("rejected", "phase"),
    ),
    "state-spaced": ("session/state", _json(" " + _STATE), _one_turn, refusal("rejected", "phase")),
    "summary": ("session/summary", _text("x", covered="0", version="1"), _one_turn, refusal("rejected", "phase")),
    "result": ("session/results/7.7", _text("x"), _one_turn, refusal("rejected", "phase")),
    "history-tool": (
        f"session/history/{_INDEX}",
        _text("x", role="tool", tool="t", ok="1", call="1.0"),
        _one_turn,
        refusal("rejected", "phase"),
    ),
    "core-entry": ("note", _text("x"), _one_turn, refusal("rejected", "phase")),
    "calling": ("note", _text("x"), calling, ("abandoned", {"count": 2})),
    "ask": ("session/ask/corr", _text("c2"), asked, ("answered", {"action": "abandoned"})),
}


def _damaged() -> Iterator[Draft]:
    for name, (path, blob, before) in _DAMAGES.items():
        script = _changed(path, blob, before)
        yield Draft(f"damaged/{name}", ("guest.damaged", "guest.total"), script, _DAMAGED, {"tools": TOOLS})
    for name, (path, blob, before, ends) in _SOUND.items():
        script = _changed(path, blob, before)
        yield Draft(f"damaged/sound-{name}", ("guest.damaged", "guest.total"), script, ends, {"tools": TOOLS})


def _first_core(entries: Entries, *, accepted: bool) -> Script:
    """Return the genesis of another session with changed entries; None removes an entry."""

    def script(scene: Recorder) -> None:
        code = scene.blob(b"external:session/1", ct="s")
        below = {"host": scene.host, "nonce": scene.blob(bytes(32), ct="b"), **entries(scene)}
        session = scene.tree(**{name: target for name, target in below.items() if target is not None})
        core = scene.tree(session=session, wit=code)
        genesis = scene.put(Message(None, (("mt", "genesis"),), core))
        scene.tags["other"] = genesis
        args: dict[str, Json] = {"store": "s", "actor": core.hex(), "head": None, "attempt": 1}
        args["inbox"] = [[scene.host.hex(), genesis.hex()]]
        expected = {"ok": {"step": scene.first_of(core, genesis).hex()}} if accepted else _FAILED
        scene.steps.append(CaseStep("wit.step", args, expected))

    return script


def _json_entry(name: str, data: bytes, **headers: str) -> Entries:
    return lambda scene: {name: scene.blob(data, **(headers or {"ct": "j"}))}


def _first_cores() -> Iterator[Draft]:
    opened: tuple[str, dict[str, Any]] = ("opened", {})
    cores: tuple[tuple[str, Entries, bool], ...] = (
        ("plain", lambda _: {}, True),
        ("config", _json_entry("config", b'{"keep":1}'), True),
        ("config-empty", _json_entry("config", b"{}"), True),
        ("tools", _json_entry("tools", TOOLS), True),
        ("no-host", lambda _: {"host": None}, False),
        ("host-a-blob", _json_entry("host", b""), False),
        ("no-nonce", lambda _: {"nonce": None}, False),
        ("nonce-33", _json_entry("nonce", bytes(33), ct="b"), False),
        ("nonce-without-type", lambda scene: {"nonce": scene.blob(bytes(32))}, False),
        ("config-other", _json_entry("config", b"[]"), False),
        ("config-text", _json_entry("config", b"{}", ct="s"), False),
        ("tools-other", _json_entry("tools", b"{}"), False),
        ("state", _json_entry("state", _STATE.replace("2", "0").encode()), False),
        ("note", _json_entry("note", b"1"), False),
    )
    for name, entries, accepted in cores:
        script = _first_core(entries, accepted=accepted)
        yield Draft(f"genesis/{name}", ("guest.genesis",), script, opened)


def _stranger(scene: Recorder) -> None:
    scene.commit(HELLO, b"hi")
    scene.send_from_other("abandon", at="1")
    scene.prepare(HELLO)


def _at_and_corr(scene: Recorder) -> None:
    scene.commit(HELLO, b"hi", at="77")
    scene.send("ask", scene.blob(HELLO, ct="j"), at="9", corr="other")
    scene.answer(ADD)
    scene.send("abandon", scene.blob(b""), at="9007199254740991", corr="x")
    scene.prepare(HELLO)


def _erased(role: str, text: bytes) -> Script:
    """Return turns of which one message is erased, a prepared turn, and turns that condense it."""

    def script(scene: Recorder) -> None:
        scene.commit(HELLO, b"hi")
        scene.commit(b'{"kind":"user","prompt":"second"}', b"ho")
        scene.erase(scene.blob(text, ct="s", role=role))
        scene.prepare(HELLO)
        scene.commit(b'{"kind":"user","prompt":"third"}', b"hu")
        scene.prepare(HELLO)

    return script


def _erased_state(scene: Recorder) -> None:
    scene.commit(HELLO, b"hi")
    scene.erase(scene.blob(_STATE.encode(), ct="j"))
    scene.prepare(HELLO)
    scene.send("abandon", scene.blob(b""), at="1")


def _code_of_update(scene: Recorder) -> None:
    """Update a puppet with the code of sessions."""
    code = scene.blob(b"external:puppet/1", ct="s")
    core = scene.tree(wit=code, wit_query=code)
    genesis = scene.put(Message(None, (("mt", "genesis"),), core))
    content = scene.tree(wit_update=scene.blob(b"external:session/1", ct="s"))
    update = scene.put(Message(genesis, (("mt", "update"),), content))
    scene.tags["other"] = update
    first = scene.first_of(core, genesis)
    args: dict[str, Json] = {"store": "s", "actor": core.hex(), "head": None, "attempt": 1}
    host = scene.host.hex()
    scene.steps.append(CaseStep("wit.step", {**args, "inbox": [[host, genesis.hex()]]}, {"ok": {"step": first.hex()}}))
    args["head"] = first.hex()
    scene.steps.append(CaseStep("wit.step", {**args, "inbox": [[host, update.hex()]]}, _FAILED))


def state_drafts() -> Iterator[Draft]:
    """Yield drafts of cores."""
    yield from _damaged()
    yield from _first_cores()
    yield Draft("step/stranger", ("guest.host",), _stranger, ("committed", {"content": "hi"}))
    ends: tuple[str, dict[str, Any]] = ("answered", {"action": "abandoned", "count": 4})
    yield Draft("step/at-and-corr", ("guest.timeless", "ask.alone"), _at_and_corr, ends, {"tools": TOOLS})
    done: tuple[str, dict[str, Any]] = ("committed", {"content": "hu"})
    small = {"config": b'{"keep":1,"max_messages":4}'}
    for role, text in (("user", b"hello"), ("user", b"second"), ("assistant", b"hi")):
        script = _erased(role, text)
        yield Draft(f"erased/{text.decode()}", ("guest.erased",), script, done, small, ("erase",))
    yield Draft("erased/state", ("guest.damaged",), _erased_state, _DAMAGED, {}, ("erase",))
    yield Draft("step/code-of-an-update", ("guest.no-update-code",), _code_of_update, ("opened", {}))
