"""The guest of sessions as a module: by which bytes it is known.

Spec: "The module" in ``session/index``.
"""

from __future__ import annotations

import hashlib
from typing import Final

__all__ = ["SESSION_GUEST", "is_session_guest"]

SESSION_GUEST: Final = bytes.fromhex("8c1b8288e77858a8a3dbf74cf3175cfdf9ad7a9773068b953f1306343a67152d")
"""SHA-256 of ``session.wasm``."""


def is_session_guest(module: bytes) -> bool:
    """Return whether a module is the guest of sessions.

    Spec: :rule:`session.wasm.same`.
    """
    return hashlib.sha256(module).digest() == SESSION_GUEST
