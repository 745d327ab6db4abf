"""Edges and closures: every id inside an object is an edge, and one walk follows them.

A walk keeps its own stack and the kinds of the visited ids, and reads each object once, so neither a long chain nor a
deep tree can overflow the call stack. Trees are walked depth first, which yields their nesting; all other objects wait
in one list.

Spec: :rule:`grit.graph.edges`, :rule:`grit.graph.kinds`, :rule:`grit.graph.iterative`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter
from typing import TypeAlias

from gritstone.errors import Exhausted, Invalid
from gritstone.grit.objects import FIELDS, Field, Kind, Object, ObjectId, Shape

__all__ = ["Edge", "Load", "check_edge", "closure", "edges"]

Edge: TypeAlias = tuple[ObjectId, frozenset[Kind]]
"""The target of an edge, and the allowed kinds of the target."""

Load: TypeAlias = Callable[[ObjectId], Object | Kind]
"""Return the object of an id, or only its kind if it has no edges (a blob, or a tombstone, which counts as a blob).

Raises ``Missing`` if the id is neither present nor erased.
"""

_Lister: TypeAlias = Callable[[Object], list[Edge]]


def edges(value: Object) -> list[Edge]:
    """Return the edges of an object in their order.

    Spec: :rule:`grit.graph.edges`.
    """
    return _LISTERS[value.kind](value)


def _lister(kind: Kind) -> _Lister:
    """Return a function that lists the edges of a kind: those of its map, or those of its single fields."""
    fields = [field for field in FIELDS[kind] if field.leads_to]
    if not fields:
        return lambda value: []
    if fields[0].shape in (Shape.NAMED_IDS, Shape.KEYED_IDS):
        return _map_lister(fields[0])
    get = attrgetter(*(field.name for field in fields))
    allowed = [field.leads_to for field in fields]
    return lambda value: [edge for edge in zip(get(value), allowed, strict=True) if edge[0] is not None]


def _map_lister(field: Field) -> _Lister:
    get, leads_to, keys_lead_to = attrgetter(field.name), field.leads_to, field.keys_lead_to
    if not keys_lead_to:
        return lambda value: [(target, leads_to) for target in get(value).values()]
    return lambda value: [
        edge for key, target in get(value).items() for edge in ((key, keys_lead_to), (target, leads_to))
    ]


_LISTERS = {kind: _lister(kind) for kind in Kind}


def check_edge(target: ObjectId, kind: Kind, allowed: frozenset[Kind]) -> None:
    """Check one edge.

    Raises:
        Invalid: the target has a forbidden kind.

    Spec: :rule:`grit.graph.kinds`.
    """
    if kind not in allowed:
        raise Invalid(
            f"an edge leads to {target.hex()}, which has a forbidden kind",
            rule="grit.graph.kinds",
            got=f"a {kind.word}",
            expected=" or ".join(sorted(one.word for one in allowed)),
        )


def closure(roots: Iterable[ObjectId], load: Load, tree_depth: int) -> dict[ObjectId, Kind]:
    """Return the ids and kinds of everything reachable.

    Args:
        roots: where to begin; objects of any kind.
        load: called once for each id of the closure.
        tree_depth: how many trees may be nested in each other.

    Returns:
        The kind of each id of the closure. The order is unspecified.

    Raises:
        Missing: an id is absent or corrupt.
        Invalid: an edge leads to an object of a forbidden kind.
        Exhausted: trees are nested deeper than ``tree_depth``.

    Spec: :rule:`grit.graph.edges`, :rule:`grit.graph.iterative`.
    """
    return _Walk(load, tree_depth).run(roots)


_ANY = frozenset(Kind)


class _Walk:
    """The state of one walk."""

    __slots__ = ("_kinds", "_load", "_nesting", "_tree_depth")

    def __init__(self, load: Load, tree_depth: int) -> None:
        self._load = load
        self._tree_depth = tree_depth
        self._kinds: dict[ObjectId, Kind] = {}
        self._nesting: dict[ObjectId, int] = {}

    def run(self, roots: Iterable[ObjectId]) -> dict[ObjectId, Kind]:
        waiting: list[Edge] = [(root, _ANY) for root in roots]
        while waiting:
            target, allowed = waiting.pop()
            value = self._enter(target, allowed)
            if value is None:
                continue
            if value.kind is Kind.TREE:
                self._walk_trees(target, value)
            else:
                waiting += edges(value)
        return self._kinds

    def _enter(self, target: ObjectId, allowed: frozenset[Kind]) -> Object | None:
        """Follow an edge; return the object if its own edges are still to be followed."""
        kind = self._kinds.get(target)
        value: Object | None = None
        if kind is None:
            loaded = self._load(target)
            if isinstance(loaded, Kind):
                kind = loaded
            else:
                kind, value = loaded.kind, loaded
            self._kinds[target] = kind
        check_edge(target, kind, allowed)
        return value

    def _walk_trees(self, root: ObjectId, tree: Object) -> None:
        """Walk a tree and the trees below it, children before parents."""
        path: list[tuple[ObjectId, Iterator[Edge]]] = [(root, iter(edges(tree)))]
        nesting = [1]
        while path:
            if len(path) > self._tree_depth:
                raise self._too_deep()
            for target, allowed in path[-1][1]:
                value = self._enter(target, allowed)
                if value is not None:
                    path.append((target, iter(edges(value))))
                    nesting.append(1)
                    break
                if target in self._nesting:
                    nesting[-1] = max(nesting[-1], 1 + self._nesting[target])
            else:
                self._leave(path.pop()[0], nesting)

    def _leave(self, target: ObjectId, nesting: list[int]) -> None:
        own = nesting.pop()
        if own > self._tree_depth:
            raise self._too_deep()
        self._nesting[target] = own
        if nesting:
            nesting[-1] = max(nesting[-1], 1 + own)

    def _too_deep(self) -> Exhausted:
        return Exhausted(
            "trees are nested too deep", rule="grit.graph.iterative", expected=f"at most {self._tree_depth}"
        )
