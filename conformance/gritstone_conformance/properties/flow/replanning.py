"""Successors: which flows have one, its first core, and the actor that starts it."""

from __future__ import annotations

from typing import Any, Final

from gritstone_conformance.model.flow.values import Ref
from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.flow.scene import SEALED, FlowScene, of_runs
from gritstone_conformance.properties.wit.workbench import BenchActor
from gritstone_conformance.strategies.flow_runs import call, end, policy, program
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_GIVEN: Final[dict[str, Any]] = {"x": 1, "card": Ref("card")}
_REFS: Final = {"card": SEALED, "spare": SEALED + b"2"}
_NODES: Final[dict[str, Any]] = {"a": call("b"), "b": call("c", "u", args={"x": "$out.a"}), "c": call()}
_PLAN: Final = program("b", b=call("e", args={"x": "$prior.a"}), e=end(output=["$prior.a", "$out.b"]))


def _interrupted(scene: FlowScene, **members: Any) -> FlowScene:
    """Start a flow that ends with ``budget_exceeded`` after two calls."""
    name = scene.blob(b"name")
    scene.start(program("a", {"max_calls": 2}, **_NODES), policy(**members), _GIVEN, _REFS, name=name)
    scene.ok("A", rule="step.function", usage=5)
    scene.ok(Ref("card"), rule="step.function")
    return scene


def interrupted(trial: Trial, fmt: Format) -> None:
    """Only a flow with the status ``budget_exceeded`` or ``stalled`` has a successor."""
    scene = FlowScene(trial, fmt)
    scene.start(program("a", None, **_NODES), policy(), _GIVEN, _REFS)
    scene.control("replan", program=_PLAN, rule="replan.only-interrupted")
    with scene.fork():
        scene.control("cancel", rule="step.function")
        scene.control("replan", program=_PLAN, rule="replan.only-interrupted")
    with scene.fork():
        scene.pending(rule="step.function")
        scene.control("replan", program=_PLAN, rule="replan.only-interrupted")
    scene.start(program("e"), policy(), _GIVEN, _REFS)
    scene.control("replan", program=_PLAN, rule="replan.only-interrupted")
    scene.start(program("nope"), policy(), _GIVEN, _REFS, rejected=True)
    scene.control("replan", program=_PLAN, rule="replan.only-interrupted")
    loop = {"a": call("b"), "b": {"kind": "branch", "if": "$out.a == 1", "then": "a", "else": "e"}}
    for limits in ({"max_stalled": 1, "max_visits": 9}, {"max_visits": 2}, {"max_steps": 2}, {"max_tokens": 3}):
        scene.start(program("a", {"max_visits": 9, **limits}, **loop), policy(), _GIVEN, _REFS)
        while scene.state["at"] is not None:
            scene.ok(1, rule="step.function")
        scene.control("replan", program=program("e"), rule="replan.only-interrupted")
        assert "next" in scene.entries, "the model continues"
    scene.flush()


def once(trial: Trial, fmt: Format) -> None:
    """A flow has at most one successor, and a sequence at most ``max_replans``."""
    scene = FlowScene(trial, fmt)
    for most in (0, 1, 2):
        flow = _interrupted(scene, limits={"max_replans": most, "max_calls": 2})
        for number in range(most + 1):
            plan = program("b", None, b=call(args={"x": number}))
            flow.control("replan", program=plan, rule="replan.once")
            assert ("next" in flow.entries) == (number < most), "the model counts replans"
            if number == most:
                break
            flow.control("replan", program=plan, rule="replan.once")
            flow.control("replan", program=program("e"), rule="replan.once")
            flow = flow.successor(rule="replan.carries")
            flow.read("replan.heir")
        scene.flush()


def rechecked(trial: Trial, fmt: Format) -> None:
    """A program with a defect is not sent, and the successor checks its core again."""
    scene = _interrupted(FlowScene(trial, fmt))
    plans: tuple[Any, ...] = (
        *(b"", 1, {}, {**_PLAN, "start": "nope"}, {**_PLAN, "x": 1}, program("b", b=call(tool="nope"))),
        *(program("b", b=call(args={"x": "$nope.a"})), program("b", b=call("b")), b"x" * 70_000, b"x" * 200_000, _PLAN),
    )
    for plan in plans:
        with scene.fork():
            scene.control("replan", program=plan, rule="replan.rechecked")
    packets = [scene.packet(flow=scene.actor.identity, program=target) for target in (scene.stranger, scene.blob(b"x"))]
    packets.append(scene.packet(flow=scene.actor.identity, program=scene.document(_PLAN), x=scene.stranger))
    for packet in packets:
        with scene.fork():
            scene.send("flow.replan", packet, "desk", rule="replan.rechecked")
    for sender in (*scene.peers.values(), scene.stranger):
        with scene.fork():
            scene.control("replan", sender, program=_PLAN, rule="result.sender")
    scene.control("replan", program=_PLAN, rule="replan.rechecked")
    names = {**scene.bench.executor.shelf.names(scene.entries["next"])}
    for other in ({"program": scene.document({})}, {"input": scene.document(1)}, {"carry": scene.document({})}):
        core = scene.tree(**{**names, **other})
        actor = BenchActor(scene.bench, core)
        actor.tell(core, "genesis", rule="flow.replan.rechecked")
    scene.flush()


