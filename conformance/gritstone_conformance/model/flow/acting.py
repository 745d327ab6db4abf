"""The effects of messages that are not ignored.

Spec: ``flow/calls``, ``flow/erasing``, ``flow/successors``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from gritstone_conformance.model.flow.calls import accept, dispatch, settle, try_again
from gritstone_conformance.model.flow.leaving import failure, finish, give_failure, give_output
from gritstone_conformance.model.flow.limits import PROGRAM_BYTES
from gritstone_conformance.model.flow.nodes import proceed
from gritstone_conformance.model.flow.objects import put_tree, read_document
from gritstone_conformance.model.flow.received import Ignored, Received, read
from gritstone_conformance.model.flow.sending import erase_packet
from gritstone_conformance.model.flow.successors import first_core
from gritstone_conformance.model.flow.values import digest, in_key_order
from gritstone_conformance.model.flow.working import Flow, Place
from gritstone_conformance.model.proposals import message_type
from gritstone_conformance.model.values import Message

__all__ = ["begin", "carry_out"]


def carry_out(flow: Flow, sender: bytes, message: Message) -> None:
    """Carry out one message, or log that it is ignored.

    Spec: :rule:`flow.step.ignored`, :rule:`flow.step.order`.
    """
    flow.moves = 0
    try:
        received = read(flow, sender, message)
    except Ignored as ignored:
        flow.logs("ignored", why=ignored.why)
        return
    _EFFECTS[message_type(message)](flow, received)
    proceed(flow)


def begin(flow: Flow) -> None:
    """Begin the program.

    Spec: "Begin" in ``flow/steps``.
    """
    digests = {name: digest(value) for name, value in _documents(flow).items()}
    flow.logs("admitted", **digests)
    flow.state["status"] = "running"
    flow.target = flow.program["start"]
    proceed(flow)


def _documents(flow: Flow) -> dict[str, Any]:
    return {"program": flow.program, "policy": flow.policy, "input": flow.input}


def _result(flow: Flow, received: Received) -> None:
    place, value = _place(received), received.value
    current = flow.state["flight"][place.key]["attempt"]
    if received.is_bad:
        settle(flow, place, "bad", None, value["attempt"])
        give_failure(flow, place, failure("bad-result", place))
        return
    match value["outcome"]:
        case "pending":
            flow.logs_at("pending", place, attempt=value["attempt"])
            flow.state["flight"][place.key] = {"phase": "pending", "attempt": current}
            flow.remove("timers", place.key)
        case "error":
            settle(flow, place, "error", value.get("usage"), value["attempt"])
            failed = failure("tool", place, value["error"]["class"])
            if value["error"]["retry"]:
                try_again(flow, place, failed)
            else:
                give_failure(flow, place, failed)
        case "ok":
            settle(flow, place, "ok", value.get("usage"), value["attempt"], value=digest(value["value"]))
            accept(flow, place, value["value"], received.refs or {})


def _fired(flow: Flow, received: Received) -> None:
    place = _place(received)
    flight = flow.state["flight"][place.key]
    why = {"waiting": "wait", "backoff": "backoff"}.get(flight["phase"], "timeout")
    flow.remove("timers", place.key)
    flow.logs_at("fired", place, why=why)
    match why:
        case "wait":
            give_failure(flow, place, failure("timeout", place))
        case "backoff":
            dispatch(flow, place, flight["attempt"] + 1)
        case "timeout":
            settle(flow, place, "timeout", None, flight["attempt"])
            try_again(flow, place, failure("timeout", place))


def _event(flow: Flow, received: Received) -> None:
    place, value = _place(received), received.value
    flow.logs("resumed", node=place.node, event=value["event"], value=digest(value["value"]))
    flow.set_tree("refs", {**flow.tree("refs"), **(received.refs or {})})
    give_output(flow, place, value["value"])


def _cancel(flow: Flow, received: Received) -> None:
    finish(flow, "failed", failure("cancelled", _place(received)))


def _erase(flow: Flow, received: Received) -> None:
    """Record which refs are to be erased, and request it.

    Spec: :rule:`flow.erase.asked`.
    """
    before = flow.erased
    new = [name for name in received.value["refs"] if name not in before]
    flow.logs("erased", refs=[*new])
    flow.entries["erased"] = flow.put([*in_key_order([*before, *new])])
    eraser = flow.peer(flow.policy.get("eraser"))
    if eraser is not None:
        flow.send(eraser, erase_packet(flow, new), mt="flow.erase")


def _erased(flow: Flow, received: Received) -> None:
    flow.logs("gone", refs=received.value)


def _replan(flow: Flow, received: Received) -> None:
    """Send a successor.

    Spec: :rule:`flow.replan.once`.
    """
    assert received.target is not None
    flow.logs("continued", program=digest(read_document(flow.shelf, received.target, PROGRAM_BYTES)))
    successor = put_tree(flow.shelf, first_core(flow, received.target))
    flow.entries["next"] = successor
    flow.send(successor, successor, mt="genesis")
    flow.send(successor, put_tree(flow.shelf, {"flow": successor}), mt="flow.start")


def _start(flow: Flow, received: Received) -> None:
    begin(flow)


def _receipt(flow: Flow, received: Received) -> None:
    place = _place(received)
    settle(flow, place, "undeliverable", None, flow.state["flight"][place.key]["attempt"])
    give_failure(flow, place, failure("undeliverable", place))


def _place(received: Received) -> Place:
    assert received.place is not None
    return received.place


_EFFECTS: Final[dict[str, Callable[[Flow, Received], None]]] = {
    "flow.result": _result,
    "flow.fired": _fired,
    "flow.event": _event,
    "flow.cancel": _cancel,
    "flow.erase": _erase,
    "flow.erased": _erased,
    "flow.replan": _replan,
    "flow.start": _start,
    "receipt": _receipt,
}
"""The effects by the type of the message."""
