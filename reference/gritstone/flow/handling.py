"""The messages that a flow reads: which of them are ignored, and what the others do.

A handler returns the reason for which it ignores a message, or None after it has carried the message out.

Spec: :ref:`flow-ignored`, :ref:`flow-results`, :ref:`flow-waits`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gritstone.flow.attempts import dispatch, failure_of, settle, try_again
from gritstone.flow.begin import admit, continue_with
from gritstone.flow.leaving import fail_node, finish
from gritstone.flow.moves import enter, go_on, succeed
from gritstone.flow.packets import READ, Packet, read_erase_request, read_message
from gritstone.flow.state import TERMINAL, Failed, Flow, Place
from gritstone.flow.values import Value, digest, encode_value, key_order, names_of_refs
from gritstone.grit.objects import Message, ObjectId

__all__ = ["control_peers", "handle"]

_AFTER_THE_END = frozenset({"flow.erase", "flow.erased", "flow.replan"})
_WHILE_PLANNED = frozenset({"flow.start", "flow.erase", "flow.erased"})


def handle(flow: Flow, sender: ObjectId, message: Message) -> None:
    """Carry out one message, or log why it is ignored.

    Spec: :rule:`flow.step.ignored`.
    """
    flow.entered_before = flow.entered
    why = _reason(flow, sender, message)
    if why is not None:
        flow.log_event("ignored", why=why)


def _reason(flow: Flow, sender: ObjectId, message: Message) -> str | None:
    kind, status = message.headers.get("mt"), flow.state.status
    if kind not in READ:
        return "unknown-message"
    packet = read_message(flow.core.workspace, message)
    if packet is None:
        return "malformed"
    if status in TERMINAL and (status == "rejected" or kind not in _AFTER_THE_END):
        return "terminal"
    if status == "planned" and kind not in _WHILE_PLANNED:
        return "planned"
    return _HANDLERS[kind](flow, sender, packet)


def _senders(flow: Flow, *names: str) -> set[ObjectId]:
    """Return the actors of peers."""
    peers = flow.core.peers()
    return {peers[name] for name in names}


def _role(flow: Flow, role: str) -> set[ObjectId]:
    roles = flow.plan.roles
    return _senders(flow, roles[role]) if role in roles else set()


def control_peers(flow: Flow, control: str) -> set[ObjectId]:
    """Return the actors that may control a flow in some way."""
    return _senders(flow, *flow.plan.roles.get("control", {}).get(control, ()))


# --- results ---------------------------------------------------------------------------------------------


def _result(flow: Flow, sender: ObjectId, packet: Packet) -> str | None:
    """Spec: :rule:`flow.result.sender`, :rule:`flow.result.first-wins`."""
    request = packet.entries["request"]
    key = next((key for key, sent in flow.sent().items() if sent == request), None)
    if key is None:
        return "unknown-request"
    place, flight = flow.place(key), flow.state.flight[key]
    if sender not in _senders(flow, flow.work(place).tool.peer):
        return "wrong-sender"
    attempt = packet.value["attempt"]
    if not 1 <= attempt <= flight["attempt"]:
        return "wrong-attempt"
    outcome = "bad" if _is_bad(flow, packet) else packet.value["outcome"]
    if outcome != "ok" and (attempt < flight["attempt"] or flight["phase"] == "backoff"):
        return "stale-attempt"
    if outcome == "pending":
        return _pending(flow, place)
    if outcome == "ok":
        _ok(flow, place, packet)
    elif outcome == "bad":
        settle(flow, place, "bad", attempt=attempt)
        go_on(flow, place, Failed(failure_of(place, "bad-result")))
    else:
        settle(flow, place, "error", attempt=attempt, usage=packet.value.get("usage"))
        error = packet.value["error"]
        failure = failure_of(place, "tool", error["class"])
        go_on(flow, place, try_again(flow, place, failure) if error["retry"] else Failed(failure))
    return None


def _is_bad(flow: Flow, packet: Packet) -> bool:
    if packet.is_bad:
        return True
    return packet.value["outcome"] == "ok" and not _fits(flow, packet)


def _fits(flow: Flow, packet: Packet) -> bool:
    """Return whether the refs of a packet fit, and all refs of its value are known.

    Spec: :rule:`flow.result.refs`.
    """
    names = names_of_refs(packet.value["value"])
    if packet.refs is None:
        return False
    if not names and not packet.refs:
        return True
    known = flow.core.tree("refs")
    if any(known.get(name, target) != target for name, target in packet.refs.items()):
        return False
    return names <= known.keys() | packet.refs.keys()


def _keep_refs(flow: Flow, packet: Packet) -> None:
    if packet.refs and not packet.refs.items() <= flow.core.tree("refs").items():
        flow.core.change("refs").update(packet.refs)


def _pending(flow: Flow, place: Place) -> str | None:
    flight = flow.state.flight[place.key]
    if flight["phase"] == "pending":
        return "already-pending"
    flow.log_event("pending", **place.members(), attempt=flight["attempt"])
    flow.state.flight[place.key] = {**flight, "phase": "pending"}
    if place.key in flow.core.tree("timers"):
        del flow.core.change("timers")[place.key]
    return None


def _ok(flow: Flow, place: Place, packet: Packet) -> None:
    """Spec: :rule:`flow.result.one-of`, :rule:`flow.policy.facts`."""
    value, work = packet.value["value"], flow.work(place)
    data = encode_value(value)
    usage = packet.value.get("usage")
    settle(flow, place, "ok", attempt=packet.value["attempt"], usage=usage, value=digest(data))
    if work.one_of is not None and not (type(value) is str and value in work.one_of):
        go_on(flow, place, Failed(failure_of(place, "not-allowed")))
        return
    _keep_refs(flow, packet)
    if work.tool.is_fact:
        flow.core.change("facts")[work.tool.name] = flow.core.put_document(data)
    succeed(flow, place, data)


def _receipt(flow: Flow, sender: ObjectId, packet: Packet) -> str | None:
    """Spec: :rule:`flow.call.undeliverable`."""
    if sender not in _role(flow, "agent"):
        return "wrong-sender"
    key = _sent_last(flow).get(packet.reply)
    if key is None:
        return "unknown-request"
    place = flow.place(key)
    settle(flow, place, "undeliverable")
    go_on(flow, place, Failed(failure_of(place, "undeliverable")))
    return None


def _sent_last(flow: Flow) -> Mapping[ObjectId, str]:
    """Return the keys of the open calls by the id of the newest message with each of them."""
    found: dict[ObjectId, str] = {}
    open_calls = {packet: key for key, packet in flow.sent().items()}
    for peer in _senders(flow, *(flow.work(flow.place(key)).tool.peer for key in open_calls.values())):
        here = {packet for packet, key in open_calls.items() if _peer(flow, key) == peer}
        at = flow.outbox.get(peer)
        while here and at is not None:
            message = flow.core.workspace.message(at)
            if message.content in here:
                here.discard(message.content)
                found[at] = open_calls[message.content]
            at = message.previous
    return found


def _peer(flow: Flow, key: str) -> ObjectId:
    return flow.core.peers()[flow.work(flow.place(key)).tool.peer]


# --- time and events -------------------------------------------------------------------------------------


def _fired(flow: Flow, sender: ObjectId, packet: Packet) -> str | None:
    """Spec: :rule:`flow.timeout.race`."""
    if sender not in _role(flow, "timer"):
        return "wrong-sender"
    timer = packet.entries["timer"]
    key = next((key for key, target in flow.core.tree("timers").items() if target == timer), None)
    if key is None:
        return "stale-timer"
    del flow.core.change("timers")[key]
    place, flight = flow.place(key), flow.state.flight[key]
    why = {"called": "timeout", "backoff": "backoff", "waiting": "wait"}[flight["phase"]]
    flow.log_event("fired", **place.members(), why=why)
    if why == "wait":
        enter(flow, fail_node(flow, flow.node(), failure_of(place, "timeout")))
    elif why == "backoff":
        go_on(flow, place, dispatch(flow, place, flight["attempt"] + 1))
    else:
        settle(flow, place, "timeout")
        go_on(flow, place, try_again(flow, place, failure_of(place, "timeout")))
    return None


def _event(flow: Flow, sender: ObjectId, packet: Packet) -> str | None:
    """Spec: :rule:`flow.wait.bound`, :rule:`flow.wait.once`."""
    state, value, entries = flow.state, packet.value, flow.core.entries
    node = flow.node()
    if node.kind != "wait":
        return "not-waiting"
    event = node.value["event"]
    if sender not in _senders(flow, *flow.plan.roles["events"][event]):
        return "wrong-sender"
    bound = {"flow": flow.actor, "program": entries["program"], "policy": entries["policy"]}
    named: Value = {"node": state.at, "visit": state.visit, "event": event}
    if any(packet.entries[name] != target for name, target in bound.items()):
        return "wrong-binding"
    if any(value[name] != member for name, member in named.items()):
        return "wrong-binding"
    if not _fits(flow, packet):
        return "unknown-ref"
    data = encode_value(value["value"])
    flow.log_event("resumed", node=node.name, event=event, value=digest(data))
    _keep_refs(flow, packet)
    succeed(flow, Place(node.name), data)
    return None


# --- control ---------------------------------------------------------------------------------------------


def _check_control(flow: Flow, sender: ObjectId, packet: Packet) -> str | None:
    if sender not in control_peers(flow, packet.kind.removeprefix("flow.")):
        return "wrong-sender"
    return None if packet.entries["flow"] == flow.actor else "wrong-binding"


def _cancel(flow: Flow, sender: ObjectId, packet: Packet) -> str | None:
    why = _check_control(flow, sender, packet)
    if why is None:
        finish(flow, "failed", {"class": "cancelled", "node": flow.state.at})
    return why


def _erase(flow: Flow, sender: ObjectId, packet: Packet) -> str | None:
    """Spec: :rule:`flow.erase.asked`."""
    why = _check_control(flow, sender, packet)
    if why is not None:
        return why
    names, refs, erased = packet.value["refs"], flow.core.tree("refs"), flow.erased()
    if not refs.keys() >= set(names):
        return "unknown-ref"
    known = set(erased)
    new = [name for name in names if name not in known]
    if not new:
        return "erased-before"
    flow.log_event("erased", refs=new)
    flow.core.entries["erased"] = flow.core.put_document(encode_value(sorted([*erased, *new], key=key_order)))
    eraser = _role(flow, "eraser")
    if eraser:
        document = encode_value({"flow": 1, "refs": new})
        tree = flow.core.put_tree({name: refs[name] for name in new})
        flow.send(eraser.pop(), {"mt": "flow.erase"}, flow.packet(None, document, refs=tree))
    return None


def _erased(flow: Flow, sender: ObjectId, packet: Packet) -> str | None:
    if sender not in _role(flow, "eraser"):
        return "wrong-sender"
    erased, refs = set(flow.erased()), flow.core.tree("refs")
    names = read_erase_request(
        flow.core.workspace,
        packet.entries["request"],
        flow.actor,
        lambda name: refs.get(name) if name in erased else None,
    )
    if names is None:
        return "unknown-request"
    flow.log_event("gone", refs=names)
    return None


def _replan(flow: Flow, sender: ObjectId, packet: Packet) -> str | None:
    why = _check_control(flow, sender, packet)
    return continue_with(flow, packet.entries["program"]) if why is None else why


def _start(flow: Flow, sender: ObjectId, packet: Packet) -> str | None:
    """Spec: :rule:`flow.replan.heir`."""
    if flow.state.status != "planned":
        return "not-planned"
    if sender != flow.core.entries["from"]:
        return "wrong-sender"
    if packet.entries["flow"] != flow.actor:
        return "wrong-binding"
    admit(flow)
    return None


_HANDLERS: Mapping[str, Callable[[Flow, ObjectId, Packet], str | None]] = {
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
