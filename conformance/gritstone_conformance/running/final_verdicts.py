"""The final verdict of each case, which may depend on other cases of the run.

A reject case passes only if its twin passes. A harness case passes only if some answer with content was right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from gritstone_conformance.cases import Case
from gritstone_conformance.planning.plan import Plan, Planned, gives_control
from gritstone_conformance.results.judgement import SEARCH_OVER
from gritstone_conformance.results.outcomes import OWN_FAULT, Outcome

__all__ = ["final_outcomes"]


def final_outcomes(outcomes: Iterable[Outcome], plan: Plan) -> tuple[Outcome, ...]:
    """Return the final outcomes in the order of the plan, without the cases that only support others.

    A reject case with the expected answers passes only if its twin passed. A harness case passes only if some answer
    with content was right, so that an implementation that refuses or echoes every request does not pass. If a search
    ended before such an answer could be requested, the harness case is skipped. Disputed cases are not scored.
    """
    by_name = {outcome.case: outcome for outcome in outcomes}
    controls = [
        by_name[item.name]
        for item in plan.items
        if isinstance(item.source, Case) and gives_control(item.source) and item.name in by_name
    ]
    vouched = any(control.verdict == "pass" for control in controls)
    is_cut = any(control.reason == SEARCH_OVER for control in controls)
    counted = (item for item in plan.items if item.counted)
    return tuple(_settle_one(item, by_name, vouched=vouched, is_cut=is_cut) for item in counted)


def _settle_one(item: Planned, by_name: Mapping[str, Outcome], *, vouched: bool, is_cut: bool) -> Outcome:
    outcome = by_name[item.name]
    if isinstance(item.source, Case) and isinstance(item.source.status, dict) and outcome.verdict != "skip":
        where = item.source.status.get("disputed", "?")
        return replace(outcome, verdict="skip", reason=f"disputed ({where}); not scored: {outcome.verdict}")
    if outcome.verdict != "pass":
        return outcome
    twin = by_name.get(item.twin) if item.twin is not None else None
    if item.twin is not None and (twin is None or twin.verdict != "pass"):
        verdict = "missing" if twin is None else twin.verdict
        if twin is not None and verdict == "skip":
            is_late = twin.reason == SEARCH_OVER  # without the name of the twin, so that the summary has one line
            reason = SEARCH_OVER if is_late else f"its twin {item.twin} was skipped: {twin.reason}"
            return replace(outcome, verdict="skip", reason=reason)
        if twin is not None and twin.cause == OWN_FAULT:
            return replace(outcome, verdict="error", cause=OWN_FAULT, detail=f"in its twin {item.twin}: {twin.detail}")
        return replace(outcome, verdict="error", cause="twin", detail=f"its twin {item.twin}: {verdict}")
    if item.profile == "harness" and not vouched and is_cut:
        return replace(outcome, verdict="skip", reason=SEARCH_OVER)
    if item.profile == "harness" and not vouched:
        return replace(outcome, verdict="error", cause="twin", detail="no answer with content was right in this run")
    return outcome
