"""Conclusions: the last lines of a run, from its outcomes to the claim and the scope of the claim.

The text about a single failure is made in ``messages``.
"""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Final

from gritstone_conformance.replies import Json
from gritstone_conformance.reporting.messages import (
    LAST_REPORT,
    known_failures,
    subject_name,
    unsupported_operation,
    weight,
)
from gritstone_conformance.results.expectations import blamed_rule
from gritstone_conformance.results.judgement import UNCLAIMED, Judgement
from gritstone_conformance.results.outcomes import OWN_FAULT, VERDICTS, Outcome
from gritstone_conformance.results.report import Conclusion
from gritstone_conformance.text import counted, plain, printable

__all__ = [
    "claim_scope",
    "closing_lines",
    "ending_lines",
    "profile_lines",
    "skip_words",
    "unasked_lines",
    "verdict_words",
]

_LACKING: Final = re.compile(rf"\b(?:format|feature|profile) (\S+) {UNCLAIMED}$")  # also in the reason of a twin


def profile_lines(outcomes: Sequence[Outcome], judgement: Judgement, asked: str = "*") -> list[str]:
    """Return lines for each profile: passed rules, cases by verdict, seconds in cases, reasons of skips.

    Passed rules are compared with the tested MUST rules, and these with all MUST rules of the profile. A profile that
    was not requested has no line if its cases pass: they run only as controls of other cases.

    Args:
        outcomes: of the run.
        judgement: the conclusions from them.
        asked: the glob of the requested rules.
    """
    lines = []
    for profile in sorted({outcome.profile for outcome in outcomes}, key=lambda name: (name != "harness", name)):
        mine = [outcome for outcome in outcomes if outcome.profile == profile]
        if all(outcome.verdict == "skip" and outcome.reason == f"profile {profile} {UNCLAIMED}" for outcome in mine):
            lines.append(f"{profile:<8} is not claimed: {counted(len(mine), 'case')} not run")
            continue
        tally = Counter(outcome.verdict for outcome in mine)
        if profile not in judgement.required and tally["pass"] == len(mine):
            continue
        counts = "   ".join(f"{tally[verdict]} {verdict}" for verdict in VERDICTS)
        seconds = sum(outcome.seconds for outcome in mine)
        lines.append(f"{profile:<8} {_rule_words(profile, judgement, asked)}; cases: {counts}   {seconds:.1f} s")
        lines += [f"{'':<8} {words}" for words in skip_words(mine)]
    return lines


def _rule_words(profile: str, judgement: Judgement, glob: str) -> str:
    passed, asked, total = judgement.asked((profile,), glob)
    return f"{asked} of {total} rules tested, {passed} pass" if asked else f"no MUST rule of {profile} tested"


def closing_lines(
    header: Mapping[str, Json], outcomes: Sequence[Outcome], judgement: Judgement, where: str, asked: str = "*"
) -> list[str]:
    """Return the lines with the conclusion; a claim names its whole scope."""
    tail = f"   exit {judgement.exit}" if judgement.exit else ""
    lines = [*_failed_rules(outcomes, judgement, where, asked), *_unscored(header, judgement, asked)]
    lines += _unsupported(outcomes)
    lines += unasked_lines(judgement) if judgement.exit != 3 else []
    lines += [*_remarks(outcomes), *(line for entry in judgement.stale for line in entry.lines())]
    own = sum(1 for outcome in outcomes if outcome.cause == OWN_FAULT)
    if own:
        lines.append(f"the suite itself failed in {counted(own, 'case')}: please report it, with {where}")
    return [*lines, f"{'; '.join(verdict_words(header, outcomes, judgement))}{tail}   {where}"]


