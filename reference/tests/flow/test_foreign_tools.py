"""Tools that raise anything, and tools that are asynchronous in any way, on a durable store with other flows."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Generator, Iterator
from enum import Enum, IntEnum
from pathlib import Path
from typing import Any

import pytest

from gritstone.flow import PENDING, Call, Host, Policy, Program, Result, ToolError, call, end
from gritstone.grit import FRAMED_SHA256
from gritstone.grit.lmdb_store import open_durable
from gritstone.grit.store import Store

LONG_S = 60

POLICY = Policy.allow({"t": ["n"], "u": ["n"]})


def one(tool: str = "t") -> Program:
    return Program("one", start="a", nodes={"a": call(tool, {"n": "$input.n"}, next="e"), "e": end(output="$out.a")})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_durable(tmp_path / "store", FRAMED_SHA256)
    yield opened
    opened.close()


class Odd(BaseException):
    """An exception whose text cannot be made."""

    def __str__(self) -> str:
        raise SystemExit


class BareError(ToolError):
    """A declared failure that does not call the constructor of its base."""

    def __init__(self) -> None:
        pass


class BrokenError(ToolError):
    """A declared failure with a member that raises."""

    def __init__(self) -> None:
        pass

    @property
    def kind(self) -> str:  # type: ignore[override]
        raise KeyboardInterrupt


RAISED: list[tuple[BaseException, str]] = [
    (SystemExit(3), "SystemExit"),
    (KeyboardInterrupt(), "KeyboardInterrupt"),
    (asyncio.CancelledError(), "CancelledError"),
    (GeneratorExit(), "GeneratorExit"),
    (BaseException("x"), "BaseException"),
    (BaseExceptionGroup("x", [SystemExit(), ValueError()]), "BaseExceptionGroup"),
    (Odd(), "Odd"),
    (BareError(), "tool"),
    (BrokenError(), "error"),
    (ValueError(), "ValueError"),
]


def _raising(error: BaseException) -> Iterator[Callable[..., Any]]:
    """Yield a plain function, a coroutine function, and one whose result raises when it is awaited."""

    def plain(n: int) -> int:
        raise error

    async def coroutine(n: int) -> int:
        await asyncio.sleep(0)
        raise error

    def wrapper(n: int) -> Any:
        return coroutine(n)

    yield from (plain, coroutine, wrapper)


@pytest.mark.parametrize(("error", "kind"), RAISED, ids=[type(error).__name__ for error, _ in RAISED])
def test_whatever_a_tool_raises_is_the_failure_of_its_call(store: Store, error: BaseException, kind: str) -> None:
    for tool in _raising(error):
        with Host(store, tools={"t": tool, "u": lambda n: n}, policy=POLICY) as host:
            flow, other = host.start(one(), input={"n": 1}), host.start(one("u"), input={"n": 2})
            assert flow.result(LONG_S).failure == {"class": "tool", "node": "a", "why": kind}
            assert other.result(LONG_S).output == 2
            assert host.start(one("u"), input={"n": 3}).result(LONG_S).output == 3
    with Host(store, policy=POLICY) as host:
        assert host.flows() == []


async def _exits() -> None:
    raise SystemExit


async def task_exits(n: int) -> int:
    task = asyncio.create_task(_exits())
    await asyncio.wait([task])
    return n


async def waits_for_task_that_exits(n: int) -> int:
    await asyncio.gather(_exits(), asyncio.sleep(0))
    return n


async def callback_exits(n: int) -> int:
    asyncio.get_running_loop().call_soon(sys.exit)
    await asyncio.sleep(0.05)
    return n


async def stops_loop(n: int) -> int:
    asyncio.get_running_loop().stop()
    await asyncio.sleep(0.05)
    return n


async def cancels_all(n: int) -> int:
    for task in asyncio.all_tasks():
        task.cancel()
    await asyncio.sleep(0.05)
    return n


async def blocks(n: int) -> int:
    import time

    time.sleep(0.2)
    return n


@pytest.mark.parametrize(
    ("tool", "kind"),
    [
        (task_exits, None),
        (waits_for_task_that_exits, "SystemExit"),
        (callback_exits, None),
        (stops_loop, None),
        (cancels_all, "CancelledError"),
        (blocks, None),
    ],
)
def test_tool_that_ends_its_event_loop_does_not_end_the_host(
    store: Store, tool: Callable[..., Any], kind: str | None
) -> None:
    async def other(n: int) -> int:
        await asyncio.sleep(0)
        return n

    with Host(store, tools={"t": tool, "u": other}, policy=POLICY) as host:
        outcome = host.start(one(), input={"n": 1}).result(LONG_S)
        assert (outcome.failure or {}).get("why") == kind
        assert outcome.output == (1 if kind is None else None)
        assert host.start(one("u"), input={"n": 2}).result(LONG_S).output == 2


_OWNER = """
import asyncio, os, signal, sys, time
from pathlib import Path
from gritstone.flow import Host, Policy, Program, call, end
from gritstone.grit import FRAMED_SHA256
from gritstone.grit.lmdb_store import open_durable

signal.signal(signal.SIGINT, signal.default_int_handler)
if sys.argv[2] == "handler":
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(7))
async def slow(n):
    print("begun", flush=True)
    await asyncio.sleep(60)
