"""The model of flows: why messages are ignored, in the order of the text."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gritstone_conformance.model.flow.values import Map, Ref, Value, encode
from gritstone_conformance.model.formats import FORMATS
from gritstone_conformance.model.values import Message
from selftests.model.flow_programs import edited
from selftests.model.flow_scene import SEALED, FlowScene
from selftests.model.test_flow_plays import LOOP, PLAN, SMALLEST, WAIT, policy

CALL: Any = {
    "flow": 1,
    "name": "call",
    "start": "a",
    "nodes": {
        "a": {
            "kind": "call",
            "tool": "t",
            "args": {},
            "next": "e",
            "retry": {"max_attempts": 3, "backoff_ms": 9},
            "timeout_ms": 5,
        },
        "e": {"kind": "end", "outcome": "success"},
    },
}
CONTROL = {each: ["edge"] for each in ("cancel", "erase", "replan", "cleanup")}
RULES = policy("v", timer="edge", agent="edge", eraser="edge", events={"go": ["edge"]}, control=CONTROL)
OK: Map = {"attempt": 1, "outcome": "ok", "value": 1}
PENDING: Map = {"attempt": 1, "outcome": "pending"}
ERROR: Map = {"attempt": 1, "outcome": "error", "error": {"class": "no", "retry": True}}


def scene_of(program: Any = CALL, rules: Any = RULES) -> FlowScene:
    return FlowScene(FORMATS["framed-sha256"], program, rules, refs={"card": SEALED})


def stranger(scene: FlowScene, mt: str, content: bytes, **headers: str) -> None:
    """Send a message from an actor that is no peer."""
    pairs = tuple((key, value) for key, value in {"mt": mt, **headers}.items())
    message = scene.put(Message(None, pairs, content))
    sender = scene.tree(name=scene.blob(b"stranger", ct="s"))
    scene.head = scene.executor.step(scene.actor, scene.head, [(sender, message)])


def result(scene: FlowScene, document: Any, **entries: bytes) -> bytes:
    return scene.tree(**{"request": scene.newest("flow.call"), "doc": scene.document(document), **entries})


def bound(scene: FlowScene, **members: Any) -> bytes:
    """Return the packet of an event."""
    document = {"node": "w", "visit": 1, "event": "go", "value": 1, **members}
    fixed = {name: scene.entries[name] for name in ("program", "policy")}
    return scene.tree(doc=scene.document(document), flow=scene.actor, **fixed)


def other(scene: FlowScene) -> bytes:
    return scene.tree(x=scene.blob(b""))


def erase(scene: FlowScene, document: Any, **entries: bytes) -> bytes:
    return scene.tree(**{"doc": scene.document(document), "flow": scene.actor, **entries})


def replan(scene: FlowScene, program: Any = PLAN, **entries: bytes) -> bytes:
    return scene.tree(**{"program": scene.document(program), "flow": scene.actor, **entries})


CASES: list[tuple[str, str, Callable[[FlowScene], bytes]]] = [
    ("unknown-message", "x", other),
    ("unknown-message", "", other),
    ("unknown-message", "flow.call", other),
    ("malformed", "flow.result", other),
    ("malformed", "flow.result", lambda scene: scene.blob(b"")),
    ("malformed", "flow.result", lambda scene: scene.tree(request=scene.newest("flow.call"))),
    ("malformed", "flow.result", lambda scene: result(scene, OK, request=scene.blob(b""))),
    ("malformed", "flow.result", lambda scene: result(scene, OK, doc=scene.blob(encode(OK), ct="s"))),
    ("malformed", "flow.result", lambda scene: result(scene, OK, doc=scene.blob(b"\xff", ct="cbor"))),
    ("malformed", "flow.result", lambda scene: result(scene, OK, doc=other(scene))),
    ("malformed", "flow.result", lambda scene: result(scene, [1])),
    ("malformed", "flow.result", lambda scene: result(scene, {"outcome": "ok", "value": 1})),
    ("malformed", "flow.result", lambda scene: result(scene, OK | {"attempt": -1})),
    ("malformed", "flow.result", lambda scene: result(scene, OK | {"attempt": True})),
    ("unknown-request", "flow.result", lambda scene: result(scene, OK, request=other(scene))),
    ("wrong-attempt", "flow.result", lambda scene: result(scene, OK | {"attempt": 0})),
    ("wrong-attempt", "flow.result", lambda scene: result(scene, OK | {"attempt": 2})),
    ("malformed", "flow.fired", other),
    ("malformed", "flow.fired", lambda scene: scene.tree(timer=scene.newest("flow.timer"), x=other(scene))),
    ("malformed", "flow.fired", lambda scene: scene.tree(timer=scene.blob(b""))),
    ("stale-timer", "flow.fired", lambda scene: scene.tree(timer=other(scene))),
    ("malformed", "flow.event", other),
    ("malformed", "flow.event", lambda scene: bound(scene, visit="1")),
    ("malformed", "flow.event", lambda scene: bound(scene, more=1)),
    ("not-waiting", "flow.event", bound),
    ("malformed", "flow.cancel", other),
    ("malformed", "flow.cancel", lambda scene: scene.tree(flow=scene.blob(b""))),
    ("wrong-binding", "flow.cancel", lambda scene: scene.tree(flow=other(scene))),
    ("malformed", "flow.erase", lambda scene: scene.tree(flow=scene.actor)),
    *(
        ("malformed", "flow.erase", lambda scene, refs=refs: erase(scene, {"refs": refs}))
        for refs in ([], ["b", "a"], ["a", "a"], ["A"], [Ref("card")], "card", ["aa", "b"])
    ),
    ("malformed", "flow.erase", lambda scene: erase(scene, {"refs": ["card"], "flow": 1})),
    ("wrong-binding", "flow.erase", lambda scene: erase(scene, {"refs": ["card"]}, flow=other(scene))),
    ("unknown-ref", "flow.erase", lambda scene: erase(scene, {"refs": ["card", "none"]})),
    ("malformed", "flow.erased", lambda scene: scene.tree(request=scene.blob(b""))),
    ("unknown-request", "flow.erased", lambda scene: scene.tree(request=other(scene))),
    ("unknown-request", "flow.erased", lambda scene: scene.tree(request=scene.tree(doc=scene.blob(b"")))),
    ("unknown-request", "flow.erased", lambda scene: scene.tree(request=erase(scene, {"flow": 1, "refs": ["card"]}))),
    ("malformed", "flow.replan", lambda scene: scene.tree(flow=scene.actor)),
    ("malformed", "flow.replan", lambda scene: scene.tree(flow=scene.actor, program=other(scene))),
    ("wrong-binding", "flow.replan", lambda scene: replan(scene, flow=other(scene))),
    ("not-interrupted", "flow.replan", replan),
    ("malformed", "flow.start", other),
    ("not-planned", "flow.start", lambda scene: scene.tree(flow=scene.actor)),
    ("malformed", "receipt", lambda scene: scene.blob(b"")),
]


@pytest.mark.parametrize(("why", "mt", "content"), CASES)
def test_messages_to_an_open_call(why: str, mt: str, content: Callable[[FlowScene], bytes]) -> None:
    scene = scene_of()
    before = scene.step
    scene.send(mt, content(scene))
    assert scene.reasons == [why]
    assert scene.step.outbox == before.outbox


@pytest.mark.parametrize(
    ("mt", "content"),
    [
        ("flow.result", lambda scene: result(scene, OK)),
        ("flow.fired", lambda scene: scene.tree(timer=scene.newest("flow.timer"))),
        ("flow.cancel", lambda scene: scene.tree(flow=scene.actor)),
        ("flow.erase", lambda scene: erase(scene, {"refs": ["card"]})),
        ("flow.erased", lambda scene: scene.tree(request=other(scene))),
        ("flow.replan", replan),
        ("receipt", other),
    ],
)
def test_messages_of_a_stranger(mt: str, content: Callable[[FlowScene], bytes]) -> None:
    scene = scene_of()
    headers = {"reply": "0" * 64} if mt == "receipt" else {}
    stranger(scene, mt, content(scene), **headers)
    assert scene.reasons == ["wrong-sender"]


@pytest.mark.parametrize(
    ("why", "members"),
    [
        ("wrong-binding", {"visit": 2}),
        ("wrong-binding", {"node": "e"}),
        ("wrong-binding", {"event": "stop"}),
        ("unknown-ref", {"value": [Ref("none")]}),
        (None, {"value": [Ref("card")]}),
    ],
)
def test_events(why: str | None, members: dict[str, Any]) -> None:
    scene = scene_of(WAIT)
    scene.send("flow.event", bound(scene, **members))
    assert scene.reasons == ([] if why is None else [why])


def test_events_with_refs() -> None:
    scene = scene_of(WAIT)
    fixed = {name: scene.entries[name] for name in ("program", "policy")}
    document = scene.document({"node": "w", "visit": 1, "event": "go", "value": Ref("new")})
    packet = {"doc": document, "flow": scene.actor, **fixed}
    new, changed = scene.blob(SEALED + b"2", ct="sealed"), scene.blob(SEALED + b"3", ct="sealed")
    stranger(scene, "flow.event", scene.tree(**packet))
    assert scene.reasons == ["wrong-sender"]
    scene.send("flow.event", scene.tree(**packet, refs=scene.tree(new=scene.blob(SEALED, ct="s"))))
    assert scene.reasons == ["malformed"]
    scene.send("flow.event", scene.tree(**packet, refs=scene.tree(new=scene.blob(b"short", ct="sealed"))))
    assert scene.reasons == ["malformed"]
    scene.send("flow.event", scene.tree(**packet, refs=scene.tree(new=new, card=changed)))
    assert scene.reasons == ["unknown-ref"]
    scene.send("flow.event", scene.tree(**{**packet, "policy": other(scene)}, refs=scene.tree(new=new)))
    assert scene.reasons == ["wrong-binding"]
    scene.send("flow.event", scene.tree(**packet, refs=scene.tree(new=new, more=changed)))
    assert scene.shelf.names(scene.entries["refs"]).keys() == {"card", "new", "more"}
    assert dict(scene.shelf.names(scene.newest("flow.report"))).keys() == {"doc", "flow", "refs"}


def test_attempts() -> None:
    scene = scene_of()
    scene.answer(PENDING)
    assert scene.state["status"] == "suspended"
    assert "timers" not in scene.entries
    scene.answer(PENDING)
    assert scene.reasons == ["already-pending"]
    scene.answer(ERROR)
    assert scene.state["flight"] == {"a": {"phase": "backoff", "attempt": 1}}
    documents: tuple[Map, ...] = (ERROR, PENDING, {"attempt": 1, "outcome": "maybe"})
    for document in documents:
        scene.answer(document)
        assert scene.reasons == ["stale-attempt"]
    scene.fire(why="backoff")
    scene.fire(why="backoff")
    assert scene.reasons == ["stale-timer"]
    scene.answer(ERROR)
    assert scene.reasons == ["stale-attempt"]
    scene.answer(OK)
    assert scene.state["status"] == "succeeded"
    scene.answer(OK)
    assert scene.reasons == ["terminal"]


def test_a_late_value_with_an_unknown_ref_is_stale() -> None:
    scene = scene_of()
    scene.answer(ERROR)
    unknown: Map = {"attempt": 1, "outcome": "ok", "value": Ref("none")}
    scene.answer(unknown)
    assert scene.reasons == ["stale-attempt"]


@pytest.mark.parametrize("phase", ["called", "pending", "backoff"])
def test_receipts(phase: str) -> None:
    scene = scene_of()
    calls = [message for message in scene.outgoing() if dict(message.headers)["mt"] == "flow.call"]
    reply = scene.put(calls[-1]).hex()
    if phase != "called":
        scene.answer(PENDING if phase == "pending" else ERROR)
    for wrong in (scene.actor.hex(), scene.put(scene.outgoing()[-1]).hex() if phase == "called" else "0" * 64):
        scene.send("receipt", scene.blob(b""), reply=wrong)
        assert scene.reasons == ["unknown-request"]
    scene.send("receipt", scene.blob(b""), reply=reply.upper())
    assert scene.reasons == ["malformed" if reply.upper() != reply else "unknown-request"]
    scene.send("receipt", scene.blob(b""), reply=reply)
    assert scene.state["failure"] == {"class": "undeliverable", "node": "a"}


def test_erasing() -> None:
    scene = scene_of()
    scene.erase("card")
    request = scene.newest("flow.erase")
    assert scene.value(scene.entries["erased"]) == ["card"]
    assert scene.shelf.names(request).keys() == {"doc", "flow", "refs"}
    scene.erase("card")
    assert scene.reasons == ["erased-before"]
    scene.send("flow.cancel", scene.tree(flow=scene.actor))
    scene.send("flow.erased", scene.tree(request=request))
    assert [event["e"] for event in scene.state["log"]] == ["gone"]


def erased(scene: FlowScene, names: list[Value], **refs: bytes) -> None:
    """Report that a packet made by hand was carried out."""
    request = erase(scene, {"flow": 1, "refs": names}, **({"refs": scene.tree(**refs)} if refs else {}))
    scene.send("flow.erased", scene.tree(request=request))


def test_only_a_requested_erasure_is_confirmed() -> None:
    scene = FlowScene(FORMATS["framed-sha256"], CALL, RULES, refs={"a": SEALED, "card": SEALED + b"2"})
    blobs = scene.shelf.names(scene.entries["refs"])
    card = {"card": blobs["card"]}
    erased(scene, ["card"], **card)
    assert scene.reasons == ["unknown-request"], "it was not requested"
    scene.erase("card")
    wrong: list[tuple[list[Value], dict[str, bytes]]] = [
        ([], {}),
        (["card"], {}),
        (["card"], {"card": blobs["a"]}),
        (["card"], {**card, "a": blobs["a"]}),
        (["a", "card"], dict(blobs)),
    ]
    for names, refs in wrong:
        erased(scene, names, **refs)
        assert scene.reasons == ["unknown-request"], (names, refs)
    erased(scene, ["card"], **card)
    assert scene.reasons == []


def test_messages_after_the_end() -> None:
    scene = scene_of()
    call = next(message for message in scene.outgoing() if dict(message.headers)["mt"] == "flow.call")
    scene.answer(OK)
    for mt in ("flow.start", "flow.cancel"):
        scene.send(mt, scene.tree(flow=scene.actor))
        assert scene.reasons == ["terminal"], mt
    scene.send("receipt", scene.blob(b""), reply=scene.put(call).hex())
    assert scene.reasons == ["terminal"]


def test_replans() -> None:
    scene = scene_of(LOOP, {**RULES, "limits": {"max_replans": 1}})
    scene.result("again")
    assert [each["mt"] for each in scene.value(scene.ask("accepts"))] == ["flow.erase", "flow.replan"]
    plans: list[Any] = [edited(PLAN, start="nope"), [], edited(PLAN, nodes__x__tool="nope")]
    for wrong in plans:
        scene.send("flow.replan", replan(scene, wrong))
        assert scene.reasons == ["rejected-plan"]
    assert scene.store is not None
    packet = replan(scene, edited(PLAN, name="gone"))
    scene.store.erase(scene.shelf.names(packet)["program"])
    scene.send("flow.replan", packet)
    assert scene.reasons == ["rejected-plan"]
    scene.send("flow.replan", replan(scene))
    scene.send("flow.replan", replan(scene))
    assert scene.reasons == ["already-continued"]
    parent, successor, messages = scene.actor, scene.entries["next"], scene.outgoing(scene.entries["next"])
    tips = [scene.put(message) for message in messages]
    scene.actor, scene.head, scene.sent = successor, None, None
    scene.head = scene.executor.step(successor, None, [(parent, tips[0])])
    assert scene.state == {
        **dict.fromkeys(("steps", "calls", "tokens", "reserved", "idle"), 0),
        "v": 1,
        "status": "planned",
        "at": None,
        "seq": 1,
        "log": [{"e": "planned"}],
    }
    for mt, content, why in (
        ("flow.cancel", scene.tree(flow=successor), "planned"),
        ("flow.replan", replan(scene), "planned"),
        ("flow.start", scene.tree(flow=successor), "wrong-sender"),
    ):
        scene.send(mt, content)
        assert scene.reasons == [why]
    assert [each["mt"] for each in scene.value(scene.ask("accepts"))] == ["flow.erase", "flow.start"]
    scene.erase("card")
    assert scene.state["status"] == "planned"
    wrong_flow = scene.put(Message(tips[0], (("mt", "flow.start"),), scene.tree(flow=parent)))
    ignored = scene.executor.step(successor, scene.head, [(parent, wrong_flow)])
    state = scene.value(scene.shelf.names(scene.shelf.step(ignored).core)["state"])
    assert state["log"] == [{"e": "ignored", "why": "wrong-binding"}]
    scene.head = scene.executor.step(successor, scene.head, [(parent, tips[1])])
    assert scene.state["status"] == "running"
    scene.send("flow.cancel", scene.tree(flow=successor))
    scene.send("flow.replan", replan(scene))
    assert scene.reasons == ["not-interrupted"]


def test_the_sequence_of_successors_ends() -> None:
    scene = scene_of(LOOP, RULES)
    scene.result("again")
    scene.send("flow.replan", replan(scene))
    assert scene.reasons == ["no-replans-left"]


def test_a_rejected_flow_ignores_everything() -> None:
    scene = scene_of(edited(SMALLEST, start="nope"))
    assert scene.value(scene.ask("accepts")) == []
    for mt, content in (
        ("flow.erase", erase(scene, {"refs": ["card"]})),
        ("flow.erased", scene.tree(request=other(scene))),
        ("flow.replan", replan(scene)),
        ("flow.start", scene.tree(flow=scene.actor)),
    ):
        scene.send(mt, content)
        assert scene.reasons == ["terminal"], mt
    before = scene.head
    scene.send("cleanup", scene.blob(b""))
    assert scene.head == before


def test_an_erased_document_of_a_message_is_malformed() -> None:
    scene = scene_of()
    assert scene.store is not None
    packet = result(scene, OK | {"value": "secret"})
    scene.store.erase(scene.shelf.names(packet)["doc"])
    scene.send("flow.result", packet)
    assert scene.reasons == ["malformed"]
