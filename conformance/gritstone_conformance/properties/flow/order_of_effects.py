"""Orders and numbers that effects depend on: which argument is denied, what a step finds, what a check skips."""

from __future__ import annotations

from typing import Any, Final

from gritstone_conformance.model.flow.values import Ref, digest
from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.flow.asking import checking, of_flows
from gritstone_conformance.properties.flow.measuring import MEASURES, measuring
from gritstone_conformance.properties.flow.scene import SEALED, FlowScene, Outgoing, of_runs
from gritstone_conformance.strategies.flow_programs import smallest
from gritstone_conformance.strategies.flow_runs import TOOLS, call, policy, program
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_GIVEN: Final[dict[str, Any]] = {"x": 1, "card": Ref("card")}
_REFS: Final = {"card": SEALED, "spare": SEALED + b"2"}
_ONE_PEER: Final[dict[str, Any]] = policy(
    timer="edge",
    agent="edge",
    eraser="edge",
    control={name: ["edge"] for name in ("cancel", "erase", "replan", "cleanup")},
    tools={name: {**tool, "peer": "edge"} for name, tool in TOOLS.items()},
)
"""A policy in which one peer has all roles, so that a step reads its messages in the order in which it sent them."""


def timed(trial: Trial) -> None:
    """A delay without a timer is a defect also if there is only one attempt, and one of 0 is none."""
    for attempts in (1, 2):
        for delay in (0, 1, 5):
            retry = {"max_attempts": attempts, "backoff_ms": delay}
            subs = {"c": {"tool": "t", "args": {}, "retry": retry}}
            drafts = [smallest(s=call(retry=retry)), smallest(s={"kind": "parallel", "calls": subs, "next": "e"})]
            trial.expect_many([checking(draft) for draft in drafts])


def parameters(trial: Trial) -> None:
    """An argument may have any text as its name: if the tool does not have it, it is unknown, not of another form."""
    for name in ("", "x" * 64, "x" * 65, "x" * 1_000, "\u00e9" * 33):
        trial.expect_many([checking(smallest(s=call(args={name: 1})))])


def skipped(trial: Trial) -> None:
    """An unknown target of a sub skips the check of the graph as one of a node does."""
    subs = {"c": {"tool": "t", "args": {}, "depends_on": ["nope"]}}
    parallel = {"kind": "parallel", "calls": subs, "next": "e"}
    loop = {"a": call("b"), "b": call("a")}
    drafts = [smallest(s=parallel, unreached=call()), smallest(s=parallel, **loop)]
    drafts += [smallest(s={**parallel, "guards": ["gone.then"]}), smallest(s=call("nope"), unreached=call())]
    trial.expect_many([checking(draft) for draft in drafts])


def denied(trial: Trial, fmt: Format) -> None:
    """The first argument in the order of keys decides why a call is denied, not the first parameter of its tool."""
    scene = FlowScene(trial, fmt)
    for params in (["b", "a"], ["a", "b"]):
        for allowed in ("a", "b"):
            tools = {"t": {"peer": "edge", "params": params, "refs": [allowed]}}
            nodes = {
                "w": {"kind": "wait", "event": "go", "next": "a"},
                "a": call(args={"b": "$input.card", "a": "$input.card"}),
            }
            scene.start(program("w", **nodes), {**_ONE_PEER, "tools": tools}, _GIVEN, _REFS)
            scene.control("erase", "edge", refs=["card"], rule="erase.asked")
            scene.event(sender="edge", rule="policy.refs")
    scene.flush()


def _error(scene: FlowScene, of: Outgoing, attempt: int = 1, *, retry: bool = True) -> bytes:
    members = {"attempt": attempt, "outcome": "error", "error": {"class": "no", "retry": retry}}
    return scene.packet(members, request=of.packet)


def _ok(scene: FlowScene, of: Outgoing) -> bytes:
    return scene.packet({"attempt": 1, "outcome": "ok", "value": 1}, request=of.packet)


def erased_between(trial: Trial, fmt: Format) -> None:
    """In one step, an attempt before an erase is made, and one after it is denied."""
    scene = FlowScene(trial, fmt)
    node = call(args={"x": "$input.card"}, retry={"max_attempts": 4})
    scene.start(program("a", a=node), _ONE_PEER, _GIVEN, _REFS)
    to = scene.calls()[-1]
    scene.queue("flow.result", _error(scene, to))
    scene.queue("flow.erase", scene.control_packet(refs=["card"]))
    scene.queue("flow.result", _error(scene, to, 2))
    scene.read("erase.denied")
    assert "denied" in scene.log, f"the model logs {scene.log}"
    scene.flush()


