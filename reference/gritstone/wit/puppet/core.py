"""A core while it is worked on: trees are taken apart where something changes, and put together once at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from gritstone.grit.objects import Object, ObjectId, Tree
from gritstone.wit.failures import failure
from gritstone.wit.workspace import Workspace

__all__ = ["WorkingCore"]

_Entries: TypeAlias = "dict[str, ObjectId | _Branch]"


class _Branch:
    """Be a tree below the root that was taken apart; it has an entry whenever nobody is at work in it."""

    __slots__ = ("entries", "tree_id")

    def __init__(self, tree_id: ObjectId | None, entries: Mapping[str, ObjectId]) -> None:
        self.tree_id = tree_id  # None since something changed
        self.entries: _Entries = dict(entries)


class WorkingCore:
    """Hold a core that changes."""

    __slots__ = ("_core_id", "_entries", "_workspace")

    def __init__(self, workspace: Workspace, core_id: ObjectId, entries: Mapping[str, ObjectId]) -> None:
        self._workspace = workspace
        self._core_id: ObjectId | None = core_id  # None since something changed
        self._entries: _Entries = dict(entries)

    @property
    def is_empty(self) -> bool:
        """Tell whether there is no entry."""
        return not self._entries

    def find(self, path: Sequence[str]) -> ObjectId | None:
        """Give what a path leads to; None if that is nothing."""
        entries: Mapping[str, ObjectId | _Branch] = self._entries
        for name in path[:-1]:
            found = entries.get(name)
            if isinstance(found, _Branch):
                entries = found.entries
                continue
            tree = None if found is None else self._workspace.tree(found)
            if tree is None:
                return None
            entries = tree.entries
        found = entries.get(path[-1])
        return self._store_branch(found) if isinstance(found, _Branch) else found

    def look(self, path: Sequence[str]) -> Object | None:
        """Give the object that a path leads to; None for a tombstone. The path leads to something."""
        target = self.find(path)
        assert target is not None, "whoever looks has found"
        return self._workspace.look(target)

    def put(self, path: Sequence[str], target: ObjectId) -> None:
        """Let a path lead to an id; names on the way that are absent or lead to a blob become trees."""
        entries = self._entries
        self._core_id = None
        for name in path[:-1]:
            branch = self._branch(entries, name)
            if branch is None:
                branch = entries[name] = _Branch(None, {})
            branch.tree_id = None
            entries = branch.entries
        entries[path[-1]] = target

    def delete(self, path: Sequence[str]) -> None:
        """Remove what a path leads to, and the trees above it that are empty then."""
        if self.find(path) is None:
            return
        entries = self._entries
        self._core_id = None
        way: list[_Entries] = []
        for name in path[:-1]:
            branch = self._branch(entries, name)
            assert branch is not None, "the path was found"
            branch.tree_id = None
            way.append(entries)
            entries = branch.entries
        del entries[path[-1]]
        for name, above in zip(reversed(path[:-1]), reversed(way), strict=True):
            if entries:
                break
            del above[name]
            entries = above

    def store(self) -> ObjectId:
        """Make the tree as it is now.

        Raises:
            Rejected: it has no entry (code ``failed``).
            Exhausted: it is longer than ``object_bytes``.
        """
        if not self._entries:
            raise failure("failed", "the core is empty", rule="wit.puppet.exact")
        if self._core_id is None:
            self._core_id = self._workspace.put(Tree(self._stored(self._entries)))
        return self._core_id

    def _branch(self, entries: _Entries, name: str) -> _Branch | None:
        """Take a tree apart; None if there is none."""
        found = entries.get(name)
        if isinstance(found, _Branch):
            return found
        tree = None if found is None else self._workspace.tree(found)
        if tree is None:
            return None
        branch = entries[name] = _Branch(found, tree.entries)
        return branch

    def _stored(self, entries: _Entries) -> dict[str, ObjectId]:
        return {
            name: self._store_branch(target) if isinstance(target, _Branch) else target
            for name, target in entries.items()
        }

    def _store_branch(self, branch: _Branch) -> ObjectId:
        if branch.tree_id is None:
            branch.tree_id = self._workspace.put(Tree(self._stored(branch.entries)))
        return branch.tree_id
