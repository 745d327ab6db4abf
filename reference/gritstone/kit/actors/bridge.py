"""A bridge between a transition and a coroutine: the transition waits for the coroutine, and makes queries for it.

Code is a generator that yields requests; a handler may be a coroutine that awaits any asyncio object. So the coroutine
runs as a task, and the transition requests to await the next event of that task: its end, or a query of an actor.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine, Generator
from typing import Any, TypeVar

from gritstone.errors import InternalError, Refusal
from gritstone.grit.objects import ObjectId
from gritstone.kit.actors.values import Value, open_value
from gritstone.wit.code import Ask, Await, Request
from gritstone.wit.workspace import Workspace

__all__ = ["Bridge"]

_T = TypeVar("_T")


class Bridge:
    """A runner of the coroutine of one transition or query, and of its queries."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._asks: deque[tuple[Ask, asyncio.Future[ObjectId | None]]] = deque()
        self._asked: asyncio.Future[None] | None = None
        self._task: asyncio.Task[Any] | None = None

    async def ask(self, actor: ObjectId, name: str, args: bytes = b"") -> Value | None:
        """Query an actor; to be awaited by the coroutine, or by what it awaits.

        Raises:
            Missing: the actor has no head.
            Rejected: the actor does not answer queries, or its code failed.
        """
        if self._task is None:
            raise InternalError("only a coroutine that is waited for can ask")
        reply: asyncio.Future[ObjectId | None] = asyncio.get_running_loop().create_future()
        self._asks.append((Ask(actor, name, args), reply))
        if self._asked is not None and not self._asked.done():
            self._asked.set_result(None)
        found = await reply
        return None if found is None else open_value(self._workspace, found)

    def run(self, coroutine: Coroutine[Any, Any, _T]) -> Generator[Request, Any, _T]:
        """Run a coroutine within a transition or query; return its result."""
        try:
            while True:
                event = yield Await(self._next(coroutine))
                if event is None:
                    assert self._task is not None, "the task has started"
                    return self._task.result()  # type: ignore[no-any-return] # a task of this coroutine
                request, reply = event
                try:
                    answer, refused = (yield request), None
                except Refusal as refusal:
                    answer, refused = None, refusal
                if reply.done():  # the coroutine no longer waits
                    continue
                if refused is None:
                    reply.set_result(answer)
                else:
                    reply.set_exception(refused)
        finally:
            if self._task is not None:
                self._task.cancel()
                self._task = None
            else:
                coroutine.close()

    async def _next(self, coroutine: Coroutine[Any, Any, Any]) -> tuple[Ask, asyncio.Future[ObjectId | None]] | None:
        """Wait for the next query of the coroutine; return None if it ended."""
        if self._task is None:
            self._task = asyncio.create_task(coroutine)
        while not self._task.done():
            if self._asks:
                return self._asks.popleft()
            self._asked = asyncio.get_running_loop().create_future()
            await asyncio.wait((self._task, self._asked), return_when=asyncio.FIRST_COMPLETED)
        return None
