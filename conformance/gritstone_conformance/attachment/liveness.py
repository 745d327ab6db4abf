"""What silence means, and how a process is ended.

=====================  ===================================================================================
cause                  when
=====================  ===================================================================================
``hung:spinning``      no reply within the grace, and busy for at least half the grace
``hung:partial``       no reply within the grace, but bytes without an LF
``hung:blocked``       no reply within the grace, else; or it has closed its input and does not end
``dead:exit-<code>``   the process ended, or closed its output and then ended
``dead:signal-<N>``    a signal ended the process
``dead:closed``        the output was closed, but the process (or the holder of the socket) still runs
``memory``             the process tree grew over ``max_rss_bytes``
=====================  ===================================================================================

A lone request whose reply never comes is provoked with one more ``ping``, then with the end of its input: a reply that
only then appears was not flushed (:rule:`harness.frame.flush`).
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

__all__ = ["Channel", "Liveness"]

_TERM_S: Final = 2.0  # between SIGTERM and SIGKILL
_LAST_WORDS_S: Final = 1.0  # to end once the output is closed; to react when provoked
_END_S: Final = 5.0  # to end after bye or the end of input
_MEMORY_PAUSE_S: Final = 0.25  # between two looks at the memory


class Channel(Protocol):
    """A process or a connection: something with two ends that can be closed."""

    @property
    def attached(self) -> bool:
        """Whether it was connected to, so that there is no process to end."""

    @property
    def pid(self) -> int | None:
        """The process, or None."""

    @property
    def ends(self) -> Ends:
        """The file descriptors of the suite's side."""

    strays: int
    """How many processes outside its group were ended with it; known once it was killed."""

    def outside(self) -> set[int]:
        """Return the living processes that it started and that left its group."""

    def wait_exit(self, seconds: float) -> bool:
        """Wait for the end of the process; returns whether it ended."""

    def end_input(self) -> None:
        """Close the input, so that the other side reads its end."""

    def kill(self) -> str:
        """End it now; returns how it ended."""

    def kill_from_thread(self) -> None:
        """End it now and clear nothing away; another thread may call this."""

    def end(self, patience_s: float) -> str:
        """Ask it to end, then end it; returns how it ended."""


class Liveness:
    """Watches one process or connection."""

    def __init__(self, channel: Channel, stream: LineStream, settings: AttachSettings) -> None:
        self._channel = channel
        self._stream = stream
        self._settings = settings
        self._looked = 0.0

    def busy_s(self) -> float:
        """Return the processor time used or waited for so far in seconds; 0 where it cannot be known."""
        pid = self._channel.pid
        return (procfs.busy_seconds(pid) or 0.0) if pid is not None else 0.0

    def watch_memory(self, now: float) -> None:
        """Look at the resident size, not more often than four times a second; raises SubjectFault ``memory``."""
        if now - self._looked < _MEMORY_PAUSE_S:
            return
        self._looked = now
        pid, most = self._channel.pid, self._settings.max_rss_bytes
        if pid is None or most is None:
            return
        size = procfs.rss_bytes(pid, self._channel.outside())
        if size is not None and size > most:
            self._channel.kill()
            raise SubjectFault("memory", f"resident size {size} bytes, allowed are {most}")

    def end(self) -> str:
        """End the process politely, then by force; returns how it ended."""
        return self._channel.end(self._settings.scaled_s(_TERM_S))

    def death(self) -> SubjectFault:
        """The output has ended: find out how the process did, and clear away what is left of its group."""
        in_time = self._channel.wait_exit(self._settings.scaled_s(_LAST_WORDS_S))
        self._stream.wait(0)  # the rest of the log
        word = self._channel.kill()
        return SubjectFault(f"dead:{word}" if in_time else "dead:closed", self.log_words())

    def log_words(self) -> str:
        """Return the end of standard error in one line."""
        said = self._stream.log.words()
        return f"stderr: {said}" if said else "stderr is empty"

    def deafness(self, since: float, now: float) -> SubjectFault | None:
        """It has closed its input, so no request reaches it: return the fault once it had the time to end."""
        if now - since <= self._settings.scaled_s(_LAST_WORDS_S):
            return None
        self.end()
        return SubjectFault("hung:blocked", "it has closed its standard input")

    def slowness(self, op: str, waited_s: float) -> SubjectFault:
        """The grace is over and bytes still arrive: end the process and return that fault."""
        partial = self._stream.partial_bytes
        self.end()
        words = f"no whole reply to {op} in {waited_s:.3g} s; it writes slowly: {partial} bytes without LF so far"
        return SubjectFault("hung:partial", words)

    def silence(self, op: str, waited_s: float, busy_s: float, grace_s: float) -> SubjectFault:
        """The grace is over: end the process and return which kind of silence it was."""
        partial = self._stream.partial_bytes
        self.end()
        if busy_s >= grace_s / 2:
            used = f"no reply to {op} in {waited_s:.3g} s; busy for {busy_s:.3g} s of the grace"
            return SubjectFault("hung:spinning", used)
        if partial:
            return SubjectFault("hung:partial", f"no reply to {op} in {waited_s:.3g} s, but {partial} bytes without LF")
        return SubjectFault("hung:blocked", f"no reply to {op} in {waited_s:.3g} s")

    def departure(self, how: str) -> SubjectFault | None:
        """Wait for the end that ``bye`` or the end of input asked for; returns what is wrong with it.

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
        """Return whether more has come than anybody reads any more; what it says is a fault already."""
        return bool(self._stream.lines) or self._stream.partial_bytes >= self._settings.frame_bytes

    def _gone(self) -> bool:
        if self._channel.attached:
            return self._stream.eof
        return self._stream.exited or self._channel.wait_exit(0)

    def _left_behind(self, until: float) -> list[int]:
        """Return who is left of the process group when the leader has ended and the time is over."""
        pid = self._channel.pid
        if pid is None:
            return []
        while (members := procfs.group_members(pid)) and self._gone() and time.monotonic() < until:
            time.sleep(0.02)
        return members

    def provoke(self, op: str, due: int, ping: bytes, *, first: bool) -> None:
        """Find out whether a missing reply to a lone request is only stuck in a buffer.

        Args:
            op: the operation of the unanswered request.
            due: its seq.
            ping: the line of one more request.
            first: nothing was answered before.

        Raises:
            ProtocolFault: a reply was sent only after another request.
        """
        self._stream.send(ping)
        when = "another request came"
        if not self.lines_come(1):
            self._stream.stop_writing()
            self._channel.end_input()
            when = "its input had ended"
            if not self.lines_come(1):
                return
        line = self._stream.lines.popleft()
        if parse_reply(line, first=first)[0] == due:
            raise ProtocolFault("harness.frame.flush", f"the reply to {op} came only once {when}: flush each reply")
        raise ProtocolFault("harness.reply.one", f"{op} got no reply, but a later request did: {printable(line)}")

    def lines_come(self, count: int) -> bool:
        """Return whether so many further lines come soon; they stay in the stream."""
        stream, until = self._stream, time.monotonic() + self._settings.scaled_s(_LAST_WORDS_S)
        while len(stream.lines) < count and not stream.eof and (left := until - time.monotonic()) > 0:
            if stream.partial_bytes >= self._settings.frame_bytes:
                break
            stream.wait(left)
        return len(stream.lines) >= count