def verdict_words(header: Mapping[str, Json], outcomes: Sequence[Outcome], judgement: Judgement) -> list[str]:
    """Return the conclusion of a run, in clauses; a claim names its whole scope.

    Spec: :rule:`suite.report.claim`.
    """
    iut = header["iut"]
    if judgement.exit == 3:
        return [f"nothing was judged: {_nothing_words(iut, outcomes)}"]
    name = subject_name(iut)
    parts = []
    counts = _count_words(outcomes, judgement)
    if counts:
        parts.append(", ".join(counts))
    good = ", ".join(profile for profile, yes in judgement.conforms.items() if yes)
    bad = ", ".join(profile for profile, yes in judgement.conforms.items() if not yes)
    if good:
        scope = f"{claim_scope(iut, judgement)}; suite {header['suite']}, vectors {header['vectors'][:8]}"
        parts.append(f"{name} conforms to {good} of spec {header['spec']} ({scope})")
    if bad:
        parts.append(f"{name} does not conform to {bad} of spec {header['spec']}")
    if not judgement.conforms and "bundle" not in (iut or {}):
        parts.append("only a part of the cases was selected, so this is not a claim")
    return parts


def claim_scope(iut: Json, judgement: Judgement) -> str:
    """Return the scope of a claim: formats, features, and the number of tested MUST rules of conforming profiles.

    Spec: :rule:`suite.report.claim`.
    """
    _, asked, total = judgement.asked(profile for profile, yes in judgement.conforms.items() if yes)
    names = (" ".join(iut[name]) or f"no {name}" for name in ("formats", "features"))
    return "; ".join([*map(plain, names), f"{asked} of {total} rules tested"])


def unasked_lines(judgement: Judgement) -> list[str]:
    """Return a line for each reason why MUST rules of the claimed profiles were not tested.

    Spec: :rule:`suite.report.unasked`.
    """
    by_reason: dict[str, list[str]] = {}
    for rule, why in judgement.unasked.items():
        by_reason.setdefault(why, []).append(rule)
    return [
        f"not tested: {counted(len(rules), 'rule')}, {printable(why)}: {' '.join(rules)}"
        for why, rules in sorted(by_reason.items())
    ]


def _count_words(outcomes: Sequence[Outcome], judgement: Judgement) -> list[str]:
    """Return the numbers of failed rules, unexpected errors, known failures and stale entries."""
    known, stale = known_failures(outcomes), len(judgement.stale)
    words = []
    if judgement.unexpected > stale:
        unforeseen = [outcome for outcome in outcomes if outcome.expected is None]
        failing = _failing(unforeseen, "MUST") or _failing(unforeseen, "SHOULD")
        errors = sum(1 for outcome in unforeseen if outcome.verdict == "error")
        words.append(counted(len(failing), "rule fails", "rules fail"))
        words.append(counted(errors, "error"))
    words += [f"{len(known)} known"] if known else []
    return words + ([counted(stale, "stale entry", "stale entries")] if stale else [])


def _remarks(outcomes: Sequence[Outcome]) -> list[str]:
    """Return the lines between the profiles and the claim."""
    lines = _error_counts(outcomes)
    unproven = sum(1 for outcome in outcomes if outcome.cause == "twin")
    if unproven:
        lines.append(f"{counted(unproven, 'case')} answered as expected but not counted: the twin did not pass")
    return lines


def _failed_rules(outcomes: Iterable[Outcome], judgement: Judgement, where: str, asked: str) -> list[str]:
    """Return one line for each failed rule, with its number of cases and the smallest of them.

    Spec: :rule:`suite.report.each-rule`.
    """
    by_rule: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.verdict == "fail":
            by_rule.setdefault(blamed_rule(outcome), []).append(outcome)
    lines = []
    for rule, failed in sorted(by_rule.items()):
        notes = {
            failed[0].level: failed[0].level != "MUST",
            "not selected": not fnmatchcase(rule, asked),
            "not scored": rule in judgement.unscored,
            "known": all(outcome.expected is not None for outcome in failed),
        }
        words = "".join(f" ({note})" for note, holds in notes.items() if holds)
        smallest = min(failed, key=weight)
        lines.append(f"{rule} fails{words} in {counted(len(failed), 'case')}: {smallest.case}")
    if any(len(failed) > 1 for failed in by_rule.values()):
        report = "" if where == str(LAST_REPORT) else f" --report {shlex.quote(where)}"
        lines.append(f"`gritstone show RULE{report}` lists the cases of a rule")
    return lines


