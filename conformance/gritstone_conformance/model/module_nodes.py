"""Code nodes of the form ``wasm:<path>``, and what they lead to.

Spec: ``wit/nodes``, ``wasm/transition``.
"""

from __future__ import annotations

import re
from typing import Final

from gritstone_conformance.model.cores import find, split_path
from gritstone_conformance.model.law import node_data
from gritstone_conformance.model.shelf import Shelf

__all__ = ["is_wasm_core", "module_at", "module_names", "module_path", "module_paths"]

_MODULE: Final = re.compile(rb"wasm:([^:]+)", re.DOTALL)


def module_names(data: bytes, format_name: str) -> list[str] | None:
    """Return the module path that the data of a node is, or None for another form."""
    named = _MODULE.fullmatch(data)
    return None if named is None else split_path(named[1], format_name)


def module_path(shelf: Shelf, core: bytes, node: str) -> list[str] | None:
    """Return the module path that a node of a core names, or None where it is not of the form ``wasm:<path>``."""
    data = node_data(shelf, core, node)
    return None if data is None else module_names(data, shelf.format.name)


def module_paths(shelf: Shelf, core: bytes) -> list[list[str]]:
    """Return the module paths of a core, which are fixed where the core fixes anything.

    Spec: :rule:`wasm.grant.frozen`.
    """
    paths = (module_path(shelf, core, node) for node in ("wit", "wit_query"))
    return [path for path in paths if path is not None]


def module_at(shelf: Shelf, core: bytes, node: str) -> bytes | None:
    """Return what the module path of a node leads to, or None for nothing.

    Spec: :rule:`wasm.module.node`.
    """
    path = module_path(shelf, core, node)
    return None if path is None else find(shelf, core, path)


def is_wasm_core(shelf: Shelf, core: bytes) -> bool:
    """Return whether a core is that of a Wasm actor."""
    return module_path(shelf, core, "wit") is not None
