"""Counters where two things meet: reserves of attempts that are not current, and limits that are reached at once."""

from __future__ import annotations

from itertools import combinations
from typing import Any, Final

from gritstone_conformance.model.flow.values import Ref
from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.flow.scene import SEALED, FlowScene, of_runs
from gritstone_conformance.properties.wit.workbench import BenchActor
from gritstone_conformance.strategies.flow_runs import TOOLS, call, end, policy, program
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_GIVEN: Final[dict[str, Any]] = {"x": 1, "card": Ref("card")}
_REFS: Final = {"card": SEALED, "spare": SEALED + b"2"}
_COSTLY: Final = policy(tools={name: {**tool, "cost": 9} for name, tool in TOOLS.items()})


def reserves(trial: Trial, fmt: Format) -> None:
    """The reserve is freed once: for a late result, a pending one, a receipt, and a timeout, of a node and of a sub."""
    scene, rule = FlowScene(trial, fmt), "budget.tokens"
    work: dict[str, Any] = {"tool": "t", "args": {}, "timeout_ms": 5, "retry": {"max_attempts": 3, "backoff_ms": 7}}
    other = {"tool": "v", "args": {"x": 1}}
    for node in (call(**work), {"kind": "parallel", "calls": {"s": work, "z": other}, "next": "e"}):
        scene.start(program("a", a=node), _COSTLY, _GIVEN, _REFS, rule=rule)
        first, key = scene.call_of("s" if "calls" in node else "a"), "s" if "calls" in node else "a"
        for is_timeout in (False, True):
            with scene.fork():
                if is_timeout:
                    scene.fire(rule=rule)
                else:
                    scene.error(call=first, rule=rule)
                with scene.fork():
                    scene.ok(1, call=first, rule=rule)
                with scene.fork():
                    scene.receipt(call=first, rule=rule)
                scene.fire(rule=rule)
                with scene.fork():
                    scene.ok(1, call=first, usage=4, rule=rule)
                with scene.fork():
                    scene.pending(call=scene.call_of(key), rule=rule)
                    scene.ok(1, call=first, rule=rule)
        for usage in (None, 0, 12):
            with scene.fork():
                scene.pending(call=first, rule=rule)
                scene.ok(1, call=first, rule=rule, **({} if usage is None else {"usage": usage}))
        scene.pending(call=first, rule=rule)
        scene.error(call=first, rule=rule)
        scene.control("cancel", rule=rule)
    scene.flush()


_LIMITS: Final = ("max_stalled", "max_visits", "max_steps", "max_calls", "max_tokens")
_RULES: Final = dict(zip(_LIMITS, ("stalled", "visits", "steps", "calls", "tokens"), strict=True))


def precedence(trial: Trial, fmt: Format) -> None:
    """If two limits are reached at once, the flow ends with the first in the order of the chapter."""
    scene = FlowScene(trial, fmt)
    loop = {
        "a": call("b", tool="v", args={"x": 1}),
        "b": {"kind": "branch", "if": "$out.a == 1", "then": "a", "else": "e"},
    }
    reached = {"max_stalled": 1, "max_visits": 1, "max_steps": 2, "max_calls": 1, "max_tokens": 5}
    for one, other in combinations(_LIMITS, 2):
        rule = f"budget.{_RULES[one]}"
        for extra in (0, 1):
            limits = {"max_visits": 9, "max_stalled": 50, **{name: reached[name] + extra for name in (one, other)}}
            if limits["max_visits"] == 1:
                continue
            scene.start(program("a", limits, **loop), _COSTLY, _GIVEN, _REFS, rule=rule)
            for _ in range(6):
                if scene.state["at"] is None:
                    break
                scene.ok(1, usage=5, rule=rule)
    pairs = ({"max_visits": 2, "max_stalled": 2}, {"max_visits": 2, "max_steps": 4}, {"max_stalled": 2, "max_steps": 6})
    for pair in pairs:
        rule, limits = f"budget.{_RULES[min(pair, key=_LIMITS.index)]}", {"max_visits": 9, "max_stalled": 50, **pair}
        scene.start(program("a", limits, **loop), _COSTLY, _GIVEN, _REFS, rule=rule)
        while scene.state["at"] is not None:
            scene.ok(1, usage=5, rule=rule)
    scene.flush()


