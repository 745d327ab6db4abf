"""Performing what flows ask for: calls of tools, timers and erasures.

A plain function runs in a thread, a coroutine function on the event loop. Two attempts of one call never run at the
same time: the second one begins when the first has failed, and is not performed if the first succeeds.

Spec: ``flow/calls``, ``flow/erasing``; :rule:`flow.call.once`, :rule:`flow.erase.asked`.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from gritstone.errors import Missing, Refusal
from gritstone.flow.calls import Bound, Call, Reply, ToolError, failure_reply, reply_of
from gritstone.flow.channel import Channel
from gritstone.flow.core import read_document
from gritstone.flow.deadlines import Alarm
from gritstone.flow.sending import Sending, packet_of, put_refs, result_packet
from gritstone.flow.standing import payload_of
from gritstone.flow.values import in_key_order
from gritstone.flow.workers import Workers
from gritstone.grit.objects import ObjectId
from gritstone.grit.store import Store
from gritstone.runtime.letters import Letter
from gritstone.runtime.runtime import Runtime
from gritstone.runtime.world import World
from gritstone.wit.workspace import Workspace

__all__ = ["Asker", "Performing"]

_SALT_BYTES = 16
_LONGEST_END_S = 5.0

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
        task: the task of a coroutine function.
        newer: the message of a newer attempt, which waits for the end of this one.
        is_dropped: whether the attempt was cancelled, because its time is over.
    """

    flow: ObjectId
    letter: Letter
    call: Call
    task: asyncio.Task[None] | None = None
    newer: Letter | None = None
    is_dropped: bool = False


class Performing:
    """The calls, timers and erasures of all flows of an asker."""

    def __init__(self, tools: Mapping[str, Bound], threads: int, most_async: int) -> None:
        """Begin.

        Args:
            tools: the functions by the name of the tool.
            threads: the maximum number of threads.
            most_async: the maximum number of coroutine functions that run at the same time.
        """
        self._tools = tools
        self._workers = Workers(threads)
        self._free = asyncio.Semaphore(most_async)
        self._jobs: dict[tuple[ObjectId, ObjectId], _Job] = {}
        self._of_flow: dict[ObjectId, set[ObjectId]] = {}
        self._timers: dict[ObjectId, dict[ObjectId, Alarm]] = {}
        self._finished: deque[tuple[_Job, Reply]] = deque()
        self._asker: Asker | None = None
        self._is_noted = False
        self._is_closed = False

    def update(self, asker: Asker, channel: Channel) -> None:
        """Begin what the unread messages of a flow ask for, and end what it does not need any more."""
        self._asker = asker
        self._drop(channel)
        for letter in channel.letters:
            if letter.message_id in channel.done:
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
            _cancel(self._jobs[flow, packet])

    def close(self) -> None:
        """End all timers and coroutine functions. What was not performed is performed after the next start."""
        if self._is_closed:
            return
        self._is_closed = True
        for flow in list(self._timers):
            self.forget(flow)
        for job in list(self._jobs.values()):
            _cancel(job)
        self._workers.close()

    async def ended(self) -> None:
        """Wait until the coroutine functions that were cancelled have ended, but not long."""
        tasks = [job.task for job in self._jobs.values() if job.task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=_LONGEST_END_S)

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
                _cancel(job)

    def _take_call(self, asker: Asker, channel: Channel, letter: Letter) -> None:
        key = channel.flow, letter.content_id
        job = self._jobs.get(key)
        if job is None:
            self._start(asker, channel.flow, letter)
        elif job.letter.message_id != letter.message_id:
            job.newer = letter
            _cancel(job)

    def _start(self, asker: Asker, flow: ObjectId, letter: Letter) -> None:
        """Begin to perform a call."""
        if self._is_closed:
            return
        try:
            job = _Job(flow, letter, _call_of(asker, flow, letter))
        except Refusal as refusal:  # the arguments were erased in the store
            reply = failure_reply(ToolError("unreadable", str(refusal)))
            build = result_packet(letter.content_id, int(letter.headers["attempt"]), reply, {})
            asker.send(Sending(flow, "flow.result", build, letter.message_id))
            return
        self._jobs[flow, letter.content_id] = job
        self._of_flow.setdefault(flow, set()).add(letter.content_id)
        tool = self._tools.get(job.call.tool)
        if tool is None:
            self._finish(job, failure_reply(ToolError("no-tool", f"the host has no tool {job.call.tool}")))
        elif tool.is_async:
            job.task = asyncio.get_running_loop().create_task(self._perform_async(tool, job))
        else:
            self._workers.submit(partial(self._perform, asyncio.get_running_loop(), tool, job))

    def _perform(self, loop: asyncio.AbstractEventLoop, tool: Bound, job: _Job) -> None:
        """Call a plain function; in a thread."""
        if job.is_dropped or self._is_closed:
            reply = None
        else:
            try:
                reply = reply_of(tool.start(job.call))
            except BaseException as error:  # noqa: BLE001 - the thread continues, and the flow reads the failure
                reply = failure_reply(error)
        self._finished.append((job, reply or Reply("dropped", {})))
        if not self._is_noted:
            self._is_noted = True
            _call_soon(loop, self._note)

    def _note(self) -> None:
        """Take the replies of the threads."""
        self._is_noted = False
        while self._finished:
            self._finish(*self._finished.popleft())

    async def _perform_async(self, tool: Bound, job: _Job) -> None:
        """Call a coroutine function."""
        try:
            async with self._free:
                reply = reply_of(await tool.start(job.call))
        except asyncio.CancelledError as error:
            reply = Reply("dropped", {}) if job.is_dropped else failure_reply(error)
        except Exception as error:  # noqa: BLE001 - the flow reads the failure
            reply = failure_reply(error)
        self._finish(job, reply)

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
            _log.info("tool %s: %s", job.call.tool, reply.text)
        if reply.outcome == "dropped" or flight is None or (self._is_closed and reply.outcome != "ok"):
            is_of_use = False
        else:
            is_of_use = reply.outcome == "ok" or (flight["phase"] == "called" and job.newer is None)
        if is_of_use:
            asker.send(_result(job, reply))
        elif job.newer is not None and flight is not None:
            self._start(asker, job.flow, job.newer)

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
        asker.runtime.forget()
        channel.done.add(letter.message_id)
        asker.send(Sending(channel.flow, "flow.erased", packet_of({"request": letter.content_id}), letter.message_id))


def _result(job: _Job, reply: Reply) -> Sending:
    text = "" if job.call.refs else reply.text  # the text of an error may contain a payload
    blobs = put_refs(reply.refs, lambda: secrets.token_bytes(_SALT_BYTES))
    kept = Reply(reply.outcome, reply.members, text=text, first=reply.first)
    build = result_packet(job.letter.content_id, job.call.attempt, kept, blobs)
    return Sending(job.flow, "flow.result", build, (job.newer or job.letter).message_id)


def _cancel(job: _Job) -> None:
    """End an attempt if that is possible; a plain function continues to its end."""
    if job.task is not None and not job.task.done():
        job.is_dropped = True
        job.task.cancel()


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
