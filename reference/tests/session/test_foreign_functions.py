"""Tools and models that are asynchronous in any way, that raise anything, and that return values of subclasses."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import Any

import pytest

from gritstone.grit.formats import FORMATS
from gritstone.grit.memory import MemoryEngine
from gritstone.grit.store import Store
from gritstone.session import Sessions, Tool, Turn
from gritstone.session.providers import chat as completions_model

from .conversing import Clock

CALL = {"action": "call_tool", "tool": "t", "input": {"n": 1}}


@pytest.fixture
def sessions() -> Iterator[Sessions]:
    store = Store.open(MemoryEngine(), FORMATS["cbor-blake3"], create=True)
    with Sessions(store, clock_s=Clock()) as found:
        yield found


def results(sessions: Sessions, function: Callable[..., Any], *, serves: bool) -> tuple[str, bool]:
    """Return what the model reads of one call, in a turn of the caller or in an ask."""
    tools = [Tool(function, name="t")]
    seen: list[Turn] = []

    async def answer(turn: Turn) -> Any:
        await asyncio.sleep(0)
        seen.append(turn)
        return CALL if len(seen) == 1 else "done"

    def model(turn: Turn) -> Any:
        return answer(turn)

    chat = sessions.open(tools=tools)
    if serves:
        chat.ask("go")
        assert [one.text for one in sessions.serve(model=model, tools=tools)] == ["done"]
    else:
        assert chat.run("go", model=model, tools=tools) == "done"
    message = seen[1].messages[-1]
    return message["content"], message["ok"]


async def coroutine(n: int) -> int:
    """Add one."""
    await asyncio.sleep(0)
    return n + 1


@functools.wraps(coroutine)
def wrapper(n: int) -> Any:
    return coroutine(n)


@functools.wraps(coroutine)
def running_wrapper(n: int) -> int:
    return asyncio.run(coroutine(n))


class Adder:
    async def __call__(self, n: int) -> int:
        return await coroutine(n)


@pytest.mark.parametrize("serves", [False, True])
@pytest.mark.parametrize(
    "function",
    [coroutine, wrapper, running_wrapper, functools.partial(coroutine), Adder(), lambda n: coroutine(n + 0)],
)
@pytest.mark.filterwarnings("error")
def test_tool_is_asynchronous_if_its_result_is_awaitable(
    sessions: Sessions, function: Callable[..., Any], serves: bool
) -> None:
    assert results(sessions, function, serves=serves) == ("2", True)


def test_partial_is_described_by_its_function() -> None:
    tool = Tool(functools.partial(coroutine))
    assert (tool.name, tool.description) == ("coroutine", "Add one.")
    assert [(one["name"], one["type"]) for one in tool.params] == [("n", "integer")]


@pytest.mark.parametrize("serves", [False, True])
@pytest.mark.parametrize(
    "error", [SystemExit(3), asyncio.CancelledError(), GeneratorExit(), BaseException("x"), StopAsyncIteration()]
)
def test_every_exception_of_a_tool_is_a_result(sessions: Sessions, error: BaseException, serves: bool) -> None:
    def plain(n: int) -> int:
        raise error

    async def awaited(n: int) -> int:
        await asyncio.sleep(0)
        raise error

    for function in (plain, awaited):
        content, ok = results(sessions, function, serves=serves)
        assert (content.partition(":")[0], ok) == (type(error).__name__, False)


async def exits() -> None:
    raise SystemExit(3)


def test_task_of_a_tool_that_exits_is_a_failure_of_its_call(sessions: Sessions) -> None:
    async def begin(n: int) -> int:
        await asyncio.wait([asyncio.create_task(exits())])
        return n

    assert results(sessions, begin, serves=False) == ("SystemExit: 3", False)
    assert results(sessions, coroutine, serves=False) == ("2", True)


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_of_the_owner_stops_a_tool(sessions: Sessions, number: int, is_async: bool) -> None:
    def leave(number: int, frame: object) -> None:
        raise SystemExit(7)

    handler = signal.default_int_handler if number == signal.SIGINT else leave
    before = signal.signal(number, handler)

    def plain(n: int) -> int:
        os.kill(os.getpid(), number)
        return n

    async def awaited(n: int) -> int:
        return plain(n)

    try:
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            results(sessions, awaited if is_async else plain, serves=False)
    finally:
        signal.signal(number, before)
    assert results(sessions, coroutine, serves=False) == ("2", True)


class Cents(int):
    def __str__(self) -> str:
        return f"{int(self) / 100:.2f}"

    __repr__ = __str__


class Rate(float):
    def __str__(self) -> str:
        return "rate"

    __repr__ = __str__


class Level(IntEnum):
    LOW = 3


class Text(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "other"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Cents(1250), "1250"),
        ({"price": Cents(1250), "level": Level.LOW}, '{"level":3,"price":1250}'),
        ([Rate(1.5)], "[1.5]"),
        (Text("a"), "a"),
        ({Text("b"): [Text("a")]}, '{"b":["a"]}'),
    ],
)
def test_value_of_a_subclass_is_written_as_what_it_contains(sessions: Sessions, value: Any, text: str) -> None:
    assert results(sessions, lambda n: value, serves=False) == (text, True)


def test_configuration_can_have_values_of_subclasses(sessions: Sessions) -> None:
    chat = sessions.open(config={"max_rounds": Cents(7)})
    chat.configure(config={"max_rounds": Level.LOW})
    assert chat.run("q", model=lambda turn: "a") == "a"


def test_client_of_a_provider_can_be_asynchronous(sessions: Sessions) -> None:
    async def create(**body: Any) -> Any:
        await asyncio.sleep(0)
        return {"choices": [{"message": {"content": body["model"]}, "finish_reason": "stop"}]}

    model = completions_model(functools.partial(create), model="m")
    assert sessions.open().run("q", model=model) == "m"
