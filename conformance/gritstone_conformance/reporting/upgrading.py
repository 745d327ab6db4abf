"""``gritstone diff --spec``: the rules that differ between two versions of the spec.

A version is a frozen list, or the current draft. With a report, the effect of an upgrade on that implementation is
shown: rules that are newer than the judged version were also tested and have verdicts.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gritstone_conformance.attachment.claims import covered_profiles
from gritstone_conformance.errors import UsageError
from gritstone_conformance.replies import Json
from gritstone_conformance.reporting.messages import subject_name
from gritstone_conformance.results.judgement import Scope, judge_run, rule_verdicts
from gritstone_conformance.results.report import Report, read_report
from gritstone_conformance.rules import RuleBook, load_rules
from gritstone_conformance.text import counted, printable, say

__all__ = ["Preview", "VersionChange", "change_of", "compare_versions", "preview"]

_VERDICTS: Final = ("fail", "error", "not tested", "pass")
_SHOWN: Final = ("fail", "error", "not tested")


@dataclass(frozen=True, slots=True)
class VersionChange:
    """The rules that differ between two versions, ascending.

    Attributes:
        old: the old version.
        new: the new version.
        added: rules of only the new version, with their levels.
        removed: rules of only the old version, with their levels.
        levels: rule to its old and new level.
    """

    old: str
    new: str
    added: Mapping[str, str]
    removed: Mapping[str, str]
    levels: Mapping[str, tuple[str, str]]

    @property
    def demanded(self) -> tuple[str, ...]:
        """The rules that are MUST in the new version and were not in the old."""
        risen = (rule for rule, (_, level) in self.levels.items() if level == "MUST")
        return tuple(sorted([*(rule for rule, level in self.added.items() if level == "MUST"), *risen]))


@dataclass(frozen=True, slots=True)
class Preview:
    """The effect of an upgrade on one implementation.

    Attributes:
        name: its name and version.
        rules: ``pass``, ``fail``, ``error`` and ``not tested`` to the new MUST rules that bind it.
        unbound: how many new MUST rules do not bind it, because it does not make the required claim.
        conforms: profile to whether it conforms by the old and by the new version; empty if only some cases were run.
    """

    name: str
    rules: Mapping[str, tuple[str, ...]]
    unbound: int
    conforms: Mapping[str, tuple[bool, bool]]

    @property
    def is_worse(self) -> bool:
        """Whether a new rule is violated, or a profile would no longer conform."""
        lost = any(pair == (True, False) for pair in self.conforms.values())
        return lost or bool(self.rules["fail"] or self.rules["error"])


def compare_versions(old: str, new: str, report: Path | None, *, as_json: bool) -> int:
    """Show the differences between two versions; return 1 if an upgrade would break something, else 0."""
    book = load_rules()
    change = change_of(book, old, new)
    seen = None if report is None else preview(book, change, read_report(report))
    if as_json:
        print(json.dumps(_to_json(change, seen)))
    else:
        for line in (*_change_lines(change), *(() if seen is None else _preview_lines(change, seen))):
            say(line)
    return 1 if seen is not None and seen.is_worse else 0


def change_of(book: RuleBook, old: str, new: str) -> VersionChange:
    """Return the differences between two versions.

    Raises:
        UsageError: a version is unknown.
    """
    before, after = _levels(book, old), _levels(book, new)
    return VersionChange(
        old,
        new,
        added={rule: after[rule] for rule in sorted(after.keys() - before.keys())},
        removed={rule: before[rule] for rule in sorted(before.keys() - after.keys())},
        levels={
            rule: (before[rule], after[rule])
            for rule in sorted(before.keys() & after.keys())
            if before[rule] != after[rule]
        },
    )


def preview(book: RuleBook, change: VersionChange, report: Report) -> Preview:
    """Return the effect of the new version on the implementation of a report."""
    verdicts = rule_verdicts(report.outcomes)
    bound = frozenset(("harness", *covered_profiles(report.profiles, report.features)))
    claims = {*report.features, *(report.header["iut"] or {}).get("formats", ())}
    sorted_out: dict[str, list[str]] = {verdict: [] for verdict in _VERDICTS}
    unbound = 0
    for rule_id in change.demanded:
        rule = book.rules[rule_id]
        if rule.profile == "suite":
            continue
        if rule.profile not in bound or not claims.issuperset(rule.needs):
            unbound += 1
        else:
            verdict = verdicts.get(rule_id, "skip")
            sorted_out["not tested" if verdict == "skip" else verdict].append(rule_id)
    before, after = (_conforms(book, version, report) for version in (change.old, change.new))
    return Preview(
        name=subject_name(report.header["iut"]),
        rules={verdict: tuple(rules) for verdict, rules in sorted_out.items()},
        unbound=unbound,
        conforms={profile: (claim, after[profile]) for profile, claim in before.items()},
    )


def _conforms(book: RuleBook, version: str, report: Report) -> Mapping[str, bool]:
    claimed = report.footer["conforms"]
    judged = book.judging(version)
    return judge_run(
        report.outcomes, judged, report.profiles, report.claims, Scope(tuple(claimed), bool(claimed))
    ).conforms


def _levels(book: RuleBook, version: str) -> dict[str, str]:
    """Return the levels of the rules of a frozen version or of the current draft."""
    if version in book.versions:
        return {rule: level for rule, level, _ in book.versions[version]}
    if version == book.spec:
        return {rule.id: rule.level for rule in book.rules.values()}
    known = sorted({*book.versions, book.spec})
    raise UsageError(f"--spec {printable(version)}: expected one of {', '.join(known)}")


def _change_lines(change: VersionChange) -> Iterator[str]:
    for mark, rules in (("+", change.added), ("-", change.removed)):
        for rule, level in rules.items():
            yield f"{mark} {rule:<36} {level}"
    for rule, (was, now) in change.levels.items():
        yield f"~ {rule:<36} {was} -> {now}"
    counts = f"{len(change.added)} added, {len(change.removed)} removed, {len(change.levels)} changed level"
    own = sum(1 for rule in (*change.added, *change.removed, *change.levels) if rule.startswith("suite."))
    yield f"spec {change.old} -> {change.new}: {counts}" + (f" ({own} bind the suite alone)" if own else "")


def _preview_lines(change: VersionChange, seen: Preview) -> Iterator[str]:
    for verdict in _SHOWN:
        for rule in seen.rules[verdict]:
            yield f"{verdict:<10} {rule}"
    words = {True: "conforms", False: "does not conform"}
    for profile, (was, now) in seen.conforms.items():
        if was != now:
            yield f"{profile:<10} {words[was]} -> {words[now]}"
    asked = sum(map(len, seen.rules.values()))
    parts = [f"{len(seen.rules[verdict])} {verdict}" for verdict in ("pass", "fail", "error", "not tested")]
    beside = f"; {seen.unbound} more do not bind it" if seen.unbound else ""
    summary = f"of {counted(asked, 'new MUST')} that {'binds' if asked == 1 else 'bind'} it, {', '.join(parts)}{beside}"
    yield f"{seen.name} under {change.new}: {summary}{'   exit 1' if seen.is_worse else ''}"


def _to_json(change: VersionChange, seen: Preview | None) -> dict[str, Json]:
    members: dict[str, Json] = {
        "old": change.old,
        "new": change.new,
        "added": dict(change.added),
        "removed": dict(change.removed),
        "levels": {rule: list(pair) for rule, pair in change.levels.items()},
    }
    if seen is not None:
        members["upgrade"] = {
            "implementation": seen.name,
            "rules": {verdict: list(rules) for verdict, rules in seen.rules.items()},
            "unbound": seen.unbound,
            "conforms": {profile: list(pair) for profile, pair in seen.conforms.items()},
            "exit": 1 if seen.is_worse else 0,
        }
    return members
