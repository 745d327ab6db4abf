"""Adoption into a store whose agent has the id of the agent that the actor left."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator

import pytest

from gritstone.errors import Rejected
from gritstone.grit import (
    FRAMED_SHA256,
    Blob,
    Change,
    MemoryEngine,
    ObjectId,
    Store,
    Tree,
    export_bundle,
    import_bundle,
)
from gritstone.runtime import Config, Runtime
from gritstone.wasm.handoff import adopt_actor, release_actor
from gritstone.wit import PUPPETS, External, Laws


class House:
    """A store with a runtime whose agent is called ``test``."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.store = Store.open(MemoryEngine(), FRAMED_SHA256)
        self.runtime = Runtime(self.store, Laws(External(PUPPETS)), Config("test"))

    def put(self, value: Blob | Tree) -> ObjectId:
        return self.store.put(self.store.format.encode(value, self.store.limits))

    def born(self) -> ObjectId:
        wit = self.put(Blob({"ct": "s"}, b"external:puppet/1"))
        actor = self.put(Tree({"wit": wit}))
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

    def send(self, actor: ObjectId, other: House) -> None:
        release_actor(self.store, actor)
        with self.store.snapshot() as snapshot:
            bundle = b"".join(export_bundle(snapshot, [f"moved/{actor.hex()}"]))
        import_bundle(other.store, io.BytesIO(bundle))
        adopt_actor(other.store, actor)
        for house in (self, other):
            house.runtime.refresh()


@pytest.fixture
def houses() -> Iterator[tuple[House, House]]:
    loop = asyncio.new_event_loop()
    yield House(loop), House(loop)
    loop.close()


def test_adopt_offers_no_mail_that_was_acknowledged(houses: tuple[House, House]) -> None:
    home, away = houses
    actor = home.born()
    home.talk(actor)
    home.send(actor, away)
    assert away.runtime.mail() == []
    away.talk(actor)
    assert away.runtime.mail() == []


def test_adopt_refuses_chains_that_do_not_fit(houses: tuple[House, House]) -> None:
    home, away = houses
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


def _closure(store: Store, root: ObjectId) -> list[ObjectId]:
    with store.snapshot() as snapshot:
        return list(snapshot.closure([root]))
