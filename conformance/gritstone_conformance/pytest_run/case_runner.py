"""Runs cases one by one, in any order, on one subject, together with the twins and controls that they need.

``plan_runner`` runs a complete plan and is faster; this module is for programs with their own loop, such as pytest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gritstone_conformance.attachment.settings import AttachSettings
from gritstone_conformance.attachment.subject import Subject
from gritstone_conformance.attachment.target import Target
from gritstone_conformance.planning.plan import Plan, Planned
from gritstone_conformance.planning.settings import RunSettings
from gritstone_conformance.planning.suite import SuiteData
from gritstone_conformance.replies import Json
from gritstone_conformance.reporting.console import terminal_width
from gritstone_conformance.reporting.messages import Teller
from gritstone_conformance.results.outcomes import Outcome
from gritstone_conformance.running.final_verdicts import final_outcomes
from gritstone_conformance.running.ledger import Ledger, ObservedSubject
from gritstone_conformance.running.outcome_builder import OutcomeBuilder
from gritstone_conformance.running.plan_runner import run_item

__all__ = ["CaseRunner"]


class CaseRunner:
    """A subject and the outcomes so far.

    Attributes:
        teller: formats the failures of this subject.
    """

    def __init__(self, target: Target, plan: Plan, data: SuiteData, settings: RunSettings) -> None:
        """Start the subject.

        Raises:
            SubjectFault: it does not answer hello.
        """
        self._plan = plan
        self._settings = settings
        self._subject = Subject(target.opener(), AttachSettings(seed=settings.seed))
        self._observed = ObservedSubject(self._subject, Ledger())
        self._recorder = OutcomeBuilder(data.book)
        self._outcomes: dict[str, Outcome] = {}
        self._items = {item.name: item for item in plan.items}
        header: Mapping[str, Json] = {
            "attach": target.attach,
            "command": list(target.command),
            "iut": self._subject.claims.raw,
        }
        self.teller = Teller(data.book, data.vectors.by_name(), header, settings.home, terminal_width())

    def judge(self, item: Planned) -> Outcome:
        """Run a case, and its twin or a control if it needs one; return the final outcome."""
        support = self._support(item)
        self._run(item)
        plan = replace(self._plan, items=(item, *(replace(other, counted=False) for other in support)))
        (outcome,) = final_outcomes((self._outcomes[other.name] for other in plan.items), plan)
        return outcome

    def verdicts(self) -> Mapping[str, str]:
        """Return the verdict of each case that was run."""
        return {name: outcome.verdict for name, outcome in self._outcomes.items()}

    def finish(self) -> dict[str, Json]:
        """End the subject; return its claims, its restarts and the report lines of the watches.

        Watches need a control in each process, because the outcomes of other processes are unknown.
        """
        watches = self._plan.of_kind("watch")
        if watches and self._outcomes:
            self._support(watches[0])
        self._observed.close()
        lines = self._observed.ledger.judged
        faults = [*self._subject.faults, *self._subject.strays]
        judged = [self._recorder.watched(item, faults, lines) for item in watches]
        others = (replace(self._items[name], counted=False) for name in self._outcomes)
        plan = replace(self._plan, items=(*watches, *others))
        return {
            "iut": self._subject.claims.raw,
            "restarts": self._subject.restarts,
            "watches": [watch.to_json() for watch in final_outcomes((*judged, *self._outcomes.values()), plan)],
        }

    def _support(self, item: Planned) -> list[Planned]:
        """Run the twin of a case, or for a harness case controls until one passes; return that case, if any."""
        if item.twin is not None and item.twin in self._items:
            self._run(self._items[item.twin])
            return [self._items[item.twin]]
        if item.profile != "harness":
            return []
        for control in self._plan.controls():
            self._run(control)
            if self._outcomes[control.name].verdict == "pass":
                return [control]
        return []

    def _run(self, item: Planned) -> None:
        if item.name not in self._outcomes:
            self._outcomes[item.name] = run_item(item, self._observed, self._recorder, self._settings)
