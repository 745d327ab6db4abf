"""Messages that a flow reads: their packets, and why a message is ignored.

Each kind of message has a function that returns what its effect needs, or raises Ignored with the first reason of the
table that applies.

Spec: "Read messages" and "Ignored messages" in ``flow/messages``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Final

from gritstone_conformance.model.flow.message_forms import NAT, is_erasing, is_event, is_result
from gritstone_conformance.model.flow.objects import NotADocument, is_sealed, named, put_tree, read_sent
from gritstone_conformance.model.flow.sending import erase_packet
from gritstone_conformance.model.flow.successors import check_core, first_core
from gritstone_conformance.model.flow.values import Value, refs_in
from gritstone_conformance.model.flow.working import TERMINAL, Flow, Place
from gritstone_conformance.model.proposals import header
from gritstone_conformance.model.values import Message

__all__ = ["READERS", "Ignored", "Received", "open_calls", "open_timers", "read"]

_ID: Final = re.compile("[0-9a-f]{64}")


class Ignored(Exception):  # noqa: N818 - the word of the spec
    """A message is ignored.

    Attributes:
        why: the reason.
    """

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Received:
    """What a message that is not ignored says.

    Attributes:
        place: the open node or sub that it concerns.
        value: its document, if the effect needs it.
        refs: the sealed blobs that the core gets.
        target: the program of a replan.
        is_bad: whether a result is bad.
    """

    place: Place | None = None
    value: Any = None
    refs: dict[str, bytes] | None = None
    target: bytes | None = None
    is_bad: bool = False


@dataclass(frozen=True, slots=True)
class _Incoming:
    """A message with its sender, and the flow that reads it."""

    flow: Flow
    sender: bytes
    message: Message

    @property
    def status(self) -> str:
        status: str = self.flow.state["status"]
        return status

    def packet(self, required: Collection[str], optional: Collection[str] = ()) -> dict[str, bytes]:
        """Return the entries of a packet that has exactly these: ``doc`` and ``program`` blobs, the others trees."""
        entries = self.entries()
        if not set(required) <= entries.keys() <= {*required, *optional}:
            raise Ignored("malformed")
        for name, target in entries.items():
            if self.flow.shelf.is_tree(target) == (name in ("doc", "program")):
                raise Ignored("malformed")
        return entries

    def entries(self) -> dict[str, bytes]:
        """Return the entries of the content."""
        if not self.flow.shelf.is_tree(self.message.content):
            raise Ignored("malformed")
        return dict(self.flow.shelf.names(self.message.content))

    def document(self, identity: bytes, form: Callable[[Value], bool]) -> Any:
        """Return the value of a document of a form."""
        try:
            value = read_sent(self.flow.shelf, identity)
        except NotADocument:
            raise Ignored("malformed") from None
        if not form(value):
            raise Ignored("malformed")
        return value

    def check_status(self, *, also_ended: bool = False, also_planned: bool = False) -> None:
        """Check that the status permits this kind of message."""
        if self.status == "rejected" or (self.status in TERMINAL and not also_ended):
            raise Ignored("terminal")
        if self.status == "planned" and not also_planned:
            raise Ignored("planned")

    def check_sender(self, *names: str | None) -> None:
        """Check that the sender is the actor of one of some peers."""
        if self.sender not in [self.flow.peer(name) for name in names]:
            raise Ignored("wrong-sender")

    def check_control(self, right: str) -> None:
        """Check that the sender has a right of ``control``."""
        self.check_sender(*self.flow.policy.get("control", {}).get(right, ()))

    def check_flow(self, packet: dict[str, bytes]) -> None:
        """Check that the packet names this flow."""
        if packet["flow"] != self.flow.actor:
            raise Ignored("wrong-binding")


def read(flow: Flow, sender: bytes, message: Message) -> Received:
    """Return what a message says; raises Ignored.

    Spec: :rule:`flow.step.ignored`.
    """
    reader = READERS.get(header(message, "mt") or "")
    if reader is None:
        raise Ignored("unknown-message")
    return reader(_Incoming(flow, sender, message))


def open_calls(flow: Flow) -> dict[bytes, Place]:
    """Return the packets of the open calls, with their places."""
    name = flow.state["at"]
    if name is None or "sent" not in flow.entries:
        return {}
    if flow.program["nodes"][name]["kind"] == "call":
        return {flow.entries["sent"]: Place(name)}
    return {packet: Place(name, sub) for sub, packet in flow.tree("sent").items()}


def open_timers(flow: Flow) -> dict[bytes, Place]:
    """Return the packets of the open timers, with their places."""
    name = flow.state["at"]
    is_sub = name is not None and flow.program["nodes"][name]["kind"] == "parallel"
    return {packet: Place(name, key if is_sub else None) for key, packet in flow.tree("timers").items()}


def _result(incoming: _Incoming) -> Received:
    flow, entries = incoming.flow, incoming.entries()
    if not {"request", "doc"} <= entries.keys() or not flow.shelf.is_tree(entries["request"]):
        raise Ignored("malformed")
    value = incoming.document(entries["doc"], _has_attempt)
    incoming.check_status()
    place = open_calls(flow).get(entries["request"])
    if place is None:
        raise Ignored("unknown-request")
    incoming.check_sender(flow.tool(place)["peer"])
    flight = flow.state["flight"][place.key]
    if not 1 <= value["attempt"] <= flight["attempt"]:
        raise Ignored("wrong-attempt")
    refs = _fitting(flow, entries.get("refs"))
    is_ok = is_result(value) and value["outcome"] == "ok"
    is_bad = not is_result(value) or (is_ok and (refs is None or not _are_known(flow, value["value"], refs)))
    is_old = value["attempt"] < flight["attempt"] or flight["phase"] == "backoff"
    if is_old and (is_bad or not is_ok):
        raise Ignored("stale-attempt")
    if not is_bad and value["outcome"] == "pending" and flight["phase"] == "pending":
        raise Ignored("already-pending")
    return Received(place, value, refs or {}, is_bad=is_bad)


def _has_attempt(value: Value) -> bool:
    return isinstance(value, dict) and "attempt" in value and NAT(value["attempt"])


def _sealed(flow: Flow, identity: bytes | None) -> dict[str, bytes] | None:
    """Return the entry ``refs`` of a packet as a map, or None if it is no tree of sealed blobs by name."""
    if identity is None:
        return {}
    refs = named(flow.shelf, identity)
    are_sealed = refs is not None and all(is_sealed(flow.shelf, target) for target in refs.values())
    return refs if are_sealed else None


def _fitting(flow: Flow, identity: bytes | None) -> dict[str, bytes] | None:
    """Return the entry ``refs`` of a packet as a map, or None if it does not fit.

    Spec: :rule:`flow.result.refs`.
    """
    refs, known = _sealed(flow, identity), flow.tree("refs")
    fit = refs is not None and all(known.get(name, target) == target for name, target in refs.items())
    return refs if fit else None


def _are_known(flow: Flow, value: Value, refs: dict[str, bytes]) -> bool:
    return set(refs_in(value)) <= {*flow.tree("refs"), *refs}


def _fired(incoming: _Incoming) -> Received:
    flow, packet = incoming.flow, incoming.packet(["timer"])
    incoming.check_status()
    incoming.check_sender(flow.policy.get("timer"))
    place = open_timers(flow).get(packet["timer"])
    if place is None:
        raise Ignored("stale-timer")
    return Received(place)


def _event(incoming: _Incoming) -> Received:
    flow, packet = incoming.flow, incoming.packet(["doc", "flow", "program", "policy"], ["refs"])
    value = incoming.document(packet["doc"], is_event)
    if _sealed(flow, packet.get("refs")) is None:
        raise Ignored("malformed")
    incoming.check_status()
    name = flow.state["at"]
    node = flow.program["nodes"][name]
    if node["kind"] != "wait":
        raise Ignored("not-waiting")
    incoming.check_sender(*flow.policy["events"][node["event"]])
    fixed = {"flow": flow.actor, "program": flow.entries["program"], "policy": flow.entries["policy"]}
    bound = {"node": name, "visit": flow.state["visit"], "event": node["event"]}
    if any(packet[each] != fixed[each] for each in fixed) or any(value[each] != bound[each] for each in bound):
        raise Ignored("wrong-binding")
    refs = _fitting(flow, packet.get("refs"))
    if refs is None or not _are_known(flow, value["value"], refs):
        raise Ignored("unknown-ref")
    return Received(Place(name), value, refs)


def _cancel(incoming: _Incoming) -> Received:
    packet = incoming.packet(["flow"])
    incoming.check_status()
    incoming.check_control("cancel")
    incoming.check_flow(packet)
    return Received(Place(incoming.flow.state["at"]))


def _erase(incoming: _Incoming) -> Received:
    flow, packet = incoming.flow, incoming.packet(["doc", "flow"])
    value = incoming.document(packet["doc"], is_erasing)
    incoming.check_status(also_ended=True, also_planned=True)
    incoming.check_control("erase")
    incoming.check_flow(packet)
    if not set(value["refs"]) <= flow.tree("refs").keys():
        raise Ignored("unknown-ref")
    if set(value["refs"]) <= set(flow.erased):
        raise Ignored("erased-before")
    return Received(value=value)


def _replan(incoming: _Incoming) -> Received:
    flow, packet = incoming.flow, incoming.packet(["program", "flow"])
    incoming.check_status(also_ended=True)
    incoming.check_control("replan")
    incoming.check_flow(packet)
    if incoming.status not in ("budget_exceeded", "stalled"):
        raise Ignored("not-interrupted")
    if "next" in flow.entries:
        raise Ignored("already-continued")
    if flow.carry["replans"] >= flow.most_replans:
        raise Ignored("no-replans-left")
    successor = put_tree(flow.shelf, first_core(flow, packet["program"]))
    if flow.shelf.is_erased(packet["program"]) or check_core(flow.shelf, successor):
        raise Ignored("rejected-plan")
    return Received(target=packet["program"])


def _start(incoming: _Incoming) -> Received:
    packet = incoming.packet(["flow"])
    incoming.check_status(also_planned=True)
    if incoming.status != "planned":
        raise Ignored("not-planned")
    if incoming.sender != incoming.flow.entries["from"]:
        raise Ignored("wrong-sender")
    incoming.check_flow(packet)
    return Received()


def _erased(incoming: _Incoming) -> Received:
    flow, packet = incoming.flow, incoming.packet(["request"])
    incoming.check_status(also_ended=True, also_planned=True)
    incoming.check_sender(flow.policy.get("eraser"))
    names = _names_to_erase(flow, packet["request"])
    if not names or not set(names) <= set(flow.erased) or erase_packet(flow, names) != packet["request"]:
        raise Ignored("unknown-request")
    return Received(value=names)


def _names_to_erase(flow: Flow, request: bytes) -> list[str]:
    """Return the names in a packet of a ``flow.erase``; none if it is another object."""
    entries = flow.shelf.names(request) if flow.shelf.is_tree(request) else {}
    try:
        value: Any = read_sent(flow.shelf, entries["doc"]) if "doc" in entries else None
    except NotADocument:
        return []
    names = {"refs": value["refs"]} if isinstance(value, dict) and "refs" in value else None
    return value["refs"] if names is not None and is_erasing(names) else []


def _receipt(incoming: _Incoming) -> Received:
    flow, reply = incoming.flow, header(incoming.message, "reply") or ""
    if not _ID.fullmatch(reply):
        raise Ignored("malformed")
    incoming.check_status()
    incoming.check_sender(flow.policy.get("agent"))
    for packet, place in open_calls(flow).items():
        if newest_call(flow, place, packet) == bytes.fromhex(reply):
            return Received(place)
    raise Ignored("unknown-request")


def newest_call(flow: Flow, place: Place, packet: bytes) -> bytes | None:
    """Return the id of the newest ``flow.call`` with a packet in the outbox."""
    receiver = flow.peer(flow.tool(place)["peer"])
    assert receiver is not None
    at = flow.outbox.get(receiver)
    while at is not None:
        message = flow.shelf.message(at)
        if message.content == packet and header(message, "mt") == "flow.call":
            return at
        at = message.previous
    return None


READERS: Final[dict[str, Callable[[_Incoming], Received]]] = {
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
"""The kinds of messages that a flow reads."""
