"""The state of a session: the entry ``session`` of a core, with the entry ``effects``.

A ``Talk`` is read from a core once in a transition and changed in place. Everything that can be refused is checked
before the first change.

Spec: ``session/core``; :rule:`session.guest.damaged`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NoReturn

from gritstone.grit.objects import Blob, ObjectId, Tree
from gritstone.session.json_text import Json, NoJson, Spelled, parse, spell
from gritstone.wit.workspace import Workspace

__all__ = [
    "HEX",
    "Damaged",
    "No",
    "Talk",
    "is_call",
    "is_corr",
    "is_number",
    "json_blob",
    "read_config",
    "read_request",
    "read_tools",
]

_NUMBER = re.compile("0|[1-9][0-9]{0,15}")
_CALL = re.compile(r"(?:0|[1-9][0-9]{0,15})\.(?:0|[1-9][0-9]{0,15})")
_CORR = re.compile("[!-~]{1,128}")
HEX = re.compile("[0-9a-f]{64}")
_NAME = re.compile("[a-z][a-z0-9_-]{0,63}")
_TYPES = ("any", "array", "boolean", "integer", "number", "object", "string")
_MOST = 2**53 - 1
_STATE_MOST = 2**52
_SETTABLE = {"host", "nonce", "config", "tools"}
_ENTRIES = _SETTABLE | {"ask", "calls", "history", "results", "state", "summary", "turns"}
_DEFAULTS: dict[str, Any] = {
    "keep": 12,
    "max_messages": 24,
    "max_rounds": 10,
    "summary_chars": 1200,
    "system_prompt": "",
    "tool_text": True,
}


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
    value = _parsed(data)
    if not isinstance(value, dict) or not set(value) <= set(_DEFAULTS):
        return None
    for name, member in value.items():
        value[name] = member.natural if isinstance(member, Spelled) else member
        if type(value[name]) is not type(_DEFAULTS[name]):
            return None
    config = {**_DEFAULTS, **value}
    bounded = 1 <= config["keep"] < config["max_messages"] <= 1000 and 1 <= config["max_rounds"] <= 100
    return config if bounded and config["summary_chars"] <= 100_000 else None


def read_tools(data: bytes) -> list[Json] | None:
    """Return a list of tools, or None if the data is not one."""
    value = _parsed(data)
    if not isinstance(value, list) or len(value) > 256 or not all(map(_is_tool, value)):
        return None
    names = [tool["name"] for tool in value]
    return value if all(before < after for before, after in pairwise(names)) else None


def read_request(data: bytes) -> dict[str, Any]:
    """Return the request of a turn; raises ``No``."""
    value = _parsed(data)
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


def _parsed(data: bytes) -> Json:
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
    if not _is_name(name) or not isinstance(params, list) or not all(map(_is_parameter, params)):
        return False
    return len({each["name"] for each in params}) == len(params)


def _is_parameter(each: Json) -> bool:
    return (
        isinstance(each, dict)
        and set(each) == {"name", "required", "type"}
        and _is_name(each["name"])
        and isinstance(each["required"], bool)
        and type(each["type"]) is str
        and each["type"] in _TYPES
    )


def _is_name(text: Json) -> bool:
    return type(text) is str and _NAME.fullmatch(text) is not None


class Talk:
    """The state of one session, while a transition changes it.

    Attributes:
        root: the id of the tree ``session``.
        kept: the entries ``host``, ``nonce``, ``config`` and ``tools``.
        config, tools: their values; tools as a list.
        state: ``count``, ``covered``, ``history``, ``phase`` and ``rounds``.
        log: the ids of the messages from ``covered``.
        summary: text and version, or None; ``summary_covered`` belongs to it.
        calls: open calls to tools, in their order.
        results: calls to the ids of their messages.
        turns: turns to (count, response, result).
        ask: ``corr``, ``message``, ``request`` (the id) and ``asked`` (its value), or None.
        effects: names to ids of messages, as text.
    """

    def __init__(self, workspace: Workspace, core: Mapping[str, ObjectId]) -> None:
        """Read the state of a core.

        Raises:
            Damaged: it is not of its form.
        """
        self.workspace = workspace
        entries = self._entries(core.get("session"))
        if "session" not in core or not set(entries) <= _ENTRIES or not {"host", "nonce"} <= set(entries):
            _damaged()
        self.root = core["session"]
        self.kept = {name: target for name, target in entries.items() if name in _SETTABLE}
        self._read_settings(entries)
        self._read_state(entries)
        self._read_log(entries)
        self._read_round(entries)
        self._read_turns(entries)
        self._read_ask(entries, core.get("effects"))

    # --- reading -------------------------------------------------------------------------------------------

    def _read_settings(self, entries: Mapping[str, ObjectId]) -> None:
        self._entries(entries["host"])
        if len(self._plain(entries["nonce"], "b")) != 32:
            _damaged()
        config = read_config(self._plain(entries["config"], "j")) if "config" in entries else dict(_DEFAULTS)
        tools = read_tools(self._plain(entries["tools"], "j")) if "tools" in entries else []
        if config is None or tools is None:
            _damaged()
        self.config: dict[str, Any] = config
        self.tools: list[Json] = tools

    def _read_state(self, entries: Mapping[str, ObjectId]) -> None:
        numbers = ("count", "covered", "history", "rounds")
        self.state: dict[str, Any] = {**dict.fromkeys(numbers, 0), "phase": "idle"}
        if "state" not in entries:
            return
        value = _parsed(self._plain(entries["state"], "j"))
        if not isinstance(value, dict) or set(value) != set(self.state):
            _damaged()
        for name in numbers:
            number = value[name].natural if isinstance(value[name], Spelled) else None
            if number is None or number > _STATE_MOST:
                _damaged()
            self.state[name] = number
        phase = value["phase"]
        if type(phase) is not str or phase not in ("idle", "calling", "ready"):
            _damaged()
        self.state["phase"] = phase
        if not 0 <= self.state["history"] - self.state["covered"] <= 10_000:
            _damaged()

    def _read_log(self, entries: Mapping[str, ObjectId]) -> None:
        history = self._entries(entries.get("history"))
        names = [f"{index:010d}" for index in range(self.state["covered"], self.state["history"])]
        if set(history) != set(names):
            _damaged()
        self.log = [history[name] for name in names]
        for target in self.log:
            self.entry(target)
        self.summary: tuple[str, int] | None = None
        self.summary_covered = 0
        if "summary" in entries:
            blob = self._blob(entries["summary"])
            headers = dict(blob.headers)
            covered, version = headers.pop("covered", None), headers.pop("version", None)
            if headers != {"ct": "s"} or not is_number(covered) or not is_number(version):
                _damaged()
            if not 1 <= int(version or 0) <= _STATE_MOST:
                _damaged()
            self.summary = _text(blob.data), int(version or 0)
            self.summary_covered = int(covered or 0)

    def _read_round(self, entries: Mapping[str, ObjectId]) -> None:
        calls = self._entries(entries.get("calls"))
        heads = {name.partition(".")[0] for name in calls}
        names = [f"{head}.{at}" for head in heads for at in range(len(calls))]
        if len(heads) > 1 or set(calls) != set(names) or len(calls) > 16 or not all(map(is_number, heads)):
            _damaged()
        self.calls = {name: _text(self._plain(calls[name], "s")) for name in names}
        if not all(map(_is_name, self.calls.values())):
            _damaged()
        self.results = dict(self._entries(entries.get("results")))
        if not all(map(is_call, self.results)) or any(map(self._is_tree, self.results.values())):
            _damaged()
        waits = bool(set(self.calls) - set(self.results))
        if (self.state["phase"] == "calling") != waits or (self.calls and not waits):
            _damaged()

    def _read_turns(self, entries: Mapping[str, ObjectId]) -> None:
        self.turns: dict[str, tuple[int, ObjectId, ObjectId]] = {}
        for name, target in self._entries(entries.get("turns")).items():
            turn = self._entries(target)
            if HEX.fullmatch(name) is None or set(turn) != {"count", "response", "result"}:
                _damaged()
            count = _text(self._plain(turn["count"], "s"))
            if not is_number(count) or self._is_tree(turn["response"]) or self._is_tree(turn["result"]):
                _damaged()
            self.turns[name] = int(count), turn["response"], turn["result"]
        if len(self.turns) > 8:
            _damaged()

    def _read_ask(self, entries: Mapping[str, ObjectId], effects: ObjectId | None) -> None:
        self.ask: dict[str, Any] | None = None
        self.effects = {name: _text(self._plain(one, "s")) for name, one in self._entries(effects).items()}
        if (effects is None) != ("ask" not in entries):
            _damaged()
        if effects is None:
            return
        ask = self._entries(entries["ask"])
        if not {"message", "request"} <= set(ask) <= {"corr", "message", "request"}:
            _damaged()
        corr = _text(self._plain(ask["corr"], "s")) if "corr" in ask else None
        message = _text(self._plain(ask["message"], "s"))
        try:
            asked = read_request(self._plain(ask["request"], "j"))
        except No:
            _damaged()
        wanted = (set(self.calls) - set(self.results)) or {"model"}
        ids = [message, *self.effects.values()]
        if set(self.effects) != wanted or asked["kind"] != "user" or not all(map(HEX.fullmatch, ids)):
            _damaged()
        if corr is not None and not is_corr(corr):
            _damaged()
        self.ask = {"corr": corr, "message": message, "request": ask["request"], "asked": asked}

    def entry(self, target: ObjectId) -> dict[str, Any] | None:
        """Return a message as a prepared turn lists it, with its data as ``text``; None if it was erased."""
        found = self.workspace.look(target)
        if found is None:
            return None
        blob = self._blob(target)
        text, headers = _text(blob.data), dict(blob.headers)
        role, ct = headers.pop("role", None), headers.pop("ct", None)
        entry: dict[str, Any] = {"content": text, "role": role, "text": text}
        if role in ("user", "assistant") and ct == "s" and not headers:
            return entry
        if role == "assistant" and ct == "j" and not headers:
            return {**entry, "content": "", "calls": _calls_of(blob.data)}
        named = is_call(headers.get("call")) and _is_name(headers.get("tool")) and headers.get("ok") in ("0", "1")
        if role != "tool" or set(headers) != {"call", "ok", "tool"} or not named or ct not in ("s", "j"):
            _damaged()
        if ct == "j":
            _deep(blob.data)
        return {**entry, "call": headers["call"], "ok": headers["ok"] == "1", "tool": headers["tool"]}

    def _is_tree(self, target: ObjectId) -> bool:
        return self.workspace.tree(target) is not None

    def _entries(self, target: ObjectId | None) -> Mapping[str, ObjectId]:
        tree = None if target is None else self.workspace.tree(target)
        if target is not None and tree is None:
            _damaged()
        return {} if tree is None else tree.entries

    def _blob(self, target: ObjectId) -> Blob:
        blob = self.workspace.look(target)
        if not isinstance(blob, Blob):
            _damaged()
        return blob

    def _plain(self, target: ObjectId, ct: str) -> bytes:
        blob = self._blob(target)
        if dict(blob.headers) != {"ct": ct}:
            _damaged()
        return blob.data

    # --- changing and writing ------------------------------------------------------------------------------

    def append(self, headers: dict[str, str], data: bytes) -> None:
        """Append a message to the history."""
        self.log.append(self.workspace.put(Blob(headers, data)))
        self.state["history"] += 1

    def waiting(self) -> list[str]:
        """Return the open calls without a result, in their order."""
        return [call for call in self.calls if call not in self.results]

    def end_round(self) -> None:
        """Append the results of all calls to the history."""
        for call in self.calls:
            self.log.append(self.results[call])
        self.state["history"] += len(self.calls)
        self.state["phase"] = "ready"
        self.calls = {}

    def give_up(self) -> None:
        """Replace the missing results of an unfinished turn, and end it.

        Spec: :rule:`session.abandon.closes`.
        """
        for call in self.waiting():
            headers = {"call": call, "ct": "s", "ok": "0", "role": "tool", "tool": self.calls[call]}
            self.results[call] = self.workspace.put(Blob(headers, b"abandoned"))
        if self.calls:
            self.end_round()
        self.state |= {"phase": "idle", "rounds": 0}
        self.results, self.ask, self.effects = {}, None, {}
        self.change()

    def change(self) -> None:
        """Count a change and write the tree ``session``."""
        self.state["count"] += 1
        put = self.workspace.put
        entries = {**self.kept, "state": put(json_blob(self.state))}
        if self.summary is not None:
            text, version = self.summary
            headers = {"ct": "s", "covered": str(self.summary_covered), "version": str(version)}
            entries["summary"] = put(Blob(headers, text.encode()))
        below = {
            "history": {f"{self.state['covered'] + at:010d}": target for at, target in enumerate(self.log)},
            "calls": {call: self._put_text(tool) for call, tool in self.calls.items()},
            "results": self.results,
            "turns": {
                turn: put(Tree({"count": self._put_text(str(count)), "response": response, "result": result}))
                for turn, (count, response, result) in self.turns.items()
            },
            "ask": self._ask_entries(),
        }
        self.root = put(Tree({**entries, **{name: put(Tree(names)) for name, names in below.items() if names}}))

    def core(self, before: Mapping[str, ObjectId]) -> ObjectId:
        """Write a core with this state; return its id."""
        entries = {**before, "session": self.root}
        entries.pop("effects", None)
        if self.effects:
            sent = {name: self._put_text(message) for name, message in self.effects.items()}
            entries["effects"] = self.workspace.put(Tree(sent))
        return self.workspace.put(Tree(entries))

    def _ask_entries(self) -> dict[str, ObjectId]:
        if self.ask is None:
            return {}
        entries = {"message": self._put_text(self.ask["message"]), "request": self.ask["request"]}
        return entries if self.ask["corr"] is None else {**entries, "corr": self._put_text(self.ask["corr"])}

    def _put_text(self, text: str) -> ObjectId:
        return self.workspace.put(Blob({"ct": "s"}, text.encode()))


def _damaged() -> NoReturn:
    raise Damaged


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        _damaged()


def _deep(data: bytes) -> Json:
    try:
        return parse(data, 64)
    except NoJson:
        _damaged()


def _calls_of(data: bytes) -> list[Json]:
    value = _deep(data)
    calls = value.get("calls") if isinstance(value, dict) and len(value) == 1 else None
    if not isinstance(calls, list) or not 1 <= len(calls) <= 16:
        _damaged()
    for call in calls:
        if not isinstance(call, dict) or set(call) != {"id", "input", "tool"} or not isinstance(call["input"], dict):
            _damaged()
        if isinstance(call["id"], Spelled) or not is_call(call["id"]) or not _is_name(call["tool"]):
            _damaged()
    return calls
