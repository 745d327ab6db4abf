"""What a program receives from a conversation: prepared turns, outcomes of commits, and refusals.

Spec: ``session/prepare``, ``session/commit``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from gritstone.errors import GritstoneError
from gritstone.grit.objects import ObjectId

__all__ = [
    "Answer",
    "Call",
    "Calls",
    "Final",
    "Model",
    "Outcome",
    "Response",
    "Retry",
    "SessionRefused",
    "Turn",
    "check_refused",
    "outcome_of",
]

Response: TypeAlias = str | Mapping[str, Any]
"""The response of a model: a text, which is final, or a row, which is an object with a member ``action``."""


class SessionRefused(GritstoneError):  # noqa: N818 - the word of the spec
    """A session refused a request.

    Attributes:
        kind: the class of the refusal.
        code: its code.
    """

    def __init__(self, kind: str, code: str) -> None:
        super().__init__(f"the session refused the request: {kind}/{code}")
        self.kind = kind
        self.code = code


@dataclass(frozen=True, slots=True)
class Turn:
    """A prepared turn.

    Attributes:
        turn_id: the id that a commit names.
        request: the request that it was prepared for; empty in an ask.
        data: the whole turn as JSON, in which numbers keep their spelling.
        messages: the messages for the model.
        tools: the tools of the session.
        force_json: whether a final text has to be JSON.
        schemas: the JSON Schemas of the arguments of tools whose functions are known, by the name of the tool.
    """

    turn_id: ObjectId
    request: bytes
    data: bytes
    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]]
    force_json: bool
    schemas: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


Model: TypeAlias = Callable[[Turn], Response | Awaitable[Response]]
"""A function that returns the response to a turn, or something awaitable that results in it."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a tool that waits for its result.

    Attributes:
        call_id: the id of the call.
        tool: the name of the tool.
        arguments: the arguments by name.
    """

    call_id: str
    tool: str
    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Final:
    """The end of a turn of the user.

    Attributes:
        text: the text of the model.
    """

    text: str


@dataclass(frozen=True, slots=True)
class Calls:
    """Calls of tools; the turn goes on after their results.

    Attributes:
        calls: the calls.
    """

    calls: list[Call]


@dataclass(frozen=True, slots=True)
class Retry:
    """The model is to be called again for the same turn.

    Attributes:
        error: the reason.
    """

    error: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The end of an ask.

    Attributes:
        session: the id of the session.
        ask: the id of the message of the ask.
        action: ``final``, ``failed`` or ``abandoned``.
        text: the text of the model, the error, or nothing.
        count: the count of the session after it.
        corr: the correlation of the ask, or None.
    """

    session: ObjectId
    ask: ObjectId
    action: str
    text: str
    count: int
    corr: str | None


Outcome: TypeAlias = Final | Calls | Retry


def check_refused(value: Mapping[str, Any]) -> None:
    """Check that an answer is not a refusal.

    Raises:
        SessionRefused: it is one.
    """
    refused = value.get("refused")
    if refused is not None:
        raise SessionRefused(refused["class"], refused["code"])


def outcome_of(result: Mapping[str, Any]) -> Outcome:
    """Return the outcome of a commit."""
    match result["action"]:
        case "final":
            return Final(result["content"])
        case "call":
            return Calls([Call(call["id"], call["tool"], call["input"]) for call in result["calls"]])
        case _:
            return Retry(result["error"])