def denials(trial: Trial, fmt: Format) -> None:
    """A call that is denied or cannot be rendered fails as such, also if a limit is reached; a retry that is, too."""
    scene = FlowScene(trial, fmt)
    bad: tuple[dict[str, Any], ...] = (
        *(call("e", tool="v", args={"y": 1}, on_error="e"), call("e", args={"x": "$input.nope"}, on_error="e")),
        *(call("e", tool="v", args={"x": "$input.card"}, on_error="e"), call("e", on_error="e")),
    )
    rules = {**_COSTLY, "tools": {**_COSTLY["tools"], "v": {**_COSTLY["tools"]["v"], "when": "$args.x == 7"}}}
    for limits in ({"max_calls": 1}, {"max_tokens": 9}):
        rule = "budget.calls" if "max_calls" in limits else "budget.tokens"
        for node in bad:
            scene.start(program("a", limits, a=call("b"), b=node), rules, _GIVEN, _REFS, rule=rule)
            scene.ok(1, usage=9, rule=rule)
            assert scene.state["at"] is None, "the flow ends"
    scene.flush()


def subs(trial: Trial, fmt: Format) -> None:
    """The first attempt of a sub is a step and a retry is none; calls and tokens are compared before steps."""
    scene, rule = FlowScene(trial, fmt), "budget.steps"
    work = {"tool": "t", "args": {}, "retry": {"max_attempts": 3}}
    node = {"kind": "parallel", "calls": {"a": work, "b": {**work, "depends_on": ["a"]}}, "next": "e"}
    for steps in (1, 2, 3, 4):
        for more in ({}, {"max_calls": steps - 1}, {"max_tokens": 9 * (steps - 1)}, {"max_calls": 3}):
            limits = {"max_steps": steps, **{name: max(each, 1) for name, each in more.items()}}
            scene.start(program("p", limits, p=node), _COSTLY, _GIVEN, _REFS, rule=rule)
            for way in ("error", "error", "ok", "error", "ok"):
                if scene.state["at"] is None:
                    break
                if way == "ok":
                    scene.ok(1, usage=9, rule=rule)
                else:
                    scene.error(rule=rule)
    scene.flush()


def moves(trial: Trial, fmt: Format) -> None:
    """Each message of a step may enter 1,000 nodes, also if one before has entered some; ``moves`` is first."""
    scene, rule = FlowScene(trial, fmt), "budget.moves"
    wait = {"kind": "wait", "event": "go"}
    loop = {
        "w": {**wait, "next": "x"},
        "x": {"kind": "branch", "if": "$out.w == 'on'", "then": "y", "else": "w"},
        "y": {"kind": "branch", "if": "$out.w == 'on'", "then": "x", "else": "e"},
    }
    limits = {"max_visits": 10_000, "max_steps": 10_000, "max_stalled": 1_000}
    scene.start(program("w", limits, **loop), policy(), _GIVEN, _REFS, rule=rule)
    with scene.fork():
        for number in range(1, 4):
            scene.queue("flow.event", scene.event_packet("off", visit=number), "desk")
        scene.queue("flow.event", scene.event_packet("on", visit=4), "desk")
        scene.read(rule)
        assert scene.state["failure"]["class"] == "moves", "the flow is not stalled"
    scene.start(program("w", {**limits, "max_stalled": 999}, **loop), policy(), _GIVEN, _REFS, rule=rule)
    scene.event("on", rule=rule)
    scene.flush()


