"""The wire shape of chat completions: messages with roles, and calls of tools as texts of JSON.

::

    system, user, assistant   {"role", "content"}
    assistant with calls      {"role", "tool_calls": [{"id", "type": "function", "function": {"name", "arguments"}}]}
    tool                      {"role", "tool_call_id", "content"}

The shape has no mark for a failed call, so its result begins with ``error:``. Neighbours of one role become one
message, because some services accept only user and assistant by turns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from gritstone.session.json_text import Json, NoJson, parse, spell
from gritstone.session.outcomes import Model, Response, Turn
from gritstone.session.providers.errors import MalformedReply, ModelRefused, StoppedEarly, respond
from gritstone.session.providers.shapes import (
    call_name,
    calls_row,
    checked_text,
    described,
    member,
    messages_of,
    only,
    retry_row,
    value_of,
)

__all__ = ["chat", "chat_request", "chat_response"]

_SPEAKERS = ("assistant", "user")
_ENDS = ("stop", "tool_calls", "function_call")


def chat(create: Callable[..., object], **options: Any) -> Model:
    """Return a model that calls a client.

    Args:
        create: sends a request and returns the reply, such as ``OpenAI().chat.completions.create``; it may be
            asynchronous.
        options: further members of each request; ``model`` is required by the services.
    """
    return lambda turn: respond(partial(create, **chat_request(turn, **options)), chat_response)


def chat_request(turn: Turn, **options: Any) -> dict[str, Any]:
    """Return the body of the request for a turn, with further members.

    Raises:
        EmptyPrompt: the prompt has no text.
    """
    body: dict[str, Any] = {"messages": _merged([_message(one) for one in messages_of(turn)])}
    if turn.tools:
        tools = [described(tool, turn, "parameters") for tool in turn.tools]
        body["tools"] = [{"type": "function", "function": tool} for tool in tools]
    if turn.force_json:
        body["response_format"] = {"type": "json_object"}
    return {**body, **options}


def _merged(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return messages in which neighbours of the user, or of the model, are one message."""
    found: list[dict[str, Any]] = []
    for message in messages:
        last = found[-1] if found else {}
        if message["role"] == last.get("role") and message["role"] in _SPEAKERS:
            texts = (last["content"], message["content"])
            found[-1] = {**message, "content": "\n\n".join(filter(None, texts)) or None}
        else:
            found.append(message)
    return found


def _message(message: dict[str, Json]) -> dict[str, Any]:
    if "calls" in message:
        calls = [
            {
                "id": call_name(call["id"]),
                "type": "function",
                "function": {"name": call["tool"], "arguments": spell(call["input"]).decode()},
            }
            for call in message["calls"]
        ]
        return {"role": "assistant", "content": None, "tool_calls": calls}
    if message["role"] == "tool":
        text = message["content"] if message["ok"] else f"error: {message['content']}"
        return {"role": "tool", "tool_call_id": call_name(message["call"]), "content": text}
    return {"role": message["role"], "content": message["content"]}


def chat_response(reply: object) -> Response:
    """Return the response in a reply. A text next to calls is dropped, since a session has no place for it.

    Raises:
        EmptyReply: the model finished without a text and without a call.
        MalformedReply: the reply is not of its shape, or has several choices.
        StoppedEarly: the model did not finish.
        ModelRefused: the model or a filter refused.
    """
    choice = only(member(value_of(reply), "choices", list, tuple), "choices")
    message = member(choice, "message", Mapping)
    if message is None:
        raise MalformedReply("the reply has no message")
    text = _text(member(message, "content", str, list))
    reason = member(choice, "finish_reason", str) or "stop"
    if reason == "content_filter":
        raise ModelRefused(text)
    if refusal := member(message, "refusal", str):
        raise ModelRefused(refusal)
    if reason not in _ENDS:
        raise StoppedEarly(reason, text)
    calls = member(message, "tool_calls", list) or _older_call(message)
    if reason in ("tool_calls", "function_call") and not calls:
        raise MalformedReply("the reply has no calls of tools, although it ended for them")
    return _calls(calls) if calls else checked_text(text)


def _older_call(message: Mapping[str, Any]) -> list[Any]:
    """Return the one call in the member that services had before ``tool_calls``."""
    function = member(message, "function_call", Mapping)
    return [] if function is None else [{"function": function}]


def _text(content: str | list[Any] | None) -> str:
    if isinstance(content, list):
        parts = [part for part in content if isinstance(part, Mapping) and part.get("type") == "text"]
        return "".join(member(part, "text", str) or "" for part in parts)
    return content or ""


def _calls(calls: list[Any]) -> Response:
    found = []
    for call in calls:
        function = member(call, "function", Mapping) if isinstance(call, Mapping) else None
        name = None if function is None else member(function, "name", str)
        if function is None or name is None:
            raise MalformedReply("a call of the reply has no function")
        try:
            found.append((name, parse((member(function, "arguments", str) or "{}").encode())))
        except (NoJson, UnicodeEncodeError):
            return retry_row(f"the arguments of {name} are not JSON")
    return calls_row(found)
