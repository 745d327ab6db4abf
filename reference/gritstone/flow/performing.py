"""Performing what flows ask for: calls of tools, timers and erasures.

A tool is called in a thread, and its result is awaited on an event loop for tools if it is awaitable. A coroutine
function is called on that loop. Whatever a tool raises becomes the failure of its call. Two attempts of one call never
run at the same time: the second one begins when the first has failed, and is not performed if the first succeeds.

Spec: ``flow/calls``, ``flow/erasing``; :rule:`flow.call.once`, :rule:`flow.erase.asked`.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import secrets
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from gritstone.errors import Exhausted, Missing, Refusal
from gritstone.flow.calls import Bound, Call, Reply, ToolError, failure_reply, reply_of, unusable
from gritstone.flow.channel import Channel
from gritstone.flow.core import read_document
from gritstone.flow.deadlines import Alarm
from gritstone.flow.sending import Sending, packet_of, put_refs, result_packet
from gritstone.flow.standing import payload_of
from gritstone.flow.values import in_key_order
from gritstone.flow.workers import AwaitingThread, Workers
from gritstone.foreign import awaited
from gritstone.grit.objects import ObjectId
from gritstone.grit.store import Store
from gritstone.runtime.letters import Letter
from gritstone.runtime.runtime import Runtime
from gritstone.runtime.world import World
from gritstone.wit.workspace import Workspace

__all__ = ["Asker", "Performing"]

_SALT_BYTES = 16
_LONGEST_END_S = 5.0
_AGAIN_S = 1.0  # until an erasure is repeated for which there was no space
_LOOK_S = 0.005  # between two looks at tools that end

_log = logging.getLogger(__name__)


class Asker(Protocol):
    """What asks for calls and reads their answers: the asker."""

    runtime: Runtime
    store: Store
    channels: dict[ObjectId, Channel]

    @property
    def world(self) -> World:
        """Return the world of the runtime."""

    def send(self, sending: Sending) -> None:
        """Send a message in the next round."""


@dataclass(slots=True, eq=False)
class _Job:
    """One attempt that is performed.

    Attributes:
        flow: the flow.
        letter: the message that asked for it.
        call: the call.
        task: the task that awaits the result; it belongs to the event loop for tools.
        is_awaited: whether the result is awaited, or will be.
        newer: the message of a newer attempt, which waits for the end of this one.
        is_dropped: whether the attempt was cancelled, because its time is over.
    """

    flow: ObjectId
    letter: Letter
    call: Call
    task: asyncio.Task[Reply] | None = None
    is_awaited: bool = False
    newer: Letter | None = None
    is_dropped: bool = False


class Performing:
    """The calls, timers and erasures of all flows of an asker."""

    def __init__(self, tools: Mapping[str, Bound], threads: int, most_async: int) -> None:
        """Begin.

        Args:
            tools: the functions by the name of the tool.
            threads: the maximum number of threads.
            most_async: the maximum number of results that are awaited at the same time.
        """
        self._tools = tools
        self._workers = Workers(threads)
        self._awaiting = AwaitingThread()
        self._free = asyncio.Semaphore(most_async)
        self._jobs: dict[tuple[ObjectId, ObjectId], _Job] = {}
        self._of_flow: dict[ObjectId, set[ObjectId]] = {}
        self._timers: dict[ObjectId, dict[ObjectId, Alarm]] = {}
        self._finished: deque[tuple[_Job, Reply]] = deque()
        self._looks: set[ObjectId] = set()  # flows at which it looks again
        self._asker: Asker | None = None
        self._is_noted = False
        self._is_closed = False

    def update(self, asker: Asker, channel: Channel) -> None:
        """Begin what the unread messages of a flow ask for, and end what it does not need any more."""
        self._asker = asker
        self._drop(channel)
        for letter in channel.letters:
            if letter.message_id in channel.done or letter.message_id in channel.answered:
                continue
            match letter.mt:
                case "flow.call":
                    self._take_call(asker, channel, letter)
                case "flow.timer":
                    self._take_timer(asker, channel, letter)
                case "flow.erase":
                    self._erase(asker, channel, letter)

    def forget(self, flow: ObjectId) -> None:
        """End everything for a flow."""
        for timer in self._timers.pop(flow, {}).values():
            timer.cancel()
        for packet in self._of_flow.get(flow, ()):
            self._cancel(self._jobs[flow, packet])

    def close(self) -> None:
        """End all timers and coroutine functions. What was not performed is performed after the next start."""
        if self._is_closed:
            return
        self._is_closed = True
        for flow in list(self._timers):
            self.forget(flow)
        for job in list(self._jobs.values()):
            self._cancel(job)
        self._workers.close()

    async def ended(self) -> None:
        """Wait until the awaited tools that were cancelled have ended, but not long."""
        end = time.monotonic() + _LONGEST_END_S
        while any(job.is_awaited for job in self._jobs.values()) and time.monotonic() < end:
            await asyncio.sleep(_LOOK_S)
        self._awaiting.close()

    # --- calls -------------------------------------------------------------------------------------------

    def _drop(self, channel: Channel) -> None:
        """End the timers and calls that a flow does not need any more."""
        timers = self._timers.get(channel.flow)
        if timers:
            for packet in [one for one in timers if one not in channel.open.timers]:
                timers.pop(packet).cancel()
            if not timers:
                del self._timers[channel.flow]
        for packet in self._of_flow.get(channel.flow, ()):
            job, flight = self._jobs[channel.flow, packet], channel.open.calls.get(packet)
            if flight is None or flight["phase"] == "backoff":
                self._cancel(job)

    def _take_call(self, asker: Asker, channel: Channel, letter: Letter) -> None:
        key = channel.flow, letter.content_id
        job = self._jobs.get(key)
        if job is None:
            self._start(asker, channel.flow, letter)
        elif job.letter.message_id != letter.message_id:
            job.newer = letter
            self._cancel(job)

    def _start(self, asker: Asker, flow: ObjectId, letter: Letter) -> None:
        """Begin to perform a call."""
        if self._is_closed:
            return
        try:
            job = _Job(flow, letter, _call_of(asker, flow, letter))
        except Refusal as refusal:  # the arguments were erased in the store
            reply = failure_reply(ToolError("unreadable", str(refusal)))
            build = result_packet(letter.content_id, int(letter.headers["attempt"]), reply, {})
            self._send(asker, Sending(flow, "flow.result", build, letter.message_id))
            return
        self._jobs[flow, letter.content_id] = job
        self._of_flow.setdefault(flow, set()).add(letter.content_id)
        tool = self._tools.get(job.call.tool)
        if tool is None:
            self._finish(job, failure_reply(ToolError("no-tool", f"the host has no tool {job.call.tool}")))
        elif tool.is_coroutine_function:
            self._await(asyncio.get_running_loop(), job, tool)
        else:
            self._workers.submit(partial(self._perform, asyncio.get_running_loop(), tool, job))

    def _perform(self, loop: asyncio.AbstractEventLoop, tool: Bound, job: _Job) -> None:
        """Call a function; in a thread."""
        reply = Reply("dropped", {})
        if not (job.is_dropped or self._is_closed):
            try:
                answer = tool.start(job.call)
                if inspect.isawaitable(answer):
                    self._await(loop, job, answer)
                    return
                reply = reply_of(answer)
            except BaseException as error:  # noqa: BLE001 - the thread continues, and the flow reads the failure
                reply = failure_reply(error)
        self._hand_over(loop, job, reply)

    def _await(self, loop: asyncio.AbstractEventLoop, job: _Job, work: Any) -> None:
        """Await a result, or call a coroutine function and await it, on the event loop for tools."""
        job.is_awaited = True

        def ended(task: asyncio.Task[Reply]) -> None:
            try:
                reply = task.result()
            except BaseException as error:  # noqa: BLE001 - it was cancelled before it began, or is of a foreign class
                reply = Reply("dropped", {}) if job.is_dropped else failure_reply(error)
            _discard(work)
            self._hand_over(loop, job, reply)

        def begin() -> None:
            job.task = asyncio.get_running_loop().create_task(self._replied(job, work))
            job.task.add_done_callback(ended)
            if job.is_dropped:
                job.task.cancel()

        if not self._awaiting.call(begin):
            _discard(work)
            self._hand_over(loop, job, Reply("dropped", {}))

    async def _replied(self, job: _Job, work: Any) -> Reply:
        """Return the reply of a tool whose result is awaited, or of a coroutine function."""
        try:
            async with self._free:
                return reply_of(await awaited(work.start(job.call) if isinstance(work, Bound) else work))
        except asyncio.CancelledError as error:
            return Reply("dropped", {}) if job.is_dropped else failure_reply(error)
        except BaseException as error:  # noqa: BLE001 - the flow reads the failure
            return failure_reply(error)

    def _hand_over(self, loop: asyncio.AbstractEventLoop, job: _Job, reply: Reply) -> None:
        """Pass a reply on to the event loop of the host; in any thread."""
        self._finished.append((job, reply))
        if not self._is_noted:
            self._is_noted = True
            _call_soon(loop, self._note)

    def _cancel(self, job: _Job) -> None:
        """End an attempt if that is possible; a plain function that runs continues to its end."""
        job.is_dropped = True
        if job.is_awaited:
            self._awaiting.call(lambda: None if job.task is None else job.task.cancel())

    def _note(self) -> None:
        """Take the replies of the threads."""
        self._is_noted = False
        while self._finished:
            self._finish(*self._finished.popleft())

    def _finish(self, job: _Job, reply: Reply) -> None:
        """Send a reply, or begin the newer attempt if it comes too late."""
        asker, packet = self._asker, job.letter.content_id
        del self._jobs[job.flow, packet]
        packets = self._of_flow[job.flow]
        packets.discard(packet)
        if not packets:
            del self._of_flow[job.flow]
        assert asker is not None, "a call is performed for an engine"
        channel = asker.channels.get(job.flow)
        flight = None if channel is None else channel.open.calls.get(packet)
        if reply.text:
            is_unusable = reply.outcome == "error" and reply.members["error"]["class"] == "value"
            _log.log(logging.WARNING if is_unusable else logging.INFO, "tool %s: %s", job.call.tool, reply.text)
        if reply.outcome == "dropped" or flight is None or (self._is_closed and reply.outcome != "ok"):
            is_of_use = False
        else:
            is_of_use = reply.outcome == "ok" or (flight["phase"] == "called" and job.newer is None)
        if is_of_use:
            self._send(asker, _result(asker, job, reply))
        elif job.newer is not None and flight is not None:
            self._start(asker, job.flow, job.newer)

    def _send(self, asker: Asker, result: Sending) -> None:
        """Send a result, and remember that its call is answered although that is not stored yet."""
        channel = asker.channels.get(result.flow)
        if channel is not None and result.letter is not None:
            channel.answered.add(result.letter)
        asker.send(result)

    # --- timers and erasures -------------------------------------------------------------------------------

    def _take_timer(self, asker: Asker, channel: Channel, letter: Letter) -> None:
        timers = self._timers.setdefault(channel.flow, {})
        deadline_ms = channel.deadlines.get(letter.content_id)  # None if no update had room for it so far
        if deadline_ms is not None and letter.content_id not in timers and not self._is_closed:
            sending = Sending(channel.flow, "flow.fired", packet_of({"timer": letter.content_id}), letter.message_id)
            timers[letter.content_id] = Alarm(deadline_ms, partial(asker.send, sending))

    def _erase(self, asker: Asker, channel: Channel, letter: Letter) -> None:
        """Erase blobs, and confirm it."""
        workspace = Workspace(asker.world.objects)
        packet = workspace.tree(letter.content_id)
        refs = None if packet is None else workspace.tree(packet.entries["refs"])
        for blob in () if refs is None else refs.entries.values():
            try:
                asker.store.erase(blob)
            except Missing:  # it was pruned or is damaged, so its bytes are gone
                _log.warning("the blob %s is not in the store", blob.hex())
            except Exhausted as refusal:
                _log.warning("the blob %s is erased later: %s", blob.hex(), refusal)
                self._look_again(asker, channel.flow)
                return
        asker.runtime.forget()
        channel.done.add(letter.message_id)
        asker.send(Sending(channel.flow, "flow.erased", packet_of({"request": letter.content_id}), letter.message_id))

    def _look_again(self, asker: Asker, flow: ObjectId) -> None:
        """Look at the messages of a flow again after a delay."""

        def look() -> None:
            self._looks.discard(flow)
            channel = asker.channels.get(flow)
            if channel is not None and not self._is_closed:
                self.update(asker, channel)

        if flow not in self._looks:
            self._looks.add(flow)
            asyncio.get_running_loop().call_later(_AGAIN_S, look)


def _result(asker: Asker, job: _Job, reply: Reply) -> Sending:
    text = "" if job.call.refs else reply.text  # the text of an error may contain a payload
    packet, attempt, answered = job.letter.content_id, job.call.attempt, (job.newer or job.letter).message_id
    blobs = put_refs(reply.refs, lambda: secrets.token_bytes(_SALT_BYTES))
    build = result_packet(packet, attempt, Reply(reply.outcome, reply.members, text=text, first=reply.first), blobs)
    if blobs:
        try:
            build(Workspace(asker.world.objects))
        except Refusal as refusal:  # a payload is too long for the store
            _log.warning("tool %s: %s", job.call.tool, refusal)
            build = result_packet(packet, attempt, unusable(str(refusal)), {})
    return Sending(job.flow, "flow.result", build, answered)


def _discard(work: Any) -> None:
    """Close a coroutine that has not begun; one that has ended stays as it is."""
    if inspect.iscoroutine(work):
        work.close()


def _call_of(asker: Asker, flow: ObjectId, letter: Letter) -> Call:
    """Return the call of a message."""
    workspace = Workspace(asker.world.objects)
    packet = workspace.tree(letter.content_id)
    assert packet is not None, "a packet is a tree"
    request = read_document(workspace, packet.entries["doc"])
    refs = workspace.tree(packet.entries["refs"]) if "refs" in packet.entries else None
    payloads = {} if refs is None else {name: payload_of(workspace, one) for name, one in refs.entries.items()}
    return Call(
        key=letter.content_id,
        attempt=int(letter.headers["attempt"]),
        flow=flow,
        tool=request["tool"],
        node=request["node"],
        sub=request.get("sub"),
        visit=request["visit"],
        args=in_key_order(request["args"]),  # a copy, because a function may change it
        refs=payloads,
    )


def _call_soon(loop: asyncio.AbstractEventLoop, function: Callable[[], None]) -> None:
    """Call a function on an event loop, unless it is closed."""
    try:
        loop.call_soon_threadsafe(function)
    except RuntimeError:
        _log.info("a tool has ended after the host was closed; its call is performed again")
