"""The laws of a store, on every engine and format."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from gritstone.errors import Exhausted, Invalid, Malformed, Missing, Refusal, Rejected
from gritstone.grit import (
    CBOR_BLAKE3,
    FRAMED_SHA256,
    Blob,
    Change,
    Format,
    Limits,
    MemoryEngine,
    Message,
    Object,
    ObjectId,
    Store,
    Tree,
)
from gritstone.grit.engine import Engine, Table

A = bytes(range(1, 33))

Keep = Callable[[Store, Object], ObjectId]
Plant = Callable[[Store, int], dict[str, ObjectId]]


def encoded(store: Store, value: Object) -> bytes:
    return store.format.encode(value, store.limits)


# --- opening ---------------------------------------------------------------------------------------------


def test_store_keeps_its_format(engine: Engine) -> None:
    with pytest.raises(Missing):
        Store.open(engine, FRAMED_SHA256, create=False)
    store = Store.open(engine, FRAMED_SHA256)
    blob = store.put(b"blob 1\0\0")
    with pytest.raises(Rejected) as caught:
        Store.open(engine, CBOR_BLAKE3)
    assert caught.value.code == "format"
    assert Store.open(engine, FRAMED_SHA256, create=False).get(blob) == b"blob 1\0\0"


# --- putting and getting ---------------------------------------------------------------------------------


def test_put_object_is_returned_by_get(store: Store) -> None:
    data = encoded(store, Blob({"a": "b"}, b"data"))
    object_id = store.put(data)
    assert object_id == store.format.object_id(data)
    assert store.put(data) == object_id
    assert store.put(data, object_id) == object_id
    assert store.get(object_id) == data
    assert store.has([object_id, A, object_id]) == [True, False, True]
    assert store.has([]) == []


def test_put_rejects_invalid_encodings(store: Store) -> None:
    for data, kind in ((b"", Malformed), (b"tree 0\0" if store.format is FRAMED_SHA256 else b"\x82\x01\xa0", Invalid)):
        with pytest.raises(kind):
            store.put(data)
        assert store.has([store.format.object_id(data)]) == [False]


def test_put_checks_the_expected_id(store: Store) -> None:
    data = encoded(store, Blob({}, b"x"))
    with pytest.raises(Invalid) as caught:
        store.put(data, A)
    assert caught.value.code == "digest"
    assert store.has([store.format.object_id(data), A]) == [False, False]


def test_put_does_not_follow_edges(store: Store, keep: Keep) -> None:
    keep(store, Tree({"nowhere": A}))


def test_put_rejects_the_other_format(store: Store) -> None:
    other = CBOR_BLAKE3 if store.format is FRAMED_SHA256 else FRAMED_SHA256
    with pytest.raises(Refusal):
        store.put(other.encode(Blob({}, b"x"), store.limits))


def test_object_put_after_a_miss_is_found(store: Store) -> None:
    data = encoded(store, Blob({}, b"late"))
    object_id = store.format.object_id(data)
    with pytest.raises(Missing):
        store.get(object_id)
    store.put(data)
    assert store.get(object_id) == data


def test_put_group_stores_valid_members(store: Store, keep: Keep) -> None:
    erased = keep(store, Blob({}, b"gone"))
    store.erase(erased)
    good, other = encoded(store, Blob({}, b"1")), encoded(store, Blob({}, b"2"))
    answers = store.put_group(
        [(good, None), (b"junk", None), (encoded(store, Blob({}, b"gone")), None), (other, A), (good, None)]
    )
    assert answers[0] == answers[4] == store.format.object_id(good)
    assert [type(answer) for answer in answers[1:4]] == [
        Malformed if store.format is FRAMED_SHA256 else Invalid,
        Rejected,
        Invalid,
    ]
    assert store.get(store.format.object_id(good)) == good
    assert store.has([store.format.object_id(other)]) == [False]
    assert store.put_group([]) == []


@pytest.mark.parametrize("engine", ["memory"], indirect=True)
def test_put_accepts_limit_bytes_and_refuses_one_byte_more(engine: Engine, format_: Format) -> None:
    data = format_.encode(Blob({}, bytes(1_000)), Limits())
    Store.open(engine, format_, limits=Limits(object_bytes=len(data))).put(data)
    with pytest.raises(Exhausted):
        Store.open(engine, format_, limits=Limits(object_bytes=len(data) - 1)).put(data)


# --- erasing ---------------------------------------------------------------------------------------------


def test_erase_removes_bytes_and_leaves_a_tombstone(store: Store, keep: Keep) -> None:
    blob = keep(store, Blob({}, b"secret"))
    tree = keep(store, Tree({"a": blob}))
    store.update_references([Change("tags/x", None, tree), Change("tags/y", None, blob)])
    for _ in range(2):
        store.erase(blob)
        with pytest.raises(Missing) as missing:
            store.get(blob)
        assert missing.value.code == "erased"
        assert store.has([blob, tree]) == [False, True]
    with pytest.raises(Rejected) as rejected:
        keep(store, Blob({}, b"secret"))
    assert rejected.value.code == "erased"
    assert store.prune() == 0
    store.update_references([Change("tags/x", tree, None), Change("tags/y", blob, None)])
    assert store.prune([blob]) == 1
    with pytest.raises(Missing) as missing:
        store.get(blob)
    assert missing.value.code == "erased"


def test_erase_rejects_objects_other_than_blobs(store: Store, plant: Plant) -> None:
    ids = plant(store, 1)
    for label in ("tree0", "message0", "mailbox", "step0"):
        with pytest.raises(Rejected) as rejected:
            store.erase(ids[label])
        assert rejected.value.code is None
        assert store.has([ids[label]]) == [True]
    with pytest.raises(Missing) as missing:
        store.erase(A)
    assert missing.value.code is None


def test_damaged_bytes_are_not_erased(store: Store, keep: Keep) -> None:
    blob = keep(store, Blob({}, b"x"))
    store.update(lambda batch: batch.put(Table.OBJECTS, blob, b"rubbish"))
    with pytest.raises(Missing) as missing:
        store.erase(blob)
    assert missing.value.code == "corrupt"


# --- pruning ---------------------------------------------------------------------------------------------


def test_prune_keeps_the_closure(store: Store, plant: Plant, keep: Keep) -> None:
    ids = plant(store, 2)
    with store.snapshot() as snapshot:
        kept = snapshot.closure([target for _, target in snapshot.references()])
    rubbish = [keep(store, Blob({}, bytes([n]) * 100)) for n in range(5)]
    pinned = keep(store, Tree({"p": rubbish[0]}))
    before = {one for one in [*ids.values(), *rubbish, pinned] if store.has([one]) == [True]}
    removed = store.prune([pinned, pinned])
    after = {one for one in before if store.has([one]) == [True]}
    assert after == (set(kept) | {pinned, rubbish[0]}) & before
    assert removed >= len(before - after) == len(before) - len(after)
    assert store.prune([pinned]) == 0
    assert store.prune() == 2


def test_prune_without_references_removes_everything(store: Store, keep: Keep) -> None:
    blob = keep(store, Blob({}, b"x"))
    assert store.prune() == 1
    with pytest.raises(Missing):
        store.get(blob)
    with pytest.raises(Missing) as missing:
        store.update_references([Change("tags/x", None, blob)])
    assert missing.value.code is None
    keep(store, Blob({}, b"x"))
    store.update_references([Change("tags/x", None, blob)])


@pytest.mark.parametrize("seed", range(3))
def test_prune_rejects_an_incomplete_closure(store: Store, plant: Plant, keep: Keep, seed: int) -> None:
    plant(store, seed)
    rubbish = keep(store, Blob({}, b"rubbish"))
    with store.snapshot() as snapshot:
        reached = sorted(snapshot.closure([target for _, target in snapshot.references()]))
    gone = random.Random(seed).choice(reached)
    store.update(lambda batch: batch.delete(Table.OBJECTS, gone))
    with pytest.raises(Missing):
        store.prune()
    with pytest.raises(Missing):
        store.prune([A])
    assert store.has([rubbish]) == [True]


def test_prune_rejects_wrong_kinds(store: Store, keep: Keep) -> None:
    message = keep(store, Message(None, {}, keep(store, Blob({}, b""))))
    wrong = keep(store, Tree({"a": message}))
    with pytest.raises(Invalid):
        store.prune([wrong])
    assert store.has([wrong, message]) == [True, True]


def test_prune_rejects_trees_nested_too_deep(engine: Engine, format_: Format, keep: Keep) -> None:
    store = Store.open(engine, format_, limits=Limits(tree_depth=30))
    tree = keep(store, Blob({}, b""))
    for _ in range(30):
        tree = keep(store, Tree({"a": tree}))
    assert store.prune([tree]) == 0
    with pytest.raises(Exhausted):
        store.prune([keep(store, Tree({"a": tree}))])
    assert store.prune([tree]) == 1


# --- references ------------------------------------------------------------------------------------------


def test_references_are_compared_and_swapped(store: Store, keep: Keep) -> None:
    one, two = keep(store, Blob({}, b"1")), keep(store, Blob({}, b"2"))
    store.update_references([Change("tags/a", None, one), Change("tags/b", None, two)])
    for stale in (Change("tags/a", None, two), Change("tags/a", two, one), Change("tags/c", one, two)):
        with pytest.raises(Rejected) as caught:
            store.update_references([Change("tags/new", None, one), stale])
        assert caught.value.code == "conflict"
    assert store.list_references() == ([("tags/a", one), ("tags/b", two)], False)
    store.update_references([Change("tags/a", one, two), Change("tags/b", two, None), Change("tags/c", None, None)])
    assert store.list_references() == ([("tags/a", two)], False)
    store.update_references([])


def test_check_without_change_ignores_the_target(store: Store, keep: Keep) -> None:
    blob = keep(store, Blob({}, b"1"))
    store.update_references([Change("tags/a", None, blob)])
    store.erase(blob)
    store.update_references([Change("tags/a", blob, blob)])
    with pytest.raises(Rejected):
        store.update_references([Change("tags/b", blob, blob)])


def test_reference_update_checks_its_targets(store: Store, plant: Plant) -> None:
    ids = plant(store, 3)
    actor = ids["tree0"].hex()
    for name, good, bad in (
        (f"heads/{actor}", "step0", "tree0"),
        (f"failed/{actor}", "letter", "mailbox"),
        ("actors/z", "tree0", "blob0"),
        ("runtime/agent", "tree1", "step0"),
    ):
        old = dict(store.list_references()[0]).get(name)
        with pytest.raises(Rejected) as rejected:
            store.update_references([Change(name, old, ids[bad])])
        assert rejected.value.code is None
        with pytest.raises(Missing):
            store.update_references([Change(name, old, A)])
        if ids[good] != old:
            store.update_references([Change(name, old, ids[good])])
    store.erase(ids["blob1"])
    with pytest.raises(Missing) as missing:
        store.update_references([Change("tags/z", None, ids["blob1"])])
    assert missing.value.code == "erased"


@pytest.mark.parametrize("engine", ["memory", "lmdb"], indirect=True)
def test_reference_limits_are_exact(engine: Engine, format_: Format, keep: Keep) -> None:
    store = Store.open(engine, format_, limits=Limits(cas_names=4, refs=6))
    blob = keep(store, Blob({}, b""))
    store.update_references([Change(f"a/{n}", None, blob) for n in range(4)])
    with pytest.raises(Exhausted):
        store.update_references([Change(f"b/{n}", None, blob) for n in range(5)])
    with pytest.raises(Exhausted):
        store.update_references([Change(f"b/{n}", None, blob) for n in range(3)])
    store.update_references([Change("a/0", blob, None), *(Change(f"b/{n}", None, blob) for n in range(3))])
    assert len(store.list_references()[0]) == 6
    with pytest.raises(Exhausted):
        store.update_references([Change("c/0", None, blob)])
    store.update_references([Change("a/1", blob, blob), Change("c/0", None, None)])


def test_references_are_listed_in_pages(store: Store, keep: Keep) -> None:
    blob = keep(store, Blob({}, b""))
    names = [f"tags/{n:02}" for n in range(10)]
    store.update_references([Change(name, None, blob) for name in names])
    page, more = store.list_references("tags/", None, 4)
    assert ([name for name, _ in page], more) == (names[:4], True)
    page, more = store.list_references("tags/", "tags/03", 6)
    assert ([name for name, _ in page], more) == (names[4:], False)


# --- against a model -------------------------------------------------------------------------------------

_POOL = [Blob({}, bytes([n])) for n in range(6)]
_NAMES = ["tags/a", "tags/b", "a/c"]


class StoreMachine(RuleBasedStateMachine):
    """A store does what a dictionary would."""

    known = Bundle("known")

    def __init__(self) -> None:
        super().__init__()
        self.store = Store.open(MemoryEngine(), FRAMED_SHA256, limits=Limits(refs=2))
        self.objects: dict[ObjectId, bytes] = {}
        self.erased: set[ObjectId] = set()
        self.references: dict[str, ObjectId] = {}

    @rule(target=known, blob=st.sampled_from(_POOL))
    def put(self, blob: Blob) -> ObjectId:
        data = FRAMED_SHA256.encode(blob, self.store.limits)
        object_id = FRAMED_SHA256.object_id(data)
        try:
            assert self.store.put(data) == object_id
            self.objects[object_id] = data
        except Rejected:
            assert object_id in self.erased
        return object_id

    @rule(target=known, below=st.lists(known, min_size=1, max_size=3))
    def put_tree(self, below: list[ObjectId]) -> ObjectId:
        data = FRAMED_SHA256.encode(Tree({f"{n}": one for n, one in enumerate(below)}), self.store.limits)
        object_id = self.store.put(data)
        self.objects[object_id] = data
        return object_id

    @rule(target_id=known)
    def get(self, target_id: ObjectId) -> None:
        if target_id in self.objects:
            assert self.store.get(target_id) == self.objects[target_id]
        else:
            with pytest.raises(Missing) as caught:
                self.store.get(target_id)
            assert caught.value.code == ("erased" if target_id in self.erased else None)

    @rule(target_id=consumes(known))
    def erase(self, target_id: ObjectId) -> None:
        try:
            self.store.erase(target_id)
            self.objects.pop(target_id, None)
            self.erased.add(target_id)
        except Missing:
            assert target_id not in self.objects
        except Rejected:
            assert self.objects[target_id].startswith(b"tree")

    @rule(changes=st.lists(st.tuples(st.sampled_from(_NAMES), st.none() | known, st.none() | known), max_size=3))
    def update_references(self, changes: list[tuple[str, ObjectId | None, ObjectId | None]]) -> None:
        wanted = dict(self.references)
        for name, _, new in changes:
            wanted.pop(name, None)
            if new is not None:
                wanted[name] = new
        repeated = len({name for name, _, _ in changes}) < len(changes)
        conflict = any(self.references.get(name) != old for name, old, _ in changes)
        absent = any(new not in self.objects for _, old, new in changes if new is not None and new != old)
        good = not (repeated or conflict or absent or len(wanted) > 2)
        try:
            self.store.update_references([Change(*change) for change in changes])
            assert good
            self.references = wanted
        except Refusal:
            assert not good

    @rule()
    def prune(self) -> None:
        reached: set[ObjectId] = set()
        waiting = list(self.references.values())
        whole = True
        while waiting:
            one = waiting.pop()
            if one in reached or one in self.erased:
                continue
            if one not in self.objects:
                whole = False
                break
            reached.add(one)
            data = self.objects[one]
            if data.startswith(b"tree"):
                waiting += FRAMED_SHA256.decode(data, self.store.limits).entries.values()  # type: ignore[union-attr]
        try:
            assert self.store.prune() == len(set(self.objects) - reached)
            assert whole
            self.objects = {one: data for one, data in self.objects.items() if one in reached}
        except Missing:
            assert not whole

    @invariant()
    def same_content(self) -> None:
        assert dict(self.store.list_references()[0]) == self.references
        assert self.store.has(sorted(self.objects)) == [True] * len(self.objects)


TestStoreMachine = StoreMachine.TestCase
