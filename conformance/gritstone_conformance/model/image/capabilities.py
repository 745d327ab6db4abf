"""Capabilities: their form, what a name matches, and which capability covers which.

Spec: ``image/capabilities``; :rule:`image.cap.covers`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
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
    held, wanted = _CAPABILITY.fullmatch(b), _CAPABILITY.fullmatch(a)
    if held is None or wanted is None:
        return False
    if b == "spawn" or a == "spawn":
        return a == b
    if b.startswith("read.") or a.startswith("read."):
        return a == b or (b == "read.*" and a.startswith("read."))
    if held["to"] not in ("*", wanted["to"]):
        return False
    return held["name"] == wanted["name"] or _covers_name(held["name"], wanted["name"])


def holds(held: Iterable[str], wanted: str) -> bool:
    """Return whether one of some capabilities covers another one."""
    return any(covers(each, wanted) for each in held)


def _covers_name(held: str, wanted: str) -> bool:
    if not wanted.endswith("*"):
        return matches(held, wanted)
    prefix, inner = held[:-1], wanted[:-1]
    return held.endswith("*") and inner.startswith(prefix) and _keeps_kernel(prefix, inner)


def _keeps_kernel(prefix: str, text: str) -> bool:
    """Return whether a prefix does not reach into the kernel types, or is within them."""
    return not text.startswith("image.") or prefix.startswith("image.")
