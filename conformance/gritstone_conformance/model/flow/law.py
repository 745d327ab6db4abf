"""The law of flows: the code ``external:flow/1``.

Spec: ``flow/steps``, ``flow/trace``.
"""

from __future__ import annotations

from typing import Any, Final

from gritstone_conformance.model.failures import Declined, Failure
from gritstone_conformance.model.flow.accepting import accepts
from gritstone_conformance.model.flow.acting import begin, carry_out
from gritstone_conformance.model.flow.checking import Defects
from gritstone_conformance.model.flow.limits import FLOW, STEP_MESSAGES, STEP_NODES
from gritstone_conformance.model.flow.objects import CODE, document, is_flow
from gritstone_conformance.model.flow.sending import report, send_report
from gritstone_conformance.model.flow.successors import CORE, check_core
from gritstone_conformance.model.flow.trace import canonical_trace, read_state
from gritstone_conformance.model.flow.values import copy_of
from gritstone_conformance.model.flow.working import TERMINAL, Flow
from gritstone_conformance.model.law import Law
from gritstone_conformance.model.proposals import Proposal
from gritstone_conformance.model.puppet import Context, Draft
from gritstone_conformance.model.refusals import Refusal
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.values import Blob
from gritstone_conformance.model.wuts import canonical

__all__ = ["FLOWS", "WUT"]

_TREE: Final[Any] = {"content": "tree"}
_ANSWER: Final[Any] = {"args": "none", "returns": "blob"}

WUT: Final = canonical(
    {
        "wut": 1,
        "name": "flow",
        "messages": {
            **{f"flow.{name}": _TREE for name in ("cancel", "erase", "erased", "event", "fired")},
            **{f"flow.{name}": _TREE for name in ("replan", "result", "start")},
            "receipt": {"content": "blob"},
        },
        "queries": dict.fromkeys(("accepts", "state", "trace", "wut"), _ANSWER),
    }
)
"""The wut of a flow."""


class _Flows(Law):
    """Flows; see ``Law``."""

    def has(self, data: bytes, format_name: str) -> bool:
        """Return whether the data is the name of the code."""
        return data == CODE

    def step(self, shelf: Shelf, context: Context, proposal: Proposal, last: bytes | None) -> Draft | bytes:
        """Return the step of a flow."""
        if proposal.kind == "update":
            raise Failure("failed", "a flow is no code of an update", "flow.start.update")
        _check_born(shelf, context.actor)
        if last is None:
            return _first_step(shelf, context.actor, proposal)
        return _cleanup(shelf, proposal, last) if proposal.kind == "cleanup" else _next_step(shelf, proposal, last)

    def query(self, shelf: Shelf, step: bytes, name: str, args: bytes) -> bytes | None:
        """Return the state, the trace, what the flow accepts, its wut, or None.

        Spec: :rule:`flow.query.state`, :rule:`flow.query.wut`.
        """
        value = shelf.step(step)
        _check_born(shelf, value.actor)
        match name:
            case "state":
                return shelf.names(value.core)["state"]
            case "trace":
                return _put_trace(shelf, step)
            case "accepts":
                flow = _loaded(shelf, step)
                _check_documents(flow)
                return shelf.put(document([*accepts(flow)]))
            case "wut":
                return shelf.put(Blob((("ct", "j"),), WUT))
        return None

    def refused_sender(self, shelf: Shelf, last: bytes, sender: bytes) -> str | None:
        """Return the rule on updates: a flow refuses all of them."""
        return "flow.start.update"

    def broken_rule(self, field_path: str) -> str | None:
        """Return the rule on what a flow reads, sends or computes."""
        rules = {"inbox": "flow.step.order", "outbox": "flow.call.exact"}
        return rules.get(field_path.partition("/")[0], "flow.step.function")


def _put_trace(shelf: Shelf, step: bytes) -> bytes:
    try:
        return shelf.put(document([*canonical_trace(shelf, step)]))
    except Refusal as refusal:
        if refusal.kinds == {"exhausted"}:
            raise Failure("failed", "the trace exceeds object_bytes", "flow.query.state") from refusal
        raise


