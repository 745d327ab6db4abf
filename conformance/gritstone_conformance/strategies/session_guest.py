"""The guest of sessions as a module, and the cores of actors that run it.

Spec: "The module" in ``session/index``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from gritstone_conformance.bundled import vectors_dir
from gritstone_conformance.model.values import Blob, Tree
from gritstone_conformance.strategies.casting import GuestFormat
from gritstone_conformance.strategies.graphs import Graph
from gritstone_conformance.strategies.guests import add_manifest, add_module

__all__ = ["SESSION", "SESSION_GRANTS", "SESSION_NODE", "session_core", "session_guest", "session_guest_dir"]

SESSION: Final = b"external:session/1"
"""The data of the code nodes of a session that runs external code."""

SESSION_NODE: Final = b"wasm:code/session.wasm"
"""The data of the code nodes of a session that runs the module."""

SESSION_GRANTS: Final[Mapping[str, Any]] = {"fuel": 10_000_000_000, "pages": 1024, "send": "reply"}
"""The members of the manifest of such a session without ``v``, enough for the largest turns."""


def session_guest_dir() -> Path:
    """Return the directory of the guest: sources, module, build script and ``DIGEST``."""
    return vectors_dir() / "session" / "guests"


@cache
def session_guest() -> bytes:
    """Return the module."""
    return (session_guest_dir() / "session.wasm").read_bytes()


def session_core(graph: Graph, session: bytes) -> dict[str, bytes]:
    """Return the entries of the first core of a session; in a ``GuestFormat`` its code is the module."""
    if not isinstance(graph.format, GuestFormat):
        node = graph.add(Blob((("ct", "s"),), SESSION))
        return {"session": session, "wit": node, "wit_query": node}
    node = graph.add(Blob((("ct", "s"),), SESSION_NODE))
    code = graph.add(Tree((("session.wasm", add_module(graph, session_guest())),)))
    wasm = graph.add(Tree((("manifest", add_manifest(graph, SESSION_GRANTS)),)))
    return {"code": code, "session": session, "wasm": wasm, "wit": node, "wit_query": node}
