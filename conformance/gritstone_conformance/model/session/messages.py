"""The messages of a history: blobs whose headers name the role, and calls of tools.

Spec: ``session/core``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gritstone_conformance.model.session.json_text import DEEPEST, JsonText, NotJson, read_json, write_json
from gritstone_conformance.model.session.requests import is_call
from gritstone_conformance.model.session.settings import TOOL_NAME
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.values import Blob

__all__ = [
    "Call",
    "Damaged",
    "Entry",
    "calls_entry",
    "is_json",
    "is_text",
    "read_calls",
    "read_entry",
    "said",
    "tool_entry",
]

_DEEPEST_KEPT: Final = 64
_MOST_CALLS: Final = 16


class Damaged(Exception):  # noqa: N818 - the name of the spec
    """The entry ``session`` of a core is not of its form."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a tool."""

    id: str
    input: dict[str, JsonText]
    tool: str

    def to_json(self) -> dict[str, JsonText]:
        """Return the call as it is written."""
        return {"id": self.id, "input": self.input, "tool": self.tool}


@dataclass(frozen=True, slots=True)
class Entry:
    """One message of a history.

    Attributes:
        role: ``user``, ``assistant`` or ``tool``.
        text: its data.
        calls: the calls of an assistant's message, none if it is a text.
        result_of: of a tool: id of the call, whether it went well, name of the tool.
    """

    role: str
    text: str
    calls: tuple[Call, ...] = ()
    result_of: tuple[str, bool, str] | None = None

    def to_json(self) -> JsonText:
        """Return the message as a prepared turn lists it."""
        entry: dict[str, JsonText] = {"content": "" if self.calls else self.text, "role": self.role}
        if self.calls:
            entry["calls"] = [call.to_json() for call in self.calls]
        if self.result_of is not None:
            entry["call"], entry["ok"], entry["tool"] = self.result_of
        return entry


def said(role: str, text: str) -> Blob:
    """Return the message of a user or assistant."""
    return Blob((("ct", "s"), ("role", role)), text.encode())


def calls_entry(calls: Sequence[Call]) -> Blob:
    """Return the message of an assistant that calls tools."""
    return Blob((("ct", "j"), ("role", "assistant")), write_json({"calls": [call.to_json() for call in calls]}))


def tool_entry(call: str, tool: str, ct: str, ok: str, data: bytes) -> Blob:
    """Return the message that holds the result of a call."""
    return Blob((("call", call), ("ct", ct), ("ok", ok), ("role", "tool"), ("tool", tool)), data)


def read_entry(shelf: Shelf, identity: bytes) -> Entry | None:
    """Return a message of a history, or None if it was erased; raises Damaged."""
    blob = shelf.blob(identity)
    if blob is not None:
        return _entry(dict(blob.headers), blob.data)
    if shelf.is_erased(identity):
        return None
    raise Damaged("a message of the history is a tree")


def is_text(data: bytes) -> bool:
    """Return whether bytes are UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def is_json(data: bytes, deepest: int = DEEPEST) -> bool:
    """Return whether bytes are JSON that a session reads."""
    try:
        read_json(data, deepest)
    except NotJson:
        return False
    return True


def _entry(headers: dict[str, str], data: bytes) -> Entry:
    if not is_text(data):
        raise Damaged("a message of the history is no text")
    text = data.decode()
    match headers:
        case {"ct": "s", "role": "user" | "assistant" as role, **rest} if not rest:
            return Entry(role, text)
        case {"ct": "j", "role": "assistant", **rest} if not rest:
            return Entry("assistant", text, read_calls(data))
        case {"call": call, "ct": "s" | "j" as ct, "ok": "0" | "1" as ok, "role": "tool", "tool": tool, **rest}:
            fits = is_call(call) and TOOL_NAME.fullmatch(tool) and (ct == "s" or is_json(data, _DEEPEST_KEPT))
            if fits and not rest:
                return Entry("tool", text, (), (call, ok == "1", tool))
    raise Damaged("a message of the history has other headers")


def read_calls(data: bytes) -> tuple[Call, ...]:
    """Return the calls that an assistant's message lists; raises Damaged."""
    try:
        value = read_json(data, _DEEPEST_KEPT)
    except NotJson as problem:
        raise Damaged("the calls of a message are no JSON") from problem
    match value:
        case {"calls": list() as listed, **rest} if not rest and 1 <= len(listed) <= _MOST_CALLS:
            return tuple(_call(item) for item in listed)
    raise Damaged("a message lists no calls")


def _call(value: JsonText) -> Call:
    match value:
        case {"id": str() as identity, "input": dict() as arguments, "tool": str() as tool, **rest} if not rest:
            if is_call(identity) and TOOL_NAME.fullmatch(tool):
                return Call(identity, arguments, tool)
    raise Damaged("a message lists something that is no call")
