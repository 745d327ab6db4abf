"""The packets that a flow sends.

Spec: ``flow/messages``.
"""

from __future__ import annotations

from gritstone_conformance.model.flow.objects import put_tree
from gritstone_conformance.model.flow.values import Map, Value, is_within, refs_in
from gritstone_conformance.model.flow.working import Flow, Place

__all__ = ["call_packet", "erase_packet", "report", "request", "send_report", "timer_packet"]


def request(flow: Flow, place: Place, args: Value) -> Map:
    """Return the document of a call."""
    tool = flow.element(place)["tool"]
    return {"flow": 1, **place.members, "visit": flow.state["visit"], "tool": tool, "args": args}


def call_packet(flow: Flow, place: Place, args: Value) -> bytes:
    """Store the packet of a call and return its id, the key of the call.

    Spec: :rule:`flow.call.key-stable`, :rule:`flow.policy.whole`.
    """
    value = request(flow, place, args)
    fixed = {name: flow.entries[name] for name in ("program", "policy")}
    return put_tree(flow.shelf, {**_packet(flow, value, list(refs_in(value))), **fixed})


def timer_packet(flow: Flow, place: Place, attempt: int, ms: int, why: str) -> bytes:
    """Store the packet of a timer and return its id."""
    timing: Map = {"flow": 1, **place.members, "visit": flow.state["visit"]}
    return put_tree(flow.shelf, _packet(flow, {**timing, "attempt": attempt, "ms": ms, "why": why}, []))


def erase_packet(flow: Flow, names: list[str]) -> bytes:
    """Store the packet that requests the erasure of refs, and return its id."""
    value: Map = {"flow": 1, "refs": [*names]}
    return put_tree(flow.shelf, _packet(flow, value, names))


def report(status: str, failure: Map | None, output: list[Value]) -> Map:
    """Return the document of a report; ``output`` has one element or none."""
    value: Map = {"flow": 1, "status": status}
    if failure is not None:
        value["failure"] = failure
    return {**value, "output": output[0]} if output else value


def send_report(flow: Flow, value: Map) -> None:
    """Send the starter a report.

    Spec: :rule:`flow.status.report`.
    """
    assert is_within(value), value
    packet = put_tree(flow.shelf, _packet(flow, value, list(refs_in(value))))
    flow.send(flow.entries["starter"], packet, mt="flow.report")


def _packet(flow: Flow, value: Map, refs: list[str]) -> dict[str, bytes]:
    """Return a packet with the sealed blobs of some refs.

    Spec: :rule:`flow.call.refs`.
    """
    packet = {"doc": flow.put(value), "flow": flow.actor}
    blobs = {name: target for name, target in flow.tree("refs").items() if name in refs} if refs else {}
    return {**packet, "refs": put_tree(flow.shelf, blobs)} if blobs else packet
