"""A session under the model, with the messages that a host sends it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from gritstone_conformance.model.executor import Executor
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.store import Store
from gritstone_conformance.model.values import Blob, Message, Object, Step, Tree

__all__ = ["NONCE", "Scene"]

NONCE = bytes(range(32))


@dataclass
class Scene:
    """One session, and the one host that it has.

    Attributes:
        entries: further entries of ``session`` in the first core.
        actor, head, root: the session, its newest step, and its state root.
        sent: the newest message to it.
    """

    format: Format
    entries: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.store = Store(self.format)
        self.host = self.tree(name=self.blob(b"test", ct="s"))
        code = self.blob(b"external:session/1", ct="s")
        session = {"host": self.host, "nonce": self.blob(NONCE, ct="b")}
        session |= {name: self.blob(data, ct="j") for name, data in self.entries.items()}
        self.actor = self.tree(session=self.tree(**session), wit=code, wit_query=code)
        self.head: bytes | None = None
        self.sent: bytes | None = None
        self.send("genesis", self.actor, at="1000")

    def put(self, value: Object) -> bytes:
        reply = self.store.put(self.format.encode(value))
        assert "ok" in reply, reply
        return self.format.hash(self.format.encode(value))

    def blob(self, data: bytes, **headers: str) -> bytes:
        return self.put(Blob(tuple(headers.items()), data))

    def tree(self, **entries: bytes) -> bytes:
        return self.put(Tree(tuple(entries.items())))

    def queue(self, mt: str, content: bytes, **headers: str) -> bytes:
        """Send one message, which stays unread, and return its id."""
        pairs = tuple((key, value) for key, value in {"mt": mt, **headers}.items())
        self.sent = self.put(Message(self.sent, pairs, content))
        return self.sent

    def read(self, tip: bytes) -> None:
        """Make the step that covers the messages up to one."""
        self.head = Executor(self.store).step(self.actor, self.head, [(self.host, tip)])

    def send(self, mt: str, content: bytes, **headers: str) -> bytes:
        """Send one message, make the step that covers it, and return the id of the message."""
        message = self.queue(mt, content, **headers)
        self.read(message)
        return message

    def newest(self) -> str:
        """Return the id of the newest message of the session, as text."""
        return Shelf.over(self.store).mail(self.step.outbox)[self.host].hex()

    def answer(self, data: bytes, mt: str = "effect.ok", **headers: str) -> None:
        """Answer the newest message of the session, an effect."""
        self.send(mt, self.blob(data, **headers), reply=self.newest())

    def value(self, identity: bytes) -> Any:
        return Shelf.over(self.store).get(identity)

    @property
    def step(self) -> Step:
        assert self.head is not None
        return self.value(self.head)  # type: ignore[no-any-return]

    @property
    def root(self) -> bytes:
        return Shelf.over(self.store).names(self.step.core)["session"]

    def outgoing(self) -> list[Message]:
        """Return what the session sent, oldest first."""
        shelf, messages = Shelf.over(self.store), []
        at = shelf.mail(self.step.outbox).get(self.host)
        while at is not None:
            messages.append(shelf.message(at))
            at = messages[-1].previous
        return messages[::-1]

    def last_reply(self) -> tuple[dict[str, str], Any]:
        """Return headers and content of the newest message of the session."""
        message = self.outgoing()[-1]
        return dict(message.headers), json.loads(self.value(message.content).data)

    def ask(self, name: str, args: bytes = b"") -> bytes | None:
        """Return the id of the answer to a query, or None."""
        assert self.head is not None
        return Executor(self.store).query(self.head, name, args)

    def query(self, name: str, args: bytes = b"") -> bytes:
        """Return the id of the answer to a query that has one."""
        answer = self.ask(name, args)
        assert answer is not None
        return answer

    def state(self) -> Any:
        return json.loads(self.value(self.query("state")).data)

    def prepare(self, request: bytes) -> bytes:
        return self.query("prepare", request)

    def commit(self, request: bytes, data: bytes, ct: str = "s", at: str = "1500", turn: bytes | None = None) -> bytes:
        """Commit a response to a request, which is prepared now unless a turn is given; return the turn."""
        turn = self.prepare(request) if turn is None else turn
        content = self.tree(request=self.blob(request, ct="j"), response=self.blob(data, ct=ct))
        self.send("commit", content, at=at, turn=turn.hex())
        return turn

    def result(self, call: str, data: bytes, *, ct: str = "s", ok: str = "1", at: str = "2100") -> None:
        self.send("tool-result", self.blob(data, ct=ct), at=at, call=call, ok=ok)
