"""Flows without a runtime: a driver that makes the steps of one flow and performs its calls with functions."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gritstone.flow import FLOWS
from gritstone.flow.values import decode_value, document, encode_value
from gritstone.grit import FORMATS, Blob, MemoryEngine, Message, ObjectId, Store, Tree
from gritstone.wit import Executor, Laws, MessageKind, Objects, Proposal
from gritstone.wit.drive import Deadline, drive
from gritstone.wit.position import Position
from gritstone.wit.workspace import Workspace

__all__ = ["PENDING", "Driver", "Tool", "ToolFailed"]

Tool = Callable[..., Any]
"""A tool: it returns a value, ``PENDING`` or a pair of a value and a usage, or raises ``ToolFailed``."""

PENDING = object()
"""The result of a tool that will answer later."""


class ToolFailed(Exception):  # noqa: N818 - the word of the tests
    """The failure of a tool, which may be tried again."""


def _end(play: Generator[Any, Any, Any]) -> Any:
    """Run code that asks for nothing."""
    return drive(play, lambda seconds: None, Deadline(lambda: 0.0, 0))


@dataclass
class Driver:
    """A memory store with one flow; one host performs all its calls.

    Attributes:
        tools: the tools by name.
        calls: the tool and the arguments of each call, oldest first.
        events: what the flow logged, oldest first.
    """

    tools: Mapping[str, Tool]
    calls: list[tuple[str, Any]] = field(default_factory=list)
    events: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._store = Store.open(MemoryEngine(), FORMATS["framed-sha256"])
        self._executor = Executor(Objects(self._store.format, self._store.limits, self._store.get), Laws(FLOWS))
        self._new = Workspace(self._executor.objects)
        self._host = self._put(Tree({"name": self._put(Blob({"ct": "s"}, b"host"))}))
        self._tip: ObjectId | None = None
        self._head: Position | None = None
        self._read: ObjectId | None = None
        self._pending: list[tuple[ObjectId, int]] = []

    # --- running -------------------------------------------------------------------------------------------

    def run(self, program: Any, policy: Any, data: Any) -> None:
        """Run a flow until it ends, or waits for the answer of a pending call."""
        node = self._put(Blob({"ct": "s"}, b"external:flow/1"))
        peers = self._put(Tree({"host": self._host}))
        core = {
            "wit": node,
            "program": self._document(program),
            "policy": self._put(Tree({"doc": self._document(policy), "peers": peers})),
            "input": self._document(data),
        }
        self._flow = self._put(Tree(core))
        self._send("genesis", self._flow)
        self._answer_all()

    def resume(self, value: Any) -> None:
        """Answer the oldest pending call."""
        packet, attempt = self._pending.pop(0)
        self._result(packet, {"attempt": attempt, "outcome": "ok", "value": value})
        self._answer_all()

    def _answer_all(self) -> None:
        todo = self._unread()
        while todo:
            for message in todo:
                self._perform(message)
            todo = self._unread()

    def _perform(self, message: Message) -> None:
        kind = message.headers["mt"]
        if kind == "flow.call":
            self._call(message.content, int(message.headers["attempt"]))
        elif kind == "flow.timer" and self._value(message.content)["why"] == "backoff":
            self._send("flow.fired", self._put(Tree({"timer": message.content})))

    def _call(self, packet: ObjectId, attempt: int) -> None:
        request = self._value(packet)
        self.calls.append((request["tool"], request["args"]))
        try:
            value = self.tools[request["tool"]](**request["args"])
        except ToolFailed:
            error = {"class": "failure", "retry": True}
            self._result(packet, {"attempt": attempt, "outcome": "error", "error": error})
            return
        if value is PENDING:
            self._pending.append((packet, attempt))
            self._result(packet, {"attempt": attempt, "outcome": "pending"})
            return
        answer = {"value": value[0], "usage": value[1]} if isinstance(value, tuple) else {"value": value}
        self._result(packet, {"attempt": attempt, "outcome": "ok", **answer})

    def _result(self, packet: ObjectId, answer: Any) -> None:
        self._send("flow.result", self._put(Tree({"request": packet, "doc": self._document(answer)})))

    def _send(self, mt: str, content: ObjectId) -> None:
        kind = MessageKind.GENESIS if self._head is None else MessageKind.ORDINARY
        self._tip = self._put(Message(self._tip, {"mt": mt}, content))
        proposal = Proposal(kind, ((self._host, (self._tip,)),))
        self._executor.objects.remember(self._new.made)
        admitted = _end(self._executor.transition(self._executor.prepare(self._flow, self._head, proposal, 1)))
        self._new.take_over(admitted.workspace)
        self._new.keep(self._store)
        self._executor.adopt(admitted)
        self._head = admitted.position
        self._new = Workspace(self._executor.objects)
        self.events += self.state()["log"]

    # --- objects -------------------------------------------------------------------------------------------

    def _put(self, value: Any) -> ObjectId:
        return self._new.put(value)

    def _document(self, value: Any) -> ObjectId:
        return self._put(document(encode_value(value, None)))

    def _value(self, packet: ObjectId) -> Any:
        """Return the document of a packet."""
        tree = self._new.tree(packet)
        assert tree is not None
        blob = self._new.load(tree.entries["doc"])
        assert isinstance(blob, Blob)
        return decode_value(blob.data)

    def _unread(self) -> list[Message]:
        """Return the messages to the host that were not performed, oldest first."""
        assert self._head is not None
        found: list[Message] = []
        outbox = self._head.outbox
        newest = at = outbox.get(self._host)
        while at is not None and at != self._read:
            found.append(self._new.message(at))
            at = found[-1].previous
        self._read = newest
        return found[::-1]

    def state(self) -> Any:
        """Return the state of the flow."""
        assert self._head is not None
        blob = self._new.load(self._head.core["state"])
        assert isinstance(blob, Blob)
        return decode_value(blob.data, 1 << 30)
