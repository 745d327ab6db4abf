"""The audits of flows: histories of one flow whose peer is the agent, legal and with the newest step altered.

    python -m selftests.vectors.flow_audits

writes ``vectors/audit/flow.json``. A test compares the file with what this module makes. Many alterations are those of
a careful forger: core and outbox are what another message would have made of the flow.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from gritstone_conformance.attachment.base64url import encode_bytes
from gritstone_conformance.bundled import vectors_dir
from gritstone_conformance.model.flow.values import Ref
from gritstone_conformance.model.formats import FORMATS, FRAMED_SHA256, Format
from gritstone_conformance.model.shelf import Shelf
from gritstone_conformance.model.values import Mailbox, Message
from gritstone_conformance.strategies.flow_runs import call, program
from selftests.model.flow_scene import SEALED
from selftests.vectors.flow_histories import (
    CONTROLLED,
    FACT,
    LOOP,
    ONE,
    PARALLEL,
    REFUNDED,
    RETRIED,
    WAIT,
    FlowHistory,
    StartedFlow,
)
from selftests.vectors.vector_writer import origin_of

__all__ = ["audits_text"]

Script = Callable[[FlowHistory], object]
_FUNCTION: Final = "flow.step.function"
_CALL: Final = "flow.call.exact"


@dataclass(frozen=True, slots=True)
class _Forgery:
    """One history and how its newest step is altered.

    Attributes:
        flow: what is started.
        script: sends the messages.
        alteration: alters the newest step.
        path: where an auditor finds the first difference in that step; ``outbox`` stands for the agent in it.
        comment: what is wrong.
        rule: the rule of the finding; by default that of the path.
    """

    flow: StartedFlow
    script: Script
    alteration: Script
    path: str
    comment: str
    rule: str = ""

    @property
    def blamed(self) -> str:
        """The rule of the finding."""
        return self.rule or (_CALL if self.path.startswith("outbox") else _FUNCTION)


# --- messages ----------------------------------------------------------------------------------------------------


def _say(*messages: Script) -> Script:
    def script(scene: FlowHistory) -> None:
        for each in messages:
            each(scene)

    return script


def _nothing(scene: FlowHistory) -> None:
    """Send nothing after the genesis message."""


def _note(scene: FlowHistory) -> None:
    scene.send("note", scene.blob(b""))


def _ok(value: Any, **more: Any) -> Script:
    return lambda scene: scene.result(value, **more)


def _no(scene: FlowHistory) -> None:
    scene.error("no", retry=True)


def _pending(scene: FlowHistory) -> None:
    scene.answer({"attempt": 1, "outcome": "pending"})


def _cancel(scene: FlowHistory) -> None:
    scene.send("flow.cancel", scene.tree(flow=scene.actor))


def _erase(scene: FlowHistory) -> None:
    scene.erase("customer" if "customer" in scene.refs else "card")


def _erase_sealed(scene: FlowHistory) -> None:
    """Erase the sealed blob in the store."""
    scene.objects.erase(scene.blob(SEALED, ct="sealed"))


def _update(scene: FlowHistory) -> None:
    scene.send("update", scene.tree(out=scene.tree(a=scene.document("v"))))


def _many(scene: FlowHistory) -> None:
    """Read 64 of 65 messages."""
    note = scene.blob(b"")
    for _ in range(64):
        scene.queue("note", note)
    scene.send("note", note)


def _replan(scene: FlowHistory) -> None:
    plan = program("x", x=call(args={"x": "$prior.a"}))
    scene.send("flow.replan", scene.tree(flow=scene.actor, program=scene.document(plan)))


# --- alterations -------------------------------------------------------------------------------------------------


def _instead(mt: str, content: Callable[[FlowHistory], bytes]) -> Script:
    return lambda scene: scene.instead(mt, content(scene))


def _as_if_ok(value: Any, **more: Any) -> Script:
    """Return the alteration to the effects of this result of the call that is open before the newest step."""

    def alteration(scene: FlowHistory) -> None:
        request = Shelf.over(scene.objects).names(scene.before.core)["sent"]
        document = scene.document({"attempt": 1, "outcome": "ok", "value": value, **more})
        scene.instead("flow.result", scene.tree(request=request, doc=document))

    return alteration


def _without_event(scene: FlowHistory) -> None:
    log = scene.state["log"]
    scene.set_state(log=[event for event in log if event["e"] != "settled"], seq=scene.state["seq"] - 1)


def _other_policy(scene: FlowHistory) -> None:
    document = {**scene.policy, "tools": {**scene.policy["tools"], "x": {"peer": "edge", "params": []}}}
    scene.alter_core("policy/doc", scene.document(document))


def _read_all(scene: FlowHistory) -> None:
    """Replace the inbox of the newest step by one that covers all messages, also the one behind the bound."""
    assert scene.sent is not None
    scene.alter(inbox=scene.put(Mailbox(((scene.agent, scene.sent),))))
    log = scene.state["log"]
    scene.set_state(log=[*log, log[-1]], seq=scene.state["seq"] + 1)


def _less_carried(scene: FlowHistory) -> None:
    """Send a successor that begins without what the flow has spent."""
    successor = dict(Shelf.over(scene.objects).names(scene.entries["next"]))
    old, carry = scene.entries["next"], scene.document({"calls": 0, "replans": 1, "steps": 0, "tokens": 0})
    new = scene.tree(**{**successor, "carry": carry})
    genesis = scene.put(Message(None, (("mt", "genesis"),), new))
    start = scene.put(Message(genesis, (("mt", "flow.start"),), scene.tree(flow=new)))
    scene.alter_core("next", new)
    scene.alter_outbox(None, old)
    scene.alter_outbox(start, new)


def _merged(scene: FlowHistory) -> None:
    scene.alter_core("out", scene.tree(a=scene.document("v")))


_FORGERIES: Final[dict[str, _Forgery]] = {
    "first-core": _Forgery(
        ONE, _nothing, lambda scene: scene.alter_core("starter", scene.actor), "core/starter", "another starter"
    ),
    "other-policy": _Forgery(ONE, _ok("v"), _other_policy, "core/policy/doc", "the policy has one tool more"),
    "other-program": _Forgery(
        ONE,
        _ok("v"),
        lambda scene: scene.alter_core("program", scene.document({**scene.program, "name": "m"})),
        "core/program",
        "the program has another name",
    ),
    "paid-after-no": _Forgery(
        REFUNDED, _ok("no"), _as_if_ok("yes"), "outbox", "the answer is `no`, and the flow pays as if it were `yes`"
    ),
    "paid-after-no-and-erased": _Forgery(
        REFUNDED, _say(_ok("no"), _erase_sealed), _as_if_ok("yes"), "outbox", "a blob was erased that no step reads"
    ),
    "called-although-denied": _Forgery(
        FACT, _ok("stop"), _as_if_ok("go"), "outbox", "the fact of t denies the call of u, which is made"
    ),
    "more-paid": _Forgery(
        REFUNDED,
        _ok("yes"),
        lambda scene: _resent_with(scene, order="A-17", amount=400),
        "outbox",
        "the call of pay has another amount",
    ),
    "result-replaced": _Forgery(
        ONE,
        _ok("v"),
        lambda scene: scene.alter_core("out/a", scene.document("w")),
        "core/out/a",
        "the output is not the value of the result",
    ),
    "result-replaced-everywhere": _Forgery(
        ONE, _ok("v"), _as_if_ok("w"), "outbox", "output, log and report have another value than the result"
    ),
    "result-dropped": _Forgery(
        ONE,
        _ok("v"),
        lambda scene: scene.alter(core=scene.before.core, outbox=scene.before.outbox),
        "outbox",
        "a result is read and has no effect",
    ),
    "result-without-one": _Forgery(ONE, _note, _as_if_ok("v"), "outbox", "an ignored message ends the call"),
    "usage-not-counted": _Forgery(
        FACT, _ok("go", usage=120), _as_if_ok("go", usage=1), "core/state", "fewer tokens than the usage are counted"
    ),
    "calls-not-counted": _Forgery(
        RETRIED,
        _say(_no, lambda scene: scene.fire(why="backoff")),
        lambda scene: scene.set_state(calls=1),
        "core/state",
        "the second attempt is not counted",
    ),
    "budget-exceeded": _Forgery(
        LOOP, _ok("again"), lambda scene: scene.call_more(visit=2), "outbox", "a call is sent after the last one"
    ),
    "budget-spent-twice": _Forgery(
        LOOP,
        _say(_ok("again"), _replan),
        _less_carried,
        "outbox/successor",
        "the successor does not carry what was spent",
    ),
    "event-removed": _Forgery(ONE, _ok("v"), _without_event, "core/state", "the log lacks the event `settled`"),
    "retry-without-failure": _Forgery(
        RETRIED, _pending, lambda scene: scene.call_more(attempt=2), "outbox", "the peer has not failed"
    ),
    "retry-without-backoff": _Forgery(
        RETRIED, _no, lambda scene: scene.call_more(attempt=2), "outbox", "the delay has not passed"
    ),
    "timer-early": _Forgery(
        RETRIED,
        _note,
        _instead("flow.fired", lambda scene: scene.tree(timer=scene.newest("flow.timer"))),
        "outbox",
        "the attempt has timed out, and no timer has fired",
    ),
    "attempt-in-header": _Forgery(
        ONE, _nothing, lambda scene: scene.resend(attempt="2"), "outbox", "the first attempt has the number 2"
    ),
    "dependency-skipped": _Forgery(
        PARALLEL,
        lambda scene: scene.result("D", sub="d"),
        lambda scene: scene.call_more(sub="c", args={"x": None}),
        "outbox",
        "a sub is called before the one that it depends on has ended",
    ),
    "event-of-another-visit": _Forgery(
        WAIT,
        lambda scene: scene.event("a", 2, "go", 1),
        lambda scene: scene.instead("flow.event", _event(scene, 1)),
        "outbox",
        "the event is for another visit, and resumes the wait",
    ),
    "cancel-of-a-stranger": _Forgery(
        ONE,
        _cancel,
        lambda scene: scene.set_state(status="failed", failure={"class": "cancelled", "node": "a"}),
        "core/state",
        "the sender may not cancel",
    ),
    "cancel-ignored": _Forgery(
        CONTROLLED,
        _cancel,
        lambda scene: scene.alter(core=scene.before.core, outbox=scene.before.outbox),
        "outbox",
        "the sender may cancel, and nothing happens",
    ),
    "end-changed": _Forgery(
        CONTROLLED,
        _say(_cancel, _ok("v")),
        lambda scene: scene.set_state(status="succeeded", output="v"),
        "core/state",
        "a result is read after the end, and changes it",
    ),
    "erasing-ignored": _Forgery(
        CONTROLLED,
        _erase,
        lambda scene: scene.alter_core("erased", None),
        "core/erased",
        "the ref is not recorded as erased",
    ),
    "erasing-not-requested": _Forgery(
        CONTROLLED,
        _erase,
        lambda scene: scene.alter(outbox=scene.before.outbox),
        "outbox",
        "the eraser gets no request",
    ),
    "sent-after-erasing": _Forgery(
        REFUNDED,
        _say(_erase, _ok("no", tool="llm")),
        lambda scene: scene.call_more(
            node="reject", tool="mail", args={"to": Ref("customer"), "text": "declined"}, refs=("customer",)
        ),
        "outbox",
        "a ref that is to be erased is sent",
    ),
    "more-messages": _Forgery(
        ONE, _many, _read_all, "inbox", "the step reads 65 messages of one sender", rule="flow.step.order"
    ),
    "updated": _Forgery(ONE, _update, _merged, "core", "an update is merged", rule="flow.start.update"),
}


@dataclass(frozen=True, slots=True)
class _Erasure:
    """One legal history in which blobs were erased in the store.

    Attributes:
        flow: what is started.
        script: sends the messages and erases.
        unverified: how many steps cannot be computed again.
        comment: what was erased.
        rule: the rule of the audit.
    """

    flow: StartedFlow
    script: Script
    unverified: int
    comment: str
    rule: str = "flow.step.erased"


def _acknowledge(scene: FlowHistory) -> None:
    scene.send("flow.erased", scene.tree(request=scene.newest("flow.erase")))


def _erase_entry(name: str) -> Script:
    return lambda scene: scene.objects.erase(scene.entries[name])


def _erase_state_before(scene: FlowHistory) -> None:
    """Erase the state from which the newest step was made."""
    scene.objects.erase(Shelf.over(scene.objects).names(scene.before.core)["state"])


def _erase_newest_document(scene: FlowHistory) -> None:
    """Erase the document of the newest message."""
    assert scene.sent is not None
    shelf = Shelf.over(scene.objects)
    scene.objects.erase(shelf.names(shelf.message(scene.sent).content)["doc"])


_ERASURES: Final[dict[str, _Erasure]] = {
    "erased-blob": _Erasure(
        REFUNDED,
        _say(_erase, _acknowledge, _ok("yes", tool="llm"), _erase_sealed),
        0,
        "the sealed blob, as the flow had requested",
        "flow.erase.gone",
    ),
    "erased-program": _Erasure(ONE, _say(_ok("v"), _erase_entry("program")), 2, "the program, which both steps read"),
    "erased-state": _Erasure(ONE, _say(_ok("v"), _erase_state_before), 1, "the state that the second step reads"),
    "erased-last-state": _Erasure(ONE, _say(_ok("v"), _erase_entry("state")), 0, "the state of the head, never read"),
    "erased-result": _Erasure(
        ONE, _say(_ok("v"), _erase_newest_document), 1, "the document of a result, after it was read"
    ),
}


def _event(scene: FlowHistory, visit: int) -> bytes:
    fixed = {name: scene.entries[name] for name in ("program", "policy")}
    document = scene.document({"node": "a", "visit": visit, "event": "go", "value": 1})
    return scene.tree(doc=document, flow=scene.actor, **fixed)


def _resent_with(scene: FlowHistory, **args: Any) -> None:
    """Replace the arguments of the newest call."""
    shelf = Shelf.over(scene.objects)
    message = shelf.message(scene.outbox[scene.agent])
    packet = dict(shelf.names(message.content))
    document = scene.document({**scene.value(packet["doc"]), "args": args})
    other = scene.tree(**{**packet, "doc": document})
    scene.alter_outbox(scene.put(Message(message.previous, message.headers, other)))
    scene.alter_core("sent", other)


def _audits(fmt: Format) -> Iterator[dict[str, Any]]:
    suffix = "" if fmt is FRAMED_SHA256 else "-in-cbor"
    for name, forgery in _FORGERIES.items():
        legal, forged = forgery.flow.started(fmt), forgery.flow.started(fmt)
        for scene in (legal, forged):
            forgery.script(scene)
        forgery.alteration(forged)
        shared = {"rules": [forgery.blamed], "format": fmt.name, "origin": origin_of("flow_audits")}
        twin = {"name": f"audit/flow/{name}-legal{suffix}", "finding": None, "comment": "not altered"}
        yield {**shared, **twin, "bundle": encode_bytes(legal.bundle())}
        path = f"heads/{forged.actor.hex()}~0/{_path(forgery.path, legal, forged)}"
        finding = {"check": 8, "fault": "recompute", "rule": forgery.blamed, "path": path}
        named = {"name": f"audit/flow/{name}{suffix}", "finding": finding, "twin": twin["name"]}
        yield {**shared, **named, "bundle": encode_bytes(forged.bundle()), "comment": forgery.comment}
    for name, erasure in _ERASURES.items():
        scene = erasure.flow.started(fmt)
        erasure.script(scene)
        yield {
            "name": f"audit/flow/{name}{suffix}",
            "rules": [erasure.rule],
            "format": fmt.name,
            "finding": None,
            "unverified": erasure.unverified,
            "origin": origin_of("flow_audits"),
            "comment": erasure.comment,
            "bundle": encode_bytes(scene.bundle()),
        }


def _path(path: str, legal: FlowHistory, forged: FlowHistory) -> str:
    """Return a path with the key of a mailbox: the agent, or the lower of the two successors."""
    if path == "outbox/successor":
        return f"outbox/{min(legal.entries['next'], forged.entries['next']).hex()}"
    return f"{path}/{forged.agent.hex()}" if path in ("inbox", "outbox") else path


def audits_text() -> str:
    """Return the file."""
    audits = [audit for fmt in FORMATS.values() for audit in _audits(fmt)]
    head = {"$schema": "urn:gritstone:schema:0.6:audits", "spec": "0.6", "topic": "flow", "count": len(audits)}
    return json.dumps({**head, "audits": audits}, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(not (vectors_dir() / "audit/flow.json").write_text(audits_text(), encoding="utf-8"))
