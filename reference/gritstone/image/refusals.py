"""Refusals of images: each has a class and a code, written ``<class>/<code>`` in records and notices.

Spec: :rule:`image.op.report`, :rule:`image.cap.typed`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gritstone.errors import Exhausted, Malformed, Missing, Refusal, Rejected

__all__ = ["Failure", "failure_of", "refusal"]

_CLASSES: Mapping[str, type[Refusal]] = MappingProxyType(
    {"malformed": Malformed, "missing": Missing, "rejected": Rejected, "exhausted": Exhausted}
)
_PREFIX = "image."


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an operation or a savepoint failed.

    Attributes:
        kind: the class of the refusal.
        code: its code.
    """

    kind: str
    code: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.code}"


def refusal(what: str, message: str, rule: str, *, got: object = None, expected: object = None) -> Refusal:
    """Return a refusal of an image.

    Args:
        what: class and code, as in ``rejected/capability``.
        message: what is wrong, and where.
        rule: the rule, without ``image.``.
        got: the actual value.
        expected: the expected value.
    """
    word, _, code = what.partition("/")
    return _CLASSES[word](message, rule=_PREFIX + rule, code=code, got=got, expected=expected)


def failure_of(error: Refusal) -> Failure:
    """Return the failure that a refusal within a step is.

    Raises:
        Missing: the store lacks an object or its bytes are damaged, so the step cannot be made.
    """
    if error.rule.startswith(_PREFIX):
        return Failure(error.kind, error.code or "failed")
    if isinstance(error, Missing) and error.code != "erased":
        raise error
    if isinstance(error, Exhausted):
        return Failure("exhausted", "exhausted")
    return Failure("rejected", "failed")
