"""The outcome of a case: its verdict, the violated rule, and the excerpts of values in its report line.

``final_verdicts`` applies the rules by which a verdict depends on other cases.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Final

from gritstone_conformance.errors import SubjectFault
from gritstone_conformance.folders import without_folders
from gritstone_conformance.judge import Difference
from gritstone_conformance.planning.plan import Planned
from gritstone_conformance.replies import Json, Trouble
from gritstone_conformance.results.diff_context import diff_context
from gritstone_conformance.results.outcomes import OWN_FAULT, Divergent, Outcome
from gritstone_conformance.rules import RuleBook
from gritstone_conformance.running.attribution import attributed_rule
from gritstone_conformance.running.decoded_diff import decoded_difference
from gritstone_conformance.running.property_runner import PropertyRun
from gritstone_conformance.running.readable import difference_inside, readable_answer, readable_args
from gritstone_conformance.running.vector_runner import VectorRun
from gritstone_conformance.trial import Divergence

__all__ = ["UNREPRODUCED", "OutcomeBuilder", "excerpt"]

UNREPRODUCED: Final = "unreproduced"
"""The prefix of the detail of a fault that did not occur again."""
NO_RESTART: Final = "attached without restart"
_LONGEST: Final = 400  # characters of one text in a report
_ITEMS: Final = 20  # entries of one list in a report
_MEMBERS: Final = 100  # members of one object in a report
_VALUES: Final = 300  # values of one value with all nested lists and objects in a report
_LARGE_LOG_BYTES: Final = 64 << 20
_LONGEST_DETAIL: Final = 8 << 10


class OutcomeBuilder:
    """Builds outcomes; the rule book has the levels of the rules."""

    def __init__(self, book: RuleBook) -> None:
        self._book = book

    def blank(self, item: Planned, verdict: str) -> Outcome:
        """Return an outcome with a verdict and without details; its level is that of the first rule of the case."""
        return Outcome(item.name, item.digest, item.kind, item.rules, self.level(item.rules[0]), verdict)

    def level(self, rule: str) -> str:
        """Return the level of a rule; MUST for an unknown rule."""
        known = self._book.rules.get(rule)
        return "MUST" if known is None else known.level

    def skipped(self, item: Planned, reason: str) -> Outcome:
        """Return the outcome of a case that is skipped, for example because it needs a feature that is not claimed."""
        return replace(self.blank(item, "skip"), reason=reason)

    def of_vector(self, run: VectorRun) -> Outcome:
        """Return the outcome of a vector."""
        item, case = run.item, run.case
        outcome = replace(self.blank(item, "pass"), requests=run.requests, seconds=run.seconds)
        if run.fault is not None:
            return self.broken(outcome, run.fault, reproduced=run.reproduced)
        if run.difference is None:
            return outcome
        step = case.steps[run.step]
        difference = run.difference
        divergence = Divergent(
            step=run.step,
            op=step.op,
            path=str(excerpt(difference.path)),
            expected=excerpt(readable_answer(step.op, difference.path, difference.expected)),
            got=excerpt(readable_answer(step.op, difference.path, difference.got)),
            steps=len(case.steps),
            args=excerpt(readable_args(step.op, step.args)),
            around=[each.to_json() for each in diff_context(run.reply, difference.path)],
            message=_message(difference),
        )
        if isinstance(run.reply, Trouble):
            return self._in_trouble(outcome, run.reply.message, divergence)
        inside = _inside(step.op, difference)
        rule = attributed_rule(step.rule or case.rules[0], step, difference)
        return self._failed(replace(outcome, detail=inside), rule, difference.signature, divergence)

    def of_property(self, item: Planned, tested: PropertyRun) -> Outcome:
        """Return the outcome of a property."""
        outcome = replace(self.blank(item, "pass"), requests=tested.requests, seconds=tested.seconds)
        if tested.divergence is not None:
            return self._diverged(outcome, tested, tested.divergence)
        if tested.fault is not None:
            return self.broken(outcome, tested.fault)
        return self.skipped(item, NO_RESTART) if tested.unable else replace(outcome, detail=tested.remark)

    def broken(
        self, outcome: Outcome, fault: SubjectFault, *, reproduced: bool = True, can_fail: bool = True
    ) -> Outcome:
        """Return the outcome of a case with a fault: a failure if it violates a rule of the case, or an error."""
        words = fault.detail[:_LONGEST_DETAIL]
        detail = words if reproduced else f"{UNREPRODUCED}: {words}".rstrip(": ")
        if can_fail and fault.rule is not None and fault.rule in outcome.rules:
            failed = replace(outcome, cause=fault.cause, detail=detail)
            return self._failed(failed, fault.rule, fault.cause, None)
        return replace(outcome, verdict="error", cause=fault.cause, detail=detail, rule=fault.rule)

    def own_fault(self, item: Planned, problem: Exception) -> Outcome:
        """Return the outcome of a case in which the suite's own code raised an exception.

        Spec: :rule:`suite.verdict.own-case`.
        """
        frames = traceback.extract_tb(problem.__traceback__)
        where = f" in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
        message = f"the suite itself failed{where}: {type(problem).__name__}: {problem}"
        words = [message, *getattr(problem, "__notes__", ())]
        return replace(self.blank(item, "error"), cause=OWN_FAULT, detail="; ".join(words)[:_LONGEST_DETAIL])

    def watched(self, item: Planned, faults: Sequence[SubjectFault], lines: int) -> Outcome:
        """Return the outcome of a watch: whether a fault of the run violates its rule.

        Args:
            item: the watch.
            faults: every fault of the run, in order; the first violation is reported.
            lines: how many answers were judged.
        """
        rule = item.rules[0]
        outcome = replace(self.blank(item, "pass"), requests=lines)
        for fault in faults:
            if fault.rule == rule:
                return self._failed(replace(outcome, detail=fault.detail[:_LONGEST_DETAIL]), rule, fault.cause, None)
        return outcome if lines else replace(outcome, verdict="skip", reason="no line was received")

    def with_log_size(self, watch: Outcome, size: int) -> Outcome:
        """Return the outcome of the watch of standard output; if it passed, with a remark on a large standard error.

        The size is rounded down to a power of two, so that it is equal in two runs.

        Spec: :rule:`suite.log.size`.
        """
        if watch.rules[0] != "harness.frame.stdout-clean" or watch.verdict != "pass" or size < _LARGE_LOG_BYTES:
            return watch
        least_mib = (1 << size.bit_length() - 1) >> 20
        return replace(watch, detail=f"at least {least_mib} MiB were written to standard error")

    def _diverged(self, outcome: Outcome, tested: PropertyRun, divergence: Divergence) -> Outcome:
        difference, last = divergence.difference, divergence.steps[-1] if divergence.steps else None
        got = difference.got if isinstance(difference.got, dict) else {}
        op = last.op if last else ""
        shown = Divergent(
            step=max(len(divergence.steps) - 1, 0),
            op=op,
            path=str(excerpt(difference.path)),
            expected=excerpt(readable_answer(op, difference.path, difference.expected)),
            got=excerpt(readable_answer(op, difference.path, difference.got)),
            steps=len(divergence.steps),
            args=excerpt(readable_args(op, last.args if last else {})),
            around=[each.to_json() for each in divergence.around],
            message=_message(difference),
        )
        detail = divergence.remark or _inside(op, difference)
        if not tested.repeatable:
            detail = "not repeatable: the same requests passed when they were sent again"
        outcome = replace(outcome, shrunk_from=tested.first_requests, detail=detail, history=divergence.history)
        if tested.shrink is not None:
            outcome = replace(outcome, shrink_cut=tested.shrink.cut, shrink_s=tested.shrink.seconds)
        if last is not None and not difference.path and "error" in got:
            return self._in_trouble(outcome, str(got["error"]), shown)
        rule = divergence.rule if last is None else attributed_rule(divergence.rule, last, difference)
        return self._failed(outcome, rule, difference.signature, shown)

    def _failed(self, outcome: Outcome, rule: str, signature: str, divergence: Divergent | None) -> Outcome:
        failed = replace(outcome, verdict="fail", rule=rule, level=self.level(rule))
        return replace(failed, signature=signature, divergence=divergence)

    def _in_trouble(self, outcome: Outcome, message: str, divergence: Divergent) -> Outcome:
        return replace(outcome, verdict="error", cause="adapter", detail=message[:_LONGEST], divergence=divergence)


def _inside(op: str, difference: Difference) -> str | None:
    """Return text that names what differs within two byte strings, or None."""
    place = difference.path, difference.expected, difference.got
    return decoded_difference(*place) or difference_inside(op, *place)


def _message(difference: Difference) -> str | None:
    """Return the message of a refusal as stored in a report: bounded, and without names of temporary folders.

    Spec: :rule:`suite.message.refusal`, :rule:`suite.report.stable`.
    """
    return None if difference.message is None else str(excerpt(without_folders(difference.message)))


def excerpt(value: Json) -> Json:
    """Return a JSON value with long texts, lists and objects truncated; the case has the full value.

    Spec: :rule:`suite.bounds.each`.
    """
    return _Cut().of(value)


class _Cut:
    """Truncates one value; keeps at most 300 values at all depths together."""

    def __init__(self) -> None:
        self._room = _VALUES

    def of(self, value: Json) -> Json:
        if isinstance(value, str) and len(value) > _LONGEST:
            return f"{value[: _LONGEST // 2]}…{len(value)} characters…{value[-_LONGEST // 4 :]}"
        if not isinstance(value, (list, dict)) or not value:
            return value
        count = min(len(value), _ITEMS if isinstance(value, list) else _MEMBERS, max(self._room, 0))
        self._room -= count
        if isinstance(value, list):
            items = [self.of(item) for item in value[:count]]
            return [*items, f"…{len(value)} items…"] if len(value) > count else items
        members = {str(self.of(key)): self.of(item) for key, item in islice(value.items(), count)}
        return {**members, "…": f"{len(value)} members"} if len(value) > count else members
