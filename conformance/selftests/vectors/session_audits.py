"""The audits of sessions: histories of one session whose host is the agent, legal and with one step altered.

    python -m selftests.vectors.session_audits

writes ``vectors/audit/session.json``. A test compares the file with what this module makes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

from gritstone_conformance.attachment.base64url import encode_bytes
from gritstone_conformance.bundled import vectors_dir
from gritstone_conformance.model.formats import FORMATS, FRAMED_SHA256, Format
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.store import Store
from gritstone_conformance.model.values import Message
from selftests.model.session_scene import Scene
from selftests.vectors.agent_histories import AgentHistory
from selftests.vectors.session_drafts import ADD, HELLO, TOOLS, TWO
from selftests.vectors.vector_writer import origin_of

__all__ = ["audits_text"]

_SMALL: Final = b'{"keep":1,"max_messages":2}'


class _History(AgentHistory, Scene):
    """A scene in which the agent sends each message in a step of its own."""

    @property
    def agent(self) -> bytes:
        return self.host

    @property
    def objects(self) -> Store:
        return self.store

    def queue(self, mt: str, content: bytes, **headers: str) -> bytes:
        message = super().queue(mt, content, **headers)
        self.deliver(message)
        return message

    def newest_message(self) -> Message:
        value = self.value(self.outbox[self.host])
        assert isinstance(value, Message)
        return value


Script = Callable[[_History], object]


def _one_turn(scene: _History) -> None:
    scene.commit(HELLO, b"hi")


def _refused(scene: _History) -> None:
    _one_turn(scene)
    scene.send("abandon", scene.blob(b""), at="7", corr="c")


def _two_results(scene: _History) -> None:
    scene.commit(HELLO, TWO, "j")
    scene.result("1.1", b"second")
    scene.result("1.0", b"first")


def _condensed(scene: _History) -> None:
    for prompt in (b'{"kind":"user","prompt":"q0"}', b'{"kind":"user","prompt":"q1"}', HELLO):
        scene.commit(prompt, b"a")


def _asked(scene: _History) -> None:
    scene.send("ask", scene.blob(HELLO, ct="j"), at="1000")
    scene.answer(ADD)


def _updated(scene: _History) -> None:
    _one_turn(scene)
    scene.send("update", scene.tree(session=scene.tree(note=scene.blob(b"x")), note=scene.blob(b"x")))


def _other_text(scene: _History) -> None:
    scene.alter_core("session/history/0000000001", scene.blob(b"ho", ct="s", role="assistant"))


def _counted(scene: _History) -> None:
    state = b'{"count":2,"covered":0,"history":2,"phase":"idle","rounds":0}'
    scene.alter_core("session/state", scene.blob(state, ct="j"))


def _swallowed(scene: _History) -> None:
    scene.alter(core=scene.before.core, outbox=scene.before.outbox)


def _other_reply(scene: _History) -> None:
    message = scene.newest_message()
    headers = tuple((key, "8" if key == "at" else value) for key, value in message.headers)
    scene.alter_outbox(scene.put(replace(message, headers=headers)))


def _arrived(scene: _History) -> None:
    names = Shelf.over(scene.store).names(Shelf.over(scene.store).names(scene.root)["history"])
    first, second = names["0000000002"], names["0000000003"]
    scene.alter_core("session/history/0000000002", second)
    scene.alter_core("session/history/0000000003", first)


def _dropped(scene: _History) -> None:
    scene.alter_core("session/summary", scene.blob(b"user: q0\n", covered="2", ct="s", version="1"))


def _with_state(scene: _History) -> None:
    state = b'{"count":0,"covered":0,"history":0,"phase":"idle","rounds":0}'
    scene.alter_core("session/state", scene.blob(state, ct="j"))


def _no_effect(scene: _History) -> None:
    scene.alter_core("effects/1.0", scene.blob(b"0" * 64, ct="s"))


def _carried_out(scene: _History) -> None:
    scene.alter_core("session/note", scene.blob(b"x"))
    scene.alter_core("note", scene.blob(b"x"))


_EXACT: Final = "session.guest.exact"


@dataclass(frozen=True, slots=True)
class _Forgery:
    """One history and how its newest step is altered.

    Attributes:
        script: sends the messages.
        alteration: alters the newest step.
        path: where an auditor finds the difference in that step.
        comment: what is wrong.
        entries: further entries of the first core.
        rule: the rule of the finding.
    """

    script: Script
    alteration: Script
    path: str
    comment: str
    entries: dict[str, bytes] = field(default_factory=dict)
    rule: str = _EXACT


_TOOLS: Final = {"tools": TOOLS}
_HISTORIES: Final[dict[str, _Forgery]] = {
    "first-core": _Forgery(lambda _: None, _with_state, "core/session/state", "the first step adds a state"),
    "other-text": _Forgery(
        _one_turn, _other_text, "core/session/history/0000000001", "the response was `hi`, the history has `ho`"
    ),
    "refused-counts": _Forgery(_refused, _counted, "core/session/state", "an abandon that is refused counts"),
    "swallowed": _Forgery(_one_turn, _swallowed, "outbox", "a commit is read and has no effect and no reply"),
    "other-reply": _Forgery(_refused, _other_reply, "outbox", "the reply has another `at` than its request"),
    "results-by-arrival": _Forgery(
        _two_results, _arrived, "core/session/history/0000000002", "the results are in order of arrival", _TOOLS
    ),
    "summary-cut": _Forgery(
        _condensed, _dropped, "core/session/summary", "the summary lacks a message", {"config": _SMALL}
    ),
    "effects-changed": _Forgery(_asked, _no_effect, "core/effects/1.0", "the open effect has another id", _TOOLS),
    "update-of-session": _Forgery(
        _updated, _carried_out, "core", "an update of the session is merged", rule="session.guest.update"
    ),
}


def _audits(fmt: Format) -> Iterator[dict[str, Any]]:
    suffix = "" if fmt is FRAMED_SHA256 else "-in-cbor"
    for name, forgery in _HISTORIES.items():
        legal, forged = _History(fmt, forgery.entries), _History(fmt, forgery.entries)
        for scene in (legal, forged):
            forgery.script(scene)
        forgery.alteration(forged)
        path = f"heads/{forged.actor.hex()}~0/{forgery.path}"
        path += f"/{forged.host.hex()}" if forgery.path == "outbox" else ""
        shared = {"rules": [forgery.rule], "format": fmt.name, "origin": origin_of("session_audits")}
        twin = {"name": f"audit/session/{name}-legal{suffix}", "finding": None, "comment": "not altered"}
        yield {**shared, **twin, "bundle": encode_bytes(legal.bundle())}
        finding = {"check": 8, "fault": "recompute", "rule": forgery.rule, "path": path}
        named = {"name": f"audit/session/{name}{suffix}", "finding": finding, "twin": twin["name"]}
        yield {**shared, **named, "bundle": encode_bytes(forged.bundle()), "comment": forgery.comment}


def audits_text() -> str:
    """Return the file."""
    audits = [audit for fmt in FORMATS.values() for audit in _audits(fmt)]
    head = {"$schema": "urn:gritstone:schema:0.6:audits", "spec": "0.6", "topic": "session", "count": len(audits)}
    return json.dumps({**head, "audits": audits}, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(not (vectors_dir() / "audit/session.json").write_text(audits_text(), encoding="utf-8"))
