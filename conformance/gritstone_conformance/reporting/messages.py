"""Messages: what people are told about a run, as plain lines, made from report lines alone.

Decides which failures are shown in full (the smallest case of each rule and signature, at most ten), and the words.
Where and how lines appear is the console's business.
"""

from __future__ import annotations

import json
import re
import shlex
import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from gritstone_conformance.attachment.base64url import BadSpelling, decode_bytes
from gritstone_conformance.cases import Case
from gritstone_conformance.replies import Json
from gritstone_conformance.reporting.excerpts import cut_middle, show_difference, show_request, show_value
from gritstone_conformance.rules import RuleBook
from gritstone_conformance.running.expectations import Expectation, Stale, blamed_rule
from gritstone_conformance.running.outcomes import VERDICTS, Outcome
from gritstone_conformance.running.verdicts import UNCLAIMED, Judgement
from gritstone_conformance.text import counted, printable, unfolded

__all__ = [
    "SHOWN",
    "Teller",
    "closing_lines",
    "expected_lines",
    "found_digits",
    "known_failures",
    "known_line",
    "opening_lines",
    "profile_lines",
    "signature_key",
    "skip_words",
    "smallest_of_each",
    "subject_name",
    "verdict_words",
]

SHOWN: Final = 10
"""How many signatures are shown in full."""

_LACKING: Final = re.compile(rf"\b(?:format|feature|profile) (\S+) {UNCLAIMED}$")  # also in the reason of a twin


def opening_lines(header: Mapping[str, Json]) -> list[str]:
    """Return the two lines that say what was run on what."""
    shard = header["shard"]
    first = [
        f"gritstone {header['suite']}",
        f"spec {header['spec']}",
        f"vectors {header['vectors'][:8]}",
        f"seed {header['seed']}",
        header["profile"],
        *([f"shard {shard[0]}/{shard[1]}"] if shard[1] > 1 else []),
    ]
    return [" · ".join(first), subject_line(header["iut"])]


def subject_line(iut: Json) -> str:
    """Return the line that says what was judged: an implementation and its claims, or a bundle."""
    if iut is None:
        return "no implementation: hello was not answered"
    if "bundle" in iut:
        return f"bundle {iut['bundle']}"
    who = iut["implementation"]
    claims = (" ".join(iut[name]) or f"no {name}" for name in ("formats", "profiles", "features"))
    return " · ".join([f"{subject_name(iut)} ({printable(who['language'])})", *map(printable, claims)])


def subject_name(iut: Json) -> str:
    """Return name and version of an implementation, safe to print."""
    if iut is None or "bundle" in iut:
        return "the bundle" if iut else "nothing"
    return printable(f"{iut['implementation']['name']} {iut['implementation']['version']}", 80)


def profile_lines(outcomes: Sequence[Outcome], judgement: Judgement) -> list[str]:
    """Return lines for each profile: rules passed, cases by verdict, seconds spent in cases, reasons of skips.

    Rules passed are counted against those that are required; where no claim follows, against those that were asked.
    """
    lines = []
    for profile in sorted({outcome.profile for outcome in outcomes}, key=lambda name: (name != "harness", name)):
        mine = [outcome for outcome in outcomes if outcome.profile == profile]
        if all(outcome.verdict == "skip" and outcome.reason == f"profile {profile} {UNCLAIMED}" for outcome in mine):
            lines.append(f"{profile:<8} is not claimed: {counted(len(mine), 'case')} not asked")
            continue
        tally = Counter(outcome.verdict for outcome in mine)
        counts = "   ".join(f"{tally[verdict]} {verdict}" for verdict in VERDICTS)
        seconds = sum(outcome.seconds for outcome in mine)
        lines.append(f"{profile:<8} {_rule_words(profile, judgement)}   {counts}   {seconds:.1f} s in cases")
        lines += [f"{'':<8} {words}" for words in skip_words(mine)]
    return lines


def _rule_words(profile: str, judgement: Judgement) -> str:
    verdicts = [judgement.rules.get(rule) for rule in judgement.required.get(profile, ())]
    if not judgement.conforms:  # a part of the cases: what was not asked has not failed
        asked = [verdict for verdict in verdicts if verdict not in (None, "skip")]
        return f"{asked.count('pass')}/{len(asked)} rules asked"
    return f"{verdicts.count('pass')}/{len(verdicts)} rules"


