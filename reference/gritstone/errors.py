"""The exceptions of gritstone, by whose fault they are.

::

    GritstoneError
      Refusal            the input is at fault; expected; carries .rule and .kind (the class sent on the wire)
        Malformed  Invalid  Missing  Rejected  Exhausted
      StorageError       the medium or the database failed, and the files are not known to be damaged
      InternalError      we are at fault; never caught, never turned into a refusal

A refusal says what, where, got and expected in its message, and keeps what a program may want in typed
fields. The five classes are closed: a profile adds codes, never classes.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "Exhausted",
    "GritstoneError",
    "InternalError",
    "Invalid",
    "Malformed",
    "Missing",
    "Refusal",
    "Rejected",
    "StorageError",
]


class GritstoneError(Exception):
    """Be the root of everything that gritstone raises on purpose."""


class Refusal(GritstoneError):  # noqa: N818 - the word of the spec
    """Refuse an input.

    Attributes:
        kind: the refusal class as it is sent: one of the five words.
        rule: the id of the rule that the input breaks.
        code: a word of the closed table of the profile, or None.
        offset: where in the input the trouble is, in bytes, or None if it has no place.
        got: what was found, printable, or None.
        expected: what would have been right, printable, or None.
    """

    kind: ClassVar[str]

    def __init__(
        self,
        message: str,
        *,
        rule: str,
        code: str | None = None,
        offset: int | None = None,
        got: object = None,
        expected: object = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.rule = rule
        self.code = code
        self.offset = offset
        self.got = got
        self.expected = expected

    def __str__(self) -> str:
        parts = [self.message]
        if self.offset is not None:
            parts.append(f"at byte {self.offset}")
        if self.expected is not None:
            parts.append(f"expected {self.expected}")
        if self.got is not None:
            parts.append(f"got {self.got}")
        return ", ".join(parts)


class Malformed(Refusal):
    """Refuse bytes whose fields cannot be found."""

    kind = "malformed"


class Invalid(Refusal):
    """Refuse what can be taken apart but is not the one encoding of an allowed value."""

    kind = "invalid"


class Missing(Refusal):
    """Refuse because an object, reference, store or file is not there (codes: erased, corrupt)."""

    kind = "missing"


class Rejected(Refusal):
    """Refuse because the state or a policy forbids it (codes: erased, format, conflict)."""

    kind = "rejected"


class Exhausted(Refusal):
    """Refuse because a declared limit is exceeded, or the store is full."""

    kind = "exhausted"


class StorageError(GritstoneError):
    """Report that the medium of a store or its database failed. The store may work again later."""


class InternalError(GritstoneError):
    """Report a fault of gritstone itself. Never caught, never turned into a refusal."""
