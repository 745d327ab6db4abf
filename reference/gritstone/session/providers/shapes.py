"""What both wire shapes have in common: the messages of a turn, the schemas of tools, and the rows of responses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from unicodedata import category

from gritstone.session.json_text import Json, NoJson, parse, spell
from gritstone.session.outcomes import Response, Turn
from gritstone.session.providers.errors import EmptyPrompt, EmptyReply, MalformedReply
from gritstone.session.tools import written

__all__ = [
    "call_name",
    "calls_row",
    "checked_text",
    "described",
    "is_blank",
    "member",
    "messages_of",
    "only",
    "retry_row",
    "value_of",
]

_DEEPEST = 64
_MOST_CALLS = 16
_ERASED = "(erased)"
_EMPTY = "(empty)"
_JSON_ONLY = "Answer with JSON only."
_INVISIBLE = ("Cc", "Cf", "Zl", "Zp", "Zs")
_TYPES: Mapping[str, Any] = {
    **{name: {"type": name} for name in ("boolean", "integer", "number", "object", "string")},
    "array": {"type": "array", "items": {}},
}


def messages_of(turn: Turn) -> list[dict[str, Json]]:
    """Return the messages of a turn as the services accept them, whatever the history is.

    - No message is blank: one without text is left out, and a result without text has a word instead.
    - Each call has a result, and each result has its call. A part of a pair can be missing because it was erased.
    - After those of the system, the first message and the last one are not of the model.
    - If the text has to be JSON, a message has this word.

    Raises:
        EmptyPrompt: the prompt has no text.
    """
    value = parse(turn.data, _DEEPEST)
    messages: list[dict[str, Json]] = value["messages"]
    if value.get("kind") == "user" and is_blank(messages[-1]["content"]):
        raise EmptyPrompt("the prompt has no text")
    shown = [one for one in messages if "calls" in one or one["role"] == "tool" or not is_blank(one["content"])]
    first = [one for one in shown if one["role"] == "system"]
    if turn.force_json and not any("json" in one["content"].lower() for one in shown):
        first.append({"content": _JSON_ONLY, "role": "system"})
    talk = _paired([one for one in shown if one["role"] != "system"])
    if not talk or talk[0]["role"] != "user":
        talk.insert(0, {"content": _ERASED, "role": "user"})
    if talk[-1]["role"] == "assistant":
        talk.append({"content": _ERASED, "role": "user"})
    return first + talk


def is_blank(text: str) -> bool:
    """Return whether a text has no visible character: services differ in what they count as white space."""
    return all(one.isspace() or category(one) in _INVISIBLE for one in text)


def _paired(messages: list[dict[str, Json]]) -> list[dict[str, Json]]:
    """Return messages with the results of each call behind it, without results that have no call."""
    found: list[dict[str, Json]] = []
    waiting: dict[str, dict[str, Json]] = {}
    for message in messages:
        if message["role"] == "tool":
            if waiting.pop(message["call"], None) is not None:
                text = _EMPTY if is_blank(message["content"]) else message["content"]
                found.append({**message, "content": text})
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


def described(tool: Mapping[str, Any], turn: Turn, schema: str) -> dict[str, Any]:
    """Return name, description and JSON Schema of a tool.

    Args:
        tool: the tool as the session lists it.
        turn: the turn; it has the schemas of the tools whose functions are known.
        schema: the name of the member with the schema.
    """
    words = {} if is_blank(tool["description"]) else {"description": tool["description"]}
    return {"name": tool["name"], **words, schema: turn.schemas.get(tool["name"]) or _schema(tool)}


def _schema(tool: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON Schema of the arguments, as far as the session knows it."""
    types = {each["name"]: _TYPES.get(each["type"], {}) for each in tool["params"]}
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


def only(items: Sequence[Any] | None, name: str) -> Mapping[str, Any]:
    """Return the only item of a list of objects.

    Raises:
        MalformedReply: there is none, or more than one: a session has a place for one response.
    """
    if not items or not isinstance(items[0], Mapping):
        raise MalformedReply(f"the reply has no object in {name!r}")
    if len(items) > 1:
        raise MalformedReply(f"the reply has {len(items)} objects in {name!r}, expected 1")
    return items[0]


def checked_text(text: str) -> str:
    """Return a text that can be stored.

    Raises:
        EmptyReply: it has no visible character.
        MalformedReply: it contains an unpaired surrogate.
    """
    if is_blank(text):
        raise EmptyReply("the reply has no text and no call")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise MalformedReply(f"the text of the reply has an unpaired surrogate at {error.start}") from None
    return text
