"""The failure of a host: a transition that this host cannot run now.

Spec: :rule:`wasm.host.alive`.
"""

from __future__ import annotations

from gritstone.errors import Missing, Refusal

__all__ = ["host_failure"]


def host_failure(what: str) -> Refusal:
    """Return the refusal that abandons a transition because the host cannot run it now.

    It is not an outcome of the code. The transition is treated as if the store lacked an object, and the message stays
    unread.
    """
    return Missing(what, rule="wasm.host.alive", code="host")