program = Program("one", start="a", nodes={"a": call("t", {"n": 1}, next="e"), "e": end()})
store = open_durable(Path(sys.argv[1]), FRAMED_SHA256)
with Host(store, tools={"t": slow}, policy=Policy.allow({"t": ["n"]})) as host:
    host.start(program).result()
"""


@pytest.mark.parametrize(
    ("number", "mode", "code"),
    [(signal.SIGINT, "", -signal.SIGINT), (signal.SIGTERM, "", -signal.SIGTERM), (signal.SIGTERM, "handler", 7)],
)
def test_owner_stops_the_process(tmp_path: Path, number: int, mode: str, code: int) -> None:
    command = [sys.executable, "-c", _OWNER, str(tmp_path / "store"), mode]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        os.kill(process.pid, number)
        assert process.wait(LONG_S) == code


async def coroutine(n: int) -> int:
    await asyncio.sleep(0)
    return n + 1


async def with_call(call: Call, n: int) -> int:
    await asyncio.sleep(0)
    assert call.tool == "t"
    return n + 1


@functools.wraps(coroutine)
def wrapper(*args: Any, **members: Any) -> Any:
    return coroutine(*args, **members)


@functools.wraps(coroutine)
def running_wrapper(n: int) -> int:
    return asyncio.run(coroutine(n))


@functools.wraps(coroutine)
def counting_wrapper(n: int) -> int:
    return n + 1


async def forgot_to_await(n: int) -> Any:
    return coroutine(n)


class Callable_:  # noqa: N801 - next to ``Callable``
    async def __call__(self, n: int) -> int:
        return await coroutine(n)

    def returns(self, n: int) -> Any:
        return coroutine(n)

    async def method(self, n: int) -> int:
        return await coroutine(n)


class Later:
    """An awaitable that is not a coroutine."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __await__(self) -> Generator[Any, None, int]:
        yield from asyncio.sleep(0).__await__()
        return self.n + 1


async def later(n: int, extra: int) -> int:
    return n + extra


async def in_future(n: int) -> Awaitable[int]:
    return asyncio.ensure_future(coroutine(n))


ASYNCHRONOUS: list[Callable[..., Any]] = [
    coroutine,
    with_call,
    functools.partial(with_call),
    wrapper,
    running_wrapper,
    counting_wrapper,
    forgot_to_await,
    Callable_(),
    Callable_().returns,
    Callable_().method,
    functools.partial(coroutine),
    functools.partial(later, extra=1),
    functools.partial(Callable_()),
    functools.partial(wrapper),
    lambda n: coroutine(n + 0),
    Later,
    lambda n: Later(n + 0),
    in_future,
]


@pytest.mark.parametrize("tool", ASYNCHRONOUS)
@pytest.mark.filterwarnings("error")
def test_result_that_is_awaitable_is_awaited(store: Store, tool: Callable[..., Any]) -> None:
    with Host(store, tools={"t": tool}, policy=POLICY) as host:
        assert host.start(one(), input={"n": 1}).result(LONG_S).output == 2


def test_awaited_result_can_be_any_answer(store: Store) -> None:
    answers: list[Any] = [Result(5, usage=2), PENDING]

    async def answer(n: int) -> Any:
        return answers[n]

    with Host(store, tools={"t": functools.partial(answer)}, policy=POLICY) as host:
        assert host.start(one(), input={"n": 0}).result(LONG_S).output == 5
        flow = host.start(one(), input={"n": 1})
        host.run(LONG_S)
        assert flow.status().open == {"a": "pending"}


class Cents(int):
    def __str__(self) -> str:
        return f"{int(self) / 100:.2f}"

    __repr__ = __str__


class Level(IntEnum):
    LOW = 3

    def __str__(self) -> str:
        return "low"


class Word(str, Enum):  # noqa: UP042 - a StrEnum prints its value
    YES = "yes"

    def __str__(self) -> str:
        return "Word.YES!"


class Basket(dict[str, Any]):
    def __str__(self) -> str:
        return "basket"


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        (Cents(1250), 1250),
        ([Cents(5)], [5]),
        ({"a": Cents(7), "b": Level.LOW}, {"a": 7, "b": 3}),
        (Word.YES, "yes"),
        ({Word.YES: 1}, {"yes": 1}),
        (Basket(a=[Basket(b=Word.YES)]), {"a": [{"b": "yes"}]}),
        (Result(Cents(1), usage=Cents(4)), 1),
    ],
)
def test_value_of_a_subclass_is_stored_as_what_it_contains(store: Store, value: Any, stored: Any) -> None:
    with Host(store, tools={"t": lambda n: value}, policy=POLICY) as host:
        flow = host.start(one(), input={"n": Cents(9)})
        output = flow.result(LONG_S).output
        assert output == stored
        assert repr(output) == repr(stored)
        assert flow.replay().differs is None


def test_result_that_cannot_be_stored_is_logged_with_its_place(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    with Host(store, tools={"t": lambda n: {"items": [{"price": 1.5}]}}, policy=POLICY) as host:
        outcome = host.start(one(), input={"n": 1}).result(LONG_S)
    assert outcome.failure == {"class": "tool", "node": "a", "why": "value"}
    assert "tool t: a float is not a value at value.items[0].price, expected null, a bool" in caplog.text
