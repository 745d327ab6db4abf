"""The execution of a plan on a subject, from the first request to the final outcomes.

The cases run in the order of the plan, except watches, which are judged after the implementation has ended. Each
outcome is passed to a callback as soon as it is known. This module starts no processes, and writes only found cases.

Invariant: every planned case has exactly one outcome.
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import Final

from gritstone_conformance.attachment.claims import covered_profiles
from gritstone_conformance.cases import Case, CaseStep
from gritstone_conformance.errors import SubjectFault, UsageError
from gritstone_conformance.judge import Difference
from gritstone_conformance.planning.plan import Plan, Planned
from gritstone_conformance.planning.settings import RunSettings
from gritstone_conformance.replies import Claims
from gritstone_conformance.results.judgement import SEARCH_OVER, UNASKED
from gritstone_conformance.results.outcomes import Outcome
from gritstone_conformance.rules import RuleBook
from gritstone_conformance.running.blame import blame, may_look
from gritstone_conformance.running.final_verdicts import final_outcomes
from gritstone_conformance.running.found_cases import case_of, case_of_death, copy_of, save
from gritstone_conformance.running.import_replacement import INSTEAD, is_unable_to_import, without_import
from gritstone_conformance.running.leaked_state import RULE as SHARED_STATE
from gritstone_conformance.running.leaked_state import look_alone, may_share
from gritstone_conformance.running.ledger import Ledger, ObservedSubject, RunSubject
from gritstone_conformance.running.object_diff import first_different_field
from gritstone_conformance.running.outcome_builder import UNREPRODUCED, OutcomeBuilder
from gritstone_conformance.running.property_runner import PropertyRun, run_property
from gritstone_conformance.running.request_minimizer import minimize
from gritstone_conformance.running.vector_runner import VectorRun, run_vectors
from gritstone_conformance.trial import Divergence, Property

__all__ = ["RunResult", "execute", "execute_nothing", "run_item"]

SEARCH_ONLY: Final = "needs --search"
_NOT_REPEATED: Final = f"may depend on {SHARED_STATE}: not repeated alone, because the time for that is over"
_NEW_OBJECTS: Final = 20_000
"""The threshold of Python's garbage collector; with its default of 700 it takes a twelfth of a run."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """The result of a run.

    Attributes:
        outcomes: the final outcomes, one per counted case, in the order of the plan.
        claims: the claims of the implementation.
        restarts: how many processes replaced one that broke.
    """

    outcomes: tuple[Outcome, ...]
    claims: Claims
    restarts: int


def execute(
    plan: Plan, subject: RunSubject, book: RuleBook, settings: RunSettings, notify: Callable[[Outcome], None]
) -> RunResult:
    """Run the whole plan and close the subject.

    Args:
        plan: the cases to run.
        subject: a started subject; closed at the end.
        book: the rules.
        settings: how to run them.
        notify: called with each outcome as soon as it is known, before the dependencies between cases are applied.

    Raises:
        DataError: two cases have the same identity.
    """
    plan.check_identities()
    observed = ObservedSubject(subject, Ledger())
    recorder = OutcomeBuilder(book)
    found: list[Outcome] = []
    if settings.search_s is not None:
        observed.ledger.shrinking.until = time.monotonic() + settings.search_s

    def tell(outcomes: Iterable[Outcome]) -> None:
        for outcome in outcomes:
            found.append(outcome)
            notify(outcome)

    try:
        behind = sum(1 for item in plan.items if isinstance(item.source, Property))
        with _rare_collections():
            for kind, items in groupby(plan.items, key=lambda item: type(item.source)):
                if kind is Case:
                    tell(_vectors(tuple(items), observed, recorder, settings))
                elif kind is Property:
                    properties = tuple(items)
                    behind -= len(properties)
                    tell(_properties(properties, behind, observed, recorder, settings))
    finally:
        observed.close()
    lines = observed.ledger.judged
    faults = [*subject.faults, *subject.strays]
    watches = (recorder.watched(item, faults, lines) for item in plan.of_kind("watch"))
    tell(recorder.with_log_size(watch, subject.log_bytes) for watch in watches)
    return RunResult(final_outcomes(found, plan), observed.claims, subject.restarts)


@contextmanager
def _rare_collections() -> Iterator[None]:
    """Run the garbage collector less often: most objects of a run are long-lived, and examples create few cycles."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def execute_nothing(plan: Plan, fault: SubjectFault, book: RuleBook) -> tuple[Outcome, ...]:
    """Return the outcomes of a plan if the implementation never answered ``hello``: ``error``, ``not-started``."""
    recorder = OutcomeBuilder(book)
    unasked = SubjectFault("not-started", str(fault), fault.rule)
    items = (item for item in plan.items if item.counted)
    return tuple(recorder.broken(recorder.blank(item, "error"), unasked, can_fail=False) for item in items)


