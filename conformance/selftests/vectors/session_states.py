"""Drafts of vectors of cores: first cores, strangers, and sessions that other code damaged."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from gritstone_conformance.cases import CaseStep
from gritstone_conformance.model.values import Message
from gritstone_conformance.replies import Json
from selftests.vectors.session_drafts import (
    ADD,
    CONTINUE,
    HELLO,
    TOOLS,
    TWO,
    Draft,
    Recorder,
    Script,
    asked,
    calling,
    refusal,
)

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
    "summary-version-large": ("session/summary", _text("x", covered="0", version="4503599627370497"), _one_turn),
    "summary-headers": ("session/summary", _text("x", version="1"), _one_turn),
    "summary-not-utf-8": ("session/summary", (b"\xff", {"ct": "s", "covered": "0", "version": "1"}), _one_turn),
    "history-a-blob": ("session/history", _text("x"), _one_turn),
    "calls-not-utf-8": ("session/calls/1.0", (b"\xff", {"ct": "s"}), calling),
    "ask-more": ("session/ask/note", _text("x"), asked),
    "calls-in-idle": ("session/calls/1.0", _text("add"), _one_turn),
    "calls-gap": ("session/calls/1.0", None, calling),
    "calls-tool": ("session/calls/1.0", _text("Add"), calling),
    "calls-name": ("session/calls/1.2x", _text("add"), calling),
    "calls-count": ("session/calls/2.2", _text("add"), calling),
    "results-name": ("session/results/x", _text("x"), _one_turn),
    "results-text": ("session/results/1.0", _text("1"), calling),
    "results-user": ("session/results/1.0", _text("1", role="user"), calling),
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
    "summary-largest": (
        "session/summary",
        _text("x", covered="0", version="4503599627370496"),
        _one_turn,
        refusal("rejected", "phase"),
    ),
    "result": ("session/results/7.7", _text("x"), _one_turn, refusal("rejected", "phase")),
    "result-of-call": (
        "session/results/1.0",
        _text("1", role="tool", tool="add", ok="1", call="1.0"),
        calling,
        ("abandoned", {"count": 2}),
    ),
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
    for name, names, ends in (
        ("turns-nine", tuple(str(digit) * 64 for digit in range(9)), _DAMAGED),
        ("turns-upper-case", ("A" * 64,), _DAMAGED),
        ("sound-turns-eight", tuple(str(digit) * 64 for digit in range(8)), refusal("rejected", "phase")),
    ):
        yield Draft(f"damaged/{name}", ("guest.damaged", "guest.total"), _turns(names), ends)
    committed: tuple[str, dict[str, Any]] = ("committed", {"content": "hi"})
    yield Draft("damaged/no-session", ("guest.damaged", "guest.total"), _without_session, committed)
    for name, (path, blob, before, ends) in _SOUND.items():
        script = _changed(path, blob, before)
        yield Draft(f"damaged/sound-{name}", ("guest.damaged", "guest.total"), script, ends, {"tools": TOOLS})


def _without_session(scene: Recorder) -> None:
    """Ask a core whose entry ``session`` was removed: it has no host, so no message is a request."""
    _one_turn(scene)
    _replaced(scene, _removal(scene, "session"))
    for name, args in (("prepare", HELLO), ("state", b"")):
        scene.query(name, args)
    scene.send("abandon", scene.blob(b""), at="1")


def _turns(names: tuple[str, ...]) -> Script:
    """Return a request to a session whose recorded turns have other names."""

    def script(scene: Recorder) -> None:
        _one_turn(scene)
        response, result = scene.blob(b"r", ct="s"), scene.blob(b"{}", ct="j")
        turn = scene.tree(count=scene.blob(b"1", ct="s"), response=response, result=result)
        _replaced(scene, _program(scene, "session/turns", scene.tree(**dict.fromkeys(names, turn))))
        scene.prepare(HELLO)
        scene.send("abandon", scene.blob(b""), at="1")

    return script


def _first_core(entries: Entries, *, accepted: bool, has_effects: bool = False) -> Script:
    """Return the genesis of another session with changed entries; None removes an entry."""

    def script(scene: Recorder) -> None:
        code = scene.blob(b"external:session/1", ct="s")
        below = {"host": scene.host, "nonce": scene.blob(bytes(32), ct="b"), **entries(scene)}
        session = scene.tree(**{name: target for name, target in below.items() if target is not None})
        more = {"effects": scene.tree(model=scene.blob(b"0" * 64, ct="s"))} if has_effects else {}
        core = scene.tree(session=session, wit=code, **more)
        genesis = scene.put(Message(None, (("mt", "genesis"),), core))
        scene.tags["other"] = genesis
        args: dict[str, Json] = {"store": "s", "actor": core.hex(), "head": None, "attempt": 1}
        args["inbox"] = [[scene.host.hex(), genesis.hex()]]
        expected = {"ok": {"step": scene.first_of(core, genesis).hex()}} if accepted else _FAILED
        scene.steps.append(CaseStep("wit.step", args, expected))

    return script


def _first_core_of_other(scene: Recorder) -> None:
    """Send a first core to its session from an actor that is not its host."""
    code = scene.blob(b"external:session/1", ct="s")
    other = scene.tree(name=scene.blob(b"other", ct="s"))
    core = scene.tree(session=scene.tree(host=scene.host, nonce=scene.blob(bytes(32), ct="b")), wit=code)
    genesis = scene.put(Message(None, (("mt", "genesis"),), core))
    scene.tags |= {"other": genesis, "sender": other}
    step = scene.step_of(core, None, genesis, sender=other)
    args: dict[str, Json] = {"store": "s", "actor": core.hex(), "head": None, "attempt": 1}
    args["inbox"] = [[other.hex(), genesis.hex()]]
    scene.steps.append(CaseStep("wit.step", args, {"ok": {"step": step.hex()}}))


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
    yield Draft("genesis/of-another", ("reply.one", "guest.genesis"), _first_core_of_other, opened)
    script = _first_core(lambda _: {}, accepted=False, has_effects=True)
    yield Draft("genesis/effects", ("guest.genesis",), script, opened)


_ELEVEN: Final = b'{"action":"call_tools","calls":[' + b",".join([b'{"input":{},"tool":"all"}'] * 11) + b"]}"


def _one_id_twice(scene: Recorder) -> None:
    """Answer an id that is in ``effects`` twice: for calls whose order is not that of their names."""
    asked(scene)
    scene.answer(_ELEVEN)
    newest = scene.newest()
    _replaced(scene, _program(scene, "effects/2.2", scene.blob(newest.encode(), ct="s")))
    for data in (b"first", b"second", b"none"):
        scene.send("effect.ok", scene.blob(data, ct="s"), reply=newest)
        scene.query("state")


def _frozen(scene: Recorder) -> None:
    """Send a request that is refused, and one that changes the state, to a session whose state is frozen."""
    code = scene.blob(b"external:session/1", ct="s")
    session = scene.tree(host=scene.host, nonce=scene.blob(bytes(32), ct="b"))
    core = scene.tree(session=session, wit=code, wit_query=code, frozen=scene.blob(b"session/state\n"))
    messages = [scene.put(Message(None, (("mt", "genesis"),), core))]
    for at, mt, content in (
        ("1", "abandon", scene.blob(b"")),
        ("2", "configure", scene.tree(config=scene.blob(b"{}", ct="j"))),
    ):
        messages.append(scene.put(Message(messages[-1], (("at", at), ("mt", mt)), content)))
    scene.tags["other"] = messages[-1]
    head: bytes | None = None
    for tip in messages:
        args: dict[str, Json] = {"store": "s", "actor": core.hex(), "attempt": 1, "head": head and head.hex()}
        args["inbox"] = [[scene.host.hex(), tip.hex()]]
        if tip == messages[-1]:
            refused: dict[str, Json] = {"refused": "rejected", "code": "illegal-step"}
            scene.steps.append(CaseStep("wit.step", args, refused, "wit.frozen.kept"))
        else:
            head = scene.step_of(core, head, tip)
            scene.steps.append(CaseStep("wit.step", args, {"ok": {"step": head.hex()}}))


def _stranger(scene: Recorder) -> None:
    scene.commit(HELLO, b"hi")
    scene.send_from_other("abandon", scene.blob(b""), at="1")
    scene.prepare(HELLO)


def _update_of_stranger(scene: Recorder) -> None:
    scene.commit(HELLO, b"hi")
    scene.send_from_other("update", scene.tree(note=scene.blob(b"x", ct="s")))
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


def _erased_before(scene: Recorder) -> None:
    """Erase the message that the guest makes of a result, before the guest makes it."""
    message = scene.blob(b"3", call="1.0", ct="s", ok="1", role="tool", tool="add")
    scene.tags["erased"] = scene.tree(result=message)
    scene.erase(message)
    scene.commit(HELLO, TWO, "j")


def _erased_result(scene: Recorder) -> None:
    """Send that result twice, and both messages are covered by one step."""
    _erased_before(scene)
    for _ in range(2):
        tip = scene.queue("tool-result", scene.blob(b"3", ct="s"), at="2100", call="1.0", ok="1")
    scene.read(tip)


def _erased_turn(scene: Recorder) -> None:
    """Commit the turn without that result, in the step that covers the results."""
    _erased_before(scene)
    head, sent = scene.head, scene.sent
    for call in ("1.0", "1.1"):
        scene.result(call, b"3", ct="s")
    turn = scene.prepare(CONTINUE)
    scene.head, scene.sent = head, sent
    for call in ("1.0", "1.1"):
        scene.queue("tool-result", scene.blob(b"3", ct="s"), at="2100", call=call, ok="1")
    content = scene.tree(request=scene.blob(CONTINUE, ct="j"), response=scene.blob(b"done", ct="s"))
    scene.read(scene.queue("commit", content, at="2200", turn=turn.hex()))


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
    said = ("committed", {"content": "hi"})
    yield Draft("step/stranger", ("guest.host",), _stranger, said)
    yield Draft("step/update-of-a-stranger", ("guest.update",), _update_of_stranger, said)
    ends: tuple[str, dict[str, Any]] = ("answered", {"action": "abandoned", "count": 4})
    yield Draft("step/at-and-corr", ("guest.timeless", "ask.alone"), _at_and_corr, ends, {"tools": TOOLS})
    done: tuple[str, dict[str, Any]] = ("committed", {"content": "hu"})
    small = {"config": b'{"keep":1,"max_messages":4}'}
    for role, text in (("user", b"hello"), ("user", b"second"), ("assistant", b"hi")):
        script = _erased(role, text)
        yield Draft(f"erased/{text.decode()}", ("guest.erased",), script, done, small, ("erase",))
    everything = {"tools": TOOLS}
    yield Draft(
        "step/one-effect-twice", ("ask.once", "ask.loop"), _one_id_twice, ("effect.tool", {"call": "2.10"}), everything
    )
    yield Draft("step/frozen", ("guest.total",), _frozen, ("opened", {}))
    yield Draft("erased/state", ("guest.damaged",), _erased_state, _DAMAGED, {}, ("erase",))
    conflict = refusal("rejected", "conflict")
    tools = {"tools": TOOLS}
    yield Draft("erased/batch-result", ("reply.batch", "result.once"), _erased_result, conflict, tools, ("erase",))
    final: tuple[str, dict[str, Any]] = ("committed", {"content": "done"})
    yield Draft("erased/batch-turn", ("reply.batch", "guest.erased"), _erased_turn, final, tools, ("erase",))
    yield Draft("step/code-of-an-update", ("guest.no-update-code",), _code_of_update, ("opened", {}))
