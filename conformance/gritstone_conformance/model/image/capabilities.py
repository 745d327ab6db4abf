"""Capabilities: their form, what a name matches, and which capability covers which.

Spec: ``image/capabilities``; :rule:`image.cap.covers`.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

__all__ = ["covers", "holds", "is_capability", "matches"]

_ACTOR: Final = r"\*|[0-9a-f]{64}"
_CAPABILITY: Final = re.compile(
    rf"spawn|read\.(?:{_ACTOR})|send\.(?P<to>{_ACTOR})\.(?P<name>[a-z0-9_.-]{{1,64}}|[a-z0-9_.-]{{0,63}}\*)"
)


def is_capability(text: str) -> bool:
    """Return whether a text is a capability."""
    return _CAPABILITY.fullmatch(text) is not None


def matches(name: str, mt: str) -> bool:
    """Return whether the name of a capability, with or without ``*``, matches a type."""
    if not name.endswith("*"):
        return name == mt
    prefix = name[:-1]
    return mt.startswith(prefix) and _keeps_kernel(prefix, mt)


def covers(b: str, a: str) -> bool:
    """Return whether the capability b covers the capability a. A text that is not a capability covers nothing."""
    return holds((b,), a)


def holds(held: Collection[str], wanted: str) -> bool:
    """Return whether one of some capabilities covers another one."""
    asked = _CAPABILITY.fullmatch(wanted)
    if asked is None:
        return False
    if wanted in held:
        return True
    if asked["to"] is None:
        return wanted.startswith("read.") and "read.*" in held
    alike = ("send.*.", f"send.{asked['to']}.")
    return any(_covers_name(each, asked["name"]) for each in held if each.startswith(alike))


def _covers_name(text: str, wanted: str) -> bool:
    """Return whether a text is a capability to send whose name covers a name."""
    capability = _CAPABILITY.fullmatch(text)
    if capability is None:
        return False
    held = capability["name"]
    if held == wanted or not wanted.endswith("*"):
        return held == wanted or matches(held, wanted)
    prefix, inner = held[:-1], wanted[:-1]
    return held.endswith("*") and inner.startswith(prefix) and _keeps_kernel(prefix, inner)


def _keeps_kernel(prefix: str, text: str) -> bool:
    """Return whether a prefix does not reach into the kernel types, or is within them."""
    return not text.startswith("image.") or prefix.startswith("image.")
