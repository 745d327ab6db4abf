"""Check 8: each step is what its transition gives.

Steps are recomputed up to the first one of their actor that is wrong in itself; later ones build on it. The list of
laws that can be recomputed is that of ``laws``; steps of other code are counted apart.

Spec: "Recomputing a step" in ``runtime/history``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from gritstone_conformance.model.answers import Answers, QueryAnswers
from gritstone_conformance.model.chains import Chain
from gritstone_conformance.model.cores import find
from gritstone_conformance.model.differences import draft_of, step_difference
from gritstone_conformance.model.evidence import History
from gritstone_conformance.model.failures import Declined, Failure
from gritstone_conformance.model.findings import Finding
from gritstone_conformance.model.law import Foreign, Law
from gritstone_conformance.model.laws import law_of
from gritstone_conformance.model.proposals import Covered, Proposal, message_kind
from gritstone_conformance.model.puppet import Context, Draft
from gritstone_conformance.model.refusals import Refusal
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.transition import cursor_only, make_step, refusing_rule
from gritstone_conformance.model.values import Step

__all__ = ["LAST_ATTEMPT", "Recomputing"]

LAST_ATTEMPT: Final = (1 << 32) - 1
"""The attempt that stands for all: only ``T`` sees it, and fails less with a larger one."""


@dataclass(slots=True)
class Recomputing:
    """Recomputes the steps of an actor one by one; none of the agent, and in an image only those of the kernel actor.

    Attributes:
        history: the history.
        answers: the answers that queries may have had.
        chain: the chain of the actor.
        covered: what each of its steps covers.
        finding: the first step that is not what its transition gives, or None.
        count: steps that were recomputed and are right.
        structural: steps of other code, checked in structure and order only.

    Spec: ``image/history``.
    """

    history: History
    answers: Answers
    chain: Chain
    covered: Sequence[Covered]
    finding: Finding | None = None
    count: int = 0
    structural: int = 0
    _begin: int = field(init=False)
    _adopted: int = field(init=False)

    def __post_init__(self) -> None:
        """Find the steps that are recomputed."""
        actor, kernel = self.chain.actor, self.history.kernel
        is_asked = actor != self.history.agent and kernel in (None, actor)
        self._begin = int(self.chain.cut) if is_asked else len(self.chain)
        self._adopted = self.history.adopted_steps(actor)

    def recompute(self, index: int) -> None:
        """Recompute the next step, unless one was found to be wrong."""
        if index < self._begin or self.finding is not None:
            return
        trial = _Trial(self.history, self.answers, self.chain, index, self.covered[index], index < self._adopted)
        self.finding = trial.check()
        if self.finding is None:
            self.structural += trial.is_foreign
            self.count += not trial.is_foreign


@dataclass(slots=True)
class _Trial:
    """One step that is recomputed."""

    history: History
    answers: Answers
    chain: Chain
    index: int
    covered: Covered
    is_adopted: bool
    is_foreign: bool = False

    def check(self) -> Finding | None:
        """Return the finding where the step is not what its transition gives."""
        proposal, last = self._proposal(), self.chain.ids[self.index - 1] if self.index else None
        self.history.shelf.erased.clear()
        script = QueryAnswers(self.answers, self._at, self.is_adopted)
        first: Draft | bytes | str | None = None
        for _ in script.runs():
            made = self._make(proposal, last, script)
            if self.is_foreign:
                self._believe(script)
                return self._from_outside(proposal, last)
            if made in (self._actual, self.chain.ids[self.index]):
                self._believe(script)
                return None
            first = made if first is None else first
        if proposal.kind == "update" and self._was_refused(proposal, last):
            return None
        if script.believed or script.spent:
            self._believe(script, spent=True)
            return None
        if self.history.shelf.erased:
            place = self.chain.place(self.index, "core").path
            self.history.unverified.append(f"{place}: the step may have read a blob before it was erased")
            return None
        return self._finding(proposal, first)

    @property
    def _actual(self) -> Draft:
        step = self.chain.steps[self.index]
        boxes = self.chain.inboxes[self.index], self.chain.outboxes[self.index]
        return Draft(step.previous, step.actor, *boxes, step.core)

    def _proposal(self) -> Proposal:
        first = self.history.shelf.message(self.covered[0][1])
        return Proposal(message_kind(self.chain.actor, first, has_step=self.index > 0), self.covered)

    def _at(self, path: tuple[str, ...]) -> bytes | None:
        return find(self.history.shelf, self.chain.steps[self.index].core, path)

    def _make(self, proposal: Proposal, last: bytes | None, script: QueryAnswers) -> Draft | bytes | str:
        """Return what the transition gives, or in words why it gives nothing."""
        context = Context(self.chain.actor, LAST_ATTEMPT, script.ask, is_past=True)
        try:
            made = make_step(self.history.shelf, context, proposal, last)
            return _taken_apart(self.history.shelf, made) if isinstance(made, bytes) else made
        except Foreign:
            self.is_foreign = True
            return "other code"
        except Declined:
            return "the transition declines"
        except (Failure, Refusal) as problem:
            return f"the transition fails: {problem}"

    def _from_outside(self, proposal: Proposal, last: bytes | None) -> Finding | None:
        """Return the finding where what can be seen of a step without running its module is wrong."""
        shelf = self.history.shelf
        seen = self._law().outside_fault(shelf, self.chain.actor, proposal, last, self.chain.ids[self.index])
        if seen is None:
            return None
        return Finding("recompute", self.chain.place(self.index, self._law().outside_path), str(seen), seen.rule)

    def _was_refused(self, proposal: Proposal, last: bytes | None) -> bool:
        """Return whether the step is the answer to an update that failed as often as is allowed."""
        assert last is not None
        if self._actual != cursor_only(self.history.shelf, self.chain.actor, proposal, last):
            return False
        script = QueryAnswers(self.answers, self._at, self.is_adopted)
        for _ in script.runs():
            context = Context(self.chain.actor, 1, script.ask)
            try:
                make_step(self.history.shelf, context, proposal, last)
            except Failure:
                return True
            except Declined:
                continue
        return script.believed or script.spent

    def _believe(self, script: QueryAnswers, *, spent: bool = False) -> None:
        if script.believed or spent:
            place = self.chain.place(self.index, "core").path
            self.history.unverified.append(f"{place}: the answer to a query cannot be checked")

    def _finding(self, proposal: Proposal, made: Draft | bytes | str | None) -> Finding:
        if isinstance(made, bytes):
            made = self._draft_of(made)
        if isinstance(made, Draft):
            field_path = step_difference(self.history.shelf, made, self._actual)
            words = "computing the step again gives another value"
        else:
            field_path = f"inbox/{self.covered[0][0].hex()}"
            words = made if isinstance(made, str) else "computing the step again gives no step of the actor"
        rules = {"duplicate": "wit.genesis.again", "update": self._update_rule(proposal)}
        rule = rules.get(proposal.kind, self._law().broken_rule(field_path))
        return Finding("recompute", self.chain.place(self.index, field_path), words, rule)

    def _draft_of(self, made: bytes) -> Draft | None:
        """Return a stored step as a draft, or None for another object."""
        step = self.history.shelf.look(made)
        if not isinstance(step, Step):
            return None
        return draft_of(self.history.shelf, step)

    def _law(self) -> Law:
        """Return the law of the actor before the step."""
        return law_of(self.history.shelf, self.chain.steps[self.index - 1].core if self.index else self.chain.actor)

    def _update_rule(self, proposal: Proposal) -> str:
        if proposal.kind != "update":
            return "wit.update.merge"
        rule = refusing_rule(self.history.shelf, self.chain.ids[self.index - 1], proposal.covered[0])
        return "wit.update.merge" if rule is None else rule


def _taken_apart(shelf: Shelf, made: bytes) -> Draft | bytes:
    """Return the fields of a step, as drafts have them; what is no step is given back."""
    value = shelf.get(made)
    if not isinstance(value, Step):
        return made
    return draft_of(shelf, value)
