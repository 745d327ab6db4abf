"""The classification of missing replies and ended processes, and how the suite ends a process.

=====================  ===================================================================================
cause                  when
=====================  ===================================================================================
``hung:spinning``      no reply within the grace, and busy for at least half the grace
``hung:partial``       no reply within the grace, but bytes without an LF
``hung:blocked``       no reply within the grace otherwise; or the input is closed and the process does not end
``dead:exit-<code>``   the process ended, or closed its output and then ended
``dead:signal-<N>``    a signal ended the process
``dead:closed``        the output was closed, but the process (or the owner of the socket) still runs
``memory``             the process tree uses more than ``max_rss_bytes``
=====================  ===================================================================================

If a single request gets no reply, the suite sends a ``ping``, and then closes the input: a reply that arrives only then
was not flushed (:rule:`harness.frame.flush`).
"""

from __future__ import annotations

import time
from typing import Final, Protocol

from gritstone_conformance.attachment import procfs
from gritstone_conformance.attachment.protocol import ProtocolFault, parse_reply
from gritstone_conformance.attachment.settings import AttachSettings
from gritstone_conformance.attachment.stream import Ends, LineStream
from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.text import printable

__all__ = ["Endpoint", "Liveness"]

_TERM_S: Final = 2.0  # between SIGTERM and SIGKILL
_LAST_WORDS_S: Final = 1.0  # to end after the output is closed; to reply after a ping or the end of input
_END_S: Final = 5.0  # to end after bye or the end of input
_MEMORY_PAUSE_S: Final = 0.25  # between two checks of the memory


class Endpoint(Protocol):
    """A process or a connection."""

    @property
    def attached(self) -> bool:
        """Whether it is a connection, so that there is no process to end."""

    @property
    def pid(self) -> int | None:
        """The process, or None."""

    @property
    def ends(self) -> Ends:
        """The file descriptors of the suite's side."""

    strays: int
    """How many processes outside its group were killed with it; set by :meth:`kill`."""

    def outside(self) -> set[int]:
        """Return the living processes that it started and that left its group."""

    def wait_exit(self, seconds: float) -> bool:
        """Wait for the end of the process; return whether it ended."""

    def end_input(self) -> None:
        """Close the input, so that the other side reads its end."""

    def kill(self) -> str:
        """Kill the process group; return how the leader ended."""

    def kill_from_thread(self) -> None:
        """Kill the process group without cleaning up: from another thread, while replies are pending."""

    def end(self, patience_s: float) -> str:
        """Send SIGTERM, then kill the process group; return how the leader ended."""


