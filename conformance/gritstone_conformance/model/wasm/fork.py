"""Forks: the first core of an actor that resumes from the state of another one.

Spec: "Fork" of ``wasm/migration``; :rule:`wasm.fork.exact`, :rule:`wasm.fork.refused`, :rule:`wasm.fork.fuel`.
"""

from __future__ import annotations

from dataclasses import replace

from gritstone_conformance.model.cores import WorkingTree, find
from gritstone_conformance.model.failures import Failure
from gritstone_conformance.model.module_nodes import is_wasm_core
from gritstone_conformance.model.refusals import Refusal, invalid
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.values import Blob, Step, Tree
from gritstone_conformance.model.wasm.documents import CT_CBOR, Manifest, NoDocument, State, read_state
from gritstone_conformance.model.wasm.image import manifest_at, put_state
from gritstone_conformance.model.wasm.streams import fork_key

__all__ = ["fork_core"]


def fork_core(shelf: Shelf, step: bytes, number: int, entropy: str) -> bytes:
    """Return the first core of a fork, on the shelf.

    Raises:
        Refusal: the step is absent, or none of a Wasm actor.
        Failure: its manifest or state is no document.
    """
    value = shelf.get(step)
    if not isinstance(value, Step) or not is_wasm_core(shelf, value.core):
        raise Refusal([invalid("wasm.fork.refused", f"{step.hex()} is not a step of a Wasm actor")])
    manifest = manifest_at(shelf, value.core)
    if manifest is None:
        raise Failure("unresolved", "wasm/manifest is no manifest", "wasm.manifest.strict", "manifest")
    core = WorkingTree(shelf, shelf.names(value.core))
    if manifest.keeps_state:
        put_state(core, _forked(_whole_state(shelf, value.core, manifest), manifest, number, entropy))
    numbered = shelf.put(Blob((("ct", "s"),), b"%d" % number))
    core.put(("wasm", "fork"), shelf.put(Tree((("n", numbered), ("parent", value.core)))))
    return core.seal()


def _whole_state(shelf: Shelf, core: bytes, manifest: Manifest) -> State:
    """Return the state as it stands, or the initial one."""
    found = find(shelf, core, ("wasm", "state"))
    if found is None:
        return State().granted(manifest)
    blob = shelf.blob(found)
    data = b"" if blob is None or blob.headers != CT_CBOR else blob.data  # no bytes are no document
    try:
        return read_state(data)
    except NoDocument as problem:
        raise Failure("unresolved", "wasm/state is no state", "wasm.image.strict", "image") from problem


def _forked(state: State, manifest: Manifest, number: int, entropy: str) -> State:
    if entropy == "fresh" and manifest.random is not None:
        key = manifest.random if state.random is None else state.random[0]
        state = replace(state, random=(fork_key(key, number), 0))
    if manifest.tank is not None:
        state = replace(state, used=max(state.used, manifest.tank))
    return state
