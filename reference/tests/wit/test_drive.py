"""Driving code without a runtime."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from gritstone.errors import Exhausted, Rejected
from gritstone.wit import Ask, Await, Sleep
from gritstone.wit.drive import Deadline, drive


def play(*requests: Any) -> Any:
    answers = []
    for request in requests:
        try:
            answers.append((yield request))
        except Rejected as refusal:
            answers.append(type(refusal))
        except ValueError as error:
            answers.append(str(error))
    return answers


class Clock:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_drive_answers_sleep_ask_and_await() -> None:
    async def give(value: Any) -> Any:
        await asyncio.sleep(0)
        if isinstance(value, Exception):
            raise value
        return value

    clock = Clock()
    requests = [Sleep(70), Ask(b"a" * 32, "x", b""), Await(give(5)), Await(give(ValueError("no")))]
    assert drive(play(*requests), clock.sleep, Deadline(clock, 0)) == [None, Rejected, 5, "no"]
    assert clock.now == pytest.approx(0.07)


def test_drive_times_out_at_the_deadline() -> None:
    clock = Clock()
    with pytest.raises(Exhausted) as caught:
        drive(play(Sleep(2_000)), clock.sleep, Deadline(clock, 50))
    assert caught.value.code == "timeout"
    assert clock.now == pytest.approx(0.05)
    with pytest.raises(Exhausted):
        drive(play(Await(asyncio.sleep(5))), clock.sleep, Deadline(Clock(), 20))
    assert drive(play(Sleep(49)), clock.sleep, Deadline(clock, 50)) == [None]
