"""Driving a transition or query to its end, without a runtime.

Spec: :rule:`wit.transition.class`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from typing import Any, TypeVar

from gritstone.errors import Refusal, Rejected
from gritstone.wit.code import Ask, Await, Request, Sleep
from gritstone.wit.failures import failure

__all__ = ["Deadline", "drive"]

_T = TypeVar("_T")


class Deadline:
    """The time limit of a transition.

    Attributes:
        limit_ms: the limit in milliseconds; 0 for no limit.
    """

    __slots__ = ("_begin", "_now", "limit_ms")

    def __init__(self, now: Callable[[], float], limit_ms: int) -> None:
        """Start the clock.

        Args:
            now: a monotonic clock, in seconds.
            limit_ms: the limit in milliseconds; 0 for no limit.
        """
        self._now = now
        self._begin = now()
        self.limit_ms = limit_ms

    def left_s(self) -> float | None:
        """Return the seconds that are left; None if there is no limit."""
        if not self.limit_ms:
            return None
        return max(0.0, self._begin + self.limit_ms / 1000 - self._now())

    def check(self) -> None:
        """Raise a refusal if the time is over.

        Raises:
            Exhausted: the time is over (code ``timeout``).
        """
        if self.left_s() == 0.0:
            raise self.over()

    def over(self) -> Refusal:
        """Return the refusal of a run that exceeded the limit."""
        return failure("timeout", "the transition took too long", expected=f"at most {self.limit_ms} ms")


def drive(code: Generator[Request, Any, _T], sleep: Callable[[float], None], deadline: Deadline) -> _T:
    """Run code to its end. No heads are available, so every ``Ask`` is refused.

    Args:
        code: the transition or query.
        sleep: waits for a time in seconds.
        deadline: the time limit.

    Raises:
        Refusal: the code was refused.
        Exhausted: the code took too long (code ``timeout``).
    """
    runner = asyncio.Runner()  # it creates no event loop until something is awaited
    try:
        return _drive(code, sleep, deadline, runner)
    finally:
        code.close()
        runner.close()


def _drive(
    code: Generator[Request, Any, _T], sleep: Callable[[float], None], deadline: Deadline, runner: asyncio.Runner
) -> _T:
    answer: Any = None
    error: BaseException | None = None
    while True:
        try:
            request = code.send(answer) if error is None else code.throw(error)
        except StopIteration as stop:
            deadline.check()
            return stop.value  # type: ignore[no-any-return] # the value of the generator is untyped here
        answer, error = None, None
        match request:
            case Sleep(milliseconds):
                left = deadline.left_s()
                sleep(milliseconds / 1000 if left is None else min(left, milliseconds / 1000))
                deadline.check()
            case Ask():
                error = Rejected("there are no heads to ask", rule="wit.query.answers")
            case Await(awaitable):
                answer, error = _wait(awaitable, deadline, runner)


def _wait(awaitable: Awaitable[Any], deadline: Deadline, runner: asyncio.Runner) -> tuple[Any, BaseException | None]:
    """Return the result of an awaitable, or the exception that it raised.

    Raises:
        Exhausted: the awaitable took too long (code ``timeout``).
    """

    async def finish() -> tuple[Any, BaseException | None]:
        timeout = asyncio.timeout(deadline.left_s())
        try:
            async with timeout:
                return await awaitable, None
        except Exception as error:  # noqa: BLE001 - it belongs to the code, which receives it
            if timeout.expired():
                raise deadline.over() from None
            return None, error

    return runner.run(finish())
