"""The worked examples of the spec: ids of objects and traces, in both formats."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest

from gritstone.grit import FORMATS, Limits
from gritstone.grit.transcode import transcode

from .staging import FORMAT_NAMES, Stage, call, end, program_of
from .worked import NO_TOOLS, REFUND, REFUND_INPUT, REFUND_POLICY, SMALLEST, edited


def is_id(stage: Stage, object_id: bytes, framed: str, cbor: str) -> bool:
    """Return whether an id begins with the digits for the format of a stage."""
    expected = framed if stage.store.format.name == FORMAT_NAMES[0] else cbor
    assert object_id.hex()[:16] == expected
    return True


def test_smallest(stage: Stage) -> None:
    flow = stage.start(SMALLEST, NO_TOOLS)
    assert is_id(stage, stage.core()["wit"], "082353a5fb80cb34", "c1bfe1e5b8bcd713")
    assert is_id(stage, stage.core()["program"], "5001a174245abcb2", "8e47e2e0c8a025a5")
    assert is_id(stage, stage.core()["policy"], "f00d81d494c45b6c", "c246effcf9580050")
    assert is_id(stage, flow, "5b2f1a064d742e04", "04b5100048e8e1c0")
    assert is_id(stage, stage.head(), "a5e6b41aa797d7de", "965924fc42a00ee6")
    assert stage.trace() == (283, "e3ede95edaf01e0a")
    wut = stage.query("wut")
    assert wut is not None
    assert is_id(stage, wut, "2356dc2a54078e93", "0846ade24fc4b075")
    assert len(stage.load(wut).data) == 501


def refund(stage: Stage, program: Any = REFUND, data: Any = REFUND_INPUT) -> None:
    """Start the refund."""
    stage.start(program, REFUND_POLICY, data, {"customer": stage.sealed(b"4111 1111 1111 1111")})


def test_refund(stage: Stage) -> None:
    refund(stage)
    assert is_id(stage, stage.core()["policy"], "9d3d42d2112439d8", "d3df7fd100eb83af")
    assert is_id(stage, stage.sealed(b"4111 1111 1111 1111"), "2383e823dff4b529", "26d37fe1561a3edd")
    assert is_id(stage, stage.flow, "fd649072926040ac", "6c32a52036b8d18b")
    assert is_id(stage, stage.calls()[-1], "8b6ec56e143ac71d", "bfe8450543ad295a")
    assert is_id(stage, stage.head(), "860706d298569c13", "f0abb133f5cb9136")
    stage.acknowledge()
    stage.ok("yes", usage=120)
    assert is_id(stage, stage.calls()[-1], "f433a3024d608985", "f9fde60d23671e54")
    assert is_id(stage, stage.head(), "ef270d99692ed455", "239ee247536fb5e5")
    stage.acknowledge()
    stage.ok("R-1")
    assert is_id(stage, stage.head(), "0cde1c9c56555683", "855cdc3046e2078a")
    assert stage.trace() == (869, "d1fac03119384e11")
    assert stage.replay() == (3, None)
    bundle = stage.bundle()
    length = 9_282 if stage.store.format.name == FORMAT_NAMES[0] else 8_996
    assert len(bundle) == length
    assert is_id(stage, bundle[-32:], "cb58bae0ad00a3b9", "99aedafab6ff5dda")


def test_refund_is_transcoded(stage_in: Callable[[str], Stage]) -> None:
    bundles = []
    for name in FORMAT_NAMES:
        stage = stage_in(name)
        refund(stage)
        for value in ("yes", "R-1"):
            stage.acknowledge()
            stage.ok(value)
        bundles.append(stage.bundle())
    formats = (FORMATS[FORMAT_NAMES[0]], FORMATS[FORMAT_NAMES[1]])
    assert b"".join(transcode(io.BytesIO(bundles[0]), io.BytesIO(), formats, Limits())) == bundles[1]


def test_refund_declined(stage: Stage) -> None:
    refund(stage)
    stage.ok("no", usage=120)
    stage.ok("R-1")
    assert (stage.state()["status"], stage.state()["output"]) == ("succeeded", "declined")
    assert stage.trace() == (883, "576f64ce6a53f127")


def test_refund_for_an_erased_customer(stage: Stage) -> None:
    refund(stage)
    stage.send("flow.erase", {"refs": ["customer"]}, flow=stage.flow)
    stage.ok("no", usage=120)
    assert stage.state()["failure"] == {"class": "denied", "node": "reject", "why": "erased"}
    assert is_id(stage, stage.head(), "bfed964ca81f62d6", "777b7b4168ebab09")
    assert stage.trace() == (737, "b22a8ab0abae5e23")


def test_refund_without_a_gate_is_denied(stage: Stage) -> None:
    refund(stage, edited(REFUND, "nodes.gate.if", "True"), {**REFUND_INPUT, "amount": 500})
    stage.ok("yes")
    assert stage.state()["failure"] == {"class": "denied", "node": "pay", "why": "when"}


def test_refund_with_another_answer_fails(stage: Stage) -> None:
    refund(stage)
    stage.ok("maybe")
    assert stage.state()["failure"] == {"class": "not-allowed", "node": "analyze"}


def test_retry(stage: Stage) -> None:
    retry = {"max_attempts": 3, "backoff_ms": 200}
    program = program_of("retry", a=call(args={"n": 1}, retry=retry, timeout_ms=1_000))
    stage.start(
        program, {"flow_policy": 1, "tools": {"t": {"peer": "edge", "params": ["n"], "cost": 7}}, "timer": "edge"}
    )
    assert is_id(stage, stage.calls()[-1], "022494686c067d87", "e98d660b58f8ae62")
    stage.fire()
    stage.fire()
    stage.ok(5, attempt=2, usage=3)
    assert stage.state()["tokens"] == 10
    assert is_id(stage, stage.head(), "22cc06da3efbb9c2", "bc0712b1c473547b")
    assert stage.trace() == (840, "a4c71d81245aef6d")
    assert stage.replay() == (4, None)


SUBS: dict[str, Any] = {
    "a": {"tool": "t", "args": {"x": 1}},
    "b": {"tool": "t", "args": {"x": 2}, "optional": True},
    "c": {"tool": "t", "args": {"x": 3}},
    "d": {"tool": "t", "args": {"x": "$dep.a", "y": "$dep.b"}, "depends_on": ["a", "b"]},
}


@pytest.mark.parametrize("order", ["abc", "cba", "bca", "acb"])
def test_parallel(stage: Stage, order: str) -> None:
    program = program_of("par", p={"kind": "parallel", "calls": SUBS, "next": "e"}, e=end(output="$out.p"))
    stage.start(program, {"flow_policy": 1, "tools": {"t": {"peer": "edge", "params": ["x", "y"]}}})
    packets = dict(zip("abc", stage.calls(), strict=True))
    for sub in order:
        if sub == "b":
            stage.error("no", packets[sub])
        else:
            stage.ok(sub, packets[sub])
    packet = stage.calls()[-1]
    assert is_id(stage, packet, "ff56a93d92f3bc05", "52b168be833b0e71")
    stage.ok("d", packet)
    assert stage.state()["output"] == {"a": "a", "b": None, "c": "c", "d": "d"}
    if order == "abc":
        assert is_id(stage, stage.head(), "623759defff6a1d2", "a328813f0de58a03")
    assert stage.trace() == (1_221, "461b642503000fcc")
    assert stage.replay() == (5, None)


def test_wait(stage: Stage) -> None:
    program = program_of("wait", w={"kind": "wait", "event": "go", "next": "e"}, e=end(output="$out.w"))
    stage.start(program, {"flow_policy": 1, "tools": {}, "events": {"go": ["edge"]}})
    assert is_id(stage, stage.flow, "7ce9a4fa7cfa3807", "b1c99cde1ce9d5fa")
    core = stage.core()
    for visit in (2, 1):
        event = {"node": "w", "visit": visit, "event": "go", "value": 1}
        stage.send("flow.event", event, flow=stage.flow, program=core["program"], policy=core["policy"])
    assert is_id(stage, stage.head(), "f1b1d017b5a65701", "410ba6ce7b8ade8c")
    assert stage.trace() == (434, "b7b19a36d5dc0475")


def test_replan(stage: Stage) -> None:
    loop = {"kind": "branch", "if": "$out.a == 'again'", "then": "a", "else": "e"}
    program = program_of("b", limits={"max_calls": 1, "max_visits": 5}, a=call(to="b"), b=loop)
    policy = {
        "flow_policy": 1,
        "tools": {"t": {"peer": "edge", "params": ["v"]}},
        "limits": {"max_replans": 1},
        "control": {"replan": ["edge"]},
    }
    stage.start(program, policy)
    stage.ok("again")
    assert stage.state()["failure"] == {"class": "calls", "node": "a"}
    second = program_of("b2", x=call(args={"v": "$prior.a"}), e=end(output="$out.x"))
    stage.send("flow.replan", flow=stage.flow, program=stage.document(second))
    assert is_id(stage, stage.head(), "e9b65b867c8ff0e9", "fc98475407375d7e")
    successor = stage.flow = stage.core()["next"]
    assert is_id(stage, successor, "2231b5db1d9c3a13", "1c5e8efbd5f49898")
    stage.ok(9)
    assert is_id(stage, stage.head(), "72b7789031dadb40", "9aa2fbdab417b8a0")
    assert stage.trace() == (540, "5d884427f27aaa59")
    assert stage.replay() == (3, None)


@pytest.mark.parametrize(
    ("limits", "status", "failure", "counts"),
    [
        ({"max_stalled": 3}, "stalled", {"class": "stalled", "node": "b"}, (5, 3)),
        ({"max_steps": 5}, "budget_exceeded", {"class": "steps", "node": "b"}, (5, 3)),
        ({"max_calls": 2}, "budget_exceeded", {"class": "calls", "node": "a"}, (5, 2)),
        ({"max_visits": 2}, "budget_exceeded", {"class": "visits", "node": "a"}, (4, 2)),
    ],
)
def test_budgets(stage: Stage, limits: dict[str, int], status: str, failure: Any, counts: tuple[int, int]) -> None:
    loop = {"kind": "branch", "if": "$out.a == 'again'", "then": "a", "else": "e"}
    program = program_of("b", limits={"max_visits": 50, **limits}, a=call(to="b"), b=loop)
    stage.start(program, {"flow_policy": 1, "tools": {"t": {"peer": "edge", "params": []}}})
    while stage.state()["status"] == "running":
        stage.ok("again")
    state = stage.state()
    assert (state["status"], state["failure"], (state["steps"], state["calls"])) == (status, failure, counts)
