"""The state of a session: the entry ``session`` of a core, with the entry ``effects``.

A ``Talk`` is read from a core once in a transition and changed in place. Everything that can be refused is checked
before the first change.

Spec: ``session/core``; :rule:`session.guest.damaged`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from gritstone.errors import Missing
from gritstone.grit.objects import Blob, Object, ObjectId, Tree
from gritstone.session.forms import (
    DEFAULTS,
    HEX,
    Damaged,
    No,
    is_call,
    is_corr,
    is_name,
    is_number,
    json_blob,
    parsed,
    read_config,
    read_request,
    read_tools,
    text_of,
)
from gritstone.session.history import Entry, read_entry
from gritstone.session.json_text import Json, Spelled
from gritstone.wit.workspace import Workspace

__all__ = ["Reader", "Talk"]

_STATE_MOST = 2**52
_SETTABLE = {"host", "nonce", "config", "tools"}
_ENTRIES = _SETTABLE | {"ask", "calls", "history", "results", "state", "summary", "turns"}


class Reader:
    """Reads the parts of a talk that stay as they are from one change to the next, each from its id and its blob."""

    def entry(self, target: ObjectId, blob: Blob) -> Entry:
        """Return a message of the history; raises ``Damaged``."""
        return read_entry(blob)

    def tools(self, target: ObjectId, data: bytes) -> list[Json] | None:
        """Return a list of tools, or None if the data is not one."""
        return read_tools(data)


class Talk:
    """The state of one session, while a transition changes it.

    Attributes:
        root: the id of the tree ``session``.
        kept: the entries ``host``, ``nonce``, ``config`` and ``tools``.
        config: the configuration, with the defaults.
        tools: the list of tools.
        state: ``count``, ``covered``, ``history``, ``phase`` and ``rounds``.
        log: the ids of the messages from ``covered``.
        summary: text and version, or None; ``summary_covered`` belongs to it.
        calls: open calls to tools, in their order.
        results: calls to the ids of their messages.
        turns: turns to (count, response, result, the id of the tree of these).
        ask: ``corr``, ``message``, ``request`` (the id) and ``asked`` (its value), or None.
        effects: names to ids of messages, as text, in the order of the calls.
    """

    def __init__(self, workspace: Workspace, core: Mapping[str, ObjectId], reader: Reader | None = None) -> None:
        """Read the state of a core.

        Raises:
            Damaged: it is not of its form.
        """
        self.workspace = workspace
        self._reader = reader or Reader()
        self._seen: dict[ObjectId, Entry | None] = {}
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
        config = read_config(self._plain(entries["config"], "j")) if "config" in entries else dict(DEFAULTS)
        tools: list[Json] | None = []
        if "tools" in entries:
            tools = self._reader.tools(entries["tools"], self._plain(entries["tools"], "j"))
        if config is None or tools is None:
            _damaged()
        self.config: dict[str, Any] = config
        self.tools: list[Json] = tools

    def _read_state(self, entries: Mapping[str, ObjectId]) -> None:
        numbers = ("count", "covered", "history", "rounds")
        self.state: dict[str, Any] = {**dict.fromkeys(numbers, 0), "phase": "idle"}
        if "state" not in entries:
            return
        value = parsed(self._plain(entries["state"], "j"))
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
        for target in dict.fromkeys(self.log):
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
            self.summary = text_of(blob.data), int(version or 0)
            self.summary_covered = int(covered or 0)

    def _read_round(self, entries: Mapping[str, ObjectId]) -> None:
        calls = self._entries(entries.get("calls"))
        heads = {name.partition(".")[0] for name in calls}
        names = [f"{head}.{at}" for head in heads for at in range(len(calls))]
        if len(heads) > 1 or set(calls) != set(names) or len(calls) > 16 or not all(map(is_number, heads)):
            _damaged()
        self.calls = {name: text_of(self._plain(calls[name], "s")) for name in names}
        if not all(map(is_name, self.calls.values())):
            _damaged()
        self.results = dict(self._entries(entries.get("results")))
        if not all(map(is_call, self.results)) or any(map(self._is_tree, self.results.values())):
            _damaged()
        for name in set(self.calls) & set(self.results):
            entry = self.entry(self.results[name])
            if entry is not None and entry.role != "tool":
                _damaged()
        waits = bool(set(self.calls) - set(self.results))
        if (self.state["phase"] == "calling") != waits or (self.calls and not waits):
            _damaged()

    def _read_turns(self, entries: Mapping[str, ObjectId]) -> None:
        self.turns: dict[str, tuple[int, ObjectId, ObjectId, ObjectId]] = {}
        for name, target in self._entries(entries.get("turns")).items():
            turn = self._entries(target)
            if HEX.fullmatch(name) is None or set(turn) != {"count", "response", "result"}:
                _damaged()
            count = text_of(self._plain(turn["count"], "s"))
            if not is_number(count) or self._is_tree(turn["response"]) or self._is_tree(turn["result"]):
                _damaged()
            self.turns[name] = int(count), turn["response"], turn["result"], target
        if len(self.turns) > 8:
            _damaged()

    def _read_ask(self, entries: Mapping[str, ObjectId], effects: ObjectId | None) -> None:
        self.ask: dict[str, Any] | None = None
        self.effects: dict[str, str] = {}
        sent = {name: text_of(self._plain(one, "s")) for name, one in self._entries(effects).items()}
        if (effects is None) != ("ask" not in entries):
            _damaged()
        if effects is None:
            return
        ask = self._entries(entries["ask"])
        if not {"message", "request"} <= set(ask) <= {"corr", "message", "request"}:
            _damaged()
        corr = text_of(self._plain(ask["corr"], "s")) if "corr" in ask else None
        message = text_of(self._plain(ask["message"], "s"))
        try:
            asked = read_request(self._plain(ask["request"], "j"))
        except No:
            _damaged()
        wanted = self.waiting() or ["model"]
        if (
            set(sent) != set(wanted)
            or asked["kind"] != "user"
            or not all(map(HEX.fullmatch, [message, *sent.values()]))
        ):
            _damaged()
        self.effects = {name: sent[name] for name in wanted}
        if corr is not None and not is_corr(corr):
            _damaged()
        self.ask = {"corr": corr, "message": message, "request": ask["request"], "asked": asked}

    def entry(self, target: ObjectId) -> Entry | None:
        """Return a message of the history; None if it was erased."""
        if target not in self._seen:
            self._seen[target] = None if self.look(target) is None else self._reader.entry(target, self._blob(target))
        return self._seen[target]

    def forget(self, target: ObjectId) -> None:
        """Read a message again the next time."""
        self._seen.pop(target, None)

    def look(self, target: ObjectId) -> Object | None:
        """Return an object; None if it is erased, also if this transition has made it again."""
        try:
            return self.workspace.objects.look(target)
        except Missing:
            return self.workspace.look(target)

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

    def copy(self, workspace: Workspace) -> Talk:
        """Return a copy to change, with objects from a workspace."""
        other = Talk.__new__(Talk)
        vars(other).update(vars(self), workspace=workspace)
        used = (*self.log, *self.results.values())
        other._seen = {target: self._seen[target] for target in used if target in self._seen}
        for name in ("calls", "effects", "kept", "log", "results", "state", "turns"):
            setattr(other, name, getattr(self, name).copy())
        return other

    # --- changing and writing ------------------------------------------------------------------------------

    def append(self, headers: dict[str, str], data: bytes) -> None:
        """Append a message to the history."""
        self.log.append(self.workspace.put(Blob(headers, data)))
        self.state["history"] += 1

    def record(self, turn: str, response: ObjectId, result: ObjectId) -> None:
        """Record a turn with the count after the change. Spec: :rule:`session.commit.recorded`."""
        count = self.state["count"] + 1
        tree = Tree({"count": self._put_text(str(count)), "response": response, "result": result})
        self.turns[turn] = count, response, result, self.workspace.put(tree)
        if len(self.turns) > 8:
            del self.turns[min(self.turns, key=lambda turn: (self.turns[turn][0], turn))]

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
            "turns": {turn: tree for turn, (_, _, _, tree) in self.turns.items()},
            "ask": self._ask_entries(),
        }
        self.root = put(Tree({**entries, **{name: put(Tree(names)) for name, names in below.items() if names}}))

    def core(self, before: Mapping[str, ObjectId]) -> dict[str, ObjectId]:
        """Return the entries of a core with this state."""
        entries = {**before, "session": self.root}
        entries.pop("effects", None)
        if self.effects:
            sent = {name: self._put_text(message) for name, message in self.effects.items()}
            entries["effects"] = self.workspace.put(Tree(sent))
        return entries

    def _ask_entries(self) -> dict[str, ObjectId]:
        if self.ask is None:
            return {}
        entries = {"message": self._put_text(self.ask["message"]), "request": self.ask["request"]}
        return entries if self.ask["corr"] is None else {**entries, "corr": self._put_text(self.ask["corr"])}

    def _put_text(self, text: str) -> ObjectId:
        return self.workspace.put(Blob({"ct": "s"}, text.encode()))


def _damaged() -> NoReturn:
    raise Damaged
