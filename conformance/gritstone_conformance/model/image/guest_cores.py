"""Cores of guests: which of them are valid.

Spec: ``image/wasm``, "Valid guests"; :rule:`image.wasm.valid`.
"""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.failures import Failure
from gritstone_conformance.model.image.denial import Denied
from gritstone_conformance.model.module_nodes import module_path
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.wasm.calls import find_call
from gritstone_conformance.model.wasm.image import manifest_at

__all__ = ["check_guest", "is_guest"]

_NODES: Final = ("wit", "wit_query")
_MALFORMED: Final = ("malformed", "program")
_DENIALS: Final[dict[str | None, tuple[str, str]]] = {
    "import": ("rejected", "import"),
    "host": ("exhausted", "exhausted"),
}
"""The code of a defect to the failure that it is, where it is not malformed."""


def is_guest(shelf: Shelf, core: bytes) -> bool:
    """Return whether both code nodes of a core are of the form ``wasm:<path>``."""
    return all(module_path(shelf, core, node) is not None for node in _NODES)


def check_guest(shelf: Shelf, core: bytes) -> None:
    """Make the steps of a call that come before anything runs, for both code nodes; raises Denied."""
    for node in _NODES:
        try:
            _check_place(shelf, core, node)
            find_call(shelf, core, core, node)
        except Failure as failure:
            raise Denied(*_DENIALS.get(failure.code, _MALFORMED)) from failure


def _check_place(shelf: Shelf, core: bytes, node: str) -> None:
    """Raise Failure for a module path that does not begin with ``code/``, unless what comes before it fails."""
    path, manifest = module_path(shelf, core, node), manifest_at(shelf, core)
    has_pages = manifest is not None and manifest.pages <= shelf.limits.wasm_pages
    if has_pages and path is not None and (len(path) < 2 or path[0] != "code"):
        raise Failure("unresolved", "the module is not below code", "image.wasm.valid", "node")
