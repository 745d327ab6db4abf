"""Cores as trees in work: paths, merge, frozen paths.

Spec: ``wit/update``, ``wit/puppet``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gritstone_conformance.model.grammar import check_name
from gritstone_conformance.model.refusals import Refusal, invalid
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.values import Tree

__all__ = ["NODES", "WorkingTree", "find", "first_difference", "merge", "split_path"]

NODES: Final = ("frozen", "wit", "wit_query", "wit_update")
"""The paths that a frozen core fixes whatever it lists."""


def split_path(data: bytes, format_name: str) -> list[str] | None:
    """Return the names of a path, or None for bytes that are no path of the format."""
    try:
        names = data.decode().split("/")
    except UnicodeDecodeError:
        return None
    return None if any(check_name(name, format_name) for name in names) else names


def find(shelf: Shelf, core: bytes, path: Sequence[str]) -> bytes | None:
    """Return what a path leads to from a tree: an id, or None for nothing."""
    at = core
    for name in path:
        if not shelf.is_tree(at):
            return None
        found = shelf.names(at).get(name)
        if found is None:
            return None
        at = found
    return at


class WorkingTree:
    """A tree that code is changing; it may be empty for a while. Trees on the paths in use are opened, others are ids.

    No path has more than 128 names, so what recurses here recurses no deeper.
    """

    __slots__ = ("entries", "shelf")

    def __init__(self, shelf: Shelf, entries: dict[str, bytes]) -> None:
        self.shelf = shelf
        self.entries: dict[str, bytes | WorkingTree] = dict(entries)

    def find(self, path: Sequence[str]) -> bytes | None:
        """Return what a path leads to, or None for nothing."""
        tree = self
        for name in path[:-1]:
            below = tree._open(name)
            if below is None:
                return None
            tree = below
        found = tree.entries.get(path[-1])
        return found.seal() if isinstance(found, WorkingTree) else found

    def put(self, path: Sequence[str], target: bytes) -> None:
        """Make a path lead to an id, over trees that are made where there are none."""
        tree = self
        for name in path[:-1]:
            below = tree._open(name)
            if below is None:
                below = tree.entries[name] = WorkingTree(self.shelf, {})
            tree = below
        tree.entries[path[-1]] = target

    def delete(self, path: Sequence[str]) -> None:
        """Remove what a path leads to, and each tree above it, below the root, that is left without entries."""
        trees = [self]
        for name in path[:-1]:
            below = trees[-1]._open(name)
            if below is None:
                return
            trees.append(below)
        if trees[-1].entries.pop(path[-1], None) is None:
            return
        for at in range(len(trees) - 1, 0, -1):
            if trees[at].entries:
                return
            del trees[at - 1].entries[path[at - 1]]

    def seal(self) -> bytes:
        """Store the tree with what is below it and return its id; there is at least one entry."""
        return self.shelf.put(Tree(tuple(self.sealed().items())))

    def sealed(self) -> dict[str, bytes]:
        """Store what is below and return the entries."""
        return {
            name: target.seal() if isinstance(target, WorkingTree) else target for name, target in self.entries.items()
        }

    def _open(self, name: str) -> WorkingTree | None:
        """Return the tree under a name, opened; None where there is nothing or a blob."""
        found = self.entries.get(name)
        if isinstance(found, bytes):
            if not self.shelf.is_tree(found):
                return None
            found = self.entries[name] = WorkingTree(self.shelf, self.shelf.names(found))
        return found


def merge(shelf: Shelf, core: bytes, update: bytes) -> bytes:
    """Store the merge of a core with an update and return its id; pairs of trees are merged children first.

    Raises:
        Refusal: one of the two is no tree, something is absent, or the result is too long.

    Spec: :rule:`wit.update.merge`, :rule:`wit.update.replace`, :rule:`wit.update.keep`.
    """
    for identity in (core, update):
        if not shelf.is_tree(identity):
            raise Refusal([invalid("wit.update.merge-refused", f"{identity.hex()} is not a tree")])
    merged: dict[tuple[bytes, bytes], bytes] = {}
    waiting = [(core, update)]
    while waiting:
        pair = waiting[-1]
        below = [] if pair in merged else _pairs(shelf, *pair)
        unmerged = [each for each in below if each not in merged]
        if unmerged:
            waiting += unmerged
            continue
        waiting.pop()
        if pair not in merged:
            old, new = shelf.names(pair[0]), shelf.names(pair[1])
            entries = {**old, **{name: merged.get((old.get(name, b""), new[name]), new[name]) for name in new}}
            merged[pair] = shelf.put(Tree(tuple(entries.items())))
    return merged[core, update]


def _pairs(shelf: Shelf, core: bytes, update: bytes) -> list[tuple[bytes, bytes]]:
    """Return the pairs of trees that stand under one name on both sides."""
    old = shelf.names(core)
    return [
        (old[name], target)
        for name, target in shelf.names(update).items()
        if name in old and shelf.is_tree(old[name]) and shelf.is_tree(target)
    ]


def first_difference(shelf: Shelf, wanted: bytes, found: bytes) -> str:
    """Return the first path, ascending, at which two trees differ; the empty one if they are not both trees."""
    path: list[str] = []
    while shelf.is_tree(wanted) and shelf.is_tree(found):
        old, new = shelf.names(wanted), shelf.names(found)
        names = sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
        if not names:
            break
        path.append(names[0])
        if names[0] not in old or names[0] not in new:
            break
        wanted, found = old[names[0]], new[names[0]]
    return "/".join(path)
