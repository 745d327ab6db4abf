"""The runtime of a store as plain calls: an event loop of its own, and the time of requests.

It has no task between two calls, so it needs no thread.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from gritstone.foreign import awaited
from gritstone.grit.objects import ObjectId
from gritstone.grit.store import Store
from gritstone.runtime.letters import senders
from gritstone.runtime.runtime import Runtime
from gritstone.runtime.world import World
from gritstone.session.channel import settle
from gritstone.session.residency import Residency
from gritstone.session.tidying import acknowledge_notices, away_entries, release_read, unread_notices
from gritstone.wit.workspace import Workspace

__all__ = ["Connection"]

_MANY = 32  # entries, or notices
_AT_ONCE = 1_024  # actors in one update of references, which names several references of each

_T = TypeVar("_T")


class Connection:
    """The runtime of a store, with its sessions.

    Attributes:
        store: the store.
        runtime: the runtime.
    """

    def __init__(self, residency: Residency, clock_s: Callable[[], float]) -> None:
        """Connect.

        Args:
            residency: the sessions of the runtime.
            clock_s: the time of requests, in seconds.
        """
        self._residency = residency
        self._clock_s = clock_s
        self._loop = asyncio.new_event_loop()
        self._is_settled = False
        self._kept = 0  # entries of the agent that could not be dropped
        self.runtime: Runtime = residency.runtime
        self.store: Store = self.runtime.store

    @property
    def world(self) -> World:
        """Return the world of the runtime."""
        return self.runtime.machine.world

    def now_ms(self) -> int:
        """Return the time of a request, in milliseconds."""
        return int(self._clock_s() * 1000)

    def workspace(self) -> Workspace:
        """Return a new workspace."""
        return Workspace(self.world.objects)

    def wait(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run a coroutine to its end."""
        return self._loop.run_until_complete(work)

    def finish(self, result: Any) -> Any:
        """Return what a function of the caller has returned; await it if it is awaitable.

        It is awaited on the one event loop of the connection, so that clients can be used again.
        """
        if not inspect.isawaitable(result):
            return result
        task = self._loop.create_task(awaited(result))
        try:
            return self._loop.run_until_complete(task)
        finally:
            if not task.done():
                task.cancel()
                with suppress(BaseException):
                    self._loop.run_until_complete(task)

    def change(self, change: Callable[[World], _T]) -> _T:
        """Change the world, durably."""
        return self.wait(self.runtime.durably(lambda: change(self.world)))

    def refresh(self) -> Residency:
        """Return the residency, with what other processes and operators changed."""
        self.runtime.refresh()
        return self._residency

    def settle(self, session: ObjectId) -> None:
        """Run until rest, and acknowledge the replies of a session for which no caller waits."""
        self.refresh()
        self.wait(self.runtime.run())
        self.change(lambda world: settle(world, session))

    def settle_all(self) -> None:
        """Settle all sessions, at the first call only: an earlier process may have left replies."""
        if self._is_settled:
            return
        self.wait(self.runtime.run())
        for session in senders(self.world):
            self.settle(session)
        self._is_settled = True

    def tidy(self) -> None:
        """Drop the agent's entries for archived sessions, and acknowledge its notices, once there are many of either.

        Entries with unread mail stay, and do not count at the next call.
        """
        entries = away_entries(self.world)
        if len(entries) - self._kept >= _MANY:
            for begin in range(0, len(entries), _AT_ONCE):
                some = entries[begin : begin + _AT_ONCE]
                self.change(lambda world, some=some: release_read(world, some))  # type: ignore[misc]
            self._kept = len(away_entries(self.world))
        if len(unread_notices(self.world)) >= _MANY:
            self.change(acknowledge_notices)

    def close(self) -> None:
        """Stop the runtime."""
        self.wait(self.runtime.stop(drain=True))
        self._loop.close()
