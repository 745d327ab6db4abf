"""``gritstone report``: print a report from its lines, and merge the reports of shards."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from gritstone_conformance.errors import DataError, UsageError
from gritstone_conformance.planning.plan import Selection, shard_of
from gritstone_conformance.planning.suite import SuiteData, load_data, plan_run
from gritstone_conformance.reporting.conclusions import ending_lines
from gritstone_conformance.reporting.console import terminal_width
from gritstone_conformance.reporting.deriving import derive
from gritstone_conformance.reporting.messages import Teller, expected_lines, opening_lines, smallest_of_each
from gritstone_conformance.results.judgement import Scope, judge_run
from gritstone_conformance.results.merging import merge_outcomes, merged_header, merged_restarts
from gritstone_conformance.results.outcomes import Outcome
from gritstone_conformance.results.report import (
    Conclusion,
    Report,
    footer_line,
    read_report,
    rejudge,
    timestamp,
    write_report,
)
from gritstone_conformance.running.verification import foreseen
from gritstone_conformance.text import say

__all__ = ["report_lines", "run_command"]


def run_command(options: argparse.Namespace) -> int:
    """Run ``gritstone report``; return the exit code that the report states."""
    reports = [read_report(path) for path in options.files]
    data = load_data()
    if options.merge is not None:
        merged = _merge(reports, data, options.merge)
        return _tell(merged, options.merge, data, options)
    if len(reports) > 1:
        raise UsageError("several reports require --merge FILE")
    return _tell(reports[0], options.files[0], data, options)


def report_lines(report: Report, path: Path, data: SuiteData, width: int) -> list[str]:
    """Return the content of a report as the lines that ``verify`` prints."""
    teller = Teller(data.book, data.vectors.by_name(), report.header, path.parent, width)
    verdicts = {outcome.case: outcome.verdict for outcome in report.outcomes}
    lines = opening_lines(report.header)
    if report.header["rules"] != data.book.digest:
        lines.append("note: the rules of the report differ from those of this suite; their texts may differ")
    for outcome in smallest_of_each(report.outcomes):
        lines += teller.block(outcome, verdicts)
    lines += expected_lines(report.outcomes, ())
    return lines + ending_lines(Conclusion(report.header, report.outcomes, rejudge(report, data.book), path))


def _tell(report: Report, path: Path, data: SuiteData, options: argparse.Namespace) -> int:
    width = terminal_width() if sys.stdout.isatty() else 120
    for line in report_lines(report, path, data, width):
        say(line)
    derive(options, path)
    code: int = report.footer["exit"]
    return code


def _merge(parts: Sequence[Report], data: SuiteData, target: Path) -> Report:
    """Write the merged report; it supports a claim only if the parts contain all cases of this suite."""
    header = merged_header(parts)
    outcomes = merge_outcomes(parts, partial(shard_of, count=len(parts)))
    if header["vectors"] != data.vectors.digest or header["rules"] != data.book.digest:
        raise DataError("the rules or vectors of the parts differ from those of this suite")
    outcomes, stale = foreseen(data, header, outcomes)
    judgement = judge_run(
        outcomes,
        data.book.judging(header["spec"]),
        parts[0].profiles,
        parts[0].claims,
        Scope(whole=_is_everything(outcomes, data, header["seed"])),
        stale,
    )
    write_report(target, header, outcomes, footer_line(outcomes, judgement, merged_restarts(parts), timestamp()))
    return read_report(target)


def _is_everything(outcomes: Sequence[Outcome], data: SuiteData, seed: int) -> bool:
    planned = {item.name for item in plan_run(data, Selection(), seed).items}
    return planned == {outcome.case for outcome in outcomes}
