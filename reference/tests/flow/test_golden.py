"""The worked examples of the spec: ids of objects and traces, in both formats."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest

from gritstone.grit import FORMATS, Limits
from gritstone.grit.transcode import transcode

from .playing import FORMAT_NAMES, Play, call, end, program_of
from .worked import NO_TOOLS, REFUND, REFUND_INPUT, REFUND_POLICY, SMALLEST, edited


def is_id(play: Play, object_id: bytes, framed: str, cbor: str) -> bool:
    """Return whether an id begins with the digits for the format of a play."""
    expected = framed if play.store.format.name == FORMAT_NAMES[0] else cbor
    assert object_id.hex()[:16] == expected
    return True


def test_smallest(play: Play) -> None:
    flow = play.start(SMALLEST, NO_TOOLS)
    assert is_id(play, play.core()["wit"], "082353a5fb80cb34", "c1bfe1e5b8bcd713")
    assert is_id(play, play.core()["program"], "5001a174245abcb2", "8e47e2e0c8a025a5")
    assert is_id(play, play.core()["policy"], "f00d81d494c45b6c", "c246effcf9580050")
    assert is_id(play, flow, "5b2f1a064d742e04", "04b5100048e8e1c0")
    assert is_id(play, play.head(), "a5e6b41aa797d7de", "965924fc42a00ee6")
    assert play.trace() == (283, "e3ede95edaf01e0a")
    wut = play.query("wut")
    assert wut is not None
    assert is_id(play, wut, "2356dc2a54078e93", "0846ade24fc4b075")
    assert len(play.load(wut).data) == 501


def refund(play: Play, program: Any = REFUND, data: Any = REFUND_INPUT) -> None:
    """Start the refund."""
    play.start(program, REFUND_POLICY, data, {"customer": play.sealed(b"4111 1111 1111 1111")})


def test_refund(play: Play) -> None:
    refund(play)
    assert is_id(play, play.core()["policy"], "9d3d42d2112439d8", "d3df7fd100eb83af")
    assert is_id(play, play.sealed(b"4111 1111 1111 1111"), "2383e823dff4b529", "26d37fe1561a3edd")
    assert is_id(play, play.flow, "fd649072926040ac", "6c32a52036b8d18b")
    assert is_id(play, play.calls()[-1], "8b6ec56e143ac71d", "bfe8450543ad295a")
    assert is_id(play, play.head(), "860706d298569c13", "f0abb133f5cb9136")
    play.acknowledge()
    play.ok("yes", usage=120)
    assert is_id(play, play.calls()[-1], "f433a3024d608985", "f9fde60d23671e54")
    assert is_id(play, play.head(), "ef270d99692ed455", "239ee247536fb5e5")
    play.acknowledge()
    play.ok("R-1")
    assert is_id(play, play.head(), "0cde1c9c56555683", "855cdc3046e2078a")
    assert play.trace() == (869, "d1fac03119384e11")
    assert play.replay() == (3, None)
    bundle = play.bundle()
    length = 9_282 if play.store.format.name == FORMAT_NAMES[0] else 8_996
    assert len(bundle) == length
    assert is_id(play, bundle[-32:], "cb58bae0ad00a3b9", "99aedafab6ff5dda")


def test_refund_is_transcoded(play_in: Callable[[str], Play]) -> None:
    bundles = []
    for name in FORMAT_NAMES:
        play = play_in(name)
        refund(play)
        for value in ("yes", "R-1"):
            play.acknowledge()
            play.ok(value)
        bundles.append(play.bundle())
    formats = (FORMATS[FORMAT_NAMES[0]], FORMATS[FORMAT_NAMES[1]])
    assert b"".join(transcode(io.BytesIO(bundles[0]), io.BytesIO(), formats, Limits())) == bundles[1]


def test_refund_declined(play: Play) -> None:
    refund(play)
    play.ok("no", usage=120)
    play.ok("R-1")
    assert (play.state()["status"], play.state()["output"]) == ("succeeded", "declined")
    assert play.trace() == (883, "576f64ce6a53f127")


def test_refund_for_an_erased_customer(play: Play) -> None:
    refund(play)
    play.send("flow.erase", {"refs": ["customer"]}, flow=play.flow)
    play.ok("no", usage=120)
    assert play.state()["failure"] == {"class": "denied", "node": "reject", "why": "erased"}
    assert is_id(play, play.head(), "bfed964ca81f62d6", "777b7b4168ebab09")
    assert play.trace() == (737, "b22a8ab0abae5e23")


def test_refund_without_a_gate_is_denied(play: Play) -> None:
    refund(play, edited(REFUND, "nodes.gate.if", "True"), {**REFUND_INPUT, "amount": 500})
    play.ok("yes")
    assert play.state()["failure"] == {"class": "denied", "node": "pay", "why": "when"}


def test_refund_with_another_answer_fails(play: Play) -> None:
    refund(play)
    play.ok("maybe")
    assert play.state()["failure"] == {"class": "not-allowed", "node": "analyze"}


def test_retry(play: Play) -> None:
    retry = {"max_attempts": 3, "backoff_ms": 200}
    program = program_of("retry", a=call(args={"n": 1}, retry=retry, timeout_ms=1_000))
    play.start(
        program, {"flow_policy": 1, "tools": {"t": {"peer": "edge", "params": ["n"], "cost": 7}}, "timer": "edge"}
    )
    assert is_id(play, play.calls()[-1], "022494686c067d87", "e98d660b58f8ae62")
    play.fire()
    play.fire()
    play.ok(5, attempt=2, usage=3)
    assert play.state()["tokens"] == 10
    assert is_id(play, play.head(), "22cc06da3efbb9c2", "bc0712b1c473547b")
    assert play.trace() == (840, "a4c71d81245aef6d")
    assert play.replay() == (4, None)


SUBS: dict[str, Any] = {
    "a": {"tool": "t", "args": {"x": 1}},
    "b": {"tool": "t", "args": {"x": 2}, "optional": True},
    "c": {"tool": "t", "args": {"x": 3}},
    "d": {"tool": "t", "args": {"x": "$dep.a", "y": "$dep.b"}, "depends_on": ["a", "b"]},
}


@pytest.mark.parametrize("order", ["abc", "cba", "bca", "acb"])
def test_parallel(play: Play, order: str) -> None:
    program = program_of("par", p={"kind": "parallel", "calls": SUBS, "next": "e"}, e=end(output="$out.p"))
    play.start(program, {"flow_policy": 1, "tools": {"t": {"peer": "edge", "params": ["x", "y"]}}})
    packets = dict(zip("abc", play.calls(), strict=True))
    for sub in order:
        if sub == "b":
            play.error("no", packets[sub])
        else:
            play.ok(sub, packets[sub])
    packet = play.calls()[-1]
    assert is_id(play, packet, "ff56a93d92f3bc05", "52b168be833b0e71")
    play.ok("d", packet)
    assert play.state()["output"] == {"a": "a", "b": None, "c": "c", "d": "d"}
    if order == "abc":
        assert is_id(play, play.head(), "623759defff6a1d2", "a328813f0de58a03")
    assert play.trace() == (1_221, "461b642503000fcc")
    assert play.replay() == (5, None)


def test_wait(play: Play) -> None:
    program = program_of("wait", w={"kind": "wait", "event": "go", "next": "e"}, e=end(output="$out.w"))
    play.start(program, {"flow_policy": 1, "tools": {}, "events": {"go": ["edge"]}})
    assert is_id(play, play.flow, "7ce9a4fa7cfa3807", "b1c99cde1ce9d5fa")
    core = play.core()
    for visit in (2, 1):
        event = {"node": "w", "visit": visit, "event": "go", "value": 1}
        play.send("flow.event", event, flow=play.flow, program=core["program"], policy=core["policy"])
    assert is_id(play, play.head(), "f1b1d017b5a65701", "410ba6ce7b8ade8c")
    assert play.trace() == (434, "b7b19a36d5dc0475")


def test_replan(play: Play) -> None:
    loop = {"kind": "branch", "if": "$out.a == 'again'", "then": "a", "else": "e"}
    program = program_of("b", limits={"max_calls": 1, "max_visits": 5}, a=call(to="b"), b=loop)
    policy = {
        "flow_policy": 1,
        "tools": {"t": {"peer": "edge", "params": ["v"]}},
        "limits": {"max_replans": 1},
        "control": {"replan": ["edge"]},
    }
    play.start(program, policy)
    play.ok("again")
    assert play.state()["failure"] == {"class": "calls", "node": "a"}
    second = program_of("b2", x=call(args={"v": "$prior.a"}), e=end(output="$out.x"))
    play.send("flow.replan", flow=play.flow, program=play.document(second))
    assert is_id(play, play.head(), "e9b65b867c8ff0e9", "fc98475407375d7e")
    successor = play.flow = play.core()["next"]
    assert is_id(play, successor, "2231b5db1d9c3a13", "1c5e8efbd5f49898")
    play.ok(9)
    assert is_id(play, play.head(), "72b7789031dadb40", "9aa2fbdab417b8a0")
    assert play.trace() == (540, "5d884427f27aaa59")
    assert play.replay() == (3, None)


@pytest.mark.parametrize(
    ("limits", "status", "failure", "counts"),
    [
        ({"max_stalled": 3}, "stalled", {"class": "stalled", "node": "b"}, (5, 3)),
        ({"max_steps": 5}, "budget_exceeded", {"class": "steps", "node": "b"}, (5, 3)),
        ({"max_calls": 2}, "budget_exceeded", {"class": "calls", "node": "a"}, (5, 2)),
        ({"max_visits": 2}, "budget_exceeded", {"class": "visits", "node": "a"}, (4, 2)),
    ],
)
def test_budgets(play: Play, limits: dict[str, int], status: str, failure: Any, counts: tuple[int, int]) -> None:
    loop = {"kind": "branch", "if": "$out.a == 'again'", "then": "a", "else": "e"}
    program = program_of("b", limits={"max_visits": 50, **limits}, a=call(to="b"), b=loop)
    play.start(program, {"flow_policy": 1, "tools": {"t": {"peer": "edge", "params": []}}})
    while play.state()["status"] == "running":
        play.ok("again")
    state = play.state()
    assert (state["status"], state["failure"], (state["steps"], state["calls"])) == (status, failure, counts)