def closing_lines(
    header: Mapping[str, Json], outcomes: Sequence[Outcome], judgement: Judgement, where: str
) -> list[str]:
    """Return the lines that say what follows; a claim names all that it rests on."""
    tail = f"   exit {judgement.exit}" if judgement.exit else ""
    lines = [*_remarks(outcomes, judgement), *(line for entry in judgement.stale for line in entry.told())]
    return [*lines, f"{'; '.join(verdict_words(header, outcomes, judgement))}{tail}   {where}"]


def verdict_words(header: Mapping[str, Json], outcomes: Sequence[Outcome], judgement: Judgement) -> list[str]:
    """Return what follows from a run, in clauses; a claim names all that it rests on.

    Spec: :rule:`suite.report.scoped`.
    """
    iut = header["iut"]
    if judgement.exit == 3:
        return [f"nothing was judged: {_nothing_words(iut)}"]
    name = subject_name(iut)
    parts = []
    counts = _count_words(outcomes, judgement)
    if counts:
        parts.append(", ".join(counts))
    good = ", ".join(profile for profile, yes in judgement.conforms.items() if yes)
    bad = ", ".join(profile for profile, yes in judgement.conforms.items() if not yes)
    if good:
        scope = f"{' '.join(iut['formats'])}; suite {header['suite']}, vectors {header['vectors'][:8]}"
        parts.append(f"{name} conforms to {good} of spec {header['spec']} ({scope})")
    if bad:
        parts.append(f"{name} does not conform to {bad} of spec {header['spec']}")
    if not judgement.conforms and "bundle" not in iut:
        parts.append("a part of the cases: no claim follows")
    return parts


def _count_words(outcomes: Sequence[Outcome], judgement: Judgement) -> list[str]:
    """Return how many rules fail and cases broke unforeseen, how many failures are known, and stale entries."""
    known, stale = known_failures(outcomes), len(judgement.stale)
    words = []
    if judgement.unexpected > stale:
        unforeseen = [outcome for outcome in outcomes if outcome.expected is None]
        failing = len(_failing(unforeseen, "MUST") or _failing(unforeseen, "SHOULD"))
        errors = sum(1 for outcome in unforeseen if outcome.verdict == "error")
        words += [counted(failing, "rule fails", "rules fail"), counted(errors, "error")]
    words += [f"{len(known)} known"] if known else []
    return words + ([counted(stale, "stale entry", "stale entries")] if stale else [])


