"""What the tests of ``runtime`` share: a stage, which is a store with a runtime and puppets to put on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from gritstone.grit import Blob, Format, Limits, MemoryEngine, Object, ObjectId, Store, Tree, export_bundle
from gritstone.grit.engine import Engine
from gritstone.grit.lmdb_store import LmdbEngine
from gritstone.runtime import Config, RunSummary, Runtime
from gritstone.wit import PUPPETS, External, Laws


@dataclass
class Stage:
    """A store, an event loop, and the runtime that was started last."""

    store: Store
    loop: asyncio.AbstractEventLoop
    laws: Laws = field(default_factory=lambda: Laws(External(PUPPETS)))
    runtime: Any = None

    def start(self, *, suite_clock: bool = True, **given: Any) -> Runtime:
        config: dict[str, Any] = {"agent": "test", "base_ms": 10, "cap_ms": 100, "max_attempts": 3, **given}
        made = Runtime(self.store, self.laws, Config(**config), suite_clock=suite_clock)
        self.runtime = made
        return made

    def wait(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(coroutine)

    def put(self, value: Object) -> ObjectId:
        return self.store.put(self.store.format.encode(value, self.store.limits))

    def blob(self, data: bytes, **headers: str) -> ObjectId:
        return self.put(Blob(headers, data))

    def tree(self, **entries: ObjectId) -> ObjectId:
        return self.put(Tree(entries))

    def core(self, name: str, wit: bytes = b"external:puppet/1", **entries: ObjectId) -> ObjectId:
        node = self.blob(wit, ct="s")
        return self.tree(name=self.blob(name.encode(), ct="s"), wit=node, wit_query=node, **entries)

    def program(self, data: bytes, **operands: ObjectId) -> ObjectId:
        return self.put(Tree({"program": self.blob(data), **operands}))

    def inject(self, to: ObjectId, content: ObjectId, mt: str = "", *, signal: bool = False) -> ObjectId:
        headers = [("mt", mt)] if mt else []
        message: ObjectId = self.wait(self.runtime.inject(to, content, headers, signal=signal))
        return message

    def born(self, *names: str, **entries: ObjectId) -> list[ObjectId]:
        """Create actors, and run to rest."""
        made = [self.core(name, **entries) for name in names]
        for actor in made:
            self.inject(actor, actor, "genesis")
        self.run()
        return made

    def tell(
        self, actor: ObjectId, program: bytes, mt: str = "", *, signal: bool = False, **operands: ObjectId
    ) -> ObjectId:
        return self.inject(actor, self.program(program, **operands), mt, signal=signal)

    def run(self, max_steps: int | None = None) -> RunSummary:
        report: RunSummary = self.wait(self.runtime.run(max_steps))
        return report

    def refs(self) -> dict[str, ObjectId]:
        return dict(self.store.list_references()[0])

    def head(self, actor: ObjectId) -> Any:
        target = self.refs().get(f"heads/{actor.hex()}")
        return None if target is None else self.load(target)

    def load(self, object_id: ObjectId) -> Any:
        return self.store.format.decode(self.store.get(object_id), self.store.limits)

    def entries(self, object_id: ObjectId | None) -> dict[Any, ObjectId]:
        return {} if object_id is None else dict(self.load(object_id).entries)

    def core_of(self, actor: ObjectId) -> dict[str, ObjectId]:
        return self.entries(self.head(actor).core)

    def data(self, actor: ObjectId, name: str) -> bytes | None:
        target = self.core_of(actor).get(name)
        return None if target is None else self.load(target).data

    def steps(self, actor: ObjectId) -> list[Any]:
        """Return the chain of an actor, oldest first."""
        found = []
        at = self.refs().get(f"heads/{actor.hex()}")
        while at is not None:
            found.append(self.load(at))
            at = found[-1].previous
        return found[::-1]

    def bundle(self) -> bytes:
        with self.store.snapshot() as snapshot:
            return b"".join(export_bundle(snapshot))


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    yield made
    made.close()


@pytest.fixture(params=["memory", "lmdb"])
def any_store(request: pytest.FixtureRequest, format_: Format, tmp_path: Path) -> Iterator[Store]:
    engine: Engine = MemoryEngine() if request.param == "memory" else LmdbEngine(tmp_path / "store", create=True)
    yield Store.open(engine, format_)
    engine.close()


@pytest.fixture
def stage(format_: Format, loop: asyncio.AbstractEventLoop) -> Stage:
    """Return a stage on a memory store, of each format."""
    return Stage(Store.open(MemoryEngine(), format_, limits=Limits(tree_depth=1_100)), loop)


@pytest.fixture
def any_stage(any_store: Store, loop: asyncio.AbstractEventLoop) -> Stage:
    """Return a stage on a store of each kind and format."""
    return Stage(any_store, loop)


@pytest.fixture
def stage_on(loop: asyncio.AbstractEventLoop) -> Callable[[Store], Stage]:
    """Put a further stage on a store."""
    return lambda store: Stage(store, loop)
