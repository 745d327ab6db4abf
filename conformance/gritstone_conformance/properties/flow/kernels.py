"""Runtimes on which a peer lives: the model's, and that of the subject, which can die and be started again."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, Final

from gritstone_conformance.model.choices import run_freely
from gritstone_conformance.model.flow.values import Value, decode
from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.graph import Tombstone, edges
from gritstone_conformance.model.refusals import ok
from gritstone_conformance.model.runtime import Config, start
from gritstone_conformance.model.store import Store
from gritstone_conformance.model.values import Blob, Headers, Message, Object, Tree, from_base64, to_base64
from gritstone_conformance.properties.runtime.free_schedule_fixture import FreeScheduleFixture, StoreOptions
from gritstone_conformance.properties.runtime.lockstep import StartOptions
from gritstone_conformance.replies import Json
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.trial import Trial

__all__ = ["CONFIG", "ModelKernel", "SubjectKernel"]

CONFIG: Final = Config(1, 2, 2)


class _Reader:
    """Reads objects by id."""

    def object(self, identity: bytes) -> Object:
        """Return an object."""
        raise NotImplementedError

    def message(self, identity: bytes) -> Message:
        """Read a message."""
        value = self.object(identity)
        assert isinstance(value, Message), "the mail is no message"
        return value

    def names(self, identity: bytes) -> dict[str, bytes]:
        """Read a tree."""
        value = self.object(identity)
        assert isinstance(value, Tree), "the packet is no tree"
        return dict(value.entries)

    def value(self, identity: bytes) -> Value:
        """Read a document."""
        value = self.object(identity)
        assert isinstance(value, Blob), "the document is no blob"
        return decode(value.data, None)


class ModelKernel(_Reader):
    """The model's runtime on a store in memory.

    Attributes:
        graph: what the peer stored.
        store: the store.
    """

    def __init__(self, fmt: Format) -> None:
        self.graph = Graph(fmt)
        self.store = Store(fmt)
        self.runtime = start(self.store, "test", CONFIG)
        self._source = random.Random(1)

    @property
    def agent(self) -> bytes:
        """The outside."""
        return self.runtime.agent.identity

    def put(self, value: Object) -> bytes:
        """Store an object; return its id."""
        identity = self.graph.add(value)
        if identity not in self.store.objects:
            self.store.put(self.graph.encodings[identity])
        return identity

    def inject(self, to: bytes, headers: Headers, content: bytes) -> None:
        """Send a message from outside."""
        self.runtime.agent.inject(to, headers, content, "queue")

    def run(self) -> None:
        """Run to rest."""
        assert run_freely(self.runtime, self._source) == "rest", "the model does not come to rest"

    def mail(self) -> list[tuple[bytes, bytes]]:
        """Return the unread mail to the outside."""
        return self.runtime.agent.mail()

    def acknowledge(self, sender: bytes, message: bytes) -> None:
        """Acknowledge the mail of a sender up to a message."""
        self.runtime.agent.acknowledge(sender, message)

    def query(self, actor: bytes, name: str) -> bytes | None:
        """Ask an actor; return the answer."""
        return self.runtime.query(actor, name, b"")[1]

    def object(self, identity: bytes) -> Object:
        """Return an object."""
        value = self.runtime.shelf.get(identity)
        assert not isinstance(value, Tombstone), "the model erases nothing"
        return value

    def kit(self) -> Graph:
        """Return what the peer stored, and refers to nothing that a flow stored, with a reference to all of it."""
        kit = Graph(self.graph.format)
        agent = self.names(self.agent)
        for identity in (*agent.values(), self.agent, *self.graph.values):
            value = self.object(identity)
            if all(edge.target in kit.values for edge in edges(value)):
                kit.add(value)
        every = tuple((f"{number:04x}", each) for number, each in enumerate(kit.of_kind("tree", "blob")))
        kit.references = {"tags/kit": kit.add(Tree(every))}
        return kit


class SubjectKernel(_Reader):
    """The subject's runtime. Its store begins with all that the peer stored on the model.

    Attributes:
        fixture: the store with its runtime; another one after the process was killed.
        second: the handle of a second runtime on the store, which does every other request, or None.
        restarts: every so many requests the runtime is stopped and started again; 0: never.
        runs_each: whether the runtime is run to rest after each message, so that each step reads one.
    """

    def __init__(
        self,
        trial: Trial,
        fmt: Format,
        model: ModelKernel,
        opening: StoreOptions | None = None,
        *,
        rule: str | None = None,
    ) -> None:
        self.trial, self.rule = trial, rule
        self.second: str | None = None
        self.restarts = 0
        self.runs_each = False
        self.agent = model.agent
        self._format, self._terms = fmt, StartOptions(config=CONFIG)
        self._known = model
        self._own: dict[bytes, Object] = {}
        self._requests = 0
        self.fixture = FreeScheduleFixture(trial, fmt, self._terms, opening)
        graph = model.kit()
        self._put = set(graph.values)
        data: dict[str, Json] = {"bytes": to_base64(graph.bundle()), "more": False}
        self.fixture.ask(
            "grit.import", {"store": self.fixture.handle, **data}, ok(objects={"$": "any"}, refs={"$": "any"})
        )
        self.fixture.flush()

    def start(self) -> None:
        """Start the runtime."""
        self.fixture.start()
        self.fixture.flush()

    def start_second(self) -> None:
        """Start a second runtime on the store."""
        self.second = "second"
        self.fixture.start(self.second)
        self.fixture.flush()

    def reopen(self) -> None:
        """Open the store in a fresh process, after a death."""
        opening = StoreOptions(self.fixture.directory, self.fixture.process, create=False)
        self.fixture = FreeScheduleFixture(self.trial, self._format, self._terms, opening, rule=self.rule)
        self.fixture.flush()

    # --- the kernel of the peer --------------------------------------------------------------------------------

    def put(self, value: Object) -> bytes:
        """Store an object; return its id."""
        data = self._format.encode(value)
        identity = self._format.hash(data)
        if identity not in self._put:
            args: dict[str, Json] = {"store": self.fixture.handle, "bytes": to_base64(data)}
            self._ask("grit.put", args, ok(id=identity.hex()))
            self._put.add(identity)
        return identity

    def inject(self, to: bytes, headers: Headers, content: bytes) -> None:
        """Send a message from outside."""
        pairs: list[Json] = [[*pair] for pair in headers]
        args = {"to": to.hex(), "headers": pairs, "content": content.hex(), "mode": "queue"}
        self._of_runtime("inject", args, message={"$": "any"})
        if self.runs_each:
            self.run()

    def run(self) -> None:
        """Run to rest."""
        self.fixture.run(self._runtime())

    def mail(self) -> list[tuple[bytes, bytes]]:
        """Return the unread mail to the outside."""
        listed = self._of_runtime("mail", {}, mail={"$": "any"})["mail"]
        return [(bytes.fromhex(sender), bytes.fromhex(message)) for sender, message in listed]

    def acknowledge(self, sender: bytes, message: bytes) -> None:
        """Acknowledge the mail of a sender up to a message."""
        self._of_runtime("ack", {"sender": sender.hex(), "message": message.hex()})

    def query(self, actor: bytes, name: str) -> bytes | None:
        """Ask an actor; return the answer."""
        args: dict[str, Json] = {"actor": actor.hex(), "name": name, "args": ""}
        result = self._of_runtime("query", args, step={"$": "any"}, result={"$": "any"})["result"]
        return None if result is None else bytes.fromhex(result)

    def object(self, identity: bytes) -> Object:
        """Return an object: the subject is not asked for what the model has under this id."""
        if identity in self._own:
            return self._own[identity]
        if identity in self._known.store.objects:
            return self._known.object(identity)
        value = self._ask("grit.get", {"store": self.fixture.handle, "id": identity.hex()}, ok(bytes={"$": "any"}))
        self._own[identity] = self._format.decode(from_base64(value["bytes"]))
        return self._own[identity]

    def _of_runtime(self, name: str, args: dict[str, Json], **expect: Json) -> Mapping[str, Any]:
        return self._ask(f"runtime.{name}", {"runtime": self._runtime(), **args}, ok(**expect))

    def _runtime(self) -> str:
        """Return the runtime that the next request is made of; it may be started again first."""
        self._requests += 1
        if self.restarts and self._requests % self.restarts == 0:
            self.fixture.stop("now")
            self.start()
        if self.second is not None and self._requests % 2:
            return self.second
        return self.fixture.runtime

    def _ask(self, op: str, args: dict[str, Json], expect: dict[str, Json]) -> Mapping[str, Any]:
        return self.trial.expect(op, args, expect, on=self.fixture.process, rule=self.rule)
