"""Calls of tools: what a function gets, and what it returns.

A tool is a function, and asynchronous if it returns something awaitable. It gets the arguments of the call by name. A
parameter with the annotation ``Call`` gets the call itself, for example for its key::

    def refund(call: Call, order: str, amount: int):
        return payments.refund(order, amount, idempotency_key=call.key.hex())

After a kill a call may be performed again, with the same key: the host cannot know whether a tool has finished whose
answer was not stored. A tool that passes the key on, or remembers it, performs nothing twice.

Spec: ``flow/calls``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from gritstone.errors import Exhausted, Malformed, Missing
from gritstone.exact import exact
from gritstone.flow.forms import is_name
from gritstone.flow.shapes import RESULTS
from gritstone.flow.values import Ref, Value, decode_value, encode_value
from gritstone.foreign import is_coroutine_function, parameters_of, text_of
from gritstone.grit.objects import ObjectId

__all__ = ["PENDING", "Bound", "Call", "Reply", "Result", "ToolError", "bind", "failure_reply", "reply_of", "unusable"]

_MOST_CLASS_BYTES = 64
_MOST_TEXT = 2_000  # characters of the text of an error
_RETRIED = (ConnectionError, TimeoutError)


class Pending(Enum):
    """The type of ``PENDING``."""

    PENDING = "pending"


PENDING: Final = Pending.PENDING
"""What a tool returns if its answer comes later, by ``Flow.complete``."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a tool.

    Attributes:
        key: 32 bytes; the same for all attempts of this call, and different for every other call.
        attempt: the number of the attempt, from 1.
        flow: the id of the flow.
        tool: the name of the tool.
        node: the node.
        sub: the sub of a parallel; None outside of parallels.
        visit: the visit of the node, from 1.
        args: the arguments.
        refs: the payloads of the sealed blobs that the arguments name; None for one that was erased.
    """

    key: bytes
    attempt: int
    flow: ObjectId
    tool: str
    node: str
    sub: str | None
    visit: int
    args: Mapping[str, Value]
    refs: Mapping[str, bytes | None] = field(repr=False, default_factory=dict)

    def secret(self, ref: Ref | str) -> bytes:
        """Return the payload of a sealed blob that the arguments name.

        Raises:
            Missing: the arguments do not name it, or it was erased (code ``erased``).
        """
        name = ref.name if isinstance(ref, Ref) else ref
        if name not in self.refs:
            raise Missing("the call does not have the ref", rule="flow.call.refs", got=name)
        payload = self.refs[name]
        if payload is None:
            raise Missing("the payload was erased", rule="flow.erase.gone", code="erased", got=name)
        return payload


@dataclass(frozen=True, slots=True)
class Result:
    """What a tool returns if it has more to report than a value.

    Attributes:
        value: the value.
        usage: the tokens that the call counts; None for the cost of the policy.
        refs: payloads of new sealed blobs, by the names of the refs in the value.
    """

    value: Value
    usage: int | None = None
    refs: Mapping[str, bytes] = field(default_factory=dict, repr=False)


class ToolError(Exception):
    """A failure of a tool that it declares itself.

    Attributes:
        kind: the class of the error, 1 to 64 bytes.
        retry: whether another attempt may succeed.
        usage: the tokens that the call counts; None for the cost of the policy.
    """

    kind: str = "tool"  # also of a subclass that does not call this constructor
    retry: bool = False
    usage: int | None = None

    def __init__(self, kind: str, text: str = "", *, retry: bool = False, usage: int | None = None) -> None:
        super().__init__(text or kind)
        self.kind = kind
        self.retry = retry
        self.usage = usage


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a call, as it is stored.

    Attributes:
        outcome: ``ok``, ``pending`` or ``error``.
        members: the members of the result without ``attempt``.
        refs: payloads of new sealed blobs.
        text: the text of an error, or nothing.
        first: the encoding of the result of a first attempt, if it was made already.
    """

    outcome: str
    members: dict[str, Value]
    refs: Mapping[str, bytes] = field(default_factory=dict)
    text: str = ""
    first: bytes = b""

    def encoding(self, attempt: int) -> bytes:
        """Return the encoding of the result of an attempt."""
        if not self.first:
            return encode_value({"attempt": attempt, **self.members})
        return self.first if attempt == 1 else encode_value({**decode_value(self.first), "attempt": attempt})


