"""Rules of the whole profile that steps alone show: reports, keys, recorded calls, data, cleanups and payloads.

An implementation that claims only ``flow.executor`` is not judged by these rules.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Unpack

from gritstone_conformance.model.flow.values import Ref
from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.flow.conversation import GIVEN, REFS, Conversation
from gritstone_conformance.properties.flow.scene import SEALED, FlowScene
from gritstone_conformance.properties.wit.registry import Given, in_each_format, tape
from gritstone_conformance.strategies.flow_programs import GRAPH_TAPE, draw_graph
from gritstone_conformance.strategies.flow_runs import call, draw_policy, draw_program, end, policy, program
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Property, PropertyOptions, Trial

__all__ = ["PROPERTIES"]

_PAYLOAD: Final = SEALED[16:]
_MOST_REPAIRS: Final = 6


def _of_profile(
    name: str,
    body: Callable[..., None],
    *rules: str,
    given: Given | None = None,
    **options: Unpack[PropertyOptions],
) -> tuple[Property, ...]:
    """Return one property per format for implementations that claim ``flow``."""
    blamed = (f"flow.{rule}" for rule in rules)
    return in_each_format(f"flow/{name}", body, *blamed, given=given, features=(), once=True, **options)


def reports(trial: Trial, fmt: Format, tape: Tape) -> None:
    """A flow sends one report, in the step in which its status becomes terminal."""
    scene = FlowScene(trial, fmt)
    scene.start(draw_program(tape), draw_policy(tape), GIVEN, REFS, rule="status.report", rejected=None)
    talk = Conversation(scene, tape)
    for _ in range(tape.within(4, 12)):
        is_ended = scene.state["at"] is None
        assert len(scene.sent("flow.report")) == is_ended, "the model reports once"
        talk.say("status.report")
    scene.flush()


def rejected(trial: Trial, fmt: Format) -> None:
    """A flow with a defect of any stage sends its report and nothing else."""
    scene = FlowScene(trial, fmt)
    programs: tuple[Any, ...] = (
        *(program("nope", a=call()), program("a", a=call("nope")), program("a", a=call(args={"nope": 1}))),
        *(program("a", a=call(args={"x": "$nope.a"})), program("a", a=call("a")), {}, b"\x81", program("a", b=call())),
        *(program("a", a=call(tool="nope")), program("a", a={**call(), "width": 1})),
    )
    for whole in programs:
        scene.start(whole, policy(), GIVEN, REFS, rule="check.before-effect", rejected=True)
        sent = scene.bench.executor.shelf.mail(scene.actor.value.outbox)
        assert list(sent) == [scene.peers["edge"]], "the model sends a report"
    scene.start(
        program("a", a=call()), policy(), GIVEN, REFS, rule="check.before-effect", rejected=True, x=scene.stranger
    )
    scene.flush()


def recorded(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Each call is in the trace, also in a parallel that fails, and so is each result that is not ignored."""
    subs = {name: {"tool": "t", "args": {"x": name}, "retry": {"max_attempts": 2}} for name in ("a", "b", "c", "d")}
    nodes = {
        "p": {"kind": "parallel", "calls": subs, "next": "e", "width": tape.within(1, 4), "on_error": "l"},
        "l": call(),
    }
    scene = FlowScene(trial, fmt).start(program("p", None, **nodes), policy(), GIVEN, REFS, rule="call.recorded")
    for _ in range(12):
        flight = scene.state.get("flight", {})
        if not flight:
            break
        found = scene.call_of(tape.pick(sorted(flight)))
        attempt = int(dict(found.message.headers)["attempt"])
        way = tape.below(3)
        if way == 0:
            scene.ok("v", call=found, attempt=attempt, rule="call.recorded")
        elif way == 1:
            scene.error(call=found, attempt=attempt, retry=bool(tape.below(2)), rule="call.recorded")
        else:
            scene.pending(call=found, attempt=attempt, rule="call.recorded")
        scene.query("trace", "call.recorded")
    called = [each for each in scene.trace if each["e"] == "called"]
    assert len(called) == len(scene.calls()), "the model records each call"
    scene.flush()


