"""The wire shape of messages with blocks: user and assistant by turns, and calls of tools as blocks.

::

    system                    the member "system" of the body
    user, assistant           {"role", "content": [{"type": "text", "text"}]}
    assistant with calls      blocks {"type": "tool_use", "id", "name", "input"}
    tool                      blocks {"type": "tool_result", "tool_use_id", "content", "is_error"}, of a user message

The services require the blocks of the model's thinking back until a turn ends, and a session has no place for them. So
the option ``thinking`` of the type ``enabled`` is left out of requests that end with results of tools.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from gritstone.session.json_text import Json, spell
from gritstone.session.outcomes import Model, Response, Turn
from gritstone.session.providers.errors import MalformedReply, ModelRefused, StoppedEarly, respond
from gritstone.session.providers.shapes import (
    call_name,
    calls_row,
    checked_text,
    described,
    member,
    messages_of,
    value_of,
)
from gritstone.session.tools import plain, written

__all__ = ["blocks", "blocks_request", "blocks_response"]

_ENDS = ("end_turn", "stop_sequence", "tool_use")


def blocks(create: Callable[..., object], **options: Any) -> Model:
    """Return a model that calls a client.

    Args:
        create: sends a request and returns the reply, such as ``Anthropic().messages.create``; it may be
            asynchronous.
        options: further members of each request; ``model`` and ``max_tokens`` are required by the services.
    """
    return lambda turn: respond(partial(create, **blocks_request(turn, **options)), blocks_response)


def blocks_request(turn: Turn, **options: Any) -> dict[str, Any]:
    """Return the body of the request for a turn, with further members.

    Raises:
        EmptyPrompt: the prompt has no text.
    """
    listed = messages_of(turn)
    body: dict[str, Any] = {"messages": _merged(listed), **_tools(turn, listed)}
    system = "\n\n".join(one["content"] for one in listed if one["role"] == "system")
    if system:
        body["system"] = system
    thinking = options.get("thinking")
    if listed[-1]["role"] == "tool" and isinstance(thinking, Mapping) and thinking.get("type") == "enabled":
        del options["thinking"]
    return {**body, **options}


def _tools(turn: Turn, listed: list[dict[str, Json]]) -> dict[str, Any]:
    """Return the tools of a turn. Calls in the history require some, also if the session has none any more."""
    if turn.tools:
        return {"tools": [described(tool, turn, "input_schema") for tool in turn.tools]}
    gone = sorted({call["tool"] for one in listed for call in one.get("calls", ())})
    tools = [{"name": name, "input_schema": {"type": "object"}} for name in gone]
    return {"tools": tools, "tool_choice": {"type": "none"}} if tools else {}


def _merged(listed: list[dict[str, Json]]) -> list[dict[str, Any]]:
    """Return the messages without those of the system; neighbours of one role become one message."""
    found: list[dict[str, Any]] = []
    for message in listed:
        parts = [] if message["role"] == "system" else _parts(message)
        role = "assistant" if message["role"] == "assistant" else "user"
        if parts and found and found[-1]["role"] == role:
            found[-1]["content"] += parts
        elif parts:
            found.append({"role": role, "content": parts})
    return found


def _parts(message: dict[str, Json]) -> list[dict[str, Any]]:
    if "calls" in message:
        return [
            {"type": "tool_use", "id": call_name(call["id"]), "name": call["tool"], "input": _input(call["input"])}
            for call in message["calls"]
        ]
    if message["role"] == "tool":
        result = {"type": "tool_result", "tool_use_id": call_name(message["call"]), "content": message["content"]}
        return [result if message["ok"] else {**result, "is_error": True}]
    return [{"type": "text", "text": message["content"]}]


def _input(value: dict[str, Json]) -> dict[str, Any]:
    """Return the arguments of a call as values that a client can write as JSON."""
    found: dict[str, Any] = plain(value)
    try:
        written(found)
    except ValueError:  # a number that no float can have
        return {"arguments": spell(value).decode()}
    return found


def blocks_response(reply: object) -> Response:
    """Return the response in a reply. A text next to calls is dropped, since a session has no place for it.

    Raises:
        EmptyReply: the model finished without a text and without a call.
        MalformedReply: the reply is not of its shape.
        StoppedEarly: the model did not finish.
        ModelRefused: the model or a filter refused.
    """
    value = value_of(reply)
    listed = member(value, "content", list, tuple)
    if listed is None or not all(isinstance(one, Mapping) for one in listed):
        raise MalformedReply("the reply has no list of blocks")
    text = "".join(member(one, "text", str) or "" for one in listed if one.get("type") == "text")
    reason = member(value, "stop_reason", str) or "end_turn"
    if reason == "refusal":
        raise ModelRefused(text)
    if reason not in _ENDS:
        raise StoppedEarly(reason, text)
    calls = [(member(one, "name", str), one.get("input")) for one in listed if one.get("type") == "tool_use"]
    if any(name is None for name, _ in calls):
        raise MalformedReply("a call of the reply has no name")
    if reason == "tool_use" and not calls:
        raise MalformedReply("the reply has no calls of tools, although it ended for them")
    return calls_row(calls) if calls else checked_text(text)
