"""The response of a model: a text, or a row of JSON; and whether the calls in it fit the tools.

Spec: ``session/commit``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gritstone_conformance.model.session.json_text import JsonText, NotJson, Number, read_json
from gritstone_conformance.model.session.messages import is_json, is_text
from gritstone_conformance.model.session.refused import LONGEST_RESPONSE, Refused, check_size
from gritstone_conformance.model.session.settings import Tool
from gritstone_conformance.model.values import Blob

__all__ = ["CallRow", "FinalRow", "RetryRow", "Row", "check_calls", "read_response"]

_MOST_CALLS: Final = 16


@dataclass(frozen=True, slots=True)
class FinalRow:
    """The model is done."""

    text: str


@dataclass(frozen=True, slots=True)
class CallRow:
    """The model calls tools: names and inputs, in its order."""

    wanted: tuple[tuple[str, dict[str, JsonText]], ...]


@dataclass(frozen=True, slots=True)
class RetryRow:
    """The host, or the model, gives this turn up; the same turn can be tried again."""

    error: str


Row = FinalRow | CallRow | RetryRow


def read_response(blob: Blob, ct: str) -> Row:
    """Return what a response says.

    Args:
        blob: the response.
        ct: ``s`` for a text, ``j`` for a row.

    Raises:
        Refused: it is too long, or is neither.

    Spec: :rule:`session.response.text`, :rule:`session.response.grammar`.
    """
    check_size(len(blob.data), LONGEST_RESPONSE)
    if ct == "j":
        return _row(blob.data)
    if not is_text(blob.data):
        raise Refused("malformed", "utf8")
    return FinalRow(blob.data.decode())


def _row(data: bytes) -> Row:
    try:
        value = read_json(data)
    except NotJson as problem:
        raise Refused("malformed", "response") from problem
    match value:
        case {"action": "final", "response": str() as text, **rest} if not rest:
            return FinalRow(text)
        case {"action": "call_tool", "input": dict() as given, "tool": str() as tool, **rest} if not rest:
            return CallRow(((tool, given),))
        case {"action": "call_tools", "calls": list() as calls, **rest} if not rest and 1 <= len(calls) <= _MOST_CALLS:
            return CallRow(tuple(_call(item) for item in calls))
        case {"action": "retry", "error": str() as error, **rest} if not rest:
            return RetryRow(error)
        case {"action": "retry", **rest} if not rest:
            return RetryRow("")
    raise Refused("malformed", "response")


def _call(value: JsonText) -> tuple[str, dict[str, JsonText]]:
    match value:
        case {"input": dict() as given, "tool": str() as tool, **rest} if not rest:
            return tool, given
    raise Refused("malformed", "response")


def check_final(row: FinalRow, *, force_json: bool) -> None:
    """Raise Refused if a final text has to be JSON and is not.

    Spec: :rule:`session.response.force-json`.
    """
    if force_json and not is_json(row.text.encode()):
        raise Refused("invalid", "not-json")


def check_calls(calls: CallRow, tools: Mapping[str, Tool]) -> None:
    """Raise Refused for the first call of an unknown tool, or with arguments that do not fit.

    Spec: :rule:`session.call.arguments`.
    """
    for name, given in calls.wanted:
        tool = tools.get(name)
        if tool is None:
            raise Refused("invalid", "tool")
        if not _fits(tool, given):
            raise Refused("invalid", "argument")


def _fits(tool: Tool, given: Mapping[str, JsonText]) -> bool:
    types = {each.name: each.type for each in tool.parameters}
    needed = {each.name for each in tool.parameters if each.is_required}
    return needed <= given.keys() <= types.keys() and all(_is_of(given[name], types[name]) for name in given)


def _is_of(value: JsonText, kind: str) -> bool:
    match kind:
        case "any":
            return True
        case "integer":
            return isinstance(value, Number) and value.is_integer
        case _:
            return isinstance(value, _TYPES[kind])


_TYPES: Final[Mapping[str, type]] = {"array": list, "boolean": bool, "number": Number, "object": dict, "string": str}
