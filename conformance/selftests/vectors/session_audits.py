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
from gritstone_conformance.model.values import Mailbox, Message, Step, Tree
from selftests.model.session_scene import Scene
from selftests.vectors.session_drafts import ADD, HELLO, TOOLS, TWO

__all__ = ["audits_text"]

_SMALL: Final = b'{"keep":1,"max_messages":2}'


class _History(Scene):
    """A scene in which the agent sends each message in a step of its own."""

    agent_head: bytes | None = None

    def queue(self, mt: str, content: bytes, **headers: str) -> bytes:
        message = super().queue(mt, content, **headers)
        if self.agent_head is None:
            genesis = self.put(Message(None, (("mt", "genesis"),), self.host))
            self.agent_inbox = self.put(Mailbox(((self.host, genesis),)))
            self.agent_head = self.put(Step(None, self.host, self.agent_inbox, None, self.host))
        outbox = self.put(Mailbox(((self.actor, message),)))
        self.agent_head = self.put(Step(self.agent_head, self.host, self.agent_inbox, outbox, self.host))
        return message

    def bundle(self) -> bytes:
        assert self.agent_head is not None
        assert self.head is not None
        heads = {f"heads/{self.host.hex()}": self.agent_head, f"heads/{self.actor.hex()}": self.head}
        self.store.references.update({"runtime/agent": self.host, **heads})
        self.store.prune()
        return self.store.export()

    # --- alterations of the newest step --------------------------------------------------------------------

    def alter(self, **fields: bytes | None) -> None:
        """Replace fields of the newest step."""
        self.head = self.put(replace(self.step, **fields))  # type: ignore[arg-type]

    def alter_core(self, path: str, target: bytes | None) -> None:
        """Replace or remove one entry of the core of the newest step."""
        self.alter(core=self._with(self.step.core, path.split("/"), target))

    def alter_outbox(self, message: bytes | None) -> None:
        """Replace the newest message to the agent, or remove it."""
        self.alter(outbox=None if message is None else self.put(Mailbox(((self.host, message),))))

    def _with(self, tree: bytes | None, path: list[str], target: bytes | None) -> bytes | None:
        entries = {} if tree is None else dict(Shelf.over(self.store).names(tree))
        below = target if len(path) == 1 else self._with(entries.get(path[0]), path[1:], target)
        kept = {name: each for name, each in {**entries, path[0]: below}.items() if each is not None}
        return self.put(Tree(tuple(kept.items()))) if kept else None

    def before(self) -> Step:
        """Return the step before the newest."""
        assert self.step.previous is not None
        value = self.value(self.step.previous)
        assert isinstance(value, Step)
        return value

    def newest_message(self) -> Message:
        value = self.value(bytes.fromhex(self.newest()))
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
    scene.alter(core=scene.before().core, outbox=scene.before().outbox)


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
        shared = {"rules": [forgery.rule], "format": fmt.name, "origin": {"by": "hand"}}
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
