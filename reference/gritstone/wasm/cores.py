"""What stands in the core of a Wasm actor, and how it is found: its nodes, its manifest and its state.

Everything is looked up in the core anew for each call.

Spec: :rule:`wasm.module.node`, :rule:`wasm.manifest.strict`, :rule:`wasm.manifest.deny`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from gritstone.errors import Refusal
from gritstone.grit.objects import Blob, ObjectId, Tree
from gritstone.wasm.documents import DEFAULT_MANIFEST, GuestState, Manifest, read_manifest, read_state
from gritstone.wasm.paths import module_path
from gritstone.wit.paths import ALPHABETS, Path, find
from gritstone.wit.workspace import Workspace

__all__ = [
    "NODES",
    "core_of",
    "filter_state",
    "is_wasm_actor",
    "manifest_of",
    "node_path",
    "state_of",
    "tree_at",
    "valid_manifest",
    "wasm_path",
]

_KEPT_BYTES = 4_096  # of a manifest; longer ones are read each time
NODES = ("wit", "wit_query")
"""The code nodes of a core."""


def node_path(workspace: Workspace, entries: Mapping[str, ObjectId], node: str) -> Path | None:
    """Give the module path of a node; None if the node is not of the form ``wasm:<path>``, or absent.

    Spec: :rule:`wasm.module.node`.
    """
    target = entries.get(node)
    blob = None if target is None else workspace.look(target)
    if not isinstance(blob, Blob):
        return None
    return module_path(blob.data, ALPHABETS[workspace.objects.format.name])


def is_wasm_actor(workspace: Workspace, core: Mapping[str, ObjectId]) -> bool:
    """Tell whether a core has at ``wit`` a blob of the form ``wasm:<path>``."""
    return node_path(workspace, core, "wit") is not None


def wasm_path(workspace: Workspace, core: Mapping[str, ObjectId], *names: str) -> ObjectId | None:
    """Give what a path below ``wasm`` leads to."""
    return find(workspace, core, ("wasm", *names))


def tree_at(workspace: Workspace, target: ObjectId | None) -> Mapping[str, ObjectId]:
    """Give the entries of a tree; none of a blob, and of nothing."""
    tree = None if target is None else workspace.tree(target)
    return {} if tree is None else tree.entries


def manifest_of(workspace: Workspace, core: Mapping[str, ObjectId]) -> Manifest:
    """Read the manifest of a core; the default one if there is none.

    Raises:
        Rejected: what stands there is none (code ``unresolved:manifest``).
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
    """Read a manifest that is a blob with one header, as all are that are one; the same bytes say the same."""
    return read_manifest(Blob(dict((header,)), data), ALPHABETS[format_name].name)


def valid_manifest(workspace: Workspace, core: Mapping[str, ObjectId]) -> Manifest | None:
    """Read the manifest of a core; the default one if there is none, None if it is invalid."""
    try:
        return manifest_of(workspace, core)
    except Refusal as refusal:
        if refusal.code != "unresolved:manifest":
            raise
        return None


def state_of(workspace: Workspace, core: Mapping[str, ObjectId], manifest: Manifest) -> GuestState:
    """Read the state of a core as its manifest grants it: the initial one where there is none.

    Raises:
        Rejected: the manifest keeps state, and what stands there is none (code ``unresolved:image``).

    Spec: :rule:`wasm.image.strict`.
    """
    if not manifest.keeps_state:
        return GuestState()
    target = wasm_path(workspace, core, "state")
    return filter_state(GuestState() if target is None else read_state(workspace.look(target)), manifest)


def filter_state(state: GuestState, manifest: Manifest) -> GuestState:
    """Leave out of a state what a manifest does not grant, and add what it grants and the state lacks."""
    random = clock = None
    if manifest.random is not None:
        random = state.random or (manifest.random, 0)
    if manifest.clock is not None:
        clock = manifest.clock.start if state.clock is None else state.clock
    if manifest.image:
        return replace(state, random=random, clock=clock)
    return GuestState(state.used, random=random, clock=clock)


def core_of(workspace: Workspace, actor: ObjectId) -> Mapping[str, ObjectId] | None:
    """Give the entries of an actor read as a core; None if it is no tree."""
    value = workspace.look(actor)
    return value.entries if isinstance(value, Tree) else None
