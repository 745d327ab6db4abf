"""Entering nodes, and pumping a parallel, until an answer is needed or the flow has ended.

Spec: "Enter a node" in ``flow/steps``; ``flow/parallel``.
"""

from __future__ import annotations

from typing import Any, Final

from gritstone_conformance.model.flow.calls import dispatch, rendered, start_timer
from gritstone_conformance.model.flow.evaluation import holds
from gritstone_conformance.model.flow.leaving import failure, finish, give_failure, give_output, set_output
from gritstone_conformance.model.flow.paths import Environment, EvaluationError
from gritstone_conformance.model.flow.sending import report
from gritstone_conformance.model.flow.values import Map, in_key_order, is_within
from gritstone_conformance.model.flow.working import Flow, Place

__all__ = ["MOST_MOVES", "proceed"]

MOST_MOVES: Final = 1000
"""Nodes that are entered for one message, and in one step before it reads a further message."""

_MOST_OPEN: Final = 64


def proceed(flow: Flow) -> None:
    """Do everything that can be done without a further message.

    Spec: :rule:`flow.step.quiescent`.
    """
    while flow.target is not None or flow.must_pump:
        if flow.target is not None:
            node, flow.target = flow.target, None
            _enter(flow, node)
        else:
            flow.must_pump = False
            _pump(flow)


def _enter(flow: Flow, name: str) -> None:
    ended = _ended(flow, name)
    if ended is not None:
        status, kind = ended
        finish(flow, status, failure(kind, Place(name)))
        return
    flow.entered += 1
    flow.moves += 1
    flow.state["steps"] += 1
    visit = 1
    if "visits" in flow.state:
        visit = flow.state["visits"].get(name, 0) + 1
        flow.state["visits"][name] = visit
    flow.logs("entered", node=name, visit=visit)
    node = flow.program["nodes"][name]
    match node["kind"]:
        case "branch":
            _branch(flow, name, node)
        case "end":
            _end(flow, name, node)
        case kind:
            _open(flow, name, node, kind, visit)


def _ended(flow: Flow, name: str) -> tuple[str, str] | None:
    """Return status and class with which the flow ends instead of entering a node, or None.

    Spec: :rule:`flow.budget.moves`, :rule:`flow.budget.stalled`, :rule:`flow.budget.visits`, :rule:`flow.budget.steps`.
    """
    if flow.moves == MOST_MOVES:
        return "budget_exceeded", "moves"
    if flow.state["idle"] >= flow.least("max_stalled"):
        return "stalled", "stalled"
    if flow.state.get("visits", {}).get(name, 0) >= flow.least("max_visits"):
        return "budget_exceeded", "visits"
    if flow.would_exceed("max_steps", flow.state["steps"] + 1):
        return "budget_exceeded", "steps"
    return None


def _environment(flow: Flow) -> Environment:
    return flow.environment(out=flow.documents("out"), prior=flow.documents("prior"))


def _branch(flow: Flow, name: str, node: Any) -> None:
    try:
        value = holds(node["if"], _environment(flow))
    except EvaluationError as error:
        finish(flow, "failed", failure(error.code, Place(name)))
        return
    taken = node["then" if value else "else"]
    flow.logs("decided", node=name, taken=taken)
    set_output(flow, name, value)
    flow.target = taken


def _end(flow: Flow, name: str, node: Any) -> None:
    is_success, place = node["outcome"] == "success", Place(name)
    status = "succeeded" if is_success else "failed"
    failed = None if is_success else failure("ended", place)
    if "output" not in node:
        finish(flow, status, failed)
        return
    output, error = rendered(node["output"], _environment(flow))
    if error is None and not is_within(report(status, failed, [output])):
        error = "size"
    if error is None:
        finish(flow, status, failed, output)
    else:
        finish(flow, "failed", failure(error, place))


def _open(flow: Flow, name: str, node: Any, kind: str, visit: int) -> None:
    """Open a call, a parallel or a wait."""
    flow.state |= {"at": name, "visit": visit, "flight": {}}
    match kind:
        case "wait":
            flow.logs("waiting", node=name, event=node["event"])
            flow.state["flight"][name] = {"phase": "waiting"}
            if "timeout_ms" in node:
                start_timer(flow, Place(name), 1, node["timeout_ms"], "wait")
        case "call":
            dispatch(flow, Place(name), 1)
        case "parallel":
            flow.state["done"] = {}
            flow.must_pump = True


def _pump(flow: Flow) -> None:
    """Dispatch subs as far as possible, and join if none is open.

    Spec: :rule:`flow.par.order`, :rule:`flow.par.progress`.
    """
    name, state = flow.state["at"], flow.state
    node = flow.program["nodes"][name]
    while "stop" not in state and len(state["flight"]) < node.get("width", _MOST_OPEN):
        ready = [sub for sub in in_key_order(node["calls"]) if _is_ready(state, sub, node["calls"][sub])]
        if not ready:
            break
        dispatch(flow, Place(name, ready[0]), 1)
    flow.must_pump = False
    if not state["flight"]:
        _join(flow, name, node)


def _is_ready(state: dict[str, Any], sub: str, element: Any) -> bool:
    is_new = sub not in state["flight"] and sub not in state["done"]
    return is_new and all(each in state["done"] for each in element.get("depends_on", ()))


def _join(flow: Flow, name: str, node: Any) -> None:
    """End a parallel of which no sub is open.

    Spec: :rule:`flow.par.optional`, :rule:`flow.par.stop`.
    """
    place, stopped = Place(name), flow.state.get("stop")
    if stopped is not None:
        failed = {member: value for member, value in stopped.items() if member != "budget"}
        if "budget" in stopped:
            finish(flow, "budget_exceeded", failed)
        else:
            give_failure(flow, place, failed)
        return
    parts = flow.documents("part")
    output: Map = {sub: parts.get(sub) for sub in node["calls"]}
    if is_within(output):
        give_output(flow, place, output)
    else:
        give_failure(flow, place, failure("size", place))
