"""Whole runs of flows under the model against the ids of the spec."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from gritstone_conformance.model.flow.json_form import from_json
from gritstone_conformance.model.formats import Format
from selftests.model.flow_programs import INPUT, POLICY, REFUND, edited
from selftests.model.flow_scene import SEALED, FlowScene

SMALLEST: Any = {"flow": 1, "name": "n", "start": "e", "nodes": {"e": {"kind": "end", "outcome": "success"}}}
RETRY: Any = from_json(
    """{"flow": 1, "name": "retry", "start": "a", "nodes": {
     "a": {"kind": "call", "tool": "t", "args": {"n": 1}, "retry": {"max_attempts": 3, "backoff_ms": 200},
           "timeout_ms": 1000, "next": "e"},
     "e": {"kind": "end", "outcome": "success"}}}"""
)
PAR: Any = from_json(
    """{"flow": 1, "name": "par", "start": "p", "nodes": {
     "p": {"kind": "parallel", "next": "e", "calls": {
         "a": {"tool": "t", "args": {"x": 1}}, "b": {"tool": "t", "args": {"x": 2}, "optional": true},
         "c": {"tool": "t", "args": {"x": 3}},
         "d": {"tool": "t", "args": {"x": "$dep.a", "y": "$dep.b"}, "depends_on": ["a", "b"]}}},
     "e": {"kind": "end", "outcome": "success", "output": "$out.p"}}}"""
)
WAIT: Any = from_json(
    """{"flow": 1, "name": "wait", "start": "w", "nodes": {
     "w": {"kind": "wait", "event": "go", "next": "e"},
     "e": {"kind": "end", "outcome": "success", "output": "$out.w"}}}"""
)
LOOP: Any = from_json(
    """{"flow": 1, "name": "b", "start": "a", "limits": {"max_calls": 1, "max_visits": 5}, "nodes": {
     "a": {"kind": "call", "tool": "t", "args": {}, "next": "b"},
     "b": {"kind": "branch", "if": "$out.a == 'again'", "then": "a", "else": "e"},
     "e": {"kind": "end", "outcome": "success"}}}"""
)
PLAN: Any = from_json(
    """{"flow": 1, "name": "b2", "start": "x", "nodes": {
     "x": {"kind": "call", "tool": "t", "args": {"v": "$prior.a"}, "next": "e"},
     "e": {"kind": "end", "outcome": "success", "output": "$out.x"}}}"""
)


def policy(*params: str, **members: Any) -> Any:
    return {"flow_policy": 1, "tools": {"t": {"peer": "edge", "params": [*params]}}, **members}


def short(fmt: Format, identity: bytes | None, framed: str, cbor: str) -> bool:
    """Return whether an id begins with the digits of its format."""
    assert identity is not None
    return identity.hex().startswith(framed if fmt.name == "framed-sha256" else cbor)


def refund(fmt: Format, program: Any = REFUND, given: Any = INPUT) -> FlowScene:
    return FlowScene(fmt, program, POLICY, given, refs={"customer": SEALED})


def test_the_smallest_flow(fmt: Format) -> None:
    scene = FlowScene(fmt, SMALLEST, {"flow_policy": 1, "tools": {}}, peers=())
    assert short(fmt, scene.entries["wit"], "082353a5fb80cb34", "c1bfe1e5b8bcd713")
    assert short(fmt, scene.entries["program"], "5001a174245abcb2", "8e47e2e0c8a025a5")
    assert short(fmt, scene.entries["policy"], "f00d81d494c45b6c", "c246effcf9580050")
    assert short(fmt, scene.actor, "5b2f1a064d742e04", "04b5100048e8e1c0")
    assert scene.trace_hash == (283, "e3ede95edaf01e0a")
    assert short(fmt, scene.head, "a5e6b41aa797d7de", "965924fc42a00ee6")
    assert short(fmt, scene.ask("wut"), "2356dc2a54078e93", "0846ade24fc4b075")


def test_the_refund(fmt: Format) -> None:
    scene = refund(fmt)
    assert short(fmt, scene.entries["policy"], "9d3d42d2112439d8", "d3df7fd100eb83af")
    assert short(fmt, scene.actor, "fd649072926040ac", "6c32a52036b8d18b")
    assert short(fmt, scene.newest("flow.call"), "8b6ec56e143ac71d", "bfe8450543ad295a")
    assert short(fmt, scene.head, "860706d298569c13", "f0abb133f5cb9136")
    scene.result("yes", usage=120)
    assert short(fmt, scene.newest("flow.call"), "f433a3024d608985", "f9fde60d23671e54")
    assert short(fmt, scene.head, "ef270d99692ed455", "239ee247536fb5e5")
    scene.result("R-1")
    assert short(
        fmt,
        scene.head,
        "0cde1c9c5655568352082ac38cb9a271d50a03b36a703484b9d6bc0346079938",
        "855cdc3046e2078aa7302d5fb9bda7f2c1ad271afe8c9010d49cb294c73a362b",
    )
    assert scene.trace_hash == (869, "d1fac03119384e11")


def test_twins_of_the_refund(fmt: Format) -> None:
    scene = refund(fmt)
    scene.erase("customer")
    scene.result("no", usage=120)
    assert scene.state["failure"] == {"class": "denied", "node": "reject", "why": "erased"}
    assert short(fmt, scene.head, "bfed964ca81f62d6", "777b7b4168ebab09")
    assert scene.trace_hash == (737, "b22a8ab0abae5e23")
    scene = refund(fmt)
    scene.result("no", usage=120)
    scene.result("R-1")
    assert (scene.state["status"], scene.state["output"]) == ("succeeded", "declined")
    assert scene.trace_hash == (883, "576f64ce6a53f127")
    scene = refund(fmt)
    scene.result("maybe")
    assert scene.state["failure"] == {"class": "not-allowed", "node": "analyze"}
    scene = refund(fmt, edited(REFUND, nodes__gate__if="True"), edited(INPUT, amount=500))
    scene.result("yes")
    assert scene.state["failure"] == {"class": "denied", "node": "pay", "why": "when"}


def test_a_retry(fmt: Format) -> None:
    rules = policy("n", timer="edge")
    rules["tools"]["t"]["cost"] = 7
    scene = FlowScene(fmt, RETRY, rules)
    assert short(fmt, scene.newest("flow.call"), "022494686c067d87", "e98d660b58f8ae62")
    scene.fire(why="timeout")
    assert (scene.state["tokens"], scene.state["reserved"]) == (7, 0)
    scene.fire(why="backoff")
    scene.result(5, attempt=2, usage=3)
    assert (scene.state["tokens"], scene.state["status"]) == (10, "succeeded")
    assert short(fmt, scene.head, "22cc06da3efbb9c2", "bc0712b1c473547b")
    assert scene.trace_hash == (840, "a4c71d81245aef6d")


@pytest.mark.parametrize("order", list(itertools.permutations("abc")))
def test_a_parallel(fmt: Format, order: tuple[str, ...]) -> None:
    scene = FlowScene(fmt, PAR, policy("x", "y"))
    for sub in order:
        if sub == "b":
            scene.error("no", retry=False, sub="b")
        else:
            scene.result(sub, sub=sub)
    assert short(fmt, scene.newest("flow.call", sub="d"), "ff56a93d92f3bc05", "52b168be833b0e71")
    scene.result("d", sub="d")
    assert scene.state["output"] == {"a": "a", "b": None, "c": "c", "d": "d"}
    assert scene.trace_hash == (1221, "461b642503000fcc")
    if order == ("a", "b", "c"):
        assert short(fmt, scene.head, "623759defff6a1d2", "a328813f0de58a03")


def test_a_wait(fmt: Format) -> None:
    scene = FlowScene(fmt, WAIT, {"flow_policy": 1, "tools": {}, "events": {"go": ["edge"]}})
    assert scene.state["status"] == "suspended"
    assert short(fmt, scene.actor, "7ce9a4fa7cfa3807", "b1c99cde1ce9d5fa")
    scene.event("w", 2, "go", 1)
    assert scene.reasons == ["wrong-binding"]
    scene.event("w", 1, "go", 1)
    assert short(fmt, scene.head, "f1b1d017b5a65701", "410ba6ce7b8ade8c")
    assert scene.trace_hash == (434, "b7b19a36d5dc0475")


def test_a_successor(fmt: Format) -> None:
    scene = FlowScene(fmt, LOOP, policy("v", limits={"max_replans": 1}, control={"replan": ["edge"]}))
    scene.result("again")
    assert scene.state["failure"] == {"class": "calls", "node": "a"}
    scene.send("flow.replan", scene.tree(program=scene.document(PLAN), flow=scene.actor))
    assert short(fmt, scene.head, "e9b65b867c8ff0e9", "fc98475407375d7e")
    successor = scene.entries["next"]
    assert short(fmt, successor, "2231b5db1d9c3a13", "1c5e8efbd5f49898")
    parent, messages = scene.actor, scene.outgoing(successor)
    assert [dict(message.headers) for message in messages] == [{"mt": "genesis"}, {"mt": "flow.start"}]
    tips = [scene.put(message) for message in messages]
    scene.actor, scene.head = successor, None
    scene.head = scene.executor.step(successor, None, [(parent, tips[0])])
    assert scene.state["status"] == "planned"
    scene.head = scene.executor.step(successor, scene.head, [(parent, tips[1])])
    scene.sent = None
    scene.result(9)
    assert scene.state["output"] == 9
    assert short(fmt, scene.head, "72b7789031dadb40", "9aa2fbdab417b8a0")
    assert scene.trace_hash == (540, "5d884427f27aaa59")


@pytest.mark.parametrize(
    ("limits", "status", "failure", "spent"),
    [
        ({"max_stalled": 3}, "stalled", {"class": "stalled", "node": "b"}, (5, 3)),
        ({"max_steps": 5}, "budget_exceeded", {"class": "steps", "node": "b"}, (5, 3)),
        ({"max_calls": 2}, "budget_exceeded", {"class": "calls", "node": "a"}, (5, 2)),
        ({"max_visits": 2}, "budget_exceeded", {"class": "visits", "node": "a"}, (4, 2)),
    ],
)
@pytest.mark.parametrize("by_policy", [False, True])
def test_budgets(
    fmt: Format, limits: dict[str, int], status: str, failure: dict[str, str], spent: tuple[int, int], by_policy: bool
) -> None:
    of_program = {"max_visits": 50} if by_policy else {"max_visits": 50, **limits}
    program = edited(LOOP, limits=of_program)
    scene = FlowScene(fmt, program, policy(limits=limits) if by_policy else policy())
    while scene.state["status"] == "running":
        scene.result("again", visit=scene.state["visit"])
    state = scene.state
    assert (state["status"], state["failure"]) == (status, failure)
    assert (state["steps"], state["calls"]) == spent