def places(trial: Trial, fmt: Format) -> None:
    """A sub that is pending or in a backoff occupies its place."""
    scene, rule = FlowScene(trial, fmt), "par.order"
    work = {"tool": "t", "args": {}, "retry": {"max_attempts": 2, "backoff_ms": 3}}
    node = {"kind": "parallel", "calls": dict.fromkeys("abcd", work), "next": "e", "width": 2}
    scene.start(program("p", p=node), policy(), _GIVEN, _REFS, rule=rule)
    scene.pending(call=scene.call_of("a"), rule=rule)
    scene.error(call=scene.call_of("b"), rule=rule)
    assert len(scene.calls()) == 2, "both places are occupied"
    with scene.fork():
        scene.ok(1, call=scene.call_of("b"), rule=rule)
    scene.fire(rule=rule)
    scene.ok(1, call=scene.call_of("b"), rule=rule)
    scene.ok(1, call=scene.call_of("a"), rule=rule)
    scene.flush()


def late_timers(trial: Trial, fmt: Format) -> None:
    """A timer of a sub that ended is ignored while another sub is open, after each way to end."""
    scene, rule = FlowScene(trial, fmt), "timeout.race"
    work = {"tool": "t", "args": {}, "timeout_ms": 5, "optional": True, "retry": {"max_attempts": 2, "backoff_ms": 7}}
    node = {"kind": "parallel", "calls": {"s": work, "z": {"tool": "t", "args": {}}}, "next": "e"}
    scene.start(program("p", p=node), policy(), _GIVEN, _REFS, rule=rule)
    first, timer = scene.call_of("s"), scene.sent("flow.timer")[-1]
    with scene.fork():
        scene.ok(1, call=first, rule=rule)
        scene.fire(timer=timer, rule=rule)
    with scene.fork():
        scene.error(call=first, retry=False, rule=rule)
        scene.fire(timer=timer, rule=rule)
    scene.error(call=first, rule=rule)
    backoff = scene.sent("flow.timer")[-1]
    scene.fire(timer=timer, rule=rule)
    scene.ok(1, call=first, rule=rule)
    scene.fire(timer=backoff, rule=rule)
    scene.flush()


def phases(trial: Trial, fmt: Format) -> None:
    """A call that was pending and is tried again is running; a value that is not allowed adds no refs and no fact."""
    scene = FlowScene(trial, fmt)
    retry = {"max_attempts": 3}
    scene.start(program("a", a=call(retry=retry)), policy(), _GIVEN, _REFS, rule="status.suspended")
    scene.pending(rule="status.suspended")
    scene.error(rule="status.suspended")
    scene.pending(rule="status.suspended")
    new = scene.tree(new=scene.blob(SEALED + b"n", ct="sealed"))
    nodes = {"a": call("b", one_of=["yes"], on_error="b"), "b": call()}
    scene.start(program("a", **nodes), policy(), _GIVEN, _REFS, rule="result.refs")
    for value in (Ref("new"), Ref("card"), "no", "yes"):
        with scene.fork():
            scene.ok(value, refs=new, rule="result.refs")
            scene.query("accepts", "query.accepts")
    scene.flush()


def outputs(trial: Trial, fmt: Format) -> None:
    """A node that fails keeps the output of its visit before."""
    scene, rule = FlowScene(trial, fmt), "step.function"
    nodes = {
        "a": call("b", on_error="c"),
        "b": {"kind": "branch", "if": "$out.a == 1", "then": "a", "else": "e"},
        "c": {"kind": "branch", "if": "has $out.a", "then": "e", "else": "f"},
        "f": end("failure"),
        "e": end(output="$out.a"),
    }
    scene.start(program("a", {"max_visits": 3}, **nodes), policy(), _GIVEN, _REFS, rule=rule)
    with scene.fork():
        scene.error(retry=False, rule=rule)
    scene.ok(1, rule=rule)
    scene.error(retry=False, rule=rule)
    scene.flush()


def exits(trial: Trial, fmt: Format) -> None:
    """A limit that a retry reaches ends the flow, also if the node has ``on_error``."""
    scene, rule = FlowScene(trial, fmt), "step.exits"
    for retry in ({"max_attempts": 3}, {"max_attempts": 3, "backoff_ms": 7}):
        node = call("e", retry=retry, on_error="f")
        scene.start(program("a", {"max_calls": 1}, a=node, f=end("failure")), policy(), _GIVEN, _REFS, rule=rule)
        scene.error(rule=rule)
        if "backoff_ms" in retry:
            scene.fire(rule=rule)
        assert scene.state["status"] == "budget_exceeded", "on_error is for failures"
    scene.flush()


