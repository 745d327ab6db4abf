"""What the tests of conversations share: a clock, tools, scripted models, and the guest as a module."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from gritstone.session import Tool, Turn

GUEST = Path(__file__).parents[3] / "vectors" / "session" / "guests" / "session.wasm"
NONCE = bytes(32)
ADD = {"action": "call_tool", "tool": "add", "input": {"a": 1, "b": 2.5}}


class Clock:
    """A clock that the test sets, in seconds."""

    def __init__(self) -> None:
        self.now_s = 1.0

    def __call__(self) -> float:
        return self.now_s


@cache
def module() -> bytes:
    """Return the guest as a module."""
    return GUEST.read_bytes()


def add(a: float, b: float = 0) -> float:
    """Add two numbers.

    More text that the model does not see.
    """
    return a + b


def lookup(word: str, deep: dict[str, int] | None = None, tags: list[str] | None = None) -> Any:
    """Look a word up."""
    raise KeyError(word)


TOOLS = [Tool(add), Tool(lookup)]


def scripted(*responses: Any) -> Callable[[Turn], Any]:
    """Return a model that gives these responses, one after the other, and raises those that are exceptions."""
    waiting = list(responses)

    def model(turn: Turn) -> Any:
        response = waiting.pop(0)
        if isinstance(response, Exception):
            raise response
        return response

    return model
