"""An exchange: what the outside receives in answer to what it sent, as part of the same update of the store.

Spec: :rule:`runtime.head.before-route`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from gritstone.runtime.batch import StepBatch
from gritstone.runtime.world import World

__all__ = ["Exchange"]

_R = TypeVar("_R")


class Exchange(Generic[_R]):
    """The second half of an exchange, which is tried at rest until it succeeds.

    Attributes:
        received: its result; None as long as there is none.
    """

    def __init__(self, world: World, receive: Callable[[], _R | None]) -> None:
        """Begin to wait.

        Args:
            world: the world that ``receive`` changes.
            receive: returns None if it changes nothing, because nothing was received.
        """
        self.received: _R | None = None
        self._world = world
        self._receive = receive
        self._batch: StepBatch | None = None  # of the change

    def at_rest(self) -> None:
        """Try to receive, unless that has succeeded and is not taken back."""
        batch = self._batch
        if batch is None or not (batch is self._world.batch or batch.is_durable):
            self.received = self._receive()
            self._batch = None if self.received is None else self._world.batch
