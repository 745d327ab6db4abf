"""Random conversations: every step and answer, and what must not depend on the way in which messages arrive."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
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
    user,
)
from gritstone_conformance.properties.wit.registry import tape
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_CONFIG: Final = (
    b'{"keep":2,"max_messages":4,"max_rounds":2,"summary_chars":60}',
    b'{"keep":1,"max_messages":2,"max_rounds":1,"summary_chars":0,"system_prompt":"Be brief."}',
    b'{"keep":3,"max_messages":5,"system_prompt":"S","tool_text":false}',
)
_PROMPTS: Final = ("q", "", "two\nlines", "\u00e9\r\n" * 50, "\U0001f600" * 90, "q" * 200, '"\\/')
_RESPONSES: Final = (
    *((FINAL, "j"), (ADD, "j"), (TWO, "j"), (b'{"action":"retry","error":"no"}', "j"), (b"text", "s"), (b"1", "s")),
    *((b'{"action":"call_tool","input":{},"tool":"all"}', "j"), (b"x", "j"), (b"\xff", "s"), (b"", "s")),
)
_RESULTS: Final = ((b"1", "s"), (b"2.50", "j"), (b"{", "j"), (b"", "s"))
_SETTINGS: Final = (
    *({"config": config} for config in (*_CONFIG, b"{}", b'{"keep":0}')),
    *({"tools": tools} for tools in (TOOLS, b"[]", b"{}")),
    {"config": _CONFIG[0], "tools": b"[]"},
    {"config": _CONFIG[0], "tools": b"{}"},
)


@dataclass
class _Conversation:
    """Draws the messages of one conversation.

    Attributes:
        scene: the session.
        tape: decides.
        older: turns that were prepared, with their requests and responses.
        effects: what the session asked for, newest first.
    """

    scene: SessionScene
    tape: Tape
    older: list[tuple[bytes, bytes, bytes, str]] = field(default_factory=list)
    headers: Callable[[], dict[str, str]] = lambda: {"at": "1"}

    def message(self) -> tuple[str, bytes, dict[str, str]]:
        """Draw a message that the phase of the session permits, or rarely another one."""
        state, tape = self.scene.state(), self.tape
        is_asked = self.scene.last()[0]["mt"].startswith("effect.") or bool(self._effects())
        likely = {"idle": "commit", "calling": "tool-result", "ready": "continue"}[state["phase"]]
        choices: tuple[str, ...] = (
            *("answer" if is_asked else likely,) * 6,
            "commit",
            "tool-result",
            "continue",
            "again",
        )
        choices += ("ask", "ask", "configure", "abandon", "stop", "answer")
        return self._made(tape.pick(choices), state)

    def _made(self, kind: str, state: dict[str, object]) -> tuple[str, bytes, dict[str, str]]:
        scene, tape, headers = self.scene, self.tape, self.headers()
        match kind:
            case "commit" | "continue" | "again":
                turn, request, data, ct = self._committed(kind)
                content = scene.tree(request=scene.json(request), response=scene.blob(data, ct=ct))
                return "commit", content, {**headers, "turn": turn.hex()}
            case "tool-result":
                data, ct = tape.pick(_RESULTS)
                call = f"{tape.pick((state['count'], 1, 2))}.{tape.below(3)}"
                open_calls = [each["id"] for each in state["calls"]]  # type: ignore[attr-defined]
                call = tape.pick(open_calls) if open_calls and not tape.once_in(5) else call
                return "tool-result", scene.blob(data, ct=ct), {**headers, "call": call, "ok": tape.pick("10")}
            case "ask":
                return "ask", scene.json(user(tape.pick(_PROMPTS))), headers
            case "configure":
                entries = {name: scene.json(data) for name, data in tape.pick(_SETTINGS).items()}
                return "configure", scene.tree(**entries), headers
            case "answer":
                effect = tape.pick(self._effects() or [scene.newest()])
                data, ct = tape.pick((*_RESPONSES, *_RESULTS, (FINAL, ""), (b"1", "")))
                content = scene.blob(data, **({"ct": ct} if ct else {}))
                return tape.pick(("effect.ok", "effect.ok", "effect.failed")), content, {"reply": effect.hex()}
        return kind, scene.blob(b""), headers

    def _committed(self, kind: str) -> tuple[bytes, bytes, bytes, str]:
        """Return the turn, the request and the response of a commit: a new one, or one as before."""
        tape = self.tape
        if kind == "again" and self.older:
            turn, request, data, ct = tape.pick(self.older[::-1])
            return (turn, request, data, ct) if tape.below(3) else (turn, request, *tape.pick(_RESPONSES))
        force = {"force_json": True} if tape.once_in(5) else {}
        request = CONTINUE if kind == "continue" else user(tape.pick(_PROMPTS), **force)
        self.older.append((self.scene.turn(request), request, *tape.pick(_RESPONSES)))
        return self.older[-1]

    def _effects(self) -> list[bytes]:
        shelf, core = self.scene.bench.executor.shelf, self.scene.actor.value.core
        effects = shelf.names(core).get("effects")
        found = (shelf.blob(one) for one in (shelf.names(effects) if effects else {}).values())
        return [bytes.fromhex(blob.data.decode()) for blob in found if blob is not None]


def _scene(trial: Trial, fmt: Format, tape: Tape) -> SessionScene:
    return SessionScene(trial, fmt, tape.pick((None, *_CONFIG)), tape.pick((TOOLS, None)))


def conversations(trial: Trial, fmt: Format, tape: Tape) -> None:
    """For the same step and messages, the session makes the step, and gives the answers, that the text defines."""
    scene = _scene(trial, fmt, tape)
    talk = _Conversation(scene, tape)
    for _ in range(tape.within(6, 14)):
        mt, content, headers = talk.message()
        scene.send(mt, content, rule="guest.exact", **headers)
        if tape.once_in(3):
            scene.prepare(tape.pick((CONTINUE, HELLO, b"{}")), "guest.exact")
    assert scene.actor.head is not None
    scene.query("state", b"", "guest.exact")
    for name in ("", "states", "Prepare", "wut"):
        scene.bench.query(scene.actor.head, name, HELLO, rule="session.guest.exact")
    scene.flush()


def _times(tape: Tape) -> Iterator[dict[str, str]]:
    while True:
        corr = {"corr": tape.pick(("c1", "~" * 128))} if tape.below(2) else {}
        yield {"at": str(tape.pick((0, 7, 1500, (1 << 53) - 1))), **corr}


def timeless(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Two sessions whose requests have other times and correlations have equal state roots, except in an ask."""
    scene = _scene(trial, fmt, tape)
    drawn = _times(tape)
    for _ in range(tape.within(4, 8)):
        mt, content, headers = _Conversation(scene, tape).message()
        head, tips, roots = scene.actor.head, dict(scene.actor.tips), set()
        for _ in range(2):
            scene.actor.head, scene.actor.tips = head, dict(tips)
            more = next(drawn) if "at" in headers else {}
            if mt == "ask":
                more.pop("corr", None)
            scene.send(mt, content, rule="guest.timeless", **{**headers, **more})
            roots.add(scene.root)
        assert mt == "ask" or len(roots) == 1, "the model depends on the time"
    scene.flush()


