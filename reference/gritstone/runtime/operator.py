"""The operator: what makes steps in place of the machine, in a store whose actors run in operations.

A profile implements it. While a machine has an operator, it makes no proposals.

Spec: :ref:`image-runtime`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from gritstone.errors import Rejected
from gritstone.grit.objects import ObjectId

__all__ = ["Operator", "refuse_in_image"]


class Operator(Protocol):
    """What makes the steps of actors."""

    @property
    def has_work(self) -> bool:
        """Return whether ``work`` would make a step."""

    def work(self, most_steps: int) -> int:
        """Make steps, in the batch, until there is none or enough were made; return their number."""

    def check_injection(self, to: ObjectId, headers: Mapping[str, str], content: ObjectId, *, signal: bool) -> None:
        """Raise a refusal if the agent must not send a message."""


def refuse_in_image(operator: Operator | None) -> None:
    """Refuse an operation that an image does not have.

    Raises:
        Rejected: there is an operator (code ``image``).

    Spec: :rule:`image.runtime.refused`.
    """
    if operator is not None:
        raise Rejected("the store is an image", rule="image.runtime.refused", code="image")
