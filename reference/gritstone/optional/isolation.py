"""Isolation: guests run in a separate process with a limit on memory and on time.

The process admits, meters, compiles and runs modules. The host has the store, and admits and audits steps. The process
requests objects by id and returns the objects that it made; the host decodes and hashes these again. All output of the
process is data that is never executed. So an attacker who controls the process cannot make or write a step that the
actor may not make. The attacker can read objects of the store, refuse calls, and forge host nodes. The process does not
inherit variables of the host's environment, except those that Python needs to start. It runs as the same user: the
process boundary limits memory and time, and is not a boundary against code that leaves the WebAssembly engine.

::

    it exits, times out, or sends an invalid frame               the call is abandoned, the process is ended
    it cannot allocate the memory that a guest may have          the same
    any other outcome                                            as without isolation, with the same ids

A process serves one call at a time. While it waits for the answer of another actor, a second process serves that query.

Spec: :rule:`wasm.host.alive`, :rule:`wasm.host.bounded`, :rule:`wasm.same.everywhere`.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import weakref
from collections.abc import Callable, Generator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import asdict
from typing import Any, TypeAlias

from gritstone.errors import InternalError, Missing, Refusal
from gritstone.grit.objects import ObjectId
from gritstone.optional.frames import Frame, FrameChannel, Head, read_id, read_refusal, refusal_head, split
from gritstone.switch import is_on
from gritstone.wasm.capabilities import audit
from gritstone.wasm.cores import manifest_of, tree_at
from gritstone.wasm.failures import host_failure
from gritstone.wasm.guests import Guests, no_log
from gritstone.wit.code import Ask, Code, CodeRun, Draft, Question, Request, Run
from gritstone.wit.position import Position, position_of
from gritstone.wit.workspace import Workspace

__all__ = ["Isolated"]

_PAGES_A_MB = 16
_PASSED_ON = ("LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONHOME")
_HOST_NODES = ("state", "module", "memory", "creator")  # the entries that are added to a step after a call

_Answer: TypeAlias = tuple[str, ObjectId | None]
"""The operation and the id of an answer."""


def _environment() -> dict[str, str]:
    """Return the variables that the process needs to start; keys and tokens of the host are not among them."""
    path = os.pathsep.join(filter(None, sys.path))
    return {**{name: os.environ[name] for name in _PASSED_ON if name in os.environ}, "PYTHONPATH": path}


class _Process:
    """A process that runs guests; it ends when it is no longer referenced.

    Attributes:
        channel: the channel to the process.
        owner: the id of the process that started it.
        age: the age of the objects that it has read; see ``Objects``.
    """

    def __init__(self, options: Mapping[str, Any], most_bytes: int) -> None:
        here, there = socket.socketpair()
        with there, ExitStack() as stack:
            stack.enter_context(here)
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "gritstone.optional.worker", json.dumps(options)],
                stdin=there.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=_environment(),
                start_new_session=True,
            )
            stack.pop_all()
        self.channel = FrameChannel(here, most_bytes)
        self.owner = os.getpid()
        self.age: object = None
        self._close = weakref.finalize(self, _end, self._process, here, self.owner)

    @property
    def pid(self) -> int:
        """Return the process id."""
        return int(self._process.pid)

    @property
    def is_usable(self) -> bool:
        """Return whether the process is believed to be alive and was started by this process."""
        return self.owner == os.getpid() and self._process.poll() is None

    def end(self) -> None:
        """End the process unconditionally."""
        self._close()


def _end(process: subprocess.Popen[bytes], end: socket.socket, owner: int) -> None:
    if owner == os.getpid():
        process.kill()
        process.wait()
    end.close()


class Isolated(Guests):
    """Guests that run in a separate process; for everything else see ``Guests``.

    Attributes:
        wall_s: the maximum time in seconds until the process answers.
    """

    def __init__(
        self,
        *,
        memory_mb: int = 1_024,
        wall_s: float = 60.0,
        most_pages: int | None = None,
        log: Callable[[bytes], None] = no_log,
        limit_ms: int = 0,
    ) -> None:
        """Create the guests; the first call starts the process.

        Args:
            memory_mb: the maximum memory of the process in MiB.
            wall_s: the maximum time in seconds until the process answers; then the process is ended and the call is
                abandoned.
            most_pages: as in ``Guests``; None for half of the memory.
            log: as in ``Guests``.
            limit_ms: as in ``Guests``: a call that takes longer has the outcome ``timeout``.
        """
        pages = memory_mb * _PAGES_A_MB // 2 if most_pages is None else most_pages
        super().__init__(most_pages=pages, log=log, limit_ms=limit_ms)
        self._memory_mb = memory_mb
        self.wall_s = wall_s
        self._idle: list[_Process] = []

    def within(self, limit_ms: int) -> Isolated:
        """Return guests of this class with another time limit; see ``Guests``."""
        if limit_ms == self._limit_ms:
            return self
        return Isolated(
            memory_mb=self._memory_mb,
            wall_s=self.wall_s,
            most_pages=self.most_pages,
            log=self.log,
            limit_ms=limit_ms,
        )

    def admit(self, module_id: ObjectId, module: bytes, pages: int) -> None:
        """Admit and compile a module in the process; see ``Guests``."""
        turn = _Turn(self, self._take())
        turn.say_still({"op": "admit", "id": module_id.hex(), "pages": pages}, module, answer="admitted")
        turn.end()

    def resolve(
        self,
        workspace: Workspace,
        core: Mapping[str, ObjectId],
        node: str,
        source: Mapping[str, ObjectId],
        data: bytes | None,
    ) -> Code:
        """Return the code of a node; see ``Law.resolve``."""
        process, objects = self._take(), workspace.objects
        head = {
            "op": "resolve",
            "node": node,
            "core": _hex(core),
            "source": _hex(source),
            "format": objects.format.name,
            "limits": asdict(objects.limits),
            "fresh": process.age is not objects.age,
        }
        process.age = objects.age
        turn = _Turn(self, process, workspace)
        turn.say_still(head, answer="resolved")
        return _Remote(turn, node)

    # --- the process -----------------------------------------------------------------------------------

    def _take(self) -> _Process:
        """Return a process that is not in use."""
        with suppress(IndexError):
            while True:
                process = self._idle.pop()
                if process.is_usable:
                    return process
        options = {
            "memory_mb": self._memory_mb,
            "most_pages": self.most_pages,
            "limit_ms": self._limit_ms,
            "is_fast": is_on(),
        }
        try:
            return _Process(options, self._memory_mb << 20)
        except OSError as error:
            raise host_failure(f"no process for guests: {error}") from error

    def give_back(self, process: _Process) -> None:
        """Return a process to the pool."""
        self._idle.append(process)


class _Turn:
    """The use of one process for the duration of one call."""

    def __init__(self, guests: Isolated, process: _Process, workspace: Workspace | None = None) -> None:
        """Begin to use a process.

        Args:
            guests: the owner of the process.
            process: the process.
            workspace: supplies the objects that the process requests, and receives those that it made.
        """
        self._guests = guests
        self._process: _Process | None = process
        self._workspace = workspace

    def say(self, head: Head, body: bytes = b"", *, answers: tuple[str, ...]) -> Generator[Request, Any, _Answer]:
        """Send a frame, and serve the requests of the process until it answers.

        Args:
            head: the head of the frame.
            body: the body of the frame.
            answers: the expected answers, in addition to a refusal.

        Raises:
            Refusal: the process answered with a refusal.
            Missing: the process did not answer (code ``host``); it is ended.
        """
        process = self._process
        assert process is not None, "the turn has not ended"
        try:
            answer = yield from self._serve(process.channel, head, body, answers)
        except BaseException as error:  # after any failure the state of the process is unknown, so it is not used again
            trouble = self.fail(f"{type(error).__name__} {error}")
            if isinstance(error, InternalError) or not isinstance(error, Exception):
                raise
            raise trouble from error
        if isinstance(answer, Refusal):
            if answer.code == "host":  # the process has exhausted a resource
                process.end()
            self.end()
            raise answer
        return answer

    def say_still(self, head: Head, body: bytes = b"", *, answer: str) -> ObjectId | None:
        """Send a frame that allows no requests meanwhile; return the id of the answer."""
        talk = self.say(head, body, answers=(answer,))
        try:
            next(talk)
        except StopIteration as stop:
            _, result = stop.value
            return None if result is None else bytes(result)
        talk.close()
        raise self.fail("it sent a request during an operation without requests")

    def fail(self, why: str) -> Refusal:
        """End the process; return the refusal that abandons the call."""
        if self._process is not None:
            self._process.end()
        self.end()
        return host_failure(f"the process of guests has ended: {why}")

    def end(self) -> None:
        """Return the process to the pool."""
        process, self._process = self._process, None
        if process is not None:
            self._guests.give_back(process)

    def __del__(self) -> None:
        """Return the process of code that never ran, or of a draft that was not admitted, to the pool."""
        self.end()

    def _serve(
        self, channel: FrameChannel, head: Head, body: bytes, answers: tuple[str, ...]
    ) -> Generator[Request, Any, _Answer | Refusal]:
        until = time.monotonic() + self._guests.wall_s
        workspace = self._workspace
        channel.send(head, body, until=until)
        while True:
            said, data = channel.receive(until=until)
            match said["op"]:
                case "load" if workspace is not None:
                    channel.send(*_load(workspace, read_id(said["id"])), until=until)
                case "log":
                    self._guests.log(data)
                case "ask":
                    begin = time.monotonic()
                    reply = yield from _ask(Ask(read_id(said["actor"]), str(said["name"]), data))
                    until += time.monotonic() - begin
                    channel.send(reply, until=until)
                case "refusal":
                    return read_refusal(said)
                case op if op in answers:
                    if workspace is not None:
                        objects = workspace.objects
                        for one in split(said["sizes"], data):
                            workspace.put(objects.format.decode(one, objects.limits))
                    return op, None if said["id"] is None else read_id(said["id"])
                case _:
                    raise ValueError("nothing that can be said here")


class _Remote:
    """The code of one call; see ``code.Code``."""

    def __init__(self, turn: _Turn, node: str) -> None:
        self._turn = turn
        self._node = node

    def step(self, run: Run) -> CodeRun:
        """Make a step."""
        turn = self._turn
        last = None if run.last is None else run.last.step_id
        head = {
            "op": "step",
            "actor": run.actor.hex(),
            "last": None if last is None else last.hex(),
            "kind": run.proposal.kind.value,
            "covered": [[sender.hex(), [one.hex() for one in messages]] for sender, messages in run.proposal.covered],
            "attempt": run.attempt,
        }
        op, result = yield from turn.say(head, answers=("made", "draft"))
        if op == "draft":
            return Draft(result, lambda position: self._finish(run, position))
        if result != last:
            raise turn.fail("a step that is no draft")
        turn.end()
        return result

    def _finish(self, run: Run, position: Position) -> ObjectId:
        """Audit an admitted step in the host, and let the process add the host nodes; see ``Draft``."""
        audit(run, manifest_of(run.workspace, run.core), position, is_update=self._node == "wit_update")
        step = self._turn.say_still({"op": "finish", "step": position.step_id.hex()}, answer="made")
        if step is None or not _has_only_nodes(run.workspace, position, step):
            raise self._turn.fail("another step than that with host nodes")
        self._turn.end()
        return step

    def query(self, question: Question) -> CodeRun:
        """Answer a query."""
        position = question.position
        head = {
            "op": "query",
            "actor": position.step.actor.hex(),
            "last": position.step_id.hex(),
            "name": question.name,
        }
        _, result = yield from self._turn.say(head, question.args, answers=("made",))
        self._turn.end()
        return result


def _hex(entries: Mapping[str, ObjectId]) -> dict[str, str]:
    return {name: target.hex() for name, target in entries.items()}


def _has_only_nodes(workspace: Workspace, position: Position, step_id: ObjectId) -> bool:
    """Return whether a step differs from the position only in host nodes.

    Spec: :rule:`wasm.image.nodes`.
    """
    try:
        made = position_of(workspace, step_id)
    except Refusal:
        return False
    return _without_nodes(workspace, made) == _without_nodes(workspace, position)


def _without_nodes(workspace: Workspace, position: Position) -> tuple[object, ...]:
    step, core = position.step, dict(position.core)
    wasm = tree_at(workspace, core.pop("wasm", None))
    rest = {name: target for name, target in wasm.items() if name not in _HOST_NODES}
    return step.previous, step.actor, step.inbox, step.outbox, core, rest


def _load(workspace: Workspace, object_id: ObjectId) -> Frame:
    """Return an object as stored, or else as made before the call."""
    objects = workspace.objects
    try:
        found = objects.load(object_id)
    except Missing as refusal:
        made = workspace.made.get(object_id)
        if made is None or refusal.code is not None:
            return refusal_head(refusal), b""
        found = made
    return {"op": "object"}, objects.encode(found)


def _ask(request: Ask) -> Generator[Request, Any, Head]:
    """Query another actor."""
    try:
        answer: ObjectId | None = yield request
    except Refusal as refusal:
        return refusal_head(refusal)
    return {"op": "answer", "id": None if answer is None else answer.hex()}
