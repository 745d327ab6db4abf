"""Adoption into a store whose agent has the id of the agent that the actor left."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gritstone.errors import Exhausted, Rejected
from gritstone.grit import (
    FRAMED_SHA256,
    Blob,
    Change,
    Limits,
    MemoryEngine,
    ObjectId,
    Store,
    Tree,
    export_bundle,
    import_bundle,
)
from gritstone.grit.engine import Table
from gritstone.runtime import Config, Runtime
from gritstone.wasm.handoff import adopt_actor, release_actor
from gritstone.wit import PUPPETS, External, Laws


class Medium(MemoryEngine):
    """An engine that can be full: then an update that stores or removes anything is undone."""

    is_full = False

    def update(self, work: Callable[[Any], Any], *, freeing: bool = False) -> Any:
        def work_in_room(batch: Any) -> Any:
            result = work(batch)
            if self.is_full and batch._undo:
                raise Exhausted("the medium is full", rule="grit.store.full")
            return result

        return super().update(work_in_room, freeing=freeing)


class RunningStore:
    """A store with a runtime whose agent is called ``test``."""

    def __init__(self, loop: asyncio.AbstractEventLoop, store: Store | None = None) -> None:
        self.loop = loop
        self.medium = Medium()
        self.store = store if store is not None else Store.open(self.medium, FRAMED_SHA256)
        self.runtime = Runtime(self.store, Laws(External(PUPPETS)), Config("test"))

    def put(self, value: Blob | Tree) -> ObjectId:
        return self.store.put(self.store.format.encode(value, self.store.limits))

    def born(self, title: bytes = b"a") -> ObjectId:
        wit = self.put(Blob({"ct": "s"}, b"external:puppet/1"))
        actor = self.put(Tree({"name": self.put(Blob({}, title)), "wit": wit}))
        self.tell(actor, actor)
        return actor

    def tell(self, actor: ObjectId, content: ObjectId, *, run: bool = True) -> None:
        self.loop.run_until_complete(self.runtime.inject(actor, content))
        if run:
            self.loop.run_until_complete(self.runtime.run())

    def talk(self, actor: ObjectId) -> None:
        """Make the actor send a message to the agent, which acknowledges it."""
        say = {"program": self.put(Blob({}, b"S\0q\0\1")), "00": self.runtime.agent, "01": self.put(Blob({}, b"said"))}
        self.tell(actor, self.put(Tree(say)))
        ((sender, message),) = self.runtime.mail()
        self.loop.run_until_complete(self.runtime.acknowledge(sender, message))

    def carry(self, actor: ObjectId, other: RunningStore) -> None:
        """Release an actor and import it elsewhere."""
        release_actor(self.store, actor)
        with self.store.snapshot() as snapshot:
            bundle = b"".join(export_bundle(snapshot, [f"moved/{actor.hex()}"]))
        import_bundle(other.store, io.BytesIO(bundle))

    def release(self, actor: ObjectId) -> list[ObjectId]:
        return self.loop.run_until_complete(self.runtime.release([actor]))

    def content(self) -> tuple[Any, ...]:
        """Return references and objects of the store."""
        with self.store.snapshot() as snapshot:
            return self.store.list_references(), list(snapshot.view.keys(Table.OBJECTS, b""))

    def send(self, actor: ObjectId, other: RunningStore) -> None:
        self.carry(actor, other)
        adopt_actor(other.store, actor)
        for each in (self, other):
            each.runtime.refresh()


@pytest.fixture
def stores() -> Iterator[tuple[RunningStore, RunningStore]]:
    loop = asyncio.new_event_loop()
    yield RunningStore(loop), RunningStore(loop)
    loop.close()


def test_adopt_offers_no_mail_that_was_acknowledged(stores: tuple[RunningStore, RunningStore]) -> None:
    home, away = stores
    actor = home.born()
    home.talk(actor)
    home.send(actor, away)
    assert away.runtime.mail() == []
    away.talk(actor)
    assert away.runtime.mail() == []


def test_adopt_refuses_chains_that_do_not_fit(stores: tuple[RunningStore, RunningStore]) -> None:
    home, away = stores
    actor = home.born()
    away.born()
    away.talk(actor)
    head = f"heads/{actor.hex()}"
    step = release_actor(away.store, actor)
    away.runtime.refresh()
    away.tell(actor, away.put(Blob({}, b"late")), run=False)
    home.tell(actor, home.put(Blob({}, b"other")))
    with home.store.snapshot() as snapshot:
        place = snapshot.target(head)
        assert place is not None
        bundle = b"".join(export_bundle(snapshot, [head]))
    scratch = Store.open(MemoryEngine(), FRAMED_SHA256)
    import_bundle(scratch, io.BytesIO(bundle))
    for data in (scratch.get(one) for one in _closure(scratch, place)):
        away.store.put(data)
    away.store.update_references([Change(f"moved/{actor.hex()}", step, place)])
    before = away.store.list_references()
    with pytest.raises(Rejected) as refused:
        adopt_actor(away.store, actor)
    assert refused.value.code == "mail"
    assert away.store.list_references() == before
    away.runtime.refresh()
    away.loop.run_until_complete(away.runtime.release([actor]))
    assert adopt_actor(away.store, actor) == place


def test_full_medium_refuses_handoff_and_release_without_a_change(stores: tuple[RunningStore, RunningStore]) -> None:
    home, away = stores
    actor, local = home.born(b"a"), away.born(b"b")
    home.talk(actor)
    home.carry(actor, away)
    before = away.content()
    away.medium.is_full = True
    with pytest.raises(Exhausted):
        adopt_actor(away.store, actor)
    with pytest.raises(Exhausted):
        release_actor(away.store, local)
    with pytest.raises(Exhausted):
        away.release(local)
    assert away.content() == before
    assert away.runtime.mail() == []
    away.medium.is_full = False
    assert away.release(local) == [local]
    assert away.release(local) == []
    adopt_actor(away.store, actor)
    away.runtime.refresh()
    assert away.runtime.mail() == []
    away.talk(actor)
    away.medium.is_full = True
    before = away.content()
    with pytest.raises(Exhausted):
        away.release(actor)
    assert away.content() == before
    away.medium.is_full = False
    assert away.release(actor) == [actor]


def test_adoption_refuses_a_mailbox_longer_than_the_limit(stores: tuple[RunningStore, RunningStore]) -> None:
    home, away = stores
    actor = home.born(b"a")
    local = [away.born(title) for title in (b"b", b"c", b"d", b"e")]
    home.talk(actor)
    home.carry(actor, away)
    with away.store.snapshot() as snapshot:
        longest = max(len(snapshot.get(one)) for one in snapshot.view.keys(Table.OBJECTS, b""))
    small = RunningStore(away.loop, Store.open(away.medium, FRAMED_SHA256, limits=Limits(object_bytes=longest)))
    before = small.content()
    with pytest.raises(Exhausted):
        adopt_actor(small.store, actor)
    assert small.content() == before
    assert small.release(local[0]) == [local[0]]
    adopt_actor(small.store, actor)
    small.runtime.refresh()
    assert small.runtime.mail() == []


def _closure(store: Store, root: ObjectId) -> list[ObjectId]:
    with store.snapshot() as snapshot:
        return list(snapshot.closure([root]))
