"""Edges and closures."""

from __future__ import annotations

import pytest

from gritstone.errors import Exhausted, Invalid, Missing
from gritstone.grit import Blob, Kind, Mailbox, Message, Object, ObjectId, Step, Tree
from gritstone.grit.graph import closure, edges


def name(n: int) -> ObjectId:
    return n.to_bytes(32, "big")


class World:
    """A graph whose ids are given, so that any edge can be made."""

    def __init__(self, objects: dict[int, Object]) -> None:
        self.objects = {name(n): value for n, value in objects.items()}
        self.loaded: list[ObjectId] = []

    def load(self, object_id: ObjectId) -> Object | Kind:
        self.loaded.append(object_id)
        if object_id not in self.objects:
            raise Missing("absent", rule="grit.graph.edges")
        value = self.objects[object_id]
        return Kind.BLOB if isinstance(value, Blob) else value


BLOB = Blob({}, b"")
FULL: dict[int, Object] = {
    1: BLOB,
    2: Tree({"a": name(1)}),
    3: Tree({"x": name(2), "y": name(1)}),
    4: Message(None, {}, name(1)),
    5: Message(name(4), {}, name(3)),
    6: Mailbox({name(2): name(5)}),
    7: Mailbox({name(3): name(4)}),
    8: Step(None, name(2), None, None, name(2)),
    9: Step(name(8), name(2), name(6), name(7), name(3)),
}


def test_edges_are_returned_in_order() -> None:
    assert [target for target, _ in edges(FULL[9])] == [name(n) for n in (8, 2, 6, 7, 3)]
    assert [target for target, _ in edges(FULL[8])] == [name(2), name(2)]
    assert [target for target, _ in edges(FULL[6])] == [name(2), name(5)]
    assert [target for target, _ in edges(FULL[5])] == [name(4), name(3)]
    assert [target for target, _ in edges(FULL[3])] == [name(2), name(1)]
    assert list(edges(BLOB)) == []


def test_closure_loads_each_object_once() -> None:
    world = World(FULL)
    found = closure([name(9), name(9), name(2)], world.load, 10)
    assert found == {object_id: value.kind for object_id, value in world.objects.items()}
    assert sorted(world.loaded) == sorted(world.objects)


def test_closure_without_roots_is_empty() -> None:
    assert closure([], World(FULL).load, 10) == {}


@pytest.mark.parametrize("gone", sorted(FULL))
def test_closure_with_an_absent_object_is_missing(gone: int) -> None:
    world = World({n: value for n, value in FULL.items() if n != gone})
    with pytest.raises(Missing):
        closure([name(9)], world.load, 10)


WRONG: list[Object] = [
    Tree({"a": name(4)}),
    Tree({"a": name(6)}),
    Tree({"a": name(8)}),
    Message(name(2), {}, name(1)),
    Message(None, {}, name(4)),
    Message(None, {}, name(8)),
    Mailbox({name(1): name(4)}),
    Mailbox({name(2): name(2)}),
    Step(name(4), name(2), None, None, name(2)),
    Step(None, name(1), None, None, name(2)),
    Step(None, name(2), name(2), None, name(2)),
    Step(None, name(2), None, name(4), name(2)),
    Step(None, name(2), None, None, name(1)),
]


@pytest.mark.parametrize("value", WRONG)
@pytest.mark.parametrize("met_before", [False, True])
def test_edge_to_a_wrong_kind_is_invalid(value: Object, met_before: bool) -> None:
    world = World(FULL | {99: value})
    with pytest.raises(Invalid) as caught:
        closure([name(99), name(9)] if met_before else [name(9), name(99)], world.load, 10)
    assert caught.value.rule == "grit.graph.kinds"


def test_closure_of_a_long_chain_needs_no_recursion() -> None:
    chain: dict[int, Object] = {1: BLOB, 2: Message(None, {}, name(1))}
    for n in range(3, 200_003):
        chain[n] = Message(name(n - 1), {}, name(1))
    assert len(closure([name(200_002)], World(chain).load, 10)) == 200_002


def nested(depth: int) -> dict[int, Object]:
    trees: dict[int, Object] = {1: BLOB, 2: Tree({"b": name(1)})}
    for n in range(3, depth + 2):
        trees[n] = Tree({"a": name(n - 1), "b": name(1)})
    return trees


@pytest.mark.parametrize("depth", [1, 2, 3, 1_000])
def test_trees_of_limit_depth_pass_and_one_level_more_fails(depth: int) -> None:
    trees = nested(depth)
    root = [name(depth + 1)]
    assert len(closure(root, World(trees).load, depth)) == depth + 1
    with pytest.raises(Exhausted):
        closure(root, World(trees).load, depth - 1)


def test_depth_counts_subtrees_that_were_visited_before() -> None:
    trees = nested(6)
    every_tree = [name(n) for n in range(2, 8)]
    assert len(closure(every_tree, World(trees).load, 6)) == 7
    for roots in (every_tree, every_tree[::-1]):
        with pytest.raises(Exhausted):
            closure(roots, World(trees).load, 5)


def test_depth_restarts_below_a_message() -> None:
    trees = nested(3) | {50: Message(None, {}, name(4)), 51: Mailbox({name(4): name(50)})}
    assert len(closure([name(51)], World(trees).load, 3)) == 6


def test_shared_subtrees_are_walked_once() -> None:
    layers: dict[int, Object] = {1: BLOB, 2: Tree({"b": name(1)})}
    for n in range(3, 60):
        layers[n] = Tree({f"{m}": name(n - 1) for m in range(50)})
    world = World(layers)
    assert len(closure([name(59)], world.load, 100)) == 59
    assert len(world.loaded) == 59
