"""The request minimizer: reduces the trace of a shrunk example to the fewest requests that show the same difference.

Hypothesis shrinks the drawn values, but a trace also has requests that are not related to the failure. The minimizer
removes requests, first all but the last one, then in halves, as long as the last request has the same wrong answer.

The expected answers are those of the model for the complete trace. Without some of the requests they may be wrong, and
the saved case would always fail. So the model also answers the remaining requests, and its answers must be the expected
ones. The model is not asked about a running runtime; there, only requests that change nothing and objects that are not
needed are removed.

When the limits in ``shrinking`` are reached, the result is the smallest trace so far.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from gritstone_conformance.attachment.reply_shapes import REPLY_SHAPES
from gritstone_conformance.cases import Case, CaseStep
from gritstone_conformance.judge import Difference, compare, substitute
from gritstone_conformance.model.host import ModelHost
from gritstone_conformance.model.limits import Limits
from gritstone_conformance.planning.plan import Planned
from gritstone_conformance.replies import Claims, Json
from gritstone_conformance.running.attribution import attributed_rule, rule_alone
from gritstone_conformance.running.ledger import ObservedSubject
from gritstone_conformance.running.shrinking import Shrink
from gritstone_conformance.running.temporary_paths import TemporaryPaths, names_in
from gritstone_conformance.running.vector_runner import run_vectors
from gritstone_conformance.schemas import fits
from gritstone_conformance.trial import Divergence

__all__ = ["ExpectationCheck", "minimize"]

_MOST_RUNS: Final = 200
_MOST_STEPS: Final = 20_000  # steps of all runs together
_ASKED: Final = frozenset(op for op in REPLY_SHAPES if op.startswith(("grit.", "wit.")))
_RUNTIME: Final = "runtime."
_LOOKS: Final = frozenset(
    {
        *(f"grit.{word}" for word in ("decode", "encode", "export", "get", "has", "id", "put", "refs")),
        *(f"runtime.{word}" for word in ("effects", "mail", "query", "ready")),
        *(f"image.{word}" for word in ("list", "log", "world")),
        "ping",
    }
)
"""Operations that do not change what a runtime does: the injection of an incomplete object is refused."""


def minimize(case: Case, divergence: Divergence, subject: ObservedSubject, shrink: Shrink) -> Divergence | None:
    """Return the divergence with the fewest steps that show it, or None if the steps alone do not show it.

    Args:
        case: the trace as a case.
        divergence: the divergence of the property.
        subject: runs the candidates: at most 200, and at most 20,000 steps in total.
        shrink: the time limit.
    """
    runner = _Runner(case, divergence, subject, shrink)
    if not runner.shows(case.steps):
        return None
    steps = _left_out(list(case.steps), runner)
    thinned = Divergence(runner.difference or divergence.difference, steps, divergence.rule)
    if len(steps) == 1:
        thinned.rule = rule_alone(thinned.rule, steps[0], thinned.difference, limits_of(subject.claims))
    thinned.remark = divergence.remark
    return thinned


def _left_out(steps: list[CaseStep], runner: _Runner) -> list[CaseStep]:
    """Return the steps without those that are not needed, as far as the limits allow."""
    if runner.may_run() and runner.shows(steps[-1:]):
        return steps[-1:]
    size = len(steps) // 2
    while size:
        start = 0
        while start < len(steps) - 1:
            if not runner.may_run():
                return steps
            fewer = steps[:start] + steps[min(start + size, len(steps) - 1) :]
            if runner.shows(fewer):
                steps = fewer
            else:
                start += size
        size //= 2
    return steps


class _Runner:
    """Runs candidates and stores the difference that the smallest successful one shows."""

    def __init__(self, case: Case, divergence: Divergence, subject: ObservedSubject, shrink: Shrink) -> None:
        self.runs = 0
        self.steps = 0
        self.difference: Difference | None = None
        self._case = case
        self._rule, self._signature = divergence.rule, divergence.difference.signature
        self._subject = subject
        self._shrink = shrink
        self._soundness = ExpectationCheck(case, subject.claims, shrink.in_time)

    def may_run(self) -> bool:
        """Return whether another run is within the limits."""
        return self.runs < _MOST_RUNS and self.steps < _MOST_STEPS and self._shrink.may_go_on()

    def shows(self, steps: Sequence[CaseStep]) -> bool:
        self.steps += len(steps)
        if len(steps) < len(self._case.steps) and not self._soundness.holds(steps):
            return False
        self.runs += 1
        case = replace(self._case, steps=tuple(steps))
        planned = Planned(case.name, "vector", case.identity, case.rules, case.requires, case)
        (run,) = run_vectors([planned], self._subject)
        difference = run.difference
        if difference is None or run.step != len(steps) - 1 or difference.signature != self._signature:
            return False
        if attributed_rule(self._rule, steps[-1], difference) != self._rule:
            return False
        self.difference = difference
        return True


class ExpectationCheck:
    """Checks whether the expected answers of some steps of a case are right without the other steps.

    Args:
        case: the case.
        claims: the claims of the implementation.
        in_time: returns whether there is time left; if there is none, the check fails.
    """

    def __init__(self, case: Case, claims: Claims, in_time: Callable[[], bool] = lambda: True) -> None:
        self._steps = case.steps
        self._limits = limits_of(claims)
        self._in_time = in_time
        self._whole: dict[int, bool] = {}  # step without names, by its identity -> whether its arguments fit the schema

    def holds(self, steps: Sequence[CaseStep]) -> bool:
        """Return whether the expected answers of fewer steps are right."""
        if any(step.op.startswith(_RUNTIME) for step in self._steps) and _moves(steps) != _moves(self._steps):
            return False
        return _is_bound(steps) and self._is_right(steps)

    def _is_right(self, steps: Sequence[CaseStep]) -> bool:
        """Return whether the model gives the expected answer to each step of ``grit`` and ``wit``."""
        model, places, bindings = ModelHost(limits=self._limits), TemporaryPaths(), dict[str, Json]()
        try:
            for step in steps:
                if not self._in_time():
                    return False
                places.provide(names_in(step.args), bindings)
                args = substitute(step.args, bindings)
                if step.op not in _ASKED or not self._fits(step, args):
                    continue
                if compare(step.expect, model.ask(step.op, args), bindings) is not None:
                    return False
        finally:
            places.remove()
        return True

    def _fits(self, step: CaseStep, args: dict[str, Json]) -> bool:
        """Return whether arguments match the schema; the result is cached, because long arguments take long."""
        if names_in(step.args):
            return fits("request", f"args.{step.op}", args)
        if id(step) not in self._whole:
            self._whole[id(step)] = fits("request", f"args.{step.op}", args)
        return self._whole[id(step)]


def limits_of(claims: Claims) -> Limits:
    """Return the limits that an implementation declares, or the usual ones."""
    return Limits.of(claims.limits) if "grit" in claims.profiles else Limits()


def _moves(steps: Sequence[CaseStep]) -> list[CaseStep]:
    """Return the steps that may change what a runtime does."""
    return [step for step in steps if step.op not in _LOOKS]


def _is_bound(steps: Sequence[CaseStep]) -> bool:
    """Return whether every name in arguments is bound by an earlier step, or is that of a temporary path."""
    bound: set[str] = set()
    for step in steps:
        if any(name not in bound and not TemporaryPaths.is_temporary(name) for name in names_in(step.args)):
            return False
        bound.update(names_in(step.expect))
    return True
