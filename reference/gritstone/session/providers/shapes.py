"""What both wire shapes have in common: the messages of a turn, the schemas of tools, and the rows of responses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gritstone.session.json_text import Json, NoJson, parse, spell
from gritstone.session.outcomes import Response, Turn
from gritstone.session.providers.errors import MalformedReply
from gritstone.session.tools import written

__all__ = [
    "call_name",
    "calls_row",
    "checked_text",
    "first",
    "member",
    "messages_of",
    "retry_row",
    "schema",
    "value_of",
]

_DEEPEST = 64
_MOST_CALLS = 16
_ERASED = "(erased)"
_TYPES = ("array", "boolean", "integer", "number", "object", "string")


def messages_of(turn: Turn) -> list[dict[str, Json]]:
    """Return the messages of a turn, in which each call has a result and each result has its call.

    The services refuse other lists. A part of a pair can be missing because it was erased.
    """
    messages: list[dict[str, Json]] = parse(turn.data, _DEEPEST)["messages"]
    found: list[dict[str, Json]] = []
    waiting: dict[str, dict[str, Json]] = {}
    for message in messages:
        if message["role"] == "tool":
            if waiting.pop(message["call"], None) is not None:
                found.append(message)
            continue
        found += waiting.values()
        waiting = {call["id"]: _erased(call) for call in message.get("calls", ())}
        found.append(message)
    return [*found, *waiting.values()]


def _erased(call: dict[str, Json]) -> dict[str, Json]:
    return {"call": call["id"], "content": _ERASED, "ok": False, "role": "tool", "tool": call["tool"]}


def call_name(call_id: str) -> str:
    """Return the id of a call as the services accept it: without a point."""
    return f"call_{call_id.replace('.', '_')}"


def schema(tool: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of the arguments of a tool."""
    types = {each["name"]: {"type": each["type"]} if each["type"] in _TYPES else {} for each in tool["params"]}
    required = [each["name"] for each in tool["params"] if each["required"]]
    return {"type": "object", "properties": types, "required": required, "additionalProperties": False}


def calls_row(calls: Sequence[tuple[str, Any]]) -> Response:
    """Return the row for calls: pairs of a tool and its arguments. It is a retry if no session can accept them."""
    if len(calls) > _MOST_CALLS:
        return retry_row(f"{len(calls)} calls in one response, expected at most {_MOST_CALLS}")
    try:
        for tool, given in calls:
            parse(spell(written(given)))
            if not isinstance(given, Mapping):
                return retry_row(f"the arguments of {tool} are not an object")
    except (NoJson, TypeError, ValueError) as error:
        return retry_row(f"the arguments cannot be used: {type(error).__name__}: {error}")
    return {"action": "call_tools", "calls": [{"input": given, "tool": tool} for tool, given in calls]}


def retry_row(error: str) -> Response:
    """Return the row that lets the model be called again."""
    return {"action": "retry", "error": error}


def value_of(reply: object) -> Mapping[str, Any]:
    """Return a reply as a mapping: it is one, or a model of pydantic.

    Raises:
        MalformedReply: it is something else, for example a text because the body was not JSON.
    """
    dump = getattr(reply, "model_dump", None)
    value = reply if dump is None else dump(warnings=False)
    if not isinstance(value, Mapping):
        raise MalformedReply(f"the reply is a {type(reply).__name__}, expected an object")
    return value


def member(value: Mapping[str, Any], name: str, *kinds: type) -> Any:
    """Return a member of a reply; None if it is absent or null.

    Raises:
        MalformedReply: it has another type.
    """
    found = value.get(name)
    if found is not None and not isinstance(found, kinds):
        expected = " or ".join(kind.__name__ for kind in kinds)
        raise MalformedReply(f"the member {name!r} of the reply is a {type(found).__name__}, expected {expected}")
    return found


def first(items: Sequence[Any] | None, name: str) -> Mapping[str, Any]:
    """Return the first item of a list of objects.

    Raises:
        MalformedReply: there is none.
    """
    if not items or not isinstance(items[0], Mapping):
        raise MalformedReply(f"the reply has no object in {name!r}")
    return items[0]


def checked_text(text: str) -> str:
    """Return a text that can be stored.

    Raises:
        MalformedReply: it contains an unpaired surrogate.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise MalformedReply(f"the text of the reply has an unpaired surrogate at {error.start}") from None
    return text
