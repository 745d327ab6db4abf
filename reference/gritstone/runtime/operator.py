"""The operator: makes steps in place of the machine, in a store whose actors run in operations.

A profile implements it. While a world has an operator, no actor is proposed.

Spec: :ref:`image-runtime`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from gritstone.errors import Rejected
from gritstone.grit.objects import ObjectId
from gritstone.runtime.agent import Entries
from gritstone.wit.position import Position
from gritstone.wit.workspace import Workspace

__all__ = ["Operator", "refuse_in_image"]


class Operator(Protocol):
    """What makes the steps of actors."""

    @property
    def has_work(self) -> bool:
        """Return whether ``work`` would make a step."""

    def work(self, most_steps: int) -> int:
        """Make steps, in the batch, until there is none or enough were made; return their number."""

    def agent_step(self, workspace: Workspace, sent: Entries, read: Entries) -> Position:
        """Make a step of the agent, in the batch.

        Args:
            workspace: the objects that were made for it.
            sent: changed entries of its outbox.
            read: changed entries of its inbox.
        """

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
