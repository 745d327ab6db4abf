"""Cores of guests: actors whose code is a module in their own core.

Spec: the chapter *Tools as guests* of ``image``, :rule:`image.wasm.valid`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from gritstone.errors import Refusal
from gritstone.grit.objects import ObjectId
from gritstone.image.refusals import refusal
from gritstone.wasm.cores import NODES, node_path
from gritstone.wit.failures import failure_class
from gritstone.wit.workspace import Workspace

if TYPE_CHECKING:
    from gritstone.wasm.guest_host import GuestHost

__all__ = ["check_guest", "is_guest"]

_DEFECTS: Mapping[str, str] = MappingProxyType({"import": "rejected/import", "host": "exhausted/exhausted"})


def is_guest(workspace: Workspace, core: Mapping[str, ObjectId]) -> bool:
    """Return whether both code nodes of a core name modules."""
    return all(node_path(workspace, core, node) is not None for node in NODES)


def check_guest(guests: GuestHost, workspace: Workspace, core: Mapping[str, ObjectId]) -> None:
    """Check what the calls of a guest need before any code runs.

    Args:
        guests: the host of guests.
        workspace: supplies objects.
        core: the entries of the core, whose nodes name modules.

    Raises:
        Malformed: a call cannot begin (code ``program``).
        Rejected: a module has an import that the profile ``wasm`` does not define (code ``import``).
        Exhausted: this host does not run the guest (code ``exhausted``).
        Missing: the store lacks an object.

    Spec: :rule:`image.wasm.valid`.
    """
    from gritstone.wasm.transition import prepare_call  # on first use, as the engine

    for node in NODES:
        path = node_path(workspace, core, node)
        if path is not None and (path[0] != "code" or len(path) == 1):
            path = None  # which is refused after the manifest, as a path that leads to no module
        try:
            prepare_call(guests, workspace, core, node, core, path)
        except Refusal as error:
            if failure_class(error) is None:
                raise
            what = _DEFECTS.get((error.code or "").partition(":")[2], "malformed/program")
            raise refusal(what, f"{node}: {error}", "wasm.valid") from error
