"""Judge the graph that the frames of a bundle make, while they come in any order, without keeping them.

Each id that occurs gets a number. By number the graph keeps one byte for the kind of its frame and one for
the kinds that all edges to it allow, and for trees the numbers of their entries: four bytes an entry.

That each frame is reached needs no walk: objects are named by their hashes, so the graph has no cycle, and
if every frame is the target of a reference or of an edge, the way up from it can only end at a reference.

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
_UNREACHED = 0x20  # a bit beside those of the kinds, gone with the first edge
_KINDS = tuple(Kind)


def _mask(kinds: frozenset[Kind]) -> int:
    return sum(1 << kind.value for kind in kinds)


_ALL = _mask(frozenset(Kind))


class FrameGraph:
    """Collect frames and references, then ``check`` them.

    Attributes:
        object_ids: those of object frames, in the order they came.
        tombstones: those of tombstone frames.
    """

    def __init__(self, tree_depth: int) -> None:
        self.object_ids: list[ObjectId] = []
        self.tombstones: list[ObjectId] = []
        self._tree_depth = tree_depth
        self._numbers: dict[ObjectId, int] = {}
        self._kinds = bytearray()  # by number: the kind of the frame
        self._allowed = bytearray()  # by number: one bit for each kind that all edges allow
        self._roots: dict[ObjectId, list[str]] = {}
        self._trees: dict[int, tuple[int, int]] = {}  # number of a tree -> its part of _entries
        self._entries = array("I")
        self._masks: dict[frozenset[Kind], int] = {}

    def add_reference(self, name: str, target: ObjectId) -> None:
        """Add a reference; all come before the first frame."""
        self._roots.setdefault(target, []).append(name)
        self._reach(target, _ALL)

    def add_object(self, object_id: ObjectId, value: Object) -> None:
        """Add an object frame.

        Raises:
            Invalid: a reference to it wants another kind.
        """
        number = self._add(object_id, value.kind, value)
        self.object_ids.append(object_id)
        start = len(self._entries)
        is_tree = value.kind is Kind.TREE
        for target, leads_to in edges(value):
            mask = self._masks.get(leads_to)
            if mask is None:
                mask = self._masks[leads_to] = _mask(leads_to)
            reached = self._reach(target, mask)
            if is_tree:
                self._entries.append(reached)
        if is_tree:
            self._trees[number] = (start, len(self._entries))

    def add_tombstone(self, object_id: ObjectId) -> None:
        """Add a tombstone frame; it counts as a blob.

        Raises:
            Invalid: a reference to it wants another kind.
        """
        self._add(object_id, Kind.BLOB, None)
        self.tombstones.append(object_id)

    def holds(self, object_id: ObjectId) -> bool:
        """Tell whether a frame of this id was added."""
        number = self._numbers.get(object_id)
        return number is not None and self._kinds[number] != _NO_FRAME

    def check(self) -> None:
        """Judge the whole graph, once every frame was added.

        Raises:
            Invalid: the frames are not exactly the closure of the references, or an edge leads to a kind that
                it may not lead to.
            Exhausted: trees are nested too deep.
        """
        for object_id, number in self._numbers.items():
            kind, allowed = self._kinds[number], self._allowed[number]
            if kind == _NO_FRAME:
                raise Invalid("no frame for an id", rule="grit.bundle.exact", got=object_id.hex())
            if allowed & _UNREACHED:
                raise Invalid("a frame that nothing reaches", rule="grit.bundle.exact", got=object_id.hex())
            if not allowed >> kind & 1:
                word = _KINDS[kind].word
                raise Invalid(f"an edge leads to {object_id.hex()}, a {word}", rule="grit.graph.kinds")
        if len(self._trees) > self._tree_depth:
            self._check_nesting()

    def _add(self, object_id: ObjectId, kind: Kind, value: Object | None) -> int:
        for name in self._roots.get(object_id, ()):
            _check_root(name, value)
        number = self._number(object_id)
        self._kinds[number] = kind.value
        return number

    def _number(self, object_id: ObjectId) -> int:
        number = self._numbers.setdefault(object_id, len(self._kinds))
        if number == len(self._kinds):
            self._kinds.append(_NO_FRAME)
            self._allowed.append(_ALL | _UNREACHED)
        return number

    def _reach(self, target: ObjectId, mask: int) -> int:
        number = self._number(target)
        self._allowed[number] &= mask
        return number

    def _check_nesting(self) -> None:
        """Find the nesting of every tree, children before parents."""
        nesting: dict[int, int] = {}
        for root in self._trees:
            if root not in nesting:
                self._nest(root, nesting)

    def _nest(self, root: int, nesting: dict[int, int]) -> None:
        path = [(root, self._below(root))]
        deepest = [0]
        while path:
            for child in path[-1][1]:
                if child not in nesting:
                    path.append((child, self._below(child)))
                    deepest.append(0)
                    break
                deepest[-1] = max(deepest[-1], nesting[child])
            else:
                own = nesting[path.pop()[0]] = 1 + deepest.pop()
                if own > self._tree_depth:
                    raise Exhausted(
                        "trees are nested too deep",
                        rule="grit.graph.iterative",
                        expected=f"at most {self._tree_depth}",
                    )
                if deepest:
                    deepest[-1] = max(deepest[-1], own)

    def _below(self, tree: int) -> Iterator[int]:
        start, end = self._trees[tree]
        return (child for child in self._entries[start:end] if child in self._trees)


def _check_root(name: str, value: Object | None) -> None:
    try:
        check_target(name, value)
    except Rejected as refusal:
        raise Invalid(refusal.message, rule="grit.bundle.exact", got=refusal.got, expected=refusal.expected) from None
