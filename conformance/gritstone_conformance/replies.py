"""The four kinds of replies, and the claims of an implementation, as values.

``protocol`` builds these from lines, ``judge`` compares them; this module judges nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

__all__ = ["REFUSAL_CLASSES", "Claims", "Json", "Ok", "Refused", "Reply", "Trouble", "Unsupported", "WrongShape"]

Json: TypeAlias = Any
"""A JSON value: None, bool, int, str, list or dict with str keys."""

REFUSAL_CLASSES: Final = ("malformed", "invalid", "missing", "rejected", "exhausted")
"""The five classes of a refusal, as spelled on the wire."""


@dataclass(frozen=True, slots=True)
class Ok:
    """The request was carried out; ``value`` is the whole ``ok`` object."""

    value: dict[str, Json]


@dataclass(frozen=True, slots=True)
class WrongShape:
    """An ``ok`` whose content does not have the shape that its operation requires: always a wrong reply.

    Attributes:
        value: the whole ``ok`` object.
        path: JSON Pointer to the first value of another form.
        expected: a description of the required form.
        got: the value there.
    """

    value: dict[str, Json]
    path: str
    expected: str
    got: Json


@dataclass(frozen=True, slots=True)
class Refused:
    """The input is at fault; ``kind`` is one of :data:`REFUSAL_CLASSES`."""

    kind: str
    code: str | None = None
    rule: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class Unsupported:
    """The implementation does not claim the named feature or operation."""

    feature: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """The implementation reports a fault of its own; never a refusal."""

    message: str


Reply: TypeAlias = Ok | WrongShape | Refused | Unsupported | Trouble


@dataclass(frozen=True, slots=True)
class Claims:
    """The reply to ``hello``; ``limits`` have the units of the spec (bytes, counts)."""

    name: str
    version: str
    language: str
    formats: tuple[str, ...]
    profiles: tuple[str, ...]
    features: tuple[str, ...]
    limits: dict[str, int]
    raw: dict[str, Json] = field(default_factory=dict)
