"""What the two usual services reject, as far as a request is concerned; stricter where services differ.

Each function returns the reason, or None if the service accepts the request.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError

_NAME = re.compile("[a-zA-Z0-9_-]{1,64}")


def check_chat(body: dict[str, Any]) -> str | None:
    """Check a request for chat completions."""
    return next(_of_chat(body), None)


def check_blocks(body: dict[str, Any]) -> str | None:
    """Check a request for messages with blocks."""
    return next(_of_blocks(body), None)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip("\ufeff\u200b" + "".join(map(chr, range(33)))).strip())


def _of_chat(body: dict[str, Any]) -> Iterator[str]:
    messages = body["messages"]
    talk = [one for one in messages if one["role"] != "system"]
    yield from _of_roles([one["role"] for one in talk if one["role"] != "tool"])
    if messages[: len(messages) - len(talk)] != [one for one in messages if one["role"] == "system"]:
        yield "a system message is not at the beginning"
    if talk and talk[-1]["role"] == "assistant":
        yield "the last message is of the assistant"
    yield from _of_pairs(messages)
    for one in messages:
        calls = one.get("tool_calls")
        if calls == [] or not (_is_text(one["content"]) or (calls and one["content"] is None)):
            yield f"a message without content: {one}"
    if "response_format" in body and not any("json" in (one["content"] or "").lower() for one in messages):
        yield "messages must contain the word 'json'"
    if "tools" in body:
        yield from _of_tools([tool["function"] for tool in body["tools"]], "parameters")


def _of_pairs(messages: list[dict[str, Any]]) -> Iterator[str]:
    waiting: list[str] = []
    for one in messages:
        if one["role"] == "tool" and one["tool_call_id"] in waiting:
            waiting.remove(one["tool_call_id"])
            continue
        if one["role"] == "tool" or waiting:
            yield f"calls and their results do not follow each other: {waiting}"
        waiting = [call["id"] for call in one.get("tool_calls", ())]
    if waiting:
        yield f"calls without a result: {waiting}"


def _of_roles(roles: list[str]) -> Iterator[str]:
    if not roles or roles[0] != "user":
        yield "the first message is not of the user"
    if any(one == other == "user" for one, other in pairwise(roles)):
        yield "two messages of the user follow each other"


def _of_tools(tools: list[dict[str, Any]], member: str) -> Iterator[str]:
    if not tools:
        yield "a list of tools is empty"
    for tool in tools:
        schema = tool[member]
        if not _NAME.fullmatch(tool["name"]) or not all(map(_NAME.fullmatch, schema.get("properties", {}))):
            yield "an invalid name"
        if "description" in tool and not _is_text(tool["description"]):
            yield "an empty description"
        if schema.get("type") != "object":
            yield "the schema is not of an object"
        try:
            Draft202012Validator.check_schema(schema)
        except SchemaError as error:
            yield f"an invalid schema: {error.message}"
        if any("items" not in one for one in _arrays(schema)):
            yield "array schema missing items"


def _arrays(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if schema.get("type") == "array":
            yield schema
        for value in schema.values():
            yield from _arrays(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from _arrays(value)


def _of_blocks(body: dict[str, Any]) -> Iterator[str]:
    messages = body["messages"]
    blocks = [block for one in messages for block in one["content"]]
    yield from _of_roles([one["role"] for one in messages])
    if messages and messages[-1]["role"] != "user":
        yield "the last message is of the assistant"
    if not all(one["content"] for one in messages):
        yield "a message without content"
    texts = [block["text"] for block in blocks if block["type"] == "text"]
    texts += [block["content"] for block in blocks if block["type"] == "tool_result"]
    if not all(map(_is_text, [*texts, body.get("system", "x")])):
        yield "text content blocks must contain non-whitespace text"
    yield from _of_uses(messages)
    if body.get("thinking", {}).get("type") == "enabled" and messages[-1]["content"][0]["type"] == "tool_result":
        yield "a final assistant message must start with a thinking block"
    if "tools" in body:
        yield from _of_tools(body["tools"], "input_schema")
    elif any(block["type"] == "tool_use" for block in blocks):
        yield "requests which include tool_use blocks must define tools"


def _of_uses(messages: list[dict[str, Any]]) -> Iterator[str]:
    wanted: list[str] = []
    for blocks in (*(one["content"] for one in messages), []):
        results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        if sorted(results) != sorted(wanted) or any(block["type"] != "tool_result" for block in blocks[: len(wanted)]):
            yield "tool_use ids were found without tool_result blocks immediately after"
        wanted = [block["id"] for block in blocks if block["type"] == "tool_use"]
