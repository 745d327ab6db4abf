"""Messages: plain text lines about failures, made from report lines alone.

Selects the failures that are shown in full (the smallest case of each rule and signature, at most ten) and defines the
texts. ``conclusions`` makes the last lines of a run; ``console`` shows lines.
"""

from __future__ import annotations

import json
import shlex
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from gritstone_conformance.attachment.base64url import NotCanonicalError, decode_bytes
from gritstone_conformance.cases import Case
from gritstone_conformance.replies import Json
from gritstone_conformance.results.excerpts import cut_middle, show_difference, show_request, show_value
from gritstone_conformance.results.expectations import Expectation, Stale, blamed_rule
from gritstone_conformance.results.outcomes import CUTS, Outcome
from gritstone_conformance.rules import RuleBook
from gritstone_conformance.text import counted, plain, printable, unfolded

__all__ = [
    "FOLLOWS",
    "LAST_REPORT",
    "SHOWN",
    "Teller",
    "expected_lines",
    "found_word",
    "is_asked",
    "known_failures",
    "known_line",
    "opening_lines",
    "signature_key",
    "smallest_of_each",
    "subject_name",
    "unsupported_operation",
    "weight",
]

SHOWN: Final = 10
"""How many signatures are shown in full."""
_MESSAGE: Final = 500  # characters of the message of a refusal; a report contains fewer
FOLLOWS: Final = ", which failed with the same reply to the same request"
LAST_REPORT: Final = Path(".gritstone/report.jsonl")
"""Where ``verify`` writes and ``show`` reads by default."""


def opening_lines(header: Mapping[str, Json]) -> list[str]:
    """Return the two lines about the suite and the implementation."""
    shard = header["shard"]
    first = [
        f"gritstone {header['suite']}",
        f"spec {header['spec']}",
        f"vectors {header['vectors'][:8]}",
        f"seed {header['seed']}",
        header["profile"],
        *([f"shard {shard[0]}/{shard[1]}"] if shard[1] > 1 else []),
        *(["blind"] if header.get("blind") else []),
        *(["lenient"] if header.get("lenient") else []),
    ]
    return [" · ".join(first), subject_line(header["iut"])]


def subject_line(iut: Json) -> str:
    """Return the line about the judged implementation and its claims, or about the bundle."""
    if iut is None:
        return "no implementation: hello was not answered"
    if "bundle" in iut:
        return f"bundle {iut['bundle']}"
    who = iut["implementation"]
    claims = (" ".join(iut[name]) or f"no {name}" for name in ("formats", "profiles", "features"))
    return " · ".join([f"{subject_name(iut)} ({printable(who['language'])})", *map(plain, claims)])


def subject_name(iut: Json) -> str:
    """Return name and version of an implementation, safe to print."""
    if iut is None or "bundle" in iut:
        return "the bundle" if iut else "nothing"
    return printable(f"{iut['implementation']['name']} {iut['implementation']['version']}", 80)


