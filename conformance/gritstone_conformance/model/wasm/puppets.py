"""The puppet as a module: by which bytes it is known, and how it ends where the puppet fails.

The module does in every respect what the puppet does, so its steps need not be run to be known. It declines where the
puppet does, and ends with the code ``FAILURE`` where the puppet fails or makes an object that is too long.

Spec: "The puppet" in ``wasm/classes``.
"""

from __future__ import annotations

import hashlib
from typing import Final

__all__ = ["FAILURE", "PUPPETS", "puppet_of"]

PUPPETS: Final = {
    bytes.fromhex("0d0ffffa8b79476fab42dd8b1f410e12f2b094c3ae0d22eb2dd9656821113c6d"): False,
    bytes.fromhex("620a3c52d543978ec1f795ee9426a4c1fe236bf6659fbba77e03bff40bc0a3eb"): True,
}
"""SHA-256 of the modules -> whether it is the one that stamps."""

FAILURE: Final = "guest:1"
"""The code of each failure of the module."""


def puppet_of(module: bytes) -> bool | None:
    """Return whether the puppet that a module is stamps, or None for another module.

    Spec: :rule:`wasm.puppet.same`.
    """
    return PUPPETS.get(hashlib.sha256(module).digest())
