"""``gritstone audit``: judge an exported store by its bundle alone; no adapter, no process.

Checks layout, completeness, digest, closure, kinds, reference names and targets, and that every object is the canonical
encoding of its value. If a runtime was started on the store, its history is judged too. The model's reader and checker
find the defects; this module maps them to cases.
"""

from __future__ import annotations

import argparse
import hashlib
import mmap
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gritstone_conformance.attachment.target import Target
from gritstone_conformance.auditing.histories import history_outcomes, history_words, touched_profiles
from gritstone_conformance.auditing.images import image_lines
from gritstone_conformance.auditing.objects import audit_outcomes
from gritstone_conformance.auditing.pictures import draw_history
from gritstone_conformance.auditing.processes import over_processes
from gritstone_conformance.auditing.unordered import Reading, order_lines, order_outcome, read_bundle, with_file_ids
from gritstone_conformance.commands.mapping import mapped
from gritstone_conformance.errors import UsageError
from gritstone_conformance.files import write_file
from gritstone_conformance.model.bundle import Bundle
from gritstone_conformance.model.continuing import check_continued
from gritstone_conformance.model.evidence import History, has_history, open_history
from gritstone_conformance.model.findings import in_order
from gritstone_conformance.model.history import Verdict, check_history
from gritstone_conformance.model.refusals import Refusal
from gritstone_conformance.model.spreading import Spread
from gritstone_conformance.model.values import Step
from gritstone_conformance.planning.context import RunContext, header_line
from gritstone_conformance.planning.settings import RunSettings
from gritstone_conformance.planning.suite import load_data
from gritstone_conformance.replies import Json
from gritstone_conformance.reporting.console import terminal_width
from gritstone_conformance.reporting.messages import Teller, expected_lines, known_failures, opening_lines
from gritstone_conformance.results.expect_files import expectations_of
from gritstone_conformance.results.judgement import Judgement, Scope, judge_run
from gritstone_conformance.results.outcomes import Outcome
from gritstone_conformance.results.report import footer_line, remove_old, timestamp, write_report
from gritstone_conformance.rules import RuleBook
from gritstone_conformance.running.outcome_builder import OutcomeBuilder
from gritstone_conformance.running.verification import foreseen
from gritstone_conformance.text import counted, say

__all__ = ["run_command"]


def run_command(options: argparse.Namespace) -> int:
    """Audit the bundle that the options name, write the report, and return the exit code."""
    data, started = load_data(), timestamp()
    context = RunContext(Target("audit"), settings=RunSettings(expect=expectations_of(options.expect)))
    remove_old(options.report)
    spread = over_processes(options.jobs)
    if options.html is not None:
        remove_old(options.html)
    with mapped(options.bundle) as raw:
        reading = _read(raw, options, spread)
        bundle = reading.bundle
        outcomes = audit_outcomes(bundle, data.book)
        outcomes += (order_outcome(OutcomeBuilder(data.book), bundle),) if options.lenient else ()
        iut: dict[str, Json] = {"bundle": _digest(bundle, raw)}
        has_readable = not reading.judged.defects and has_history(reading.judged)
        judged = _judge_history(options, reading, spread, data.book) if has_readable else _Judged(_summary(bundle))
        bundle.data = b""  # the map is closed with this block
    outcomes += judged.outcomes
    header = header_line(data.book, data.vectors.digest, context, iut, started)
    header |= {"lenient": True} if options.lenient else {}
    outcomes, stale = foreseen(data, header, outcomes)
    judgement = judge_run(outcomes, data.book, judged.profiles, (), Scope(whole=False), stale)
    write_report(options.report, header, outcomes, footer_line(outcomes, judgement, 0, timestamp()))
    teller = Teller(data.book, {}, header, options.report.parent, terminal_width())
    lines = [f"{options.bundle}: {line}" if number else line for number, line in enumerate(opening_lines(header))]
    lines += order_lines(bundle)
    for outcome in outcomes:
        lines += teller.block(outcome, {}) if outcome.verdict == "fail" and outcome.expected is None else []
    lines += [*expected_lines(outcomes, stale), *judged.lines, *_write_picture(options.html, judged.picture)]
    state = _state(outcomes, judgement)
    tail = f"   exit {judgement.exit}" if judgement.exit else ""
    for line in (*lines, f"bundle {state} · {judged.summary}{tail}   {options.report}"):
        say(line)
    return judgement.exit


