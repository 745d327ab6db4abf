"""Blobs and trees as an actor sees them: read when they are looked at, written when the step is made.

A tree opens its entries one by one, as they are asked for, and only what was changed becomes new objects. Reading is
offered asynchronously, since a store may be far away; in this process it never waits, so the plain methods do the same.

A blob says what it holds in its header ``ct``: ``b`` bytes, ``s`` text, ``j`` JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from gritstone.errors import Invalid, Missing
from gritstone.grit.objects import NO_HEADERS, Blob, ObjectId, Tree
from gritstone.wit.workspace import Workspace

__all__ = ["BlobObject", "Core", "TreeObject", "Value", "open_value"]

_B = TypeVar("_B", bound="BlobObject")


class BlobObject:
    """Be a blob that can be changed.

    Attributes:
        headers: its headers; change them by ``set_as_*`` or by giving others.
        data: its bytes.
    """

    def __init__(self, headers: Mapping[str, str] = NO_HEADERS, data: bytes = b"") -> None:
        self.headers = headers
        self.data = data
        self._stored: tuple[ObjectId, Mapping[str, str], bytes] | None = None

    @classmethod
    def from_str(cls: type[_B], text: str) -> _B:
        """Make a blob of text."""
        return cls({"ct": "s"}, text.encode())

    @classmethod
    def from_bytes(cls: type[_B], data: bytes) -> _B:
        """Make a blob of bytes."""
        return cls({"ct": "b"}, data)

    @classmethod
    def from_json(cls: type[_B], value: Any) -> _B:
        """Make a blob of JSON."""
        return cls({"ct": "j"}, _write_json(value))

    def set_as_str(self, text: str) -> None:
        """Hold text."""
        self.headers, self.data = {**self.headers, "ct": "s"}, text.encode()

    def set_as_bytes(self, data: bytes) -> None:
        """Hold bytes."""
        self.headers, self.data = {**self.headers, "ct": "b"}, data

    def set_as_json(self, value: Any) -> None:
        """Hold JSON."""
        self.headers, self.data = {**self.headers, "ct": "j"}, _write_json(value)

    def get_as_str(self) -> str:
        """Give the data as text."""
        return self.data.decode()

    def get_as_bytes(self) -> bytes:
        """Give the data."""
        return self.data

    def get_as_json(self) -> Any:
        """Give the data as what JSON it holds."""
        return json.loads(self.data)

    def persist(self, workspace: Workspace) -> ObjectId:
        """Make the blob, unless it is there already; gives its id."""
        if self._stored is None or self._stored[1:] != (self.headers, self.data):
            object_id = workspace.put(Blob(self.headers, self.data))
            self._stored = object_id, self.headers, self.data
        return self._stored[0]

    def _opened(self, object_id: ObjectId) -> None:
        self._stored = object_id, self.headers, self.data


class TreeObject:
    """Be a tree that can be changed.

    Paths are names joined by slashes; a name is a path of one.
    """

    def __init__(self, workspace: Workspace | None = None, object_id: ObjectId | None = None) -> None:
        """Open a tree, or begin an empty one.

        Args:
            workspace: where it is read.
            object_id: its id; None for an empty one.

        Raises:
            Missing: it is absent.
            Invalid: it is no tree.
        """
        self._workspace = workspace
        self._stored = object_id
        self._entries: dict[str, ObjectId | Value] = {}
        if workspace is not None and object_id is not None:
            tree = workspace.tree(object_id)
            if tree is None:
                raise Invalid("no tree", rule="grit.object.kinds", got=object_id.hex())
            self._entries.update(tree.entries)

    def __contains__(self, path: str) -> bool:
        return self._find(path) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._entries))

    def __len__(self) -> int:
        return len(self._entries)

    # --- reading ---------------------------------------------------------------------------------------

    async def get(self, path: str) -> Value | None:
        """Give what a path leads to; None if that is nothing."""
        return self._find(path)

    async def getb(self, path: str) -> BlobObject:
        """Give the blob that a path leads to; see ``blob``."""
        return self.blob(path)

    async def gett(self, path: str) -> TreeObject:
        """Give the tree that a path leads to; see ``tree``."""
        return self.tree(path)

    def blob(self, path: str) -> BlobObject:
        """Give the blob that a path leads to.

        Raises:
            Missing: there is none.
        """
        found = self._find(path)
        if not isinstance(found, BlobObject):
            raise Missing("no blob here", rule="grit.store.missing", got=ascii(path))
        return found

    def tree(self, path: str) -> TreeObject:
        """Give the tree that a path leads to.

        Raises:
            Missing: there is none.
        """
        found = self._find(path)
        if not isinstance(found, TreeObject):
            raise Missing("no tree here", rule="grit.store.missing", got=ascii(path))
        return found

    # --- changing --------------------------------------------------------------------------------------

    def add(self, path: str, value: Value | ObjectId) -> None:
        """Let a path lead to a value; names on the way that are absent or lead to a blob become trees."""
        *way, name = path.split("/")
        tree = self.maket_path("/".join(way)) if way else self
        tree._entries[name] = value

    def makeb_path(self, path: str) -> BlobObject:
        """Give the blob that a path leads to, or make an empty one there."""
        found = self._find(path)
        if isinstance(found, BlobObject):
            return found
        blob = BlobObject()
        self.add(path, blob)
        return blob

    def maket_path(self, path: str) -> TreeObject:
        """Give the tree that a path leads to, or make an empty one there; it needs an entry before the step is made."""
        tree = self
        for name in path.split("/"):
            found = tree._open(name)
            if not isinstance(found, TreeObject):
                found = tree._entries[name] = TreeObject(self._workspace)
            tree = found
        return tree

    def remove(self, path: str) -> None:
        """Let a path lead to nothing."""
        *way, name = path.split("/")
        tree = self._find("/".join(way)) if way else self
        if isinstance(tree, TreeObject):
            tree._entries.pop(name, None)

    def persist(self, workspace: Workspace) -> ObjectId:
        """Make the tree and what changed below it; gives its id.

        Raises:
            Invalid: a tree has no entry, or a name is none.
        """
        entries = {
            name: value if isinstance(value, bytes) else value.persist(workspace)
            for name, value in self._entries.items()
        }
        if self._stored is not None:
            before = workspace.tree(self._stored)
            if before is not None and before.entries == entries:
                return self._stored
        self._stored = workspace.put(Tree(entries))
        return self._stored

    def _find(self, path: str) -> Value | None:
        found: Value | None = self
        for name in path.split("/"):
            found = found._open(name) if isinstance(found, TreeObject) else None
        return found

    def _open(self, name: str) -> Value | None:
        value = self._entries.get(name)
        if isinstance(value, bytes):
            assert self._workspace is not None, "who holds an id knows where it leads"
            value = self._entries[name] = open_value(self._workspace, value)
        return value


class Core(TreeObject):
    """Be the core of an actor."""


Value = BlobObject | TreeObject
"""What a core consists of."""


def open_value(workspace: Workspace, object_id: ObjectId) -> Value:
    """Open a blob or tree.

    Raises:
        Missing: it is absent or erased.
        Invalid: it is something else.
    """
    value = workspace.load(object_id)
    if isinstance(value, Blob):
        blob = BlobObject(value.headers, value.data)
        blob._opened(object_id)
        return blob
    return TreeObject(workspace, object_id)


def _write_json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