def keys(trial: Trial, fmt: Format) -> None:
    """All attempts of a call have one packet; calls of other flows, nodes, subs, visits, tools or arguments differ."""
    scene = FlowScene(trial, fmt)
    subs = {name: {"tool": "t", "args": {"x": 1}} for name in ("a", "b")}
    nodes = {
        "a": call("b", args={"x": 1}, retry={"max_attempts": 3}),
        "b": {"kind": "branch", "if": "$out.a == 'again'", "then": "a", "else": "c"},
        "c": call("d", args={"x": 1}),
        "d": call("p", args={"x": 2}),
        "p": {"kind": "parallel", "calls": subs, "next": "u"},
        "u": call("e", tool="u", args={"x": 1}),
    }
    found: list[bytes] = []
    for name in ("1", "2"):
        whole = program("a", {"max_visits": 3}, **nodes)
        scene.start(whole, policy(), GIVEN, REFS, rule="call.key-stable", name=scene.blob(name.encode()))
        first = scene.calls()[0].packet
        scene.error(rule="call.key-stable")
        scene.error(rule="call.key-stable")
        assert {each.packet for each in scene.calls()} == {first}, "attempts have one key"
        for value in ("again", "v", "c", "d"):
            scene.ok(value, rule="call.key-stable")
        for key in ("a", "b"):
            scene.ok("v", call=scene.call_of(key), rule="call.key-stable")
        scene.ok("u", rule="call.key-stable")
        found += {each.packet for each in scene.calls()}
    assert len(set(found)) == len(found), "calls have their own keys"
    scene.flush()


def data_only(trial: Trial, fmt: Format) -> None:
    """Values that no expression distinguishes lead to traces that differ in digests only."""
    scene = FlowScene(trial, fmt)
    nodes = {
        "a": call("b", on_error="f"),
        "b": {"kind": "branch", "if": "has $out.a", "then": "c", "else": "f"},
        "c": call("e", tool="v", args={"x": "$out.a"}),
        "f": end("failure"),
    }
    skeletons = set()
    for value in (
        "v",
        "f",
        "c",
        1,
        None,
        ["next"],
        {"next": "f", "kind": "end"},
        "bank",
        "$input.x",
        "${input.nope}",
        "x" * 999,
    ):
        scene.start(program("a", None, **nodes), policy(), GIVEN, REFS, rule="result.data-only")
        scene.ok(value, rule="result.data-only")
        scene.ok(value, call=scene.call_of("c"), rule="result.data-only")
        scene.query("trace", "result.data-only")
        names = ("e", "node", "tool", "attempt", "taken", "status", "outcome", "usage")
        skeletons.add(str([{name: each.get(name) for name in names} for each in scene.trace]))
    assert len(skeletons) == 1, "values are data in the model"
    scene.flush()


def cleanups(trial: Trial, fmt: Format) -> None:
    """A cleanup cuts the history of a flow that ended, from a peer in ``control.cleanup``; else it is declined."""
    scene = FlowScene(trial, fmt)
    nodes = {"a": call("b"), "b": call()}
    for rules in (policy(), policy(control={"cleanup": ["bank"]}), policy(control={})):
        scene.start(program("a", {"max_calls": 1}, **nodes), rules, GIVEN, REFS)
        for sender in ("desk", "bank", scene.stranger):
            with scene.fork():
                scene.send("cleanup", scene.blob(b""), sender, rule="start.cleanup")
        scene.ok(1, rule="status.report")
        for sender in ("desk", "bank", scene.stranger):
            with scene.fork():
                scene.send("cleanup", scene.blob(b""), sender, rule="start.cleanup")
                scene.query("trace", "start.cleanup")
    for extra in ({}, {"extra": scene.stranger}):
        scene.start(program("nope", a=call()), policy(), GIVEN, REFS, rule="start.cleanup", rejected=True, **extra)
        scene.send("cleanup", scene.blob(b""), "desk", rule="start.cleanup")
    scene.flush()


