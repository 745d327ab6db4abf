"""The exceptions of gritstone.

::

    GritstoneError
      Refusal            the input is rejected; expected; has .rule and .kind (the class that is sent on the wire)
        Malformed  Invalid  Missing  Rejected  Exhausted
      StorageError       the medium or the database failed, and the files are not known to be damaged
      InternalError      a defect of gritstone; never caught, never converted to a refusal

The message of a refusal states what was wrong, where, what was expected and what was received. Typed fields hold the
same values for programs. The set of five classes is closed: a profile adds codes, never classes.
"""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
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
    """The base class of all exceptions that gritstone raises on purpose."""


@dataclass(eq=False, repr=False)
class Refusal(GritstoneError):  # noqa: N818 - the word of the spec
    """The rejection of an input.

    Attributes:
        kind: the refusal class as it is sent: one of five words.
        message: what is wrong.
        rule: the id of the rule that the input violates.
        code: a code from the closed table of the profile, or None.
        offset: the position of the error in the input in bytes, or None if it has no position.
        got: the received value, printable, or None.
        expected: a description of valid values, printable, or None.
    """

    kind: ClassVar[str]

    message: str
    _: KW_ONLY
    rule: str
    code: str | None = None
    offset: int | None = None
    got: object = None
    expected: object = None

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
    """The bytes cannot be split into fields."""

    kind = "malformed"


class Invalid(Refusal):
    """The bytes can be split into fields but are not the one encoding of a valid value."""

    kind = "invalid"


class Missing(Refusal):
    """An object, reference, store or file is absent (codes: erased, corrupt)."""

    kind = "missing"


class Rejected(Refusal):
    """The state or a policy forbids the operation (codes: erased, format, conflict)."""

    kind = "rejected"


class Exhausted(Refusal):
    """A declared limit is exceeded, or the store is full."""

    kind = "exhausted"


class StorageError(GritstoneError):
    """The medium of a store or its database failed. The store may work again later."""


class InternalError(GritstoneError):
    """A defect of gritstone itself. Never caught, never converted to a refusal."""