@dataclass(frozen=True, slots=True)
class _Judged:
    """What became of the history of a bundle.

    Attributes:
        summary: the summary of the audit.
        outcomes: one for each check.
        profiles: the profiles of which something was checked.
        lines: lines about its image.
        picture: the page with its picture if one is asked for, or None.
    """

    summary: str
    outcomes: tuple[Outcome, ...] = ()
    profiles: tuple[str, ...] = ("grit",)
    lines: tuple[str, ...] = ()
    picture: str | None = None


def _judge_history(options: argparse.Namespace, reading: Reading, spread: Spread, book: RuleBook) -> _Judged:
    verdict = check_history(reading.judged, at_rest=options.at_rest, spread=spread)
    before = None
    if options.before is not None:
        before = _ask_continued(options.before, verdict, lenient=options.lenient)
    found = history_outcomes(verdict, OutcomeBuilder(book), at_rest=options.at_rest, before=before)
    summary = history_words(reading.judged, verdict, at_rest=options.at_rest, is_continued=before is not None)
    return _Judged(
        summary,
        tuple(with_file_ids(outcome, reading.ids) for outcome in found),
        ("grit", "wit", "runtime", *sorted(touched_profiles(verdict))),
        tuple(image_lines(verdict)),
        draw_history(options.bundle.name, summary, verdict, before, reading.ids) if options.html is not None else None,
    )


def _write_picture(path: Path | None, picture: str | None) -> list[str]:
    """Write the page with the picture of a history, and return the line that says why there is none."""
    if path is None:
        return []
    if picture is None:
        return [f"{path}: not written, because the bundle has no history that can be read"]
    write_file(path, picture)
    return []


def _read(raw: bytes | mmap.mmap, options: argparse.Namespace, spread: Spread) -> Reading:
    try:
        return read_bundle(raw, lenient=options.lenient, spread=spread)
    except Refusal as refusal:
        raise UsageError(f"{options.bundle}: cannot be read leniently: {refusal.defects[0].words}") from refusal


def _state(outcomes: Sequence[Outcome], judgement: Judgement) -> str:
    """Return the state of a bundle in words; known faults do not make it legal."""
    known, stale = len(known_failures(outcomes)), len(judgement.stale)
    failed = judgement.unexpected - stale + known
    words = [f"not legal: {failed} of {counted(len(outcomes), 'check')} failed" if failed else "ok"]
    words += [f"{known} known"] if known else []
    words += [counted(stale, "stale entry", "stale entries")] if stale else []
    return ", ".join(words)


def _ask_continued(path: Path, verdict: Verdict, *, lenient: bool = False) -> History:
    """Add the findings of check 15 to a verdict, and return the history of the earlier export; raises UsageError."""
    with mapped(path) as raw:
        earlier = read_bundle(raw, lenient=lenient).judged
        if earlier.defects or not has_history(earlier):
            raise UsageError(f"{path}: contains defects or no history; audit it separately first")
        if verdict.history is None or earlier.format is not verdict.history.shelf.format:
            raise UsageError(f"{path}: its format differs from that of the later export")
        first = open_history(earlier)
        verdict.findings = in_order([*verdict.findings, *check_continued(first, verdict.history)])
        earlier.data = b""  # the map is closed with this block
        return first


def _summary(bundle: Bundle) -> str:
    tombstones = len(bundle.places) - bundle.objects
    kinds = Counter(type(shape) for shape in bundle.shapes.values())
    words = (
        bundle.format.name if bundle.format is not None else "no known format",
        counted(bundle.objects, "object"),
        counted(tombstones, "tombstone"),
        counted(len(bundle.references), "reference"),
        counted(kinds[Step], "step"),
    )
    return " · ".join(words)


def _digest(bundle: Bundle, raw: bytes | mmap.mmap) -> str:
    """Return the digest in the bundle if it is correct, else the SHA-256 of the file."""
    if bundle.readable and not any(defect.rule == "grit.bundle.verify" for defect in bundle.defects):
        return bytes(raw[-32:]).hex()
    return hashlib.sha256(raw).hexdigest()
