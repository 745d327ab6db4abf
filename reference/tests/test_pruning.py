"""Pruning in many short updates: what other writers do between two of them, and what a kill there leaves."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeVar

import pytest

from gritstone.errors import Exhausted, Missing
from gritstone.grit import Blob, Change, Format, MemoryEngine, Message, ObjectId, Store, Tree, export_bundle, pruning
from gritstone.grit.engine import Batch, Engine, View

_T = TypeVar("_T")


class Watched(Engine):
    """An engine that reports each update that makes room, and how many objects it removed.

    Attributes:
        between: called before each such update, with its number.
        sizes: the number of objects that each of them removed.
        room_for: how many objects one of them can remove; None for any.
    """

    def __init__(self) -> None:
        self._inner = MemoryEngine()
        self.between: Callable[[int], None] = lambda number: None
        self.sizes: list[int] = []
        self.room_for: int | None = None
        self._is_between = False

    def view(self) -> AbstractContextManager[View]:
        return self._inner.view()

    def update(self, work: Callable[[Batch], _T], *, freeing: bool = False) -> _T:
        if not freeing:
            return self._inner.update(work)
        self.between(len(self.sizes))

        def counted(batch: Batch) -> _T:
            result = work(batch)
            if isinstance(result, int) and self.room_for is not None and result > self.room_for:
                raise Exhausted("full", rule="grit.store.full")
            return result

        result = self._inner.update(counted)
        if isinstance(result, int):
            self.sizes.append(result)
        return result

    def scrub(self) -> None:
        self._inner.scrub()

    def close(self) -> None:
        self._inner.close()


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture
def store(watched: Watched, format_: Format, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(pruning, "_MOST_REMOVED", 4)
    return Store.open(watched, format_)


def put(store: Store, value: Blob | Tree | Message) -> ObjectId:
    return store.put(store.format.encode(value, store.limits))


def chain(store: Store, length: int, label: str = "") -> list[ObjectId]:
    """Put a chain of messages, each with content of its own; the last message is the first of the list."""
    found: list[ObjectId] = []
    last: ObjectId | None = None
    for number in range(length):
        content = put(store, Tree({"n": put(store, Blob({}, f"{label}{number}".encode()))}))
        last = put(store, Message(last, {}, content))
        found.insert(0, last)
    return found


def check_closed(store: Store) -> None:
    """Export everything: raises if the closure of a reference lacks an object."""
    with store.snapshot() as snapshot:
        list(export_bundle(snapshot))


def test_one_update_removes_a_bounded_number_of_objects(store: Store, watched: Watched) -> None:
    chain(store, 20)
    assert store.prune() == 60
    assert watched.sizes == [4] * 15


def test_parents_are_removed_before_children(store: Store, watched: Watched) -> None:
    """Between any two updates, every object that is there has its closure, whatever the order of arrival."""
    for seed in range(20):
        draw = random.Random(seed)
        ids = [put(store, Blob({}, b"%d/%d" % (seed, n))) for n in range(6)]
        for n in range(30):
            leads_to = draw.sample(ids, draw.randrange(1, 4))
            ids.append(put(store, Tree({f"e{seed}.{n}.{at}": one for at, one in enumerate(leads_to)})))

        def look(number: int, ids: list[ObjectId] = ids) -> None:
            with store.snapshot() as snapshot:
                snapshot.closure(one for one in ids if snapshot.has([one])[0])

        watched.between = look
        assert store.prune() > 30


@pytest.mark.parametrize("at", range(15))
@pytest.mark.parametrize("which", [0, 7, 19])
def test_reference_set_during_a_prune_keeps_its_closure(store: Store, watched: Watched, at: int, which: int) -> None:
    messages = chain(store, 20)
    is_set: list[bool] = []

    def interfere(number: int) -> None:
        if number == at and not is_set:
            try:
                store.update_references([Change("tags/back", None, messages[which])])
                is_set.append(True)
            except Missing:
                is_set.append(False)

    watched.between = interfere
    removed = store.prune()
    check_closed(store)
    kept = 3 * (20 - which) if is_set[0] else 0
    assert removed == 60 - kept
    assert store.prune() == 0


def test_large_rescued_closures_are_read_outside_updates(
    store: Store, watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "_MOST_RESCUED", 3)
    messages = chain(store, 20)
    other = put(store, Blob({}, b"other"))
    calls = []

    def interfere(number: int) -> None:
        calls.append(number)
        if len(calls) == 1:
            store.update_references([Change("tags/back", None, messages[0])])

    watched.between = interfere
    assert store.prune() == 1
    assert not store.has([other])[0]
    check_closed(store)
    assert calls.count(0) == 2, "the first update found out that it had to read too much"


def test_prune_ends_if_references_move_at_every_update(store: Store, watched: Watched) -> None:
    garbage = chain(store, 20)
    targets = chain(store, 40, "kept")[::-1]
    store.update_references([Change("tags/busy", None, targets[0])])

    def interfere(number: int) -> None:
        known = dict(store.list_references()[0])["tags/busy"]
        following = put(store, Message(known, {"n": str(number)}, put(store, Tree({"n": put(store, Blob({}, b"n"))}))))
        store.update_references([Change("tags/busy", known, following)])

    watched.between = interfere
    assert store.prune() >= 60
    assert not any(store.has(garbage))
    check_closed(store)


def test_full_medium_makes_smaller_updates(store: Store, watched: Watched) -> None:
    chain(store, 5)
    watched.room_for = 1
    assert store.prune() == 15
    assert watched.sizes == [1] * 15
    put(store, Blob({}, b"more"))
    watched.room_for = 0
    with pytest.raises(Exhausted):
        store.prune()


def test_kill_between_updates_keeps_closures(store: Store, watched: Watched) -> None:
    kept, garbage = chain(store, 5), chain(store, 20, "garbage")
    store.update_references([Change("tags/kept", None, kept[0])])

    def stop(number: int) -> None:
        if number == 3:
            raise KeyboardInterrupt

    watched.between = stop
    with pytest.raises(KeyboardInterrupt):
        store.prune()
    check_closed(store)
    assert 0 < store.has(garbage).count(True) < 20
    watched.between = lambda number: None
    store.prune()
    assert not any(store.has(garbage))
