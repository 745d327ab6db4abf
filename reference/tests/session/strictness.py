"""What the two usual services reject, as far as a request is concerned; stricter where services differ.

Each function returns the reason, or None if the service accepts the request.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
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
    open_calls: list[str] = []
    for one in messages:
        calls = one.get("tool_calls")
        if one["role"] == "tool":
            if one["tool_call_id"] not in open_calls:
                yield "a message of a tool does not follow its call"
            open_calls = [call for call in open_calls if call != one["tool_call_id"]]
        elif open_calls:
            yield f"calls without a result: {open_calls}"
        if calls is not None:
            open_calls = [call["id"] for call in calls]
        if calls == [] or not (_is_text(one["content"]) or (calls and one["content"] is None)):
            yield f"a message without content: {one}"
    if open_calls:
        yield f"calls without a result: {open_calls}"
    if "response_format" in body and not any("json" in (one["content"] or "").lower() for one in messages):
        yield "messages must contain the word 'json'"
    if "tools" in body:
        yield from _of_tools([tool["function"] for tool in body["tools"]], "parameters")


def _of_roles(roles: list[str]) -> Iterator[str]:
    if not roles or roles[0] != "user":
        yield "the first message is not of the user"
    if any(one == other == "user" for one, other in zip(roles, roles[1:], strict=False)):
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
    yield from _of_roles([one["role"] for one in messages])
    if messages and messages[-1]["role"] != "user":
        yield "the last message is of the assistant"
    if "system" in body and not _is_text(body["system"]):
        yield "system: text content blocks must be non-empty"
    wanted: list[str] = []
    for one in messages:
        blocks = one["content"]
        results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        if not blocks:
            yield "a message without content"
        if sorted(results) != sorted(wanted) or any(block["type"] != "tool_result" for block in blocks[: len(wanted)]):
            yield "tool_use ids were found without tool_result blocks immediately after"
        wanted = [block["id"] for block in blocks if block["type"] == "tool_use"]
        texts = [block["text"] for block in blocks if block["type"] == "text"]
        texts += [block["content"] for block in blocks if block["type"] == "tool_result"]
        if not all(map(_is_text, texts)):
            yield "text content blocks must contain non-whitespace text"
        if results and body.get("thinking", {}).get("type") == "enabled" and one is messages[-1]:
            yield "a final assistant message must start with a thinking block"
    if wanted:
        yield "tool_use ids were found without tool_result blocks immediately after"
    if "tools" in body:
        yield from _of_tools(body["tools"], "input_schema")
    elif any(block["type"] == "tool_use" for one in messages for block in one["content"]):
        yield "requests which include tool_use blocks must define tools"
