"""Parallels: which sub is called next, what the end of a sub does, and the join.

Spec: ``flow/parallel``.
"""

from __future__ import annotations

from gritstone.errors import Exhausted
from gritstone.flow.attempts import dispatch, failure_of
from gritstone.flow.core import Documents
from gritstone.flow.leaving import fail_node, finish, leave, log_failure
from gritstone.flow.plan import Node
from gritstone.flow.state import Failed, Flow, Place
from gritstone.flow.values import encode_value, key_order

__all__ = ["add_sub_output", "fail_sub", "pump"]

_MOST_WIDTH = 64


def add_sub_output(flow: Flow, place: Place, data: bytes) -> None:
    """End a sub with the encoding of its output."""
    flow.core.change("part")[place.key] = flow.core.put_document(data)
    _end(flow, place, is_ok=True)


def fail_sub(flow: Flow, place: Place, failed: Failed) -> None:
    """End a sub without an output, and stop the parallel if its rules require it.

    Spec: :rule:`flow.par.stop`.
    """
    state, failure = flow.state, failed.failure
    if not failed.is_budget:
        log_failure(flow, place, failure)
    _end(flow, place, is_ok=False)
    if state.stop is not None or (flow.work(place).is_optional and not failed.is_budget):
        return
    state.stop = {**failure, "budget": True} if failed.is_budget else failure
    waiting = [key for key, flight in state.flight.items() if flight["phase"] == "backoff"]
    for key in sorted(waiting, key=key_order):
        other = Place(place.node, key)
        fail_sub(flow, other, Failed(failure_of(other, "stopped")))


def _end(flow: Flow, place: Place, *, is_ok: bool) -> None:
    state, key = flow.state, place.key
    assert state.done is not None, "a parallel is open"
    state.done[key] = is_ok
    state.flight.pop(key, None)
    flow.sent().pop(key, None)
    if key in flow.core.tree("timers"):
        del flow.core.change("timers")[key]


def pump(flow: Flow) -> str | None:
    """Call the subs that can be called; join the parallel if all have ended.

    Returns:
        The node to enter next, or None.

    Spec: :rule:`flow.par.order`, :rule:`flow.par.progress`.
    """
    node, state = flow.node(), flow.state
    width = node.value.get("width", _MOST_WIDTH)
    while state.stop is None and len(state.flight) < width:
        sub = _next(flow, node)
        if sub is None:
            break
        place = Place(node.name, sub)
        failed = dispatch(flow, place, 1)
        if failed is not None:
            fail_sub(flow, place, failed)
    return None if state.flight else _join(flow, node)


def _next(flow: Flow, node: Node) -> str | None:
    """Return the first sub in key order that can be called, or None."""
    state, done = flow.state, flow.state.done or {}
    for sub, work in node.subs.items():
        if sub not in done and sub not in state.flight and all(one in done for one in work.depends_on):
            return sub
    return None


def _join(flow: Flow, node: Node) -> str | None:
    state = flow.state
    if state.stop is not None:
        failure = {name: member for name, member in state.stop.items() if name != "budget"}
        if "budget" in state.stop:
            return finish(flow, "budget_exceeded", failure)
        return fail_node(flow, node, failure)
    outputs, done = Documents(flow.core, flow.core.tree("part")), state.done or {}
    try:
        data = encode_value({sub: outputs[sub] if done[sub] else None for sub in node.subs})
    except Exhausted:
        return fail_node(flow, node, failure_of(Place(node.name), "size"))
    return leave(flow, node, data)
