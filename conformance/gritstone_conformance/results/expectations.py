"""Expected failures: the entries of an implementer's file, and the conditions that make an entry stale.

An entry names cases, a signature and a reason. It covers the failures that it names only while it is completely
correct: a *stale* entry covers nothing and counts against the run itself. Pure; ``expect_files`` reads the file.

::

    stale if     its cases pass, or fail with another signature, or more or fewer of them fail than it states;
                 its last day is over; an earlier entry covers the same; no case has its name or judges its rule

Cases that were not run (another shard, a filter) do not make an entry stale: it may be correct with them.

Spec: :rule:`suite.expect.strict`, :rule:`suite.expect.claim`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any, Final

from gritstone_conformance.errors import DataError
from gritstone_conformance.replies import Json
from gritstone_conformance.results.outcomes import OWN_FAULT, Outcome
from gritstone_conformance.text import counted, printable

__all__ = [
    "KINDS",
    "Expectation",
    "Expectations",
    "Flaw",
    "Stale",
    "blamed_rule",
    "foresee",
    "is_glob",
    "quoted",
    "signature_of",
    "weigh",
]

KINDS: Final = ("bug", "wontfix", "out-of-scope", "suite-dispute")
"""Why a failure is expected."""

_MEMBERS: Final = ("case", "rule", "signature", "kind", "reason", "issue", "expires", "matches")


def signature_of(outcome: Outcome) -> str:
    """Return the identity of a failure: the signature of a ``fail``, the cause of an ``error``."""
    return (outcome.signature if outcome.verdict == "fail" else outcome.cause) or ""


def blamed_rule(outcome: Outcome) -> str:
    """Return the rule that a failure counts against: the violated one, else the first that the case judges."""
    return outcome.rule or outcome.rules[0]


def is_glob(name: str) -> bool:
    """Return whether a case name is a pattern."""
    return any(sign in name for sign in "*?[")


def quoted(text: str) -> str:
    """Return a text as a TOML string on one line."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


