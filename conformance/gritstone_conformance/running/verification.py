"""Verification: one run, from its options to its report and exit code.

This module connects data, plan, subject, console and report. ``jobs`` does the same in several processes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol, TypeAlias

from gritstone_conformance.attachment.subject import Subject
from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.planning.context import RunContext, header_of
from gritstone_conformance.planning.plan import Plan
from gritstone_conformance.planning.settings import RunSettings
from gritstone_conformance.planning.suite import SuiteData, known_cases, load_data, plan_run
from gritstone_conformance.replies import Json
from gritstone_conformance.results.expectations import Expectations, Stale, foresee
from gritstone_conformance.results.judgement import Scope, judge_run
from gritstone_conformance.results.outcomes import Outcome
from gritstone_conformance.results.repeated_replies import linked
from gritstone_conformance.results.report import Conclusion, footer_line, remove_old, timestamp, write_report
from gritstone_conformance.rules import RuleBook
from gritstone_conformance.running.plan_runner import RunResult, execute, execute_nothing
from gritstone_conformance.text import unfolded

__all__ = ["Listener", "ListenerMaker", "PlanRunner", "conclude", "foreseen", "verify"]


class Listener(Protocol):
    """The callbacks of a run: a console, or the parent of a part."""

    def begin(self, header: Mapping[str, Json], notes: Sequence[str]) -> None:
        """Receive the header, with the answer to ``hello``, and notes about it."""

    def notice(self, outcome: Outcome) -> None:
        """Receive an outcome as soon as it is known."""

    def progress(self, case: str, seconds: float, tries: int) -> None:
        """Receive the progress of shrinking a failure: the seconds and the tries so far."""

    def end(self, conclusion: Conclusion) -> None:
        """Receive the result of the run."""


ListenerMaker: TypeAlias = Callable[[SuiteData, Plan], Listener]


PlanRunner: TypeAlias = Callable[[Plan, Subject, RuleBook, RunSettings, Callable[[Outcome], None]], RunResult]


def verify(context: RunContext, listener: ListenerMaker, runner: PlanRunner = execute) -> int:
    """Verify one implementation and write the report.

    Args:
        context: the run.
        listener: creates the listener from the data and the plan.
        runner: runs the plan.

    Returns:
        The exit code.
    """
    data, settings = load_data(), context.settings
    plan = plan_run(data, context.selection, settings.seed)
    console = listener(data, plan)
    started = timestamp()
    remove_old(context.report)
    try:
        subject = Subject(context.target.opener(), context.attach_settings)
    except SubjectFault as fault:
        header = header_of(context, data, None, started)
        console.begin(header, [*unfolded(f"hello failed: {fault}"), "run `gritstone doctor` for details"])
        outcomes = execute_nothing(plan, fault, data.book)
        return conclude(context, data, header, outcomes, 0, console)
    header = header_of(context, data, subject.claims.raw, started)
    console.begin(header, subject.notes)
    result = runner(plan, subject, data.book, replace(settings, progress=console.progress), console.notice)
    return conclude(context, data, header, result.outcomes, result.restarts, console)


def conclude(
    context: RunContext,
    data: SuiteData,
    header: Mapping[str, Json],
    outcomes: Sequence[Outcome],
    restarts: int,
    listener: Listener,
) -> int:
    """Judge the outcomes, write the report, print the last lines, and return the exit code."""
    iut, selection = header["iut"] or {}, context.selection
    is_part = selection.by_cost  # the process that merges the parts judges the expected failures
    outcomes, stale = (linked(outcomes), ()) if is_part else foreseen(data, header, outcomes)
    judgement = judge_run(
        outcomes,
        data.book.judging(header["spec"]),
        iut.get("profiles", ()),
        (*iut.get("formats", ()), *iut.get("features", ())),
        Scope(selection.profiles, selection.is_whole, not selection.is_filtered, context.settings.strict),
        stale,
    )
    write_report(context.report, header, outcomes, footer_line(outcomes, judgement, restarts, timestamp()))
    listener.end(Conclusion(header, outcomes, judgement, context.report, selection.rule or "*"))
    return judgement.exit


def foreseen(
    data: SuiteData, header: Mapping[str, Json], outcomes: Sequence[Outcome]
) -> tuple[tuple[Outcome, ...], tuple[Stale, ...]]:
    """Return the outcomes with the failures that repeat another one, and with the expected failures.

    The second member has the outdated entries of the file of expected failures.
    """
    outcomes = linked(outcomes)
    if "expect" not in header:
        return outcomes, ()
    return foresee(Expectations.from_json(header["expect"]), outcomes, known_cases(data), header["today"])
