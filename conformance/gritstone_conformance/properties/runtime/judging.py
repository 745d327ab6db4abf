"""Judging a store by what it holds: export, check, and the suite's own list of what it sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from gritstone_conformance.judge import Difference
from gritstone_conformance.model.bundle import scan
from gritstone_conformance.model.continuing import Sent, check_continued, check_sent
from gritstone_conformance.model.evidence import History
from gritstone_conformance.model.findings import FAULTS, Finding
from gritstone_conformance.model.history import Verdict, check_history
from gritstone_conformance.model.pieces import Endless, joined_pieces
from gritstone_conformance.model.refusals import ok
from gritstone_conformance.replies import Json
from gritstone_conformance.results.extracts import extract
from gritstone_conformance.trial import SubjectLike, Trial

__all__ = ["HISTORY_RULES", "StoreFacts", "check_export", "export", "fail_for"]

HISTORY_RULES: Final = (
    *dict.fromkeys(rule for _, rule in FAULTS.values()),
    *("wit.update.merge", "wit.update.refused", "wit.genesis.again"),
)
"""Every rule that the history checker can name."""


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """What is known of a store in addition to its export.

    Attributes:
        max_attempts: after how many failures actors are marked.
        is_whole: whether no actor was ever collected and no history cut; then nothing may have to be believed.
        sent: what was injected.
        before: the history of an earlier export of the same store.
    """

    max_attempts: int | None = None
    is_whole: bool = True
    sent: Sequence[Sent] = ()
    before: History | None = None


def export(
    trial: Trial,
    store: str = "s",
    on: SubjectLike | None = None,
    *,
    rule: str = "runtime.history.bundle",
    names: Sequence[str] | None = None,
) -> bytes:
    """Return the bundle of some or all references of a store; ``rule`` is violated if there is none."""
    any_piece = ok(bytes={"$": "any"}, cursor={"$": "any"})

    def piece(cursor: str | None) -> dict[str, Json]:
        chosen: dict[str, Json] = {"names": [*names]} if names is not None and cursor is None else {}
        return trial.expect("grit.export", {"store": store, "cursor": cursor, **chosen}, any_piece, on=on, rule=rule)

    try:
        return joined_pieces(piece)
    except Endless as problem:
        trial.fail("a last piece", str(problem), path="/cursor", words="pieces without end", rule=rule)


def check_export(
    trial: Trial,
    data: bytes,
    *,
    at_rest: bool,
    known: StoreFacts | None = None,
    rules: Mapping[str, str] | None = None,
) -> Verdict:
    """Judge an exported history; raises Divergence for the finding that is named.

    Args:
        trial: the trial.
        data: the bundle.
        at_rest: whether the runtime said that it is at rest.
        known: what else is known of the store.
        rules: for some faults, the rule that is broken where they are found in this place.
    """
    known = known if known is not None else StoreFacts()
    verdict = check_history(
        scan(data),
        at_rest=at_rest,
        max_attempts=known.max_attempts,
        is_whole=known.is_whole,
        has_sessions="session" in trial.claims.profiles,
    )
    findings: list[Finding] = list(verdict.findings)
    if not findings and verdict.history is not None:
        findings += check_sent(verdict.history, known.sent)
        findings += check_continued(known.before, verdict.history) if known.before is not None else ()
    if findings:
        fail_for(trial, findings[0], (rules or {}).get(findings[0].fault), verdict.history, known.before)
    if known.is_whole and verdict.unverified:
        trial.fail(
            "nothing to believe", verdict.unverified[0], words="history unverified", rule="runtime.history.bundle"
        )
    return verdict


def fail_for(
    trial: Trial,
    finding: Finding,
    rule: str | None = None,
    history: History | None = None,
    before: History | None = None,
) -> None:
    """Raise Divergence for a finding in a history.

    Args:
        trial: the trial.
        finding: the finding.
        rule: takes the place of the finding's own.
        history: the judged history, or None.
        before: the history of an earlier export of the same store, or None.
    """
    difference = Difference(finding.place.path, "a legal history", finding.words, f"history {finding.fault}")
    around = extract(history, finding, before) if history is not None else None
    trial.fail_in_history(difference, rule or finding.rule, around)
