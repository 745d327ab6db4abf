"""Code nodes of a core: which code their data names.

The table of functions that the checker can recompute is :data:`REGISTERED`; later profiles add to it.

Spec: ``wit/nodes``.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

from gritstone_conformance.model.grammar import check_name
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.values import Tree

__all__ = ["REGISTERED", "Code", "code_at"]


class Code(Enum):
    """Which code a node names."""

    PUPPET = "puppet/1"
    STAMP = "puppet-stamp/1"
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
_MODULE: Final = re.compile(rb"wasm:([^:]+)")


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
    inside = _SOURCE.fullmatch(blob.data) or _MODULE.fullmatch(blob.data)
    return Code.FOREIGN if inside and _is_path(inside[1], shelf.format.name) else Code.NONE


def _is_path(data: bytes, format_name: str) -> bool:
    try:
        names = data.decode().split("/")
    except UnicodeDecodeError:
        return False
    return all(not check_name(name, format_name) for name in names)