def known_failures(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Return the failures that the implementer's file foresaw."""
    return [outcome for outcome in outcomes if outcome.expected is not None]


def known_line(outcome: Outcome, entry: Expectation, more: int = 0) -> str:
    """Return the line about failures that an entry foresees.

    Args:
        outcome: one of them.
        entry: what foresees them.
        more: how many there are beside it.
    """
    others = f" and {more} more" if more else ""
    return f"KNOWN {blamed_rule(outcome):<27} {outcome.case}{others}   {entry.words()}"


def expected_lines(outcomes: Iterable[Outcome], stale: Sequence[Stale]) -> list[str]:
    """Return a line for each entry that foresaw failures, and what to change where entries are stale."""
    groups: dict[str, list[Outcome]] = {}
    for outcome in known_failures(outcomes):
        groups.setdefault(json.dumps(outcome.expected, sort_keys=True), []).append(outcome)
    lines = [
        known_line(found[0], Expectation.from_json(found[0].expected or {}), len(found) - 1)
        for found in groups.values()
    ]
    return [*lines, *(line for entry in stale for line in entry.told())]


def _remarks(outcomes: Sequence[Outcome], judgement: Judgement) -> list[str]:
    """Return what stands between the profiles and the claim."""
    lines = []
    uncovered = [rule for rules in judgement.required.values() for rule in rules if rule not in judgement.rules]
    if judgement.conforms and uncovered and judgement.exit != 3:
        count = counted(len(uncovered), "required rule")
        lines.append(f"{count} without a case in this suite: {' '.join(uncovered[:5])}")
    failed = _failing(outcomes, "SHOULD")
    if failed:
        lines.append(f"{counted(len(failed), 'SHOULD')} not kept: {' '.join(sorted(failed))}")
    lines += _error_counts(outcomes)
    unproven = sum(1 for outcome in outcomes if outcome.cause == "twin")
    if unproven:
        lines.append(f"{counted(unproven, 'case')} answered as expected but not counted: the twin did not pass")
    return lines


def _error_counts(outcomes: Iterable[Outcome]) -> list[str]:
    """Return how many cases broke with each cause that is shown once for all of them."""
    unforeseen = (outcome for outcome in outcomes if outcome.verdict == "error" and outcome.expected is None)
    causes = Counter(outcome.cause or "" for outcome in unforeseen)
    shown = ((cause, number) for cause, number in sorted(causes.items()) if cause not in ("twin", "not-started"))
    return [f"{number} cases with error {printable(cause)}" for cause, number in shown if number > 1]


def _failing(outcomes: Iterable[Outcome], level: str) -> set[str]:
    return {outcome.rule or "" for outcome in outcomes if outcome.verdict == "fail" and outcome.level == level}


def _nothing_words(iut: Json) -> str:
    if iut is None:
        return "hello was never answered"
    if not iut.get("profiles", True):
        return "no profile is claimed; claim `grit` in `hello`, then `gritstone doctor` tells what is not right yet"
    return "no case was executed of a profile that is claimed or was asked for"


def smallest_of_each(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Return the smallest failed or broken case of each rule and signature, failures first, in order of appearance.

    Rejects that do not count because of their twins are left out: what broke the twin is what to look at. Known
    failures are left out, too.
    """
    groups: dict[tuple[str, ...], Outcome] = {}
    for outcome in outcomes:
        if outcome.verdict not in ("fail", "error") or outcome.cause == "twin" or outcome.expected is not None:
            continue
        key = signature_key(outcome)
        if key not in groups or _weight(outcome) < _weight(groups[key]):
            groups[key] = outcome
    return sorted(groups.values(), key=lambda outcome: (outcome.verdict != "fail", outcome.level != "MUST"))


def found_digits(outcome: Outcome) -> str | None:
    """Return the digits by which ``gritstone replay`` finds a counterexample, wherever the report lies."""
    return None if outcome.found is None else outcome.found.rpartition("/")[2].removesuffix(".json")


def signature_key(outcome: Outcome) -> tuple[str, ...]:
    """Return what failures are grouped by."""
    if outcome.verdict == "fail":
        return "fail", outcome.rule or "", outcome.signature or ""
    return "error", outcome.cause or ""


def _weight(outcome: Outcome) -> tuple[int, int, str]:
    told = outcome.divergence
    return (told.steps, len(str(told.args)), outcome.case) if told else (0, 0, outcome.case)


def skip_words(outcomes: Iterable[Outcome]) -> list[str]:
    """Return in lines why cases were skipped: first what is not claimed, then everything else."""
    claims: Counter[str] = Counter()
    others: Counter[str] = Counter()
    for outcome in outcomes:
        if outcome.verdict == "skip" and outcome.reason:
            match = _LACKING.search(outcome.reason)
            (claims if match else others)[match[1] if match else outcome.reason] += 1
    told = (("not claimed: ", ", ", claims), ("skipped: ", "; ", others))
    return [label + sep.join(f"{n} × {what}" for what, n in sorted(some.items())) for label, sep, some in told if some]


class Teller:
    """Tells failures: it knows the rules' sentences, the twins, and the command to see a failure again."""

    def __init__(
        self, book: RuleBook, cases: Mapping[str, Case], header: Mapping[str, Json], home: Path, width: int
    ) -> None:
        self._book = book
        self._cases = cases
        self._header = header
        self._home = home
        self._width = max(60, width)

    def block(self, outcome: Outcome, verdicts: Mapping[str, str], *, replay: str | None = None) -> list[str]:
        """Return the lines about one failed or broken case.

        Args:
            outcome: the case.
            verdicts: case names to verdicts, as far as they are known, to say whether the twin passed.
            replay: what to give to ``gritstone replay``; default: the found file, or the name of the vector.
        """
        rule = self._book.rules.get(outcome.rule or outcome.rules[0])
        lines = [self._title(outcome)]
        if rule is not None and (outcome.verdict == "fail" or outcome.divergence is not None):
            lines += textwrap.wrap(rule.text, self._width - 2, initial_indent="  ", subsequent_indent="  ")
        if outcome.divergence is not None:
            lines += self._difference_lines(outcome)
        if outcome.detail:
            first, *log = unfolded(outcome.detail)
            lines += self._labelled("detail", printable(first, 2 * self._width))
            lines += [f"{'':<15}{cut_middle(printable(line, 4 * self._width), self._width - 15)}" for line in log]
        if outcome.poisoned_by is not None:
            lines += self._labelled("poisoned by", outcome.poisoned_by)
        lines += self._twin_lines(outcome, verdicts)
        return lines + self._again_lines(outcome, replay)

    def _title(self, outcome: Outcome) -> str:
        note = "" if outcome.level == "MUST" else f"   ({outcome.level})"
        if outcome.verdict == "error":
            return f"ERROR {outcome.case}   {printable(outcome.cause or '')}{note}"
        shrunk = ""
        if outcome.shrunk_from is not None and outcome.divergence is not None:
            shrunk = f"   shrunk: {counted(outcome.shrunk_from, 'request')} -> {outcome.divergence.steps}"
        return f"FAIL {outcome.rule:<28} {outcome.case}{shrunk}{note}"

    def _difference_lines(self, outcome: Outcome) -> list[str]:
        told = outcome.divergence
        assert told is not None
        room = self._width - 15
        place = f"step {told.step + 1} of {told.steps}"
        lines = [f"  {place:<12} {show_request(told.op, told.args, room)}"]
        for label, text in show_difference(told.path, told.expected, told.got, room):
            lines += self._labelled(label, text)
        return lines

    def _twin_lines(self, outcome: Outcome, verdicts: Mapping[str, str]) -> list[str]:
        twin = self.twin_words(outcome, verdicts)
        return [] if twin is None else self._labelled("twin", twin)

    def twin_words(self, outcome: Outcome, verdicts: Mapping[str, str]) -> str | None:
        """Return the twin of a reject, whether it passed and what was edited; None for a case without twin."""
        case = self._cases.get(outcome.case)
        if case is None or case.twin is None:
            return None
        state = {"pass": " passes", None: ""}.get(verdicts.get(case.twin), " does not pass")
        return f"{case.twin}{state} ({edit_words(case)})"

    def _again_lines(self, outcome: Outcome, replay: str | None) -> list[str]:
        command = self.again(outcome, replay)
        return [] if command is None else self._labelled("again", command)

    def again(self, outcome: Outcome, replay: str | None = None) -> str | None:
        """Return the command that shows a failure again, or None in an audit; arguments are those of :meth:`block`."""
        if "bundle" in (self._header["iut"] or {}):
            return None
        what = replay or (str(self._home / outcome.found) if outcome.found else outcome.case)
        if what == outcome.case and what not in self._cases:
            return f"gritstone verify -k {shlex.quote(outcome.case)} {self._attach()}"
        return f"gritstone replay {shlex.quote(what)} {self._attach()}"

    def _attach(self) -> str:
        if self._header["attach"] == "stdio":
            return f"--iut {shlex.quote(shlex.join(self._header['command']))}"
        return f"--connect {shlex.quote(self._header['attach'])}"

    @staticmethod
    def _labelled(label: str, text: str) -> list[str]:
        return [f"  {label:<12} {text}"]


def edit_words(case: Case) -> str:
    """Return in words how a reject differs from its twin."""
    edit = case.edit or {}
    if "at" not in edit:
        was, now = show_value(edit.get("was"), 40), show_value(edit.get("now"), 40)
        return f"{edit.get('arg')}{edit.get('path', '')}: {was} -> {now}"
    try:
        was, now = (cut_middle(decode_bytes(edit[name]).hex() or "nothing", 24) for name in ("was", "now"))
    except BadSpelling:
        return "an edit off form"
    return f"offset {edit['at']}: {was} -> {now}"
