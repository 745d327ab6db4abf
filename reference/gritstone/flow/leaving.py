"""Leaving nodes: outputs, failures, and the end of a flow. Each function returns the node to enter next, or None.

Spec: :ref:`flow-leave`.
"""

from __future__ import annotations

from gritstone.errors import Exhausted
from gritstone.flow.plan import Node
from gritstone.flow.state import Flow, Place
from gritstone.flow.values import Value, encode_value

__all__ = ["add_output", "fail_node", "finish", "finish_at_end", "leave", "log_failure"]


def add_output(flow: Flow, node: Node, data: bytes) -> None:
    """Set the output of a node from the encoding of its value.

    Spec: :rule:`flow.budget.stalled`.
    """
    target = flow.core.put_document(data)
    if flow.core.tree("out").get(node.name) == target:
        flow.state.idle += 1
    else:
        flow.core.change("out")[node.name] = target
        flow.state.idle = 0


def leave(flow: Flow, node: Node, data: bytes) -> str | None:
    """Close a node with an output."""
    add_output(flow, node, data)
    _close(flow)
    return node.next


def log_failure(flow: Flow, place: Place, failure: Value) -> None:
    """Log the class of a failure, and why."""
    shown = {name: failure[name] for name in ("class", "why") if name in failure}
    flow.log_event("failed", **place.members(), failure=shown)


def fail_node(flow: Flow, node: Node, failure: Value) -> str | None:
    """Close a node with a failure.

    Spec: :rule:`flow.step.exits`.
    """
    log_failure(flow, Place(node.name), failure)
    flow.state.idle += 1
    _close(flow)
    return node.on_error if node.on_error is not None else finish(flow, "failed", failure)


def finish(flow: Flow, status: str, failure: Value = None) -> str | None:
    """End the flow without an output; there is no node to enter next."""
    report = _report(status, failure, [])
    return _finish(flow, status, failure, [], report, encode_value(report))


def finish_at_end(flow: Flow, node: Node, output: list[Value]) -> str | None:
    """End the flow at an end with an output, in a list of at most one element."""
    is_success = node.value["outcome"] == "success"
    status, failure = ("succeeded", None) if is_success else ("failed", {"class": "ended", "node": node.name})
    report = _report(status, failure, output)
    try:
        data = encode_value(report)
    except Exhausted:
        return finish(flow, "failed", {"class": "size", "node": node.name})
    return _finish(flow, status, failure, output, report, data)


def _report(status: str, failure: Value, output: list[Value]) -> Value:
    report = {"flow": 1, "status": status}
    if failure is not None:
        report["failure"] = failure
    return {**report, "output": output[0]} if output else report


def _finish(flow: Flow, status: str, failure: Value, output: list[Value], report: Value, data: bytes) -> str | None:
    """Spec: :rule:`flow.status.report`."""
    state = flow.state
    if state.at is not None:
        _close(flow)
    state.status, state.failure, state.output, state.reserved = status, failure, output, 0
    flow.log_event("ended", status=status)
    flow.send(flow.core.entries["starter"], {"mt": "flow.report"}, flow.packet(report, data))
    return None


def _close(flow: Flow) -> None:
    state = flow.state
    flow.sent().clear()
    state.at, state.flight, state.done, state.stop = None, {}, None, None
    for name in ("part", "timers"):
        if flow.core.tree(name):
            flow.core.clear(name)
