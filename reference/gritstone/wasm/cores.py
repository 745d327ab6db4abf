"""The nodes, the manifest and the state in the core of a Wasm actor.

Everything is looked up in the core again for each call.

Spec: :rule:`wasm.module.node`, :rule:`wasm.manifest.strict`, :rule:`wasm.manifest.deny`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from gritstone.errors import Invalid, Refusal
from gritstone.grit.grammar import Alphabet
from gritstone.grit.objects import Blob, ObjectId, Tree
from gritstone.wasm.documents import DEFAULT_MANIFEST, GuestState, Manifest, read_manifest, read_state
from gritstone.wit.paths import ALPHABETS, Path, find, read_path
from gritstone.wit.workspace import Workspace

__all__ = [
    "NODES",
    "core_of",
    "filter_state",
    "is_wasm_actor",
    "manifest_of",
    "module_path",
    "node_path",
    "state_of",
    "tree_at",
    "valid_manifest",
    "wasm_path",
]

_FORM = b"wasm:"
_KEPT_BYTES = 4_096  # maximum length of a cached manifest; longer ones are read each time
NODES = ("wit", "wit_query")
"""The code nodes of a core."""


def module_path(data: bytes, alphabet: Alphabet) -> Path | None:
    """Return the module path of a code node.

    Args:
        data: the whole data of the node.
        alphabet: the grammars of the format.

    Returns:
        The path of the module in the core; None if the node is of another form.
    """
    rest = data.removeprefix(_FORM)
    if rest == data or b":" in rest:
        return None
    try:
        return read_path(rest, alphabet)
    except Invalid:
        return None


def node_path(workspace: Workspace, entries: Mapping[str, ObjectId], node: str) -> Path | None:
    """Return the module path of a node; None if the node is not of the form ``wasm:<path>``, or absent.

    Spec: :rule:`wasm.module.node`.
    """
    target = entries.get(node)
    blob = None if target is None else workspace.look(target)
    if not isinstance(blob, Blob):
        return None
    return module_path(blob.data, ALPHABETS[workspace.objects.format.name])


def is_wasm_actor(workspace: Workspace, core: Mapping[str, ObjectId]) -> bool:
    """Return whether the entry ``wit`` of a core is a blob of the form ``wasm:<path>``."""
    return node_path(workspace, core, "wit") is not None


def wasm_path(workspace: Workspace, core: Mapping[str, ObjectId], *names: str) -> ObjectId | None:
    """Return the id at a path below ``wasm``."""
    return find(workspace, core, ("wasm", *names))


def tree_at(workspace: Workspace, target: ObjectId | None) -> Mapping[str, ObjectId]:
    """Return the entries of a tree; a blob or None has no entries."""
    tree = None if target is None else workspace.tree(target)
    return {} if tree is None else tree.entries


def manifest_of(workspace: Workspace, core: Mapping[str, ObjectId]) -> Manifest:
    """Return the manifest of a core; the default manifest if there is none.

    Raises:
        Rejected: the object is not a valid manifest (code ``unresolved:manifest``).
    """
    target = wasm_path(workspace, core, "manifest")
    if target is None:
        return DEFAULT_MANIFEST
    value = workspace.look(target)
    format_name = workspace.objects.format.name
    if not isinstance(value, Blob) or len(value.headers) != 1 or len(value.data) > _KEPT_BYTES:
        return read_manifest(value, ALPHABETS[format_name].name)
    (header,) = value.headers.items()
    return _manifest(header, value.data, format_name)


@lru_cache(maxsize=256)
def _manifest(header: tuple[str, str], data: bytes, format_name: str) -> Manifest:
    """Return the manifest of a blob with one header, which every valid one has; equal bytes have an equal result."""
    return read_manifest(Blob(dict((header,)), data), ALPHABETS[format_name].name)


def valid_manifest(workspace: Workspace, core: Mapping[str, ObjectId]) -> Manifest | None:
    """Return the manifest of a core; the default manifest if there is none, None if it is invalid."""
    try:
        return manifest_of(workspace, core)
    except Refusal as refusal:
        if refusal.code != "unresolved:manifest":
            raise
        return None


def state_of(workspace: Workspace, core: Mapping[str, ObjectId], manifest: Manifest) -> GuestState:
    """Return the state of a core as its manifest grants it; the initial state if there is none.

    Raises:
        Rejected: the manifest keeps state, and the object is not a valid state (code ``unresolved:image``).

    Spec: :rule:`wasm.image.strict`.
    """
    if not manifest.keeps_state:
        return GuestState()
    target = wasm_path(workspace, core, "state")
    return filter_state(GuestState() if target is None else read_state(workspace.look(target)), manifest)


def filter_state(state: GuestState, manifest: Manifest) -> GuestState:
    """Remove from a state what a manifest does not grant, and add the initial values of grants that the state lacks."""
    random = clock = None
    if manifest.random is not None:
        random = state.random or (manifest.random, 0)
    if manifest.clock is not None:
        clock = manifest.clock.start if state.clock is None else state.clock
    if manifest.image:
        return replace(state, random=random, clock=clock)
    return GuestState(state.used, random=random, clock=clock)


def core_of(workspace: Workspace, actor: ObjectId) -> Mapping[str, ObjectId] | None:
    """Return the entries of the first core of an actor, which has the same id; None if it is not a tree."""
    value = workspace.look(actor)
    return value.entries if isinstance(value, Tree) else None
