"""Failures of transitions and queries: which words there are, and how each is refused.

A failure is a ``Refusal`` whose code begins with one of the five words. So code fails by raising what ``failure``
gives, an executor tells a failure from its own trouble by ``failure_class``, and the adapter sends it as it is.

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
"""The class of a failure, and the class of refusal that it is sent with."""


def failure(
    word: str,
    message: str,
    *,
    rule: str = "wit.transition.class",
    detail: str | None = None,
    got: object = None,
    expected: object = None,
) -> Refusal:
    """Make the refusal of a failure.

    Args:
        word: one of ``FAILURES``.
        message: what, where.
        rule: the rule it comes from.
        detail: a code that a profile gives its failure, written after the word with a colon between.
        got: what was found.
        expected: what would have been right.
    """
    code = word if detail is None else f"{word}:{detail}"
    return FAILURES[word](message, rule=rule, code=code, got=got, expected=expected)


def illegal_step(message: str, rule: str, *, got: object = None, expected: object = None) -> Refusal:
    """Make the refusal of a result that is not admitted."""
    return failure("illegal-step", message, rule=rule, got=got, expected=expected)


def failure_class(refusal: Refusal) -> str | None:
    """Give the class of a failure; None if the refusal is none."""
    word = (refusal.code or "").partition(":")[0]
    return word if word in FAILURES and type(refusal) is FAILURES[word] else None
