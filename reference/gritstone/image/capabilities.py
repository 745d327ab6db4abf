"""Capabilities: what an actor may send, spawn and read, and which capability covers which.

::

    spawn        read.<actor>        send.<actor>.<name>

The actor is an id text or ``*``. The name is a type, or a prefix of types followed by ``*``.

Spec: :rule:`image.cap.covers`.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator

from gritstone.grit.objects import ObjectId

__all__ = ["SPAWN", "covered", "covers", "is_capability", "read_capability", "send_capability"]

SPAWN = "spawn"
"""The capability to create actors."""

_ACTOR = r"(?:[0-9a-f]{64}|\*)"
_CAPABILITY = re.compile(rf"spawn|read\.{_ACTOR}|send\.{_ACTOR}\.(?:[a-z0-9_.-]{{1,64}}|[a-z0-9_.-]{{0,63}}\*)")
_KERNEL = "image."


def is_capability(text: str) -> bool:
    """Return whether a text is a capability."""
    return _CAPABILITY.fullmatch(text) is not None


def send_capability(target: ObjectId, mt: str) -> str:
    """Return the capability to send messages of a type to an actor."""
    return f"send.{target.hex()}.{mt}"


def read_capability(target: ObjectId) -> str:
    """Return the capability to read the core of an actor."""
    return f"read.{target.hex()}"


def covers(one: str, other: str) -> bool:
    """Return whether a capability covers another."""
    return covered({one}, other)


def covered(held: Container[str], wanted: str) -> bool:
    """Return whether one of several capabilities covers another.

    The cost depends on the length of the wanted one, not on how many are held.
    """
    return wanted in held or any(one in held for one in _covering(wanted))


def _covering(wanted: str) -> Iterator[str]:
    """Yield the other capabilities that cover one."""
    verb, _, rest = wanted.partition(".")
    if verb == "read" and rest != "*":
        yield "read.*"
    if verb != "send":
        return
    actor, _, name = rest.partition(".")
    stem = name.removesuffix("*")
    least = len(_KERNEL) if stem.startswith(_KERNEL) else 0
    for each in dict.fromkeys((actor, "*")):
        if each != actor:
            yield f"send.{each}.{name}"
        for length in range(least, min(len(stem), 63) + 1):
            yield f"send.{each}.{stem[:length]}*"
