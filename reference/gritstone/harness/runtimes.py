"""Runtimes of one client: by handle, with the event loop they share.

A runtime does not run between two requests. Its work in progress continues with the next request that runs it.

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
from gritstone.image.service import Service
from gritstone.runtime.runtime import Runtime
from gritstone.session.residency import Residency

__all__ = ["Bound", "Runtimes"]

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Bound:
    """A runtime with a handle.

    Attributes:
        runtime: the runtime.
        store: the handle of its store.
        chosen: whether the suite chooses the schedule.
        residency: the sessions of the runtime; None without the profile or with a chosen schedule.
        image: the image of the runtime; None without the profile.
    """

    runtime: Runtime
    store: str
    chosen: bool
    residency: Residency | None = None
    image: Service | None = None


class Runtimes:
    """The runtimes of one client."""

    def __init__(self) -> None:
        self._bound: dict[str, Bound] = {}
        self._loop = asyncio.new_event_loop()

    def __getitem__(self, name: str) -> Bound:
        bound = self._bound.get(name)
        if bound is None:
            raise Missing("the runtime handle is not open", rule="runtime.start.handle", got=name)
        return bound

    def check_free(self, name: str) -> None:
        """Reject a name that is in use.

        Raises:
            Rejected: the name is in use.
        """
        if name in self._bound:
            raise Rejected("the runtime handle is open already", rule="runtime.start.handle", got=name)

    def bind(self, name: str, bound: Bound) -> None:
        """Register a runtime under a handle."""
        self._bound[name] = bound

    def wait(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        """Run a coroutine to its end, and other work in progress in the meantime."""
        return self._loop.run_until_complete(coroutine)

    def stop(self, name: str, *, drain: bool) -> None:
        """Stop a runtime and free its handle.

        Raises:
            Missing: the handle is not open.
        """
        bound = self[name]
        del self._bound[name]
        self.wait(bound.runtime.stop(drain=drain))

    def stop_on(self, store: str) -> None:
        """Stop all runtimes of a store handle at once."""
        for name in [name for name, bound in self._bound.items() if bound.store == store]:
            self.stop(name, drain=False)

    def pins(self, store: Store) -> set[ObjectId]:
        """Return the ids that a prune of a store has to keep."""
        return {one for bound in self._bound.values() if bound.runtime.store is store for one in bound.runtime.pins()}

    def forget(self, store: Store) -> None:
        """Drop the cached data of the runtimes of a store."""
        for bound in self._bound.values():
            if bound.runtime.store is store:
                bound.runtime.forget()

    def close(self) -> None:
        """Stop everything."""
        for name in list(self._bound):
            self.stop(name, drain=False)
        self._loop.close()
