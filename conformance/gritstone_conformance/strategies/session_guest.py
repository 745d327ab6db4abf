"""The guest of sessions as a module, and the cores of actors that run it.

Spec: "The module" in ``session/index``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from gritstone_conformance.bundled import vectors_dir

__all__ = ["SESSION_GRANTS", "SESSION_NODE", "session_guest", "session_guest_dir"]

SESSION_NODE: Final = b"wasm:code/session.wasm"
"""The data of the code nodes of a session that runs the module."""

SESSION_GRANTS: Final[Mapping[str, Any]] = {"fuel": 1_000_000_000, "send": "reply"}
"""The members of the manifest of such a session without ``v``."""


def session_guest_dir() -> Path:
    """Return the directory of the guest: sources, module, build script and ``DIGEST``."""
    return vectors_dir() / "session" / "guests"


@cache
def session_guest() -> bytes:
    """Return the module."""
    return (session_guest_dir() / "session.wasm").read_bytes()
