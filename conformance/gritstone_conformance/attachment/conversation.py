"""The talk with one process or connection, from its first request to its end.

Decides which line answers which request and whether it was in time; the meaning of silence is decided in ``liveness``,
what a line may hold in ``protocol``.

- The clock of a request starts when it becomes the oldest unanswered one; only that one can be late or hang.
- ``late``: the reply arrived after the deadline and within the grace. It is a fault, and the conversation continues.
- Every other fault ends the process and the talk. The guilty request is the oldest unanswered one.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NoReturn, TypeAlias

from gritstone_conformance.attachment.deadlines import Deadlines
from gritstone_conformance.attachment.liveness import Channel, Liveness
from gritstone_conformance.attachment.protocol import ProtocolFault, encode_request, parse_reply
from gritstone_conformance.attachment.reply_shapes import shape_problem
from gritstone_conformance.attachment.settings import AttachSettings
from gritstone_conformance.attachment.stream import LineStream
from gritstone_conformance.attachment.trace import Trace
from gritstone_conformance.errors import DataError, SubjectFault
from gritstone_conformance.replies import Json, Ok, Reply, WrongShape
from gritstone_conformance.text import printable

__all__ = ["Answer", "Conversation", "Request"]

Request: TypeAlias = tuple[str, dict[str, Json]]
"""Operation and arguments."""

Answer: TypeAlias = Reply | SubjectFault
"""What became of one request."""

Heard: TypeAlias = Callable[[Request, Answer], bool]
"""Takes a request and what became of it; returns whether to wait for further answers."""

_IN_FLIGHT_BYTES: Final = 1 << 20  # of unanswered requests, beyond the first
_LONGEST_PAUSE_S: Final = 0.25
_REMEMBERED: Final = 1024  # answered requests whose seq is still known
_MOST_HELD: Final = 128 << 20  # bytes of the replies to requests that are asked together
_MOST_VALUES: Final = 1_000_000  # in one reply, by its commas
_MUCH: Final = 1 << 20  # bytes of a line in which so many values have room


def _whatever(_request: Request, _answer: Answer) -> bool:
    return True


class Conversation:
    """One talk.

    Attributes:
        over: whether it has ended; nothing can be asked any more.
        hung: whether it ended because a reply did not come in its grace, whatever the cause is called.
        window: requests that may be unanswered; 1 until hello has settled it.
        frame_bytes: the longest line with its LF.
    """

    def __init__(
        self,
        channel: Channel,
        settings: AttachSettings,
        deadlines: Deadlines,
        seqs: Iterator[int],
        trace: Trace | None = None,
    ) -> None:
        self.over = self.hung = False
        self.window = 1
        self.frame_bytes = settings.frame_bytes
        self.channel = channel
        self._settings = settings
        self._deadlines = deadlines
        self._seqs = seqs
        self._stream = LineStream(channel.ends, trace)
        self._liveness = Liveness(channel, self._stream, settings)
        self._unanswered: deque[tuple[str, int, int]] = deque()  # operation, bytes of the line, seq
        self._in_flight_bytes = 0
        self._held_bytes = 0
        self._answered: deque[int] = deque(maxlen=_REMEMBERED)
        self._allowed_s = 0.0  # the deadline of the oldest unanswered request
        self._turn = 0.0  # when the oldest unanswered request became the oldest

    def exchange(self, requests: Sequence[Request], heard: Heard = _whatever) -> list[Answer]:
        """Ask requests, pipelined, and return their answers in order.

        The list is shorter than ``requests`` when the talk broke off: its last item is then the fault of the guilty
        request, and those after it have no answer.

        Args:
            requests: what to ask.
            heard: is told of each answer as it comes, and says whether there is sense in waiting for more; if not, the
                process is ended.

        Raises:
            DataError: a request is longer than ``frame_bytes``; a mistake of the suite.
        """
        answers: list[Answer] = []
        self._held_bytes = 0
        try:
            self._expect_silence(look=len(requests) > 1)
            self._converse(requests, answers, heard)
        except ProtocolFault as fault:
            self._liveness.end()
            answers.append(self._broken(fault.cause, fault.detail, fault.rule, len(answers)))
        except SubjectFault as fault:
            answers.append(self._broken(fault.cause, fault.detail, fault.rule, len(answers)))
        except BaseException:  # broken off in the middle: the replies under way would answer the wrong requests
            self.kill()
            raise
        return answers

    def finish(self, how: str) -> SubjectFault | None:
        """Wait for the end that was asked for; returns what is wrong with it.

        Args:
            how: ``bye``, which was answered, or ``eof``: the input is ended now.

        Spec: :rule:`harness.process.ends`.
        """
        self.over = True
        if how == "eof":
            self._stream.stop_writing()
            self.channel.end_input()
        return self._liveness.departure(how)

    def kill(self) -> str:
        """End it at once; returns how it ended."""
        self.over = True
        return self.channel.kill()

    @property
    def log_bytes(self) -> int:
        """Return how many bytes were received over standard error."""
        return self._stream.log.total

    def log(self) -> bytes:
        """Return the last 64 KiB of standard error."""
        return self._stream.log.read()

    def _broken(self, cause: str, detail: str, rule: str | None, index: int) -> SubjectFault:
        self.over = True
        return SubjectFault(cause, detail, rule, index)

    def _expect_silence(self, *, look: bool) -> None:
        """Nothing is unanswered, so no line may be there.

        A lone request costs no extra look: a line too many then stands before its reply and is found out by its seq.
        """
        stream = self._stream
        if look:
            stream.wait(0)
        if stream.lines:
            if not self._answered:
                parse_reply(stream.lines[0], first=True)  # distinguishes a banner from an unexpected reply
            raise ProtocolFault("harness.reply.one", f"nobody asked for {printable(stream.lines[0])}")
        self._turn = time.monotonic()
        self._liveness.watch_memory(self._turn)

    def _converse(self, requests: Sequence[Request], answers: list[Answer], heard: Heard) -> None:
        unanswered, lines, total, sent = self._unanswered, self._stream.lines, len(requests), 0
        while len(answers) < total:
            if sent < total and 2 * len(unanswered) <= self.window:
                sent = self._send(requests, sent)
            op, size, seq = unanswered[0]
            waited_s = 0.0 if lines else self._await_line(op, size)
            line = lines.popleft()
            if len(line) >= self.frame_bytes:
                raise self._too_long(len(line) + 1)
            if len(line) > _MUCH:
                self._look_at_size(line)
            got, reply = parse_reply(line, first=not self._answered)
            if got != seq:
                self._wrong_seq(got, seq, line)
            if type(reply) is Ok and (problem := shape_problem(op, reply.value)) is not None:
                if problem.spelling:
                    raise ProtocolFault("harness.bytes.canonical", f"{op} {problem}")
                reply = WrongShape(reply.value, problem.path, problem.expected, problem.got)
            unanswered.popleft()
            self._in_flight_bytes -= size
            self._answered.append(seq)
            if waited_s > self._allowed_s:
                answers.append(self._late(op, waited_s, line, len(answers)))
            else:
                self._deadlines.note_reply(op, waited_s)
                answers.append(reply)
            if not heard(requests[len(answers) - 1], answers[-1]):
                self.kill()
                return

    def _send(self, requests: Sequence[Request], sent: int) -> int:
        batch = []
        while sent < len(requests) and len(self._unanswered) < self.window:
            op, args = requests[sent]
            seq = next(self._seqs)
            line = encode_request(seq, op, args)
            if len(line) > self.frame_bytes:
                raise DataError(f"a {op} of {len(line)} bytes is longer than frame_bytes, {self.frame_bytes}")
            batch.append(line)
            self._unanswered.append((op, len(line), seq))
            self._in_flight_bytes += len(line)
            sent += 1
            if self._in_flight_bytes >= _IN_FLIGHT_BYTES:
                break
        self._stream.send(b"".join(batch))
        return sent

    def _await_line(self, op: str, size: int) -> float:
        """Wait for at least one line; returns the seconds that the oldest request has waited for it."""
        stream, liveness = self._stream, self._liveness
        self._allowed_s = deadline = self._deadlines.deadline_s(op, size)
        pause = min(_LONGEST_PAUSE_S, deadline / 4)
        busy_before = deaf_since = None
        partial_before = 0
        while True:
            stream.wait(pause)
            now = time.monotonic()
            waited_s = now - self._turn
            if stream.lines:
                self._turn = now
                return waited_s
            if stream.eof:
                raise liveness.death()
            if stream.partial_bytes >= self.frame_bytes:
                raise self._too_long(stream.partial_bytes)
            liveness.watch_memory(now)
            if stream.deaf:
                deaf_since = deaf_since or now
                if (fault := liveness.deafness(deaf_since, now)) is not None:
                    raise fault
            if waited_s <= deadline:
                continue
            if busy_before is None:
                busy_before, partial_before = liveness.busy_s(), stream.partial_bytes
            if waited_s > deadline * (1 + self._settings.grace):
                writes = stream.partial_bytes > partial_before
                self._hang(
                    op, waited_s, liveness.busy_s() - busy_before, deadline * self._settings.grace, writes=writes
                )

    def _hang(self, op: str, waited_s: float, busy_s: float, grace_s: float, *, writes: bool) -> NoReturn:
        self.hung = True
        self._deadlines.note_hang(op)
        if writes:  # it would go on when provoked, too: slow, and not stuck in a buffer
            raise self._liveness.slowness(op, waited_s)
        if len(self._unanswered) == 1 and busy_s < grace_s / 2:
            ping = encode_request(next(self._seqs), "ping", {})
            self._liveness.provoke(op, self._unanswered[0][2], ping, first=not self._answered)
        raise self._liveness.silence(op, waited_s, busy_s, grace_s)

    def _late(self, op: str, waited_s: float, line: bytes, index: int) -> SubjectFault:
        words = f"{op} was answered after {waited_s:.3g} s, allowed are {self._allowed_s:.3g} s"
        return SubjectFault("late", f"{words}: {printable(line)}", None, index)

    def _look_at_size(self, line: bytes) -> None:
        """Take no more in than there is room for; raises SubjectFault ``memory``.

        Spec: :rule:`suite.bounds.each`.
        """
        self._held_bytes += len(line)
        values = line.count(b",")
        if values <= _MOST_VALUES and self._held_bytes <= _MOST_HELD:
            return
        self._liveness.end()
        if values > _MOST_VALUES:
            raise SubjectFault("memory", f"a reply with {values} values, there is room for {_MOST_VALUES}")
        raise SubjectFault("memory", f"replies of {self._held_bytes} bytes to requests asked together")

    def _too_long(self, size: int) -> ProtocolFault:
        return ProtocolFault("harness.frame.limit", f"a line of {size} bytes or more, allowed are {self.frame_bytes}")

    def _wrong_seq(self, got: int, due: int, line: bytes) -> NoReturn:
        """Distinguish a line too many (all due replies are received as well) from a reply with a wrong number."""
        is_due_later = any(got == seq for _, _, seq in self._unanswered)
        if not is_due_later and self._liveness.lines_come(len(self._unanswered)):
            what = "a request was answered twice" if got in self._answered else "nobody asked"
            raise ProtocolFault("harness.reply.one", f"{what}: {printable(line)}")
        raise ProtocolFault("harness.reply.order", f"seq {due} is due, got {printable(line)}")
