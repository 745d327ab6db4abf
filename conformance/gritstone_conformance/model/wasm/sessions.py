"""The guest of sessions as a module: by which bytes it is known.

Spec: "The module" in ``session/index``.
"""

from __future__ import annotations

import hashlib
from typing import Final

__all__ = ["SESSION_GUEST", "is_session_guest"]

SESSION_GUEST: Final = bytes.fromhex("6c6ba5ebb629595f4c38dd36c37c3481b2c174ac7ac5fdc716fdd3330639c169")
"""SHA-256 of ``session.wasm``."""


def is_session_guest(module: bytes) -> bool:
    """Return whether a module is the guest of sessions.

    Spec: :rule:`session.wasm.same`.
    """
    return hashlib.sha256(module).digest() == SESSION_GUEST
