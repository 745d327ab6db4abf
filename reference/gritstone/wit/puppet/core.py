"""A working core: only trees that change are expanded, and they are stored once at the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from types import MappingProxyType

from gritstone.grit.objects import ObjectId, Tree
from gritstone.wit.failures import failure
from gritstone.wit.workspace import Workspace

__all__ = ["WorkingCore"]


class _Branch:
    """A tree that is being changed.

    Attributes:
        entries: its entries, except for the trees below it that are being changed.
        branches: those trees, by name.
        tree_id: the id of the tree; None after a change.
    """

    __slots__ = ("branches", "entries", "tree_id")

    def __init__(self, tree_id: ObjectId | None, entries: Mapping[str, ObjectId]) -> None:
        self.tree_id = tree_id
        self.entries: dict[str, ObjectId] = dict(entries)
        self.branches: dict[str, _Branch] = {}

    @property
    def is_empty(self) -> bool:
        return not self.entries and not self.branches

    def names(self) -> Iterable[str]:
        """Return the names of all its entries."""
        return chain(self.entries, self.branches)

    def ids(self) -> Iterator[ObjectId]:
        """Yield ids that reach all that is stored of the tree."""
        if self.tree_id is not None:
            yield self.tree_id
            return
        yield from self.entries.values()
        for branch in self.branches.values():
            yield from branch.ids()

    def store(self, workspace: Workspace) -> ObjectId:
        """Store the tree in its current state; return its id."""
        if self.tree_id is None:
            entries = self.entries
            if self.branches:
                below = {name: branch.store(workspace) for name, branch in self.branches.items()}
                entries = {**entries, **below}
            else:
                entries = entries.copy()
            self.tree_id = workspace.put(Tree(MappingProxyType(entries)))
        return self.tree_id


class WorkingCore:
    """A core that is being changed."""

    __slots__ = ("_root", "_workspace")

    def __init__(self, workspace: Workspace, core_id: ObjectId, entries: Mapping[str, ObjectId]) -> None:
        self._workspace = workspace
        self._root = _Branch(core_id, entries)

    def find(self, path: Sequence[str]) -> ObjectId | None:
        """Return the id that a path leads to; None if there is none."""
        branch = self._root
        workspace = self._workspace
        for at, name in enumerate(path, 1):
            below = branch.branches.get(name)
            if below is None:
                target = branch.entries.get(name)
                return target if at == len(path) or target is None else self._find_below(target, path[at:])
            branch = below
        return branch.store(workspace)

    def look_up(self, path: Sequence[str]) -> tuple[list[Iterable[str]], ObjectId | None]:
        """Return the names in each tree in which a name of a path is looked up, and the id of what is there.

        Nothing is stored. A tree that is being changed has no id, so it counts as nothing.
        """
        branch, seen = self._root, []
        for at, name in enumerate(path, 1):
            seen.append(branch.names())
            below = branch.branches.get(name)
            if below is None:
                target = branch.entries.get(name)
                for following in path[at:]:
                    tree = None if target is None else self._workspace.tree(target)
                    if tree is None:
                        return seen, None
                    seen.append(tree.entries)
                    target = tree.entries.get(following)
                return seen, target
            branch = below
        return seen, None

    def ids(self) -> Iterator[ObjectId]:
        """Yield ids that reach all that is stored of the core in its current state."""
        return self._root.ids()

    def _find_below(self, target: ObjectId, path: Sequence[str]) -> ObjectId | None:
        """Follow a path from a tree that is not being changed."""
        found: ObjectId | None = target
        for name in path:
            tree = None if found is None else self._workspace.tree(found)
            if tree is None:
                return None
            found = tree.entries.get(name)
        return found

    def put(self, path: Sequence[str], target: ObjectId) -> None:
        """Set a path to an id; names on the way that are absent or lead to a blob become trees."""
        branch = self._root
        branch.tree_id = None
        for name in path[:-1]:
            below = self._branch(branch, name)
            if below is None:
                branch.entries.pop(name, None)
                below = branch.branches[name] = _Branch(None, {})
            branch = below
            branch.tree_id = None
        branch.entries[path[-1]] = target
        if branch.branches:
            branch.branches.pop(path[-1], None)

    def delete(self, path: Sequence[str]) -> None:
        """Remove the entry at a path, and the trees above it that become empty."""
        if self.find(path) is None:
            return
        branch = self._root
        branch.tree_id = None
        way: list[_Branch] = []
        for name in path[:-1]:
            way.append(branch)
            below = self._branch(branch, name)
            assert below is not None, "the path was found"
            branch = below
            branch.tree_id = None
        branch.entries.pop(path[-1], None)
        branch.branches.pop(path[-1], None)
        for name, above in zip(reversed(path[:-1]), reversed(way), strict=True):
            if not branch.is_empty:
                break
            del above.branches[name]
            branch = above

    def store(self) -> ObjectId:
        """Store the tree in its current state; return its id.

        Raises:
            Rejected: the tree has no entries (code ``failed``).
            Exhausted: the tree is longer than ``object_bytes``.
        """
        if self._root.is_empty:
            raise failure("failed", "the core is empty", rule="wit.puppet.exact")
        return self._root.store(self._workspace)

    def _branch(self, branch: _Branch, name: str) -> _Branch | None:
        """Return the expanded tree below a branch; None if there is none."""
        below = branch.branches.get(name)
        if below is not None:
            return below
        target = branch.entries.get(name)
        tree = None if target is None else self._workspace.tree(target)
        if tree is None:
            return None
        del branch.entries[name]
        below = branch.branches[name] = _Branch(target, tree.entries)
        return below
