"""Forks: the first core of an actor that goes on from a step of another one.

A fork copies ids, not memory: at most five objects are made, whatever the core holds. It takes over what the guest is
and not what it was allowed to spend.

Spec: :rule:`wasm.fork.exact`, :rule:`wasm.fork.fuel`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace

from gritstone.errors import Invalid
from gritstone.grit.objects import Blob, ObjectId, Step, Tree
from gritstone.wasm.documents import DEFAULT_MANIFEST, Manifest, State, read_manifest, read_state, state_blob
from gritstone.wasm.paths import module_path
from gritstone.wit.paths import ALPHABETS
from gritstone.wit.workspace import Workspace

__all__ = ["fork_core", "fork_key"]

_KEY_PREFIX = b"gritstone wasm fork v1\0"


def fork_key(key: bytes, number: int) -> bytes:
    """Give the key of the random stream of a fork whose entropy is fresh.

    Args:
        key: the key before.
        number: the number of the fork.
    """
    return hashlib.sha256(_KEY_PREFIX + key + number.to_bytes(8, "big")).digest()


def fork_core(workspace: Workspace, step_id: ObjectId, number: int, *, fresh: bool) -> ObjectId:
    """Make the first core of a fork.

    Args:
        workspace: where it is made.
        step_id: the step that it goes on from.
        number: tells forks of one step apart; from 0 to 2**53 - 1.
        fresh: whether the fork has a random stream of its own, or repeats that of its parent.

    Returns:
        The id of the core, which is the id of the new actor.

    Raises:
        Missing: the step, or an object that is needed, is absent.
        Invalid: no step of a Wasm actor.
        Rejected: the manifest or the state is defective (codes ``unresolved:manifest``, ``unresolved:image``).

    Spec: :rule:`wasm.fork.exact`.
    """
    step = workspace.look(step_id)
    if not isinstance(step, Step):
        raise Invalid("no step", rule="wasm.fork.exact", got=step_id.hex())
    core = workspace.tree(step.core)
    if core is None or not _is_wasm(workspace, core.entries):
        raise Invalid("no step of a Wasm actor", rule="wasm.fork.exact", got=step_id.hex())
    tree = workspace.tree(core.entries["wasm"]) if "wasm" in core.entries else None
    nodes = {} if tree is None else dict(tree.entries)
    manifest = _manifest(workspace, nodes)
    if manifest.keeps_state:
        state = read_state(workspace.look(nodes["state"])) if "state" in nodes else _initial(manifest)
        nodes["state"] = workspace.put(state_blob(_forked(state, manifest, number, fresh=fresh)))
    label = workspace.put(Blob({"ct": "s"}, str(number).encode()))
    nodes["fork"] = workspace.put(Tree({"n": label, "parent": step.core}))
    return workspace.put(Tree({**core.entries, "wasm": workspace.put(Tree(nodes))}))


def _is_wasm(workspace: Workspace, core: Mapping[str, ObjectId]) -> bool:
    node = workspace.look(core["wit"]) if "wit" in core else None
    return isinstance(node, Blob) and module_path(node.data, ALPHABETS[workspace.objects.format.name]) is not None


def _manifest(workspace: Workspace, nodes: Mapping[str, ObjectId]) -> Manifest:
    if "manifest" not in nodes:
        return DEFAULT_MANIFEST
    return read_manifest(workspace.look(nodes["manifest"]), ALPHABETS[workspace.objects.format.name].name)


def _initial(manifest: Manifest) -> State:
    """Give the state of an actor that has made no step."""
    random = None if manifest.random is None else (manifest.random, 0)
    return State(random=random, clock=None if manifest.clock is None else manifest.clock.start)


def _forked(state: State, manifest: Manifest, number: int, *, fresh: bool) -> State:
    """Give the state that a fork begins with.

    Spec: :rule:`wasm.fork.fuel`.
    """
    if fresh and manifest.random is not None:
        key = manifest.random if state.random is None else state.random[0]
        state = replace(state, random=(fork_key(key, number), 0))
    return state if manifest.tank is None else replace(state, used=max(state.used, manifest.tank))