def without_eraser(trial: Trial, fmt: Format) -> None:
    """An erase is recorded, also if the policy has no eraser; no answer is expected then."""
    scene, rule = FlowScene(trial, fmt), "erase.appended"
    scene.start(program("a", a=call(args={"x": "$input.card"})), policy(eraser=...), _GIVEN, _REFS, rule=rule)
    scene.control("erase", refs=["card"], rule=rule)
    scene.query("accepts", "query.accepts")
    packet = scene.packet({"flow": 1, "refs": ["card"]}, flow=scene.actor.identity)
    scene.send("flow.erased", scene.packet(request=packet), "desk", rule=rule)
    scene.control("cancel", rule=rule)
    scene.control("erase", refs=["card", "spare"], rule=rule)
    scene.flush()


def requests(trial: Trial, fmt: Format) -> None:
    """A request to erase of any names that are in ``erased`` is known, with exactly their blobs."""
    scene, rule = FlowScene(trial, fmt), "step.ignored"
    scene.start(program("a", a=call()), policy(), _GIVEN, _REFS, rule=rule)
    refs = dict(scene.bench.executor.shelf.names(scene.entries["refs"]))
    scene.control("erase", refs=["card"], rule=rule)
    lists: tuple[list[str], ...] = (["card", "spare"], ["spare"], ["card"], ["spare", "card"], ["card", "card"], [])
    for _ in range(2):
        for names in lists:
            for blobs in (names, ["card"], ["card", "spare"]):
                tree = {"refs": scene.tree(**{name: refs[name] for name in blobs})} if blobs else {}
                packet = scene.packet({"flow": 1, "refs": names}, flow=scene.actor.identity, **tree)
                with scene.fork():
                    scene.send("flow.erased", scene.packet(request=packet), "desk", rule=rule)
        scene.control("erase", refs=["spare"], rule=rule)
    scene.flush()


def starters(trial: Trial, fmt: Format) -> None:
    """The starter is the sender of the genesis message, but that of the first core of a successor without ``core``."""
    scene, rule = FlowScene(trial, fmt).start(program("e"), policy(), _GIVEN, _REFS), "step.function"
    carry = scene.document({"calls": 0, "replans": 1, "steps": 0, "tokens": 0})
    heir = {"from": scene.actor.identity, "carry": carry, "starter": scene.peers["bank"]}
    cores: tuple[dict[str, Any], ...] = (
        *({}, heir, {**heir, "x": carry}, {"starter": scene.peers["bank"]}, {**heir, "carry": scene.document(1)}),
        *({"x": carry}, {**heir, "starter": carry}),
    )
    for start in ("e", "nope"):
        for entries in cores:
            core = scene.first_core(program(start), policy(), _GIVEN, _REFS, **entries)
            for sender in ("edge", "clock", "desk"):
                scene.actor = BenchActor(scene.bench, core)
                scene.send("genesis", core, sender, rule=rule)
    scene.flush()


PROPERTIES: Final = (
    *of_runs("counted/reserves", reserves, "budget.tokens"),
    *of_runs("counted/precedence", precedence, *(f"budget.{each}" for each in _RULES.values())),
    *of_runs("counted/denials", denials, "budget.calls", "budget.tokens"),
    *of_runs("counted/subs", subs, "budget.steps"),
    *of_runs("counted/moves", moves, "budget.moves"),
    *of_runs("counted/places", places, "par.order"),
    *of_runs("counted/late-timers", late_timers, "timeout.race"),
    *of_runs("counted/phases", phases, "status.suspended", "result.refs", "query.accepts"),
    *of_runs("counted/outputs", outputs, "step.function"),
    *of_runs("counted/exits", exits, "step.exits"),
    *of_runs("counted/without-eraser", without_eraser, "erase.appended", "query.accepts"),
    *of_runs("counted/requests", requests, "step.ignored"),
    *of_runs("counted/starters", starters, "step.function"),
)
