"""Code nodes of a core: which code their data names.

The table of functions that the checker can recompute is :data:`REGISTERED`, and modules in the core.

Spec: ``wit/nodes``.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

from gritstone_conformance.model.grammar import check_name
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.values import Tree

__all__ = ["REGISTERED", "Code", "code_at", "is_wasm_core", "module_at", "module_path"]


class Code(Enum):
    """Which code a node names."""

    PUPPET = "puppet/1"
    STAMP = "puppet-stamp/1"
    MODULE = "a module in the core"
    FOREIGN = "code that this suite cannot run"
    NONE = "nothing that resolves"

    @property
    def is_puppet(self) -> bool:
        """Whether it is one of the puppets."""
        return self in (Code.PUPPET, Code.STAMP)


REGISTERED: Final = {b"puppet/1": Code.PUPPET, b"puppet-stamp/1": Code.STAMP}
"""Names of external code that every claimer of ``external`` has."""

_EXTERNAL: Final = re.compile(rb"external:([a-z0-9][a-z0-9._/-]*)")
_SOURCE: Final = re.compile(rb"/([^:]+):[A-Za-z0-9_.]+:[A-Za-z0-9_.]+")
_MODULE: Final = re.compile(rb"wasm:([^:]+)", re.DOTALL)


def code_at(shelf: Shelf, core: bytes, node: str) -> Code:
    """Return the code that the node of a core names; raises Refusal where an object is absent.

    Spec: :rule:`wit.node.forms`.
    """
    if not isinstance(shelf.get(core), Tree):
        return Code.NONE
    target = shelf.names(core).get(node)
    blob = None if target is None else shelf.blob(target)
    if blob is None:
        return Code.NONE
    external = _EXTERNAL.fullmatch(blob.data)
    if external:
        name = external[1]
        return REGISTERED.get(name, Code.NONE if name.split(b"/")[0] == b"absent" else Code.FOREIGN)
    if _module_names(blob.data, shelf.format.name) is not None:
        return Code.MODULE
    inside = _SOURCE.fullmatch(blob.data)
    return Code.FOREIGN if inside and _names(inside[1], shelf.format.name) is not None else Code.NONE


def module_path(shelf: Shelf, core: bytes, node: str) -> tuple[str, ...] | None:
    """Return the module path that a node of a core names, or None where it is not of the form ``wasm:<path>``."""
    target = shelf.names(core).get(node) if shelf.is_tree(core) else None
    blob = None if target is None else shelf.blob(target)
    return None if blob is None else _module_names(blob.data, shelf.format.name)


def module_at(shelf: Shelf, core: bytes, node: str) -> bytes | None:
    """Return what the module path of a node leads to, or None for nothing.

    Spec: :rule:`wasm.module.node`.
    """
    path = module_path(shelf, core, node)
    at: bytes | None = core
    for name in path if path is not None else ():
        at = shelf.names(at).get(name) if at is not None and shelf.is_tree(at) else None
    return None if path is None else at


def is_wasm_core(shelf: Shelf, core: bytes) -> bool:
    """Return whether a core is that of a Wasm actor."""
    return module_path(shelf, core, "wit") is not None


def _module_names(data: bytes, format_name: str) -> tuple[str, ...] | None:
    named = _MODULE.fullmatch(data)
    return None if named is None else _names(named[1], format_name)


def _names(data: bytes, format_name: str) -> tuple[str, ...] | None:
    try:
        names = data.decode().split("/")
    except UnicodeDecodeError:
        return None
    return None if any(check_name(name, format_name) for name in names) else tuple(names)
