"""Material: the data of a page, derived from the lines of a report and the rules that they name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gritstone_conformance.planning.suite import SuiteData
from gritstone_conformance.reporting.messages import Teller, subject_name
from gritstone_conformance.results.judgement import Judgement
from gritstone_conformance.results.outcomes import Outcome
from gritstone_conformance.results.report import Report, rejudge
from gritstone_conformance.rules import RuleBook

__all__ = ["WIDEST", "Material", "duration", "gather"]

WIDEST = 600
"""Maximum number of characters of one value on a page."""


@dataclass(frozen=True, slots=True)
class Material:
    """A report, prepared for a page.

    Attributes:
        report: its lines.
        book: the rules, judged by the report's spec version.
        judgement: the conclusions from the lines.
        teller: formats failures, without file paths.
        verdicts: cases to verdicts.
        notes: remarks at the top of the page.
        by_rule: rules to the cases that judge them, in the order of the report.
    """

    report: Report
    book: RuleBook
    judgement: Judgement
    teller: Teller
    verdicts: Mapping[str, str]
    notes: tuple[str, ...] = ()
    by_rule: Mapping[str, list[Outcome]] = field(default_factory=dict)

    @property
    def subject(self) -> str:
        """Name and version of the judged implementation, or the name of the bundle."""
        return subject_name(self.report.header["iut"])

    @property
    def is_audit(self) -> bool:
        """Whether a bundle was judged instead of an implementation."""
        return "bundle" in (self.report.header["iut"] or {})


def gather(report: Report, data: SuiteData) -> Material:
    """Return the material for the page of a report."""
    header = report.header
    same = header["vectors"] == data.vectors.digest
    by_rule: dict[str, list[Outcome]] = {}
    for outcome in report.outcomes:
        for rule in outcome.rules:
            by_rule.setdefault(rule, []).append(outcome)
    return Material(
        report=report,
        book=data.book.judging(header["spec"]),
        judgement=rejudge(report, data.book),
        teller=Teller(data.book, data.vectors.by_name() if same else {}, header, Path(), WIDEST),
        verdicts={outcome.case: outcome.verdict for outcome in report.outcomes},
        notes=tuple(_notes(report, data)),
        by_rule=by_rule,
    )


def _notes(report: Report, data: SuiteData) -> Iterator[str]:
    if report.header["rules"] != data.book.digest:
        yield "The rules of the report differ from those of the suite that made this page; texts may differ."
    if report.header["vectors"] != data.vectors.digest:
        yield "The vectors of the report differ from those of the suite that made this page; twins are not shown."
    if report.header["shard"][1] > 1:
        yield f"This is part {report.header['shard'][0]} of {report.header['shard'][1]} of a run."


def duration(seconds: float) -> str:
    """Return a readable duration: ``320 ms``, ``4.1 s``, ``3 min 20 s``."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms" if seconds >= 0.01 else f"{seconds * 1000:.1f} ms"
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds) // 60} min {int(seconds) % 60} s"