def known_failures(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Return the failures that an entry of the file of expected failures covers."""
    return [outcome for outcome in outcomes if outcome.expected is not None]


def known_line(outcome: Outcome, entry: Expectation, more: int = 0) -> str:
    """Return the line about failures that an entry covers.

    Args:
        outcome: one of the failures.
        entry: the entry.
        more: the number of further failures.
    """
    others = f" and {more} more" if more else ""
    return f"KNOWN {blamed_rule(outcome):<27} {outcome.case}{others}   {entry.words()}"


def expected_lines(outcomes: Iterable[Outcome], stale: Sequence[Stale]) -> list[str]:
    """Return a line for each entry that covers failures, and the changes that correct stale entries."""
    groups: dict[str, list[Outcome]] = {}
    for outcome in known_failures(outcomes):
        groups.setdefault(json.dumps(outcome.expected, sort_keys=True), []).append(outcome)
    lines = [
        known_line(found[0], Expectation.from_json(found[0].expected or {}), len(found) - 1)
        for found in groups.values()
    ]
    return [*lines, *(line for entry in stale for line in entry.lines())]


def is_asked(outcome: Outcome, asked: str) -> bool:
    """Return whether a failure counts against a rule that a glob matches."""
    return outcome.verdict != "fail" or fnmatchcase(blamed_rule(outcome), asked)


def smallest_of_each(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Return the smallest failed or broken case of each rule and signature, in order of appearance.

    Failures are first, and among these those of MUST rules.

    Rejects that do not count because of their twins are left out: the failure of the twin is the one to fix. Known
    failures are also left out.
    """
    groups: dict[tuple[str, ...], Outcome] = {}
    for outcome in outcomes:
        if outcome.verdict not in ("fail", "error") or outcome.cause == "twin" or outcome.expected is not None:
            continue
        key = signature_key(outcome)
        if key not in groups or weight(outcome) < weight(groups[key]):
            groups[key] = outcome
    return sorted(groups.values(), key=_urgency)


def _urgency(outcome: Outcome) -> tuple[bool, bool]:
    return outcome.verdict != "fail", outcome.level != "MUST"


def found_word(outcome: Outcome, header: Mapping[str, Json]) -> str | None:
    """Return the argument of ``gritstone replay`` for a counterexample: its digits, or its path elsewhere."""
    if outcome.found is None:
        return None
    if "folder" in header:
        return f"{header['folder']}/{outcome.found}"
    return outcome.found.rpartition("/")[2].removesuffix(".json")


def unsupported_operation(outcome: Outcome) -> str | None:
    """Return the operation that the case needs, if it fails because the adapter replies ``unsupported`` to it."""
    first = outcome.divergence
    if outcome.verdict != "fail" or first is None or not isinstance(first.got, dict) or "unsupported" not in first.got:
        return None
    return None if first.path or "unsupported" in (first.expected or ()) else first.op


def signature_key(outcome: Outcome) -> tuple[str, ...]:
    """Return the key that groups failures: by rule and signature, or by an operation that is not supported."""
    operation = unsupported_operation(outcome)
    if operation is not None:
        return "unsupported", operation
    if outcome.verdict == "fail":
        return "fail", outcome.rule or "", outcome.signature or ""
    return "error", outcome.cause or ""


def weight(outcome: Outcome) -> tuple[int, int, str]:
    """Return the key by which the smallest of several failures is chosen: steps, arguments, name."""
    divergence = outcome.divergence
    return (divergence.steps, len(str(divergence.args)), outcome.case) if divergence else (0, 0, outcome.case)


class Teller:
    """Formats failures, with the texts of rules, the twins, and the command that repeats a failure."""

    def __init__(
        self, book: RuleBook, cases: Mapping[str, Case], header: Mapping[str, Json], home: Path, width: int
    ) -> None:
        self._book = book
        self._judging = book.judging(header.get("spec", book.spec))
        self._cases = cases
        self._header = header
        self._home = home
        self._width = max(60, width)

    def block(self, outcome: Outcome, verdicts: Mapping[str, str], *, replay: str | None = None) -> list[str]:
        """Return the lines about one failed or broken case.

        Args:
            outcome: the case.
            verdicts: case names to known verdicts, to show whether the twin passed.
            replay: the argument of ``gritstone replay``; default: the found file, or the name of the vector.
        """
        rule = self._book.rules.get(outcome.rule or outcome.rules[0])
        lines = [self._title(outcome)]
        if rule is not None and (outcome.verdict == "fail" or outcome.divergence is not None):
            lines += textwrap.wrap(rule.text, self._width - 2, initial_indent="  ", subsequent_indent="  ")
        if outcome.divergence is not None:
            lines += self._difference_lines(outcome)
        operation = unsupported_operation(outcome)
        if operation is not None:
            lines += self._labelled(
                "advice", f"a claim in `hello` requires {operation}: implement it, or remove the claim"
            )
        if outcome.shrink_cut is not None:
            lines += self._labelled("cut short", CUTS[outcome.shrink_cut])
        if outcome.detail:
            first, *log = unfolded(outcome.detail)
            lines += self._wrapped("detail", printable(first, 12 * self._width))
            lines += [f"{'':<15}{cut_middle(printable(line, 4 * self._width), self._width - 15)}" for line in log]
        if outcome.poisoned_by is not None:
            lines += self._labelled("poisoned by", outcome.poisoned_by)
        if outcome.may_follow_from is not None:
            lines += self._labelled("may follow", f"from {outcome.may_follow_from}{FOLLOWS}")
        lines += self._twin_lines(outcome, verdicts)
        return lines + self._again_lines(outcome, replay)

    def _title(self, outcome: Outcome) -> str:
        note = f"   ({outcome.level})"
        if outcome.verdict == "fail" and not self._judging.scores(blamed_rule(outcome)):
            note += f"   (not scored: newer than spec {self._judging.spec})"
        if outcome.verdict == "error":
            return f"ERROR {outcome.case}   {printable(outcome.cause or '')}{note}"
        shrunk = ""
        if outcome.divergence is not None and outcome.shrunk_from not in (None, outcome.divergence.steps):
            shrunk = f"   shrunk: {counted(outcome.shrunk_from or 0, 'request')} -> {outcome.divergence.steps}"
        return f"FAIL {outcome.rule:<28} {outcome.case}{shrunk}{note}"

    def _difference_lines(self, outcome: Outcome) -> list[str]:
        divergence = outcome.divergence
        assert divergence is not None
        room = self._width - 15
        place = f"step {divergence.step + 1} of {divergence.steps}"
        lines = [f"  {place:<12} {show_request(divergence.op, divergence.args, room)}"]
        for label, text in show_difference(divergence.path, divergence.expected, divergence.got, room):
            lines += self._labelled(label, text)
        if divergence.message:
            lines += self._wrapped("message", printable(divergence.message, _MESSAGE))
        return lines

    def _twin_lines(self, outcome: Outcome, verdicts: Mapping[str, str]) -> list[str]:
        twin = self.twin_words(outcome, verdicts)
        return [] if twin is None else self._labelled("twin", twin)

    def twin_words(self, outcome: Outcome, verdicts: Mapping[str, str]) -> str | None:
        """Return the twin of a reject, whether it passed, and the edit; None for a case without twin."""
        case = self._cases.get(outcome.case)
        if case is None or case.twin is None:
            return None
        state = {"pass": " passes", None: ""}.get(verdicts.get(case.twin), " does not pass")
        return f"{case.twin}{state} ({edit_words(case)})"

    def _again_lines(self, outcome: Outcome, replay: str | None) -> list[str]:
        command = self.again(outcome, replay)
        return [] if command is None else self._labelled("again", command)

    def again(self, outcome: Outcome, replay: str | None = None) -> str | None:
        """Return the command that repeats a failure, or None in an audit; arguments are those of :meth:`block`."""
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

    def _wrapped(self, label: str, text: str) -> list[str]:
        first, *more = textwrap.wrap(text, self._width - 15) or [""]
        return [*self._labelled(label, first), *(f"{'':<15}{line}" for line in more)]

    @staticmethod
    def _labelled(label: str, text: str) -> list[str]:
        return [f"  {label:<12} {text}"]


def edit_words(case: Case) -> str:
    """Return a description of the difference between a reject and its twin."""
    edit = case.edit or {}
    if "at" not in edit:
        was, now = show_value(edit.get("was"), 40), show_value(edit.get("now"), 40)
        return f"{edit.get('arg')}{edit.get('path', '')}: {was} -> {now}"
    try:
        was, now = (cut_middle(decode_bytes(edit[name]).hex() or "nothing", 24) for name in ("was", "now"))
    except NotCanonicalError:
        return "an invalid edit"
    return f"offset {edit['at']}: {was} -> {now}"
