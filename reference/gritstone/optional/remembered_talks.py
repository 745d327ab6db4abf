"""Talks that a guest of sessions has read, and turns that it has prepared, for the next transition or query.

A client that uses a session prepares a turn and commits a response to it. The commit reads the core that ``prepare``
read, and needs the id of the turn that ``prepare`` made. The next ``prepare`` finds two more messages in the history.

Talks and turns are found by the ids of what they are made of, and by the age of the objects, which changes when a
blob is erased. So they are the same as those that would be read again. A talk that a transition has changed is used
only if the store has all blobs that the transition made: one of them may have been erased before.
A message of the history and a list of tools depend on their blobs only.

Spec: :rule:`session.prepare.bytes`, :rule:`session.commit.base`, :rule:`session.guest.erased`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from hashlib import sha256
from typing import Any, Generic, TypeVar

from gritstone.errors import Missing
from gritstone.grit.objects import Blob, ObjectId
from gritstone.session.history import Entry
from gritstone.session.json_text import Json
from gritstone.session.talk import Reader, Talk
from gritstone.session.turns import Talks
from gritstone.wit.bounded_cache import BoundedCache
from gritstone.wit.workspace import Workspace

__all__ = ["RememberedTalks"]

_KEPT_BYTES = 16 << 20  # texts of the messages in each generation, and of the talks
_ENTRY_BYTES = 1_000  # the approximate size of a message without its text
_MOST_MESSAGES = 5_000  # of a talk that is kept when it changes; a core with far more is damaged
_VALUE_FACTOR = 10  # bytes in memory for each byte of JSON that was read
_TURNS_BYTES = 1 << 20
_TURN_BYTES = 400  # the approximate size of an id and its key

_V = TypeVar("_V")


class _Sized(Generic[_V]):
    """A cache of recently used values of at most ``_KEPT_BYTES`` in each of two generations."""

    def __init__(self) -> None:
        self._young: dict[Hashable, tuple[_V, int]] = {}
        self._old: dict[Hashable, tuple[_V, int]] = {}
        self._bytes = 0

    def get(self, key: Hashable) -> _V | None:
        found = self._young.get(key)
        if found is None:
            found = self._old.get(key)
            if found is None:
                return None
            self.put(key, *found)
        return found[0]

    def put(self, key: Hashable, value: _V, size: int) -> None:
        if size > _KEPT_BYTES:
            return
        self._bytes += size
        if self._bytes > _KEPT_BYTES:
            self._old, self._young, self._bytes = self._young, {}, size
        self._young[key] = value, size


class _Kept:
    """A talk, and the blobs that were made with it and are not checked yet: one of them can be erased."""

    def __init__(self, talk: Talk, blobs: Iterable[ObjectId] = ()) -> None:
        self.talk = talk
        self._blobs = list(blobs)

    def is_stored(self, workspace: Workspace) -> bool:
        """Return whether the store has the blobs."""
        while self._blobs:
            try:
                if workspace.objects.look(self._blobs[-1]) is None:
                    return False
            except Missing:
                return False
            self.talk.forget(self._blobs.pop())
        return True


class _Reader(Reader):
    def __init__(self) -> None:
        self._entries: _Sized[Entry] = _Sized()
        self._tools: _Sized[list[Json]] = _Sized()

    def entry(self, target: ObjectId, blob: Blob) -> Entry:
        entry = self._entries.get(target)
        if entry is None:
            entry = super().entry(target, blob)
            self._entries.put(target, entry, _ENTRY_BYTES + 3 * len(entry.text))
        return entry

    def tools(self, target: ObjectId, data: bytes) -> list[Json] | None:
        tools = self._tools.get(target)
        if tools is None:
            tools = super().tools(target, data)
            if tools is not None:
                self._tools.put(target, tools, _VALUE_FACTOR * len(data))
        return tools


def _size_of(talk: Talk) -> int:
    """Return the approximate size of a talk with its messages and values."""
    entries = [entry for entry in map(talk.entry, talk.log) if entry is not None]
    values = [talk.kept.get("config"), talk.kept.get("tools"), None if talk.ask is None else talk.ask["request"]]
    blobs = [talk.look(target) for target in values if target is not None]
    texts = sum(len(entry.text) for entry in entries) + len(talk.summary[0] if talk.summary else "")
    read = sum(len(blob.data) for blob in blobs if isinstance(blob, Blob))
    return _ENTRY_BYTES * (2 + len(entries)) + 3 * texts + _VALUE_FACTOR * read


class RememberedTalks(Talks):
    """Reads each talk and each message once, and prepares each turn once, while they are remembered."""

    def __init__(self) -> None:
        self._talks: _Sized[_Kept] = _Sized()
        self._reader = _Reader()
        self._turns: BoundedCache[Hashable, ObjectId] = BoundedCache(_TURNS_BYTES, _TURN_BYTES)

    def read(self, workspace: Workspace, core: Mapping[str, ObjectId]) -> Talk:
        """See ``Talks.read``."""
        key = _core_key(workspace, core)
        kept = self._talks.get(key)
        if kept is not None and kept.is_stored(workspace):
            return kept.talk.copy(workspace)
        talk = Talk(workspace, core, self._reader)
        if workspace.made:  # it may be of objects that are never stored
            return talk
        self._talks.put(key, _Kept(talk), _size_of(talk))
        return talk.copy(workspace)

    def keep(self, talk: Talk, core: Mapping[str, ObjectId]) -> None:
        """See ``Talks.keep``."""
        if len(talk.log) <= _MOST_MESSAGES:
            made = talk.workspace.made.items()
            blobs = [target for target, value in made if type(value) is Blob]
            changed = talk.copy(Workspace(talk.workspace.objects))
            self._talks.put(_core_key(talk.workspace, core), _Kept(changed, blobs), _size_of(talk))

    def turn(self, talk: Talk, actor: ObjectId, request: dict[str, Any]) -> ObjectId:
        """See ``Talks.turn``."""
        return self._turns.get(_key(talk, actor, request)) or super().turn(talk, actor, request)

    def write_turn(self, talk: Talk, actor: ObjectId, request: dict[str, Any]) -> ObjectId:
        """See ``Talks.write_turn``."""
        turn = super().write_turn(talk, actor, request)
        self._turns.put(_key(talk, actor, request), turn)
        return turn


def _core_key(workspace: Workspace, core: Mapping[str, ObjectId]) -> Hashable:
    return workspace.objects.age, core.get("session"), core.get("effects")


def _key(talk: Talk, actor: ObjectId, request: dict[str, Any]) -> Hashable:
    return talk.workspace.objects.age, talk.root, actor, sha256(repr(request).encode()).digest()
