"""A cache of ids that are known to be present together with everything that they reach.

An executor does not walk again what it walked when it admitted an earlier step. For each walked id the ``ClosureCache``
holds a *rank*: 0 for a blob or tombstone, the nesting depth for a tree, a negative number for other kinds. A ``Walk``
follows the new objects. It keeps its results separate until the step is adopted, because those objects are not stored
yet.

Spec: :rule:`wit.admit.closed`, :rule:`wit.admit.kind`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from gritstone.errors import Missing, Refusal
from gritstone.grit.graph import Edge, edges
from gritstone.grit.objects import Kind, Object, ObjectId
from gritstone.wit.bounded_cache import BoundedCache
from gritstone.wit.failures import failure, illegal_step
from gritstone.wit.workspace import Workspace

__all__ = ["ClosureCache", "Walk", "new_closure_cache"]

_KEPT_BYTES = 16 << 20  # in each generation
_RANK_BYTES = 200  # the approximate size of an id, a number and their place in a dictionary

ClosureCache: TypeAlias = BoundedCache[ObjectId, int]
"""Ranks by id."""


def new_closure_cache() -> ClosureCache:
    """Return an empty closure cache."""
    return BoundedCache(_KEPT_BYTES, _RANK_BYTES)


class Walk:
    """A walk over the objects that one result reaches and that were not walked before.

    Attributes:
        workspace: the workspace that contains the new objects.
        found: the ranks of the objects that this walk visited.
        borrowed: the ids at which the walk left the new objects and entered the store.
    """

    __slots__ = ("_closures", "borrowed", "found", "workspace")

    def __init__(self, workspace: Workspace, closures: ClosureCache) -> None:
        self.workspace = workspace
        self._closures = closures
        self.found: dict[ObjectId, int] = {}
        self.borrowed: list[ObjectId] = []

    def follow(self, target: ObjectId, allowed: frozenset[Kind]) -> int:
        """Return the rank of an id after checking that its kind is allowed and that its closure is present.

        Raises:
            Rejected: a check failed (code ``illegal-step``).
            Exhausted: trees are nested deeper than ``tree_depth`` (code ``exhausted``).
        """
        rank = self.found.get(target)
        if rank is None:
            rank = self._closures.get(target)
            if rank is None:
                rank = self._walk(target)
            if target not in self.workspace.made:
                self.borrowed.append(target)
        if _kind_of(rank) not in allowed:
            raise _wrong_kind(target, _kind_of(rank), allowed)
        return rank

    def knows(self, target: ObjectId) -> bool:
        """Return whether the rank of an id is known without a walk."""
        return target in self.found or self._closures.get(target) is not None

    def look(self, target: ObjectId) -> Object | None:
        """Return an object, or None for a tombstone.

        Raises:
            Rejected: it is absent or damaged (code ``illegal-step``).
        """
        workspace = self.workspace
        found = workspace.made.get(target) or workspace.objects.young.get(target)
        if found is not None:
            return found
        try:
            return workspace.look(target)
        except Missing as refusal:
            raise illegal_step(str(refusal), "wit.admit.closed", got=target.hex()) from None

    def _walk(self, root: ObjectId) -> int:
        value = self.look(root)
        rank = _leaf_rank(value)
        if value is None or rank == 0:
            self.found[root] = 0
            return 0
        path: list[tuple[ObjectId, Kind, Iterator[Edge]]] = [(root, value.kind, iter(edges(value)))]
        depths: list[int] = [0]
        while path:
            object_id, kind, ahead = path[-1]
            for target, allowed in ahead:
                below = self._step_into(target, allowed, path)
                if below is None:
                    depths.append(0)
                    break
                depths[-1] = max(depths[-1], below)
            else:
                path.pop()
                rank = self._rank(kind, depths.pop())
                self.found[object_id] = rank
                if depths:
                    depths[-1] = max(depths[-1], rank)
        return rank

    def _step_into(
        self, target: ObjectId, allowed: frozenset[Kind], path: list[tuple[ObjectId, Kind, Iterator[Edge]]]
    ) -> int | None:
        """Return the rank of the target of an edge, or None if it must be walked first."""
        rank = self.found.get(target)
        if rank is None:
            rank = self._closures.get(target)
        value = None
        if rank is None:
            value = self.look(target)
            rank = _leaf_rank(value)
        kind = _kind_of(rank) if value is None else value.kind
        if kind not in allowed:
            raise _wrong_kind(target, kind, allowed)
        if value is None or rank == 0:
            self.found[target] = rank
            return rank
        path.append((target, value.kind, iter(edges(value))))
        return None

    def _rank(self, kind: Kind, depth: int) -> int:
        if kind is not Kind.TREE:
            rank: int = -kind.value
            return rank
        limit = self.workspace.objects.limits.tree_depth
        if depth >= limit:
            raise failure("exhausted", "trees are nested too deep", expected=f"at most {limit}")
        return 1 + max(depth, 0)


def _wrong_kind(target: ObjectId, kind: Kind, allowed: frozenset[Kind]) -> Refusal:
    expected = " or ".join(sorted(one.word for one in allowed))
    return illegal_step(f"an edge leads to {target.hex()}", "wit.admit.kind", got=f"a {kind.word}", expected=expected)


def _leaf_rank(value: Object | None) -> int:
    """Return 0 for a blob or tombstone, and 1 for an object with edges."""
    return 0 if value is None or value.kind is Kind.BLOB else 1


_KIND_OF_RANK = {-kind.value: kind for kind in Kind}


def _kind_of(rank: int) -> Kind:
    return Kind.TREE if rank > 0 else _KIND_OF_RANK[rank]
