"""Flows on a runtime: the agent of the runtime starts them, performs their calls and answers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from gritstone.flow import FLOWS
from gritstone.flow.replay import Replay, replay
from gritstone.flow.values import decode_value, document, encode_value
from gritstone.grit import FORMATS, Blob, Limits, MemoryEngine, Object, ObjectId, Store, Tree, export_bundle
from gritstone.runtime import Config, Runtime
from gritstone.wit import PUPPETS, External, Laws
from gritstone.wit.objects import Objects

__all__ = ["FORMAT_NAMES", "Stage", "call", "end", "program_of"]

FORMAT_NAMES = ("framed-sha256", "cbor-blake3")


def call(tool: str = "t", to: str = "e", **members: Any) -> dict[str, Any]:
    """Return a node that calls a tool."""
    return {"kind": "call", "tool": tool, "args": {}, "next": to, **members}


def end(outcome: str = "success", **members: Any) -> dict[str, Any]:
    """Return an end."""
    return {"kind": "end", "outcome": outcome, **members}


def program_of(name: str = "n", *, limits: Mapping[str, int] | None = None, **nodes: Any) -> dict[str, Any]:
    """Return a program that starts at its first node and has an end ``e``."""
    program = {"flow": 1, "name": name, "start": next(iter(nodes)), "nodes": {"e": end(), **nodes}}
    return {**program, "limits": dict(limits)} if limits else program


class Stage:
    """A memory store with a runtime whose agent is the one peer ``edge``.

    Attributes:
        flow: the flow that was started last.
        peers: further peers of the policies.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, format_name: str) -> None:
        self.store = Store.open(MemoryEngine(), FORMATS[format_name], limits=Limits(tree_depth=1_100))
        self._loop = loop
        config = Config(agent="test", base_ms=10, cap_ms=100, max_attempts=1)
        self.runtime = Runtime(self.store, Laws(External(PUPPETS), FLOWS), config, suite_clock=True)
        self.flow = b""
        self.peers: dict[str, ObjectId] = {}

    # --- objects -------------------------------------------------------------------------------------------

    def put(self, value: Object) -> ObjectId:
        """Store an object."""
        return self.store.put(self.store.format.encode(value, self.store.limits))

    def load(self, object_id: ObjectId) -> Any:
        """Return an object."""
        return self.store.format.decode(self.store.get(object_id), self.store.limits)

    def document(self, value: Any) -> ObjectId:
        """Store a document."""
        return self.put(document(encode_value(value, None)))

    def sealed(self, payload: bytes = b"secret") -> ObjectId:
        """Store a sealed blob with the salt 00 to 0f."""
        return self.put(Blob({"ct": "sealed"}, bytes(range(16)) + payload))

    def value(self, object_id: ObjectId) -> Any:
        """Return the value of a document of any length."""
        return decode_value(self.load(object_id).data, 1 << 30)

    # --- running -------------------------------------------------------------------------------------------

    def first_core(
        self, program: Any, policy: Any, data: Any = None, refs: Mapping[str, ObjectId] | None = None, name: str = "1"
    ) -> dict[str, ObjectId]:
        """Return the entries of a first core; without tools and roles the policy has no peers."""
        node = self.put(Blob({"ct": "s"}, b"external:flow/1"))
        parts = {"doc": self.document(policy)}
        if policy != {"flow_policy": 1, "tools": {}}:
            parts["peers"] = self.put(Tree({"edge": self.runtime.agent, **self.peers}))
        entries = {
            "wit": node,
            "wit_query": node,
            "name": self.put(Blob({"ct": "s"}, name.encode())),
            "program": self.document(program),
            "policy": self.put(Tree(parts)),
            "input": self.document({} if data is None else data),
        }
        return {**entries, "refs": self.put(Tree(refs))} if refs else entries

    def start(self, *parts: Any, **options: Any) -> ObjectId:
        """Start a flow and run to rest; see ``first_core``."""
        self.flow = self.put(Tree(self.first_core(*parts, **options)))
        self.inject(self.flow, "genesis")
        return self.flow

    def queue(self, content: ObjectId, mt: str, **headers: str) -> None:
        """Send a message to the flow."""
        self._loop.run_until_complete(self.runtime.inject(self.flow, content, [("mt", mt), *headers.items()]))

    def inject(self, content: ObjectId, mt: str, **headers: str) -> None:
        """Send a message to the flow and run to rest."""
        self.queue(content, mt, **headers)
        self.run()

    def run(self) -> None:
        """Run to rest."""
        self._loop.run_until_complete(self.runtime.run())

    def send(self, mt: str, value: Any = None, **entries: ObjectId) -> None:
        """Send a packet to the flow and run to rest."""
        self.inject(self.packet(value, **entries), mt)

    def packet(self, value: Any = None, **entries: ObjectId) -> ObjectId:
        """Store a packet."""
        return self.put(Tree(entries if value is None else {**entries, "doc": self.document(value)}))

    def acknowledge(self) -> None:
        """Acknowledge all mail."""
        for sender, message in self.runtime.mail():
            self._loop.run_until_complete(self.runtime.acknowledge(sender, message))

    def ok(self, value: Any, packet: ObjectId | None = None, attempt: int = 1, **members: Any) -> None:
        """Answer a call, by default the newest one."""
        answer = {"attempt": attempt, "outcome": "ok", "value": value, **members}
        self.send("flow.result", answer, request=packet or self.calls()[-1])

    def error(self, word: str, packet: ObjectId | None = None, attempt: int = 1, *, retry: bool = False) -> None:
        """Answer a call with an error."""
        answer = {"attempt": attempt, "outcome": "error", "error": {"class": word, "retry": retry}}
        self.send("flow.result", answer, request=packet or self.calls()[-1])

    def fire(self) -> None:
        """Answer the newest timer."""
        self.send("flow.fired", timer=self.sent("flow.timer")[-1])

    # --- reading -------------------------------------------------------------------------------------------

    def sent(self, mt: str, flow: ObjectId | None = None) -> list[ObjectId]:
        """Return the contents of the messages with an ``mt`` that the flow sent to the agent, oldest first."""
        outbox = self.load(self.head(flow)).outbox
        at = None if outbox is None else self.load(outbox).entries.get(self.runtime.agent)
        found = []
        while at is not None:
            message = self.load(at)
            found += [message.content] if message.headers["mt"] == mt else []
            at = message.previous
        return found[::-1]

    def calls(self) -> list[ObjectId]:
        """Return the packets of all calls, oldest first."""
        return self.sent("flow.call")

    def head(self, flow: ObjectId | None = None) -> ObjectId:
        """Return the head of a flow."""
        return dict(self.store.list_references()[0])[f"heads/{(flow or self.flow).hex()}"]

    def core(self, flow: ObjectId | None = None) -> dict[str, ObjectId]:
        """Return the entries of the core of a flow."""
        return dict(self.load(self.load(self.head(flow)).core).entries)

    def state(self, flow: ObjectId | None = None) -> Any:
        """Return the state of a flow."""
        return self.value(self.core(flow)["state"])

    def log(self) -> list[str]:
        """Return the events of the last step as text: names, and the members that distinguish them."""
        shown = ("why", "node", "sub", "outcome", "attempt", "status", "taken")
        return [" ".join(str(event[name]) for name in ("e", *shown) if name in event) for event in self.state()["log"]]

    def query(self, name: str, flow: ObjectId | None = None) -> ObjectId | None:
        """Return the id of the answer to a query."""
        return self._loop.run_until_complete(self.runtime.query(flow or self.flow, name))[1]

    def trace(self, flow: ObjectId | None = None) -> tuple[int, str]:
        """Return the length of the canonical trace, and the first 16 digits of its hash."""
        answer = self.query("trace", flow)
        assert answer is not None
        data = self.load(answer).data
        return len(data), sha256(data).hexdigest()[:16]

    def replay(self, step: ObjectId | None = None) -> Replay:
        """Replay the flow, or up to a step."""
        objects = Objects(self.store.format, self.store.limits, self.store.get)
        return replay(objects, step or self.head())

    def bundle(self) -> bytes:
        """Export the store."""
        with self.store.snapshot() as snapshot:
            return b"".join(export_bundle(snapshot))
