"""Blame: the search for the earlier requests that are needed to reproduce a crash or a hang.

If a case breaks a fresh process alone, no earlier request is needed. Otherwise, all requests of the broken process are
sent again to a fresh process. If the case breaks that process, a binary search removes the requests that are not
needed: first cases, then single requests. A fault that does not occur again is reported as unreproduced.

The processes of this search do not count for the run: their faults are not seen by watches, and their restarts not by
the breaker, so no other verdict depends on them. A search starts at most 2 log2 n + 8 processes for n cases, and as
many for n requests, and stops removing requests after 30 seconds. A run has at most eight searches, and starts none
after two minutes of searching. During a search, operations that hung have the shortened deadline of shrinking; the
result is confirmed at the full deadline.

Spec: :rule:`suite.crash.blamed`.
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, TypeVar

from gritstone_conformance.cases import Case, CaseStep
from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.planning.plan import Planned
from gritstone_conformance.running.joined_cases import joined
from gritstone_conformance.running.ledger import Ledger, ObservedSubject
from gritstone_conformance.running.request_minimizer import ExpectationCheck
from gritstone_conformance.running.vector_runner import VectorRun, next_batch, run_batch

__all__ = [
    "MOST_SECONDS_OF_ALL",
    "Blamed",
    "Search",
    "blame",
    "may_look",
    "minimal_sublist",
    "needed_cases",
    "shortest",
]

_MOST_SEARCHES: Final = 8
_MOST_SECONDS: Final = 30.0
MOST_SECONDS_OF_ALL: Final = 120.0

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Blamed:
    """The cause of a fault that was reproduced.

    Attributes:
        earlier: the cases that must run before it, in order; empty if the case breaks a process alone.
        is_exact: whether the search was completed, so that each of the earlier cases is needed.
        case: the smallest known list of requests that breaks a process, as one case.
    """

    earlier: tuple[Case, ...]
    is_exact: bool
    case: Case

    @property
    def poison(self) -> str | None:
        """The name of the last needed case, or None if it is unknown."""
        return self.earlier[-1].name if self.earlier and self.is_exact else None

    def words(self) -> str:
        """Return the required earlier cases in words; empty if the case breaks alone."""
        if not self.is_exact:
            return f"only after some of {len(self.earlier)} earlier cases; the search for the needed ones ended early"
        return f"only after {' and '.join(case.name for case in self.earlier)}" if self.earlier else ""


def may_look(ledger: Ledger, fault: SubjectFault) -> bool:
    """Return whether to search for the cause of this fault: the first fault of its kind, within the limits."""
    return _may_search(ledger) and _kind(fault) not in ledger.looked_into


def blame(
    case: Case, fault: SubjectFault, earlier: Sequence[Case], subject: ObservedSubject, *, alone: bool
) -> Blamed | None:
    """Search for the requests that are needed to reproduce a fault; return None if it does not occur again.

    Args:
        case: the case that broke the process.
        fault: the fault.
        earlier: the cases that ran before it in the same process, in order.
        subject: the subject of the run; its process is not used.
        alone: whether to try the case alone first, which was not done before.
    """
    ledger, started = subject.ledger, time.monotonic()
    if subject.subject.attached or not _may_search(ledger):
        return None
    ledger.looked_into.append(_kind(fault))
    search = Search(case, partial(_is_alike, cause=fault.cause), subject, len(earlier))
    search.is_hang = fault.cause.startswith("hung:")
    try:
        needed = needed_cases(search, list(earlier), alone=alone)
        return None if needed is None else Blamed(*needed, shortest(search, needed[0], subject))
    finally:
        search.close()
        ledger.looking_s += time.monotonic() - started


def _may_search(ledger: Ledger) -> bool:
    is_in_time = ledger.looking_s < MOST_SECONDS_OF_ALL and time.monotonic() < ledger.shrinking.until
    return len(ledger.looked_into) < _MOST_SEARCHES and is_in_time


def needed_cases(search: Search, earlier: list[Case], *, alone: bool) -> tuple[tuple[Case, ...], bool] | None:
    """Return the earlier cases that are necessary, and whether each of them is; None if the case does not break again.

    Args:
        search: for one case.
        earlier: the cases that ran before it in the same process.
        alone: whether to try the case alone first.
    """
    if alone and search.breaks(()):
        return (), True
    if not earlier or not search.breaks(earlier):
        return None
    search.hurry(on=True)
    needed, is_exact = minimal_sublist(earlier, search.breaks, lambda: search.may_go_on)
    search.hurry(on=False)
    is_certain = not search.is_hang or len(needed) == len(earlier)  # all of them were tried at the full deadline
    return (tuple(needed), is_exact) if is_certain or search.breaks(needed) else None


def shortest(search: Search, earlier: Sequence[Case], subject: ObservedSubject) -> Case:
    """Return the case and the needed requests before it as one case, with as few requests as the search found."""
    whole = joined(earlier, search.case)
    sound = ExpectationCheck(whole, subject.claims)

    def breaks(steps: Sequence[CaseStep]) -> bool:
        kept = (*steps, whole.steps[-1])
        return sound.holds(kept) and search.breaks((), replace(whole, steps=kept))

    search.allow(len(whole.steps))
    search.hurry(on=True)
    steps = list(whole.steps[:-1])
    if not breaks([]):
        steps, _ = minimal_sublist(steps, breaks, lambda: search.may_go_on)
    else:
        steps = []
    search.hurry(on=False)
    short = replace(whole, steps=(*steps, whole.steps[-1]))
    return short if len(short.steps) < len(whole.steps) and search.breaks((), short) else whole


def minimal_sublist(
    items: list[_T], breaks: Callable[[list[_T]], bool], may_go_on: Callable[[], bool]
) -> tuple[list[_T], bool]:
    """Return a minimal sublist of items with which ``breaks`` is true, and whether the search was completed.

    ``breaks`` is true for all items, and false for none. The shortest prefix for which it is true ends with a needed
    item; that item is kept, and the search continues among the items before it.
    """
    rest, needed = list(items), list[_T]()
    while rest:
        if needed and breaks(needed):
            return needed, True
        low, high = 0, len(rest)
        while high - low > 1 and may_go_on():
            middle = (low + high) // 2
            low, high = (low, middle) if breaks([*rest[:middle], *needed]) else (middle, high)
        if high - low > 1:
            return [*rest[:high], *needed], False
        needed = [rest[high - 1], *needed]
        rest = rest[: high - 1]
    return needed, True


class Search:
    """The tries of one search, each with a fresh process.

    Attributes:
        case: the case that broke.
        is_hang: whether the fault is a hang, so that each try costs a deadline.
    """

    def __init__(self, case: Case, is_alike: Callable[[VectorRun], bool], subject: ObservedSubject, count: int) -> None:
        """Start no process yet.

        Args:
            case: the case that broke.
            is_alike: returns whether the case, run again, broke in the same way.
            subject: the subject of the run; its process is not used.
            count: how many cases ran before it in the same process.
        """
        self.case = case
        self.is_hang = False
        self._is_alike = is_alike
        self._subject = subject
        self._first: ObservedSubject | None = None
        self._left = _most_tries(count)
        self._until = min(time.monotonic() + _MOST_SECONDS, subject.ledger.shrinking.until)

    @property
    def may_go_on(self) -> bool:
        """Whether two more tries are allowed, one of them to confirm."""
        return self._left > 1 and time.monotonic() < self._until

    def hurry(self, *, on: bool) -> None:
        """Shorten the deadlines of operations that hung once, or restore the full ones."""
        if self._first is not None:
            self._first.hurry(on=on)

    def allow(self, count: int) -> None:
        """Reset the count of tries."""
        self._left = _most_tries(count)

    def breaks(self, earlier: Sequence[Case], case: Case | None = None) -> bool:
        """Return whether the case breaks in a fresh process after some other cases.

        Args:
            earlier: the cases before it.
            case: the case; None: that of the search.
        """
        last = self._last(earlier, case or self.case)
        return last is not None and self._is_alike(last)

    def passes(self) -> bool:
        """Return whether the case passes alone in a fresh process."""
        last = self._last((), self.case)
        return last is not None and last.fault is None and last.difference is None

    def _last(self, earlier: Sequence[Case], case: Case) -> VectorRun | None:
        """Run a case in a fresh process after some other cases; None if the process broke before it."""
        self._left -= 1
        try:
            process = self._fresh()
        except SubjectFault:
            return None
        try:
            last = _run_until_broken((*earlier, case), process)
        finally:
            process.refresh()
        return last if last is not None and last.case is case else None

    def close(self) -> None:
        """End the process."""
        if self._first is not None:
            self._first.refresh()

    def _fresh(self) -> ObservedSubject:
        if self._first is None:
            self._first = self._subject.apart()
            return self._first
        return self._first.spawn()


def _run_until_broken(cases: Sequence[Case], process: ObservedSubject) -> VectorRun | None:
    """Run cases in order until one breaks the process; return that case, otherwise the last one."""
    waiting = deque(_run_of(case) for case in cases)
    last = waiting[-1] if waiting else None
    while waiting:
        batch = next_batch(waiting)
        try:
            run_batch(batch, process)
            for run in batch:
                if run.fault is not None and run.fault.cause != "late":
                    return run
            if not batch[-1].is_last_part:
                _go_on(batch[-1], waiting, process)
        finally:
            for run in batch:
                if run not in waiting:
                    run.finish()
    return last


def _go_on(run: VectorRun, waiting: deque[VectorRun], process: ObservedSubject) -> None:
    if run.go_on():
        waiting.appendleft(run)
    else:
        process.ask_each(run.closings())


def _run_of(case: Case) -> VectorRun:
    return VectorRun(Planned(case.name, "vector", partial(case.identity), case.rules, case.requires, case), case)


def _most_tries(count: int) -> int:
    return 2 * (max(count, 2) - 1).bit_length() + 8


def _is_alike(run: VectorRun, cause: str) -> bool:
    """Return whether the fault of a case is of the same kind as a cause: both deaths, or both hangs."""
    fault = run.fault
    return fault is not None and _family(fault.cause) == _family(cause)


def _family(cause: str) -> str:
    return cause if cause.startswith("protocol:") else cause.split(":", 1)[0]


def _kind(fault: SubjectFault) -> str:
    """Return what distinguishes faults: the cause and the words, without their numbers."""
    return f"{fault.cause} {re.sub('[0-9]+', '#', fault.detail)[:200]}"
