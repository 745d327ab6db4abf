"""The ledger: counts of one run over all its cases and processes.

``ObservedSubject`` wraps a subject. It counts requests, raises an error for operations that a connection cannot do, and
stops sending to an implementation that has answered nothing but ``hello``. When the watches are judged, the faults of
the run are read from the subject, whether a case met them or not.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Final, Protocol, Self

from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.replies import Claims, Json, Reply
from gritstone_conformance.running.request_history import RequestHistory
from gritstone_conformance.running.shrinking import Shrinking
from gritstone_conformance.trial import SubjectLike

__all__ = ["Answer", "CannotRestartError", "Ledger", "ObservedSubject", "RunSubject", "SearchTimeOverError"]

_HUNG_WITHOUT_ANY_REPLY: Final = 3  # each takes deadline, grace and kill: 17 s
_MOST_EXPLAINED: Final = 40  # each starts a process

Answer = Reply | SubjectFault


class RunSubject(SubjectLike, Protocol):
    """The interface of a subject that a run uses in addition to ``SubjectLike``; implemented by ``subject.Subject``."""

    @property
    def faults(self) -> list[SubjectFault]:
        """All faults so far, of this process and all related ones."""

    @property
    def strays(self) -> list[SubjectFault]:
        """The faults of processes that left the group of the process that started them."""

    @property
    def log_bytes(self) -> int:
        """How many bytes all processes wrote to standard error."""

    @property
    def deaths(self) -> int:
        """How many processes, this one and all related ones, ended by SIGKILL before the suite ended them."""

    @property
    def restarts(self) -> int:
        """How many processes replaced one that broke."""

    @property
    def attached(self) -> bool:
        """Whether it is a connection, which can be neither killed nor started again."""

    def ask_each(self, requests: Sequence[tuple[str, dict[str, Json]]]) -> list[Answer]:
        """Send requests pipelined; return replies and faults in order, up to the fault that ended the process."""

    def unsent(self, op: str) -> SubjectFault | None:
        """Return the fault of the requests of an operation that is not sent any more, or None."""

    def allow_guests(self, seconds: float) -> None:
        """Extend the deadline of each later transition and query by this number of seconds."""

    def spawn(self) -> Self:
        """Start another process of the same command."""

    def apart(self) -> Self:
        """Start another process whose faults do not count for the run."""

    def hurry(self, *, on: bool) -> None:
        """Shorten the deadlines of operations that hung before, or restore the full ones."""


class CannotRestartError(BaseException):
    """A case needs a fresh process, and the subject is a connection; not an Exception, so Hypothesis ignores it."""


class SearchTimeOverError(BaseException):
    """The time of a search ended within an example; not an Exception, so Hypothesis ignores it."""


@dataclass(slots=True)
class Ledger:
    """Counts over all processes of a run.

    Attributes:
        requests: how many requests were sent.
        replies: how many were answered, without faults.
        hung: how many hung.
        looked_into: the kinds of fault whose cause was searched for.
        looking_s: the duration of these searches in seconds.
        shrinking: the time spent on shrinking.
        until: the end of the search, after which no request is sent.
        explained: the kinds of failure whose objects were compared.
        imports: whether the implementation supports ``grit.import``; None: not tested.
        failed_alone: the rules of which a failure recurred alone in a new process.
        state_searches: how many searches for earlier cases that cause a failure were made.
        shares_state: whether such a search succeeded.
    """

    requests: int = 0
    replies: int = 0
    hung: int = 0
    looked_into: list[str] = field(default_factory=list)
    looking_s: float = 0.0
    shrinking: Shrinking = field(default_factory=Shrinking)
    until: float = math.inf
    explained: set[object] = field(default_factory=set)
    imports: bool | None = None
    failed_alone: set[str] = field(default_factory=set)
    state_searches: int = 0
    shares_state: bool = False
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    def note(self, answers: Sequence[Answer]) -> None:
        """Count answers; thread-safe."""
        sent = [answer for answer in answers if not isinstance(answer, SubjectFault) or answer.sent]
        faults = [answer for answer in sent if isinstance(answer, SubjectFault)]
        with self._lock:
            self.requests += len(sent)
            self.replies += len(sent) - len(faults)
            self.hung += sum(1 for fault in faults if fault.cause.startswith("hung:"))

    def may_explain(self, kind: object) -> bool:
        """Return whether to compare the objects of a failure of this kind: once for each kind, up to 40 kinds."""
        new = kind not in self.explained and len(self.explained) < _MOST_EXPLAINED
        self.explained.add(kind)
        return new

    @property
    def judged(self) -> int:
        """How many answers were judged, replies and faults; 0 if there was no reply.

        Replies alone are not counted, because the number of replies before a kill depends on timing.
        """
        return self.requests if self.replies else 0

    @property
    def closed_because(self) -> str | None:
        """Why no further request is sent, or None; the breaker of the subject has further reasons."""
        if self.replies == 0 and self.hung >= _HUNG_WITHOUT_ANY_REPLY:
            return f"{self.hung} requests hung, and only hello was ever answered"
        return None


class ObservedSubject:
    """A subject whose requests are counted; implements ``SubjectLike``.

    Attributes:
        history: the requests to its process.
    """

    def __init__(self, subject: RunSubject, ledger: Ledger) -> None:
        self.subject = subject
        self.claims: Claims = subject.claims
        self.ledger = ledger
        self.history = RequestHistory()
        self._companion: ObservedSubject | None = None

    def ask(self, op: str, args: dict[str, Json]) -> Reply:
        """Send one request; see :class:`~gritstone_conformance.trial.SubjectLike`."""
        return self.ask_many([(op, args)])[0]

    def ask_many(self, requests: Sequence[tuple[str, dict[str, Json]]]) -> list[Reply]:
        """Send several requests pipelined; raises the first fault."""
        replies: list[Reply] = []
        for answer in self.ask_each(requests):
            if isinstance(answer, SubjectFault):
                raise answer
            replies.append(answer)
        return replies

    def ask_each(self, requests: Sequence[tuple[str, dict[str, Json]]]) -> list[Answer]:
        """Send several requests pipelined; return replies and faults in order, up to the fault that ended the process.

        Raises:
            SearchTimeOverError: the time of the search is over.
        """
        if time.monotonic() >= self.ledger.until:
            raise SearchTimeOverError
        reason = self.ledger.closed_because
        if reason is not None:
            return [SubjectFault("not-run", reason)]
        answers = self.subject.ask_each(requests)
        self.ledger.note(answers)
        if answers and isinstance(answers[-1], SubjectFault) and (answers[-1].cause != "late" or not answers[-1].sent):
            self.history.end()
        return answers

    def unsent(self, op: str) -> SubjectFault | None:
        """Return the fault of the requests of an operation that is not sent any more, or None."""
        return self.subject.unsent(op)

    def spawn(self) -> ObservedSubject:
        """Start another process of the same command."""
        if self.subject.attached:
            raise CannotRestartError
        return ObservedSubject(self.subject.spawn(), self.ledger)

    def companion(self) -> ObservedSubject:
        """Return another process of the same command that stays until this one is closed; the first call starts it."""
        if self._companion is None:
            self._companion = self.spawn()
        return self._companion

    def apart(self) -> ObservedSubject:
        """Start another process whose faults and requests do not count for the run, to search for a cause."""
        if self.subject.attached:
            raise CannotRestartError
        return ObservedSubject(self.subject.apart(), Ledger())

    def hurry(self, *, on: bool) -> None:
        """Shorten the deadlines of operations that hung before, or restore the full ones."""
        self.subject.hurry(on=on)

    def allow_guests(self, seconds: float) -> None:
        """Extend the deadline of each later transition and query by this number of seconds."""
        self.subject.allow_guests(seconds)

    def kill(self) -> None:
        """Kill the process; the next request starts a fresh process."""
        if self.subject.attached:
            raise CannotRestartError
        self.history.end()
        self.subject.kill()

    def kill_from_thread(self) -> None:
        """Kill the process from another thread during an exchange, which then returns a fault."""
        self.history.end()
        self.subject.kill_from_thread()

    def refresh(self) -> None:
        """Make the next request start a fresh process, or use a new connection."""
        self.history.end()
        self.subject.kill()

    def close(self) -> None:
        """Send bye and wait for the process to end, and for its companion."""
        if self._companion is not None:
            self._companion.close()
        self.subject.close()

    def peak_rss_bytes(self) -> int | None:
        """Return the peak resident size since the last reset, in bytes."""
        return self.subject.peak_rss_bytes()

    def reset_peak_rss(self) -> bool:
        """Reset the peak."""
        return self.subject.reset_peak_rss()

    def cpu_seconds(self) -> float | None:
        """Return the seconds of processor time used so far."""
        return self.subject.cpu_seconds()

    def queued_seconds(self) -> float | None:
        """Return the seconds during which it waited for a processor so far."""
        return self.subject.queued_seconds()
