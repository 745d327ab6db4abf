"""Verifying: one run from its options to its report and exit code.

Puts the pieces together: data, plan, subject, console, report. ``jobs`` does the same over several processes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Final, Protocol, TypeAlias

from gritstone_conformance.attachment.attaching import Target
from gritstone_conformance.attachment.claims import PROFILES, judged_spec
from gritstone_conformance.attachment.subject import Subject
from gritstone_conformance.attachment.terms import Terms
from gritstone_conformance.errors import SubjectFault, UsageError
from gritstone_conformance.planning.plan import Plan, Selection, make_plan
from gritstone_conformance.planning.settings import RunSettings
from gritstone_conformance.planning.watches import WATCHED
from gritstone_conformance.properties import load_properties
from gritstone_conformance.replies import Json
from gritstone_conformance.reporting.conclusions import closing_lines, profile_lines
from gritstone_conformance.results.expectations import Expectations, Stale, foresee
from gritstone_conformance.results.judgement import Judgement, judge_run
from gritstone_conformance.results.outcomes import Outcome
from gritstone_conformance.results.report import Report, footer_line, header_line, timestamp, write_report
from gritstone_conformance.rules import RuleBook, load_rules
from gritstone_conformance.running.dependencies import linked
from gritstone_conformance.running.run import RunResult, execute, execute_nothing
from gritstone_conformance.text import unfolded
from gritstone_conformance.vectors.files import VectorSet, load_vectors

__all__ = [
    "Data",
    "Listener",
    "ListenerMaker",
    "Player",
    "check_selection",
    "conclude",
    "ending_lines",
    "foreseen",
    "header_of",
    "known_cases",
    "load_data",
    "plan_run",
    "rejudge",
    "remove_old",
    "verify",
]


_PROBE_BYTES: Final = 1 << 16
"""Written to find out whether a report can be written, so that a full disk is noticed as well."""


@dataclass(frozen=True, slots=True)
class Data:
    """What the suite brings along: rules and vectors."""

    book: RuleBook
    vectors: VectorSet


@cache
def load_data() -> Data:
    """Load the bundled rules and vectors, once in a process; raises DataError when they are not valid."""
    return Data(load_rules(), load_vectors())


def plan_run(data: Data, selection: Selection, seed: int) -> Plan:
    """Plan a run over the bundled vectors, properties and watches."""
    return make_plan(data.vectors.cases(), load_properties(), WATCHED, selection, seed)


def check_selection(selection: Selection) -> None:
    """Raise UsageError when a filter names what the spec does not know; a glob of cases may match nothing."""
    for profile in selection.profiles:
        if profile not in PROFILES and profile != "harness":
            raise UsageError(f"--profile {profile}: the spec knows {', '.join(['harness', *PROFILES])}")
    if selection.rule is not None:
        book = load_rules()
        if not any(fnmatchcase(rule, selection.rule) for rule in book.rules):
            raise UsageError(f"--rule {selection.rule}: no rule of spec {book.spec} matches")


class Listener(Protocol):
    """Who is told of a run while it goes on: a console, or the run that this one is a part of."""

    def begin(self, header: Mapping[str, Json], notes: Sequence[str]) -> None:
        """Take the header, with what ``hello`` answered, and what is worth saying about that."""

    def notice(self, outcome: Outcome) -> None:
        """Take one outcome as soon as it is known."""

    def watch(self, case: str, seconds: float, tries: int) -> None:
        """Hear that a failure of a case is being shrunk, for so long, with so many tries."""

    def end(self, lines: Sequence[str]) -> None:
        """Take the last lines for people."""


ListenerMaker: TypeAlias = Callable[[Data, Plan], Listener]


Player: TypeAlias = Callable[[Plan, Subject, RuleBook, RunSettings, Callable[[Outcome], None]], RunResult]


def verify(
    target: Target,
    selection: Selection,
    settings: RunSettings,
    terms: Terms,
    report: Path,
    listener: ListenerMaker,
    player: Player = execute,
) -> int:
    """Verify one implementation and write the report.

    Args:
        target: what to verify.
        selection: which cases.
        settings: how.
        terms: deadlines, memory, trace.
        report: where the report goes; an older one there is removed first.
        listener: makes the listener once data and plan are known.
        player: plays the plan.

    Returns:
        The exit code.
    """
    data = load_data()
    plan = plan_run(data, selection, settings.seed)
    told = listener(data, plan)
    started = timestamp()
    remove_old(report)
    try:
        subject = Subject(target.opener(), terms)
    except SubjectFault as fault:
        header = header_of(data, settings, target, None, selection, started)
        told.begin(header, [*unfolded(f"hello failed: {fault}"), "`gritstone doctor` says more"])
        outcomes = execute_nothing(plan, fault, data.book)
        return conclude(data, header, outcomes, 0, selection, settings, report, told)
    header = header_of(data, settings, target, subject.claims.raw, selection, started)
    told.begin(header, subject.notes)
    result = player(plan, subject, data.book, replace(settings, watch=told.watch), told.notice)
    return conclude(data, header, result.outcomes, result.restarts, selection, settings, report, told)


def conclude(
    data: Data,
    header: Mapping[str, Json],
    outcomes: Sequence[Outcome],
    restarts: int,
    selection: Selection,
    settings: RunSettings,
    report: Path,
    listener: Listener,
) -> int:
    """Judge the outcomes, write the report, tell the last lines, and return the exit code."""
    iut = header["iut"] or {}
    outcomes, stale = foreseen(data, header, outcomes)
    judgement = judge_run(
        outcomes,
        data.book.judging(header["spec"]),
        iut.get("profiles", ()),
        (*iut.get("formats", ()), *iut.get("features", ())),
        wanted=selection.profiles,
        whole=selection.is_whole,
        complete=not selection.is_filtered,
        strict=settings.strict,
        stale=stale,
    )
    write_report(report, header, outcomes, footer_line(outcomes, judgement, restarts, timestamp()))
    listener.end(ending_lines(header, outcomes, judgement, report, selection.rule or "*"))
    return judgement.exit


def foreseen(
    data: Data, header: Mapping[str, Json], outcomes: Sequence[Outcome]
) -> tuple[tuple[Outcome, ...], tuple[Stale, ...]]:
    """Return the outcomes with what failures depend on and what the file of expected failures foresees.

    The second member are the stale entries of that file.
    """
    outcomes = linked(outcomes)
    if "expect" not in header:
        return outcomes, ()
    return foresee(Expectations.from_json(header["expect"]), outcomes, known_cases(data), header["today"])


def known_cases(data: Data) -> dict[str, tuple[str, ...]]:
    """Return every case that this suite has, those of an audit too, and the rules that each judges."""
    from gritstone_conformance.commands.audit import CASES  # which is built on this module

    return {**CASES, **{item.name: item.rules for item in plan_run(data, Selection(), 1).items}}


def ending_lines(
    header: Mapping[str, Json], outcomes: Sequence[Outcome], judgement: Judgement, report: Path, asked: str = "*"
) -> list[str]:
    """Return lines for each profile and what follows; of an implementation that never spoke only the latter.

    ``asked`` is the glob of the rules that were asked for.
    """
    profiles = [] if header["iut"] is None else profile_lines(outcomes, judgement, asked)
    return [*profiles, *closing_lines(header, outcomes, judgement, str(report), asked)]


def rejudge(report: Report, book: RuleBook) -> Judgement:
    """Return what a report says of rules and profiles; its exit code and its count stand as they were written."""
    footer = report.footer
    conforms = footer["conforms"]
    judgement = judge_run(
        report.outcomes,
        book.judging(report.header["spec"]),
        report.profiles,
        report.claims,
        wanted=tuple(conforms),
        whole=bool(conforms),
        stale=tuple(map(Stale.from_json, footer.get("stale", ()))),
    )
    return replace(judgement, unexpected=footer["unexpected"], exit=footer["exit"])


def header_of(
    data: Data, settings: RunSettings, target: Target, iut: Json, selection: Selection, started: str
) -> dict[str, Json]:
    """Return the header of a run on a target; ``iut`` is what ``hello`` answered, or None."""
    spoken = () if iut is None else iut["spec"]
    return header_line(
        data.book.judging(judged_spec(spoken) or data.book.spec),
        data.vectors.digest,
        settings,
        attach=target.attach,
        command=target.command,
        iut=iut,
        shard=selection.shard,
        started=started,
    )


def remove_old(report: Path) -> None:
    """Remove an older report, so that a run which is cut off leaves none, and check that a new one can be written.

    Raises:
        UsageError: it can not; nothing was run yet.

    Spec: :rule:`suite.report.writable`.
    """
    half = report.with_name(report.name + ".part")  # as write_sealed does
    try:
        report.unlink(missing_ok=True)
        report.parent.mkdir(parents=True, exist_ok=True)
        half.write_bytes(bytes(_PROBE_BYTES))
        half.unlink()
    except OSError as problem:
        raise UsageError(f"{report}: {problem.strerror or problem}") from problem
