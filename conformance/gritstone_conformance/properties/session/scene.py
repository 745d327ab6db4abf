"""A session on a workbench: each request of its host is a step that the subject and the model make side by side."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final, Unpack

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.values import Blob, Message
from gritstone_conformance.properties.wit.registry import Given, in_each_format
from gritstone_conformance.properties.wit.workbench import BenchActor, Workbench
from gritstone_conformance.strategies.session_guest import session_core
from gritstone_conformance.trial import Property, PropertyOptions, Trial

__all__ = ["ADD", "CONTINUE", "FINAL", "HELLO", "TOOLS", "TWO", "SessionScene", "of_sessions", "user"]

HELLO: Final = b'{"kind":"user","prompt":"hello"}'
CONTINUE: Final = b'{"kind":"continue"}'
TOOLS: Final = (
    b'[{"description":"Add","name":"add","params":[{"name":"a","required":true,"type":"number"},'
    b'{"name":"b","required":false,"type":"integer"}]},'
    b'{"description":"Anything","name":"all","params":[{"name":"any","required":false,"type":"any"},'
    b'{"name":"array","required":false,"type":"array"},{"name":"boolean","required":false,"type":"boolean"},'
    b'{"name":"object","required":false,"type":"object"},{"name":"string","required":false,"type":"string"}]}]'
)
ADD: Final = b'{"action":"call_tool","input":{"a":1},"tool":"add"}'
TWO: Final = b'{"action":"call_tools","calls":[{"input":{"a":1},"tool":"add"},{"input":{"a":2},"tool":"add"}]}'
FINAL: Final = b'{"action":"final","response":"done"}'
_NO_TURN: Final = bytes(32)


def of_sessions(
    name: str,
    body: Callable[..., None],
    *rules: str,
    given: Given | None = None,
    features: tuple[str, ...] = (),
    once: bool = True,
    **options: Unpack[PropertyOptions],
) -> tuple[Property, ...]:
    """Return one property per format, of which the gate runs one by default; see :func:`in_each_format`."""
    return in_each_format(
        f"session/{name}",
        body,
        *(f"session.{rule}" for rule in rules),
        given=given,
        features=("session.guest", *features),
        once=once,
        **options,
    )


def user(prompt: str, **more: object) -> bytes:
    """Return the request of a turn of the user."""
    return json.dumps({"kind": "user", "prompt": prompt, **more}, ensure_ascii=False).encode()


class SessionScene:
    """One session with one host, which is the outside of its bench.

    Every method takes the rule that its requests judge, without ``session.``.

    Attributes:
        bench: the store, next to the model's.
        actor: the session.
    """

    def __init__(
        self,
        trial: Trial,
        fmt: Format,
        config: bytes | None = None,
        tools: bytes | None = None,
    ) -> None:
        self.bench = Workbench(trial, fmt)
        stage = self.bench.stage
        entries = {"host": self.bench.outside, "nonce": stage.blob(bytes(32), ("ct", "b"))}
        settings = (("config", config), ("tools", tools))
        entries |= {name: self.json(data) for name, data in settings if data is not None}
        core = stage.tree(**session_core(stage.graph, stage.tree(**entries)))
        self.actor = BenchActor(self.bench, core)
        self.send("genesis", core, rule="guest.exact", at="1000")

    # --- objects -------------------------------------------------------------------------------------------

    def blob(self, data: bytes, **headers: str) -> bytes:
        """Add a blob."""
        return self.bench.stage.blob(data, *headers.items())

    def json(self, data: bytes) -> bytes:
        """Add a JSON blob."""
        return self.blob(data, ct="j")

    def tree(self, **entries: bytes) -> bytes:
        """Add a tree."""
        return self.bench.stage.tree(**entries)

    # --- messages ------------------------------------------------------------------------------------------

    def queue(self, mt: str, content: bytes, **headers: str) -> bytes:
        """Send a message that stays unread."""
        return self.actor.send(content, mt, more=tuple(headers.items()))

    def queue_from(self, sender: bytes, mt: str, content: bytes, **headers: str) -> bytes:
        """Send a message of another sender that stays unread."""
        return self.actor.send(content, mt, sender=sender, more=tuple(headers.items()))

    def read(self, rule: str) -> bytes:
        """Ask for the step that reads everything that is unread; a session always makes it."""
        head, shelf = self.actor.head, self.bench.executor.shelf
        inbox = {} if head is None else shelf.mail(self.actor.value.inbox)
        mail = [(sender, tip) for sender, tip in sorted(self.actor.tips.items()) if inbox.get(sender) != tip]
        made = self.actor.step(*mail, rule=f"session.{rule}")
        assert made is not None, "the model made no step"
        return made

    def send(self, mt: str, content: bytes, *, rule: str, **headers: str) -> bytes:
        """Send a message and ask for the step that reads it; returns the message."""
        message = self.queue(mt, content, **headers)
        self.read(rule)
        return message

    def prepare(self, request: bytes, rule: str = "prepare.bytes") -> bytes:
        """Ask for a prepared turn; returns its id, or that of the refusal."""
        return self.query("prepare", request, rule)

    def query(self, name: str, args: bytes, rule: str) -> bytes:
        """Ask a query that the session answers."""
        assert self.actor.head is not None
        answer = self.bench.query(self.actor.head, name, args, rule=f"session.{rule}")
        assert answer is not None, f"the model has no answer to {name}"
        return answer

    def turn(self, request: bytes) -> bytes:
        """Return the id of the turn that the model would prepare now, or zeros; the subject is not asked."""
        assert self.actor.head is not None
        answer = self.bench.executor.query(self.actor.head, "prepare", request)
        return _NO_TURN if answer is None else answer

    def commit(
        self, request: bytes, data: bytes, ct: str = "s", *, rule: str, turn: bytes | None = None, at: str = "1500"
    ) -> bytes:
        """Commit a response, by default to the turn that would be prepared now; returns the turn."""
        named = self.turn(request) if turn is None else turn
        content = self.tree(request=self.json(request), response=self.blob(data, ct=ct))
        self.send("commit", content, rule=rule, at=at, turn=named.hex())
        return named

    def result(self, call: str, data: bytes, ct: str = "s", ok: str = "1", *, rule: str, at: str = "2100") -> None:
        """Send the result of a call."""
        self.send("tool-result", self.blob(data, ct=ct), rule=rule, at=at, call=call, ok=ok)

    def answer(self, data: bytes, mt: str = "effect.ok", *, rule: str, to: bytes | None = None, **headers: str) -> None:
        """Answer an effect, by default the newest message of the session."""
        effect = self.newest() if to is None else to
        self.send(mt, self.blob(data, **headers), rule=rule, reply=effect.hex())

    # --- what the model has ----------------------------------------------------------------------------------

    def newest(self) -> bytes:
        """Return the id of the newest message that the session sent to its host."""
        return self.bench.executor.shelf.mail(self.actor.value.outbox)[self.bench.outside]

    def sent(self) -> list[Message]:
        """Return what the session sent to its host, newest first."""
        shelf, messages = self.bench.executor.shelf, []
        at: bytes | None = self.newest()
        while at is not None:
            messages.append(shelf.message(at))
            at = messages[-1].previous
        return messages

    def last(self) -> tuple[dict[str, str], Any]:
        """Return headers and content of the newest message that the session sent to its host."""
        message = self.bench.executor.shelf.message(self.newest())
        blob = self.bench.executor.shelf.get(message.content)
        assert isinstance(blob, Blob)
        return dict(message.headers), json.loads(blob.data)

    def state(self) -> Any:
        """Return the answer of the model to the query ``state``; the subject is not asked."""
        assert self.actor.head is not None
        answer = self.bench.executor.query(self.actor.head, "state", b"")
        blob = None if answer is None else self.bench.executor.shelf.get(answer)
        assert isinstance(blob, Blob)
        return json.loads(blob.data)

    @property
    def root(self) -> bytes:
        """The state root."""
        return self.bench.executor.shelf.names(self.actor.value.core)["session"]

    def flush(self) -> None:
        """Send the pending requests."""
        self.bench.flush()