def reachable(trial: Trial, fmt: Format, tape: Tape) -> None:
    """A flow enters ``start`` and nodes to which an edge leads from the one that it leaves, and none after an end."""
    scene = FlowScene(trial, fmt)
    draft = draw_graph(tape)
    whole = {**draft.program, "limits": {"max_visits": 3, "max_steps": 12}}
    rules = policy(tools={"t": {"peer": "edge", "params": ["v"]}})
    for _ in range(_MOST_REPAIRS):
        scene.start(whole, rules, {}, rule="check.static-is-dynamic", rejected=None)
        if scene.state["status"] != "rejected":
            break
        whole = _repaired(whole, scene.state["log"][0]["defects"])
    for _ in range(8):
        flight = scene.state.get("flight", {})
        if not flight:
            break
        found = scene.call_of(sorted(flight)[0])
        if tape.below(2):
            scene.ok(tape.below(9), call=found, rule="check.static-is-dynamic")
        else:
            scene.error(call=found, retry=False, rule="check.static-is-dynamic")
    scene.query("trace", "check.static-is-dynamic")
    scene.flush()


def _repaired(whole: dict[str, Any], defects: list[list[str]]) -> dict[str, Any]:
    """Return a drawn program with fewer defects of its graph."""
    nodes: dict[str, Any] = dict(whole["nodes"])
    if ["", "no-exit"] in defects:
        start = nodes[whole["start"]]
        way = "else" if start["kind"] == "branch" else "on_error"
        return {**whole, "nodes": {**nodes, whole["start"]: {**start, way: "e"}}}
    for at, code in defects:
        node = nodes.pop(at)
        if code != "unreachable":
            nodes[at] = {name: each for name, each in node.items() if name != "guards"}
    return {**whole, "nodes": nodes}


def payloads(trial: Trial, fmt: Format) -> None:
    """The payload of a sealed blob is in no other object, whatever a program does with its ref."""
    scene = FlowScene(trial, fmt)
    args = {"x": "$input.x", "card": [Ref("card"), "$input.card"]}
    nodes = {
        "a": call("w", args=args),
        "w": {"kind": "wait", "event": "go", "next": "e"},
        "e": end(output=["$input.card", "$out.a"]),
    }
    scene.start(program("a", None, **nodes), policy(), GIVEN, REFS, rule="secret.by-ref")
    new = scene.tree(new=scene.blob(SEALED + b"new", ct="sealed"))
    scene.ok([Ref("card"), Ref("new")], refs=new, rule="secret.by-ref")
    scene.control("erase", refs=["card"], rule="secret.by-ref")
    scene.event(Ref("spare"), rule="secret.by-ref")
    for name in ("state", "trace", "accepts"):
        scene.query(name, "secret.by-ref")
    objects = scene.bench.pair.model.objects.values()
    holders = [data for data in objects if data is not None and _PAYLOAD in data]
    assert all(b"sealed" in data for data in holders), "the payload is in sealed blobs only"
    scene.flush()


PROPERTIES: Final = (
    *_of_profile("status/reports", reports, "status.report", given=tape(300), examples=15),
    *_of_profile("check/before-effect", rejected, "check.before-effect"),
    *_of_profile("call/recorded", recorded, "call.recorded", given=tape(60), examples=10),
    *_of_profile("call/keys", keys, "call.key-stable"),
    *_of_profile("result/data-only", data_only, "result.data-only"),
    *_of_profile("start/cuts", cleanups, "start.cleanup"),
    *_of_profile("check/reachable", reachable, "check.static-is-dynamic", given=tape(GRAPH_TAPE), examples=25),
    *_of_profile("secret/payloads", payloads, "secret.by-ref"),
)
