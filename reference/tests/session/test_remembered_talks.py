"""Tests of ``optional.remembered_talks``: the same steps and turns as without it, with less work."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from gritstone.grit import Blob, Format, MemoryEngine, Message, ObjectId, Store, Tree
from gritstone.optional import remembered_talks, turn_off
from gritstone.session import SESSIONS, history
from gritstone.session import talk as talk_module
from gritstone.session.turns import Talks
from gritstone.switch import choose, set_faster
from gritstone.wit import Executor, Laws, MessageKind, Objects, Proposal
from gritstone.wit.drive import Deadline, drive
from gritstone.wit.position import Position
from gritstone.wit.queries import ask_position
from gritstone.wit.workspace import Workspace

_TOOLS = b'[{"description":"Add","name":"add","params":[{"name":"a","required":true,"type":"number"}]}]'
_CALL = b'{"action":"call_tool","input":{"a":1},"tool":"add"}'
_CONTINUE = b'{"kind":"continue"}'


class Talking:
    """A session whose objects stay in one cache, as in a runtime."""

    def __init__(self, format_: Format) -> None:
        self.store = Store.open(MemoryEngine(), format_)
        self.laws = Laws(SESSIONS)
        self.objects = Objects(format_, self.store.limits, self.store.get)
        self.executor = Executor(self.objects, self.laws)
        self.host = self._put(Tree({"name": self.blob(b"host")}))
        code = self.blob(b"external:session/1")
        parts = {"host": self.host, "nonce": self.blob(bytes(32), ct="b"), "tools": self.blob(_TOOLS, ct="j")}
        self.actor = self._put(Tree({"wit": code, "wit_query": code, "session": self._put(Tree(parts))}))
        self.tip: ObjectId | None = None
        self.head: Position | None = None
        self.steps: list[ObjectId] = []
        self.send("genesis", self.actor)

    def _put(self, value: Any) -> ObjectId:
        return self.store.put(self.store.format.encode(value, self.store.limits))

    def blob(self, data: bytes, ct: str = "s") -> ObjectId:
        return self._put(Blob({"ct": ct}, data))

    def send(self, mt: str, content: ObjectId, **headers: str) -> None:
        kind = MessageKind.GENESIS if self.head is None else MessageKind.ORDINARY
        self.tip = self._put(Message(self.tip, {"mt": mt, **headers}, content))
        run = self.executor.prepare(self.actor, self.head, Proposal(kind, ((self.host, (self.tip,)),)), 1)
        admitted = drive(self.executor.transition(run), time.sleep, Deadline(time.monotonic, 0))
        assert admitted is not None
        admitted.workspace.keep(self.store)
        self.executor.adopt(admitted)
        self.head = admitted.position
        self.steps.append(self.head.step_id)

    def prepare(self, request: bytes) -> tuple[str, Any]:
        assert self.head is not None
        workspace = Workspace(self.objects)
        query = ask_position(self.laws, workspace, self.head, "prepare", request)
        turn = drive(query, time.sleep, Deadline(time.monotonic, 0))
        assert turn is not None
        blob = workspace.blob(turn)
        assert blob is not None
        return turn.hex(), json.loads(blob.data)

    def commit(self, request: bytes, response: bytes, ct: str = "s") -> None:
        turn, _ = self.prepare(request)
        content = Tree({"request": self.blob(request, ct="j"), "response": self.blob(response, ct=ct)})
        self.send("commit", self._put(content), at="1", turn=turn)

    def converse(self, count: int, first: int = 0) -> None:
        """Run turns with one call each: three changes and four messages in the history."""
        for number in range(first, first + count):
            self.commit(b'{"kind":"user","prompt":"%d"}' % number, _CALL, "j")
            call = f"{3 * number + 1}.0"
            self.send("tool-result", self.blob(b"2"), at="1", call=call, ok="1")
            self.send("tool-result", self.blob(b"2"), at="1", call=call, ok="1")  # repeated
            self.commit(_CONTINUE, b"answer %d" % number)


@pytest.fixture
def remembering() -> Iterator[None]:
    """Remember talks in an object of this test alone."""
    talks = remembered_talks.RememberedTalks()
    set_faster({"talks": lambda: talks})
    yield
    turn_off()


@pytest.mark.usefixtures("remembering")
def test_remembered_talks_make_the_same_steps(format_: Format) -> None:
    remembered = Talking(format_)
    remembered.converse(9)
    turn_off()
    plain = Talking(format_)
    plain.converse(9)
    assert remembered.steps == plain.steps
    assert remembered.prepare(b'{"kind":"user","prompt":"more"}') == plain.prepare(b'{"kind":"user","prompt":"more"}')


@pytest.mark.usefixtures("remembering")
def test_each_message_is_read_once(format_: Format, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[tuple[object, bytes]] = []

    def counting(blob: Blob) -> history.Entry:
        read.append((frozenset(blob.headers.items()), blob.data))
        return history.read_entry(blob)

    monkeypatch.setattr(talk_module, "read_entry", counting)
    Talking(format_).converse(9)
    assert len(read) == len(set(read)) > 20


@pytest.mark.usefixtures("remembering")
def test_an_erased_message_is_not_remembered(format_: Format) -> None:
    talking = Talking(format_)
    talking.converse(1)
    request = b'{"kind":"user","prompt":"more"}'
    _, before = talking.prepare(request)
    message = Blob({"ct": "s", "role": "assistant"}, b"answer 0")
    talking.store.erase(format_.object_id(talking.objects.encode(message)))
    talking.objects.forget()
    _, after = talking.prepare(request)
    assert before["messages"][-2]["content"] == "answer 0"
    assert after["messages"] == [each for each in before["messages"] if each["content"] != "answer 0"]


@pytest.mark.usefixtures("remembering")
def test_a_changed_talk_is_not_read_again(format_: Format, monkeypatch: pytest.MonkeyPatch) -> None:
    talking = Talking(format_)
    talking.converse(1)

    def fail(*given: Any) -> None:
        raise AssertionError("a talk is read")

    monkeypatch.setattr(remembered_talks, "Talk", fail)
    talking.converse(2, 1)
    assert len(talking.prepare(b'{"kind":"user","prompt":"more"}')[1]["messages"]) == 1 + 4 * 3 + 1


@pytest.mark.usefixtures("remembering")
def test_messages_that_left_the_window_are_forgotten(format_: Format) -> None:
    talking = Talking(format_)
    talking.converse(20)
    workspace = Workspace(talking.objects)
    assert talking.head is not None
    talk = choose("talks", Talks()).read(workspace, talking.head.core)
    assert len(talk._seen) <= len(talk.log) <= 24


@pytest.mark.usefixtures("remembering")
def test_talks_beyond_the_kept_bytes_are_read_again(format_: Format, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered_talks, "_KEPT_BYTES", 3_000)
    small = Talking(format_)
    small.converse(4)
    turn_off()
    plain = Talking(format_)
    plain.converse(4)
    assert small.steps == plain.steps
