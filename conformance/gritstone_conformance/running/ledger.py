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
    """What a run needs of a subject beyond what a trial needs; ``subject.Subject`` is the real one."""

    @property
    def faults(self) -> list[SubjectFault]:
        """Everything that broke so far, in this process and all related ones."""

    @property
    def strays(self) -> list[SubjectFault]:
        """The processes that were found outside the group of the process that started them."""

    @property
    def log_bytes(self) -> int:
        """Return how many bytes were received over standard error of all processes."""

    @property
    def deaths(self) -> int:
        """How many processes, this one and all related ones, ended by SIGKILL while they were to be asked."""

    @property
    def restarts(self) -> int:
        """Processes started in place of one that broke."""

    @property
    def attached(self) -> bool:
        """Whether it can be neither killed nor started again."""

    def ask_each(self, requests: Sequence[tuple[str, dict[str, Json]]]) -> list[Answer]:
        """Send requests pipelined; returns replies and faults in order, cut off after the fault that ended it."""

    def allow_guests(self, seconds: float) -> None:
        """Extend the deadline of each later transition and query by this number of seconds."""

    def spawn(self) -> Self:
        """Start another process of the same command."""

    def apart(self) -> Self:
        """Start another process whose faults count for nothing."""

    def hurry(self, *, on: bool) -> None:
        """Shorten the deadlines of operations that hung before, or restore the full ones."""


class CannotRestartError(BaseException):
    """A case needs a fresh process and the implementation was attached; no Exception, so that engines let it pass."""


class SearchTimeOverError(BaseException):
    """The span of a search is over in the middle of an example; no Exception, so that engines let it pass."""


@dataclass(slots=True)
class Ledger:
    """Counts over all processes of a run.

    Attributes:
        requests: how many requests were sent.
        replies: how many were answered, faults not counted.
        hung: how many hung.
        looked_into: kinds of fault whose causes were looked for.
        looking_s: the seconds that took.
        shrinking: what was spent on shrinking.
        until: when nothing more may be asked, since the span of a search is over.
        explained: kinds of failure whose objects were compared.
        imports: whether ``grit.import`` is carried out, as far as that was asked.
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
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

    def note(self, answers: Sequence[Answer]) -> None:
        """Count answers; several threads may do so at once."""
        faults = [answer for answer in answers if isinstance(answer, SubjectFault)]
        with self._lock:
            self.requests += len(answers)
            self.replies += len(answers) - len(faults)
            self.hung += sum(1 for fault in faults if fault.cause.startswith("hung:"))

    def may_explain(self, kind: object) -> bool:
        """Return whether the objects of a failure of this kind are to be compared: once each, and for few kinds."""
        new = kind not in self.explained and len(self.explained) < _MOST_EXPLAINED
        self.explained.add(kind)
        return new

    @property
    def judged(self) -> int:
        """Return how many lines there were to judge: replies and what was received instead; 0 without any answer.

        Replies alone would not do: how many of them a process still gives when it is killed is a matter of luck.
        """
        return self.requests if self.replies else 0

    @property
    def closed_because(self) -> str | None:
        """Why nothing more is asked, or None; the subject has further reasons of its own."""
        if self.replies == 0 and self.hung >= _HUNG_WITHOUT_ANY_REPLY:
            return f"{self.hung} requests hung and none but hello was ever answered"
        return None


class ObservedSubject:
    """A subject whose requests are counted; itself a ``SubjectLike``.

    Attributes:
        past: what its process was asked.
    """

    def __init__(self, subject: RunSubject, ledger: Ledger) -> None:
        self.subject = subject
        self.claims: Claims = subject.claims
        self.ledger = ledger
        self.history = RequestHistory()

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
        """Send several requests pipelined; returns what became of each, cut off after the fault that ended it.

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
        if answers and isinstance(answers[-1], SubjectFault) and answers[-1].cause != "late":
            self.history.end()
        return answers

    def spawn(self) -> ObservedSubject:
        """Start another process of the same command."""
        if self.subject.attached:
            raise CannotRestartError
        return ObservedSubject(self.subject.spawn(), self.ledger)

    def apart(self) -> ObservedSubject:
        """Start another process whose faults and requests count for nothing: to look into a fault."""
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
        """Kill the process; the next request starts a fresh one."""
        if self.subject.attached:
            raise CannotRestartError
        self.history.end()
        self.subject.kill()

    def kill_from_thread(self) -> None:
        """Kill the process under an exchange, from another thread; the exchange then reports its death."""
        self.history.end()
        self.subject.kill_from_thread()

    def refresh(self) -> None:
        """Make the next request start a fresh process, or use a new connection."""
        self.history.end()
        self.subject.kill()

    def close(self) -> None:
        """Send bye and wait for the process to end."""
        self.subject.close()

    def peak_rss_bytes(self) -> int | None:
        """Return the peak resident size since the last reset, in bytes."""
        return self.subject.peak_rss_bytes()

    def reset_peak_rss(self) -> bool:
        """Start a new peak."""
        return self.subject.reset_peak_rss()

    def cpu_seconds(self) -> float | None:
        """Return the seconds of processor time that it has used so far."""
        return self.subject.cpu_seconds()
