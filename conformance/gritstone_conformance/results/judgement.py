"""Judgements: from settled outcomes of cases to verdicts on rules and profiles, and the exit code.

::

    rule      fail if a case failed on it, else error, else pass, else skip
    profile   conforms when each MUST that the claims touch passes, those of ``harness`` and of lower profiles included
    exit      4 the suite failed   2 usage   3 a claimed profile (or nothing) executed no case   1 unexpected   0

The first of 4, 2, 3, 1 that holds is the exit code. Pure: looks at data only.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

from gritstone_conformance.attachment.claims import PURE, covered_profiles, with_included, with_lower
from gritstone_conformance.results.expectations import Stale
from gritstone_conformance.results.outcomes import OWN_FAULT, VERDICTS, Outcome
from gritstone_conformance.rules import RuleBook

__all__ = [
    "EXIT",
    "SEARCH_OVER",
    "UNASKED",
    "UNCLAIMED",
    "Judgement",
    "Scope",
    "counts_against",
    "exit_code",
    "judge_run",
    "rule_verdicts",
    "verdict_root",
]

UNCLAIMED: Final = "is not claimed"
"""The end of a skip reason if the format, feature or profile is not claimed."""
UNASKED: Final = "is not asked for"
"""The end of a skip reason if the case requires a profile that ``--profile`` excludes."""
SEARCH_OVER: Final = "the time of the search was over"
"""The skip reason of a case that was not started before the end of a search."""
_LACKING: Final = re.compile(rf"(?:format|feature|profile) \S+ {UNCLAIMED}$")  # also in the reason of a twin
_ISOLATED: Final = "harness.state.isolated"
EXIT: Final = {"fine": 0, "unexpected": 1, "usage": 2, "nothing": 3, "suite": 4}


@dataclass(frozen=True, slots=True)
class Judgement:
    """The results of a whole run.

    Attributes:
        cases: verdict to number of cases.
        required: the MUST rules that bind the claimer, by profile.
        rules: rule id to verdict, for every rule that a case of the run judges.
        conforms: profile to claim; empty if the run was too small to support one.
        unexpected: how many cases count against the implementation, and entries of expected failures that are stale.
        exit: the exit code.
        stale: the entries that are stale.
        unscored: the rules of ``rules`` that are not part of the judged spec version.
        musts: every MUST rule of the profiles in ``required``, by profile, whatever is claimed.
        unasked: in a run of whole profiles, each rule of ``musts`` that no case tested, and why.
    """

    cases: Mapping[str, int]
    required: Mapping[str, tuple[str, ...]]
    rules: Mapping[str, str]
    conforms: Mapping[str, bool]
    unexpected: int
    exit: int
    stale: tuple[Stale, ...] = ()
    unscored: tuple[str, ...] = ()
    musts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unasked: Mapping[str, str] = field(default_factory=dict)

    def rule_counts(self) -> dict[str, int]:
        """Return how many required rules have each verdict; a rule without any case counts as ``skip``."""
        wanted = [rule for rules in self.required.values() for rule in rules]
        tally = Counter(self.rules.get(rule, "skip") for rule in wanted)
        total = len({rule for rules in self.musts.values() for rule in rules})
        return {"total": total, "required": len(wanted), **{verdict: tally[verdict] for verdict in VERDICTS}}

    def asked(self, profiles: Iterable[str], glob: str = "*") -> tuple[int, int, int]:
        """Return how many MUST rules of profiles passed, how many were tested, and how many exist."""
        rules = [rule for name in profiles for rule in self.musts.get(name, ()) if fnmatchcase(rule, glob)]
        verdicts = [self.rules.get(rule, "skip") for rule in rules]
        return verdicts.count("pass"), len(verdicts) - verdicts.count("skip"), len(rules)


def rule_verdicts(outcomes: Iterable[Outcome]) -> dict[str, str]:
    """Return the verdict of each rule that a case judges, ascending by id.

    A failed case counts against the rule that it blames. It does not judge its other rules; a rule that no other case
    judges gets ``error``. A case in which the suite failed also gives ``error``. A failure that is due to earlier cases
    (:rule:`suite.state.blamed`) was a wrong reply to its own case too, so the rules of the case do not pass: they get
    ``error``.
    """
    found: dict[str, set[str]] = {}
    for outcome in outcomes:
        if outcome.verdict == "fail" and outcome.rule is not None:
            found.setdefault(outcome.rule, set()).add("fail")
        for rule in outcome.rules:
            is_undecided = outcome.cause == OWN_FAULT or (outcome.verdict == "fail" and rule != outcome.rule)
            verdict = "undecided" if is_undecided else outcome.verdict
            if outcome.verdict == "fail" and outcome.rule == _ISOLATED and rule != _ISOLATED:
                verdict = "error"
            found.setdefault(rule, set()).add(verdict)
    order = {"fail": "fail", "error": "error", "pass": "pass", "undecided": "error", "skip": "skip"}
    return {rule: next(order[verdict] for verdict in order if verdict in found[rule]) for rule in sorted(found)}


@dataclass(frozen=True, slots=True)
class Scope:
    """Which cases a run could have, and what counts in it.

    Attributes:
        wanted: the requested profiles; empty: all claimed ones.
        whole: whether nothing but whole profiles, with all they build on, was filtered; else no claim follows.
        complete: whether each profile that was asked for had all its cases, and so executed one; None: like ``whole``.
        strict: whether SHOULD rules count like MUST rules.
    """

    wanted: Sequence[str] = ()
    whole: bool = True
    complete: bool | None = None
    strict: bool = False


def judge_run(
    outcomes: Sequence[Outcome],
    book: RuleBook,
    profiles: Sequence[str],
    claims: Sequence[str],
    scope: Scope | None = None,
    stale: Sequence[Stale] = (),
) -> Judgement:
    """Return the conclusions of a run.

    Expected failures affect only ``unexpected`` and with it the exit code (:rule:`suite.expect.claim`).

    Args:
        outcomes: settled outcomes.
        book: the rules.
        profiles: the profiles that it claims.
        claims: the features and formats that it claims.
        scope: which cases the run could have; None: all of them.
        stale: entries of expected failures that are no longer correct.
    """
    scope = scope if scope is not None else Scope()
    claims = with_included(profiles, claims)
    parts = tuple(feature for feature in PURE.values() if feature in claims)
    judged = tuple(scope.wanted) or tuple(profiles) or parts  # what is claimed without a profile is judged by itself
    rules = rule_verdicts(outcomes)
    asked = frozenset(outcome.profile for outcome in outcomes)
    bound = {name: ("harness", *_bound_by(name, claims, asked)) for name in judged}
    closed = dict.fromkeys(("harness", *(lower for below in bound.values() for lower in below)))
    required = _required(outcomes, book, closed, claims)
    musts = {name: book.musts(name) for name in closed}
    for profile, feature in PURE.items():
        if feature in judged:
            musts[feature] = tuple(rule for rule in book.musts(profile) if feature in book.rules[rule].needs)
    executed = _executed(outcomes)
    conforms = {
        name: name.partition(".")[0] in executed
        and all(rules.get(rule) == "pass" for lower in bound[name] for rule in required[lower])
        for name in (judged if scope.whole else ())
        if name != "harness"
    }
    unforeseen = (outcome for outcome in outcomes if outcome.expected is None)
    is_complete = scope.whole if scope.complete is None else scope.complete
    against = len(stale) + sum(1 for outcome in unforeseen if counts_against(outcome, book, strict=scope.strict))
    return Judgement(
        cases=_tally(outcomes),
        required=required,
        rules=rules,
        conforms=conforms,
        unexpected=against,
        exit=EXIT["suite"]
        if any(outcome.cause == OWN_FAULT for outcome in outcomes)
        else exit_code(executed, judged if is_complete else None, against),
        stale=tuple(stale),
        unscored=tuple(rule for rule in rules if not book.scores(rule)),
        musts=musts,
        unasked=_unasked(outcomes, book, musts, claims, rules) if conforms else {},
    )


def _unasked(
    outcomes: Iterable[Outcome],
    book: RuleBook,
    musts: Mapping[str, tuple[str, ...]],
    claims: Sequence[str],
    rules: Mapping[str, str],
) -> dict[str, str]:
    """Return the MUST rules that no case asked, each with the reason, ascending by rule."""
    reasons: dict[str, Counter[str]] = {}
    for outcome in outcomes:
        if outcome.verdict == "skip" and outcome.reason:
            lacking = _LACKING.search(outcome.reason)
            for rule in outcome.rules:
                reasons.setdefault(rule, Counter())[lacking[0] if lacking else outcome.reason] += 1
    found = {}
    for rule in sorted(rule for each in musts.values() for rule in each):
        if rules.get(rule, "skip") == "skip":
            lacks = sorted(set(book.rules[rule].needs) - set(claims))
            seen = reasons.get(rule, Counter())
            # Cases often exist once per format. Only if each of them lacks a format is the format the reason.
            others = Counter({why: number for why, number in seen.items() if not why.startswith("format ")}) or seen
            # What the rule itself needs is a better reason than what cases of other profiles need, too.
            others = Counter({why: seen[why] for why in others if not set(lacks).isdisjoint(why.split())}) or others
            unknown = f"{lacks[0]} {UNCLAIMED}" if lacks else "no case in this suite"
            found[rule] = others.most_common(1)[0][0] if others else unknown
    return found


def _tally(outcomes: Iterable[Outcome]) -> dict[str, int]:
    tally = Counter(outcome.verdict for outcome in outcomes)
    return {verdict: tally[verdict] for verdict in VERDICTS}


def _required(
    outcomes: Iterable[Outcome], book: RuleBook, profiles: Iterable[str], claims: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """Return the rules of each profile that its claimer has to keep, as far as a case of this run could ask them."""
    untouched = _untouched(outcomes)
    return {name: tuple(rule for rule in book.required(name, claims) if rule not in untouched) for name in profiles}


def _bound_by(profile: str, claims: Sequence[str], asked: frozenset[str]) -> tuple[str, ...]:
    """Return the profiles whose rules bind a claimer of one: those below it, and those of its features, if asked."""
    below = with_lower(profile)
    return tuple(name for name in covered_profiles(below, claims) if name in below or name in asked)


def exit_code(executed: frozenset[str], profiles: Sequence[str] | None, unexpected: int) -> int:
    """Return the exit code of a run that ended in verdicts.

    Args:
        executed: profiles of which at least one case was executed.
        profiles: the profiles that are claimed or asked for; None when only a part of the cases was selected.
        unexpected: how many cases count against the implementation, and stale entries.

    Returns:
        3 when nothing was executed, nothing is claimed or a claimed profile executed no case; else 1 or 0.
    """
    wanted = {name.partition(".")[0] for name in profiles or ()}  # of a feature that is claimed alone: its profile
    if not executed or (profiles is not None and not (wanted and executed.issuperset(wanted))):
        return EXIT["nothing"]
    return EXIT["unexpected"] if unexpected else EXIT["fine"]


def verdict_root(outcomes: Iterable[Outcome]) -> str:
    """Return the SHA-256 (hex) of the sorted lines ``digest verdict``: equal roots mean equal verdicts."""
    lines = sorted(f"{outcome.digest} {outcome.verdict}\n" for outcome in outcomes)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _executed(outcomes: Iterable[Outcome]) -> frozenset[str]:
    """Return the profiles of the executed cases; a watch asks nothing by itself."""
    return frozenset(outcome.profile for outcome in outcomes if outcome.was_executed and outcome.kind != "watch")


def _untouched(outcomes: Iterable[Outcome]) -> frozenset[str]:
    """Return the rules whose every case was skipped because it requires what is not claimed, or not asked for."""
    touched: set[str] = set()
    seen: set[str] = set()
    for outcome in outcomes:
        seen.update(outcome.rules)
        if outcome.verdict != "skip" or not (outcome.reason or "").endswith((UNCLAIMED, UNASKED)):
            touched.update(outcome.rules)
    return frozenset(seen - touched)


def counts_against(outcome: Outcome, book: RuleBook, *, strict: bool) -> bool:
    """Return whether a case counts against the implementation.

    Rules newer than the version judged by never do, and neither does a fault of the suite.
    """
    counted = ("MUST", "SHOULD") if strict else ("MUST",)
    broken = outcome.verdict in ("fail", "error") and outcome.level in counted and outcome.cause != OWN_FAULT
    return broken and book.scores(outcome.rule or outcome.rules[0])
