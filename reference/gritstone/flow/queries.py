"""Queries: the state, the trace, the messages that a flow accepts, and its description.

Spec: :ref:`flow-queries`.
"""

from __future__ import annotations

from collections.abc import Iterator

from gritstone.flow.begin import load_plan
from gritstone.flow.core import Core
from gritstone.flow.state import INTERRUPTED, Flow, State
from gritstone.flow.trace import trace_at
from gritstone.flow.values import Value, document, encode_value, key_order
from gritstone.grit.objects import ObjectId
from gritstone.wit.code import Question
from gritstone.wit.wut import wut_blob

__all__ = ["answer"]

_MESSAGES = ("cancel", "erase", "erased", "event", "fired", "replan", "result", "start")
_QUERY = {"args": "none", "returns": "blob"}
_WUT = wut_blob(
    "flow",
    {**{f"flow.{name}": {"content": "tree"} for name in _MESSAGES}, "receipt": {"content": "blob"}},
    dict.fromkeys(("accepts", "state", "trace", "wut"), _QUERY),
)


def answer(question: Question) -> ObjectId | None:
    """Return the id of the answer to a query, or None.

    Raises:
        Missing: a document that the answer needs was erased (code ``erased``).
    """
    workspace, position = question.workspace, question.position
    core = Core(workspace, position.core)
    match question.name:
        case "wut":
            return workspace.put(_WUT)
        case "state":
            return core.entries["state"]
        case "trace":
            return workspace.put(document(encode_value(trace_at(workspace, position.step_id), None)))
        case "accepts":
            return workspace.put(document(encode_value(_accepts(position.step.actor, core), None)))
    return None


def _accepts(actor: ObjectId, core: Core) -> list[Value]:
    """Return which messages a flow accepts.

    Spec: :rule:`flow.query.accepts`.
    """
    state = State.read(core.value("state"))
    if state.status == "rejected":
        return []
    flow = Flow(actor, core, load_plan(core), state, {})
    found = list(_admissible(flow))
    return sorted(found, key=lambda one: (one["mt"], one.get("node", ""), one.get("sub", "")))


def _admissible(flow: Flow) -> Iterator[Value]:
    state, roles = flow.state, flow.plan.roles
    if state.at is not None:
        yield from _of_open_node(flow)
        yield from _element("flow.cancel", roles.get("control", {}).get("cancel", []))
    refs, erased = flow.core.tree("refs"), set(flow.erased())
    if not refs.keys() <= erased:
        yield from _element("flow.erase", roles.get("control", {}).get("erase", []))
    if erased:
        yield from _element("flow.erased", _role(flow, "eraser"))
    if state.status in INTERRUPTED and "next" not in flow.core.entries and flow.has_replans():
        yield from _element("flow.replan", roles.get("control", {}).get("replan", []))
    if state.status == "planned":
        yield {"mt": "flow.start"}


def _of_open_node(flow: Flow) -> Iterator[Value]:
    state = flow.state
    for key, flight in state.flight.items():
        place = flow.place(key)
        members = {**place.members(), "visit": state.visit}
        if flight["phase"] == "waiting":
            event = flow.node().value["event"]
            yield from _element("flow.event", flow.plan.roles["events"][event], **members, event=event)
        else:
            peers = [flow.work(place).tool.peer]
            yield from _element("flow.result", peers, **members, attempts=flight["attempt"])
            yield from _element("receipt", _role(flow, "agent"), **members)
    for key in flow.core.tree("timers"):
        members = {**flow.place(key).members(), "visit": state.visit}
        yield from _element("flow.fired", _role(flow, "timer"), **members)


def _role(flow: Flow, role: str) -> list[str]:
    return [flow.plan.roles[role]] if role in flow.plan.roles else []


def _element(mt: str, names: list[str], **members: Value) -> Iterator[Value]:
    """Yield an element, unless it has no peers."""
    if names:
        yield {"mt": mt, "peers": sorted(names, key=key_order), **members}