def look_alike(trial: Trial, fmt: Format) -> None:
    """A receipt about a message with the packet of a call that the flow did not send is about no call."""
    scene = FlowScene(trial, fmt).start(program("a", a=call()), _ONE_PEER, _GIVEN, _REFS)
    to = scene.calls()[-1]
    with scene.fork():
        scene.queue("note", scene.blob(b""), scene.stranger)
        other = scene.queue("flow.call", to.packet, scene.stranger, attempt="1")
    scene.send("receipt", scene.blob(b""), "edge", rule="step.ignored", reply=other.hex())
    assert scene.log == ["unknown-request"], f"the model logs {scene.log}"
    scene.flush()


def stopped(trial: Trial, fmt: Format) -> None:
    """If a parallel stops, its calls in a delay fail in the order of keys, whatever the order of their delays was."""
    scene = FlowScene(trial, fmt)
    retry = {"max_attempts": 3, "backoff_ms": 7}
    subs = {
        "z": {"tool": "t", "args": {"x": 1}, "retry": retry},
        "a": {"tool": "t", "args": {"x": 2}, "retry": retry, "depends_on": ["k"]},
        "k": {"tool": "t", "args": {"x": 3}},
        "m": {"tool": "t", "args": {"x": 4}},
    }
    parallel = {"kind": "parallel", "calls": subs, "next": "e"}
    scene.start(program("p", p=parallel), _ONE_PEER, _GIVEN, _REFS)
    k, m, z = (scene.call_of(sub) for sub in ("k", "m", "z"))
    with scene.fork():
        scene.send("flow.result", _ok(scene, k), rule="step.fold")
        a = scene.call_of("a")
    for delayed in ((a, z), (z, a)):
        packets = [_ok(scene, k), *(_error(scene, each) for each in delayed), _error(scene, m, retry=False)]
        with scene.fork():
            for packet in packets:
                scene.queue("flow.result", packet)
            scene.read("step.fold")
    scene.flush()


def many_erased(trial: Trial, fmt: Format) -> None:
    """An erase of 100 names makes one request, and the answer to it is not ignored."""
    scene = FlowScene(trial, fmt)
    names = [f"r{number:03}" for number in range(100)]
    scene.start(program("a", a=call()), _ONE_PEER, {"x": 1}, {name: SEALED + name.encode() for name in names})
    scene.control("erase", "edge", refs=names, rule="erase.asked")
    scene.send("flow.erased", scene.packet(request=scene.sent("flow.erase")[-1].packet), "edge", rule="step.ignored")
    assert scene.log == ["gone"], f"the model logs {scene.log}"
    scene.flush()


def places(trial: Trial) -> None:
    """Calls of two nodes are two calls also if their subs have one name, and so are two subs of one node."""
    value = digest(1)
    for first, second in (("p.a", "q.a"), ("p.a", "p.b"), ("p.a", "a"), ("p", "q"), ("p.a", "p.a")):
        sites = [dict(zip(("node", "sub"), each.split("."), strict=False)) for each in (first, second)]
        called = [
            {"e": "called", **site, "tool": "t", "attempt": 1, "args": digest(at)} for at, site in enumerate(sites)
        ]
        settled = {"e": "settled", "attempt": 1, "outcome": "ok", "usage": 1, "value": value}
        trial.expect_many([measuring([*called, *({**settled, **site} for site in sites)], [], "metric.formula")])


PROPERTIES: Final = (
    of_flows("order/timed", timed, "check.defects"),
    of_flows("order/parameters", parameters, "check.defects"),
    of_flows("order/skipped", skipped, "check.defects"),
    of_flows("order/places", places, "metric.formula", requires=MEASURES),
    *of_runs("order/denied", denied, "policy.refs", "erase.asked", "erase.denied"),
    *of_runs("order/erased-between", erased_between, "erase.denied"),
    *of_runs("order/look-alike", look_alike, "step.ignored"),
    *of_runs("order/stopped", stopped, "step.fold", "step.function"),
    *of_runs("order/many-erased", many_erased, "erase.asked", "step.ignored"),
)
