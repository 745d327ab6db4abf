"""Many small questions, and a short trace for the one that is answered wrongly.

A property of this package may send hundreds of requests whose answers do not depend on each other. They are asked
together; one that is answered wrongly is asked once more alone, so that the failure holds that request and no other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from gritstone_conformance.attachment.subject import Subject
from gritstone_conformance.judge import compare
from gritstone_conformance.replies import REFUSAL_CLASSES, Json
from gritstone_conformance.trial import Asked, SubjectLike, Trial

__all__ = ["ANSWERED", "DONE", "ERROR", "ask_apart", "claims_grit", "mixed", "process_of", "spoilt"]

DONE: Final[dict[str, Json]] = {"ok": {}}
ERROR: Final[dict[str, Json]] = {"error": True}
ANSWERED: Final[dict[str, Json]] = {"any": [{"ok": {"$": "any"}}, *({"refused": kind} for kind in REFUSAL_CLASSES)]}
"""Carried out or refused: neither ``unsupported`` nor ``error``."""

_WRONG_TYPES: Final[tuple[Json, ...]] = (None, True, 0, 4097, "", "A", [], [1], {}, {"a": 1})
_LARGE_NUMBERS: Final = (65, 256, 1_001, 65_537, 1 << 32)
"""Further numbers that are one more than the most that some member may be."""
_LARGE_TEXT: Final = str(1 << 64)
_LONG_TEXT: Final = 32  # characters more than a handle of one may have
_LONG_LISTS: Final = (33, 65, 4_097)
"""One item more than a list with a bound may have."""


def ask_apart(trial: Trial, requests: Sequence[Asked], *, rule: str | None = None) -> None:
    """Ask requests that do not depend on each other; raises Divergence for the first one that is wrong also alone."""
    replies = trial.subject.ask_many([(request[0], request[1]) for request in requests])
    for (op, args, expect, *_), reply in zip(requests, replies, strict=True):
        if compare(expect, reply, {}) is not None:
            trial.expect(op, args, expect, rule=rule)


def spoilt(value: Json) -> Iterator[Any]:
    """Yield a JSON value with one place changed: a member more or less, another type, a value beyond some bound."""
    match value:
        case dict():
            yield {**value, "surplus": 1}
            for name, item in value.items():
                yield {other: kept for other, kept in value.items() if other != name}
                for changed in (*_WRONG_TYPES, *spoilt(item)):
                    yield {**value, name: changed}
        case list():
            for index, item in enumerate(value):
                for changed in (*_WRONG_TYPES, *spoilt(item)):
                    yield [*value[:index], changed, *value[index + 1 :]]
            for item in value[-1:]:
                yield [*value, item]
                yield from ([item] * length for length in _LONG_LISTS)
        case str():
            yield from ("0" + value, value + value[-1:] * _LONG_TEXT, _LARGE_TEXT)
        case int():
            yield from _LARGE_NUMBERS


def mixed(value: Mapping[str, Json], other: Mapping[str, Json]) -> dict[str, Json]:
    """Return the members of two JSON objects in one, at every depth; where they differ, ``other`` counts."""
    found = dict(value)
    for name, item in other.items():
        before = found.get(name)
        found[name] = mixed(before, item) if isinstance(before, dict) and isinstance(item, dict) else item
    return found


def claims_grit(trial: Trial) -> bool:
    """Return whether the profile grit is claimed."""
    return "grit" in trial.claims.profiles


def process_of(subject: SubjectLike) -> Subject:
    """Return the process behind a subject: the properties of the wire look at it, not only at its answers."""
    inner = getattr(subject, "subject", subject)
    assert isinstance(inner, Subject), "the properties of the wire need a real process"
    return inner
