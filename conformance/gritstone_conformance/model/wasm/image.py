"""State and image: what a call starts from, and the host nodes that are put behind it.

Spec: ``wasm/snapshot``, "Host nodes" of ``wasm/transition``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, NoReturn

from gritstone_conformance.model.cores import WorkingTree, find
from gritstone_conformance.model.failures import Failure
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.values import Blob
from gritstone_conformance.model.wasm.admission import AdmittedModule
from gritstone_conformance.model.wasm.documents import CT_CBOR, Manifest, NoDocument, State, read_manifest, read_state
from gritstone_conformance.model.wasm.machine import PAGE

__all__ = ["Image", "manifest_at", "mutable_types", "put_image", "put_state", "read_image", "state_at"]

_HEX: Final = re.compile("[0-9a-f]{2}")
_ZERO_PAGE: Final = bytes(PAGE)
_I32: Final = 0x7F


@dataclass(frozen=True, slots=True)
class Image:
    """Memory and mutable globals as a call left them."""

    memory: bytes
    mutable: tuple[int, ...]


def manifest_at(shelf: Shelf, core: bytes) -> Manifest | None:
    """Return the manifest of a core, all defaults where there is none, or None for what is no manifest.

    Spec: :rule:`wasm.manifest.strict`.
    """
    found = find(shelf, core, ("wasm", "manifest"))
    if found is None:
        return Manifest()
    blob = shelf.blob(found)
    if blob is None or blob.headers != CT_CBOR:
        return None
    try:
        return read_manifest(blob.data, shelf.format.name)
    except NoDocument:
        return None


def state_at(shelf: Shelf, core: bytes, manifest: Manifest) -> State:
    """Return the state of a core as far as the manifest grants it; raises Failure.

    Spec: :rule:`wasm.image.strict`.
    """
    found = find(shelf, core, ("wasm", "state")) if manifest.keeps_state else None
    if found is None:
        return State().granted(manifest)
    blob = shelf.blob(found)
    if blob is None or blob.headers != CT_CBOR:
        _defect("wasm/state is no document")
    try:
        return read_state(blob.data).granted(manifest)
    except NoDocument as problem:
        _defect(f"wasm/state: {problem}")


def read_image(
    shelf: Shelf, core: bytes, manifest: Manifest, state: State, module: AdmittedModule, module_id: bytes
) -> Image | None:
    """Return the image of a core, or None where none counts for the module; raises Failure.

    Spec: :rule:`wasm.image.module`, :rule:`wasm.image.strict`.
    """
    if not manifest.image or find(shelf, core, ("wasm", "module")) != module_id:
        return None
    if state.pages is None or state.mutable is None:
        _defect("the state has no pages and globals")
    types = mutable_types(module)
    if len(types) != len(state.mutable):
        _defect("the state has another number of globals than the module")
    if any(value >> (32 if kind == _I32 else 64) for kind, value in zip(types, state.mutable, strict=True)):
        _defect("a global does not fit its type")
    least, most = module.memory_limits(manifest.pages) or (0, 0)
    assert most is not None
    if not least <= state.pages <= most:
        _defect(f"{state.pages} pages, not {least} to {most}")
    if state.suspended and "wait" not in module.imports:
        _defect("a suspended call of a module that does not wait")
    memory = bytearray(state.pages * PAGE)
    for number, data in _pages(shelf, core):
        if number >= state.pages:
            _defect(f"page {number} is beyond {state.pages}")
        memory[number * PAGE : (number + 1) * PAGE] = data
    return Image(bytes(memory), state.mutable)


def mutable_types(module: AdmittedModule) -> list[int]:
    """Return the types of the mutable globals, in the order of their indices."""
    return [item.kind for item in module.module.globals if item.mutable]


def _pages(shelf: Shelf, core: bytes) -> list[tuple[int, bytes]]:
    """Return the pages of an image by number; raises Failure."""
    root = find(shelf, core, ("wasm", "memory"))
    if root is None:
        return []
    pages = []
    for high, below in _digits(shelf, root):
        for low, page in _digits(shelf, below):
            blob = shelf.blob(page)
            if blob is None or blob.headers or len(blob.data) != PAGE or blob.data == _ZERO_PAGE:
                _defect(f"what stands at {high:02x}/{low:02x} is no page")
            pages.append((256 * high + low, blob.data))
    return pages


def _digits(shelf: Shelf, tree: bytes) -> list[tuple[int, bytes]]:
    if not shelf.is_tree(tree):
        _defect("a blob in the place of a tree of pages")
    if not all(map(_HEX.fullmatch, shelf.names(tree))):
        _defect("a name that is not two digits")
    return [(int(name, 16), target) for name, target in shelf.names(tree).items()]


def put_state(core: WorkingTree, state: State | None) -> None:
    """Put the state into a core, or remove it.

    Spec: :rule:`wasm.image.nodes`.
    """
    _put(core, "state", None if state is None else core.shelf.put(Blob(CT_CBOR, state.encode())))


def put_image(core: WorkingTree, module_id: bytes | None, memory: bytes) -> None:
    """Put the image into a core, or remove it where no module is given.

    Spec: :rule:`wasm.image.nodes`, :rule:`wasm.image.zero`.
    """
    _put(core, "module", module_id)
    pages = WorkingTree(core.shelf, {})
    for number in range(len(memory) // PAGE if module_id is not None else 0):
        data = bytes(memory[number * PAGE : (number + 1) * PAGE])
        if data != _ZERO_PAGE:
            pages.put((f"{number >> 8:02x}", f"{number & 255:02x}"), core.shelf.put(Blob((), data)))
    _put(core, "memory", pages.seal() if pages.entries else None)


def _put(core: WorkingTree, name: str, target: bytes | None) -> None:
    if target is None:
        core.delete(("wasm", name))
    else:
        core.put(("wasm", name), target)


def _defect(words: str) -> NoReturn:
    raise Failure("unresolved", words, "wasm.image.strict", "image")
