"""Failures of transitions and queries: the failure words, and the refusal of each.

A failure is a ``Refusal`` whose code begins with one of the five words. Code fails by raising the result of
``failure``. An executor distinguishes a failure from its own errors with ``failure_class``, and the adapter sends the
code unchanged.

Spec: :rule:`wit.transition.class`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from gritstone.errors import Exhausted, Refusal, Rejected

__all__ = ["FAILURES", "failure", "failure_class", "illegal_step"]

FAILURES: Mapping[str, type[Refusal]] = MappingProxyType(
    {
        "failed": Rejected,
        "unresolved": Rejected,
        "illegal-step": Rejected,
        "timeout": Exhausted,
        "exhausted": Exhausted,
    }
)
"""The class of refusal by the class of a failure."""


def failure(
    word: str,
    message: str,
    *,
    rule: str = "wit.transition.class",
    detail: str | None = None,
    got: object = None,
    expected: object = None,
) -> Refusal:
    """Return the refusal of a failure.

    Args:
        word: one of ``FAILURES``.
        message: what is wrong, and where.
        rule: the rule of the failure.
        detail: a more specific code of a profile, written after the word and a colon.
        got: the actual value.
        expected: the expected value.
    """
    code = word if detail is None else f"{word}:{detail}"
    return FAILURES[word](message, rule=rule, code=code, got=got, expected=expected)


def illegal_step(message: str, rule: str, *, got: object = None, expected: object = None) -> Refusal:
    """Return the refusal of a result that is not admitted."""
    return failure("illegal-step", message, rule=rule, got=got, expected=expected)


def failure_class(refusal: Refusal) -> str | None:
    """Return the class of a failure; None if the refusal is not a failure."""
    word = (refusal.code or "").partition(":")[0]
    return word if word in FAILURES and type(refusal) is FAILURES[word] else None
