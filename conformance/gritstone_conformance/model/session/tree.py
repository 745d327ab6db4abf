"""The entry ``session`` of a core as a value: read, checked, changed and written.

Invariant: a session that was read and not changed is written as the tree from which it was read.

Spec: ``session/core``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final

from gritstone_conformance.model.session.json_text import JsonText, write_json
from gritstone_conformance.model.session.messages import Entry, read_entry
from gritstone_conformance.model.session.settings import Config, Tool
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.values import Blob, Tree

__all__ = ["IDLE", "Ask", "Session", "Summary", "Turn", "history_name", "json_blob", "newest_turns", "text_blob"]

IDLE: Final = "idle"

_KEPT_TURNS: Final = 8


@dataclass(frozen=True, slots=True)
class Summary:
    """What was condensed: its text, the first index that it does not cover, and how often it was made."""

    text: str
    covered: int
    version: int

    def to_blob(self) -> Blob:
        """Return the node."""
        headers = (("covered", str(self.covered)), ("ct", "s"), ("version", str(self.version)))
        return Blob(headers, self.text.encode())


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn that was committed: the count after it, and ids of the response and of the result."""

    count: int
    response: bytes
    result: bytes


@dataclass(frozen=True, slots=True)
class Ask:
    """An open ask.

    Attributes:
        corr: its correlation, or None.
        message: the id of its message, as text.
        request: the id of its content.
    """

    corr: str | None
    message: str
    request: bytes


@dataclass(frozen=True, slots=True)
class Session:
    """A session at one moment.

    Attributes:
        root: id of the tree ``session``.
        fixed: entries that are kept as they are: ``config``, ``host``, ``nonce``, ``tools``.
        config: the configuration.
        tools: the tools by name.
        count: accepted changes.
        covered: the first index of the history that is present.
        history: the index of the next message.
        phase: ``idle``, ``calling`` or ``ready``.
        rounds: rounds of calls in this turn of the user.
        messages: ids of the history from ``covered``.
        summary: what was condensed.
        calls: open calls to the names of their tools, in the order of the calls.
        results: calls to their messages in the history.
        turns: turns that were committed, by their ids as text.
        ask: the open ask.
        effects: effects of the open ask that an answer may name: ``model`` or a call, to ids of messages as text.
    """

    root: bytes
    fixed: dict[str, bytes]
    config: Config = field(default_factory=Config)
    tools: dict[str, Tool] = field(default_factory=dict)
    count: int = 0
    covered: int = 0
    history: int = 0
    phase: str = IDLE
    rounds: int = 0
    messages: tuple[bytes, ...] = ()
    summary: Summary | None = None
    calls: dict[str, str] = field(default_factory=dict)
    results: dict[str, bytes] = field(default_factory=dict)
    turns: dict[str, Turn] = field(default_factory=dict)
    ask: Ask | None = None
    effects: dict[str, str] = field(default_factory=dict)

    def changed(self, shelf: Shelf, **members: Any) -> Session:
        """Return the session after an accepted change: with other members, one more change, and its new root."""
        after = replace(self, count=self.count + 1, **members)
        return replace(after, root=after.seal(shelf))

    def added(self, shelf: Shelf, *blobs: Blob) -> Session:
        """Return the session with more messages, not counted as a change."""
        ids = tuple(shelf.put(blob) for blob in blobs)
        return replace(self, history=self.history + len(ids), messages=self.messages + ids)

    def entries(self, shelf: Shelf) -> list[Entry | None]:
        """Return the messages that are present, None for those that were erased."""
        return [read_entry(shelf, identity) for identity in self.messages]

    def open_calls(self) -> dict[str, str]:
        """Return the calls without a result, to their tools."""
        return {call: tool for call, tool in self.calls.items() if call not in self.results}

    def seal(self, shelf: Shelf) -> bytes:
        """Store the tree and return its id."""
        entries = {**self.fixed, "state": shelf.put(json_blob(self._state()))}
        names = (history_name(self.covered + at) for at in range(len(self.messages)))
        below = {
            "history": dict(zip(names, self.messages, strict=True)),
            "calls": {call: shelf.put(text_blob(tool)) for call, tool in self.calls.items()},
            "results": self.results,
            "turns": {name: _seal_turn(shelf, turn) for name, turn in self.turns.items()},
            "ask": {} if self.ask is None else _ask_entries(shelf, self.ask),
        }
        entries |= {name: _seal(shelf, tree) for name, tree in below.items() if tree}
        if self.summary is not None:
            entries["summary"] = shelf.put(self.summary.to_blob())
        return _seal(shelf, entries)

    def _state(self) -> JsonText:
        names = ("count", "covered", "history", "phase", "rounds")
        return {name: getattr(self, name) for name in names}


def newest_turns(turns: dict[str, Turn]) -> dict[str, Turn]:
    """Return the newest of the turns."""
    newest = sorted(turns, key=lambda name: (turns[name].count, name))[-_KEPT_TURNS:]
    return {name: turns[name] for name in newest}


def history_name(index: int) -> str:
    """Return the name of a message of the history."""
    return f"{index:010}"


def json_blob(value: JsonText) -> Blob:
    """Return the blob with a JSON text."""
    return Blob((("ct", "j"),), write_json(value))


def text_blob(text: str) -> Blob:
    """Return the blob with a text."""
    return Blob((("ct", "s"),), text.encode())


def _seal(shelf: Shelf, entries: dict[str, bytes]) -> bytes:
    return shelf.put(Tree(tuple(entries.items())))


def _seal_turn(shelf: Shelf, turn: Turn) -> bytes:
    count = shelf.put(text_blob(str(turn.count)))
    return _seal(shelf, {"count": count, "response": turn.response, "result": turn.result})


def _ask_entries(shelf: Shelf, ask: Ask) -> dict[str, bytes]:
    entries = {"message": shelf.put(text_blob(ask.message)), "request": ask.request}
    return entries if ask.corr is None else {**entries, "corr": shelf.put(text_blob(ask.corr))}