def batches(trial: Trial, fmt: Format, tape: Tape) -> None:
    """A step that covers several messages leaves the core and the outbox of the steps that cover one each."""
    scene = _scene(trial, fmt, tape)
    talk = _Conversation(scene, tape)
    for _ in range(tape.within(1, 3)):
        head, tips = scene.actor.head, dict(scene.actor.tips)
        for _ in range(tape.within(2, 5)):
            mt, content, headers = talk.message()
            scene.send(mt, content, rule="guest.exact", **headers)
        apart = scene.actor.value.core, scene.actor.value.outbox
        scene.actor.head, newest = head, scene.actor.tips
        scene.actor.tips = {**tips, **newest}
        scene.read("reply.batch")
        assert (scene.actor.value.core, scene.actor.value.outbox) == apart, "the model depends on the steps"
    scene.flush()


def repeated(trial: Trial, fmt: Format, tape: Tape) -> None:
    """A commit and a result that are repeated 1 to 5 times change nothing, and other ones are refused."""
    scene = SessionScene(trial, fmt, tools=TOOLS)
    turn = scene.commit(HELLO, TWO, "j", rule="guest.exact")
    for _ in range(tape.within(1, 5)):
        scene.commit(HELLO, TWO, "j", turn=turn, rule="commit.replay", at=str(tape.below(9)))
    scene.commit(HELLO, tape.pick((ADD, FINAL, b"")), tape.pick("js"), turn=turn, rule="commit.conflict")
    for call in tape.pick((("1.0", "1.1"), ("1.1", "1.0"))):
        data = b"%d" % tape.below(3)
        for _ in range(tape.within(1, 5)):
            scene.result(call, data, rule="result.once", at=str(tape.below(9)))
        scene.result(call, data + b"x", rule="result.once")
        scene.result(call, data, "j", rule="result.once")
        scene.result(call, data, ok="0", rule="result.once")
    turns = [(turn, HELLO, TWO, "j")]
    request = CONTINUE
    for number in range(tape.within(7, 10)):
        data = b"%d" % number
        turns.append((scene.commit(request, data, rule="guest.exact"), request, data, "s"))
        request = HELLO
    for each in turns[::-1]:
        scene.commit(each[1], each[2], each[3], turn=each[0], rule="commit.recorded")
    scene.flush()