def _unsupported(outcomes: Iterable[Outcome]) -> list[str]:
    """Return the line about operations that are claimed and not supported, each with its number of cases."""
    unforeseen = (unsupported_operation(outcome) for outcome in outcomes if outcome.expected is None)
    lacking = Counter(filter(None, unforeseen))
    if not lacking:
        return []
    return [
        f"{counted(lacking.total(), 'case fails', 'cases fail')} because the adapter replies `unsupported`: "
        + ", ".join(f"{number} × {operation}" for operation, number in lacking.most_common())
        + "; implement the operation, remove the claim that requires it, or select other cases with -k"
    ]


def _unscored(header: Mapping[str, Json], judgement: Judgement, asked: str) -> list[str]:
    """Return the results of the rules that are newer than the judged version: they run, but are not scored.

    Spec: :rule:`suite.rules.frozen`.
    """
    verdicts = {rule: judgement.rules[rule] for rule in judgement.unscored if fnmatchcase(rule, asked)}
    scored = {rule: verdict for rule, verdict in verdicts.items() if verdict != "skip"}
    if not scored:
        return []
    tally = Counter(scored.values())
    words = [f"{tally[verdict]} {verdict}" for verdict in VERDICTS if tally[verdict]]
    bad = "".join(f" {rule}" for rule, verdict in scored.items() if verdict != "pass")
    newer = counted(len(scored), "rule is", "rules are")
    return [f"{newer} newer than spec {header['spec']} and not scored: {', '.join(words)}{':' if bad else ''}{bad}"]


def _error_counts(outcomes: Iterable[Outcome]) -> list[str]:
    """Return the number of cases for each cause of an error that is shown only once."""
    unforeseen = (outcome for outcome in outcomes if outcome.verdict == "error" and outcome.expected is None)
    causes = Counter(outcome.cause or "" for outcome in unforeseen)
    shown = ((cause, number) for cause, number in sorted(causes.items()) if cause not in ("twin", "not-started"))
    return [f"{number} cases with error {printable(cause)}" for cause, number in shown if number > 1]


def _failing(outcomes: Iterable[Outcome], level: str) -> set[str]:
    return {outcome.rule or "" for outcome in outcomes if outcome.verdict == "fail" and outcome.level == level}


def _nothing_words(iut: Json, outcomes: Sequence[Outcome]) -> str:
    if iut is None:
        return "no reply to hello"
    if not iut.get("profiles", True):
        return "no profile is claimed; claim `grit` in `hello`, then `gritstone doctor` shows the first wrong replies"
    if not outcomes:
        return "no case was selected; check the names after -k, --rule and --profile"
    return "no case of a claimed or requested profile was executed"


def skip_words(outcomes: Iterable[Outcome]) -> list[str]:
    """Return lines with the reasons of skips: first everything that is not claimed, then other reasons."""
    claims: Counter[str] = Counter()
    others: Counter[str] = Counter()
    for outcome in outcomes:
        if outcome.verdict == "skip" and outcome.reason:
            match = _LACKING.search(outcome.reason)
            (claims if match else others)[match[1] if match else outcome.reason] += 1
    kinds = (("not claimed: ", ", ", claims), ("skipped: ", "; ", others))
    return [label + sep.join(f"{n} × {what}" for what, n in sorted(some.items())) for label, sep, some in kinds if some]


def ending_lines(ended: Conclusion) -> list[str]:
    """Return the lines of profiles and the conclusion; without a reply to ``hello`` only the conclusion."""
    header, outcomes, judgement = ended.header, ended.outcomes, ended.judgement
    profiles = [] if header["iut"] is None else profile_lines(outcomes, judgement, ended.asked)
    return [*profiles, *closing_lines(header, outcomes, judgement, str(ended.report), ended.asked)]
