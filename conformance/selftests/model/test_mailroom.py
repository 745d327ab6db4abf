"""The model's mailroom and shelf over a store that other requests change."""

from __future__ import annotations

import pytest

from gritstone_conformance.model.formats import Format
from gritstone_conformance.model.mailroom import Mailroom
from gritstone_conformance.model.refusals import ok
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.store import Store
from gritstone_conformance.model.values import Blob, Tree

BLOB = Blob((), b"a")


@pytest.fixture
def room(fmt: Format) -> Mailroom:
    store = Store(fmt)
    return Mailroom(store, Shelf.over(store))


def put_tree(room: Mailroom) -> bytes:
    return room.shelf.put(Tree((("a", room.shelf.put(BLOB)),)))


def test_shelf_adds_again_what_a_prune_removed(room: Mailroom) -> None:
    tree = put_tree(room)
    room.shelf.flush(room.store)
    assert room.shelf.is_tree(tree)
    assert room.store.prune() == ok(removed=2)
    room.reload()
    assert put_tree(room) == tree
    room.shelf.flush(room.store)
    assert room.store.prune([tree]) == ok(removed=0)


def test_reload_keeps_added_objects_that_were_not_stored(room: Mailroom) -> None:
    room.store.put(room.store.format.encode(Blob((), b"pruned")))
    tree = put_tree(room)
    assert room.store.prune() == ok(removed=1)
    room.reload()
    assert room.shelf.is_tree(tree)
    room.shelf.flush(room.store)
    assert room.store.has([tree]) == ok(has=[True])
