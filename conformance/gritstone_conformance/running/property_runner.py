"""Properties on a subject: Hypothesis draws and shrinks examples, a trial runs them, the smallest failure is kept.

An example ends in one of these ways. A Divergence is a failure, and is shrunk on the subject. A fault of the subject
ends the property at once, because each further fault would cost deadlines and restarts. Any other exception is a fault
of the suite: it ends the property at once, and is raised with the drawn values. If the gate finds no failure, but the
examples do not reach the situations that the property declares, DataError is raised.

Shrinking keeps the rule and the signature of the first failure, so that it does not switch to another fault. When the
limits in ``shrinking`` are reached, the result is the smallest failure so far.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from gritstone_conformance.cases import Case, CaseStep
from gritstone_conformance.errors import DataError, SubjectFault
from gritstone_conformance.planning.settings import RunSettings, hypothesis_settings
from gritstone_conformance.running.attribution import attributed_rule
from gritstone_conformance.running.import_replacement import set_up_of
from gritstone_conformance.running.ledger import CannotRestartError, ObservedSubject, SearchTimeOverError
from gritstone_conformance.running.shrinking import Shrink
from gritstone_conformance.trial import Divergence, Property, Trial

__all__ = ["PropertyRun", "run_property"]

_LONGEST_NOTE: Final = 2000  # characters of the drawn values that are reported with a fault of the suite
_ASKS_AGAIN: Final = ("property", "machine")
"""Kinds of property whose requests can be sent again as a case: other kinds kill processes or write raw lines."""


@dataclass(slots=True)
class PropertyRun:
    """The result of the examples of one property.

    Attributes:
        divergence: the smallest failure, or None.
        fault: the fault that ended it, or None.
        trace: the requests of the example with the fault or the first failure, as a case; None if they cannot be sent
            again.
        earlier: the cases that ran before that example in the same process.
        first_requests: how many requests the first failing example has.
        unable: whether it needs a restart, and the subject is a connection.
        repeatable: whether the smallest failure occurred again when it was run again.
        remark: the remark of the last example that passed, or None.
        examples: how many examples were run.
        reached: situation -> how many examples reached it.
        requests: how many requests were sent.
        seconds: its duration.
        shrink: the shrinking of its failure, or None.
        is_cut: whether the end of the search interrupted an example.
        own_fault: the exception in the code of the suite that ended it, or None.
    """

    divergence: Divergence | None = None
    fault: SubjectFault | None = None
    trace: Case | None = None
    earlier: tuple[Case, ...] = ()
    first_requests: int = 0
    unable: bool = False
    repeatable: bool = True
    remark: str | None = None
    examples: int = 0
    reached: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    seconds: float = 0.0
    shrink: Shrink | None = None
    is_cut: bool = False
    own_fault: Exception | None = None


class _EnoughError(BaseException):
    """Ends the examples: the limits are reached, or there was a fault. Not an Exception, so Hypothesis ignores it."""


def run_property(
    prop: Property, subject: ObservedSubject, run: RunSettings, span_s: float | None = None
) -> PropertyRun:
    """Run a property's examples until one fails, all have passed, or the time is over.

    Args:
        prop: the property.
        subject: the subject; its process continues to run, its handles are closed.
        run: the settings; ``gate`` with the same seed sends the same requests.
        span_s: how long a search draws examples, in seconds, but at least one example; None: one round of examples.

    Raises:
        Exception: the code of the suite failed; the notes of the exception have the drawn values.
        DataError: the gate found no failure, and did not reach a situation that the property declares.
    """
    before = subject.ledger.requests
    started = time.perf_counter()
    until = None if span_s is None else time.monotonic() + span_s
    runner = _Runner(prop, subject, run, until)
    given = prop.given(subject.claims) if callable(prop.given) else prop.given
    ledger = subject.ledger
    ledger.until = math.inf if until is None else ledger.shrinking.until
    try:
        if given:
            _draw(prop, runner, dict(given), run, run.seed)
            draws = random.Random(f"{run.seed}:{prop.name}")
            while until is not None:  # the player ends it
                _draw(prop, runner, dict(given), run, draws.getrandbits(64))
        else:
            runner.run({})
    except (Divergence, _EnoughError):
        pass  # the player keeps the smallest
    except CannotRestartError:
        runner.tested.unable = True
    except SearchTimeOverError:
        runner.tested.is_cut = True
        if runner.tested.shrink is not None:
            runner.tested.shrink.cut = "span"
    finally:
        ledger.until = math.inf
    tested = runner.tested
    if tested.own_fault is not None:
        raise tested.own_fault
    if run.profile == "gate" and tested.divergence is None and tested.fault is None and not tested.unable:
        _check_reach(prop, tested)
    tested.requests = subject.ledger.requests - before
    tested.seconds = time.perf_counter() - started
    return tested


def _check_reach(prop: Property, tested: PropertyRun) -> None:
    """Raise DataError for the first situation that too few examples reach.

    Spec: :rule:`suite.property.reach`.
    """
    for situation, floor in prop.reach.items():
        count = tested.reached[situation]
        if count < floor * tested.examples:
            words = f"{count} of {tested.examples} examples reach it, the floor is {floor:.0%}"
            raise DataError(f"{prop.name} declares a situation that too few examples reach, {situation!r}: {words}")


class _Runner:
    """Runs examples of one property and keeps the smallest failure."""

    def __init__(self, prop: Property, subject: ObservedSubject, run: RunSettings, until: float | None) -> None:
        self.tested = PropertyRun()
        self._until = until
        self._prop = prop
        self._subject = subject
        self._run = run

    def run(self, drawn: dict[str, Any]) -> None:
        """Run one example; raises Divergence for the engine to shrink."""
        if not self._may_go_on():
            raise _EnoughError
        faults, deaths = len(self._subject.subject.faults), self._subject.subject.deaths
        instead = set_up_of(self._prop.name, self._subject)
        trial = Trial(self._subject, self._prop.rules[0], self._subject.spawn, instead, self._subject.companion)
        try:
            self._prop.body(trial, **drawn)
            self._check_landed(deaths)
        except Divergence as divergence:
            self._keep_trace(trial, divergence.steps)
            self._keep(divergence)
        except SubjectFault as fault:
            self.tested.fault = fault
            self._keep_trace(trial, trial.steps)
            raise _EnoughError from fault
        except Exception as problem:
            problem.add_note(f"drawn: {drawn!r}"[:_LONGEST_NOTE])
            self.tested.own_fault = problem
            raise _EnoughError from problem
        else:
            self.tested.remark = trial.remark
            self.tested.examples += 1
            self.tested.reached.update(trial.reached)
            if trial.is_replayable and trial.steps:
                self._subject.history.note(self._case(trial.steps), drawn=True)
        finally:
            trial.finish()
        self._check_swallowed(faults)

    def _may_go_on(self) -> bool:
        """Return whether there is time for another example."""
        if self.tested.shrink is not None:
            return self.tested.shrink.may_go_on()
        return self._until is None or self.tested.examples == 0 or time.monotonic() < self._until

    def _keep(self, divergence: Divergence) -> None:
        """Keep a failure of the same kind as the first one if it is the smallest, and raise it for Hypothesis.

        Spec: :rule:`suite.shrink.rule`.
        """
        if divergence.steps:
            divergence.rule = attributed_rule(divergence.rule, divergence.steps[-1], divergence.difference)
        best = self.tested.divergence
        if best is None:
            self.tested.divergence = divergence
            self.tested.first_requests = len(divergence.steps)
            kind = (divergence.rule, divergence.difference.signature)
            self.tested.shrink = self._subject.ledger.shrinking.begin(self._prop.name, kind, self._run)
        elif (best.rule, best.difference.signature) != (divergence.rule, divergence.difference.signature):
            return
        elif _size(divergence) <= _size(best):
            self.tested.divergence = divergence
        raise divergence

    def _keep_trace(self, trial: Trial, steps: Sequence[CaseStep]) -> None:
        """Keep the requests that led to a fault or to the first failure, if they can be sent again as a case."""
        if self.tested.divergence is None and trial.is_replayable and steps and self._prop.kind in _ASKS_AGAIN:
            self.tested.trace = self._case(steps)
            self.tested.earlier = self._subject.history.before(self.tested.trace)

    def _case(self, steps: Sequence[CaseStep]) -> Case:
        return Case(self._prop.name, self._prop.rules, self._prop.requires, tuple(steps))

    def _check_landed(self, deaths: int) -> None:
        """Raise SubjectFault if a crash case passed although no process died.

        Spec: :rule:`suite.fault.landed`.
        """
        if self._prop.kind == "crash" and self._subject.subject.deaths == deaths:
            raise SubjectFault("unharmed", "the case kills a process, but no process was killed")

    def _check_swallowed(self, faults: int) -> None:
        """End the property if a fault occurred while the trial cleaned up."""
        unnoticed = self._subject.subject.faults[faults:]
        if unnoticed and self._prop.kind != "crash":
            self.tested.fault = unnoticed[0]
            raise _EnoughError


def _draw(prop: Property, runner: _Runner, given: dict[str, Any], run: RunSettings, draws: int) -> None:
    import hypothesis
    from hypothesis.errors import Flaky

    def example(**drawn: Any) -> None:
        runner.run(drawn)

    # one function runs all properties, so the name of the property is its key in the database of examples
    example._hypothesis_internal_add_digest = prop.name.encode()  # type: ignore[attr-defined]
    seed = int(hashlib.sha256(f"{draws}:{prop.name}".encode()).hexdigest()[:16], 16)
    test: Any = hypothesis.given(**given)(example)
    test = hypothesis.seed(seed)(hypothesis_settings(prop, run)(test))
    try:
        with _constant_draws(), _home(run.home / "hypothesis"):
            test()
    except Flaky:
        if runner.tested.divergence is None:
            raise
        runner.tested.repeatable = False


@contextmanager
def _constant_draws() -> Iterator[None]:
    """Prevent Hypothesis from drawing constants of the loaded modules.

    It collects literals of local source files; a gate would then send different lines in a checkout and from a wheel,
    and under pytest and from the command line.
    """
    from hypothesis.internal.conjecture import providers
    from hypothesis.internal.constants_ast import Constants

    name = "_get_local_constants"
    collect = getattr(providers, name, None)
    if collect is None:
        yield
        return
    empty = Constants()
    setattr(providers, name, lambda: empty)
    try:
        yield
    finally:
        setattr(providers, name, collect)


@contextmanager
def _home(directory: Path) -> Iterator[None]:
    """Make Hypothesis store its files next to the reports, and not in the working directory of the user."""
    from hypothesis import configuration

    before = getattr(configuration, "__hypothesis_home_directory", None)
    configuration.set_hypothesis_home_dir(directory)
    try:
        yield
    finally:
        configuration.set_hypothesis_home_dir(before)


def _size(divergence: Divergence) -> tuple[int, int]:
    steps = [step.to_json() for step in divergence.steps]
    return len(steps), len(json.dumps(steps))
