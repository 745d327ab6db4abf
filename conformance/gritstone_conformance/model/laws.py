"""The laws in one ordered list; check 8 recomputes steps by this list.

Spec: ``wit/nodes``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from gritstone_conformance.model.flow.law import FLOWS
from gritstone_conformance.model.host_code import OTHER, PUPPET, STAMP
from gritstone_conformance.model.image.law import ACTORS, KERNEL
from gritstone_conformance.model.law import Law, node_data
from gritstone_conformance.model.session.law import SESSION
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.wasm.law import MODULES

__all__ = ["LAWS", "law_at", "law_of"]

LAWS: Final = (PUPPET, STAMP, SESSION, FLOWS, ACTORS, KERNEL, MODULES, OTHER)
"""All laws. The first that has the form of a node decides."""


def law_of(shelf: Shelf, core: bytes) -> Law:
    """Return the law of the actor with a core; one that adds nothing where no code resolves."""
    return _law_with(shelf, core, "wit") or _NO_LAW


def law_at(shelf: Shelf, core: bytes, node: str, content: bytes | None = None) -> Law | None:
    """Return the law that resolves a node of a core, or of the content of an update; None if it is unresolved.

    Spec: :rule:`wit.node.forms`.
    """
    law = _law_with(shelf, core, "wit")
    if (law is not None and law.is_exclusive) or (node == "wit" and content is None):
        return law
    return _law_with(shelf, core if content is None else content, node)


def _law_with(shelf: Shelf, entries: bytes, node: str) -> Law | None:
    data = node_data(shelf, entries, node)
    return None if data is None else _law_with_data(data, shelf.format.name)


@lru_cache(maxsize=256)
def _law_with_data(data: bytes, format_name: str) -> Law | None:
    """Return the law that has the form of a node's data; most actors have one of a few."""
    return next((law for law in LAWS if law.has(data, format_name)), None)


_NO_LAW = Law()