FLOWS: Final = _Flows()


def _check_born(shelf: Shelf, actor: bytes) -> None:
    """Fail if the actor was not a flow from the beginning.

    Spec: :rule:`flow.start.born`.
    """
    if not is_flow(shelf, actor):
        raise Failure("failed", "the first core is not that of a flow", "flow.start.born")


def _loaded(shelf: Shelf, step: bytes) -> Flow:
    """Return a flow as it is after a step."""
    value = shelf.step(step)
    entries = {name: target for name, target in shelf.names(value.core).items() if name != "state"}
    before = read_state(shelf, value.core).items()
    state = {name: copy_of(each) for name, each in before if name not in ("seq", "log")}
    return Flow(shelf, value.actor, entries, dict(shelf.mail(value.outbox)), state)


def _first_step(shelf: Shelf, actor: bytes, proposal: Proposal) -> Draft:
    """Return the first step: the flow begins, is planned, or is rejected.

    Spec: "Begin" in ``flow/steps``.
    """
    sender = proposal.covered[0][0]
    counters = dict.fromkeys(("steps", "calls", "tokens", "reserved", "idle"), 0)
    state: dict[str, Any] = {"v": 1, "status": "planned", "at": None, **counters}
    flow = Flow(shelf, actor, dict(shelf.names(actor)), {}, state)
    defects = check_core(shelf, actor)
    if defects == CORE or "from" not in flow.entries:
        flow.entries["starter"] = sender
    if defects:
        _reject(flow, defects)
        return Draft(None, actor, dict(proposal.tips), flow.outbox, flow.seal(0))
    if flow.program.get("limits", {}).get("max_visits", FLOW["max_visits"]["program"]) > 1:
        state["visits"] = {}
    if "from" in flow.entries:
        flow.logs("planned")
    else:
        begin(flow)
    return Draft(None, actor, dict(proposal.tips), flow.outbox, flow.seal(0))


def _reject(flow: Flow, defects: Defects) -> None:
    """End a flow that has defects.

    Spec: :rule:`flow.check.before-effect`.
    """
    flow.entries.pop("state", None)
    flow.logs("rejected", defects=[[at, code] for at, code in defects])
    flow.state["status"] = "rejected"
    flow.logs("ended", status="rejected")
    send_report(flow, report("rejected", None, []))


def _next_step(shelf: Shelf, proposal: Proposal, last: bytes) -> Draft:
    """Return the step that carries out messages.

    Spec: :rule:`flow.step.order`, :rule:`flow.step.bound`.
    """
    flow, step = _loaded(shelf, last), shelf.step(last)
    inbox, read_of = dict(shelf.mail(step.inbox)), dict.fromkeys(proposal.tips, 0)
    _check_documents(flow)
    for sender, message in proposal.covered:
        if flow.entered >= STEP_NODES:
            break
        if read_of[sender] == STEP_MESSAGES:
            continue
        carry_out(flow, sender, shelf.message(message))
        read_of[sender] += 1
        inbox[sender] = message
    return Draft(last, flow.actor, inbox, flow.outbox, flow.seal(read_state(shelf, step.core)["seq"]))


def _cleanup(shelf: Shelf, proposal: Proposal, last: bytes) -> Draft:
    """Return the step that cuts the history; raises Declined.

    Spec: :rule:`flow.start.cleanup`.
    """
    flow, step = _loaded(shelf, last), shelf.step(last)
    _check_documents(flow)
    if flow.state["status"] not in TERMINAL or flow.state["status"] == "rejected":
        raise Declined
    if proposal.covered[0][0] not in flow.peers(flow.policy.get("control", {}).get("cleanup", [])):
        raise Declined
    flow.logs("cut")
    inbox = {**shelf.mail(step.inbox), **proposal.tips}
    return Draft(None, flow.actor, inbox, flow.outbox, flow.seal(read_state(shelf, step.core)["seq"]))


def _check_documents(flow: Flow) -> None:
    """Fail if the program or the policy was erased; of a rejected flow they may be anything."""
    if flow.state["status"] != "rejected":
        _ = flow.program, flow.policy
