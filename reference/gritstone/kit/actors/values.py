"""Mutable blobs and trees for actors: they are read on first access, and written when the step is made.

A tree opens each entry when it is accessed, and only changed objects are stored again. Reading has an asynchronous form
because a store may be remote; in this process it never waits, so the synchronous methods do the same.

The header ``ct`` of a blob is the type of its data: ``b`` bytes, ``s`` text, ``j`` JSON.
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
    """A mutable blob.

    Attributes:
        headers: its headers; change them with ``set_as_*`` or by assignment.
        data: its bytes.
    """

    def __init__(self, headers: Mapping[str, str] = NO_HEADERS, data: bytes = b"") -> None:
        self.headers = headers
        self.data = data
        self._stored: tuple[ObjectId, Mapping[str, str], bytes] | None = None

    @classmethod
    def from_str(cls: type[_B], text: str) -> _B:
        """Create a blob of text."""
        return cls({"ct": "s"}, text.encode())

    @classmethod
    def from_bytes(cls: type[_B], data: bytes) -> _B:
        """Create a blob of bytes."""
        return cls({"ct": "b"}, data)

    @classmethod
    def from_json(cls: type[_B], value: Any) -> _B:
        """Create a blob of JSON."""
        return cls({"ct": "j"}, _write_json(value))

    def set_as_str(self, text: str) -> None:
        """Set the data to text."""
        self.headers, self.data = {**self.headers, "ct": "s"}, text.encode()

    def set_as_bytes(self, data: bytes) -> None:
        """Set the data to bytes."""
        self.headers, self.data = {**self.headers, "ct": "b"}, data

    def set_as_json(self, value: Any) -> None:
        """Set the data to JSON."""
        self.headers, self.data = {**self.headers, "ct": "j"}, _write_json(value)

    def get_as_str(self) -> str:
        """Return the data as text."""
        return self.data.decode()

    def get_as_bytes(self) -> bytes:
        """Return the data."""
        return self.data

    def get_as_json(self) -> Any:
        """Return the JSON value of the data."""
        return json.loads(self.data)

    def persist(self, workspace: Workspace) -> ObjectId:
        """Store the blob unless it is unchanged; return its id."""
        if self._stored is None or self._stored[1:] != (self.headers, self.data):
            object_id = workspace.put(Blob(self.headers, self.data))
            self._stored = object_id, self.headers, self.data
        return self._stored[0]

    def _opened(self, object_id: ObjectId) -> None:
        self._stored = object_id, self.headers, self.data


class TreeObject:
    """A mutable tree.

    Paths are names joined by slashes; a name is a path of length one.
    """

    def __init__(self, workspace: Workspace | None = None, object_id: ObjectId | None = None) -> None:
        """Open a tree, or create an empty one.

        Args:
            workspace: where the tree is read.
            object_id: the id of the tree; None for an empty one.

        Raises:
            Missing: the tree is absent.
            Invalid: the object is not a tree.
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
        """Return the value at a path; None if there is none."""
        return self._find(path)

    async def getb(self, path: str) -> BlobObject:
        """Return the blob at a path; see ``blob``."""
        return self.blob(path)

    async def gett(self, path: str) -> TreeObject:
        """Return the tree at a path; see ``tree``."""
        return self.tree(path)

    def blob(self, path: str) -> BlobObject:
        """Return the blob at a path.

        Raises:
            Missing: there is no blob at the path.
        """
        found = self._find(path)
        if not isinstance(found, BlobObject):
            raise Missing("no blob here", rule="grit.store.missing", got=ascii(path))
        return found

    def tree(self, path: str) -> TreeObject:
        """Return the tree at a path.

        Raises:
            Missing: there is no tree at the path.
        """
        found = self._find(path)
        if not isinstance(found, TreeObject):
            raise Missing("no tree here", rule="grit.store.missing", got=ascii(path))
        return found

    # --- changing --------------------------------------------------------------------------------------

    def add(self, path: str, value: Value | ObjectId) -> None:
        """Set the value at a path; names on the way that are absent or lead to a blob become trees."""
        *way, name = path.split("/")
        tree = self.maket_path("/".join(way)) if way else self
        tree._entries[name] = value

    def makeb_path(self, path: str) -> BlobObject:
        """Return the blob at a path; if there is none, create an empty one."""
        found = self._find(path)
        if isinstance(found, BlobObject):
            return found
        blob = BlobObject()
        self.add(path, blob)
        return blob

    def maket_path(self, path: str) -> TreeObject:
        """Return the tree at a path; or an empty one created there, which needs an entry before the step is made."""
        tree = self
        for name in path.split("/"):
            found = tree._open(name)
            if not isinstance(found, TreeObject):
                found = tree._entries[name] = TreeObject(self._workspace)
            tree = found
        return tree

    def remove(self, path: str) -> None:
        """Remove the entry at a path."""
        *way, name = path.split("/")
        tree = self._find("/".join(way)) if way else self
        if isinstance(tree, TreeObject):
            tree._entries.pop(name, None)

    def persist(self, workspace: Workspace) -> ObjectId:
        """Store the tree and the changes below it; return its id.

        Raises:
            Invalid: a tree has no entries, or a name is invalid.
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
            assert self._workspace is not None, "an unread id requires a workspace"
            value = self._entries[name] = open_value(self._workspace, value)
        return value


class Core(TreeObject):
    """The core of an actor."""


Value = BlobObject | TreeObject
"""A node of a core."""


def open_value(workspace: Workspace, object_id: ObjectId) -> Value:
    """Open a blob or tree.

    Raises:
        Missing: the object is absent or erased.
        Invalid: the object is neither a blob nor a tree.
    """
    value = workspace.load(object_id)
    if isinstance(value, Blob):
        blob = BlobObject(value.headers, value.data)
        blob._opened(object_id)
        return blob
    return TreeObject(workspace, object_id)


def _write_json(value: Any) -> bytes:
    """Return a value as JSON; raises TypeError or ValueError if it is not one of JSON, for example for NaN."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False).encode()
