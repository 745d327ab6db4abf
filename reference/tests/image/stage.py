"""A stage for the tests of images: an image in memory, and short forms for programs, messages and readings."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

from gritstone.grit.formats import Format
from gritstone.grit.memory import MemoryEngine
from gritstone.grit.objects import Blob, Object, ObjectId, Tree
from gritstone.grit.store import Store
from gritstone.image import IMAGES
from gritstone.image.engine import Engine, Outcome
from gritstone.image.requests import Keys, Request, request, set_clock
from gritstone.image.starting import begin_image, is_image
from gritstone.runtime.config import Config
from gritstone.runtime.runtime import Runtime
from gritstone.wit.laws import External, Laws
from gritstone.wit.puppet import PUPPETS
from gritstone.wit.workspace import Workspace

_T = TypeVar("_T")

QUOTA = {"actors": 10, "bytes": 1_000_000, "fuel": 100_000, "posts": 1_000, "subs": 100, "timers": 100}


def path(text: str) -> bytes:
    return bytes([len(text)]) + text.encode()


def data(value: bytes) -> bytes:
    return len(value).to_bytes(2, "big") + value


class Program:
    """The bytes and operands of a program."""

    def __init__(self) -> None:
        self.data = b""
        self.operands: list[ObjectId] = []

    def ref(self, target: ObjectId | int) -> bytes:
        if isinstance(target, int):
            return bytes([target])
        if target not in self.operands:
            self.operands.append(target)
        return bytes([self.operands.index(target)])

    def add(self, at: str, amount: int) -> Program:
        self.data += b"a" + path(at) + amount.to_bytes(8, "big", signed=True)
        return self

    def count(self, at: str, sign: str) -> Program:
        self.data += b"c" + path(at) + sign.encode()
        return self

    def write(self, at: str, value: bytes) -> Program:
        self.data += b"W" + path(at) + data(value)
        return self

    def put(self, at: str, target: ObjectId | int) -> Program:
        self.data += b"P" + path(at) + self.ref(target)
        return self

    def delete(self, at: str) -> Program:
        self.data += b"D" + path(at)
        return self

    def expect(self, at: str, value: bytes) -> Program:
        self.data += b"x" + path(at) + data(value)
        return self

    def read(self, actor: ObjectId | int, source: str, to: str) -> Program:
        self.data += b"r" + self.ref(actor) + path(source) + path(to)
        return self

    def send(self, to: ObjectId | int, mode: str, mt: str, content: ObjectId | int) -> Program:
        self.data += b"s" + self.ref(to) + mode.encode() + path(mt) + self.ref(content)
        return self

    def reply(self, content: ObjectId | int) -> Program:
        self.data += b"y" + self.ref(content)
        return self

    def spin(self, units: int) -> Program:
        self.data += b"n" + units.to_bytes(4, "big")
        return self

    def fail(self, reason: str | None = None) -> Program:
        self.data += b"F" if reason is None else b"f" + path(reason)
        return self


class Stage:
    """An image."""

    quota = QUOTA

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        format_: Format,
        store: Store | None = None,
        laws: Laws | None = None,
    ) -> None:
        self.laws = laws or Laws(External(PUPPETS), IMAGES)
        self.store = store or Store.open(MemoryEngine(), format_)
        self.loop = loop
        self.open()

    def open(self) -> None:
        """Start a runtime on the store."""
        self.runtime = Runtime(self.store, self.laws, Config("test"), suite_clock=True)
        world = self.runtime.machine.world
        if not is_image(world):
            self.wait(self.runtime.durably(lambda: begin_image(world)))
        self.engine = Engine(self.runtime)
        self.keys = Keys(self.engine)
        self.agent = self.engine.base.agent

    def wait(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        return self.loop.run_until_complete(coroutine)

    def store_objects(self, workspace: Workspace) -> None:
        workspace.keep(self.store)

    def blob(self, value: bytes, headers: Mapping[str, str] | None = None) -> ObjectId:
        return self.put(Blob({} if headers is None else headers, value))

    def text(self, value: str) -> ObjectId:
        return self.blob(value.encode(), {"ct": "s"})

    def put(self, value: Object) -> ObjectId:
        workspace = Workspace(self.runtime.machine.world.objects)
        found = workspace.put(value)
        workspace.keep(self.store)
        return found

    def tree(self, value: Mapping[str, Any]) -> ObjectId:
        """Store a tree; texts become text blobs, and programs become program trees."""
        entries: dict[str, ObjectId] = {}
        for name, item in value.items():
            if isinstance(item, str):
                entries[name] = self.text(item)
            elif isinstance(item, Program):
                entries[name] = self.program(item)
            else:
                entries[name] = item if isinstance(item, bytes) else self.tree(item)
        return self.put(Tree(entries))

    def program(self, program: Program) -> ObjectId:
        operands = {f"{at:02x}": target for at, target in enumerate(program.operands)}
        return self.put(Tree({"program": self.blob(program.data), **operands}))

    def core(
        self,
        *,
        owner: ObjectId | None = None,
        quota: Mapping[str, int] | None = None,
        caps: Mapping[str, ObjectId] | None = None,
        entry: Mapping[str, str] | None = None,
        code: Mapping[str, Program | ObjectId] | None = None,
        **more: Any,
    ) -> ObjectId:
        """Store the first core of an actor."""
        image: dict[str, Any] = {"owner": "self" if owner is None else owner.hex()}
        if owner is None:
            limits = {**QUOTA, **(quota or {})}
            image["quota"] = "".join(f"{name} {limits[name]}\n" for name in QUOTA)
        if caps:
            image["caps"] = {name: granter.hex() for name, granter in caps.items()}
        if entry:
            image["entry"] = dict(entry)
        node = "external:image/1"
        core: dict[str, Any] = {"wit": node, "wit_query": node, "image": image, **more}
        if code:
            core["code"] = dict(code)
        return self.tree(core)

    def born(self, **core: Any) -> ObjectId:
        """Create an actor by a request."""
        actor = self.core(**core)
        assert self.ask(actor, "genesis", actor).failure is None
        return actor

    def ask(self, to: ObjectId, mt: str, content: ObjectId, **headers: str) -> Outcome:
        """Make a request of one message."""
        return self.request([Request(to, [("mt", mt), *headers.items()], content)])

    def request(self, messages: list[Request], key: str | None = None) -> Outcome:
        return self.wait(self.runtime.durably(lambda: request(self.engine, self.keys, messages, key)))

    def run_program(self, to: ObjectId, program: Program) -> Outcome:
        return self.ask(to, "run", self.program(program))

    def clock(self, now_ms: int) -> int:
        return self.wait(self.runtime.durably(lambda: set_clock(self.engine, now_ms)))

    def rest(self) -> int:
        """Run to rest; return the number of steps."""
        report = self.wait(self.runtime.run())
        assert report.cause == "rest"
        return report.steps

    def value(self, actor: ObjectId, at: str) -> bytes | None:
        """Return the data of a blob in the core of an actor; None if there is none."""
        position = self.engine.base.position(actor)
        assert position is not None
        entries: Mapping[str, ObjectId] = position.core
        names = at.split("/")
        for name in names[:-1]:
            if name not in entries:
                return None
            tree = self.engine.world.objects.load(entries[name])
            assert isinstance(tree, Tree)
            entries = tree.entries
        if names[-1] not in entries:
            return None
        blob = self.engine.world.objects.load(entries[names[-1]])
        assert isinstance(blob, Blob)
        return blob.data

    def record_text(self, seq: int) -> str:
        kernel, agent = self.engine.kernel_position(), self.engine.base.position(self.agent)
        assert agent is not None
        (entry,) = self.engine.journal.page(kernel, agent, self.engine.seq, seq, 1)
        return entry.data.decode()