def run_item(item: Planned, subject: ObservedSubject, recorder: OutcomeBuilder, settings: RunSettings) -> Outcome:
    """Run a single vector or property; return its outcome before the dependencies between cases are applied."""
    if isinstance(item.source, Property):
        return _with_own_faults(item, subject, recorder, partial(_property, item, subject, recorder, settings, None))
    (outcome,) = _vectors((item,), subject, recorder, settings)
    return outcome


def _with_own_faults(
    item: Planned, subject: ObservedSubject, recorder: OutcomeBuilder, run: Callable[[], Outcome]
) -> Outcome:
    """Return the outcome of a case; if the code of the suite fails, an error that says so.

    Spec: :rule:`suite.verdict.own-case`.
    """
    try:
        return run()
    except UsageError:
        raise
    except Exception as problem:  # noqa: BLE001 - a fault of the suite in one case does not end the run
        subject.refresh()
        return recorder.own_fault(item, problem)


def _properties(
    items: Sequence[Planned], behind: int, subject: ObservedSubject, recorder: OutcomeBuilder, settings: RunSettings
) -> Iterator[Outcome]:
    """Run properties; in a search with a time limit, all remaining properties have equal shares of the time left."""
    until = subject.ledger.shrinking.until
    for index, item in enumerate(items):
        left_s = until - time.monotonic()
        share_s = None if math.isinf(left_s) else left_s / (len(items) - index + behind)
        run = partial(_property, item, subject, recorder, settings, share_s)
        yield _with_own_faults(item, subject, recorder, run)


def _vectors(
    items: Sequence[Planned], subject: ObservedSubject, recorder: OutcomeBuilder, settings: RunSettings
) -> Iterator[Outcome]:
    """Run vectors in batches; after a fault of the suite, the remaining ones run one by one."""
    judged: set[str] = set()
    try:
        for outcome in _pipelined(items, subject, recorder, settings):
            judged.add(outcome.case)
            yield outcome
    except UsageError:
        raise
    except Exception:  # noqa: BLE001 - the loop below finds the case that failed
        subject.refresh()
        for item in items:
            if item.name not in judged:
                yield _with_own_faults(item, subject, recorder, partial(_alone, item, subject, recorder, settings))


def _with_other_set_up(run: VectorRun, subject: ObservedSubject) -> Planned | None:
    """Return the case without the import that the implementation does not support, or None."""
    case, difference = run.case, run.difference
    if difference is None or not is_unable_to_import(case.name, case.steps[run.step], difference, subject):
        return None
    again = without_import(case)
    return None if again == case else replace(run.item, source=again)


