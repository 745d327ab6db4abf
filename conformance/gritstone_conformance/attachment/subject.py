"""The implementation under test: it answers requests, over one or several processes.

This module starts and restarts processes (or connections), sends ``hello`` to each, records faults, and stops sending
requests after too many of them. ``conversation`` exchanges lines with one process. Whether an answer is right is not
checked in this package.

:meth:`Subject.ask_each` never raises an exception for a fault of the implementation. It returns one answer per request
until the process breaks; the last item is then the fault of the blamed request, and the requests after it can be sent
again to a fresh process. All faults, whether or not they affect a case, are in :attr:`Subject.faults`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gritstone_conformance.attachment import procfs
from gritstone_conformance.attachment.breaker import Breaker
from gritstone_conformance.attachment.claims import Hello, is_claimed, read_hello
from gritstone_conformance.attachment.conversation import Answer, Conversation, Request
from gritstone_conformance.attachment.deadlines import Deadlines
from gritstone_conformance.attachment.disguise import disguised
from gritstone_conformance.attachment.liveness import Endpoint
from gritstone_conformance.attachment.settings import AttachSettings
from gritstone_conformance.attachment.shared_state import SharedState
from gritstone_conformance.errors import SubjectFault, UsageError
from gritstone_conformance.replies import Claims, Json, Ok, Refused, Reply, Trouble, Unsupported, WrongShape
from gritstone_conformance.text import printable

__all__ = ["Opener", "Subject"]


class Opener(Protocol):
    """A command or an address."""

    def open(self) -> Endpoint:
        """Start the command, or connect to the address; raises UsageError."""


class Subject:
    """An implementation that has answered hello.

    Attributes:
        claims: the claims of its first hello.
        notes: notes for the user about that hello.
        attached: whether it is a connection, which can be neither killed nor started again.
    """

    def __init__(self, opener: Opener, settings: AttachSettings, shared: SharedState | None = None) -> None:
        self._opener = opener
        self._settings = settings
        self._shared = shared if shared is not None else SharedState(settings)
        self._breaker = Breaker(settings.hellos)
        self._conversation: Conversation | None = None
        self._log_noted = 0  # bytes of its standard error that are counted in the shared state
        self._ended_by_suite = False  # the suite ended the last process: starting the next one is not a restart
        hello = self._begin()
        self.claims: Claims = hello.claims
        self.notes: tuple[str, ...] = hello.notes
        self.attached: bool = self._ready().channel.attached

    @property
    def faults(self) -> list[SubjectFault]:
        """All faults so far, of this process and all related ones, in order."""
        return self._shared.faults

    @property
    def strays(self) -> list[SubjectFault]:
        """The faults of processes that left the group of the process that started them.

        Spec: :rule:`harness.process.group`.
        """
        self._note_end()
        return self._shared.strays

    @property
    def log_bytes(self) -> int:
        """How many bytes this process and all related ended ones wrote to standard error."""
        self._note_end()
        return self._shared.log_bytes

    def _note_end(self) -> None:
        """Record the log size and the strays of the last process, once."""
        if self._conversation is not None:
            self._shared.log_bytes += self._conversation.log_bytes - self._log_noted
            self._log_noted = self._conversation.log_bytes
        if self._conversation is not None and (count := self._conversation.channel.strays):
            detail = f"{count} processes had left the process group when it was ended"
            self._shared.strays.append(SubjectFault("protocol:process.group", detail, "harness.process.group"))
            self._conversation.channel.strays = 0

    @property
    def deaths(self) -> int:
        """How many processes, this one and all related ones, ended by SIGKILL before the suite ended them.

        Spec: :rule:`suite.fault.landed`.
        """
        return self._shared.deaths

    @property
    def restarts(self) -> int:
        """How many processes replaced one that broke; deliberate kills do not count."""
        return self._breaker.restarts

    @property
    def given_up(self) -> str | None:
        """Why no further request is sent (the breaker is open), or None."""
        return self._breaker.reason

    @property
    def opener(self) -> Opener:
        """The command or the address."""
        return self._opener

    @property
    def settings(self) -> AttachSettings:
        """The seed, the deadlines and the limits of its processes."""
        return self._settings

    @property
    def deadlines(self) -> Deadlines:
        """The deadlines; set its ``shortened`` while a failure is being shrunk."""
        return self._shared.deadlines

    def allow_guests(self, seconds: float) -> None:
        """Extend the deadline of each later transition and query by this number of seconds; see :class:`Deadlines`."""
        self.deadlines.guest_s = seconds

    def ask(self, op: str, args: dict[str, Json]) -> Reply:
        """Send one request and return its reply.

        Raises:
            SubjectFault: the reply is late, missing or malformed, the process has ended or uses too much memory, or
                no further request is sent.
        """
        answer = self.ask_each([(op, args)])[0]
        if isinstance(answer, SubjectFault):
            raise answer
        return answer

    def ask_many(self, requests: Sequence[Request]) -> list[Reply]:
        """Send requests pipelined within the window and return their replies in order.

        Raises:
            SubjectFault: the first fault; its ``request`` is the index of the blamed request.
        """
        replies: list[Reply] = []
        for answer in self.ask_each(requests):
            if isinstance(answer, SubjectFault):
                raise answer
            replies.append(answer)
        return replies

    def ask_each(self, requests: Sequence[Request]) -> list[Answer]:
        """Send requests pipelined within the window and return the answer to each.

        Returns:
            Replies and faults in order. After ``late`` the process continues, unless the breaker opens. Every other
            fault ends the process and is the last item; the requests after it have no answer and may be sent again.
        """
        refused = next((at for at, (op, _) in enumerate(requests) if op in self._breaker.given_up), None)
        if refused is None:
            return self._exchange(requests)
        answers = self._exchange(requests[:refused]) if refused else []
        fault = self.unsent(requests[refused][0])
        has_broken = bool(answers) and isinstance(answers[-1], SubjectFault) and answers[-1].cause != "late"
        if fault is not None and len(answers) == refused and not has_broken:
            fault.request = refused
            answers.append(fault)
            self.kill()  # as after other faults, nothing is left of what the requests before it made
        return answers

    def unsent(self, op: str) -> SubjectFault | None:
        """Return the fault of the requests of an operation that is not sent any more, or None."""
        return self._breaker.unsent(op)

    def _exchange(self, requests: Sequence[Request]) -> list[Answer]:
        try:
            conversation = self._ready()
        except SubjectFault as fault:
            return [fault]
        answers = conversation.exchange(self._sent(requests), self._on_answer)
        if conversation.over and answers and isinstance(answers[-1], SubjectFault) and answers[-1].cause != "late":
            self._note_end_of_process(requests[len(answers) - 1][0], answers[-1], hung=conversation.hung)
        if answers and requests[len(answers) - 1][0] == "bye" and isinstance(answers[-1], Ok):
            self._finish(conversation, "bye")
        return answers

    def _note_end_of_process(self, op: str, fault: SubjectFault, *, hung: bool) -> None:
        self.faults.append(fault)
        self._shared.deaths += fault.is_sigkill
        if hung:
            self._breaker.note_silence(op, fault)
        else:
            self._breaker.note_death(op, fault)

    def _sent(self, requests: Sequence[Request]) -> Sequence[Request]:
        """Return the requests as they are sent: in a blind run with other handles."""
        if not self._settings.blind:
            return requests
        return [(op, disguised(self._settings.seed, args)) for op, args in requests]

    def kill(self) -> None:
        """SIGKILL the process group now; the next request starts a fresh process."""
        if self._conversation is not None:
            was_alive = not self._conversation.over
            end = SubjectFault(f"dead:{self._conversation.kill()}", "")
            self._shared.deaths += was_alive and end.is_sigkill
            self._ended_by_suite = True
            self._note_end()

    def kill_from_thread(self) -> None:
        """SIGKILL the process group from another thread; the thread that waits for answers then gets a fault."""
        if self._conversation is not None:
            self._conversation.channel.kill_from_thread()

    def close(self) -> None:
        """Send bye, wait for the process to end, and kill the rest of its group; faults are added to :attr:`faults`.

        Spec: :rule:`harness.process.ends`.
        """
        if self._conversation is not None and not self._conversation.over:
            self.ask_each([("bye", {})])
        self.kill()

    def end_input(self) -> SubjectFault | None:
        """Close the input of the process instead of sending bye; return the fault if it does not end correctly.

        Spec: :rule:`harness.process.ends`.
        """
        return self._finish(self._ready(), "eof")

    def spawn(self, opener: Opener | None = None) -> Subject:
        """Start another process of the same command (or of ``opener``); it shares faults and trace.

        Raises:
            SubjectFault: it does not answer hello, or no further request is sent to this one.
        """
        if self._breaker.reason is not None:
            raise SubjectFault("not-run", self._breaker.reason)
        return Subject(opener or self._opener, self._settings, self._shared)

    def apart(self) -> Subject:
        """Start another process of the same command with its own faults, deadlines and restarts.

        Raises:
            SubjectFault: it does not answer hello.
        """
        return Subject(self._opener, self._settings)

    def hurry(self, *, on: bool) -> None:
        """Shorten the deadlines of operations that hung before, or restore the full ones; see :class:`Deadlines`."""
        self.deadlines.shortened = on

    def peak_rss_bytes(self) -> int | None:
        """Return the peak resident size in bytes since the last reset, or None if it cannot be read."""
        pid = self._ready().channel.pid
        return procfs.peak_rss_bytes(pid) if pid is not None else None

    def reset_peak_rss(self) -> bool:
        """Reset the peak; return whether this machine supports that."""
        pid = self._ready().channel.pid
        return pid is not None and procfs.reset_peak_rss(pid)

    def cpu_seconds(self) -> float | None:
        """Return the seconds of processor time used so far, or None if it cannot be read."""
        pid = self._ready().channel.pid
        return procfs.cpu_seconds(pid) if pid is not None else None

    def queued_seconds(self) -> float | None:
        """Return the seconds during which it waited for a processor so far, or None if they cannot be read."""
        pid = self._ready().channel.pid
        return procfs.queued_seconds(pid) if pid is not None else None

    def leader(self) -> int | None:
        """Return the id of the leader of the process group, or None for a connection."""
        return self._ready().channel.pid

    def log(self) -> bytes:
        """Return the last 64 KiB of the standard error of the last process."""
        return self._conversation.log() if self._conversation is not None else b""

    def _ready(self) -> Conversation:
        """Return an open conversation; start a process if there is none."""
        if self._breaker.reason is not None:
            raise SubjectFault("not-run", self._breaker.reason)
        conversation = self._conversation
        if conversation is None or conversation.over:
            if conversation is not None and not self._ended_by_suite:
                self._breaker.note_restart()
            self._begin()
            conversation = self._conversation
            assert conversation is not None
        return conversation

    def _begin(self) -> Hello:
        """Start a process and send hello; try again if it fails, and raise the first SubjectFault."""
        first: SubjectFault | None = None
        while True:
            try:
                hello = self._greet()
            except SubjectFault as fault:
                self.kill()
                self.faults.append(fault)
                first = first or fault
                self._breaker.note_hello(good=False)
                if self._breaker.reason is not None:
                    raise first from None
            else:
                self._breaker.note_hello(good=True)
                return hello

    def _greet(self) -> Hello:
        conversation = Conversation(
            self._open(), self._settings, self._shared.deadlines, self._shared.seqs(), self._shared.trace
        )
        self._note_end()
        self._conversation, self._ended_by_suite, self._log_noted = conversation, False, 0
        answer = conversation.exchange([("hello", self._settings.hello_args())])[0]
        match answer:
            case SubjectFault():
                raise answer
            case Ok(value=value) | WrongShape(value=value):
                hello = read_hello(value, self._settings)
            case Refused(kind=kind, message=message):
                raise SubjectFault("adapter", printable(f"hello was refused: {kind} {message or ''}".strip(), 400))
            case Unsupported():
                raise SubjectFault("protocol:hello.any-time", "hello is unsupported", "harness.hello.any-time")
            case Trouble(message=message):
                raise SubjectFault("adapter", printable(f"hello was answered with an error: {message}", 400))
        self._compare_hello(hello)
        conversation.window = hello.claims.limits["window"]
        conversation.frame_bytes = hello.claims.limits["frame_bytes"]
        return hello

    def _open(self) -> Endpoint:
        try:
            return self._opener.open()
        except UsageError as problem:
            if self._shared.hello is None:
                raise
            # the first start succeeded, so this is a fault of the implementation
            raise SubjectFault("dead:closed", str(problem)) from problem

    def _compare_hello(self, hello: Hello) -> None:
        before, self._shared.hello = self._shared.hello, self._shared.hello or hello.claims.raw
        if before is None:
            self.faults.extend(hello.breaches)
        elif before != hello.claims.raw:
            changed = sorted(name for name in before.keys() | hello.claims.raw.keys() if _differs(name, before, hello))
            detail = f"another process answered hello with different values of {', '.join(changed)}"
            self.faults.append(SubjectFault("protocol:hello.stable", detail, "harness.hello.stable"))

    def _on_answer(self, request: Request, answer: Answer) -> bool:
        """Record one answer; return whether to wait for further ones."""
        if type(answer) is Ok or type(answer) is Refused:
            self._breaker.note_reply(request[0])
        else:
            self._note(request, answer)
        may_go_on = self._breaker.reason is None and request[0] not in self._breaker.given_up
        self._ended_by_suite = self._ended_by_suite or not may_go_on
        return may_go_on

    def _note(self, request: Request, answer: Answer) -> None:
        op, args = request
        if isinstance(answer, SubjectFault):
            self.faults.append(answer)
            self._breaker.note_silence(op, answer)
            return
        self._breaker.note_reply(op)
        if isinstance(answer, Unsupported) and is_claimed(op, args, self.claims):
            detail = printable(f"{op} is claimed, but was answered with unsupported: {answer.feature}", 400)
            self.faults.append(SubjectFault("protocol:hello.honest", detail, "harness.hello.honest"))

    def _finish(self, conversation: Conversation, how: str) -> SubjectFault | None:
        fault = conversation.finish(how)
        if fault is not None:
            self.faults.append(fault)
        self._ended_by_suite = True
        return fault


def _differs(name: str, before: dict[str, Json], hello: Hello) -> bool:
    return before.get(name) != hello.claims.raw.get(name)
