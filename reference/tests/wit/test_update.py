"""Updates: merge against a model of maps, refusals, frozen cores."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gritstone.errors import Invalid, Rejected
from gritstone.grit import FORMATS, Limits, MemoryEngine, Store, Tree
from gritstone.grit.formats import Format
from gritstone.wit import Objects
from gritstone.wit.frozen import changed_path, frozen_paths
from gritstone.wit.update import merge
from gritstone.wit.workspace import Workspace

names = st.sampled_from(["a", "b", "c"])
values = st.recursive(st.integers(0, 3), lambda below: st.dictionaries(names, below, min_size=1), max_leaves=12)
trees = st.dictionaries(names, values, min_size=1)


def merged(old: Any, new: Any) -> Any:
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    return {**old, **{name: merged(old.get(name), value) for name, value in new.items()}}


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_merge_of_trees_equals_merge_of_nested_maps(name: str) -> None:
    format_ = FORMATS[name]

    @given(trees, trees)
    def check(core: Any, update: Any) -> None:
        bench = _Nested(format_)
        assert merge(bench.workspace, bench.put(core), bench.put(update)) == bench.put(merged(core, update))

    check()


class _Nested:
    """Put nested dictionaries; a fixture is not created again for each example."""

    def __init__(self, format_: Format) -> None:
        store = Store.open(MemoryEngine(), format_)
        self.workspace = Workspace(Objects(format_, Limits(), store.get))

    def put(self, value: Any) -> bytes:
        if isinstance(value, dict):
            return self.workspace.put(Tree({name: self.put(one) for name, one in value.items()}))
        from gritstone.grit import Blob

        return self.workspace.put(Blob({"v": f"{value}"}, b""))


def test_merge_rejects_other_kinds(bench: Any) -> None:
    tree, blob = bench.nested({"a": 1}), bench.blob(b"x")
    for pair in ((tree, blob), (blob, tree)):
        with pytest.raises(Invalid):
            merge(bench.workspace, *pair)


def test_merge_of_deep_trees_needs_no_recursion(bench: Any) -> None:
    core = update = bench.nested({"end": 1})
    other = bench.nested({"other": 1})
    expected = bench.nested({"end": 1, "other": 1})
    for _ in range(1_050):
        core, other, expected = bench.tree(n=core), bench.tree(n=other), bench.tree(n=expected)
    assert merge(bench.workspace, core, other) == expected
    assert update


def update(bench: Any, actor: bytes, head: bytes, content: bytes) -> Any:
    message = bench.message(content, bench.position(head, actor).inbox[bench.outside], mt="update")
    step = bench.step(actor, head, [(bench.outside, message)])
    assert step is not None
    after = bench.position(step, actor)
    assert after.inbox[bench.outside] == message
    return after


def test_pairs_of_trees_are_merged_once(bench: Any) -> None:
    """Trees of 100 levels, of which both entries are one tree, have 2^100 paths."""

    def doubled(leaf: int) -> Any:
        tree = bench.nested({"leaf": leaf})
        for _ in range(100):
            tree = bench.tree(left=tree, right=tree)
        return tree

    assert merge(bench.workspace, doubled(1), doubled(2)) == doubled(2)


def test_update_without_code_merges_trees_into_the_core(bench: Any) -> None:
    actor, head = bench.born("a", d=bench.nested({"x": 1, "y": 2}))
    after = update(bench, actor, head, bench.nested({"d": {"y": 3}, "e": 4}))
    assert after.step.core == bench.core("a", d=bench.nested({"x": 1, "y": 3}), e=bench.blob(b"4"))


def test_refused_update_keeps_the_core(bench: Any) -> None:
    actor, head = bench.born("a", frozen=bench.blob(b"f/g\n"), f=bench.nested({"g": 1}), wit_query=bench.blob(b"q"))
    for content in (
        bench.blob(b"no tree"),
        bench.nested({"wit": {"x": 1}}),
        bench.nested({"wit": "other"}),
        bench.nested({"f": {"g": 2}}),
        bench.nested({"wit_update": "external:puppet/1"}),
        bench.nested({"frozen": "x"}),
    ):
        assert update(bench, actor, head, content).step.core == actor
    assert update(bench, actor, head, bench.nested({"f": {"h": 2}})).step.core != actor


def test_update_code_makes_the_core(bench: Any) -> None:
    actor, head = bench.born("a", wit_update=bench.blob(b"external:puppet-stamp/1"))
    node = bench.blob(b"external:puppet/1")
    program = bench.program(b"W\1k\0\1v", wit_update=node, ignored=bench.blob(b"x"))
    after = update(bench, actor, head, program)
    assert "k" in after.core
    assert {"ignored", "stamp", "program"} & set(after.core) == set()
    with pytest.raises(Rejected) as caught:
        update(bench, actor, head, bench.nested({"wit_update": "external:absent"}))
    assert caught.value.code == "unresolved"


def test_frozen_paths_reject_updates(bench: Any) -> None:
    always = (("frozen",), ("wit",), ("wit_query",), ("wit_update",))
    workspace = bench.workspace
    for data, expected in {
        b"": always,
        b"a\n": (*always, ("a",)),
        b"a/b\nc\n": (*always, ("a", "b"), ("c",)),
        b"a": None,
        b"\n": None,
        b"a//b\n": None,
        b"..\n": None,
        b"\xff\n": None,
    }.items():
        assert frozen_paths(workspace, {"frozen": bench.blob(data)}) == expected
    assert frozen_paths(workspace, {"frozen": bench.nested({"a": 1})}) is None
    blob = bench.blob(b"gone")
    bench.store.erase(blob)
    assert frozen_paths(workspace, {"frozen": blob}) is None


def test_changed_path_names_the_first_frozen_change(bench: Any) -> None:
    workspace, one, two = bench.workspace, bench.blob(b"1"), bench.blob(b"2")
    old = {"frozen": bench.blob(b"a/b\n"), "a": bench.tree(b=one, c=one), "wit": one}
    assert changed_path(workspace, old, {**old, "a": bench.tree(b=one, c=two)}) is None
    assert changed_path(workspace, old, {**old, "a": bench.tree(b=two, c=one)}) == "a/b"
    assert changed_path(workspace, old, {**old, "a": one}) == "a/b"
    assert changed_path(workspace, old, {**old, "wit_query": one}) == "wit_query"
    assert changed_path(workspace, {"a": one}, {"a": two}) is None
    everything = {"frozen": bench.blob(b"x"), "a": one}
    assert changed_path(workspace, everything, everything) is None
    assert changed_path(workspace, everything, {**everything, "b": one}) == "/"
