"""Types of messages and names of events.

Spec: ``image/messages``, "Types".
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["MODES", "Kernel", "is_event_type", "is_mt", "is_plain", "kernel_type"]

MODES: Final = ("join", "save")
"""The values of the header ``op``; a message without it is a post."""

_MT: Final = re.compile(r"[a-z0-9_.-]{1,64}")
_EVENT: Final = r"[a-z0-9_-]{1,32}"
_NOT_PLAIN: Final = frozenset(("update", "cleanup", "receipt", "failed", "reply", "genesis"))
_KERNEL: Final = re.compile(
    r"image\.(?:(grant|revoke|entry|quota|install|timer|cancel|destroy|revert)"
    rf"|(subscribe|unsubscribe|emit)\.({_EVENT}))"
)
_ON: Final = re.compile(rf"on\.{_EVENT}")

Kernel = tuple[str, str]
"""A kernel type: the word after ``image.``, and the event or the empty text."""


def is_mt(text: str) -> bool:
    """Return whether a text can be the type of a message."""
    return _MT.fullmatch(text) is not None


def is_plain(text: str) -> bool:
    """Return whether a text is a plain type."""
    return is_mt(text) and text not in _NOT_PLAIN and not text.startswith(("image.", "on."))


def kernel_type(text: str) -> Kernel | None:
    """Return the parts of a kernel type, or None for another text."""
    found = _KERNEL.fullmatch(text) if is_mt(text) else None
    return None if found is None else (found[1] or found[2], found[3] or "")


def is_event_type(text: str) -> bool:
    """Return whether a text is an event type."""
    return _ON.fullmatch(text) is not None
