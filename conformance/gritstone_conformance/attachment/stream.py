"""Lines over file descriptors, without blocking calls and without threads.

One ``poll`` waits for replies, for space to write, for the log and for the end of the process at the same time. So a
process that stops reading cannot block a write, and a process that logs much cannot fill its log pipe, while the suite
waits for a reply. Between requests nothing waits.
"""

from __future__ import annotations

import math
import os
import select
from collections import deque
from dataclasses import dataclass
from typing import Final

from gritstone_conformance.attachment.log import LogTail
from gritstone_conformance.attachment.trace import Trace

__all__ = ["Ends", "LineStream"]

_LEAST_READ: Final = 64 << 10
_MOST_READ: Final = 1 << 20
_READABLE: Final = select.POLLIN | select.POLLHUP | select.POLLERR | select.POLLNVAL


@dataclass(frozen=True, slots=True)
class Ends:
    """The suite's ends of a channel: file descriptors that the caller owns and closes.

    Attributes:
        read: the descriptor of replies.
        write: the descriptor of requests; equal to ``read`` for a socket.
        log: standard error, or None.
        exit: a pidfd, which becomes readable when the process has ended, or None.
    """

    read: int
    write: int
    log: int | None
    exit: int | None


class LineStream:
    """Complete lines in both directions.

    Attributes:
        lines: received lines that were not yet taken, without their LF.
        partial_bytes: how many bytes were received after the last LF.
        eof: whether no further line will arrive.
        exited: whether the process has ended.
        deaf: whether the other side has stopped reading.
        log: the last bytes of standard error.
    """

    def __init__(self, ends: Ends, trace: Trace | None = None) -> None:
        self.lines: deque[bytes] = deque()
        self.partial_bytes = 0
        self.eof = False
        self.exited = False
        self.deaf = False
        self.log = LogTail()
        self._ends = ends
        self._log_open = ends.log is not None
        self._trace = trace
        self._pieces: list[bytes] = []
        self._unsent = memoryview(b"")
        self._read_size = _LEAST_READ
        self._poll = select.poll()
        for number in (ends.read, ends.write, ends.log):
            if number is not None:
                os.set_blocking(number, False)
        for number in (ends.read, ends.log, ends.exit):
            if number is not None:
                self._poll.register(number, select.POLLIN)

    @property
    def watches_exit(self) -> bool:
        """Whether :meth:`wait` notices the end of the process."""
        return self._ends.exit is not None

    def send(self, data: bytes) -> None:
        """Write complete lines as far as there is space; :meth:`wait` writes the rest."""
        if self._trace is not None:
            self._trace.sent(data.removesuffix(b"\n").split(b"\n"))
        if self._unsent:
            self._unsent = memoryview(bytes(self._unsent) + data)
        elif not self.deaf:
            self._write(data)

    def wait(self, timeout_s: float | None) -> None:
        """Wait for events up to a timeout, and process them; None waits without limit, 0 does not wait."""
        timeout_ms = None if timeout_s is None else math.ceil(timeout_s * 1000)
        ends = self._ends
        for number, events in self._poll.poll(timeout_ms):
            if number == ends.read and events & _READABLE:
                self._read()
            if number == ends.write and self._unsent:
                self._write(self._unsent)
            if number == ends.log:
                self._read_log()
            if number == ends.exit:
                self._take_end()

    def stop_writing(self) -> None:
        """Discard the unsent bytes; no further data is written."""
        self.deaf = True
        self._keep_unsent(memoryview(b""))

    def _read(self) -> bool:
        """Read once; return whether there may be more."""
        try:
            data = os.read(self._ends.read, self._read_size)
        except BlockingIOError:
            return False
        except ConnectionError:
            data = b""
        if not data:
            self.eof = True
            self._poll.unregister(self._ends.read)
            return False
        if len(data) == self._read_size:
            self._read_size = min(2 * self._read_size, _MOST_READ)
        self._split(data)
        return True

    def _split(self, data: bytes) -> None:
        cut = data.rfind(b"\n") + 1
        if not cut:
            self._pieces.append(data)
            self.partial_bytes += len(data)
            return
        whole = data[: cut - 1]
        if self._pieces:
            whole = b"".join([*self._pieces, whole])
        fresh = whole.split(b"\n")
        self.lines.extend(fresh)
        self._pieces = [data[cut:]] if cut < len(data) else []
        self.partial_bytes = len(data) - cut
        if self._trace is not None:
            self._trace.received(fresh)

    def _write(self, data: bytes | memoryview) -> None:
        try:
            written = os.write(self._ends.write, data)
        except BlockingIOError:
            written = 0
        except ConnectionError:
            self.stop_writing()
            return
        if self._unsent or written < len(data):
            self._keep_unsent(memoryview(data)[written:])

    def _keep_unsent(self, rest: memoryview) -> None:
        """Store the unsent bytes, and poll for space to write only while there are any."""
        was_waiting, self._unsent = bool(self._unsent), rest
        if bool(rest) == was_waiting:
            return
        if self._ends.write == self._ends.read:
            if not self.eof:
                self._poll.modify(self._ends.read, select.POLLIN | (select.POLLOUT if rest else 0))
        elif rest:
            self._poll.register(self._ends.write, select.POLLOUT)
        else:
            self._poll.unregister(self._ends.write)

    def _read_log(self) -> bool:
        """Read the log once; return whether there may be more."""
        assert self._ends.log is not None
        try:
            data = os.read(self._ends.log, _LEAST_READ)
        except BlockingIOError:
            return False
        if data:
            self.log.add(data)
        else:
            self._log_open = False
            self._poll.unregister(self._ends.log)
        return bool(data)

    def _take_end(self) -> None:
        """Read what the ended process left in the pipes, and nothing that other processes may still write."""
        assert self._ends.exit is not None
        self._poll.unregister(self._ends.exit)
        self.exited = True
        reads = _MOST_READ // _LEAST_READ + 1  # a pipe does not hold more than this
        while not self.eof and reads and self._read():
            reads -= 1
        while self._log_open and reads and self._read_log():
            reads -= 1
        self.eof = True
