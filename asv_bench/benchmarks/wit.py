"""Speed of ``wit``: one transition after the other without a runtime, the checker over what was made, the harness.

``Checker`` needs nothing but a bundle: it recomputes every step in it, as an audit of anybody's store does. ``Replay``
needs Java as well: the formal model goes through the same kind of history.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Generator
from typing import Any
from unittest.mock import patch

from gritstone.grit import FORMATS, Blob, MemoryEngine, Message, Object, ObjectId, Store, Tree, export_bundle
from gritstone.runtime import Config, Runtime
from gritstone.wit import PUPPETS, Executor, External, Laws, Objects, openapi
from gritstone.wit.admission import Admitted
from gritstone.wit.drive import Deadline, drive
from gritstone.wit.position import Position
from gritstone.wit.proposals import MessageKind, Proposal
from gritstone.wit.wut import wut_blob
from gritstone_conformance.attachment.base64url import encode_bytes
from gritstone_conformance.attachment.launcher import Launcher
from gritstone_conformance.attachment.settings import AttachSettings
from gritstone_conformance.auditing.processes import over_processes
from gritstone_conformance.errors import UsageError
from gritstone_conformance.model import bundle
from gritstone_conformance.model.evidence import open_history
from gritstone_conformance.model.history import check_history
from gritstone_conformance.model_checking.tlc import find_tlc
from gritstone_conformance.model_checking.traces import replay, trace_module
from gritstone_conformance.replies import Ok

_FORMATS = sorted(FORMATS)
_REFERENCE = (sys.executable, "-m", "gritstone.harness")
_START = {
    "agent": "bench",
    "schedule": "free",
    "clock": "suite",
    "base_ms": 0,
    "cap_ms": 0,
    "max_attempts": 1,
    "transition_ms": 0,
}
_PROGRAMS = {
    "nothing": b"",
    "write": b"W\1k\0\1v",
    "nested": b"W\7a/b/c/d\0\1v",
    "send-10": b"S\xf0q\1m\xf2" * 10,
    "handler": b"",
}


class _Bench:
    """Keep a memory store, and put objects into it."""

    def open(self, format_name: str) -> None:
        self.store = Store.open(MemoryEngine(), FORMATS[format_name])

    def put(self, value: Object) -> ObjectId:
        return self.store.put(self.store.format.encode(value, self.store.limits))

    def blob(self, data: bytes, **headers: str) -> ObjectId:
        return self.put(Blob(headers, data))

    def core(self, name: str, **entries: ObjectId) -> ObjectId:
        node = self.blob(b"external:puppet/1", ct="s")
        return self.put(Tree({"name": self.blob(name.encode(), ct="s"), "wit": node, "wit_query": node, **entries}))

    def program(self, code: bytes, **operands: ObjectId) -> ObjectId:
        return self.put(Tree({"program": self.blob(code), **operands}))


def _end(play: Generator[Any, Any, Admitted | None]) -> Admitted:
    """Run a transition that asks for nothing."""
    admitted = drive(play, lambda seconds: None, Deadline(lambda: 0.0, 0))
    assert admitted is not None
    return admitted


class Transition(_Bench):
    """One transition of a puppet, with its admission."""

    params = (_FORMATS, sorted(_PROGRAMS))
    param_names = ("format", "program")

    def setup(self, format_name: str, label: str) -> None:
        self.open(format_name)
        handler = self.program(b"A\3log\0\1x")
        actor = self.core("a", on=self.put(Tree({"m": handler})))
        outside = self.core("outside")
        self.executor = Executor(Objects(self.store.format, self.store.limits, self.store.get), Laws(External(PUPPETS)))
        genesis = self.put(Message(None, {"mt": "genesis"}, actor))
        born = self._run(actor, None, Proposal(MessageKind.GENESIS, ((outside, (genesis,)),)))
        headers = {"mt": "m"} if label == "handler" else {}
        message = self.put(Message(genesis, headers, self.program(_PROGRAMS[label])))
        self.state = actor, born, Proposal(MessageKind.ORDINARY, ((outside, (message,)),))
        self._run(*self.state)

    def _run(self, actor: ObjectId, last: Position | None, proposal: Proposal) -> Position:
        admitted = _end(self.executor.transition(self.executor.prepare(actor, last, proposal, 1)))
        self.executor.adopt(admitted)
        return admitted.position

    def time_step(self, format_name: str, label: str) -> None:
        self._run(*self.state)


class Describing:
    """The OpenAPI document of an actor with 50 kinds of messages and 50 queries."""

    def setup(self) -> None:
        messages = {f"message-{n}": {"content": "blob", "summary": f"Do {n}."} for n in range(50)}
        queries = {f"query-{n}": {"args": "none", "returns": "blob"} for n in range(50)}
        self.wut = wut_blob("bench", messages, queries).data

    def time_openapi(self) -> None:
        openapi(bytes(32), self.wut)


class _PingPong(_Bench):
    """Keep an exported history: pairs of actors that send a message to and fro."""

    number = 1
    repeat = 3
    warmup_time = 0.0
    timeout = 300
    pairs = 10
    steps = 2_000

    def make_history(self, format_name: str) -> None:
        self.open(format_name)
        loop = asyncio.new_event_loop()
        runtime = Runtime(self.store, Laws(External(PUPPETS)), Config("bench"))
        actors = [self.core(f"actor {n}") for n in range(2 * self.pairs)]
        ball = self.program(b"B" + (self.steps // len(actors) - 1).to_bytes(4, "big"))
        for actor in actors:
            loop.run_until_complete(runtime.inject(actor, actor, [("mt", "genesis")]))
        for one, other in zip(actors[::2], actors[1::2], strict=True):
            content = self.program(b"S\0q\0\1", **{"00": other, "01": ball})
            loop.run_until_complete(runtime.inject(one, content))
        made = loop.run_until_complete(runtime.run()).steps
        assert made >= self.steps - len(actors)
        loop.run_until_complete(runtime.stop(drain=True))
        loop.close()
        with self.store.snapshot() as snapshot:
            self.bundle = b"".join(export_bundle(snapshot))


class Checker(_PingPong):
    """The history of 10 pairs that send a message to and fro, 2,000 steps, recomputed by the suite's model.

    ``held``: the objects of the bundle are held in memory; ``indexed``: they are decoded when they are asked for, as
    those of a bundle with more than 50,000 objects; ``jobs``: the same in two processes.
    """

    params = (_FORMATS, ["held", "indexed", "jobs"])
    param_names = ("format", "reading")

    def setup(self, format_name: str, reading: str) -> None:
        self.make_history(format_name)
        self.spread = over_processes(2 if reading == "jobs" else 1)

    def time_check(self, format_name: str, reading: str) -> None:
        with patch.object(bundle, "MOST_HELD", bundle.MOST_HELD if reading == "held" else 0):
            found = bundle.scan(self.bundle, spread=self.spread)
        verdict = check_history(found, at_rest=True, spread=self.spread)
        assert verdict.is_legal
        assert verdict.recomputed >= self.steps - 2 * self.pairs


class Replay(_PingPong):
    """The history of one pair, 500 steps: written as a module for the formal model, and replayed in it by TLC."""

    params = (_FORMATS,)
    param_names = ("format",)
    pairs = 1
    steps = 500

    def setup(self, format_name: str) -> None:
        try:
            self.tlc = find_tlc()
        except UsageError as problem:
            raise NotImplementedError(str(problem)) from problem
        self.make_history(format_name)
        self.history = open_history(bundle.scan(self.bundle))

    def time_module(self, format_name: str) -> None:
        assert trace_module([self.history])

    def time_replay(self, format_name: str) -> None:
        assert replay(self.tlc, [self.history]) == [[]]


class Scenario(_Bench):
    """A puppet over the wire, one request after the other: 50 times put, put, put, inject, run, mail, ack."""

    params = ("memory", "durable")
    param_names = ("backend",)
    number = 1
    repeat = 3
    warmup_time = 0.0
    rounds = 50
    format_name = "framed-sha256"

    def setup(self, backend: str) -> None:
        self.sent: list[bytes] = []
        self.open(self.format_name)  # what is sent is made here
        self.folder = tempfile.TemporaryDirectory(prefix="gritstone-bench-")
        self.subject = Launcher.for_command(_REFERENCE, AttachSettings(window=1)).start()
        place = {"dir": self.folder.name + "/store"} if backend == "durable" else {}
        self.ask("grit.open", store="s", format=self.format_name, backend=backend, create=True, **place)
        self.ask("runtime.start", runtime="r", store="s", **_START)
        actor = self.core("puppet")
        self.actor = actor.hex()
        self.send()
        self.inject(actor, "genesis")
        self.ask("runtime.run", runtime="r", max_steps=100)

    def put(self, value: Object) -> ObjectId:
        self.sent.append(self.store.format.encode(value, self.store.limits))
        return super().put(value)

    def ask(self, op: str, **args: Any) -> dict[str, Any]:
        reply = self.subject.ask(op, args)
        assert isinstance(reply, Ok), reply
        return reply.value

    def send(self) -> None:
        """Put what was made into the store of the other side."""
        for data in self.sent:
            self.ask("grit.put", store="s", bytes=encode_bytes(data))
        self.sent.clear()

    def inject(self, content: ObjectId, mt: str) -> None:
        headers = [["mt", mt]]
        self.ask("runtime.inject", runtime="r", to=self.actor, headers=headers, content=content.hex(), mode="queue")

    def time_rounds(self, backend: str) -> None:
        for n in range(self.rounds):
            code = b"W\1n\0\4" + n.to_bytes(4, "big") + b"S\xf1q\5reply\0"
            content = self.program(code, **{"00": self.blob(b"answer")})
            self.send()
            self.inject(content, "m")
            assert self.ask("runtime.run", runtime="r", max_steps=100)["steps"] == 1
            ((sender, message),) = self.ask("runtime.mail", runtime="r")["mail"]
            self.ask("runtime.ack", runtime="r", sender=sender, message=message)

    def teardown(self, backend: str) -> None:
        self.subject.close()
        self.folder.cleanup()


class Start:
    """The reference's adapter, from nothing to the answer to ``hello``, or to a runtime on a durable store."""

    params = ("hello", "runtime")
    param_names = ("until",)
    number = 1
    repeat = 5
    warmup_time = 0.0

    def setup(self, until: str) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="gritstone-bench-")

    def time_start(self, until: str) -> None:
        subject = Launcher.for_command(_REFERENCE, AttachSettings(window=1)).start()
        if until == "runtime":
            place = tempfile.mkdtemp(dir=self.folder.name) + "/store"
            store = {"store": "s", "format": "framed-sha256", "backend": "durable", "dir": place, "create": True}
            assert isinstance(subject.ask("grit.open", store), Ok)
            assert isinstance(subject.ask("runtime.start", {"runtime": "r", "store": "s", **_START}), Ok)
        subject.close()

    def teardown(self, until: str) -> None:
        self.folder.cleanup()
