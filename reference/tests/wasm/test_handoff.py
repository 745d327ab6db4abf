"""Handoff: both halves, and when an actor stays where it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from io import BytesIO

import pytest

from gritstone.errors import Invalid, Missing, Refusal, Rejected
from gritstone.grit import Blob, Change, Mailbox, MemoryEngine, Message, Object, ObjectId, Step, Store, Tree
from gritstone.grit.engine import Table
from gritstone.grit.export import export_bundle
from gritstone.grit.importing import import_bundle
from gritstone.wasm.handoff import adopt_actor, release_actor

Keep = Callable[[Store, Object], ObjectId]
Mail = Mapping[ObjectId, ObjectId]


class ActorStore:
    """Actors, each with a head."""

    def __init__(self, store: Store, keep: Keep) -> None:
        self.store = store
        self._keep = keep
        self.blob = self.put(Blob({}, b""))
        self.message = self.put(Message(None, {}, self.blob))
        self.later = self.put(Message(self.message, {}, self.blob))

    def put(self, value: Object) -> ObjectId:
        return self._keep(self.store, value)

    def actor(self, name: str) -> ObjectId:
        return self.put(Tree({"name": self.put(Blob({}, name.encode()))}))

    def mailbox(self, mail: Mail) -> ObjectId | None:
        return self.put(Mailbox(mail)) if mail else None

    def place(self, name: str, inbox: Mail | None = None, outbox: Mail | None = None) -> ObjectId:
        """Set the head of an actor, and return it."""
        actor = self.actor(name)
        head = self.put(Step(None, actor, self.mailbox(inbox or {}), self.mailbox(outbox or {}), actor))
        self.store.update_references([Change(f"heads/{actor.hex()}", None, head)])
        return head

    def references(self) -> dict[str, ObjectId]:
        return dict(self.store.list_references()[0])


@pytest.fixture
def actors(memory_store: Store, keep: Keep) -> ActorStore:
    return ActorStore(memory_store, keep)


def test_actor_moves_to_another_store_and_back(actors: ActorStore, keep: Keep) -> None:
    a, b = actors.actor("a"), actors.actor("b")
    head = actors.place("a", {b: actors.message}, {b: actors.later, actors.actor("nobody"): actors.message})
    actors.place("b", {a: actors.later}, {a: actors.message})
    assert release_actor(actors.store, a) == head
    names = actors.references()
    assert names[f"moved/{a.hex()}"] == head
    assert f"heads/{a.hex()}" not in names
    with actors.store.snapshot() as snapshot:
        bundle = b"".join(export_bundle(snapshot, [f"moved/{a.hex()}"]))
    other = ActorStore(Store.open(MemoryEngine(), actors.store.format), keep)
    import_bundle(other.store, BytesIO(bundle))
    assert adopt_actor(other.store, a) == head
    assert other.references() == {f"heads/{a.hex()}": head, f"adopted/{a.hex()}": head}
    assert adopt_actor(actors.store, a) == head, "adopting again restores the head"
    assert actors.references().keys() == {f"adopted/{a.hex()}", f"heads/{a.hex()}", f"heads/{b.hex()}"}


@pytest.mark.parametrize("trouble", ["mail to it", "mail to itself", "mail of it", "half read", "mark"])
def test_release_of_a_busy_actor_is_refused(actors: ActorStore, trouble: str) -> None:
    a, b = actors.actor("a"), actors.actor("b")
    sent: dict[str, Mail] = {
        "mail to itself": {a: actors.message},
        "mail of it": {b: actors.message},
        "half read": {b: actors.later},
    }
    actors.place("a", {}, sent.get(trouble, {}))
    read = {a: actors.message} if trouble == "half read" else {}
    actors.place("b", read, {a: actors.message} if trouble == "mail to it" else {})
    if trouble == "mark":
        actors.store.update_references([Change(f"failed/{a.hex()}", None, actors.put(Mailbox({b: actors.message})))])
    before = actors.references()
    with pytest.raises(Rejected) as caught:
        release_actor(actors.store, a)
    assert caught.value.code == "busy"
    assert actors.references() == before


def refused(work: Callable[[Store, ObjectId], ObjectId], actors: ActorStore, actor: ObjectId) -> type[Refusal]:
    before = actors.references()
    with pytest.raises(Refusal) as caught:
        work(actors.store, actor)
    assert caught.value.code != "busy"
    assert actors.references() == before
    return caught.type


def test_release_is_refused(actors: ActorStore) -> None:
    a = actors.actor("a")
    assert refused(release_actor, actors, a) is Missing
    head = actors.place("a")
    actors.store.update_references([Change(f"moved/{a.hex()}", None, head)])
    assert refused(release_actor, actors, a) is Rejected
    actors.store.update_references([Change(f"heads/{a.hex()}", head, None)])
    assert refused(release_actor, actors, a) is Missing


def test_adopt_is_refused(actors: ActorStore) -> None:
    a = actors.actor("a")
    assert refused(adopt_actor, actors, a) is Missing
    head, other = actors.place("a"), actors.place("b")
    moved = f"moved/{a.hex()}"
    for target in (actors.blob, other):
        actors.store.update_references([Change(moved, actors.references().get(moved), target)])
        assert refused(adopt_actor, actors, a) is Invalid
    actors.store.update_references([Change(moved, other, head)])
    assert refused(adopt_actor, actors, a) is Rejected
    actors.store.update_references([Change(f"heads/{a.hex()}", head, None), Change(f"gone/{a.hex()}", None, head)])
    assert refused(adopt_actor, actors, a) is Rejected
    actors.store.update_references([Change(f"gone/{a.hex()}", head, None)])
    actors.store.update(lambda batch: batch.delete(Table.OBJECTS, head))
    assert refused(adopt_actor, actors, a) is Missing
