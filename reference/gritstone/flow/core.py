"""The core of a flow during one step: entries are read when they are needed, and written at the end.

Spec: ``flow/core``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from gritstone.errors import Exhausted, Malformed
from gritstone.flow.limits import MOST_VALUE_BYTES
from gritstone.flow.values import Value, decode_value, document
from gritstone.grit.objects import Blob, ObjectId, Tree
from gritstone.wit.bounded_cache import BoundedCache
from gritstone.wit.workspace import Workspace

__all__ = ["Core", "Documents", "Sources", "read_document", "remember"]

_SHORT_BYTES, _KEPT_BYTES = 512, 4_096  # longer documents are decoded each time
_decoded_short: BoundedCache[bytes, list[Value]] = BoundedCache(16 << 20, 4_000)
_decoded_long: BoundedCache[bytes, list[Value]] = BoundedCache(8 << 20, 20_000)


def _decode(data: bytes, most: int) -> Value:
    """Return the value of an encoding; short ones are remembered. Callers do not change values."""
    if len(data) > _KEPT_BYTES:
        return decode_value(data, most)
    cache = _decoded_short if len(data) <= _SHORT_BYTES else _decoded_long
    found = cache.get(data)
    if found is None:
        found = [decode_value(data)]
        cache.put(data, found)
    return found[0]


def remember(data: bytes, value: Value) -> None:
    """Remember the value of an encoding that is read soon. The caller does not change the value afterwards.

    The members of its maps can have another order than those of a decoded value.
    """
    if len(data) <= _KEPT_BYTES:
        (_decoded_short if len(data) <= _SHORT_BYTES else _decoded_long).put(data, [value])


def read_document(workspace: Workspace, target: ObjectId, most: int = MOST_VALUE_BYTES) -> Value:
    """Return the value of a document.

    Raises:
        Missing: the blob is absent, or erased (code ``erased``).
        Malformed: the object is not a document.
        Exhausted: the value exceeds its limits.
    """
    blob = workspace.load(target)
    if not isinstance(blob, Blob) or blob.headers != {"ct": "cbor"}:
        raise Malformed("the object is not a document", rule="flow.value.canonical")
    return _decode(blob.data, most)


def _copied(entries: Mapping[str, ObjectId]) -> dict[str, ObjectId]:
    """Return a copy of entries. The method of a view is several times as fast as the constructor of a dictionary."""
    return entries.copy() if isinstance(entries, MappingProxyType) else dict(entries)


class Core:
    """The entries of a core.

    Attributes:
        workspace: supplies objects.
        entries: the entries of the root; those of changed trees are from ``store_trees`` or ``write``.
    """

    def __init__(self, workspace: Workspace, entries: Mapping[str, ObjectId]) -> None:
        self.workspace = workspace
        self.entries = _copied(entries)
        self._trees: dict[str, dict[str, ObjectId]] = {}
        self._changed: set[str] = set()

    def tree(self, name: str) -> Mapping[str, ObjectId]:
        """Return the entries of a tree of the core, which is empty if it is absent."""
        found = self._trees.get(name)
        if found is None:
            tree = self.workspace.tree(self.entries[name]) if name in self.entries else None
            found = self._trees[name] = {} if tree is None else _copied(tree.entries)
        return found

    def change(self, name: str) -> dict[str, ObjectId]:
        """Return the entries of a tree of the core, to change."""
        self.tree(name)
        self._changed.add(name)
        return self._trees[name]

    def clear(self, name: str) -> None:
        """Remove a tree."""
        self._trees[name] = {}
        self._changed.add(name)

    def peers(self) -> Mapping[str, ObjectId]:
        """Return the actors of the policy by name."""
        policy = self.tree("policy")
        tree = self.workspace.tree(policy["peers"]) if "peers" in policy else None
        return {} if tree is None else tree.entries

    def value(self, name: str) -> Value:
        """Return the value of a document of the root.

        Raises:
            Missing: the document was erased (code ``erased``).
        """
        return read_document(self.workspace, self.entries[name])

    def data(self, target: ObjectId) -> bytes:
        """Return the data of a blob.

        Raises:
            Missing: the blob was erased (code ``erased``).
        """
        blob = self.workspace.load(target)
        assert isinstance(blob, Blob), "the entry was checked"
        return blob.data

    def put_document(self, data: bytes) -> ObjectId:
        """Store the document of an encoding; return its id."""
        return self.workspace.put(document(data))

    def put_tree(self, entries: Mapping[str, ObjectId]) -> ObjectId:
        """Store a tree; return its id."""
        return self.workspace.put(Tree(MappingProxyType({**entries})))

    def store_trees(self) -> None:
        """Store the changed trees, so that ``entries`` has them."""
        for name in self._changed:
            if self._trees[name]:
                self.entries[name] = self.put_tree(self._trees[name])
            else:
                self.entries.pop(name, None)
        self._changed.clear()

    def write(self, state: bytes) -> ObjectId:
        """Store the core with the encoding of a state; return its id."""
        self.store_trees()
        self.entries["state"] = self.put_document(state)
        return self.put_tree(self.entries)


class Documents(Mapping[str, Value]):
    """The values of documents by name, each read when it is asked for; None stands for null."""

    def __init__(self, core: Core, names: Mapping[str, ObjectId | None]) -> None:
        self._core = core
        self._names = names

    def __getitem__(self, name: str) -> Value:
        target = self._names[name]
        return None if target is None else read_document(self._core.workspace, target)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


_TREES = {"out": "out", "prior": "prior", "tool": "facts"}


class Sources(Mapping[str, Value]):
    """An environment whose namespaces are read when they are asked for."""

    def __init__(self, core: Core, **more: Value) -> None:
        """Provide ``input``, ``out``, ``prior`` and ``tool`` of a core, and more namespaces."""
        self._core = core
        self._more = more

    def __getitem__(self, space: str) -> Value:
        if space in self._more:
            return self._more[space]
        return self._core.value("input") if space == "input" else Documents(self._core, self._core.tree(_TREES[space]))

    def __iter__(self) -> Iterator[str]:
        return iter({"input", *_TREES, *self._more})

    def __len__(self) -> int:
        return len({"input", *_TREES, *self._more})


def is_document(workspace: Workspace, target: ObjectId, form: Callable[[Value], bool] = lambda value: True) -> bool:
    """Return whether an object is a document of a form; an erased blob counts as one."""
    if workspace.look(target) is None:
        return True
    try:
        return form(read_document(workspace, target))
    except (Malformed, Exhausted):
        return False