def _remarked(outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
    """Add a remark to each passed case: its store was set up with other requests."""
    for outcome in outcomes:
        yield replace(outcome, detail=INSTEAD) if outcome.verdict == "pass" else outcome


def _alone(item: Planned, subject: ObservedSubject, recorder: OutcomeBuilder, settings: RunSettings) -> Outcome:
    (outcome,) = _pipelined((item,), subject, recorder, settings)
    return outcome


def _pipelined(
    items: Sequence[Planned], subject: ObservedSubject, recorder: OutcomeBuilder, settings: RunSettings
) -> Iterator[Outcome]:
    able: list[Planned] = []
    for item in items:
        reason = _unclaimed(item, subject.claims)
        if reason is None:
            able.append(item)
        else:
            yield recorder.skipped(item, reason)
    undecided = {item.name: item for item in able}
    for run in run_vectors(able, subject, subject.ledger.shrinking.until):
        del undecided[run.item.name]
        again = _with_other_set_up(run, subject)
        if again is not None:
            yield from _remarked(_pipelined((again,), subject, recorder, settings))
            continue
        outcome = recorder.of_vector(run)
        if run.difference is not None:
            outcome = _explained(outcome, run.case.steps[: run.step + 1], run.difference, subject)
        if run.fault is not None and run.earlier:
            death = _Death(run.case, run.fault, run.earlier)
            yield _blamed(run.item, death, outcome, subject, settings)
        elif outcome.verdict == "fail" and run.difference is not None:
            yield _failed_vector(outcome, run, subject, recorder, settings)
        else:
            yield outcome
    for item in undecided.values():
        yield recorder.skipped(item, SEARCH_OVER)


def _property(
    item: Planned, subject: ObservedSubject, recorder: OutcomeBuilder, settings: RunSettings, span_s: float | None
) -> Outcome:
    assert isinstance(item.source, Property)
    reason = _unclaimed(item, subject.claims)
    if reason is None and not item.source.is_run(settings.profile, subject.claims.formats):
        reason = SEARCH_ONLY
    if reason is None and span_s is not None and span_s <= 0:
        reason = SEARCH_OVER
    if reason is not None:
        return recorder.skipped(item, reason)
    tested = run_property(item.source, subject, settings, span_s)
    if tested.is_cut and not tested.examples:
        return recorder.skipped(item, SEARCH_OVER)
    divergence = tested.divergence
    if divergence is not None and divergence.steps and subject.ledger.imports is None:
        last = divergence.steps[-1]
        if is_unable_to_import(item.name, last, divergence.difference, subject):
            return _property(item, subject, recorder, settings, span_s)
    if divergence is None or not divergence.steps:
        return _broken_property(item, tested, recorder.of_property(item, tested), subject, settings)
    case = _thinned(item, tested, divergence, subject, settings)
    outcome = recorder.of_property(item, tested)
    if divergence.replayable and tested.divergence is not None:
        outcome = _explained(outcome, tested.divergence.steps, tested.divergence.difference, subject)
    if outcome.verdict == "fail" and tested.trace is not None and divergence.is_in_reply:
        failure = _Failure(item, outcome, tested.trace, tested.earlier)
        outcome = _shared(failure, subject, recorder, settings)
    return outcome if outcome.found or not settings.saves else replace(outcome, found=save(case, settings.home))


def _explained(
    outcome: Outcome, steps: Sequence[CaseStep], difference: Difference, subject: ObservedSubject
) -> Outcome:
    """Return a failure with the first field in which the objects of two ids differ; once for each kind of failure."""
    kind = (outcome.rule, outcome.signature, difference.path)
    if outcome.verdict != "fail" or outcome.detail is not None or not subject.ledger.may_explain(kind):
        return outcome
    return replace(outcome, detail=first_different_field(steps, difference, subject))


def _thinned(
    item: Planned, tested: PropertyRun, divergence: Divergence, subject: ObservedSubject, settings: RunSettings
) -> Case:
    """Return the case to save for a failure, without the requests that it does not need; ends its shrinking."""
    case, started = case_of(item, divergence, settings.seed), time.perf_counter()
    assert tested.shrink is not None, "what diverged is shrunk"
    tested.shrink.turn(settings.shrink_tries)
    can_show = divergence.replayable and divergence.is_in_reply
    thinned = minimize(case, divergence, subject, tested.shrink) if can_show else None
    tested.shrink.end()
    tested.seconds += time.perf_counter() - started
    if thinned is None:
        return replace(case, judge="history")
    tested.divergence = thinned
    return case_of(item, thinned, settings.seed)


def _broken_property(
    item: Planned, tested: PropertyRun, outcome: Outcome, subject: ObservedSubject, settings: RunSettings
) -> Outcome:
    """Return the outcome of a property that ended in a fault, after the search for its cause."""
    fault, trace = tested.fault, tested.trace
    if outcome.verdict != "error" or fault is None or trace is None or not may_look(subject.ledger, fault):
        return outcome
    if not fault.cause.startswith(("dead:", "hung:", "memory")):
        return outcome
    return _blamed(item, _Death(trace, fault, tested.earlier, alone=True), outcome, subject, settings)


@dataclass(frozen=True, slots=True)
class _Failure:
    """A wrong reply.

    Attributes:
        item: the case as it was planned.
        outcome: its outcome so far.
        case: the requests up to the wrong reply.
        earlier: the cases before it in the same process.
    """

    item: Planned
    outcome: Outcome
    case: Case
    earlier: Sequence[Case]


def _shared(failure: _Failure, subject: ObservedSubject, recorder: OutcomeBuilder, settings: RunSettings) -> Outcome:
    """Return a failure under the rule on shared state if earlier cases cause it, with the file that repeats it.

    Spec: :rule:`suite.state.blamed`.
    """
    outcome, signature = failure.outcome, failure.outcome.signature or ""
    own = outcome.rule or failure.item.rules[0]
    sharing = look_alone(failure.case, signature, own, failure.earlier, subject)
    if sharing is None:
        late = _NOT_REPEATED if may_share(subject.ledger, own) else None
        return replace(outcome, detail="; ".join(filter(None, (late, outcome.detail))) or None)
    words = [sharing.words(), f"its own rule is {own}" if sharing.is_proven else None, outcome.detail]
    shared = replace(outcome, detail="; ".join(filter(None, words)))
    if not sharing.is_proven:
        return shared
    blamed = sharing.blamed
    poison = None if blamed is None else blamed.poison
    shared = replace(shared, rule=SHARED_STATE, level=recorder.level(SHARED_STATE), poisoned_by=poison)
    if blamed is None or not settings.saves:
        return shared
    found = case_of_death(failure.item, blamed.case, blamed.words(), signature, settings.seed)
    return replace(shared, found=save(found, settings.home))


@dataclass(frozen=True, slots=True)
class _Death:
    """A fault that ended the process.

    Attributes:
        case: the case in which it occurred.
        fault: the fault.
        earlier: the cases before it in the same process.
        alone: whether to try the case alone first, which was not done before.
    """

    case: Case
    fault: SubjectFault
    earlier: Sequence[Case]
    alone: bool = False


def _blamed(item: Planned, death: _Death, outcome: Outcome, subject: ObservedSubject, settings: RunSettings) -> Outcome:
    """Return an ``error`` with the requests that led to the fault, and with the file that reproduces it.

    Spec: :rule:`suite.crash.blamed`.
    """
    blamed = blame(death.case, death.fault, death.earlier, subject, alone=death.alone)
    detail = outcome.detail or ""
    if blamed is None:
        words = detail if detail.startswith(UNREPRODUCED) else f"{UNREPRODUCED}: {detail}".rstrip(": ")
        return replace(outcome, detail=words)
    detail = detail.removeprefix(UNREPRODUCED).removeprefix(": ")
    explained = replace(outcome, detail=": ".join(filter(None, (blamed.words(), detail))), poisoned_by=blamed.poison)
    if not settings.saves:
        return explained
    found = case_of_death(item, blamed.case, blamed.words(), death.fault.cause, settings.seed)
    return replace(explained, found=save(found, settings.home))


def _unclaimed(item: Planned, claims: Claims) -> str | None:
    """Return why a case is skipped, or None; cases that need claims which are not made never run."""
    if item.profile not in (*covered_profiles(claims.profiles, claims.features), "harness"):
        return f"profile {item.profile} is not claimed"
    if item.unasked is not None:
        return f"profile {item.unasked} {UNASKED}"
    return item.requires.missing_from(claims.formats, claims.features, claims.profiles)


def _failed_vector(
    outcome: Outcome, run: VectorRun, subject: ObservedSubject, recorder: OutcomeBuilder, settings: RunSettings
) -> Outcome:
    """Return a failure of a vector, once it is known whether earlier cases caused it, with its file."""
    case = replace(run.case, steps=run.case.steps[: run.step + 1])
    failure = _Failure(run.item, outcome, case, subject.history.before(run.case))
    shared = _shared(failure, subject, recorder, settings)
    if shared.found is not None or not settings.saves:
        return shared
    return replace(shared, found=save(copy_of(run.case, outcome.signature or ""), settings.home))