def carries(trial: Trial, fmt: Format) -> None:
    """The first core of a successor has the parts of the flow, its outputs, and the sums of what was spent."""
    scene = FlowScene(trial, fmt)
    tools = {
        **policy()["tools"],
        "u": {"peer": "edge", "params": ["x"], "refs": ["x"], "when": "not has $tool.t or True"},
    }
    flow = _interrupted(scene, tools=tools, limits={"max_replans": 2, "max_calls": 4})
    flow.control("erase", refs=["spare"], rule="erase.asked")
    plan = program("b", {"max_calls": 1}, b=call("c", args={"x": "$prior.a"}), c=call("e", args={"x": "$out.b"}))
    flow.control("replan", "bank", program=plan, rule="replan.carries")
    later = flow.successor(rule="replan.carries")
    later.read("replan.carries")
    new = scene.tree(new=scene.blob(SEALED + b"new", ct="sealed"))
    later.ok(Ref("new"), refs=new, rule="replan.carries")
    later.control("replan", program=program("c", c=call(args={"x": ["$prior.b", "$prior.a"]})), rule="replan.carries")
    last = later.successor(rule="replan.carries")
    last.read("replan.carries")
    last.ok(1, rule="replan.carries")
    for each in (flow, later, last):
        each.query("trace", "replan.carries")
        each.replay("replay.identical")
    scene.flush()


def plain(trial: Trial, fmt: Format) -> None:
    """What the core of a flow does not have is absent from its successor."""
    scene = FlowScene(trial, fmt)
    nodes = {"a": call("e", tool="v", args={"x": 1})}
    scene.start(program("a", {"max_calls": 1, "max_tokens": 0}, **nodes), policy(), {"x": 1}, wit_query=None)
    scene.control("replan", program=program("a", a=call()), rule="replan.carries")
    later = scene.successor(rule="replan.carries")
    later.read("replan.heir")
    later.ok(1, rule="replan.carries")
    scene.flush()


def heirs(trial: Trial, fmt: Format) -> None:
    """A successor begins only with a ``flow.start`` from the flow at ``from``; each genesis leaves it planned."""
    scene = _interrupted(FlowScene(trial, fmt))
    scene.control("replan", program=_PLAN, rule="replan.rechecked")
    later, core = scene.successor(rule="replan.heir"), scene.entries["next"]
    start = later.actor.tips.pop(scene.actor.identity)
    packet = scene.packet(flow=core)
    senders = (*scene.peers.values(), scene.stranger, core)
    for sender in senders:
        with later.fork():
            later.send("flow.start", packet, sender, rule="replan.heir")
        with later.fork():
            later.send("genesis", core, sender, rule="replan.heir")
            later.send("flow.cancel", packet, sender, rule="replan.heir")
    for content in (scene.packet(flow=scene.actor.identity), scene.packet(flow=core, x=core), scene.blob(b"")):
        with later.fork():
            later.send("flow.start", content, scene.actor.identity, rule="replan.heir")
    later.query("accepts", "query.accepts")
    starters: tuple[str | bytes, ...] = ("edge", scene.stranger)
    for starter in starters:
        with later.fork():
            later.actor.head, later.actor.tips = None, {}
            later.send("genesis", core, starter, rule="replan.heir")
            later.query("state", "replan.heir")
    later.actor.tips[scene.actor.identity] = start
    later.read("replan.heir")
    later.send("flow.start", packet, scene.actor.identity, rule="replan.heir")
    later.ok("B", rule="replan.heir")
    later.send("flow.start", packet, scene.actor.identity, rule="status.absorbing")
    scene.flush()


PROPERTIES: Final = (
    *of_runs("replan/interrupted", interrupted, "replan.only-interrupted"),
    *of_runs("replan/once", once, "replan.once"),
    *of_runs("replan/rechecked", rechecked, "replan.rechecked", "result.sender"),
    *of_runs("replan/carries", carries, "replan.carries"),
    *of_runs("replan/plain", plain, "replan.carries", "replan.heir"),
    *of_runs("replan/heirs", heirs, "replan.heir", "query.accepts"),
)
