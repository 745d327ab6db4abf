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


class House:
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
def house(memory_store: Store, keep: Keep) -> House:
    return House(memory_store, keep)


def test_actor_moves_to_another_store_and_back(house: House, keep: Keep) -> None:
    a, b = house.actor("a"), house.actor("b")
    head = house.place("a", {b: house.message}, {b: house.later, house.actor("nobody"): house.message})
    house.place("b", {a: house.later}, {a: house.message})
    assert release_actor(house.store, a) == head
    names = house.references()
    assert names[f"moved/{a.hex()}"] == head
    assert f"heads/{a.hex()}" not in names
    with house.store.snapshot() as snapshot:
        bundle = b"".join(export_bundle(snapshot, [f"moved/{a.hex()}"]))
    other = House(Store.open(MemoryEngine(), house.store.format), keep)
    import_bundle(other.store, BytesIO(bundle))
    assert adopt_actor(other.store, a) == head
    assert other.references() == {f"heads/{a.hex()}": head, f"adopted/{a.hex()}": head}
    assert adopt_actor(house.store, a) == head, "adopting again restores the head"
    assert house.references().keys() == {f"adopted/{a.hex()}", f"heads/{a.hex()}", f"heads/{b.hex()}"}


@pytest.mark.parametrize("trouble", ["mail to it", "mail to itself", "mail of it", "half read", "mark"])
def test_release_of_a_busy_actor_is_refused(house: House, trouble: str) -> None:
    a, b = house.actor("a"), house.actor("b")
    sent: dict[str, Mail] = {
        "mail to itself": {a: house.message},
        "mail of it": {b: house.message},
        "half read": {b: house.later},
    }
    house.place("a", {}, sent.get(trouble, {}))
    read = {a: house.message} if trouble == "half read" else {}
    house.place("b", read, {a: house.message} if trouble == "mail to it" else {})
    if trouble == "mark":
        house.store.update_references([Change(f"failed/{a.hex()}", None, house.put(Mailbox({b: house.message})))])
    before = house.references()
    with pytest.raises(Rejected) as caught:
        release_actor(house.store, a)
    assert caught.value.code == "busy"
    assert house.references() == before


def refused(work: Callable[[Store, ObjectId], ObjectId], house: House, actor: ObjectId) -> type[Refusal]:
    before = house.references()
    with pytest.raises(Refusal) as caught:
        work(house.store, actor)
    assert caught.value.code != "busy"
    assert house.references() == before
    return caught.type


def test_release_is_refused(house: House) -> None:
    a = house.actor("a")
    assert refused(release_actor, house, a) is Missing
    head = house.place("a")
    house.store.update_references([Change(f"moved/{a.hex()}", None, head)])
    assert refused(release_actor, house, a) is Rejected
    house.store.update_references([Change(f"heads/{a.hex()}", head, None)])
    assert refused(release_actor, house, a) is Missing


def test_adopt_is_refused(house: House) -> None:
    a = house.actor("a")
    assert refused(adopt_actor, house, a) is Missing
    head, other = house.place("a"), house.place("b")
    moved = f"moved/{a.hex()}"
    for target in (house.blob, other):
        house.store.update_references([Change(moved, house.references().get(moved), target)])
        assert refused(adopt_actor, house, a) is Invalid
    house.store.update_references([Change(moved, other, head)])
    assert refused(adopt_actor, house, a) is Rejected
    house.store.update_references([Change(f"heads/{a.hex()}", head, None), Change(f"gone/{a.hex()}", None, head)])
    assert refused(adopt_actor, house, a) is Rejected
    house.store.update_references([Change(f"gone/{a.hex()}", head, None)])
    house.store.update(lambda batch: batch.delete(Table.OBJECTS, head))
    assert refused(adopt_actor, house, a) is Missing
