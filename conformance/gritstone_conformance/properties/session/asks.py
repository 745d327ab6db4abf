"""Asks: scripted models and tools, answers that arrive late or again, and a model that never gives a useful answer."""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.session.scene import ADD, FINAL, HELLO, TOOLS, TWO, SessionScene, of_sessions
from gritstone_conformance.properties.wit.registry import tape
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_ROWS: Final = (
    *((FINAL, "j"), (ADD, "j"), (TWO, ""), (b"text", "s"), (b'{"action":"retry"}', "j"), (b"x", "j"), (b"\xff", "s")),
    *((FINAL, ""), (b'{"action":"call_tool","input":{},"tool":"add"}', "j")),
)
_RESULTS: Final = ((b"1", "s"), (b"1", ""), (b"1", "j"), (b"{", "j"), (b"\xff", "s"), (b"", "b"))
_USELESS: Final = (
    *((b"", "j"), (b"x", ""), (b'{"action":"retry","error":"e"}', "j"), (b"\xff", "s"), (b"{}", "b")),
    *(
        (b'{"action":"call_tool","input":{},"tool":"no"}', "j"),
        (b'{"action":"call_tool","input":{},"tool":"add"}', "j"),
    ),
)


def _effects(scene: SessionScene) -> dict[str, bytes]:
    """Return the open effects of a session by their names."""
    shelf = scene.bench.executor.shelf
    effects = shelf.names(scene.actor.value.core).get("effects")
    blobs = {name: shelf.blob(one) for name, one in (shelf.names(effects) if effects else {}).items()}
    return {name: bytes.fromhex(blob.data.decode()) for name, blob in blobs.items() if blob is not None}


def _answered(scene: SessionScene) -> int:
    return sum(dict(message.headers)["mt"] == "answered" for message in scene.sent())


def scripted(trial: Trial, fmt: Format, tape: Tape) -> None:
    """An ask ends once, after the effects that its answers lead to; each answer counts once, in any order."""
    scene = SessionScene(trial, fmt, b'{"max_rounds":3,"keep":2,"max_messages":4}', TOOLS)
    used: list[bytes] = []
    for number in range(1, tape.within(2, 3)):
        scene.send("ask", scene.json(HELLO), rule="ask.loop", at="1", **({"corr": "c"} if tape.below(2) else {}))
        while effects := _effects(scene):
            name = tape.pick(sorted(effects))
            data, ct = tape.pick(_ROWS if name == "model" else _RESULTS)
            mt = "effect.failed" if tape.once_in(8) else "effect.ok"
            for _ in range(tape.pick((1, 1, 2, 3))):
                headers = {"ct": ct} if ct else {}
                scene.answer(
                    data, mt, to=effects[name], rule="ask.once" if effects[name] in used else "ask.loop", **headers
                )
                used.append(effects[name])
            if tape.once_in(6):
                scene.answer(FINAL, to=tape.pick(used), rule="ask.once", ct="j")
            if tape.once_in(9):
                scene.send("abandon", scene.json(b""), rule="abandon.closes", at="1")
        assert _answered(scene) == number, "the model ends an ask once"
        scene.answer(FINAL, to=used[-1], rule="ask.once", ct="j")
    scene.flush()


def useless(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Whatever the answers are, an ask sends at most ``max_rounds`` + 1 messages ``effect.model``, and then ends."""
    most = tape.within(1, 4)
    scene = SessionScene(trial, fmt, b'{"max_rounds":%d}' % most, TOOLS)
    scene.send("ask", scene.json(HELLO), rule="ask.loop", at="1")
    for _ in range(3 * most):
        effects = _effects(scene)
        to = effects.get("model") or next(iter(effects.values()), scene.newest())
        data, ct = tape.pick((*_USELESS, (ADD, "j")))
        scene.answer(data, to=to, rule="ask.bound", **({"ct": ct} if ct else {}))
    models = sum(dict(message.headers)["mt"] == "effect.model" for message in scene.sent())
    assert models <= most + 1, "the model of the suite is bounded"
    scene.flush()


def busy(trial: Trial, fmt: Format, tape: Tape) -> None:
    """While an ask is open, the other requests are refused, in its phases and with any defect of their contents."""
    scene = SessionScene(trial, fmt, tools=TOOLS)
    turn = scene.commit(HELLO, b"before", rule="guest.exact")
    scene.send("ask", scene.json(HELLO), rule="ask.loop", at="1")
    phase = tape.below(3)
    if phase:
        scene.answer(TWO, rule="ask.loop", ct="j")
    if phase == 2:
        for effect in list(_effects(scene).values()):
            scene.answer(b"1", to=effect, rule="ask.loop", ct="s")
    for kind in (tape.below(5) for _ in range(3)):
        if kind == 0:
            scene.commit(HELLO, b"x", rule="ask.alone", turn=scene.turn(tape.pick((HELLO, b'{"kind":"continue"}'))))
        elif kind == 1:
            scene.result(tape.pick(("2.0", "2.1", "3.0")), b"1", rule="ask.alone")
        elif kind == 2:
            scene.send("configure", scene.tree(config=scene.json(tape.pick((b"{}", b"x")))), rule="ask.alone", at="1")
        elif kind == 3:
            scene.send("ask", scene.json(tape.pick((HELLO, b"x"))), rule="ask.alone", at="1")
        else:
            scene.commit(HELLO, b"before", rule="commit.replay", turn=turn)
    scene.send("abandon", scene.json(b""), rule="abandon.closes", at="1")
    scene.query("state", b"", "abandon.closes")
    scene.flush()


PROPERTIES: Final = (
    *of_sessions("ask/scripted", scripted, "ask.loop", "ask.once", "abandon.closes", given=tape(200), examples=12),
    *of_sessions("ask/useless", useless, "ask.bound", given=tape(40), examples=10),
    *of_sessions("ask/busy", busy, "ask.alone", "abandon.closes", "commit.replay", given=tape(30), examples=10),
)
