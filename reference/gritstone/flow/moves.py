"""Moves: entering nodes until one of them is open, or the flow has ended.

Spec: :ref:`flow-enter`.
"""

from __future__ import annotations

from gritstone.errors import Exhausted, Rejected
from gritstone.flow.attempts import dispatch, start_timer
from gritstone.flow.core import Sources
from gritstone.flow.expressions import evaluate
from gritstone.flow.leaving import add_output, fail_node, finish, finish_at_end, leave
from gritstone.flow.limits import MOST_ENTERED
from gritstone.flow.parallel import add_sub_output, fail_sub, pump
from gritstone.flow.plan import Node
from gritstone.flow.state import Failed, Flow, Place
from gritstone.flow.templates import render
from gritstone.flow.values import encode_value

__all__ = ["enter", "go_on", "succeed"]


def enter(flow: Flow, name: str | None) -> None:
    """Enter a node, and the nodes after it, until one is open or the flow has ended; None enters nothing."""
    while name is not None:
        node = flow.plan.nodes[name]
        end = _limit(flow, node)
        if end is not None:
            finish(flow, end[0], {"class": end[1], "node": name})
            return
        name = _open(flow, node)


def go_on(flow: Flow, place: Place, failed: Failed | None) -> None:
    """Continue after an attempt: with its failure, or not at all if the call stays open.

    Spec: :rule:`flow.step.quiescent`.
    """
    if failed is None:
        return
    node = flow.plan.nodes[place.node]
    if place.sub is not None:
        fail_sub(flow, place, failed)
        enter(flow, pump(flow))
    elif failed.is_budget:
        finish(flow, "budget_exceeded", failed.failure)
    else:
        enter(flow, fail_node(flow, node, failed.failure))


def succeed(flow: Flow, place: Place, data: bytes) -> None:
    """Continue after a call or a wait with the encoding of its output."""
    if place.sub is None:
        enter(flow, leave(flow, flow.plan.nodes[place.node], data))
    else:
        add_sub_output(flow, place, data)
        enter(flow, pump(flow))


def _limit(flow: Flow, node: Node) -> tuple[str, str] | None:
    """Return the status and the class of the first limit that prevents the entry into a node, or None.

    Spec: :rule:`flow.budget.moves`, :rule:`flow.budget.stalled`, :rule:`flow.budget.visits`, :rule:`flow.budget.steps`.
    """
    state = flow.state
    if flow.entered - flow.entered_before >= MOST_ENTERED:
        return "budget_exceeded", "moves"
    if state.idle >= flow.smaller("max_stalled"):
        return "stalled", "stalled"
    if state.visits is not None and state.visits.get(node.name, 0) >= flow.smaller("max_visits"):
        return "budget_exceeded", "visits"
    if flow.exceeds("steps", state.steps + 1):
        return "budget_exceeded", "steps"
    return None


def _open(flow: Flow, node: Node) -> str | None:
    """Carry out a node; return the node to enter next, or None."""
    state = flow.state
    visit = 1
    if state.visits is not None:
        visit = state.visits[node.name] = state.visits.get(node.name, 0) + 1
    state.steps += 1
    flow.entered += 1
    flow.log_event("entered", node=node.name, visit=visit)
    if node.kind == "branch":
        return _branch(flow, node)
    if node.kind == "end":
        return _end(flow, node)
    state.at, state.visit = node.name, visit
    if node.kind == "parallel":
        state.done = {}
        return pump(flow)
    if node.kind == "wait":
        return _wait(flow, node)
    failed = dispatch(flow, Place(node.name), 1)
    if failed is None:
        return None
    return (
        finish(flow, "budget_exceeded", failed.failure) if failed.is_budget else fail_node(flow, node, failed.failure)
    )


def _branch(flow: Flow, node: Node) -> str | None:
    assert node.condition is not None, "a branch has a condition"
    try:
        value = evaluate(node.condition, Sources(flow.core))
    except Rejected as refusal:
        return finish(flow, "failed", {"class": refusal.code, "node": node.name})
    taken: str = node.value["then" if value else "else"]
    flow.log_event("decided", node=node.name, taken=taken)
    add_output(flow, node, encode_value(value))
    return taken


def _end(flow: Flow, node: Node) -> str | None:
    output = []
    if node.output is not None:
        try:
            output.append(render(node.output, Sources(flow.core)).value)
        except Rejected as refusal:
            return finish(flow, "failed", {"class": refusal.code, "node": node.name})
        except Exhausted:
            return finish(flow, "failed", {"class": "size", "node": node.name})
    return finish_at_end(flow, node, output)


def _wait(flow: Flow, node: Node) -> str | None:
    flow.log_event("waiting", node=node.name, event=node.value["event"])
    flow.state.flight[node.name] = {"phase": "waiting"}
    if "timeout_ms" in node.value:
        start_timer(flow, Place(node.name), 1, node.value["timeout_ms"], "wait")
    return None
