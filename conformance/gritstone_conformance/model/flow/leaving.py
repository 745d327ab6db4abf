"""How a node or a sub ends, and how a flow ends.

Spec: "Leave a node" in ``flow/steps``; ``flow/parallel``.
"""

from __future__ import annotations

from gritstone_conformance.model.flow.sending import report, send_report
from gritstone_conformance.model.flow.values import Map, Value, in_key_order
from gritstone_conformance.model.flow.working import OF_OPEN_NODE, Flow, Place

__all__ = ["failure", "finish", "give_failure", "give_output", "release", "set_output", "stop"]


def failure(kind: str, place: Place, why: str | None = None) -> Map:
    """Return the failure of a class at a place."""
    return {"class": kind, **place.members, **({} if why is None else {"why": why})}


def set_output(flow: Flow, node: str, value: Value) -> None:
    """Set the output of a node, and count it as idle if it does not change.

    Spec: :rule:`flow.budget.stalled`.
    """
    target = flow.put(value)
    if flow.tree("out").get(node) == target:
        flow.state["idle"] += 1
        return
    flow.add("out", node, target)
    flow.state["idle"] = 0


def give_output(flow: Flow, place: Place, value: Value) -> None:
    """End a call, a parallel, a wait or a sub with an output."""
    if place.sub is None:
        set_output(flow, place.node, value)
        _close(flow)
        flow.target = flow.element(place)["next"]
        return
    flow.add("part", place.sub, flow.put(value))
    flow.state["done"][place.sub] = True
    release(flow, place)


def give_failure(flow: Flow, place: Place, failed: Map) -> None:
    """End a call, a parallel, a wait or a sub with a failure.

    Spec: :rule:`flow.step.exits`, :rule:`flow.par.stop`.
    """
    flow.logs_at("failed", place, failure={name: failed[name] for name in ("class", "why") if name in failed})
    if place.sub is not None:
        flow.state["done"][place.sub] = False
        release(flow, place)
        if not flow.element(place).get("optional", False) and "stop" not in flow.state:
            stop(flow, place.node, failed)
        return
    flow.state["idle"] += 1
    _close(flow)
    flow.target = flow.element(place).get("on_error")
    if flow.target is None:
        finish(flow, "failed", failed)


def stop(flow: Flow, node: str, failed: Map) -> None:
    """Stop a parallel: nothing is called any more, and subs that wait for another attempt fail."""
    flow.state["stop"] = failed
    waiting = [sub for sub, flight in flow.state["flight"].items() if flight["phase"] == "backoff"]
    for sub in in_key_order(waiting):
        place = Place(node, sub)
        give_failure(flow, place, failure("stopped", place))


def release(flow: Flow, place: Place) -> None:
    """Remove a sub that ended from what is open; the parallel is pumped next."""
    assert place.sub is not None
    flow.state["flight"].pop(place.sub, None)
    flow.remove("sent", place.sub)
    flow.remove("timers", place.sub)
    flow.must_pump = True


def finish(flow: Flow, status: str, failed: Map | None = None, *output: Value) -> None:
    """End the flow, with an output or none.

    Spec: :rule:`flow.status.report`.
    """
    _close(flow)
    flow.state |= {"reserved": 0, "status": status}
    value = report(status, failed, list(output))
    flow.state |= {name: value[name] for name in ("failure", "output") if name in value}
    flow.logs("ended", status=status)
    send_report(flow, value)


def _close(flow: Flow) -> None:
    """Close the open node, if there is one."""
    flow.state["at"] = None
    flow.must_pump = False
    for member in OF_OPEN_NODE:
        flow.state.pop(member, None)
    for name in ("part", "sent", "timers"):
        flow.entries.pop(name, None)
