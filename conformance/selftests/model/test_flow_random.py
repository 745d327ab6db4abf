"""Flows under the model with drawn messages: what holds after every step, whatever is read."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gritstone_conformance.model.flow.event_forms import is_trace
from gritstone_conformance.model.flow.forms import any_value, bool_form, closed, map_of, name, one_of, text
from gritstone_conformance.model.flow.json_form import from_json
from gritstone_conformance.model.flow.message_forms import NAT
from gritstone_conformance.model.flow.values import Ref, Value, encode
from gritstone_conformance.model.flow_replay import replay
from gritstone_conformance.model.formats import FORMATS
from gritstone_conformance.model.values import Message, Step
from selftests.model.flow_programs import edited
from selftests.model.flow_scene import SEALED, FlowScene

PROGRAM: Any = from_json(
    """{"flow": 1, "name": "all", "start": "a", "limits": {"max_visits": 3, "max_steps": 30},
     "nodes": {
     "a": {"kind": "call", "tool": "t", "args": {"x": "$input.x", "card": {"$ref": "card"}}, "next": "b",
           "retry": {"max_attempts": 3, "backoff_ms": 5}, "timeout_ms": 10, "on_error": "w"},
     "b": {"kind": "branch", "if": "$out.a == 1 or $out.a == '1'", "then": "p", "else": "w"},
     "p": {"kind": "parallel", "width": 2, "next": "w", "on_error": "f", "calls": {
         "x": {"tool": "t", "args": {"x": "$out.a"}, "retry": {"max_attempts": 2, "backoff_ms": 20000}},
         "y": {"tool": "u", "args": {}, "optional": true, "retry": {"max_attempts": 2}, "timeout_ms": 7},
         "z": {"tool": "u", "args": {"x": "$dep.y"}, "depends_on": ["y"], "one_of": ["1", "again"]}}},
     "w": {"kind": "wait", "event": "go", "timeout_ms": 50, "next": "a", "on_error": "e"},
     "e": {"kind": "end", "outcome": "success", "output": ["$out.a"]},
     "f": {"kind": "end", "outcome": "failure", "output": "${out.a}"}}}"""
)
POLICY: Any = from_json(
    """{"flow_policy": 1, "timer": "edge", "eraser": "edge", "agent": "edge", "events": {"go": ["edge"]},
     "control": {"cancel": ["edge"], "erase": ["edge"], "replan": ["edge"], "cleanup": ["edge"]},
     "limits": {"max_replans": 1, "max_stalled": 3, "max_tokens": 100}, "tools": {
     "t": {"peer": "edge", "params": ["x", "card"], "refs": ["card", "x"], "cost": 3},
     "u": {"peer": "edge", "params": ["x"], "refs": ["x"], "when": "not has $tool.t or $tool.t != 'stop'"}}}"""
)
PLAN = edited(PROGRAM, name="plan", start="w")

FLIGHT = map_of(
    name,
    lambda value: (
        closed({"phase": one_of("called", "pending", "backoff"), "attempt": NAT})(value)
        or closed({"phase": one_of("waiting")})(value)
    ),
    1,
)
FAILURE = {"class": text(1, None)}
FAILURE_OPTIONAL = {"node": name, "sub": name, "why": text(1, None)}
COUNTERS = ("steps", "calls", "tokens", "reserved", "idle", "seq")
STATE = closed(
    {"v": one_of(1), "status": text(1, None), "at": any_value, "log": is_trace, **dict.fromkeys(COUNTERS, NAT)},
    {
        "visit": NAT,
        "visits": map_of(name, NAT),
        "flight": FLIGHT,
        "done": map_of(name, bool_form),
        "stop": closed(FAILURE, {**FAILURE_OPTIONAL, "budget": one_of(True)}),
        "failure": closed(FAILURE, FAILURE_OPTIONAL),
        "output": any_value,
    },
)
VALUES: list[Value] = [1, "1", True, None, "again", "stop", Ref("card"), Ref("new"), [1], {"a": 1}, "x" * 65_000]

ACTIONS = st.one_of(
    st.tuples(st.just("result"), st.integers(0, 5), st.integers(0, 4), st.sampled_from(VALUES)),
    st.tuples(st.just("result"), st.integers(0, 5), st.integers(1, 2), st.sampled_from(VALUES[:5])),
    st.tuples(st.just("error"), st.integers(0, 5), st.integers(0, 3), st.booleans()),
    st.tuples(st.just("pending"), st.integers(0, 5), st.integers(0, 3), st.none()),
    st.tuples(st.just("bad"), st.integers(0, 5), st.integers(0, 3), st.none()),
    st.tuples(st.just("fired"), st.integers(0, 5), st.just(0), st.none()),
    st.tuples(st.just("event"), st.just(0), st.integers(0, 3), st.sampled_from(VALUES)),
    st.tuples(st.just("receipt"), st.integers(0, 5), st.just(0), st.none()),
    st.tuples(st.sampled_from(["cancel", "erase", "erased", "replan", "start", "odd"]), *[st.just(0)] * 2, st.none()),
)


def packets(scene: FlowScene, mt: str) -> list[bytes]:
    """Return the packets of messages of a type, newest first."""
    messages = [message for message in scene.outgoing() if dict(message.headers)["mt"] == mt]
    return [message.content for message in reversed(messages)]


def chosen(found: list[bytes], index: int, other: bytes) -> bytes:
    return found[index] if index < len(found) else other


def content(scene: FlowScene, kind: str, index: int, number: int, value: Any) -> tuple[str, bytes, dict[str, str]]:
    """Return type, content and further headers of a message."""
    other = scene.tree(x=scene.blob(b""))
    refs = scene.tree(new=scene.blob(SEALED, ct="sealed"))
    documents: dict[str, Any] = {
        "result": {"attempt": number, "outcome": "ok", "value": value, "usage": 2},
        "error": {"attempt": number, "outcome": "error", "error": {"class": "no", "retry": value}},
        "pending": {"attempt": number, "outcome": "pending"},
        "bad": {"attempt": number, "outcome": "maybe"},
        "event": {"node": "w", "visit": number, "event": "go", "value": value},
        "erase": {"refs": ["card"]},
    }
    entries = {"doc": scene.document(documents[kind])} if kind in documents else {}
    fixed = {each: scene.entries[each] for each in ("program", "policy")}
    match kind:
        case "result" | "error" | "pending" | "bad":
            request = chosen(packets(scene, "flow.call"), index, other)
            return "flow.result", scene.tree(request=request, refs=refs, **entries), {}
        case "fired":
            return "flow.fired", scene.tree(timer=chosen(packets(scene, "flow.timer"), index, other)), {}
        case "event":
            return "flow.event", scene.tree(flow=scene.actor, refs=refs, **fixed, **entries), {}
        case "receipt":
            calls = [each for each in reversed(scene.outgoing()) if dict(each.headers)["mt"] == "flow.call"]
            reply = scene.put(calls[index]) if index < len(calls) else other
            return "receipt", scene.blob(b""), {"reply": reply.hex()}
        case "erase" | "cancel" | "start":
            return f"flow.{kind}", scene.tree(flow=scene.actor, **entries), {}
        case "erased":
            return "flow.erased", scene.tree(request=chosen(packets(scene, "flow.erase"), 0, other)), {}
        case "replan":
            return "flow.replan", scene.tree(flow=scene.actor, program=scene.document(PLAN)), {}
        case _:
            return "flow.result", other, {}


def check_state(scene: FlowScene) -> None:
    """Check what the chapters on the core and on steps require after every step."""
    state, entries = scene.state, scene.entries
    assert STATE(state), state
    is_open = state["at"] is not None
    assert ("visit" in state, "flight" in state) == (is_open, is_open)
    assert is_open == (state["status"] in ("running", "suspended"))
    assert ("done" in state) == (state["at"] == "p")
    assert is_open or not {"sent", "timers", "part"} & entries.keys()
    if is_open:
        phases = {flight["phase"] for flight in state["flight"].values()}
        assert (state["status"] == "suspended") == (phases <= {"pending", "waiting"})
        open_calls = {key for key, flight in state["flight"].items() if flight["phase"] != "waiting"}
        assert ("sent" in entries) == bool(open_calls)
        assert len(open_calls) <= 2
    else:
        assert state["reserved"] == 0
    reports = packets(scene, "flow.report")
    assert len(reports) == (not is_open)
    assert is_trace(scene.trace)
    assert state["seq"] >= len(state["log"])


@pytest.mark.parametrize("name_of_format", sorted(FORMATS))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(ACTIONS, min_size=1, max_size=14))
def test_drawn_messages(name_of_format: str, actions: list[tuple[str, int, int, Any]]) -> None:
    scene = FlowScene(FORMATS[name_of_format], PROGRAM, POLICY, {"x": 1}, refs={"card": SEALED})
    first, tip = scene.head, scene.sent
    logs: list[Any] = []
    for kind, index, number_, value in actions:
        accepted = {each["mt"] for each in scene.value(scene.ask("accepts"))}
        before = encode({**scene.state, "log": [], "seq": 0})
        mt, message, headers = content(scene, kind, index, number_, value)
        tip = scene.send(mt, message, **headers)
        check_state(scene)
        logs += scene.state["log"]
        if scene.reasons:
            assert len(scene.state["log"]) == 1
            assert encode({**scene.state, "log": [], "seq": 0}) == before
        else:
            assert mt in accepted
    assert scene.head is not None
    assert replay(scene.shelf, scene.head) == (len(actions) + 1, None)
    apart, trace = scene.step, encode(scene.trace)
    core, state = scene.entries, scene.state
    scene.head = first
    scene.read(tip or b"")
    together = scene.entries
    assert {**together, "state": b""} == {**core, "state": b""}
    assert encode(scene.state) == encode({**state, "log": logs})
    assert scene.step.outbox == apart.outbox
    assert encode(scene.trace) == trace


@pytest.mark.parametrize("status", ["running", "failed"])
def test_cleanup(status: str) -> None:
    scene = FlowScene(FORMATS["framed-sha256"], PROGRAM, POLICY, {"x": 1}, refs={"card": SEALED})
    if status == "failed":
        scene.send("flow.cancel", scene.tree(flow=scene.actor))
    before = scene.head
    stranger = scene.tree(name=scene.blob(b"stranger", ct="s"))
    message = scene.put(Message(None, (("mt", "cleanup"),), scene.blob(b"")))
    assert scene.executor.step(scene.actor, before, [(stranger, message)]) == before
    scene.send("cleanup", scene.blob(b""))
    if status == "running":
        assert scene.head == before
        return
    assert scene.step.previous is None
    assert [event["e"] for event in scene.trace] == ["cut"]
    assert scene.head is not None
    assert replay(scene.shelf, scene.head) == (1, None)
    step, names = scene.step, scene.entries
    core = scene.tree(**{**names, "input": scene.document({})})
    forged = scene.put(Step(None, step.actor, step.inbox, step.outbox, core))
    assert replay(scene.shelf, forged) == (1, 0)
