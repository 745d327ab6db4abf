"""The graph of the frames of a bundle: checks it while the frames arrive in any order, without keeping them.

Each id gets a number. For each number the graph keeps one byte for the kind of its frame and one byte for the kinds
that all edges to it allow. For trees (on request, for all objects) it also keeps the numbers of the targets of their
edges: four bytes per edge.

A walk is not needed to check that each frame is reachable. Ids are hashes, so the graph has no cycle. If every frame
is the target of a reference or of an edge, each path upwards ends at a reference.

Spec: :rule:`grit.bundle.exact`, :rule:`grit.graph.kinds`, :rule:`grit.graph.iterative`.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator

from gritstone.errors import Exhausted, Invalid, Rejected
from gritstone.grit.graph import edges
from gritstone.grit.objects import Kind, Object, ObjectId
from gritstone.grit.references import check_target

__all__ = ["FrameGraph"]

_NO_FRAME = 0xFF
_UNREACHED = 0x20  # a bit in addition to those of the kinds; the first edge clears it
_KINDS = tuple(Kind)


def _mask(kinds: frozenset[Kind]) -> int:
    return sum(1 << kind.value for kind in kinds)


_ALL = _mask(frozenset(Kind))
_CODES = {kind: kind.value for kind in Kind}


class _Masks(dict[frozenset[Kind], int]):
    """Return the mask of a set of kinds; compute it at the first use."""

    def __missing__(self, kinds: frozenset[Kind]) -> int:
        mask = self[kinds] = _mask(kinds)
        return mask


class FrameGraph:
    """A graph of references and frames: add them, then ``check`` them.

    Attributes:
        object_ids: the ids of object frames, in the order in which they were added.
        tombstones: the ids of tombstone frames.
    """

    def __init__(self, tree_depth: int, *, keep_edges: bool = False) -> None:
        """Create an empty graph.

        Args:
            tree_depth: how many trees may be nested in each other.
            keep_edges: whether ``children_first`` will be called.
        """
        self.object_ids: list[ObjectId] = []
        self.tombstones: list[ObjectId] = []
        self._tree_depth = tree_depth
        self._keep_edges = keep_edges
        self._numbers: dict[ObjectId, int] = {}
        self._kinds = bytearray()  # by number: the kind of the frame
        self._allowed = bytearray()  # by number: one bit for each kind that all edges allow
        self._roots: dict[ObjectId, list[str]] = {}
        self._places: dict[int, tuple[int, int]] = {}  # number -> its range in _edges, if its edges are kept
        self._edges = array("I")
        self._wrong_root: Invalid | None = None  # the first one; raised late, so a truncated bundle is reported as such
        self._masks = _Masks()

    def add_reference(self, name: str, target: ObjectId) -> None:
        """Add a reference; all references must be added before the first frame."""
        self._roots.setdefault(target, []).append(name)
        self._allowed[self._number(target)] &= _ALL

    def add_object(self, object_id: ObjectId, value: Object) -> None:
        """Add an object frame."""
        number = self._add(object_id, value.kind, value)
        self.object_ids.append(object_id)
        kept = self._keep_edges or value.kind is Kind.TREE
        start = len(self._edges)
        for target, leads_to in edges(value):
            reached = self._numbers.get(target)
            if reached is None:
                reached = self._number(target)
            self._allowed[reached] &= self._masks[leads_to]
            if kept:
                self._edges.append(reached)
        if kept:
            self._places[number] = (start, len(self._edges))

    def add_tombstone(self, object_id: ObjectId) -> None:
        """Add a tombstone frame; it counts as a blob."""
        self._add(object_id, Kind.BLOB, None)
        self.tombstones.append(object_id)

    def holds(self, object_id: ObjectId) -> bool:
        """Return whether a frame of this id was added."""
        number = self._numbers.get(object_id)
        return number is not None and self._kinds[number] != _NO_FRAME

    def check(self) -> None:
        """Check the whole graph after every frame was added.

        Raises:
            Invalid: the frames are not exactly the closure of the references, or a reference or an edge leads to a
                kind that it may not lead to.
            Exhausted: trees are nested too deep.
        """
        if self._wrong_root is not None:
            raise self._wrong_root
        for (object_id, number), kind, allowed in zip(self._numbers.items(), self._kinds, self._allowed, strict=True):
            if kind == _NO_FRAME:
                raise Invalid("the bundle has no frame for an id", rule="grit.bundle.exact", got=object_id.hex())
            if allowed & _UNREACHED:
                raise Invalid("the bundle has an unreachable frame", rule="grit.bundle.exact", got=object_id.hex())
            if not allowed >> kind & 1:
                word = _KINDS[kind].word
                raise Invalid(f"an edge leads to {object_id.hex()}, a {word}", rule="grit.graph.kinds", got=number)
        self._check_nesting()

    def children_first(self) -> Iterator[ObjectId]:
        """Yield the ids of all frames of a checked graph, each after the targets of its edges.

        Needs ``keep_edges``.
        """
        names = list(self._numbers)
        return (names[number] for number in self._post_order(range(len(names))))

    def _add(self, object_id: ObjectId, kind: Kind, value: Object | None) -> int:
        if object_id in self._roots:
            wrong = (_judge_root(name, value) for name in self._roots[object_id])
            self._wrong_root = self._wrong_root or next(filter(None, wrong), None)
        number = self._numbers.get(object_id)
        if number is None:
            number = self._number(object_id)
        self._kinds[number] = _CODES[kind]
        return number

    def _number(self, object_id: ObjectId) -> int:
        """Return the number of an id; assign one if it has none."""
        number = self._numbers.setdefault(object_id, len(self._kinds))
        if number == len(self._kinds):
            self._kinds.append(_NO_FRAME)
            self._allowed.append(_ALL | _UNREACHED)
        return number

    def _check_nesting(self) -> None:
        """Reject trees that are nested too deep; skip the walk if there are too few trees for that."""
        is_tree = Kind.TREE.value
        trees = [number for number in self._places if self._kinds[number] == is_tree]
        if len(trees) <= self._tree_depth:
            return
        nesting: dict[int, int] = {}
        for tree in self._post_order(trees):
            if self._kinds[tree] == is_tree:
                start, end = self._places[tree]
                own = 1 + max(nesting.get(child, 0) for child in self._edges[start:end])
                if own > self._tree_depth:
                    raise Exhausted(
                        "trees are nested too deep",
                        rule="grit.graph.iterative",
                        expected=f"at most {self._tree_depth}",
                    )
                nesting[tree] = own

    def _post_order(self, numbers: range | list[int]) -> Iterator[int]:
        """Yield numbers and everything reachable from them by kept edges, each once, children before parents."""
        done = bytearray(len(self._kinds))
        for root in numbers:
            path = [] if done[root] else [(root, self._below(root))]
            while path:
                for child in path[-1][1]:
                    if not done[child]:
                        path.append((child, self._below(child)))
                        break
                else:
                    number, _ = path.pop()
                    done[number] = 1
                    yield number

    def _below(self, number: int) -> Iterator[int]:
        start, end = self._places.get(number, (0, 0))
        return iter(self._edges[start:end])


def _judge_root(name: str, value: Object | None) -> Invalid | None:
    """Return the refusal for the target of a reference; None if the target is valid."""
    try:
        check_target(name, value)
    except Rejected as refusal:
        return Invalid(refusal.message, rule="grit.bundle.exact", got=refusal.got, expected=refusal.expected)
    return None