@dataclass(frozen=True, slots=True)
class Bound:
    """A function that performs a tool.

    Attributes:
        function: the function.
        is_coroutine_function: whether a call of it only makes a coroutine.
        parameter: the parameter that gets the call; None if there is none.
        is_positional: whether that parameter has no name for callers.
    """

    function: Callable[..., Any]
    is_coroutine_function: bool
    parameter: str | None
    is_positional: bool = False

    def start(self, call: Call) -> Any:
        """Call the function; return what it returns, which may be awaitable."""
        if self.parameter is None:
            return self.function(**call.args)
        if self.is_positional:
            return self.function(call, **call.args)
        return self.function(**{**call.args, self.parameter: call})


def bind(function: Callable[..., Any]) -> Bound:
    """Return a tool of a function.

    Raises:
        TypeError: the object cannot be called.
    """
    if not callable(function):
        raise TypeError(f"a tool is a function, got {type(function).__name__}")
    makes_coroutine = is_coroutine_function(function)
    try:
        parameters = parameters_of(function)
    except (TypeError, ValueError):
        parameters = []
    for one in parameters:
        if one.annotation in (Call, "Call"):
            return Bound(function, makes_coroutine, one.name, one.kind is one.POSITIONAL_ONLY)
    return Bound(function, makes_coroutine, None)


def reply_of(value: object) -> Reply:
    """Return the reply for what a tool has returned. A value that a flow cannot have becomes an error."""
    if value is PENDING:
        return Reply("pending", {"outcome": "pending"})
    if isinstance(value, Reply):
        return value
    result = value if isinstance(value, Result) else Result(value)
    members: dict[str, Value] = {"outcome": "ok", "value": result.value}
    if result.usage is not None:
        members["usage"] = exact(result.usage)
    try:
        first = encode_value({"attempt": 1, **members})  # all attempts have a number of one byte
    except (Malformed, Exhausted, RecursionError) as refusal:
        return unusable(str(refusal))
    problem = _problem(members, result.refs)
    return Reply("ok", members, dict(result.refs), first=first) if problem is None else unusable(problem)


def _problem(members: dict[str, Value], refs: object) -> str | None:
    """Return why a result cannot be stored although its value can; None if it can."""
    if not RESULTS["ok"]({"attempt": 1, **members}):
        return "the usage is not an integer from 0 to 10^12"
    if not isinstance(refs, Mapping) or not all(is_name(name) and type(one) is bytes for name, one in refs.items()):
        return "the refs are not payloads in bytes by name"
    return None


def failure_reply(error: BaseException) -> Reply:
    """Return the reply for an exception that a tool has raised, of whatever class."""
    text = text_of(error, _MOST_TEXT)
    try:
        return _failure_reply(error, text)
    except BaseException:  # noqa: BLE001 - the exception is of a foreign class, whose members may raise, too
        return Reply("error", _error("error", retry=False), text=text)


def _failure_reply(error: BaseException, text: str) -> Reply:
    if isinstance(error, ToolError):
        members = _error(_class_of(error.kind, "tool"), retry=error.retry is True)
        usage = exact(error.usage)
        if type(usage) is int:
            members["usage"] = usage
        return Reply("error", members, text=text) if RESULTS["error"]({"attempt": 1, **members}) else unusable(text)
    return Reply(
        "error", _error(_class_of(type(error).__name__, "error"), retry=isinstance(error, _RETRIED)), text=text
    )


def unusable(text: str) -> Reply:
    """Return the reply for a result that cannot be stored."""
    return Reply("error", _error("value", retry=False), text=text[:_MOST_TEXT].encode("utf-8", "replace").decode())


def _class_of(kind: object, default: str) -> str:
    """Return the class of an error as a text of 1 to 64 bytes."""
    if not isinstance(kind, str):
        return default
    data = exact(kind).encode("utf-8", "replace")[:_MOST_CLASS_BYTES]
    return data.decode("utf-8", "ignore") or default


def _error(kind: str, *, retry: bool) -> dict[str, Value]:
    return {"outcome": "error", "error": {"class": kind, "retry": retry}}
