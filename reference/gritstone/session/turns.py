"""Turns: what is sent to a model, and what its response says.

Spec: ``session/prepare``, ``session/commit``, ``session/condense``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gritstone.grit.objects import Blob, ObjectId
from gritstone.session.forms import No, json_blob
from gritstone.session.json_text import Json, NoJson, Spelled, Written, parse, spell
from gritstone.session.talk import Talk
from gritstone.wit.workspace import Workspace

__all__ = ["Talks", "check_size", "condensed", "prepared", "read_response", "read_text", "store_condensed"]

_LINE = 80
_MOST_RESPONSE = 4 << 20
_MOST_JSON = 8_000_000
_TYPES: dict[str, type | tuple[type, ...]] = {"array": list, "boolean": bool, "object": dict}


def check_size(data: bytes, most: int = _MOST_JSON) -> None:
    """Raise ``No`` if data is too long."""
    if len(data) > most:
        raise No("exhausted", "size")


def prepared(talk: Talk, actor: ObjectId, request: dict[str, Any]) -> Blob:
    """Return the prepared turn.

    Raises:
        No: the phase does not permit it, or it would be too long.

    Spec: :rule:`session.prepare.bytes`, :rule:`session.prepare.phase`.
    """
    if talk.state["phase"] != ("idle" if request["kind"] == "user" else "ready"):
        raise No("rejected", "phase")
    first, summary = condensed(talk) if request["kind"] == "user" else (0, talk.summary)
    texts = [_system_text(talk, request)]
    if summary is not None:
        texts.append(f"Conversation summary v{summary[1]}: {summary[0]}")
    messages = [_written({"content": text, "role": "system"}) for text in texts if text]
    size = 0  # bytes at least: a history can be much longer than any turn
    for target in talk.log[first:]:
        entry = talk.entry(target)
        if entry is not None:
            messages.append(entry.written)
            size += len(entry.written)
            if size > _MOST_JSON:
                raise No("exhausted", "size")
    if request["kind"] == "user":
        messages.append(_written({"content": request["prompt"], "role": "user"}))
    turn = {
        "base": talk.root.hex(),
        "count": talk.state["count"] + 1,
        "force_json": request["force_json"],
        "kind": request["kind"],
        "messages": Written(f"[{','.join(messages)}]"),
        "session": actor.hex(),
        "tools": talk.tools,
    }
    blob = json_blob(turn)
    check_size(blob.data)
    return blob


class Talks:
    """What a guest reads and prepares. An optional part remembers it from one transition or query to the next."""

    def read(self, workspace: Workspace, core: Mapping[str, ObjectId]) -> Talk:
        """Return the talk of a core, to change; raises ``Damaged``."""
        return Talk(workspace, core)

    def keep(self, talk: Talk, core: Mapping[str, ObjectId]) -> None:
        """Take note of a talk that a transition has changed, and of the core with it."""

    def write_turn(self, talk: Talk, actor: ObjectId, request: dict[str, Any]) -> ObjectId:
        """Make the blob of a prepared turn; return its id; raises ``No`` as ``prepared``."""
        return talk.workspace.put(prepared(talk, actor, request))

    def turn(self, talk: Talk, actor: ObjectId, request: dict[str, Any]) -> ObjectId:
        """Return the id of a prepared turn, which need not be stored; raises ``No`` as ``prepared``."""
        objects = talk.workspace.objects
        return objects.format.object_id(objects.encode(prepared(talk, actor, request)))


def _written(value: Json) -> Written:
    return Written(spell(value).decode())


def _system_text(talk: Talk, request: dict[str, Any]) -> str:
    """Spec: :rule:`session.tools.block`."""
    parts = [request.get("system", talk.config["system_prompt"])]
    if talk.tools and talk.config["tool_text"]:
        lines = ["Available tools (* = required param):"]
        for tool in talk.tools:
            names = ", ".join(each["name"] + ("*" if each["required"] else "") for each in tool["params"])
            lines.append(f"- `{tool['name']}` ({names}): {tool['description']}")
        parts.append("\n".join(lines))
    return "\n\n".join(part for part in parts if part)


def condensed(talk: Talk) -> tuple[int, tuple[str, int] | None]:
    """Return how many messages condensing removes, and the summary after it.

    Spec: :rule:`session.condense.boundary`, :rule:`session.condense.conserve`.
    """
    if len(talk.log) + 1 <= talk.config["max_messages"]:
        return 0, talk.summary
    end = len(talk.log) - talk.config["keep"]
    while end > 0 and getattr(talk.entry(talk.log[end]), "role", None) != "user":
        end -= 1
    if end <= 0:
        return 0, talk.summary
    text, version = talk.summary or ("", 0)
    for target in talk.log[:end]:
        entry = talk.entry(target)
        if entry is not None:
            text += f"{entry.role}: " + entry.text[:_LINE].replace("\n", " ").replace("\r", " ") + "\n"
    surplus = max(0, len(text) - talk.config["summary_chars"])
    return end, (text[surplus:], version + 1)


def store_condensed(talk: Talk) -> None:
    """Condense the history of a talk."""
    end, summary = condensed(talk)
    if end:
        talk.log = talk.log[end:]
        talk.state["covered"] += end
        talk.summary, talk.summary_covered = summary, talk.state["covered"]


def read_text(data: bytes, ct: str, *, code: str) -> str:
    """Return data that is UTF-8, or JSON with ``ct`` ``j``; raises ``No``."""
    check_size(data, _MOST_RESPONSE)
    try:
        if ct == "j":
            parse(data)
        return data.decode("utf-8")
    except (NoJson, UnicodeDecodeError):
        raise No("malformed", code) from None


def read_response(talk: Talk, data: bytes, ct: str, *, force_json: bool) -> dict[str, Any]:
    """Return a row: ``final`` with a text, ``calls`` with pairs of tool and input, or ``retry`` with an error.

    Raises:
        No: the response is neither a text nor a row, or does not fit the tools, or all rounds are used.

    Spec: :rule:`session.response.grammar`, :rule:`session.call.arguments`, :rule:`session.rounds.bound`.
    """
    row: dict[str, Any]
    if ct == "s":
        row = {"final": read_text(data, ct, code="utf8")}
    else:
        check_size(data, _MOST_RESPONSE)
        row = _row(data)
    if "final" in row and force_json:
        try:
            parse(row["final"].encode())
        except NoJson:
            raise No("invalid", "not-json") from None
    if "calls" in row:
        tools = {tool["name"]: tool["params"] for tool in talk.tools}
        for name, given in row["calls"]:
            if name not in tools:
                raise No("invalid", "tool")
            if not _fits(given, tools[name]):
                raise No("invalid", "argument")
        if talk.state["rounds"] >= talk.config["max_rounds"]:
            raise No("exhausted", "rounds")
    return row


def _row(data: bytes) -> dict[str, Any]:
    try:
        value = parse(data)
    except NoJson:
        value = None
    members = set(value) if isinstance(value, dict) else set()
    action = value["action"] if "action" in members else None
    if action == "final" and members == {"action", "response"} and type(value["response"]) is str:
        return {"final": value["response"]}
    if action == "call_tool" and members == {"action", "input", "tool"}:
        return {"calls": [_call({"input": value["input"], "tool": value["tool"]})]}
    if action == "call_tools" and members == {"action", "calls"}:
        calls = value["calls"]
        if isinstance(calls, list) and 1 <= len(calls) <= 16:
            return {"calls": [_call(call) for call in calls]}
    if action == "retry" and members in ({"action"}, {"action", "error"}) and type(value.get("error", "")) is str:
        return {"retry": value.get("error", "")}
    raise No("malformed", "response")


def _call(call: Json) -> tuple[str, dict[str, Json]]:
    fits = isinstance(call, dict) and set(call) == {"input", "tool"}
    if not fits or not isinstance(call["input"], dict) or type(call["tool"]) is not str:
        raise No("malformed", "response")
    return call["tool"], call["input"]


def _fits(given: dict[str, Json], params: list[Json]) -> bool:
    for each in params:
        if each["name"] not in given:
            if each["required"]:
                return False
        elif not _is_of(given[each["name"]], each["type"]):
            return False
    return set(given) <= {each["name"] for each in params}


def _is_of(value: Json, kind: str) -> bool:
    if kind == "any":
        return True
    if kind == "string":
        return type(value) is str
    if kind in ("number", "integer"):
        return isinstance(value, Spelled) and (kind == "number" or value.is_integer)
    return isinstance(value, _TYPES[kind])
