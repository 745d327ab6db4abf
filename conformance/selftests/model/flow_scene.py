"""A flow under the model, with the messages that its peers send it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from gritstone_conformance.model.executor import Executor
from gritstone_conformance.model.flow.values import Value, decode, digest, encode
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.store import Store
from gritstone_conformance.model.values import Blob, Message, Object, Step, Tree

__all__ = ["SEALED", "FlowScene"]

SEALED = bytes(range(16)) + b"4111 1111 1111 1111"


@dataclass
class FlowScene:
    """One flow, and one actor that is its starter and all of its peers.

    Attributes:
        actor, head: the flow and its newest step.
        sent: the newest message to it.
    """

    format: Format
    program: Any
    policy: Any
    given: Any = field(default_factory=dict)
    name: str = "1"
    refs: dict[str, bytes] = field(default_factory=dict)
    peers: tuple[str, ...] = ("edge",)
    store: Store | None = None

    def __post_init__(self) -> None:
        self.store = self.store or Store(self.format)
        self.edge = self.tree(name=self.blob(b"test", ct="s"))
        self.actor = self.core()
        self.head: bytes | None = None
        self.sent: bytes | None = None
        self.send("genesis", self.actor)

    def core(self) -> bytes:
        """Add the first core, and return its id."""
        code = self.blob(b"external:flow/1", ct="s")
        policy = {"doc": self.document(self.policy)}
        if self.peers:
            policy["peers"] = self.tree(**dict.fromkeys(self.peers, self.edge))
        entries = {"wit": code, "wit_query": code, "name": self.blob(self.name.encode(), ct="s")}
        entries |= {"program": self.document(self.program), "input": self.document(self.given)}
        if self.refs:
            entries["refs"] = self.tree(**{name: self.blob(data, ct="sealed") for name, data in self.refs.items()})
        return self.tree(policy=self.tree(**policy), **entries)

    def put(self, value: Object) -> bytes:
        assert self.store is not None
        reply = self.store.put(self.format.encode(value))
        assert "ok" in reply, reply
        return self.format.hash(self.format.encode(value))

    def blob(self, data: bytes, **headers: str) -> bytes:
        return self.put(Blob(tuple(headers.items()), data))

    def document(self, value: Value) -> bytes:
        return self.blob(encode(value), ct="cbor")

    def tree(self, **entries: bytes) -> bytes:
        return self.put(Tree(tuple(entries.items())))

    def queue(self, mt: str, content: bytes, **headers: str) -> bytes:
        """Send one message, which stays unread, and return its id."""
        pairs = tuple((key, value) for key, value in {"mt": mt, **headers}.items())
        self.sent = self.put(Message(self.sent, pairs, content))
        return self.sent

    def read(self, tip: bytes) -> None:
        """Make the step that covers the messages up to one."""
        self.head = self.executor.step(self.actor, self.head, [(self.edge, tip)])

    def send(self, mt: str, content: bytes, **headers: str) -> bytes:
        """Send one message, make the step that covers it, and return the id of the message."""
        message = self.queue(mt, content, **headers)
        self.read(message)
        return message

    @property
    def executor(self) -> Executor:
        assert self.store is not None
        return Executor(self.store)

    @property
    def shelf(self) -> Shelf:
        assert self.store is not None
        return Shelf.over(self.store)

    @property
    def step(self) -> Step:
        assert self.head is not None
        return self.shelf.step(self.head)

    @property
    def entries(self) -> dict[str, bytes]:
        """The entries of the core."""
        return dict(self.shelf.names(self.step.core))

    def value(self, identity: bytes | None) -> Any:
        """Return the value of a document."""
        assert identity is not None
        blob = self.shelf.blob(identity)
        assert blob is not None
        return decode(blob.data, None)

    @property
    def state(self) -> Any:
        return self.value(self.entries["state"])

    @property
    def trace(self) -> Any:
        return self.value(self.ask("trace"))

    @property
    def trace_hash(self) -> tuple[int, str]:
        """The length of the encoding of the trace, and the start of its hash."""
        return len(encode(self.trace)), digest(self.trace)[:16]

    @property
    def reasons(self) -> list[str]:
        """Why messages of the newest step were ignored."""
        return [event["why"] for event in self.state["log"] if event["e"] == "ignored"]

    def ask(self, name: str) -> bytes | None:
        """Return the id of the answer to a query, or None."""
        assert self.head is not None
        return self.executor.query(self.head, name, b"")

    def outgoing(self, receiver: bytes | None = None) -> list[Message]:
        """Return what the flow sent to an actor, oldest first."""
        messages = []
        at = self.shelf.mail(self.step.outbox).get(receiver or self.edge)
        while at is not None:
            messages.append(self.shelf.message(at))
            at = messages[-1].previous
        return messages[::-1]

    def newest(self, mt: str, **members: Value) -> bytes:
        """Return the newest packet of a type whose document has these members."""
        for message in reversed(self.outgoing()):
            if dict(message.headers)["mt"] == mt:
                document = self.value(self.shelf.names(message.content)["doc"])
                if all(encode(document.get(name)) == encode(value) for name, value in members.items()):
                    return message.content
        raise AssertionError(f"no {mt} with {members}")

    def result(self, value: Value, attempt: int = 1, usage: int | None = None, **members: Value) -> None:
        """Answer the newest call with these members by a value."""
        document: dict[str, Value] = {"attempt": attempt, "outcome": "ok", "value": value}
        self.answer(document if usage is None else {**document, "usage": usage}, **members)

    def error(self, kind: str, *, retry: bool, attempt: int = 1, **members: Value) -> None:
        """Answer the newest call with these members by an error."""
        self.answer({"attempt": attempt, "outcome": "error", "error": {"class": kind, "retry": retry}}, **members)

    def answer(self, document: Value, **members: Value) -> None:
        """Answer the newest call with these members by a document."""
        request = self.newest("flow.call", **members)
        self.send("flow.result", self.tree(request=request, doc=self.document(document)))

    def fire(self, **members: Value) -> None:
        """Fire the newest timer with these members."""
        self.send("flow.fired", self.tree(timer=self.newest("flow.timer", **members)))

    def event(self, node: str, visit: int, event: str, value: Value) -> None:
        """Send an event."""
        fixed = {name: self.entries[name] for name in ("program", "policy")}
        document = self.document({"node": node, "visit": visit, "event": event, "value": value})
        self.send("flow.event", self.tree(doc=document, flow=self.actor, **fixed))

    def erase(self, *names: str) -> None:
        """Request the erasure of refs."""
        self.send("flow.erase", self.tree(doc=self.document({"refs": [*names]}), flow=self.actor))
