"""``gritstone accept``: write the failures of a report to the file of expected failures.

Writes one entry for each rule and signature, with the number of its cases. Corrects an entry with the wrong number of
the same failures; ``--prune`` removes other stale entries. Everything else in the file remains unchanged, and a failure
that an entry already names is not written again.

Spec: :rule:`suite.expect.strict`.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from gritstone_conformance.errors import UsageError
from gritstone_conformance.files import write_file
from gritstone_conformance.planning.suite import known_cases, load_data
from gritstone_conformance.replies import Json
from gritstone_conformance.results.expect_edits import with_changes, with_entries
from gritstone_conformance.results.expect_files import NEVER, ExpectFile, parse_expectations, read_expectations
from gritstone_conformance.results.expectations import Expectation, Flaw, blamed_rule, signature_of, weigh
from gritstone_conformance.results.judgement import counts_against
from gritstone_conformance.results.outcomes import Outcome
from gritstone_conformance.results.report import Report, read_report
from gritstone_conformance.text import counted, say

__all__ = ["default_file", "run_command"]

_DAYS: Final = 90
"""How long a bug is expected if no date is given."""


def run_command(options: argparse.Namespace) -> int:
    """Write the entries; return 0, or 1 if stale entries remain in the file."""
    report = read_report(options.report)
    path = options.into or default_file(report.header)
    data = load_data()
    book = data.book.judging(report.header["spec"])
    failed = [outcome for outcome in report.outcomes if counts_against(outcome, book, strict=options.strict)]
    never = [outcome for outcome in failed if outcome.cause in NEVER]
    if never:
        raise UsageError(f"{options.report}: {counted(len(never), 'case')} not run: their result is unknown")
    before = read_expectations(path) if path.exists() else parse_expectations(path, b"")
    work = _Accepting(options, report, known_cases(data), before)
    work.correct()
    work.add(failed)
    if work.file.lines != before.lines:
        write_file(path, "".join(work.file.lines))
    for line in work.lines():
        say(line)
    return 1 if work.flaws() else 0


def default_file(header: Mapping[str, Json]) -> Path:
    """Return the file that the run used, if it exists, else ``NAME.expect.toml`` in the current directory."""
    given = Path(header.get("expect", {}).get("file", ""))
    if given.is_file():
        return given
    name = (header["iut"] or {}).get("implementation", {}).get("name", "audit")
    return Path(f"{re.sub(r'[^A-Za-z0-9_-]+', '-', name).strip('-') or 'iut'}.expect.toml")


class _Accepting:
    """The file while it is changed; every change is parsed again, so that only a valid file is written."""

    def __init__(
        self, options: argparse.Namespace, report: Report, known: Mapping[str, Sequence[str]], file: ExpectFile
    ) -> None:
        self._options = options
        self._report = report
        self._known = known
        self._today = str(report.header["today"])
        self._counts = {"added": 0, "changed": 0, "removed": 0}
        self._expires = options.expires
        if self._expires is not None and self._expires < self._today:
            raise UsageError(f"--expires {self._expires}: the day is before {self._today}, the day of the report")
        self.file = file

    def flaws(self) -> list[Flaw]:
        """Return the flaws of the current entries."""
        return self._weighed()[1]

    def correct(self) -> None:
        """Correct counts, renew days if ``--expires`` is given, and remove other stale entries with ``--prune``."""
        while changes := [(flaw.entry, values) for flaw in self.flaws() if (values := self._values(flaw)) is not None]:
            self._counts["changed"] += sum(1 for _, values in changes if values)
            self._counts["removed"] += sum(1 for _, values in changes if not values)
            self._read(with_changes(self.file, changes))

    def add(self, failed: Sequence[Outcome]) -> None:
        """Add entries for the failures that no entry of the file names."""
        entries = self.file.expectations.entries
        unnamed = [outcome for outcome in failed if not any(entry.foresees(outcome) for entry in entries)]
        added = [entry for group in _groups(unnamed) for entry in self._entries_for(group)]
        self._counts["added"] += len(added)
        self._read(with_entries(self.file, added))

    def lines(self) -> Iterator[str]:
        """Yield lines about the changes made and the stale entries left."""
        done = [f"{count} {what}" for what, count in self._counts.items() if count]
        yield f"{self.file.path}: {', '.join(done) if done else 'nothing to change'}"
        flaws = self.flaws()
        for flaw in flaws:
            yield from flaw.stale(self.file.expectations.file).lines()
        if flaws:
            yield f"{counted(len(flaws), 'stale entry', 'stale entries')} left: change the lines, or use --prune"

    def _weighed(self) -> tuple[dict[str, Expectation], list[Flaw]]:
        return weigh(self.file.expectations, self._report.outcomes, self._known, self._today)

    def _values(self, flaw: Flaw) -> dict[str, str] | None:
        """Return the new values for an entry, an empty dict to remove it, or None to keep it."""
        if set(flaw.changes) == {"matches"}:
            return {key: value for key, value in flaw.changes.items() if value is not None}
        fails = any(flaw.entry.foresees(outcome) for outcome in self._report.outcomes)
        if "expires" in flaw.changes and fails and self._expires is not None:
            return {"expires": self._expires}
        return {} if self._options.prune else None

    def _entries_for(self, group: Sequence[Outcome]) -> Iterator[Expectation]:
        """Yield one entry for failures of one rule and signature, or one for each if another entry would overlap."""
        entry = self._entry(blamed_rule(group[0]), signature_of(group[0]))
        mine = [outcome for outcome in self._report.outcomes if entry.foresees(outcome)]
        if any(other.foresees(outcome) for other in self.file.expectations.entries for outcome in mine):
            for outcome in sorted(group, key=lambda outcome: outcome.case):
                yield replace(entry, rule=None, case=outcome.case)
        else:
            yield replace(entry, matches=len(mine))

    def _entry(self, rule: str, signature: str) -> Expectation:
        options = self._options
        expires = self._expires
        if expires is None and options.kind == "bug":
            expires = (date.fromisoformat(self._today) + timedelta(days=_DAYS)).isoformat()
        return Expectation(signature, options.kind, options.reason, rule=rule, issue=options.issue, expires=expires)

    def _read(self, text: str) -> None:
        try:
            raw = text.encode()
        except UnicodeEncodeError as problem:
            raise UsageError("--reason and --issue must be UTF-8") from problem
        self.file = parse_expectations(self.file.path, raw)


def _groups(failed: Sequence[Outcome]) -> list[list[Outcome]]:
    groups: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in failed:
        groups.setdefault((blamed_rule(outcome), signature_of(outcome)), []).append(outcome)
    return [groups[key] for key in sorted(groups)]
