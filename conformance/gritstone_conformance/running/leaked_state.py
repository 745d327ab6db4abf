"""Shared state: failures of cases that pass alone in a new process.

The reply to a request may depend on earlier requests only if they are about the same handle, directory or file, and
each case has its own. So if a case fails in a process with earlier cases and passes alone in a new process, the case is
not the cause: the implementation keeps state that its stores share, or that grows with the number of requests.

A failure that depends on chance can look the same. So the earlier cases are repeated with the failed case last, in new
processes outside of the run. The failure must recur there three times, and the case must pass alone three times. Once
such a failure was found, a further failure counts as one if its case passes alone twice: the implementation is known to
share state.

Spec: :rule:`suite.state.blamed`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from gritstone_conformance.cases import Case
from gritstone_conformance.running.blame import MOST_SECONDS_OF_ALL, Blamed, Search, needed_cases, shortest
from gritstone_conformance.running.ledger import Ledger, ObservedSubject
from gritstone_conformance.running.vector_runner import VectorRun

__all__ = ["RULE", "Sharing", "look_alone", "may_share"]

RULE: Final = "harness.state.isolated"
_MOST_ALONE: Final = 40  # rules of which a failure is repeated alone
_MOST_SEARCHES: Final = 4
_CONFIRMATIONS: Final = 2


@dataclass(frozen=True, slots=True)
class Sharing:
    """What was found out about a failed case that passes alone in a new process.

    Attributes:
        earlier: how many cases ran before it in its process, and how many requests they have.
        is_proven: whether the failure is reported under :rule:`harness.state.isolated`.
        blamed: the earlier cases that it needs, if they were searched and found.
    """

    earlier: tuple[int, int]
    is_proven: bool
    blamed: Blamed | None = None

    def words(self) -> str:
        """Return the result as a text for people."""
        cases, requests = self.earlier
        before = f"after at least {cases:,} cases with {requests:,} requests"
        if self.blamed is not None:
            return f"passes alone in a new process, and fails {self.blamed.words()}; it failed {before}"
        if self.is_proven:
            return f"passes alone in a new process; it failed {before}"
        return f"not repeatable: passes alone in a new process, also after the earlier cases; it failed {before}"


def look_alone(
    case: Case, signature: str, rule: str, earlier: Sequence[Case], subject: ObservedSubject
) -> Sharing | None:
    """Return whether a failure is due to earlier cases; None if it is not, or if the suite does not search.

    Args:
        case: the case up to its wrong reply.
        signature: of its difference.
        rule: the rule that it would be reported under.
        earlier: the cases that ran before it in the same process, in order.
        subject: the subject of the run; its process is not used.
    """
    ledger, started = subject.ledger, time.monotonic()
    if rule == RULE or not earlier or subject.subject.attached or not _may_look(ledger, rule):
        return None
    search = Search(case, partial(_fails_so, signature=signature), subject, len(earlier))
    try:
        if not search.passes():
            ledger.failed_alone.add(rule)
            return None
        count = len(earlier), sum(len(each.steps) for each in earlier)
        if ledger.shares_state:
            return Sharing(count, is_proven=True) if search.passes() else None
        ledger.state_searches += 1
        blamed = _search(search, list(earlier), subject)
        ledger.shares_state = blamed is not None
        return Sharing(count, is_proven=blamed is not None, blamed=blamed)
    finally:
        search.close()
        ledger.looking_s += time.monotonic() - started


def may_share(ledger: Ledger, rule: str) -> bool:
    """Return whether a failure was not repeated, for lack of time, although the implementation shares state."""
    return ledger.shares_state and ledger.looking_s >= MOST_SECONDS_OF_ALL and rule not in (RULE, *ledger.failed_alone)


def _may_look(ledger: Ledger, rule: str) -> bool:
    if ledger.looking_s >= MOST_SECONDS_OF_ALL or time.monotonic() >= ledger.shrinking.until:
        return False
    if rule in ledger.failed_alone or len(ledger.failed_alone) >= _MOST_ALONE:
        return False
    return ledger.shares_state or ledger.state_searches < _MOST_SEARCHES


def _search(search: Search, earlier: list[Case], subject: ObservedSubject) -> Blamed | None:
    """Return the earlier cases that make the case fail, or None if it does not fail after them each time."""
    needed = needed_cases(search, earlier, alone=False)
    if needed is None:
        return None
    for _ in range(_CONFIRMATIONS):
        if not search.passes() or not search.breaks(needed[0]):
            return None
    return Blamed(*needed, shortest(search, needed[0], subject))


def _fails_so(run: VectorRun, signature: str) -> bool:
    """Return whether a case failed at its last request, with the same signature."""
    difference = run.difference
    return difference is not None and run.step == len(run.case.steps) - 1 and difference.signature == signature
