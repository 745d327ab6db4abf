"""Messages of the history: their forms, and how a prepared turn lists them.

Spec: ``session/core``, ``session/prepare``; :rule:`session.guest.damaged`.
"""

from __future__ import annotations

from functools import cached_property

from gritstone.grit.objects import Blob
from gritstone.session.forms import Damaged, is_call, is_name, text_of
from gritstone.session.json_text import Json, NoJson, Spelled, Written, parse, spell

__all__ = ["Entry", "read_entry"]


class Entry:
    """A message of the history.

    Attributes:
        text: its data.
        role: ``user``, ``assistant`` or ``tool``.
        listed: the object for it in a prepared turn.
    """

    def __init__(self, text: str, role: str, **listed: Json) -> None:
        self.text = text
        self.role = role
        self.listed: dict[str, Json] = {"content": text, "role": role, **listed}

    @cached_property
    def written(self) -> Written:
        """The JSON of the object for it in a prepared turn."""
        return Written(spell(self.listed).decode())


def read_entry(blob: Blob) -> Entry:
    """Return a message of the history.

    Raises:
        Damaged: the blob is not of the form of a message.
    """
    text, headers = text_of(blob.data), dict(blob.headers)
    role, ct = headers.pop("role", None), headers.pop("ct", None)
    if role in ("user", "assistant") and ct == "s" and not headers:
        return Entry(text, role)
    if role == "assistant" and ct == "j" and not headers:
        return Entry(text, role, content="", calls=_calls_of(blob.data))
    named = is_call(headers.get("call")) and is_name(headers.get("tool")) and headers.get("ok") in ("0", "1")
    if role != "tool" or set(headers) != {"call", "ok", "tool"} or not named or ct not in ("s", "j"):
        raise Damaged
    if ct == "j":
        _deep(blob.data)
    return Entry(text, role, call=headers["call"], ok=headers["ok"] == "1", tool=headers["tool"])


def _deep(data: bytes) -> Json:
    try:
        return parse(data, 64)
    except NoJson:
        raise Damaged from None


def _calls_of(data: bytes) -> list[Json]:
    value = _deep(data)
    calls = value.get("calls") if isinstance(value, dict) and len(value) == 1 else None
    if not isinstance(calls, list) or not 1 <= len(calls) <= 16:
        raise Damaged
    for call in calls:
        if not isinstance(call, dict) or set(call) != {"id", "input", "tool"} or not isinstance(call["input"], dict):
            raise Damaged
        if isinstance(call["id"], Spelled) or not is_call(call["id"]) or not is_name(call["tool"]):
            raise Damaged
    return calls
