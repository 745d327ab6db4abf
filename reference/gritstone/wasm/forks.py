"""Forks: the first core of an actor that resumes from a step of another one, and the numbers of forks.

A fork copies ids, not memory: it makes at most five objects, whatever the size of the core. It copies the state of the
guest, but not the rest of its tank.

Spec: :rule:`wasm.fork.exact`, :rule:`wasm.fork.fuel`.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace

from gritstone.errors import Invalid, Rejected
from gritstone.grit.objects import Blob, ObjectId, Step, Tree
from gritstone.wasm.cores import filter_state, is_wasm_actor, manifest_of, tree_at
from gritstone.wasm.documents import GuestState, Manifest, read_state, state_blob
from gritstone.wit.workspace import Workspace

__all__ = ["Numbers", "fork_core", "fork_key"]

_MOST_NUMBER = 2**53 - 1
_KEPT_NUMBERS = 1_024
_KEY_PREFIX = b"gritstone wasm fork v1\0"


def fork_key(key: bytes, number: int) -> bytes:
    """Return the key of the random stream of a fork whose entropy is fresh.

    Args:
        key: the key of the parent.
        number: the number of the fork.
    """
    return hashlib.sha256(_KEY_PREFIX + key + number.to_bytes(8, "big")).digest()


def fork_core(workspace: Workspace, step_id: ObjectId, number: int, *, fresh: bool) -> ObjectId:
    """Store the first core of a fork; return its id.

    Args:
        workspace: where the core is made.
        step_id: the step that the fork resumes from.
        number: distinguishes the forks of one step; from 0 to 2**53 - 1.
        fresh: whether the fork has its own random stream, or repeats that of its parent.

    Returns:
        The id of the core, which is the id of the new actor.

    Raises:
        Missing: the step, or an object that is needed, is absent.
        Invalid: the object is not a step of a Wasm actor.
        Rejected: the manifest or the state is defective (codes ``unresolved:manifest``, ``unresolved:image``).

    Spec: :rule:`wasm.fork.exact`, :rule:`wasm.fork.refused`.
    """
    step = workspace.look(step_id)
    if not isinstance(step, Step):
        raise Invalid("no step", rule="wasm.fork.refused", got=step_id.hex())
    core = workspace.tree(step.core)
    if core is None or not is_wasm_actor(workspace, core.entries):
        raise Invalid("no step of a Wasm actor", rule="wasm.fork.refused", got=step_id.hex())
    nodes = dict(tree_at(workspace, core.entries.get("wasm")))
    manifest = manifest_of(workspace, core.entries)
    if manifest.keeps_state:
        state = read_state(workspace.look(nodes["state"])) if "state" in nodes else filter_state(GuestState(), manifest)
        nodes["state"] = workspace.put(state_blob(_forked(state, manifest, number, fresh=fresh)))
    label = workspace.put(Blob({"ct": "s"}, str(number).encode()))
    nodes["fork"] = workspace.put(Tree({"n": label, "parent": step.core}))
    return workspace.put(Tree({**core.entries, "wasm": workspace.put(Tree(nodes))}))


def _forked(state: GuestState, manifest: Manifest, number: int, *, fresh: bool) -> GuestState:
    """Return the initial state of a fork.

    Spec: :rule:`wasm.fork.fuel`.
    """
    if fresh and manifest.random is not None:
        key = manifest.random if state.random is None else state.random[0]
        state = replace(state, random=(fork_key(key, number), 0))
    return state if manifest.tank is None else replace(state, used=max(state.used, manifest.tank))


class Numbers:
    """An allocator of unused numbers, which distinguish the actors of one origin.

    The next number of an origin is cached. After a restart it is searched for in steps that double, so that the number
    of tries is logarithmic in the number of actors.
    """

    def __init__(self) -> None:
        self._next: OrderedDict[ObjectId, int] = OrderedDict()

    def take(self, origin: ObjectId, is_taken: Callable[[int], bool]) -> int:
        """Return a number that is not taken.

        Args:
            origin: the id that the numbers belong to: a step, or a core.
            is_taken: whether an actor has the number.

        Raises:
            Rejected: all numbers are taken.
        """
        low = self._next.pop(origin, 0)
        found = low if not is_taken(low) else _search(low, is_taken, origin)
        self._next[origin] = found + 1
        if len(self._next) > _KEPT_NUMBERS:
            self._next.popitem(last=False)
        return found


def _search(low: int, is_taken: Callable[[int], bool], origin: ObjectId) -> int:
    """Return a number that is not taken, above one that is."""
    distance = 1
    while is_taken(low + distance):
        low, distance = low + distance, 2 * distance
        if low + distance > _MOST_NUMBER:
            raise Rejected("no free number is left", rule="wasm.fork.exact", got=origin.hex())
    high = low + distance
    while high - low > 1:
        middle = (low + high) // 2
        if is_taken(middle):
            low = middle
        else:
            high = middle
    return high