@dataclass(frozen=True, slots=True)
class Expectation:
    """One entry of the file.

    Attributes:
        signature: of the failures that it covers.
        kind: ``bug``, ``wontfix``, ``out-of-scope`` or ``suite-dispute``.
        reason: why they are expected, for readers.
        case: name of a case, or a glob; None when ``rule`` is given.
        rule: the rule that the failures count against.
        issue: the URL of the discussion.
        expires: the last day (``YYYY-MM-DD``) on which it holds.
        matches: how many cases it covers; None: one.
        lines: its line numbers: ``first``, ``last``, and the line of each key.
    """

    signature: str
    kind: str
    reason: str
    case: str | None = None
    rule: str | None = None
    issue: str | None = None
    expires: str | None = None
    matches: int | None = None
    lines: Mapping[str, int] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The case, glob or rule that it names."""
        return self.case or self.rule or ""

    @property
    def key(self) -> tuple[str, str, str]:
        """The value that must differ between any two entries."""
        return self.case or "", self.rule or "", self.signature

    def selects(self, name: str, rules: Collection[str]) -> bool:
        """Return whether it names a case with this name that judges or violates these rules."""
        if self.case is not None:
            return name == self.case or (is_glob(self.case) and fnmatchcase(name, self.case))
        return self.rule is not None and self.rule in rules

    def foresees(self, outcome: Outcome) -> bool:
        """Return whether it names this failure, regardless of the day and the number of failures."""
        failed = outcome.verdict in ("fail", "error")
        return failed and signature_of(outcome) == self.signature and self.selects(outcome.case, [blamed_rule(outcome)])

    def words(self) -> str:
        """Return kind, last day, reason and issue as text that is safe to print."""
        until = f" until {self.expires}" if self.expires else ""
        issue = f" ({printable(self.issue)})" if self.issue else ""
        return f"{self.kind}{until}: {printable(self.reason)}{issue}"

    def to_json(self) -> dict[str, Json]:
        """Return the entry as it is stored in a report."""
        members = {name: getattr(self, name) for name in _MEMBERS if getattr(self, name) is not None}
        return {**members, "lines": dict(self.lines)}

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> Expectation:
        """Build from the stored form; raises DataError for an invalid entry."""
        try:
            return cls(**members)
        except TypeError as problem:
            raise DataError(f"invalid entry of expected failures: {problem}") from problem


@dataclass(frozen=True, slots=True)
class Expectations:
    """A file of expected failures.

    Attributes:
        file: its path, as on the command line.
        sha256: of its bytes, in hex.
        entries: in their order.
    """

    file: str
    sha256: str
    entries: tuple[Expectation, ...]

    def to_json(self) -> dict[str, Json]:
        """Return the header member ``expect``."""
        return {"file": self.file, "sha256": self.sha256, "entries": [entry.to_json() for entry in self.entries]}

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> Expectations:
        """Build from the header member; raises DataError."""
        try:
            entries = tuple(Expectation.from_json(entry) for entry in members["entries"])
            return cls(members["file"], members["sha256"], entries)
        except (KeyError, TypeError) as problem:
            raise DataError(f"invalid member `expect`: {problem!r}") from problem

    def entry_for(self, outcome: Outcome, today: str) -> Expectation | None:
        """Return the first entry valid today that names a failure; it may prove stale at the end."""
        valid = (entry for entry in self.entries if entry.expires is None or today <= entry.expires)
        return next((entry for entry in valid if entry.foresees(outcome)), None)


@dataclass(frozen=True, slots=True)
class Flaw:
    """A fault of one entry.

    Attributes:
        entry: the entry.
        why: the fault, as text that is safe to print.
        changes: the changes that correct it: a key and its new value as TOML, or None for a value that the user must
            choose. If it is empty, the entry must be removed.
    """

    entry: Expectation
    why: str
    changes: Mapping[str, str | None] = field(default_factory=dict)

    def stale(self, file: str) -> Stale:
        """Return it as a report shows it."""
        at = f"{printable(file)}:{self.entry.lines.get('first', 1)}"
        return Stale(at, printable(self.entry.title), self.why, tuple(self._patch()))

    def _patch(self) -> Iterator[str]:
        lines, last = self.entry.lines, self.entry.lines.get("last", 1)
        if not self.changes:
            yield f"- lines {lines.get('first', 1)}-{last}"
        for key, now in self.changes.items():
            was = getattr(self.entry, key)
            if key in lines:
                yield f"- {lines[key]}: {key} = {printable(quoted(was) if key == 'signature' else str(was))}"
            if now is not None:
                yield f"+ {lines.get(key, last + 1)}: {key} = {printable(now)}"


@dataclass(frozen=True, slots=True)
class Stale:
    """An entry that is no longer correct, as a report shows it.

    Attributes:
        at: ``file:line`` of the entry.
        entry: the case, glob or rule that it names.
        why: its fault.
        patch: the lines to change: ``- lines 12-18``, or ``- 14: old`` and ``+ 14: new``.
    """

    at: str
    entry: str
    why: str
    patch: tuple[str, ...]

    def to_json(self) -> dict[str, Json]:
        """Return the item of the footer member ``stale``."""
        return {"at": self.at, "entry": self.entry, "why": self.why, "patch": list(self.patch)}

    @classmethod
    def from_json(cls, members: Mapping[str, Any]) -> Stale:
        """Build from the footer; raises DataError."""
        try:
            return cls(members["at"], members["entry"], members["why"], tuple(members["patch"]))
        except (KeyError, TypeError) as problem:
            raise DataError(f"invalid stale entry: {problem!r}") from problem

    def lines(self) -> list[str]:
        """Return it as readable lines."""
        return [f"STALE {self.at}   {self.entry}   {self.why}", *(f"      {line}" for line in self.patch)]


def foresee(
    expectations: Expectations, outcomes: Sequence[Outcome], known: Mapping[str, Sequence[str]], today: str
) -> tuple[tuple[Outcome, ...], tuple[Stale, ...]]:
    """Judge every entry by a run, and mark the failures that correct entries cover.

    Args:
        expectations: the file.
        outcomes: settled outcomes of the run.
        known: every case of this suite, run or not, and the rules that it judges.
        today: the day of the run, ``YYYY-MM-DD``.

    Returns:
        The outcomes, with ``expected`` set exactly on those that an entry covers; and the stale entries.
    """
    right, flaws = weigh(expectations, outcomes, known, today)
    marked = (
        replace(outcome, expected=right[outcome.case].to_json() if outcome.case in right else None)
        for outcome in outcomes
    )
    return tuple(marked), tuple(flaw.stale(expectations.file) for flaw in flaws)


def weigh(
    expectations: Expectations, outcomes: Sequence[Outcome], known: Mapping[str, Sequence[str]], today: str
) -> tuple[dict[str, Expectation], list[Flaw]]:
    """Return the correct entries by the case that each covers, and the flaws of the others; see :func:`foresee`.

    Each failure belongs to one entry: the first correct one that names it.
    """
    outcomes = [outcome for outcome in outcomes if outcome.cause != OWN_FAULT]  # as if they had not been run
    look = _Look(expectations, outcomes, known, today)
    right: dict[str, Expectation] = {}
    flaws: list[Flaw] = []
    for index, entry in enumerate(expectations.entries):
        flaw = look.at(index, entry, right)
        if flaw is None:
            right |= {outcome.case: entry for outcome in outcomes if entry.foresees(outcome)}
        else:
            flaws.append(flaw)
    return right, flaws


class _Look:
    """A run that entries are compared with."""

    def __init__(
        self,
        expectations: Expectations,
        outcomes: Sequence[Outcome],
        known: Mapping[str, Sequence[str]],
        today: str,
    ) -> None:
        self._entries = expectations.entries
        self._outcomes = outcomes
        self._known = known
        self._today = today
        seen = {outcome.case for outcome in outcomes}
        self._unasked = {name: tuple(rules) for name, rules in known.items() if name not in seen}
        if any(not _is_of_audit(name) for name in self._unasked):  # a watch sees only its part of a run
            watches = (out for out in outcomes if out.kind == "watch" and out.verdict != "fail")
            self._unasked |= {watch.case: watch.rules for watch in watches}

    def at(self, index: int, entry: Expectation, right: Mapping[str, Expectation]) -> Flaw | None:
        """Return what is wrong with an entry, or None."""
        first = next((other for other in self._entries[:index] if other.key == entry.key), None)
        mine = [outcome for outcome in self._outcomes if entry.foresees(outcome)]
        first = first or next((right[outcome.case] for outcome in mine if outcome.case in right), None)
        if first is not None:
            return Flaw(entry, f"already covered by the entry of line {first.lines.get('first', 1)}")
        asked = [out for out in self._outcomes if entry.selects(out.case, {*out.rules, blamed_rule(out)})]
        if not asked and not any(entry.selects(name, rules) for name, rules in self._known.items()):
            return Flaw(entry, _unknown(entry))
        if entry.expires is not None and self._today > entry.expires:
            return Flaw(entry, f"expired on {entry.expires}: fix the failure, or set a later day", {"expires": None})
        most, least = len(mine) + self._unasked_count(entry), len(mine)
        if least <= (entry.matches or 1) <= most:
            return None
        return self._counted_otherwise(entry, mine) if mine else self._gone(entry, asked)

    def _unasked_count(self, entry: Expectation) -> int:
        """Return how many cases that were not run it may name; any case may violate a rule of ``harness``."""
        if entry.rule is not None and entry.rule.startswith("harness."):
            return len(self._unasked)
        return sum(1 for name, rules in self._unasked.items() if entry.selects(name, rules))

    @staticmethod
    def _counted_otherwise(entry: Expectation, mine: Sequence[Outcome]) -> Flaw:
        names = " ".join(outcome.case for outcome in mine[:3]) + (" …" if len(mine) > 3 else "")
        why = f"expects {counted(entry.matches or 1, 'failure')}, found {len(mine)}: {names}"
        return Flaw(entry, why, {"matches": str(len(mine))})

    def _gone(self, entry: Expectation, asked: Sequence[Outcome]) -> Flaw:
        """Return the flaw of an entry if none of its cases fails as it states."""
        named = (out for out in asked if out.verdict in ("fail", "error"))
        others = [
            out
            for out in named
            if entry.selects(out.case, [blamed_rule(out)]) and not any(one.foresees(out) for one in self._entries)
        ]
        signatures = sorted({signature_of(out) for out in others})
        if len(signatures) == 1:
            changes: dict[str, str | None] = {"signature": quoted(signatures[0])}
            if len(others) != (entry.matches or 1):
                changes["matches"] = str(len(others))
            return Flaw(entry, "fails with another signature now", changes)
        if signatures:
            return Flaw(entry, f"fails with other signatures now: {'; '.join(map(printable, signatures))}")
        skipped = [out for out in asked if out.verdict == "skip"]
        if asked and len(skipped) == len(asked):
            return Flaw(entry, f"is skipped now: {printable(skipped[0].reason or '')}")
        return Flaw(entry, "passes now" if entry.rule is None else "no case violates the rule in this way now")


def _is_of_audit(name: str) -> bool:
    return "/audit/" in name


def _unknown(entry: Expectation) -> str:
    if entry.rule is not None:
        return "no case judges a rule of this name"
    return "no case matches" if is_glob(entry.title) else "no case has this name"
