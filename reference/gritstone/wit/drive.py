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
    """Measure the time that a transition is given.

    Attributes:
        limit_ms: how many milliseconds; 0 for any.
    """

    __slots__ = ("_begin", "_now", "limit_ms")

    def __init__(self, now: Callable[[], float], limit_ms: int) -> None:
        """Begin to measure.

        Args:
            now: a monotonic clock, in seconds.
            limit_ms: how many milliseconds; 0 for any.
        """
        self._now = now
        self._begin = now()
        self.limit_ms = limit_ms

    def left_s(self) -> float | None:
        """Give the seconds that are left; None for any number of them."""
        if not self.limit_ms:
            return None
        return max(0.0, self._begin + self.limit_ms / 1000 - self._now())

    def check(self) -> None:
        """Refuse if the time is over.

        Raises:
            Exhausted: it is (code ``timeout``).
        """
        if self.left_s() == 0.0:
            raise self.over()

    def over(self) -> Refusal:
        """Make the refusal of what took too long."""
        return failure("timeout", "the transition took too long", expected=f"at most {self.limit_ms} ms")


def drive(play: Generator[Request, Any, _T], sleep: Callable[[float], None], deadline: Deadline) -> _T:
    """Run code to its end. There are no heads, so every ``Ask`` is refused.

    Args:
        play: the transition or query.
        sleep: passes the time, in seconds.
        deadline: how long it may take.

    Raises:
        Refusal: whatever the code is refused with.
        Exhausted: it took too long (code ``timeout``).
    """
    runner = asyncio.Runner()  # it makes no loop before something is awaited
    try:
        return _drive(play, sleep, deadline, runner)
    finally:
        play.close()
        runner.close()


def _drive(
    play: Generator[Request, Any, _T], sleep: Callable[[float], None], deadline: Deadline, runner: asyncio.Runner
) -> _T:
    answer: Any = None
    error: BaseException | None = None
    while True:
        try:
            request = play.send(answer) if error is None else play.throw(error)
        except StopIteration as stop:
            deadline.check()
            return stop.value  # type: ignore[no-any-return] # a generator's value has no type here
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
    """Give what an awaitable gives, or what it raises.

    Raises:
        Exhausted: it took too long (code ``timeout``).
    """

    async def finish() -> tuple[Any, BaseException | None]:
        timeout = asyncio.timeout(deadline.left_s())
        try:
            async with timeout:
                return await awaitable, None
        except Exception as error:  # noqa: BLE001 - it belongs to the code, which is told of it
            if timeout.expired():
                raise deadline.over() from None
            return None, error

    return runner.run(finish())
