"""The transition: from the position of an actor and a proposal to its next step.

::

    genesis     the node ``wit`` of the content
    ordinary    the node ``wit`` of the core
    cleanup     the node ``wit`` of the core; the step has no previous
    update      the default update, or the node ``wit_update`` of the content
    duplicate   the cursor-only step

The law of the actor may refuse more updates and may prevent code from making the first step (``laws.Law``); code may
change its step once it is admitted (``code.Draft``). Every result is admitted here. Nothing is stored and no reference
is set.

Spec: the chapter *Transition* of ``wit``.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from gritstone.errors import Exhausted, InternalError, Missing, Refusal
from gritstone.grit.objects import ObjectId, Tree
from gritstone.wit.admission import Admitted, admit
from gritstone.wit.channels import Roots, new_roots
from gritstone.wit.closure_cache import ClosureCache, new_closure_cache
from gritstone.wit.code import Code, Draft, Request, Run
from gritstone.wit.failures import failure, failure_class
from gritstone.wit.laws import Laws
from gritstone.wit.objects import Objects
from gritstone.wit.position import Position
from gritstone.wit.proposals import MessageKind, Proposal
from gritstone.wit.update import cursor_only, default_update, first_step
from gritstone.wit.workspace import Workspace

__all__ = ["Executor", "Transition"]

Transition = Generator[Request, Any, Admitted | None]
"""A transition in progress; it returns the admitted step, or None if the code declined."""


@dataclass(frozen=True, slots=True)
class Executor:
    """An executor of transitions on the objects of one store.

    Attributes:
        objects: the objects of the store.
        laws: the laws of the actors.
        trust_heads: whether steps and messages are known to be present with everything that they reach, because they
            come from heads.
        closures: the ids that are known to be present with everything that they reach.
        roots: the known roots of chains.
    """

    objects: Objects
    laws: Laws
    trust_heads: bool = False
    closures: ClosureCache = field(default_factory=new_closure_cache)
    roots: Roots = field(default_factory=new_roots)

    def prepare(self, actor: ObjectId, last: Position | None, proposal: Proposal, attempt: int) -> Run:
        """Return what the code of one transition sees.

        Raises:
            Missing: the content of a genesis message is absent.
        """
        workspace = Workspace(self.objects)
        if last is not None:
            core_id, core = last.step.core, last.core
        else:
            tree = workspace.load(actor)
            assert isinstance(tree, Tree), "an actor is a tree"
            core_id, core = actor, tree.entries
        fixed = self.laws.frozen_paths(workspace, core) if "frozen" in core else ()
        return Run(workspace, actor, last, core_id, core, proposal, attempt, fixed)

    def transition(self, run: Run) -> Transition:
        """Run one transition and admit its result.

        Raises:
            Rejected: the transition failed (codes ``failed``, ``unresolved``, ``illegal-step``).
            Exhausted: the transition failed (code ``exhausted``).
            Missing: the store lacks an object that the transition needs.

        Spec: :rule:`wit.transition.source`, :rule:`wit.transition.declined`.
        """
        kind = run.proposal.kind
        if kind is MessageKind.DUPLICATE:
            return self._admit(run, cursor_only(run))
        if kind is MessageKind.GENESIS:
            law = self.laws.of(run.workspace, run.core)
            if not law.makes_first_step(run.workspace, run.core):
                return self._admit(run, first_step(run))
        if kind is MessageKind.UPDATE:
            found = self._update(run)
            if isinstance(found, Admitted):
                return found
            code = found
        else:
            code = self.laws.resolve(run.workspace, run.core, "wit")
        try:
            result = yield from code.step(run)
        except (InternalError, Missing):
            raise
        except Exception as error:
            # The code may be anything: each exception of it is a failure of the transition.
            raise _as_failure(error) from error
        return self._end(run, result)

    def refuse_update(self, run: Run) -> Admitted:
        """Return the cursor-only step as the result of a refused update.

        Spec: :rule:`wit.update.refused`.
        """
        admitted = self._admit(run, cursor_only(run))
        admitted.refused_update = True
        return admitted

    def adopt(self, admitted: Admitted) -> None:
        """Add a step to the caches when it and everything that it reaches is stored or about to be stored.

        The step and its mailboxes are not added: the next transition already has them, and nothing else reads them.
        """
        self.closures.update(admitted.ranks)
        step, made = admitted.position.step, admitted.workspace.made
        made.pop(admitted.position.step_id, None)
        if step.inbox is not None:
            made.pop(step.inbox, None)
        if step.outbox is not None:
            made.pop(step.outbox, None)
        self.objects.remember(made)

    def _admit(self, run: Run, step: ObjectId) -> Admitted:
        return admit(run, step, self.closures, self.roots, trust_heads=self.trust_heads)

    def _end(self, run: Run, result: ObjectId | Draft | None) -> Admitted | None:
        """Admit the result of code, or return None if the code declined.

        A draft is admitted before its code finishes it, and again if that changed the step. Code that returns a draft
        can make any number of objects. Those that the step does not reach are not stored.

        Spec: :rule:`wit.transition.declined`.
        """
        step = result.step if isinstance(result, Draft) else result
        if step is None:
            raise failure("failed", "the code gave no id")
        if run.last is not None and step == run.last.step_id:
            return None
        admitted = self._admit(run, step)
        if isinstance(result, Draft):
            try:
                finished = result.finish(admitted.position)
            except Exhausted as refusal:
                raise _as_failure(refusal) from refusal
            if finished != step:
                admitted = self._admit(run, finished)
            run.workspace.drop_unreached((finished,))
        return admitted

    def _update(self, run: Run) -> Admitted | Code:
        """Return the result of an update, or the code that handles it.

        Spec: :rule:`wit.update.code`, :rule:`wit.update.refused`, :rule:`wit.frozen.code`.
        """
        workspace, law = run.workspace, self.laws.of(run.workspace, run.core)
        _, message_id = run.proposal.single()
        content_id = workspace.message(message_id).content
        content = workspace.tree(content_id)
        if content is None or law.refuses_update(run, content.entries):
            return self.refuse_update(run)
        if "wit_update" in content.entries:
            if "frozen" in run.core:
                return self.refuse_update(run)
            return self.laws.resolve(workspace, run.core, "wit_update", content.entries)
        try:
            step = default_update(run, content_id, law)
        except Exhausted as refusal:
            raise failure("exhausted", str(refusal)) from None
        if step is None:
            return self.refuse_update(run)
        return self._admit(run, step)


def _as_failure(error: Exception) -> Refusal:
    """Return the failure for an exception that code raised.

    Spec: :rule:`wit.transition.class`.
    """
    if not isinstance(error, Refusal):
        return failure("failed", f"{type(error).__name__}: {error}")
    if failure_class(error) is not None:
        return error
    return failure("exhausted" if isinstance(error, Exhausted) else "failed", str(error))
