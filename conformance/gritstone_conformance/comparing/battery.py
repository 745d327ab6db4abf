"""The battery: one command in many environments with the same requests, and a table of differing replies.

Only time-free requests are compared: their replies do not depend on a clock, a free schedule or fresh entropy. Each
condition runs in its own processes; the first condition changes nothing and shows the differences between equal runs.
Verdicts have no effect here.

Spec: :rule:`suite.battery.table`, :rule:`harness.reply.repeatable`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TextIO

from gritstone_conformance.attachment.conditions import CONDITIONS, Condition, Missing
from gritstone_conformance.attachment.process import Command
from gritstone_conformance.attachment.settings import AttachSettings
from gritstone_conformance.attachment.subject import Subject
from gritstone_conformance.comparing.transcript_recorder import record_transcript
from gritstone_conformance.comparing.transcripts import CaseTranscript, Entry, Parting, Transcript, partings
from gritstone_conformance.errors import SubjectFault, UsageError
from gritstone_conformance.planning.context import RunContext
from gritstone_conformance.planning.plan import Plan, Planned
from gritstone_conformance.planning.settings import RunSettings
from gritstone_conformance.planning.suite import load_data, plan_run
from gritstone_conformance.properties.harness.repeating import is_time_free
from gritstone_conformance.replies import Json
from gritstone_conformance.reporting.comparison import Comparison, implementation_of, report_beside
from gritstone_conformance.reporting.console import terminal_width
from gritstone_conformance.results.excerpts import show_value
from gritstone_conformance.rules import RuleBook
from gritstone_conformance.text import counted, printable
from gritstone_conformance.trial import Property

__all__ = ["Row", "run_battery"]

_EXAMPLES: Final = 3
_DRAWN: Final = ("property", "machine")  # other kinds test processes, their deaths and the wire


@dataclass(frozen=True, slots=True)
class Row:
    """The result of one condition.

    Attributes:
        condition: its name.
        cases: how many cases were compared.
        differ: how many of them had different replies.
        unlike: how many more had different requests, which properties that measure time may have.
        first: the first difference, or None.
        words: the reason why it was not tried, or the fault of the command; or None.
        tried: whether a process ran under it.
    """

    condition: str
    cases: int = 0
    differ: int = 0
    unlike: int = 0
    first: Parting | None = None
    words: str | None = None
    tried: bool = True

    @property
    def is_good(self) -> bool:
        """Whether there was no difference and no fault."""
        return not self.tried or (self.differ == 0 and self.words is None)

    def to_json(self) -> dict[str, Json]:
        """Return the line of a comparison."""
        line: dict[str, Json] = {"type": "condition", "condition": self.condition}
        if not self.tried:
            return {**line, "not_tried": self.words}
        line |= {"cases": self.cases, "differ": self.differ, "unlike": self.unlike}
        if self.words is not None:
            line["broke"] = self.words
        if self.first is not None:
            first = self.first
            where = {name: getattr(first, name) for name in ("case", "example", "step", "op", "path")}
            line["first"] = {**where, "answers": list(first.answers)}
        return line

    def lines(self) -> Iterator[str]:
        """Yield the row of the table, and the first difference below it."""
        if not self.tried:
            yield f"{self.condition:<28} {'not tried':>10}   {self.words}"
            return
        found = f"{self.differ} differ" if self.differ else "equal"
        found += f", {self.unlike} with different requests" if self.unlike else ""
        yield f"{self.condition:<28} {counted(self.cases, 'case'):>10}   {self.words or found}"
        if self.first is not None:
            first, room = self.first, terminal_width() - 15
            yield f"  {'first':<12} {first.case}, step {first.step + 1}: {first.op} {printable(first.path)}".rstrip()
            for label, answer in zip(("usual", "here"), first.answers, strict=True):
                yield f"  {label:<12} {show_value(answer, room)}"


def run_battery(context: RunContext, out: TextIO) -> int:
    """Run one command in all environments, show the table, and write it next to the report.

    Returns:
        The exit code: 0 all replies are equal; 1 some differ; 3 nothing was compared.
    """
    data, settings, target = load_data(), context.settings, context.target
    plan = _short(plan_run(data, context.selection, settings.seed))
    quiet = replace(settings, expect=None, saves=False, shrink_s=0.0)
    runner = _Runner(Command(target.command), data.book, quiet, replace(context.attach_settings, trace=None))
    comparison = Comparison("battery", settings.seed)
    print(f"\nbattery · {counted(len(plan.items), 'case')} planned, time-free requests compared", file=out)
    try:
        usual, raw = runner.run(runner.command, plan)
    except SubjectFault as problem:
        print(f"stopped: {printable(str(problem))}", file=out)
        return 3
    header = {"iut": raw, "attach": target.attach, "command": target.command}
    comparison.implementations.append(implementation_of("A", header))
    rows = []
    for condition in CONDITIONS:
        row = _tried(condition, runner, plan, usual)
        rows.append(row)
        comparison.lines.append(row.to_json())
        for line in row.lines():
            print(line, file=out, flush=True)
    code = _code(rows)
    place = report_beside(context.report, "battery")
    comparison.write(place, exit_code=code)
    print(place, file=out)
    return code


def _code(rows: list[Row]) -> int:
    if not all(row.is_good for row in rows):
        return 1
    return 0 if any(row.cases for row in rows) else 3


def _short(plan: Plan) -> Plan:
    """Return the plan with a few examples of each property without deaths and wire checks."""
    return replace(plan, items=tuple(short for item in plan.items if (short := _shortened(item)) is not None))


def _shortened(item: Planned) -> Planned | None:
    prop = item.source
    if not isinstance(prop, Property):
        return item if item.kind == "vector" else None
    if prop.kind not in _DRAWN or prop.search_only:
        return None
    return replace(item, source=replace(prop, examples=min(prop.examples or _EXAMPLES, _EXAMPLES), reach={}))


@dataclass(frozen=True, slots=True)
class _Runner:
    """Runs the plan on a fresh process of a command.

    Attributes:
        command: the command from the command line.
    """

    command: Command
    book: RuleBook
    settings: RunSettings
    attach_settings: AttachSettings

    def run(self, command: Command, plan: Plan) -> tuple[Transcript, Json]:
        """Return the requests with their replies, and the reply to hello."""
        subject, transcript = Subject(command, self.attach_settings), Transcript()
        record_transcript(transcript, plan, subject, self.book, self.settings, _nobody)
        return transcript, subject.claims.raw


def _nobody(outcome: object) -> None:
    """Report nothing."""


def _tried(condition: Condition, runner: _Runner, plan: Plan, usual: Transcript) -> Row:
    with tempfile.TemporaryDirectory(prefix="gritstone-") as place:
        made = condition.made(runner.command, Path(place))
        if isinstance(made, Missing):
            return Row(condition.name, words=made.why, tried=False)
        turned = replace(plan, items=plan.items[::-1]) if condition.is_reversed else plan
        try:
            here, _ = runner.run(made, turned)
        except (SubjectFault, UsageError) as problem:
            return Row(condition.name, words=f"does not start: {printable(str(problem))}")
    return _row(condition.name, usual, here)


def _row(name: str, usual: Transcript, here: Transcript) -> Row:
    """Compare two transcripts case by case, in the order of the first."""
    cases, unlike, differing = 0, 0, []
    for case, script in usual.scripts.items():
        other = here.scripts.get(case)
        if other is None or script.verdict == "skip":
            continue
        found = next(partings(case, script, other, until=_is_over), None) or _broken(case, script, other)
        if found is not None and found.is_asked:
            unlike += 1
            continue
        cases += 1
        differing += [found] if found is not None else []
    return Row(name, cases, len(differing), unlike, differing[0] if differing else None)


def _is_over(entry: Entry) -> bool:
    return not is_time_free(entry.op, entry.args)


def _broken(case: str, script: CaseTranscript, other: CaseTranscript) -> Parting | None:
    """Return the difference of a case in which only one of the two broke."""
    verdicts = (script.verdict, other.verdict)
    if "error" not in verdicts or verdicts == ("error", "error"):
        return None
    return Parting(case, 0, 0, "", None, "", verdicts, verdicts)
