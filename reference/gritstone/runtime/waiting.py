"""Waiting: timers and tasks on the event loop for the runs that wait.

Spec: :rule:`runtime.run.independent`, :rule:`runtime.stop.clean`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from gritstone.runtime.actors import Running
from gritstone.runtime.machine import Machine
from gritstone.wit.code import Await, Request, Sleep

__all__ = ["Waiting"]


class Waiting:
    """The timers and tasks of waiting runs; wakes the caller that drives the runs."""

    def __init__(self, transition_ms: int | None, clock_s: Callable[[], float]) -> None:
        """Begin to measure time.

        Args:
            transition_ms: the time limit of a transition; 0 for none, None if transitions take no time.
            clock_s: a monotonic clock, in seconds.
        """
        self._clock_s = clock_s
        self._origin_s = clock_s()
        self._transition_ms = transition_ms
        self._timers: dict[Running, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._awake = asyncio.Event()
        self._fault: BaseException | None = None

    def clock_ms(self) -> float:
        """Return the time since the beginning, in milliseconds."""
        return (self._clock_s() - self._origin_s) * 1000

    def begin(self, machine: Machine) -> None:
        """Begin to wait for the requests of runs since the last call."""
        loop = asyncio.get_running_loop()
        for running in machine.take_requests():
            if running.is_over:
                _let_go(running.waits_for)
                continue
            match running.waits_for:
                case Sleep(milliseconds):
                    loop.call_later(milliseconds / 1000, self._resume, machine, running, None, None)
                case Await(awaitable):
                    task = loop.create_task(self._finish(machine, running, awaitable))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)
            if self._transition_ms and running not in self._timers:
                left_ms = running.began_ms + self._transition_ms - self.clock_ms()
                self._timers[running] = loop.call_later(max(0.0, left_ms / 1000), self._expire, machine, running)

    async def wait(self, timeout_s: float | None) -> None:
        """Wait until something happens or the time is over.

        Raises:
            BaseException: an error of the machine in the meantime.
        """
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._awake.wait(), timeout_s)
        self._awake.clear()
        if self._fault is not None:
            raise self._fault

    def wake(self) -> None:
        """End the waiting."""
        self._awake.set()

    async def close(self) -> None:
        """End all timers and tasks."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _resume(self, machine: Machine, running: Running, answer: Any, error: BaseException | None) -> None:
        self._do(lambda: machine.resume(running, answer, error))
        if running.is_over:
            timer = self._timers.pop(running, None)
            if timer is not None:
                timer.cancel()

    def _expire(self, machine: Machine, running: Running) -> None:
        self._timers.pop(running, None)
        self._do(lambda: machine.expire(running))

    def _do(self, event: Callable[[], None]) -> None:
        """Call the machine; an error is raised in the caller that waits."""
        try:
            event()
        except BaseException as fault:  # noqa: BLE001 - raised again in the caller that waits
            self._fault = fault
        self._awake.set()

    async def _finish(self, machine: Machine, running: Running, awaitable: Awaitable[Any]) -> None:
        answer: Any = None
        error: BaseException | None = None
        try:
            answer = await awaitable
        except Exception as raised:  # noqa: BLE001 - it is raised in the code that waits
            error = raised
        self._resume(machine, running, answer, error)


def _let_go(request: Request | None) -> None:
    """Close a coroutine that will not be awaited."""
    if isinstance(request, Await) and isinstance(request.awaitable, Coroutine):
        request.awaitable.close()
