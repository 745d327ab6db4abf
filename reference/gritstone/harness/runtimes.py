"""Runtimes of one client: by handle, with the event loop they share.

Nothing of a runtime runs between two requests. What is in progress then goes on with the next request that runs it.

Spec: :rule:`runtime.stop.clean`, :rule:`harness.schedule.only-chosen`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from gritstone.errors import Missing, Rejected
from gritstone.grit.objects import ObjectId
from gritstone.grit.store import Store
from gritstone.runtime.runtime import Runtime

__all__ = ["Bound", "Runtimes"]

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Bound:
    """Be a runtime with a handle.

    Attributes:
        runtime: the runtime.
        store: the handle of its store.
        chosen: whether the suite chooses the schedule.
    """

    runtime: Runtime
    store: str
    chosen: bool


class Runtimes:
    """Keep the runtimes of one client."""

    def __init__(self) -> None:
        self._bound: dict[str, Bound] = {}
        self._loop = asyncio.new_event_loop()

    def __getitem__(self, name: str) -> Bound:
        bound = self._bound.get(name)
        if bound is None:
            raise Missing("no such handle", rule="harness.reply.total", got=name)
        return bound

    def check_free(self, name: str) -> None:
        """Refuse a name that is in use.

        Raises:
            Rejected: it is.
        """
        if name in self._bound:
            raise Rejected("the handle is bound already", rule="harness.state.isolated", got=name)

    def bind(self, name: str, bound: Bound) -> None:
        """Give a runtime a handle."""
        self._bound[name] = bound

    def wait(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        """Run a coroutine to its end, and whatever else is in progress meanwhile."""
        return self._loop.run_until_complete(coroutine)

    def stop(self, name: str, *, drain: bool) -> None:
        """Stop a runtime and free its handle.

        Raises:
            Missing: there is none.
        """
        bound = self[name]
        del self._bound[name]
        self.wait(bound.runtime.stop(drain=drain))

    def stop_on(self, store: str) -> None:
        """Stop all runtimes of a store's handle at once."""
        for name in [name for name, bound in self._bound.items() if bound.store == store]:
            self.stop(name, drain=False)

    def pins(self, store: Store) -> set[ObjectId]:
        """Give what a prune of a store has to leave."""
        return {one for bound in self._bound.values() if bound.runtime.store is store for one in bound.runtime.pins()}

    def forget(self, store: Store) -> None:
        """Let the runtimes of a store forget what they read."""
        for bound in self._bound.values():
            if bound.runtime.store is store:
                bound.runtime.forget()

    def close(self) -> None:
        """Stop everything."""
        for name in list(self._bound):
            self.stop(name, drain=False)
        self._loop.close()
