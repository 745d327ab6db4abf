"""The history in an audited bundle: one case per check, and the summary line of an audit.

The history checker of the model has the findings; this module maps them to cases. Several checks may detect the same
fault. Only the check of the first finding fails; the others are skipped, with their findings as the reason.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from gritstone_conformance.cases import Requires
from gritstone_conformance.model.bundle import Bundle
from gritstone_conformance.model.evidence import History
from gritstone_conformance.model.findings import Finding
from gritstone_conformance.model.history import Verdict
from gritstone_conformance.planning.plan import Planned, Watch, named_identity
from gritstone_conformance.results.audit_cases import HISTORY_CHECKS, HistoryCheck
from gritstone_conformance.results.extracts import extract
from gritstone_conformance.results.outcomes import Outcome
from gritstone_conformance.running.outcome_builder import OutcomeBuilder
from gritstone_conformance.text import counted

__all__ = ["history_outcomes", "history_words", "touched_profiles"]


def history_outcomes(
    verdict: Verdict, recorder: OutcomeBuilder, *, at_rest: bool, before: History | None = None
) -> list[Outcome]:
    """Return one outcome per check of a readable history, in the order of the checks.

    Args:
        verdict: the verdict of the history checker.
        recorder: builds outcomes.
        at_rest: whether check 14 was requested.
        before: the history of an earlier export if check 15 was requested, or None.
    """
    outcomes = []
    for check in HISTORY_CHECKS:
        if not _is_concerned(verdict, check):
            continue
        item = Planned(
            check.name,
            "audit",
            partial(named_identity, "audit", check.name),
            check.rules,
            Requires(),
            Watch(check.rules[0]),
        )
        seen = [finding for finding in verdict.findings if finding.check == check.number]
        if seen and seen[0] is verdict.findings[0]:
            outcomes.append(_failed(recorder, item, seen, verdict.history, before))
        elif seen:
            words = f"another finding is reported; also detected: {seen[0].fault} at {seen[0].place.path}"
            outcomes.append(recorder.skipped(item, words))
        elif check.number == 14 and not at_rest:
            outcomes.append(recorder.skipped(item, "the store was not declared to be at rest (--at-rest)"))
        elif check.number == 15 and before is None:
            outcomes.append(recorder.skipped(item, "there is no earlier export of the store (--before)"))
        else:
            outcomes.append(recorder.blank(item, "pass"))
    return outcomes


def touched_profiles(verdict: Verdict) -> set[str]:
    """Return the profiles above ``runtime`` of which a check was made."""
    return {check.profile for check in HISTORY_CHECKS if _is_concerned(verdict, check)} - {"runtime"}


def _is_concerned(verdict: Verdict, check: HistoryCheck) -> bool:
    """Return whether a check of another profile than ``runtime`` concerns the store."""
    if check.profile == "image":
        return verdict.history is not None and verdict.history.kernel is not None
    return check.profile == "runtime" or any(finding.check == check.number for finding in verdict.findings)


def history_words(bundle: Bundle, verdict: Verdict, *, at_rest: bool, is_continued: bool = False) -> str:
    """Return the summary of an audit of a history, on one line."""
    assert bundle.format is not None
    words = [
        bundle.format.name,
        counted(bundle.objects, "object"),
        counted(verdict.actors, "actor"),
        f"{counted(verdict.recomputed, 'step')} recomputed",
        *([f"{verdict.structural} of other code"] if verdict.structural else []),
        *_operation_words(verdict),
        counted(len(verdict.findings), "finding"),
        *([f"{len(verdict.unverified)} unverified"] if verdict.unverified else []),
    ]
    seen = {finding.check for finding in verdict.findings}
    words += ["at rest, nothing lost"] if at_rest and 14 not in seen else []
    words += ["continues the earlier export"] if is_continued and 15 not in seen else []
    options = (("rest (--at-rest)", at_rest), ("continuation (--before)", is_continued))
    unchecked = [word for word, was_requested in options if not was_requested]
    words += [f"not checked: {', '.join(unchecked)}"] if unchecked else []
    return " · ".join(words)


def _operation_words(verdict: Verdict) -> list[str]:
    """Return how many operations of an image were computed, how many have no roots, and how many are unverified."""
    if verdict.history is None or verdict.history.kernel is None:
        return []
    counts = verdict.operations
    words = [f"{counted(counts.computed, 'operation')} computed", f"{counts.without_roots} without roots"]
    return [", ".join([*words, *([f"{counts.unverified} unverified"] if counts.unverified else [])])]


def _failed(
    recorder: OutcomeBuilder, item: Planned, seen: list[Finding], history: History | None, before: History | None
) -> Outcome:
    first = seen[0]
    more = f" (and {len(seen) - 1} more)" if len(seen) > 1 else ""
    return replace(
        recorder.blank(item, "fail"),
        rule=first.rule,
        level=recorder.level(first.rule),
        signature=f"history {first.fault}",
        detail=f"{first.fault} at {first.place.path}: {first.words}{more}",
        history=extract(history, first, before) if history is not None else None,
    )