def orders(trial: Trial, fmt: Format, tape: Tape) -> None:
    """The root after the last result of a round does not depend on the order of the results; the next turn has all."""
    scene = SessionScene(trial, fmt, tools=TOOLS)
    count = tape.within(2, 16)
    call = b'{"input":{},"tool":"all"}'
    row = b'{"action":"call_tools","calls":[' + b",".join([call] * count) + b"]}"
    scene.commit(HELLO, row, "j", rule="guest.exact")
    head, tips, roots = scene.actor.head, dict(scene.actor.tips), set()
    for _ in range(2):
        scene.actor.head, scene.actor.tips = head, dict(tips)
        left = list(range(count))
        while left:
            number = left.pop(tape.below(len(left)))
            scene.result(f"1.{number}", b"%d" % (number % 3), ok=str(number % 2), rule="result.order-free")
        roots.add(scene.root)
        scene.prepare(CONTINUE, "result.visible")
    assert len(roots) == 1, "the model depends on the order"
    scene.flush()


def strangers(trial: Trial, fmt: Format, tape: Tape) -> None:
    """A message of another sender is read and does nothing, whatever it contains, alone or with one of the host."""
    scene = SessionScene(trial, fmt, tools=TOOLS)
    talk = _Conversation(scene, tape)
    others = [scene.tree(name=scene.blob(b"%d" % number)) for number in range(2)]
    others += [scene.actor.identity]
    for _ in range(tape.within(2, 4)):
        for _ in range(tape.within(1, 2)):
            mt, content, headers = talk.message()
            scene.queue_from(tape.pick(others), mt, content, **headers)
        if tape.below(2):
            mt, content, headers = talk.message()
            scene.queue(mt, content, **headers)
        scene.read("guest.host")
    scene.flush()


PROPERTIES: Final = (
    *of_sessions("guest/conversations", conversations, "guest.exact", given=tape(260), examples=25),
    *of_sessions("guest/timeless", timeless, "guest.timeless", given=tape(160), examples=10),
    *of_sessions("reply/batches", batches, "reply.batch", "guest.exact", given=tape(260), examples=12),
    *of_sessions(
        *("commit/repeated", repeated, "commit.replay", "commit.conflict", "commit.recorded", "result.once"),
        given=tape(60),
        examples=5,
    ),
    *of_sessions("result/orders", orders, "result.order-free", "result.visible", given=tape(60), examples=5),
    *of_sessions("guest/strangers", strangers, "guest.host", given=tape(120), examples=10),
)
