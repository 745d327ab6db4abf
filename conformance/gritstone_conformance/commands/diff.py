"""``gritstone diff``: the changes of an implementation between two reports, by case and by rule.

Two cases are the same if their digests are equal. A case is *broken* if it passed before and fails or breaks now; a
profile is broken if it no longer conforms. Only these give exit code 1. ``upgrading`` compares versions of the spec.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gritstone_conformance.errors import UsageError
from gritstone_conformance.replies import Json
from gritstone_conformance.reporting.messages import subject_name
from gritstone_conformance.reporting.upgrading import compare_versions
from gritstone_conformance.results.expectations import blamed_rule, signature_of
from gritstone_conformance.results.judgement import rule_verdicts
from gritstone_conformance.results.outcomes import Outcome
from gritstone_conformance.results.report import Report, read_report
from gritstone_conformance.text import counted, printable, say

__all__ = ["Changes", "change_lines", "changes_between", "run_command"]

_BAD: Final = ("fail", "error")
_SCOPE: Final = (
    ("spec", "spec"),
    ("suite", "suite"),
    ("vectors", "vectors"),
    ("rules", "rules"),
    ("profile", "draws"),
    ("seed", "seed"),
    ("hypothesis", "hypothesis"),
)
"""Header members that identify the suite and the spec of the run, and their labels."""


def run_command(options: argparse.Namespace) -> int:
    """Compare the reports or versions that the options name; return 1 if something is broken, else 0."""
    if options.spec is not None:
        if options.reports:
            raise UsageError("--spec OLD NEW accepts no REPORT arguments: name one report with --report FILE")
        old_version, new_version = options.spec
        return compare_versions(old_version, new_version, options.report, as_json=options.json)
    if len(options.reports) != 2 or options.report is not None:
        raise UsageError("expected two reports, the old one and the new one, or --spec OLD NEW")
    old, new = (read_report(path) for path in options.reports)
    changes = changes_between(old, new)
    if options.json:
        print(json.dumps(changes.to_json(), ensure_ascii=True))
    else:
        for line in change_lines(changes):
            say(line)
    return 1 if changes.is_worse else 0


@dataclass(frozen=True, slots=True)
class Changes:
    """The changes between two reports.

    Attributes:
        scope: descriptions of the differences apart from the implementation's replies: versions, seed, drawn values.
        fixed: pairs of the old and the new outcome of cases that failed or broke before and pass now.
        broken: such pairs of cases that passed before and fail or break now.
        still: such pairs of cases that failed or broke in both reports.
        newly_failing: cases that were absent or not judged before, and fail now.
        unjudged: cases that passed or failed before and are skipped now.
        added: names of cases that are only in the new report.
        retired: names of cases that are only in the old report.
        same_cases: whether both suites have the same cases, so that added and retired cases result from the selection.
        rules: rule to its old and new verdict, if they differ; None if no case judges it.
        conforms: profile to its old and new claim, if they differ; None if nothing was claimed.
    """

    scope: tuple[str, ...]
    fixed: tuple[tuple[Outcome, Outcome], ...]
    broken: tuple[tuple[Outcome, Outcome], ...]
    still: tuple[tuple[Outcome, Outcome], ...]
    newly_failing: tuple[Outcome, ...]
    unjudged: tuple[Outcome, ...]
    added: tuple[str, ...]
    retired: tuple[str, ...]
    same_cases: bool
    rules: Mapping[str, tuple[str | None, str | None]]
    conforms: Mapping[str, tuple[bool | None, bool | None]]

    @property
    def is_worse(self) -> bool:
        """Whether something is broken."""
        return bool(self.broken) or any(pair == (True, False) for pair in self.conforms.values())

    def to_json(self) -> dict[str, Json]:
        """Return all changes as one JSON object."""
        return {
            "broken": [_failure(new) for _, new in self.broken],
            "fixed": [old.case for old, _ in self.fixed],
            "still_failing": [{**_failure(new), "was": signature_of(old)} for old, new in self.still],
            "newly_failing": [_failure(new) for new in self.newly_failing],
            "not_judged_now": [new.case for new in self.unjudged],
            "new_cases": list(self.added),
            "retired_cases": list(self.retired),
            "rules": {rule: list(pair) for rule, pair in self.rules.items()},
            "conforms": {profile: list(pair) for profile, pair in self.conforms.items()},
            "scope": list(self.scope),
            "exit": 1 if self.is_worse else 0,
        }


def changes_between(old: Report, new: Report) -> Changes:
    """Return the changes from an old report to a new one."""
    before = {outcome.digest: outcome for outcome in old.outcomes}
    after = {outcome.digest: outcome for outcome in new.outcomes}
    pairs = [(before[digest], outcome) for digest, outcome in after.items() if digest in before]
    added = [outcome for digest, outcome in after.items() if digest not in before]
    asked_now = [now for was, now in pairs if was.verdict == "skip"]
    return Changes(
        scope=tuple(_scope(old, new)),
        fixed=_where(pairs, _BAD, ("pass",)),
        broken=_where(pairs, ("pass",), _BAD),
        still=_where(pairs, _BAD, _BAD),
        newly_failing=tuple(_by_name(outcome for outcome in (*added, *asked_now) if outcome.verdict in _BAD)),
        unjudged=tuple(_by_name(now for was, now in pairs if was.verdict != "skip" and now.verdict == "skip")),
        added=tuple(sorted(outcome.case for outcome in added)),
        retired=tuple(sorted(outcome.case for digest, outcome in before.items() if digest not in after)),
        same_cases=all(old.header[name] == new.header[name] for name in ("suite", "vectors")),
        rules=_changed(rule_verdicts(old.outcomes), rule_verdicts(new.outcomes)),
        conforms=_changed(old.footer["conforms"], new.footer["conforms"]),
    )


def change_lines(changes: Changes) -> list[str]:
    """Return the changes as readable lines; the last one is a summary."""
    lines = list(changes.scope)
    lines += [f"FIXED   {blamed_rule(old):<28} {old.case}   was: {_words(old)}" for old, _ in changes.fixed]
    lines += [f"BROKEN  {blamed_rule(new):<28} {new.case}   {_words(new)}" for _, new in changes.broken]
    lines += [f"NEW     {blamed_rule(new):<28} {new.case}   {_words(new)}" for new in changes.newly_failing]
    for old, new in changes.still:
        if signature_of(old) != signature_of(new):
            lines.append(f"DIFFERS {blamed_rule(new):<28} {new.case}   was: {_words(old)}   now: {_words(new)}")
    for rule, (was, now) in changes.rules.items():
        lines.append(f"rule    {rule:<28} {was or 'no case'} -> {now or 'no case'}")
    words = {True: "conforms", False: "does not conform", None: "no claim"}
    for profile, (claim, claims) in changes.conforms.items():
        lines.append(f"profile {printable(profile):<28} {words[claim]} -> {words[claims]}")
    return [*lines, _sum(changes)]


def _sum(changes: Changes) -> str:
    other = sum(1 for old, new in changes.still if signature_of(old) != signature_of(new))
    differing = f" ({other} with another signature)" if other else ""
    parts = [
        f"{len(changes.fixed)} fixed",
        f"{len(changes.broken)} broken",
        f"{len(changes.still)} still failing{differing}",
    ]
    parts += [f"{len(changes.newly_failing)} newly failing"] if changes.newly_failing else []
    parts += [f"{len(changes.unjudged)} not judged now"] if changes.unjudged else []
    if changes.same_cases:
        one_sided = (len(changes.added), "run only now"), (len(changes.retired), "run only before")
        parts += [f"{counted(number, 'case')} {words}" for number, words in one_sided if number]
    else:
        parts += [counted(len(changes.added), "new case"), f"{len(changes.retired)} retired"]
    return "   ".join(parts) + ("   exit 1" if changes.is_worse else "")


def _scope(old: Report, new: Report) -> Iterable[str]:
    """Yield the differences between the runs apart from the replies; digests are shortened to their first digits."""
    was, now = (subject_name(report.header["iut"]) for report in (old, new))
    if was != now:
        yield f"implementation: {was} -> {now}"
    for name, words in _SCOPE:
        before, after = (printable(str(report.header[name])) for report in (old, new))
        if before != after:
            cut = 8 if name in ("vectors", "rules") else None
            yield f"{words}: {before[:cut]} -> {after[:cut]}"
    for name in ("formats", "profiles", "features"):
        before_claims, after_claims = (set((report.header["iut"] or {}).get(name, ())) for report in (old, new))
        for verb, claims in (
            ("claims", after_claims - before_claims),
            ("claims no longer", before_claims - after_claims),
        ):
            if claims:
                yield f"{verb} {name}: {' '.join(printable(claim) for claim in sorted(claims))}"


def _where(
    pairs: Sequence[tuple[Outcome, Outcome]], was: Sequence[str], now: Sequence[str]
) -> tuple[tuple[Outcome, Outcome], ...]:
    found = (pair for pair in pairs if pair[0].verdict in was and pair[1].verdict in now)
    return tuple(sorted(found, key=lambda pair: pair[1].case))


def _by_name(outcomes: Iterable[Outcome]) -> list[Outcome]:
    return sorted(outcomes, key=lambda outcome: outcome.case)


def _changed(old: Mapping[str, Json], new: Mapping[str, Json]) -> dict[str, tuple[Json, Json]]:
    names = sorted({*old, *new})
    return {name: (old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)}


def _words(outcome: Outcome) -> str:
    known = "   known" if outcome.expected is not None else ""
    return f"{'error ' if outcome.verdict == 'error' else ''}{printable(signature_of(outcome))}{known}"


def _failure(outcome: Outcome) -> dict[str, Json]:
    return {
        "case": outcome.case,
        "verdict": outcome.verdict,
        "rule": blamed_rule(outcome),
        "signature": signature_of(outcome),
        "known": outcome.expected is not None,
    }
