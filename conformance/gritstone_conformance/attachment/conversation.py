"""The conversation with one process or connection, from its first request to its end.

This module matches replies with requests and checks deadlines. ``liveness`` classifies a missing reply; ``protocol``
checks the content of a line.

- The time of a request starts when it becomes the oldest unanswered one; only that request can be late or hang.
- ``late``: the reply arrived after the deadline and within the grace. It is a fault, and the conversation continues.
- Every other fault ends the process and the conversation. The oldest unanswered request is blamed.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NoReturn, TypeAlias

from gritstone_conformance.attachment.deadlines import Deadlines
from gritstone_conformance.attachment.liveness import Endpoint, Liveness
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
"""The reply to one request, or the fault that replaced it."""

AnswerCallback: TypeAlias = Callable[[Request, Answer], bool]
"""Receives a request and its answer; returns whether to wait for further answers."""

_IN_FLIGHT_BYTES: Final = 1 << 20  # of unanswered requests, after the first
_LONGEST_PAUSE_S: Final = 0.25
_REMEMBERED: Final = 1024  # answered requests whose seq is stored
_MOST_HELD: Final = 128 << 20  # bytes of the replies to one batch of requests
_MOST_VALUES: Final = 1_000_000  # in one reply, counted by its commas
_LONG_LINE: Final = 1 << 20  # bytes; a shorter line cannot have too many values


def _continue(_request: Request, _answer: Answer) -> bool:
    return True


class Conversation:
    """The requests to one process and their replies.

    Attributes:
        over: whether it has ended; no further request can be sent.
        hung: whether it ended because a reply did not arrive within its grace, for any cause.
        window: how many requests may be unanswered; 1 before the reply to hello.
        frame_bytes: the longest line, including its LF.
    """

    def __init__(
        self,
        channel: Endpoint,
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

    def exchange(self, requests: Sequence[Request], on_answer: AnswerCallback = _continue) -> list[Answer]:
        """Send requests, pipelined, and return their answers in order.

        If the conversation ends early, the list is shorter than ``requests``: its last item is then the fault of the
        blamed request, and the requests after it have no answer.

        Args:
            requests: the requests.
            on_answer: called with each answer as it arrives; if it returns False, the process is killed.

        Raises:
            DataError: a request is longer than ``frame_bytes``, which is a fault of the suite.
        """
        answers: list[Answer] = []
        self._held_bytes = 0
        try:
            self._expect_silence(poll=len(requests) > 1)
            self._converse(requests, answers, on_answer)
        except ProtocolFault as fault:
            self._liveness.end()
            answers.append(self._broken(fault.cause, fault.detail, fault.rule, len(answers)))
        except SubjectFault as fault:
            answers.append(self._broken(fault.cause, fault.detail, fault.rule, len(answers)))
        except BaseException:  # interrupted: the pending replies would be matched with the wrong requests
            self.kill()
            raise
        return answers

    def finish(self, how: str) -> SubjectFault | None:
        """Wait for the process to end; return the fault if it does not end as required.

        Args:
            how: ``bye`` after an answered bye, or ``eof`` to close the input now.

        Spec: :rule:`harness.process.ends`.
        """
        self.over = True
        if how == "eof":
            self._stream.stop_writing()
            self.channel.end_input()
        return self._liveness.departure(how)

    def kill(self) -> str:
        """Kill the process; return how it ended."""
        self.over = True
        return self.channel.kill()

    @property
    def log_bytes(self) -> int:
        """How many bytes were received from standard error."""
        return self._stream.log.total

    def log(self) -> bytes:
        """Return the last 64 KiB of standard error."""
        return self._stream.log.read()

    def _broken(self, cause: str, detail: str, rule: str | None, index: int) -> SubjectFault:
        self.over = True
        return SubjectFault(cause, detail, rule, index)

    def _expect_silence(self, *, poll: bool) -> None:
        """Raise ProtocolFault if a line was received although no request is unanswered.

        For a single request there is no poll: an unexpected line is then received before its reply and has another seq.
        """
        stream = self._stream
        if poll:
            stream.wait(0)
        if stream.lines:
            if not self._answered:
                parse_reply(stream.lines[0], first=True)  # distinguishes a banner from an unexpected reply
            raise ProtocolFault("harness.reply.one", f"a line without a request: {printable(stream.lines[0])}")
        self._turn = time.monotonic()
        self._liveness.watch_memory(self._turn)

    def _converse(self, requests: Sequence[Request], answers: list[Answer], on_answer: AnswerCallback) -> None:
        unanswered, lines, total, sent = self._unanswered, self._stream.lines, len(requests), 0
        while len(answers) < total:
            if sent < total and 2 * len(unanswered) <= self.window:
                sent = self._send(requests, sent)
            op, size, seq = unanswered[0]
            waited_s = 0.0 if lines else self._await_line(op, size)
            line = lines.popleft()
            if len(line) >= self.frame_bytes:
                raise self._too_long(len(line) + 1)
            if len(line) > _LONG_LINE:
                self._check_size(line)
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
            if not on_answer(requests[len(answers) - 1], answers[-1]):
                self.kill()
                return

    def _send(self, requests: Sequence[Request], sent: int) -> int:
        batch = []
        while sent < len(requests) and len(self._unanswered) < self.window:
            op, args = requests[sent]
            seq = next(self._seqs)
            line = encode_request(seq, op, args)
            if len(line) > self.frame_bytes:
                raise DataError(f"the {op} request has {len(line)} bytes, frame_bytes is {self.frame_bytes}")
            batch.append(line)
            self._unanswered.append((op, len(line), seq))
            self._in_flight_bytes += len(line)
            sent += 1
            if self._in_flight_bytes >= _IN_FLIGHT_BYTES:
                break
        self._stream.send(b"".join(batch))
        return sent

    def _await_line(self, op: str, size: int) -> float:
        """Wait for at least one line; return how many seconds the oldest request waited for it."""
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
        if writes:  # still writing, so the reply is slow and not held back in a buffer
            raise self._liveness.slowness(op, waited_s)
        if len(self._unanswered) == 1 and busy_s < grace_s / 2:
            ping = encode_request(next(self._seqs), "ping", {})
            self._liveness.provoke(op, self._unanswered[0][2], ping, first=not self._answered)
        raise self._liveness.silence(op, waited_s, busy_s, grace_s)

    def _late(self, op: str, waited_s: float, line: bytes, index: int) -> SubjectFault:
        words = f"{op} was answered after {waited_s:.3g} s, its deadline is {self._allowed_s:.3g} s"
        return SubjectFault("late", f"{words}: {printable(line)}", None, index)

    def _check_size(self, line: bytes) -> None:
        """Raise SubjectFault ``memory`` if the replies have too many values or bytes.

        Spec: :rule:`suite.bounds.each`.
        """
        self._held_bytes += len(line)
        values = line.count(b",")
        if values <= _MOST_VALUES and self._held_bytes <= _MOST_HELD:
            return
        self._liveness.end()
        if values > _MOST_VALUES:
            raise SubjectFault("memory", f"a reply has {values} values, the limit is {_MOST_VALUES}")
        words = f"the replies to one batch of requests have {self._held_bytes} bytes, the limit is {_MOST_HELD}"
        raise SubjectFault("memory", words)

    def _too_long(self, size: int) -> ProtocolFault:
        words = f"a line of at least {size} bytes, the limit is {self.frame_bytes}"
        return ProtocolFault("harness.frame.limit", words)

    def _wrong_seq(self, got: int, due: int, line: bytes) -> NoReturn:
        """Distinguish an additional line (all expected replies arrive as well) from a reply with a wrong seq."""
        is_due_later = any(got == seq for _, _, seq in self._unanswered)
        if not is_due_later and self._liveness.receives(len(self._unanswered)):
            what = "a request was answered twice" if got in self._answered else "a reply without a request"
            raise ProtocolFault("harness.reply.one", f"{what}: {printable(line)}")
        raise ProtocolFault("harness.reply.order", f"expected seq {due}, got {printable(line)}")
