"""Speed of ``session``: turns of a conversation without a runtime, in memory and durable."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

from gritstone.grit import FORMATS, Blob, MemoryEngine, Message, ObjectId, Store, Tree
from gritstone.grit.lmdb_store import open_durable
from gritstone.session import SESSIONS
from gritstone.wit import Executor, Laws, MessageKind, Objects, Proposal
from gritstone.wit.drive import Deadline, drive
from gritstone.wit.position import Position
from gritstone.wit.queries import ask_position
from gritstone.wit.workspace import Workspace

_FORMATS = sorted(FORMATS)
_CALL = b'{"action":"call_tool","input":{"a":1},"tool":"add"}'
_TOOLS = b'[{"description":"Add","name":"add","params":[{"name":"a","required":true,"type":"number"}]}]'
_WINDOW = 30
_TURNS = 20


def _end(play: Generator[Any, Any, Any]) -> Any:
    """Run code that asks for nothing."""
    return drive(play, lambda seconds: None, Deadline(lambda: 0.0, 0))


class Turns:
    """20 turns of a conversation whose window of 24 messages is full; texts have 200 bytes.

    A turn of the kind ``tool`` has one call, and its result is stored before the turn goes on. Each message is stored
    by the update that stores the step that reads it, so a turn of the kind ``text`` is one update.
    """

    params = (_FORMATS, ["text", "tool"], ["memory", "durable"])
    param_names = ("format", "kind", "backend")

    def setup(self, format_name: str, kind: str, backend: str) -> None:
        self.directory = tempfile.mkdtemp(prefix="gritstone-bench-")
        format_ = FORMATS[format_name]
        is_durable = backend == "durable"
        path = Path(self.directory) / "store"
        self.store = open_durable(path, format_) if is_durable else Store.open(MemoryEngine(), format_)
        self.laws = Laws(SESSIONS)
        self.executor = Executor(Objects(self.store.format, self.store.limits, self.store.get), self.laws)
        self.new = Workspace(self.executor.objects)
        self.host = self.new.put(Tree({"name": self._blob(b"bench", ct="s")}))
        session = {"host": self.host, "nonce": self._blob(bytes(32), ct="b"), "tools": self._blob(_TOOLS, ct="j")}
        code = self._blob(b"external:session/1", ct="s")
        core = {"session": self.new.put(Tree(session)), "wit": code, "wit_query": code}
        self.actor = self.new.put(Tree(core))
        self.new.keep(self.store)
        self.tip: ObjectId | None = None
        self.head: Position | None = None
        self._send("genesis", self.actor)
        self.number = 0
        self._play(kind, _WINDOW)

    def teardown(self, *params: object) -> None:
        self.store.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def _blob(self, data: bytes, **headers: str) -> ObjectId:
        return self.new.put(Blob(headers, data))

    def _send(self, mt: str, content: ObjectId, **headers: str) -> None:
        kind = MessageKind.GENESIS if self.head is None else MessageKind.ORDINARY
        self.tip = self.new.put(Message(self.tip, {"mt": mt, **headers}, content))
        proposal = Proposal(kind, ((self.host, (self.tip,)),))
        self.executor.objects.remember(self.new.made)
        admitted = _end(self.executor.transition(self.executor.prepare(self.actor, self.head, proposal, 1)))
        self.new.take_over(admitted.workspace)
        self.new.keep(self.store)
        self.executor.adopt(admitted)
        self.head = admitted.position
        self.new = Workspace(self.executor.objects)

    def _turn(self, request: bytes, data: bytes, ct: str) -> None:
        assert self.head is not None
        workspace = Workspace(self.executor.objects)
        turn = _end(ask_position(self.laws, workspace, self.head, "prepare", request))
        content = self.new.put(Tree({"request": self._blob(request, ct="j"), "response": self._blob(data, ct=ct)}))
        self._send("commit", content, at="1", turn=turn.hex())

    def _play(self, kind: str, count: int) -> None:
        changes = 1 if kind == "text" else 3
        for number in range(self.number, self.number + count):
            request = json.dumps({"kind": "user", "prompt": f"{number:0200}"}).encode()
            if kind == "tool":
                self._turn(request, _CALL, "j")
                self._send("tool-result", self._blob(b"2", ct="s"), at="1", call=f"{changes * number + 1}.0", ok="1")
                request = b'{"kind":"continue"}'
            self._turn(request, b"%0200d" % number, "s")
        self.number += count
        assert self.head is not None
        workspace = Workspace(self.executor.objects)
        state = workspace.look(_end(ask_position(self.laws, workspace, self.head, "state", b"")))
        assert isinstance(state, Blob)
        assert json.loads(state.data)["count"] == changes * self.number, "a turn was refused"

    def time_turns(self, format_name: str, kind: str, backend: str) -> None:
        self._play(kind, _TURNS)