class Liveness:
    """Watches one process or connection."""

    def __init__(self, channel: Endpoint, stream: LineStream, settings: AttachSettings) -> None:
        self._channel = channel
        self._stream = stream
        self._settings = settings
        self._looked = 0.0

    def busy_s(self) -> float:
        """Return the processor time used or waited for so far, in seconds; 0 if it is unknown."""
        pid = self._channel.pid
        return (procfs.busy_seconds(pid) or 0.0) if pid is not None else 0.0

    def watch_memory(self, now: float) -> None:
        """Check the resident size, at most four times a second; raises SubjectFault ``memory``."""
        if now - self._looked < _MEMORY_PAUSE_S:
            return
        self._looked = now
        pid, most = self._channel.pid, self._settings.max_rss_bytes
        if pid is None or most is None:
            return
        size = procfs.rss_bytes(pid, self._channel.outside())
        if size is not None and size > most:
            self._channel.kill()
            raise SubjectFault("memory", f"the resident size is {size} bytes, the limit is {most}")

    def end(self) -> str:
        """End the process with SIGTERM, then with SIGKILL; return how it ended."""
        return self._channel.end(self._settings.scaled_s(_TERM_S))

    def death(self) -> SubjectFault:
        """Return the fault of a process whose output has ended, and kill the rest of its group."""
        in_time = self._channel.wait_exit(self._settings.scaled_s(_LAST_WORDS_S))
        self._stream.wait(0)  # the rest of the log
        word = self._channel.kill()
        return SubjectFault(f"dead:{word}" if in_time else "dead:closed", self.log_words())

    def log_words(self) -> str:
        """Return the last bytes of standard error in one line."""
        words = self._stream.log.words()
        return f"stderr: {words}" if words else "stderr is empty"

    def deafness(self, since: float, now: float) -> SubjectFault | None:
        """Return the fault of a process that closed its input, after the time that it has to end."""
        if now - since <= self._settings.scaled_s(_LAST_WORDS_S):
            return None
        self.end()
        return SubjectFault("hung:blocked", "it has closed its standard input")

    def slowness(self, op: str, waited_s: float) -> SubjectFault:
        """End a process that still writes its reply after the grace; return the fault."""
        partial = self._stream.partial_bytes
        self.end()
        words = f"no complete reply to {op} in {waited_s:.3g} s; it writes slowly: {partial} bytes without LF so far"
        return SubjectFault("hung:partial", words)

    def silence(self, op: str, waited_s: float, busy_s: float, grace_s: float) -> SubjectFault:
        """End a process that has not replied within the grace; return the fault, which names the kind of hang."""
        partial = self._stream.partial_bytes
        self.end()
        if busy_s >= grace_s / 2:
            used = f"no reply to {op} in {waited_s:.3g} s; busy for {busy_s:.3g} s of the grace"
            return SubjectFault("hung:spinning", used)
        if partial:
            return SubjectFault("hung:partial", f"no reply to {op} in {waited_s:.3g} s, but {partial} bytes without LF")
        return SubjectFault("hung:blocked", f"no reply to {op} in {waited_s:.3g} s")

    def departure(self, how: str) -> SubjectFault | None:
        """Wait for the process to end after ``bye`` or the end of input; return the fault if it does not end correctly.

        Spec: :rule:`harness.process.ends`.
        """
        stream, until = self._stream, time.monotonic() + self._settings.scaled_s(_END_S)
        while not (self._gone() or self._overflows()) and (left := until - time.monotonic()) > 0:
            stream.wait(left if stream.watches_exit or self._channel.attached else min(left, 0.01))
        surplus, gone, left_behind = list(stream.lines), self._gone(), self._left_behind(until)
        word = self._channel.kill() if gone else self.end()
        rule = "harness.process.ends"
        if surplus:
            return SubjectFault("protocol:reply.one", f"after {how}: {printable(surplus[0])}", "harness.reply.one")
        if not gone:
            return SubjectFault("hung:blocked", f"it did not end after {how}", rule)
        if how == "bye" and word not in ("exit-0", "closed"):
            return SubjectFault(f"dead:{word}", f"after bye; {self.log_words()}", rule)
        if left_behind:
            detail = f"after {how} it left {len(left_behind)} processes behind; {self.log_words()}"
            return SubjectFault("hung:blocked", detail, rule)
        return None

    def _overflows(self) -> bool:
        """Return whether an unexpected line, or more bytes than a line may have, were received."""
        return bool(self._stream.lines) or self._stream.partial_bytes >= self._settings.frame_bytes

    def _gone(self) -> bool:
        if self._channel.attached:
            return self._stream.eof
        return self._stream.exited or self._channel.wait_exit(0)

    def _left_behind(self, until: float) -> list[int]:
        """Return the processes of the group that still run when the leader has ended and the time is over."""
        pid = self._channel.pid
        if pid is None:
            return []
        while (members := procfs.group_members(pid)) and self._gone() and time.monotonic() < until:
            time.sleep(0.02)
        return members

    def provoke(self, op: str, due: int, ping: bytes, *, first: bool) -> None:
        """Check whether the missing reply to a single request is held back in a buffer.

        Args:
            op: the operation of the unanswered request.
            due: its seq.
            ping: the line of one more request.
            first: whether the process has not sent any reply.

        Raises:
            ProtocolFault: a reply arrived only after another request or the end of input.
        """
        self._stream.send(ping)
        when = "another request was sent"
        if not self.receives(1):
            self._stream.stop_writing()
            self._channel.end_input()
            when = "its input was closed"
            if not self.receives(1):
                return
        line = self._stream.lines.popleft()
        if parse_reply(line, first=first)[0] == due:
            raise ProtocolFault("harness.frame.flush", f"the reply to {op} arrived only after {when}: flush each reply")
        raise ProtocolFault("harness.reply.one", f"{op} got no reply, but a later request did: {printable(line)}")

    def receives(self, count: int) -> bool:
        """Return whether ``count`` further lines arrive within a second (scaled); they stay in the stream."""
        stream, until = self._stream, time.monotonic() + self._settings.scaled_s(_LAST_WORDS_S)
        while len(stream.lines) < count and not stream.eof and (left := until - time.monotonic()) > 0:
            if stream.partial_bytes >= self._settings.frame_bytes:
                break
            stream.wait(left)
        return len(stream.lines) >= count
