"""The model store: the table of states, updates, pruning, imports."""

from __future__ import annotations

from typing import Any

from gritstone_conformance.model.formats import CBOR_BLAKE3, Format
from gritstone_conformance.model.limits import Limits
from gritstone_conformance.model.refusals import ok, refused
from gritstone_conformance.model.store import Change, Store
from gritstone_conformance.model.values import Blob, Message, Step, Tree, to_base64
from gritstone_conformance.strategies.graphs import Graph, nested

ABSENT = b"\7" * 32


def put(store: Store, value: Any) -> bytes:
    data = store.format.encode(value)
    identity = store.format.hash(data)
    assert store.put(data) == ok(id=identity.hex())
    return identity


def test_absent_object_is_reported(fmt: Format) -> None:
    store = Store(fmt)
    lacking = store._lacking(ABSENT)
    assert lacking is not None
    assert (lacking.kind, lacking.rule) == ("missing", "grit.store.missing")
    assert store.get(ABSENT) == store.erase(ABSENT) == store.damage(ABSENT, 0, 1) == refused("missing")
    assert store.has([ABSENT]) == ok(has=[False])
    assert store.cas([Change("tags/a", None, ABSENT)]) == store.prune([ABSENT]) == refused("missing")


def test_erased_object_is_reported(fmt: Format) -> None:
    store = Store(fmt)
    leaf = put(store, Blob((), b"x"))
    top = put(store, Tree((("a", leaf),)))
    assert store.cas([Change("tags/a", None, top)]) == ok()
    assert store.erase(top) == refused("rejected")
    assert store.erase(leaf) == store.erase(leaf) == ok()
    assert store.get(leaf) == refused("missing", "erased")
    assert store.put(fmt.encode(Blob((), b"x"))) == refused("rejected", "erased")
    assert store.prune() == ok(removed=0)
    assert store.has([leaf, top]) == ok(has=[False, True])
    copy = Store(fmt)
    assert copy.import_(store.export()) == ok(objects=1, refs=1)
    assert copy.get(leaf) == refused("missing", "erased")


def test_corrupt_object_is_reported(fmt: Format) -> None:
    store = Store(fmt)
    leaf = put(store, Blob((), b"x"))
    assert store.cas([Change("tags/a", None, leaf)]) == ok()
    assert store.damage(leaf, 0, 1) == ok()
    assert store.get(leaf) == store.erase(leaf) == store.prune() == refused("missing", "corrupt")
    assert store.has([leaf]) == ok(has=[True])
    assert store.cas([Change("tags/b", None, leaf)]) == refused("missing", "corrupt")
    assert store.damage(leaf, 0, 1) == ok()
    assert store.get(leaf) == ok(bytes=to_base64(fmt.encode(Blob((), b"x"))))
    store.damage(leaf, 1, 255)
    put(store, Blob((), b"x"))
    assert store.prune() == ok(removed=0)


def test_put_rejects_invalid_objects(fmt: Format) -> None:
    store = Store(fmt, Limits(object_bytes=64))
    data = fmt.encode(Blob((), b"x"))
    assert store.put(data, ABSENT) == refused("invalid", "digest")
    assert store.put(fmt.encode(Blob((), b"x" * 64))) == refused("exhausted")
    assert store.put(b"x" * 65, ABSENT) == refused("exhausted")
    assert "ok" not in store.put(data + b"\0")
    assert not store.objects


def test_updates_compare_and_set_references(fmt: Format) -> None:
    store = Store(fmt, Limits(cas_names=3, refs=2))
    first, second = put(store, Blob((), b"1")), put(store, Blob((), b"2"))
    create = [Change("tags/a", None, first), Change("tags/b", None, first)]
    assert store.cas(create) == ok()
    assert store.cas(create) == refused("rejected", "conflict")
    assert store.cas([Change("tags/c", None, second)]) == refused("exhausted")
    assert store.cas([Change("tags/a", first, None), Change("tags/c", None, second)]) == ok()
    assert store.cas([Change("tags/b", first, first)] * 2) == refused("invalid")
    assert store.cas([Change("tags/../b", None, None)]) == refused("invalid")
    assert store.cas([Change(f"tags/{name}", None, None) for name in "wxyz"]) == refused("exhausted")
    assert store.cas([Change("tags/x", ABSENT, ABSENT)]) == refused("rejected", "conflict")
    assert store.refs("tags/", "tags/b", 4) == ok(refs=[["tags/c", second.hex()]], more=False)
    assert store.refs("", None, 1) == ok(refs=[["tags/b", first.hex()]], more=True)


def test_reference_targets_are_validated(fmt: Format) -> None:
    store = Store(fmt)
    leaf = put(store, Blob((), b"1"))
    tree = put(store, Tree((("a", leaf),)))
    step = put(store, Step(None, tree, None, None, tree))
    assert store.cas([Change(f"heads/{tree.hex()}", None, step)]) == ok()
    assert store.cas([Change(f"heads/{leaf.hex()}", None, step)]) == refused("rejected")
    assert store.cas([Change("actors/a", None, leaf)]) == refused("rejected")
    assert store.cas([Change("runtime/agent", None, tree), Change("actors/a", None, tree)]) == ok()
    assert store.cas([Change("runtime/other", None, tree)]) == refused("invalid")


def test_imports_are_atomic(fmt: Format) -> None:
    graph = Graph(fmt)
    graph.references = {"tags/a": graph.add(Blob((), b"1")), "tags/b": graph.add(Blob((), b"2"))}
    store = Store(fmt)
    other = put(store, Blob((), b"3"))
    store.cas([Change("tags/b", None, other)])
    assert store.import_(graph.bundle()) == refused("rejected", "conflict")
    assert store.references == {"tags/b": other}
    loose = graph.references["tags/a"]
    assert store.get(loose) == {"any": [refused("missing"), ok(bytes=to_base64(graph.encodings[loose]))]}
    assert store.has([loose, other]) == ok(has=[{"$": "any"}, True])
    assert store.prune() == ok(removed={"$": "any"})
    assert store.get(loose) == refused("missing")
    store.cas([Change("tags/b", other, None)])
    assert store.import_(graph.bundle()) == store.import_(graph.bundle()) == ok(objects=2, refs=2)


def test_incomplete_closures_are_rejected(fmt: Format) -> None:
    store = Store(fmt, Limits(tree_depth=5))
    leaf = put(store, Blob((), b"1"))
    astray = put(store, Message(leaf, (), leaf))
    assert store.prune([astray]) == refused("invalid")
    assert store.prune([put(store, Tree((("a", ABSENT),)))]) == refused("missing")
    deep = nested(fmt, 6)
    for data in deep.encodings.values():
        store.put(data)
    (top,) = deep.references.values()
    assert store.prune([top]) == refused("exhausted")


def test_copy_of_a_store_is_independent() -> None:
    store = Store(CBOR_BLAKE3)
    put(store, Blob((), b"1"))
    copy = store.copy()
    assert copy.prune() == ok(removed=1)
    assert len(store.objects) == 1
