"""The graph of the frames of a bundle."""

from __future__ import annotations

import itertools

import pytest

from gritstone.errors import Exhausted, GritstoneError, Invalid
from gritstone.grit import Blob, Mailbox, Message, Object, ObjectId, Step, Tree
from gritstone.grit.framegraph import FrameGraph


def name(n: int) -> ObjectId:
    return n.to_bytes(32, "big")


BLOB = Blob({}, b"")


def judged(
    objects: dict[int, Object | None], references: dict[str, int], depth: int = 10
) -> type[GritstoneError] | None:
    """Add frames in every order (of few) and check; all orders must agree."""
    verdicts = set()
    orders = itertools.permutations(objects) if len(objects) < 5 else [list(objects), list(objects)[::-1]]
    for order in orders:
        graph = FrameGraph(depth)
        verdict: type[GritstoneError] | None = None
        try:
            for reference, target in references.items():
                graph.add_reference(reference, name(target))
            for n in order:
                value = objects[n]
                if value is None:
                    graph.add_tombstone(name(n))
                else:
                    graph.add_object(name(n), value)
            graph.check()
        except (Invalid, Exhausted) as refusal:
            verdict = type(refusal)
        verdicts.add(verdict)
    assert len(verdicts) == 1
    return verdicts.pop()


TREE: dict[int, Object | None] = {1: BLOB, 2: Tree({"a": name(1)}), 3: Tree({"a": name(2), "b": name(1)})}


def test_exact_closure_is_accepted() -> None:
    assert judged(TREE, {"tags/x": 3}) is None
    assert judged({}, {}) is None
    assert judged(TREE | {1: None}, {"tags/x": 3}) is None


@pytest.mark.parametrize("gone", [1, 2, 3])
def test_missing_frame_is_rejected(gone: int) -> None:
    assert judged({n: v for n, v in TREE.items() if n != gone}, {"tags/x": 3}) is Invalid


def test_unreachable_frame_is_rejected() -> None:
    assert judged(TREE | {9: BLOB}, {"tags/x": 3}) is Invalid
    assert judged(TREE, {"tags/x": 2}) is Invalid
    assert judged(TREE, {}) is Invalid
    assert judged({9: None}, {}) is Invalid


def test_edges_to_wrong_kinds_are_rejected() -> None:
    assert judged({1: BLOB, 2: Message(None, {}, name(1)), 3: Tree({"a": name(2)})}, {"tags/x": 3}) is Invalid
    assert judged({1: None, 2: Step(None, name(1), None, None, name(1))}, {"tags/x": 2}) is Invalid
    assert judged({1: BLOB, 2: Mailbox({name(1): name(1)})}, {"tags/x": 2}) is Invalid


def test_references_to_wrong_kinds_are_rejected() -> None:
    step: dict[int, Object | None] = {1: BLOB, 2: Tree({"a": name(1)}), 3: Step(None, name(2), None, None, name(2))}
    assert judged(step, {f"heads/{name(2).hex()}": 3}) is None
    assert judged(step, {f"heads/{name(1).hex()}": 3}) is Invalid
    assert judged(step, {"tags/x": 3, "actors/x": 2}) is None
    assert judged(step, {"tags/x": 3, "actors/x": 1}) is Invalid
    assert judged({1: None}, {"tags/x": 1}) is None
    assert judged({1: None}, {"actors/x": 1}) is Invalid


@pytest.mark.parametrize("depth", [1, 2, 50])
def test_trees_nested_too_deep_are_exhausted(depth: int) -> None:
    trees: dict[int, Object | None] = {1: BLOB, 2: Tree({"a": name(1)})}
    for n in range(3, depth + 2):
        trees[n] = Tree({"a": name(n - 1), "b": name(2)} if n > 3 else {"a": name(2)})
    assert judged(trees, {"tags/x": depth + 1}, depth) is None
    if depth > 1:
        assert judged(trees, {"tags/x": depth + 1}, depth - 1) is Exhausted


def test_nesting_of_wide_trees_takes_linear_time() -> None:
    graph = FrameGraph(3)
    width = 30_000
    graph.add_reference("tags/x", name(1))
    graph.add_object(name(2), BLOB)
    graph.add_object(name(1), Tree({f"{n}": name(n) for n in range(3, width)}))
    for n in range(3, width):
        graph.add_object(name(n), Tree({"a": name(2)}))
    graph.check()


def test_graph_lists_the_added_frames() -> None:
    graph = FrameGraph(3)
    graph.add_reference("tags/x", name(1))
    assert not graph.holds(name(1))
    graph.add_object(name(1), BLOB)
    graph.add_tombstone(name(2))
    assert graph.holds(name(1))
    assert graph.holds(name(2))
    assert not graph.holds(name(3))
    assert graph.object_ids == [name(1)]
    assert graph.tombstones == [name(2)]
