"""The puppet as a module: by which bytes it is known, and how it ends where the puppet fails.

The module does in every respect what the puppet does, so its steps need not be run to be known. It declines where the
puppet does, and ends with the code :data:`FAILURE` where the puppet fails or makes an object that is too long.

Spec: "The puppet" in ``wasm/classes``.
"""

from __future__ import annotations

import hashlib
from typing import Final

__all__ = ["FAILURE", "PUPPETS", "puppet_of"]

PUPPETS: Final = {
    bytes.fromhex("781c6953323d025ba453568d78c77cc8d15675bae0a6afa7589915ccfa3f9fc9"): False,
    bytes.fromhex("fd87906a968f236c195db55b2a0cb6454629fecc4646e99d787cfd3b3c35fc0f"): True,
}
"""SHA-256 of the modules -> whether it is the one that stamps."""

FAILURE: Final = "guest:1"
"""The code of each failure of the module."""


def puppet_of(module: bytes) -> bool | None:
    """Return whether the puppet that a module is stamps, or None for another module.

    Spec: :rule:`wasm.puppet.same`.
    """
    return PUPPETS.get(hashlib.sha256(module).digest())
