"""The query ``accepts``: which messages a flow does not ignore now.

Spec: "Queries" in ``flow/trace``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from gritstone_conformance.model.flow.received import open_calls, open_timers
from gritstone_conformance.model.flow.values import Map, in_key_order
from gritstone_conformance.model.flow.working import Flow, Place

__all__ = ["accepts"]


def accepts(flow: Flow) -> list[Map]:
    """Return the elements of the answer.

    Spec: :rule:`flow.query.accepts`.
    """
    if flow.state["status"] == "rejected":
        return []
    elements = [*_of_open_node(flow), *_of_flow(flow)]
    with_sender = [each for each in elements if each.get("peers", True)]
    return sorted(with_sender, key=lambda each: (str(each["mt"]), str(each.get("node", "")), str(each.get("sub", ""))))


def _peers(*names: str | None) -> Map:
    """Return the member ``peers``: names that the policy lists."""
    return {"peers": [*in_key_order(name for name in names if name is not None)]}


def _of_open_node(flow: Flow) -> Iterator[Map]:
    """Yield the elements for open calls, timers and waits."""
    visit, policy = flow.state.get("visit"), flow.policy
    for place in open_calls(flow).values():
        bound: Map = {**place.members, "visit": visit}
        attempts = flow.state["flight"][place.key]["attempt"]
        yield {"mt": "flow.result", **_peers(flow.tool(place)["peer"]), **bound, "attempts": attempts}
        yield {"mt": "receipt", **_peers(policy.get("agent")), **bound}
    for place in open_timers(flow).values():
        yield {"mt": "flow.fired", **_peers(policy.get("timer")), **place.members, "visit": visit}
    name = flow.state["at"]
    if name is not None and flow.program["nodes"][name]["kind"] == "wait":
        event = flow.element(Place(name))["event"]
        bound = {"node": name, "visit": visit, "event": event}
        yield {"mt": "flow.event", **_peers(*policy["events"][event]), **bound}


def _of_flow(flow: Flow) -> Iterator[Map]:
    """Yield the elements that concern the flow as a whole."""
    policy, state = flow.policy, flow.state
    if state["status"] in ("running", "suspended"):
        yield {"mt": "flow.cancel", **_peers(*_control(flow, "cancel"))}
    if not flow.tree("refs").keys() <= set(flow.erased):
        yield {"mt": "flow.erase", **_peers(*_control(flow, "erase"))}
    if flow.erased:
        yield {"mt": "flow.erased", **_peers(policy.get("eraser"))}
    is_interrupted = state["status"] in ("budget_exceeded", "stalled") and "next" not in flow.entries
    if is_interrupted and flow.carry["replans"] < flow.most_replans:
        yield {"mt": "flow.replan", **_peers(*_control(flow, "replan"))}
    if state["status"] == "planned":
        yield {"mt": "flow.start"}


def _control(flow: Flow, right: str) -> Collection[str]:
    names: Collection[str] = flow.policy.get("control", {}).get(right, ())
    return names
