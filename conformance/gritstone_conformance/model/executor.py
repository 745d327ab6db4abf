"""The executor: what each operation of ``wit`` answers on a model store, in the language of expectations.

Spec: ``wit``, ``harness/operations-wit``.
"""

from __future__ import annotations

from dataclasses import dataclass

from gritstone_conformance.model.admission import admission_defects
from gritstone_conformance.model.channels import unread_asked
from gritstone_conformance.model.cores import merge
from gritstone_conformance.model.failures import Declined, Failure
from gritstone_conformance.model.graph import Tombstone
from gritstone_conformance.model.proposals import Mail, Proposal, propose
from gritstone_conformance.model.puppet import Context, Draft
from gritstone_conformance.model.queries import answer_query
from gritstone_conformance.model.refusals import Defect, Refusal, invalid, missing, ok
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.store import Store
from gritstone_conformance.model.transition import make_step
from gritstone_conformance.model.values import Step, Tree
from gritstone_conformance.replies import Json

__all__ = ["Executor", "admitted_step"]

Expectation = dict[str, Json]


def admitted_step(shelf: Shelf, context: Context, proposal: Proposal, last: bytes | None) -> bytes:
    """Return the id of the step that a transition makes, admitted, on the shelf.

    Raises:
        Declined: it declines.
        Failure: it fails, a result that is not admitted included.
        Refusal: something that it needs is absent.
    """
    made = make_step(shelf, context, proposal, last)
    result = made.seal(shelf) if isinstance(made, Draft) else made
    defects = admission_defects(shelf, context.actor, last, proposal, result)
    if not defects:
        return result
    exhausted = defects[0].code == "exhausted"
    raise Failure("exhausted" if exhausted else "illegal-step", defects[0].words, defects[0].rule)


@dataclass(slots=True)
class _Watch:
    """Fails a transition that sleeps longer than it is given; 0 is any time."""

    transition_ms: int
    slept_ms: int = 0

    def sleep(self, milliseconds: int) -> None:
        """Advance the clock."""
        self.slept_ms += milliseconds
        if 0 < self.transition_ms < self.slept_ms:
            raise Failure("timeout", f"{self.slept_ms} ms are more than {self.transition_ms}")


class Executor:
    """The operations of ``wit`` on one store.

    Each answers with an expectation; a step or merged core that was made is in the store afterwards. The methods that
    return ids raise Refusal instead.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.shelf = Shelf.over(store)

    def step(self, actor: bytes, head: bytes | None, mail: Mail, attempt: int = 1, transition_ms: int = 0) -> bytes:
        """Return the step of ``wit.step``, or ``head`` where the transition declines; raises Refusal."""
        made: bytes | None = None
        try:
            proposal = self._propose(actor, head, mail)
            made = admitted_step(self.shelf, Context(actor, attempt, sleep=_Watch(transition_ms).sleep), proposal, head)
        except Declined:
            assert head is not None
            return head
        except Failure as failure:
            raise failure.refusal() from failure
        finally:
            if made is None:
                self.shelf.forget()
        self.shelf.flush_reached(self.store, made)
        return made

    def admit(self, actor: bytes, head: bytes | None, mail: Mail, step: bytes) -> None:
        """Raise Refusal where ``wit.admit`` refuses."""
        proposal = self._propose(actor, head, mail)
        defects = admission_defects(self.shelf, actor, head, proposal, step)
        if defects:
            raise Refusal(defects)

    def unread(self, tip: bytes, cursor: bytes | None) -> dict[str, Json]:
        """Return what ``wit.unread`` answers."""
        found = unread_asked(self.shelf, tip, cursor)
        return {"ids": [identity.hex() for identity in found.ids], "fresh": found.fresh}

    def merge(self, core: bytes, update: bytes) -> bytes:
        """Return the merge of two trees, stored."""
        merged = merge(self.shelf, core, update)
        self.shelf.flush(self.store)
        return merged

    def query(self, step: bytes, name: str, args: bytes) -> bytes | None:
        """Return the answer of a step to a query."""
        answer = answer_query(self.shelf, step, name, args)
        self.shelf.flush_reached(self.store, answer)
        return answer

    def step_expected(
        self, actor: bytes, head: bytes | None, mail: Mail, attempt: int = 1, transition_ms: int = 0
    ) -> Expectation:
        """Return the expectation on ``wit.step``."""
        try:
            return ok(step=self.step(actor, head, mail, attempt, transition_ms).hex())
        except Refusal as refusal:
            return refusal.expectation()

    def _propose(self, actor: bytes, head: bytes | None, mail: Mail) -> Proposal:
        wrong = self._wrong_head(actor, head)
        defects = [*self._wrong_actor(actor), *wrong, *self._erased(actor, head, *(message for _, message in mail))]
        proposal: Proposal | None = None
        try:
            proposal = None if wrong else propose(self.shelf, actor, head, mail)
        except Refusal as refusal:
            defects += refusal.defects
        if defects or proposal is None:
            raise Refusal(defects)
        return proposal

    def _erased(self, *named: bytes | None) -> list[Defect]:
        """Return a defect for each named object that was erased; as a blob it is also of a wrong kind."""
        gone = (one for one in named if one is not None and isinstance(self.shelf.look(one), Tombstone))
        return [missing("wit.transition.class", f"{one.hex()} was erased", "erased") for one in gone]

    def _wrong_actor(self, actor: bytes) -> list[Defect]:
        value = self.shelf.look(actor)
        if isinstance(value, Defect):
            return [missing("wit.transition.class", f"the actor {actor.hex()} is absent", value.code)]
        return [] if isinstance(value, Tree) else [invalid("wit.transition.class", "the actor is not a tree")]

    def _wrong_head(self, actor: bytes, head: bytes | None) -> list[Defect]:
        value = None if head is None else self.shelf.look(head)
        if value is None:
            return []
        if isinstance(value, Defect):
            return [missing("wit.transition.class", "the head is absent", value.code)]
        fits = isinstance(value, Step) and value.actor == actor
        return [] if fits else [invalid("wit.transition.class", "the head is not a step of the actor")]
