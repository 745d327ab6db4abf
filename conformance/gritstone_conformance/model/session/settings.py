"""The configuration of a session, and its tools.

Spec: ``session/core``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Final

from gritstone_conformance.model.session.json_text import JsonText, NotJson, Number, read_json

__all__ = ["TOOL_NAME", "TYPES", "Config", "Parameter", "Tool", "read_config", "read_tools"]

TYPES: Final = ("any", "array", "boolean", "integer", "number", "object", "string")
TOOL_NAME: Final = re.compile("[a-z][a-z0-9_-]{0,63}")

_MOST_TOOLS: Final = 256
_LONGEST_DESCRIPTION: Final = 1024
_MOST_MESSAGES: Final = 1000
_MOST_ROUNDS: Final = 100
_MOST_CHARS: Final = 100_000


@dataclass(frozen=True, slots=True)
class Config:
    """The configuration; a member that the blob leaves out has its default."""

    keep: int = 12
    max_messages: int = 24
    max_rounds: int = 10
    summary_chars: int = 1200
    system_prompt: str = ""
    tool_text: bool = True

    @property
    def is_within_bounds(self) -> bool:
        """Whether the numbers are within their bounds."""
        return (
            1 <= self.keep < self.max_messages <= _MOST_MESSAGES
            and 1 <= self.max_rounds <= _MOST_ROUNDS
            and self.summary_chars <= _MOST_CHARS
        )


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a tool."""

    name: str
    is_required: bool
    type: str


@dataclass(frozen=True, slots=True)
class Tool:
    """One tool; parameters in the order in which they are listed."""

    name: str
    description: str
    parameters: tuple[Parameter, ...]

    @property
    def line(self) -> str:
        """The line of the tool in the tool block."""
        listed = ", ".join(each.name + "*" * each.is_required for each in self.parameters)
        return f"- `{self.name}` ({listed}): {self.description}"


def read_config(data: bytes) -> Config | None:
    """Return the configuration that a text holds, or None for another text."""
    try:
        value = read_json(data)
    except NotJson:
        return None
    if not isinstance(value, dict) or not value.keys() <= {field.name for field in fields(Config)}:
        return None
    members = {name: each.natural if isinstance(each, Number) else each for name, each in value.items()}
    if any(type(each) is not type(getattr(Config(), name)) for name, each in members.items()):
        return None
    config = Config(**members)  # type: ignore[arg-type]
    return config if config.is_within_bounds else None


def read_tools(data: bytes) -> tuple[Tool, ...] | None:
    """Return the tools that a text holds, or None for another text."""
    try:
        value = read_json(data)
    except NotJson:
        return None
    if not isinstance(value, list) or len(value) > _MOST_TOOLS:
        return None
    tools = [_tool(item) for item in value]
    known = [tool for tool in tools if tool is not None]
    names = [tool.name for tool in known]
    return tuple(known) if len(known) == len(tools) and names == sorted(set(names)) else None


def _tool(value: JsonText) -> Tool | None:
    match value:
        case {"description": str() as description, "name": str() as name, "params": list() as params, **rest}:
            parameters = [_parameter(item) for item in params]
            known = tuple(each for each in parameters if each is not None)
            fits = not rest and TOOL_NAME.fullmatch(name) and _is_description(description)
            is_whole = len({each.name for each in known}) == len(parameters)
            return Tool(name, description, known) if fits and is_whole else None
        case _:
            return None


def _parameter(value: JsonText) -> Parameter | None:
    match value:
        case {"name": str() as name, "required": bool() as required, "type": str() as kind, **rest}:
            fits = not rest and TOOL_NAME.fullmatch(name) and kind in TYPES
            return Parameter(name, required, kind) if fits else None
        case _:
            return None


def _is_description(text: str) -> bool:
    return len(text.encode()) <= _LONGEST_DESCRIPTION and all(character >= " " for character in text)
