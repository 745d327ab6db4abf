"""The forms of headers, settings and requests, and the refusals of a guest.

Spec: ``session/core``, ``session/requests``; :rule:`session.prepare.request`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import Any

from gritstone.grit.objects import Blob
from gritstone.session.json_text import Json, NoJson, Spelled, parse, spell

__all__ = [
    "DEFAULTS",
    "HEX",
    "Damaged",
    "No",
    "is_call",
    "is_corr",
    "is_name",
    "is_number",
    "json_blob",
    "parsed",
    "read_config",
    "read_request",
    "read_tools",
    "text_of",
]

_NUMBER = re.compile("0|[1-9][0-9]{0,15}")
_CALL = re.compile(r"(?:0|[1-9][0-9]{0,15})\.(?:0|[1-9][0-9]{0,15})")
_CORR = re.compile("[!-~]{1,128}")
HEX = re.compile("[0-9a-f]{64}")
_NAME = re.compile("[a-z][a-z0-9_-]{0,63}")
_TYPES = ("any", "array", "boolean", "integer", "number", "object", "string")
_MOST = 2**53 - 1
DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {
        "keep": 12,
        "max_messages": 24,
        "max_rounds": 10,
        "summary_chars": 1200,
        "system_prompt": "",
        "tool_text": True,
    }
)
"""The members of a configuration."""


class Damaged(Exception):  # noqa: N818 - the word of the spec
    """The state is not of its form."""


class No(Exception):  # noqa: N818 - the answer to a request, not an error
    """A refusal by the guest: its class and its code."""

    def __init__(self, kind: str, code: str) -> None:
        super().__init__(f"{kind}/{code}")
        self.content = {"class": kind, "code": code}


def json_blob(value: Json) -> Blob:
    """Return the blob of a value."""
    return Blob({"ct": "j"}, spell(value))


def is_number(text: object) -> bool:
    """Return whether a text is a number of a header."""
    return isinstance(text, str) and _NUMBER.fullmatch(text) is not None and int(text) <= _MOST


def is_call(text: object) -> bool:
    """Return whether a text is the id of a call."""
    return isinstance(text, str) and _CALL.fullmatch(text) is not None and all(map(is_number, text.split(".")))


def is_corr(text: object) -> bool:
    """Return whether a text is a correlation."""
    return isinstance(text, str) and _CORR.fullmatch(text) is not None


def read_config(data: bytes) -> dict[str, Any] | None:
    """Return a configuration with its defaults, or None if the data is not a configuration."""
    value = parsed(data)
    if not isinstance(value, dict) or not set(value) <= set(DEFAULTS):
        return None
    for name, member in value.items():
        value[name] = member.natural if isinstance(member, Spelled) else member
        if type(value[name]) is not type(DEFAULTS[name]):
            return None
    config = {**DEFAULTS, **value}
    bounded = 1 <= config["keep"] < config["max_messages"] <= 1000 and 1 <= config["max_rounds"] <= 100
    return config if bounded and config["summary_chars"] <= 100_000 else None


def read_tools(data: bytes) -> list[Json] | None:
    """Return a list of tools, or None if the data is not one."""
    value = parsed(data)
    if not isinstance(value, list) or len(value) > 256 or not all(map(_is_tool, value)):
        return None
    names = [tool["name"] for tool in value]
    return value if all(before < after for before, after in pairwise(names)) else None


def read_request(data: bytes) -> dict[str, Any]:
    """Return the request of a turn; raises ``No``."""
    value = parsed(data)
    kind = value.get("kind") if isinstance(value, dict) else None
    optional = {"user": {"force_json", "system"}, "continue": {"force_json"}}.get(kind if type(kind) is str else "")
    if optional is None:
        raise No("malformed", "request")
    types = {"force_json": bool, "system": str, "prompt": str, "kind": str}
    needed = {"kind", "prompt"} if kind == "user" else {"kind"}
    if not needed <= set(value) <= needed | optional or any(type(value[name]) is not types[name] for name in value):
        raise No("malformed", "request")
    if len(value.get("prompt", "").encode()) > 1 << 20:
        raise No("exhausted", "size")
    return {"force_json": False, **value}


def parsed(data: bytes) -> Json:
    """Return the value of a JSON text, or ``NoJson`` if the data is not one."""
    try:
        return parse(data)
    except NoJson:
        return NoJson


def _is_tool(tool: Json) -> bool:
    if not isinstance(tool, dict) or set(tool) != {"description", "name", "params"}:
        return False
    words, name, params = tool["description"], tool["name"], tool["params"]
    if type(words) is not str or len(words.encode()) > 1024 or re.search("[\0-\x1f]", words):
        return False
    if not is_name(name) or not isinstance(params, list) or not all(map(_is_parameter, params)):
        return False
    return len({each["name"] for each in params}) == len(params)


def _is_parameter(each: Json) -> bool:
    return (
        isinstance(each, dict)
        and set(each) == {"name", "required", "type"}
        and is_name(each["name"])
        and isinstance(each["required"], bool)
        and type(each["type"]) is str
        and each["type"] in _TYPES
    )


def is_name(text: Json) -> bool:
    """Return whether a value is a name of a tool or of a parameter."""
    return type(text) is str and _NAME.fullmatch(text) is not None


def text_of(data: bytes) -> str:
    """Return data as UTF-8; raises ``Damaged``."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise Damaged from None
