"""The guest process of a host: ``python -m gritstone.optional.worker``, started by ``isolation``.

The process has no store: it requests each object by id and returns the objects that it made. It makes no decisions: the
host hashes the returned objects and admits the step. The channel is its standard input. It ends when the host ends.

Spec: :rule:`wasm.host.alive`, :rule:`wasm.host.bounded`.
"""

from __future__ import annotations

import json
import os
import resource
import select
import socket
import sys
import threading
from collections.abc import Generator
from itertools import islice
from typing import Any

from gritstone.errors import Refusal
from gritstone.grit.formats import FORMATS
from gritstone.grit.limits import Limits
from gritstone.grit.objects import ObjectId
from gritstone.optional import turn_on
from gritstone.optional.frames import Frame, FrameChannel, Head, join, read_id, read_refusal, refusal_head
from gritstone.wasm.engine import WasmEngine
from gritstone.wasm.guests import Guests
from gritstone.wit.code import Ask, Code, Draft, Question, Request
from gritstone.wit.laws import Laws
from gritstone.wit.objects import Objects
from gritstone.wit.position import load_position, position_of
from gritstone.wit.proposals import MessageKind, Proposal
from gritstone.wit.transition import Executor
from gritstone.wit.workspace import Workspace

__all__ = ["Worker", "main"]

_STDIN = 0


class Worker:
    """A server that runs guests for a host, one call at a time."""

    def __init__(self, channel: FrameChannel, *, most_pages: int, limit_ms: int) -> None:
        """Create a worker.

        Args:
            channel: the channel to the host.
            most_pages: as in ``Guests``.
            limit_ms: as in ``Guests``.
        """
        engine = WasmEngine(limit_ms=limit_ms, may_lack_memory=True)
        self._channel = channel
        self._guests = Guests(most_pages=most_pages, log=self._log, engine=engine)
        self._objects: Objects | None = None
        self._code: Code | None = None
        self._draft: tuple[Workspace, Draft] | None = None

    def serve(self) -> None:
        """Serve the requests of the host until it closes the channel.

        Raises:
            EOFError: the host has closed the channel.
        """
        while True:
            head, body = self._channel.receive()
            try:
                answer = self._answer(head, body)
            except Refusal as refusal:
                answer = refusal_head(refusal), b""
            self._channel.send(*answer)

    def _answer(self, head: Head, body: bytes) -> Frame:
        code, self._code = self._code, None
        draft, self._draft = self._draft, None
        match head["op"]:
            case "admit":
                self._guests.admit(read_id(head["id"]), body, head["pages"])
                return _made("admitted", None)
            case "resolve":
                self._code = self._resolve(head)
                return _made("resolved", None)
            case "step":
                assert code is not None, "a node was resolved"
                return self._step(code, head)
            case "query":
                assert code is not None, "a node was resolved"
                return self._query(code, head, body)
            case "finish":
                assert draft is not None, "there is a draft"
                workspace, made = draft
                before = len(workspace.encodings)
                step = made.finish(position_of(workspace, read_id(head["step"])))
                return _made("made", step, workspace, before=before)
        raise ValueError(head["op"])

    def _resolve(self, head: Head) -> Code:
        if self._objects is None or head["fresh"]:  # another store, or an object was removed from it
            self._objects = Objects(FORMATS[head["format"]], Limits(**head["limits"]), self._load)
        core, source = ({name: read_id(one) for name, one in head[key].items()} for key in ("core", "source"))
        return Laws(self._guests).resolve(Workspace(self._objects), core, head["node"], source)

    def _step(self, code: Code, head: Head) -> Frame:
        objects, actor = self._read(), read_id(head["actor"])
        last = None if head["last"] is None else load_position(objects, read_id(head["last"]), actor)
        covered = tuple((read_id(sender), tuple(map(read_id, messages))) for sender, messages in head["covered"])
        proposal = Proposal(MessageKind(head["kind"]), covered)
        run = Executor(objects, Laws(self._guests)).prepare(actor, last, proposal, head["attempt"])
        result = self._drive(code.step(run))
        if not isinstance(result, Draft):
            return _made("made", result, run.workspace)
        self._draft = run.workspace, result
        return _made("draft", result.step, run.workspace)

    def _query(self, code: Code, head: Head, args: bytes) -> Frame:
        workspace = Workspace(self._read())
        position = load_position(workspace, read_id(head["last"]), read_id(head["actor"]))
        result = self._drive(code.query(Question(workspace, position, head["name"], args)))
        assert not isinstance(result, Draft), "queries return no draft"
        return _made("made", result, workspace)

    def _drive(self, play: Generator[Request, Any, ObjectId | Draft | None]) -> ObjectId | Draft | None:
        """Run code to its end; requests of the code are sent to the host."""
        answer: ObjectId | None = None
        error: Refusal | None = None
        while True:
            try:
                request = play.send(answer) if error is None else play.throw(error)
            except StopIteration as stop:
                result: ObjectId | Draft | None = stop.value
                return result
            assert isinstance(request, Ask), "guests make no other requests"
            self._channel.send({"op": "ask", "actor": request.actor.hex(), "name": request.name}, request.args)
            head, _ = self._channel.receive()
            answer, error = None, None
            if head["op"] == "refusal":
                error = read_refusal(head)
            elif head["id"] is not None:
                answer = read_id(head["id"])

    # --- objects and logs ------------------------------------------------------------------------------

    def _read(self) -> Objects:
        assert self._objects is not None, "a node was resolved"
        return self._objects

    def _load(self, object_id: ObjectId) -> bytes:
        self._channel.send({"op": "load", "id": object_id.hex()})
        head, body = self._channel.receive()
        if head["op"] == "refusal":
            raise read_refusal(head)
        return body

    def _log(self, text: bytes) -> None:
        self._channel.send({"op": "log"}, text)


def _made(op: str, result: ObjectId | None, workspace: Workspace | None = None, *, before: int = 0) -> Frame:
    """Return a result with the objects of a workspace, without the first ``before``, which the host has already."""
    made = () if workspace is None else islice(workspace.encodings.values(), before, None)
    sizes, body = join(made)
    return {"op": op, "id": None if result is None else result.hex(), "sizes": sizes}, body


def _limit(what: int, most: int) -> None:
    _, hard = resource.getrlimit(what)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (most, most))


def _watch() -> None:
    """End the process when the host ends, whatever a guest does at that time."""
    poll = select.poll()
    poll.register(_STDIN, 0)
    poll.poll()
    os._exit(1)


def main() -> None:
    """Serve the host that started this process."""
    options = json.loads(sys.argv[1])
    memory_bytes = options.pop("memory_mb") << 20
    if options.pop("is_fast"):
        turn_on()
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_DATA, memory_bytes)
    threading.Thread(target=_watch, name="watch", daemon=True).start()
    with socket.socket(fileno=os.dup(_STDIN)) as end:
        Worker(FrameChannel(end, memory_bytes), **options).serve()


if __name__ == "__main__":
    main()
