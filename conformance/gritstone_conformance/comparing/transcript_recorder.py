"""The transcript recorder: a run case by case that records the requests and replies of each case.

The verdicts are those of any other run. It takes longer, because requests of different cases do not share the window.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from gritstone_conformance.comparing.transcripts import CaseTranscript, Transcript, entry_of
from gritstone_conformance.planning.plan import Plan, Planned, Watch
from gritstone_conformance.planning.settings import RunSettings
from gritstone_conformance.replies import Json
from gritstone_conformance.results.outcomes import Outcome
from gritstone_conformance.rules import RuleBook
from gritstone_conformance.running.final_verdicts import final_outcomes
from gritstone_conformance.running.ledger import Answer, Ledger, ObservedSubject, RunSubject
from gritstone_conformance.running.outcome_builder import OutcomeBuilder
from gritstone_conformance.running.plan_runner import RunResult, run_item
from gritstone_conformance.trial import Divergence, Property, Trial

__all__ = ["record_transcript"]


class _Log:
    """The entries of the current case by example, until one fails."""

    def __init__(self, transcript: Transcript) -> None:
        self._transcript = transcript
        self._reel = transcript.reel()
        self._ended: list[bytes] = []
        self.failed: int | None = None

    def note(self, requests: Sequence[tuple[str, dict[str, Json]]], answers: Sequence[Answer]) -> None:
        if self.failed is None:
            pairs = zip(requests, answers, strict=False)
            for (op, args), answer in pairs:
                self._reel.add(entry_of(op, args, answer))

    @contextmanager
    def example(self) -> Iterator[None]:
        """Record one example; after a failed example, Hypothesis searches for a smaller one, which is ignored."""
        if self.failed is None and not self._reel.is_empty:
            self._ended.append(self._transcript.keep(self._reel))
            self._reel = self._transcript.reel()
        try:
            yield
        except Divergence:
            if self.failed is None:
                self.failed = len(self._ended)
            raise

    def examples(self) -> tuple[bytes, ...]:
        """Return the packed entries of each example after the end of the case."""
        return (*self._ended, self._transcript.keep(self._reel))


class _RecordedSubject(ObservedSubject):
    """A subject whose requests are recorded, with those of every process that it starts."""

    def __init__(self, subject: RunSubject, ledger: Ledger, log: _Log) -> None:
        super().__init__(subject, ledger)
        self.log = log

    def ask_each(self, requests: Sequence[tuple[str, dict[str, Json]]]) -> list[Answer]:
        answers = super().ask_each(requests)
        self.log.note(requests, answers)
        return answers

    def spawn(self) -> _RecordedSubject:
        return _RecordedSubject(super().spawn().subject, self.ledger, self.log)


def record_transcript(
    transcript: Transcript,
    plan: Plan,
    subject: RunSubject,
    book: RuleBook,
    settings: RunSettings,
    notify: Callable[[Outcome], None],
) -> RunResult:
    """Run the whole plan, close the subject, and write the transcript; otherwise like ``execute``."""
    plan.check_identities()
    recorder, found = OutcomeBuilder(book), []
    observed = _RecordedSubject(subject, Ledger(), _Log(transcript))
    try:
        for item in plan.items:
            if not isinstance(item.source, Watch):
                found.append(_recorded(item, observed, recorder, settings, transcript))
                notify(found[-1])
    finally:
        observed.close()
    for item in plan.of_kind("watch"):
        found.append(recorder.watched(item, [*subject.faults, *subject.strays], observed.ledger.judged))
        notify(found[-1])
    return RunResult(final_outcomes(found, plan), observed.claims, subject.restarts)


def _recorded(
    item: Planned, observed: _RecordedSubject, recorder: OutcomeBuilder, settings: RunSettings, transcript: Transcript
) -> Outcome:
    log = observed.log = _Log(transcript)
    outcome = run_item(_with_marked_examples(item, log), observed, recorder, settings)
    step = None
    if outcome.verdict == "fail" and not isinstance(item.source, Property) and outcome.divergence is not None:
        log.failed, step = 0, outcome.divergence.step
    transcript.scripts[item.name] = CaseTranscript(outcome.verdict, outcome.rule, log.examples(), log.failed, step)
    return outcome


def _with_marked_examples(item: Planned, log: _Log) -> Planned:
    """Return the item; a property also records the start of each example and the one that fails."""
    prop = item.source
    if not isinstance(prop, Property):
        return item

    def body(trial: Trial, **drawn: Any) -> None:
        with log.example():
            prop.body(trial, **drawn)

    return replace(item, source=replace(prop, body=body))
