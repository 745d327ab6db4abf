"""Orders: messages of people and programs to one flow, which depend on its state, and what the flow logs for them.

An order is prepared in the round that sends it, and again if the update of that round was refused. So it needs one
round: no step comes between what was read of the flow and the message.

Spec: ``flow/messages``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TypeAlias

from gritstone.flow.sending import Sending
from gritstone.flow.values import Value
from gritstone.grit.objects import ObjectId
from gritstone.wit.position import Position

__all__ = ["Order", "Prepare"]

Prepare: TypeAlias = Callable[[Position], Sending | None]
"""Returns the message for a flow at a position; None if there is nothing to send."""


class Order:
    """An order in a round.

    Attributes:
        flow: the flow.
        prepare: returns the message.
        events: completed with what the flow has logged in the round.
        before: the step of the flow from which the message was prepared; None if nothing is sent.
        error: why nothing could be sent; None if that did not happen.
    """

    __slots__ = ("before", "error", "events", "flow", "prepare")

    def __init__(self, flow: ObjectId, prepare: Prepare, events: Future[Sequence[Value]]) -> None:
        self.flow = flow
        self.prepare = prepare
        self.events = events
        self.before: ObjectId | None = None
        self.error: BaseException | None = None

    def begin(self, position_of: Callable[[ObjectId], Position]) -> Sending | None:
        """Return the message from the present state of the flow; None if there is none."""
        self.before = self.error = None
        try:
            position = position_of(self.flow)
            sending = self.prepare(position)
        except Exception as error:  # noqa: BLE001 - raised by the caller
            self.error = error
            return None
        self.before = None if sending is None else position.step_id
        return sending
