"""Reports: JSON lines, a header, one line per case, and a footer that seals them.

Defines the form and the validity of a report. A report without a footer, or with a wrong number of lines or a wrong
hash, is rejected, so that an interrupted run cannot look complete. Everything shown to users is made from these lines.

Invariant: two ``gate`` runs of one command over the same data differ only in ``today``, ``started``, ``finished``,
``times`` and the seal.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from gritstone_conformance.errors import DataError, UsageError
from gritstone_conformance.files import check_writable, write_file
from gritstone_conformance.replies import Json
from gritstone_conformance.results.expectations import Expectations, Stale
from gritstone_conformance.results.judgement import Judgement, Scope, judge_run, verdict_root
from gritstone_conformance.results.outcomes import Outcome
from gritstone_conformance.results.report_lines import check_line, parse_line
from gritstone_conformance.rules import RuleBook
from gritstone_conformance.text import json_plain

__all__ = [
    "Conclusion",
    "Report",
    "footer_line",
    "read_report",
    "rejudge",
    "remove_old",
    "timestamp",
    "write_report",
    "write_sealed",
]

_PROBE_BYTES: Final = 1 << 16
"""Written in advance to check that a report can be written; this also detects a full disk."""

_T = TypeVar("_T")
_U = TypeVar("_U")


@dataclass(frozen=True, slots=True)
class Report:
    """A valid report.

    Attributes:
        header: the header line.
        outcomes: the case lines, in order.
        footer: the footer line.
    """

    header: Mapping[str, Json]
    outcomes: tuple[Outcome, ...]
    footer: Mapping[str, Json]

    @property
    def profiles(self) -> tuple[str, ...]:
        """The claimed profiles; empty for an audit or when there was no hello."""
        return tuple((self.header["iut"] or {}).get("profiles", ()))

    @property
    def expectations(self) -> Expectations | None:
        """The file of expected failures that the run was given, or None."""
        return Expectations.from_json(self.header["expect"]) if "expect" in self.header else None

    @property
    def features(self) -> tuple[str, ...]:
        """The claimed features."""
        return tuple((self.header["iut"] or {}).get("features", ()))

    @property
    def claims(self) -> tuple[str, ...]:
        """The claimed formats and features, which the ``needs`` of a rule may name."""
        return (*(self.header["iut"] or {}).get("formats", ()), *self.features)


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The result of a run.

    Attributes:
        header: the header of its report.
        outcomes: its settled outcomes.
        judgement: the conclusions for rules and profiles.
        report: where its report was written.
        asked: the glob of the requested rules.
    """

    header: Mapping[str, Json]
    outcomes: Sequence[Outcome]
    judgement: Judgement
    report: Path
    asked: str = "*"


def timestamp() -> str:
    """Return the current time as reports write it: UTC, milliseconds, a final Z."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def footer_line(outcomes: Sequence[Outcome], judgement: Judgement, restarts: int, finished: str) -> dict[str, Json]:
    """Return the footer without its seal; ``lines`` counts the header and the cases."""
    return {
        "type": "footer",
        "lines": 1 + len(outcomes),
        "cases": dict(judgement.cases),
        "rules": judgement.rule_counts(),
        **({"unasked": dict(judgement.unasked)} if judgement.unasked else {}),
        "conforms": dict(judgement.conforms),
        "unexpected": judgement.unexpected,
        **({"stale": [entry.to_json() for entry in judgement.stale]} if judgement.stale else {}),
        "restarts": restarts,
        "verdicts": verdict_root(outcomes),
        "exit": judgement.exit,
        "finished": finished,
    }


def write_report(
    path: Path, header: Mapping[str, Json], outcomes: Iterable[Outcome], footer: Mapping[str, Json]
) -> None:
    """Write and seal a report; the file appears completely or not at all.

    Raises:
        UsageError: it cannot be written there.
    """
    write_sealed(path, header, (outcome.to_json() for outcome in outcomes), footer)


def write_sealed(
    path: Path, header: Mapping[str, Json], lines: Iterable[Mapping[str, Json]], footer: Mapping[str, Json]
) -> None:
    """Write lines between a header and a footer that seals them; the file appears completely or not at all.

    Raises:
        UsageError: it cannot be written there.
    """
    body = b"".join(_line(part) for part in (header, *lines))
    sealed = _line({**footer, "sha256": hashlib.sha256(body).hexdigest()})
    write_file(path, body + sealed)


def read_report(path: Path) -> Report:
    """Read a report and check its seal.

    Raises:
        UsageError: it cannot be read.
        DataError: it is not a report, is incomplete, was changed after it was sealed, or has an invalid line.
    """
    try:
        raw = path.read_bytes()
    except OSError as problem:
        raise UsageError(f"{path}: {problem.strerror or problem}") from problem
    rows = raw.splitlines(keepends=True)
    lines = [_checked(parse_line, row, number, path) for number, row in enumerate(rows, 1)]
    if not lines or lines[0].get("type") != "header" or lines[0].get("report") != 1:
        raise DataError(f"{path}: not a report: the first line is not a header")
    _check_seal(lines[-1], rows, path)
    outcomes: list[Outcome] = []
    for number, line in enumerate(lines, 1):
        if line.get("type") != ("header" if number == 1 else "footer" if number == len(lines) else "case"):
            raise DataError(f"{path}: line {number} is not a case line")
        _checked(check_line, line, number, path)
        outcomes += [_checked(Outcome.from_json, line, number, path)] if line["type"] == "case" else []
    return Report(lines[0], tuple(outcomes), lines[-1])


def rejudge(report: Report, book: RuleBook) -> Judgement:
    """Return the judgement of a report; its exit code and its count are those that the report states."""
    footer = report.footer
    conforms = footer["conforms"]
    judgement = judge_run(
        report.outcomes,
        book.judging(report.header["spec"]),
        report.profiles,
        report.claims,
        Scope(tuple(conforms), bool(conforms)),
        tuple(map(Stale.from_json, footer.get("stale", ()))),
    )
    return replace(judgement, unexpected=footer["unexpected"], exit=footer["exit"])


def remove_old(report: Path) -> None:
    """Remove an older report, so that an interrupted run leaves none, and check that a new one can be written.

    Raises:
        UsageError: it cannot be written; nothing was run yet.

    Spec: :rule:`suite.report.writable`.
    """
    check_writable(report, bytes(_PROBE_BYTES))


def _check_seal(footer: Mapping[str, Any], rows: list[bytes], path: Path) -> None:
    if footer.get("type") != "footer" or not rows[-1].endswith(b"\n"):
        raise DataError(f"{path}: not sealed: the last line is not a footer; the run was interrupted")
    if footer.get("lines") != len(rows) - 1:
        raise DataError(f"{path}: the footer states {footer.get('lines')} lines, the file has {len(rows) - 1}")
    if footer.get("sha256") != hashlib.sha256(b"".join(rows[:-1])).hexdigest():
        raise DataError(f"{path}: the seal does not match: the report was changed")


def _checked(check: Callable[[_T], _U], given: _T, number: int, path: Path) -> _U:
    try:
        return check(given)
    except DataError as problem:
        raise DataError(f"{path}: line {number} {problem}") from problem


def _line(members: Mapping[str, Json]) -> bytes:
    return json_plain(json.dumps(members, separators=(",", ":"), ensure_ascii=False)).encode() + b"\n"
