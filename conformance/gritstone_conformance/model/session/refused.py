"""How a request ends without an effect, and the limits of what a request may hold.

Spec: ``session/requests``.
"""

from __future__ import annotations

from typing import Final

from gritstone_conformance.model.session.json_text import JsonText

__all__ = ["LONGEST_PROMPT", "LONGEST_RESPONSE", "LONGEST_TEXT", "MOST", "Refused", "check_size"]

LONGEST_PROMPT: Final = 1 << 20
LONGEST_RESPONSE: Final = 1 << 22
LONGEST_TEXT: Final = 8_000_000
"""Bytes of a prepared turn, and of the content of a reply."""

MOST: Final = (1 << 53) - 1
"""The largest number in a header."""


class Refused(Exception):  # noqa: N818 - the name of the spec
    """A request is refused, with a class and a code; nothing changed."""

    def __init__(self, kind: str, code: str) -> None:
        super().__init__(f"{kind}/{code}")
        self.kind = kind
        self.code = code

    def to_json(self) -> JsonText:
        """Return the content of the reply."""
        return {"class": self.kind, "code": self.code}


def check_size(length: int, most: int) -> None:
    """Raise Refused if something is longer than it may be."""
    if length > most:
        raise Refused("exhausted", "size")
