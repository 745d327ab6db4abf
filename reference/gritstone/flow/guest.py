"""The code ``external:flow/1``: the transition function of flows, and their law.

Spec: ``flow/steps``; :rule:`flow.step.function`.
"""

from __future__ import annotations

from collections.abc import Mapping

from gritstone.errors import Missing
from gritstone.flow.begin import admit, defects_of, is_flow, load_plan
from gritstone.flow.core import Core
from gritstone.flow.handling import control_peers, handle
from gritstone.flow.leaving import finish
from gritstone.flow.limits import MOST_ENTERED, MOST_FROM_SENDER
from gritstone.flow.plan import Plan
from gritstone.flow.queries import answer
from gritstone.flow.state import TERMINAL, Flow, State
from gritstone.grit.objects import Mailbox, ObjectId, Step
from gritstone.wit.code import Code, CodeRun, Question, Run
from gritstone.wit.failures import failure
from gritstone.wit.laws import External
from gritstone.wit.proposals import MessageKind

__all__ = ["FLOWS", "FlowLaw", "Guest", "make_step"]


class Guest:
    """The code of flows."""

    def step(self, run: Run) -> CodeRun:
        """Make a step; see ``Code.step``."""
        yield from ()
        if run.proposal.kind is MessageKind.UPDATE:
            raise failure("failed", "a flow is not the code of an update", rule="flow.start.update")
        if not is_flow(run.workspace, run.actor):
            raise failure("failed", "the actor was not born as a flow", rule="flow.start.born")
        try:
            return make_step(run)
        except Missing as refusal:
            raise _as_failure(refusal) from refusal

    def query(self, question: Question) -> CodeRun:
        """Answer a query; see ``Code.query``."""
        yield from ()
        if not is_flow(question.workspace, question.position.step.actor):
            raise failure("failed", "the actor was not born as a flow", rule="flow.start.born")
        try:
            return answer(question)
        except Missing as refusal:
            raise _as_failure(refusal) from refusal


def _as_failure(refusal: Missing) -> Exception:
    """Return the failure for a document that was erased; a store without an object is at fault itself."""
    if refusal.code != "erased":
        return refusal
    return failure("failed", "a document that the flow needs was erased", rule="flow.step.function")


def make_step(run: Run) -> ObjectId:
    """Make the step of a proposal of the kinds genesis, ordinary and cleanup; return its id.

    Raises:
        Missing: a document that the step needs was erased (code ``erased``), or an object is absent.
    """
    if run.last is None:
        return _first(run)
    if run.proposal.kind is MessageKind.CLEANUP:
        return _cut(run)
    core = Core(run.workspace, run.core)
    state = State.read(core.value("state"))
    plan = _NO_PLAN if state.status == "rejected" else load_plan(core)
    flow = Flow(run.actor, core, plan, state, run.last.outbox)
    inbox = dict(run.last.inbox)
    for sender, messages in run.proposal.covered:
        for message in messages[:MOST_FROM_SENDER]:
            if flow.entered >= MOST_ENTERED:
                break
            handle(flow, sender, run.workspace.message(message))
            inbox[sender] = message
    return _stored(run, flow, run.last.step_id, inbox)


def _first(run: Run) -> ObjectId:
    """Make the first step. Spec: :ref:`flow-begin`."""
    sender, message = run.proposal.single()
    core = Core(run.workspace, run.core)
    defects = defects_of(core)
    if "from" not in core.entries or defects == [("", "core")]:
        core.entries["starter"] = sender
    state = State()
    plan = _NO_PLAN if defects else load_plan(core)
    flow = Flow(run.actor, core, plan, state, {})
    if not defects and plan.limits["max_visits"] > 1:
        state.visits = {}
    if defects:
        flow.log_event("rejected", defects=[list(defect) for defect in defects])
        finish(flow, "rejected")
    elif "from" in core.entries:
        flow.log_event("planned")
        state.status = "planned"
    else:
        admit(flow)
    return _stored(run, flow, None, {sender: message})


_NO_PLAN = Plan("", "", "", {}, {}, {}, {}, {})


def _cut(run: Run) -> ObjectId:
    """Make the step without a previous one that a cleanup message requests, or decline.

    Spec: :rule:`flow.start.cleanup`.
    """
    assert run.last is not None, "only a flow with a step is cut"
    sender, message = run.proposal.single()
    core = Core(run.workspace, run.core)
    state = State.read(core.value("state"))
    if state.status == "rejected":
        return run.last.step_id
    flow = Flow(run.actor, core, load_plan(core), state, run.last.outbox)
    if state.status not in TERMINAL or sender not in control_peers(flow, "cleanup"):
        return run.last.step_id
    flow.log_event("cut")
    return _stored(run, flow, None, {**run.last.inbox, sender: message})


def _stored(run: Run, flow: Flow, previous: ObjectId | None, inbox: Mapping[ObjectId, ObjectId]) -> ObjectId:
    put = run.workspace.put
    core = flow.write()
    outbox = put(Mailbox(flow.outbox)) if flow.outbox else None
    return put(Step(previous, run.actor, put(Mailbox(inbox)), outbox, core))


class FlowLaw(External):
    """The law of flows: every update is refused.

    Spec: :rule:`flow.start.update`.
    """

    def refuses_update(self, run: Run, content: Mapping[str, ObjectId]) -> bool:
        """Return that every update is refused."""
        return True


_GUEST: Code = Guest()
FLOWS = FlowLaw({"flow/1": _GUEST})
"""The law with the code of flows."""
