"""Crossings: two things happen to a flow in one step, or one thing happens while another is open."""

from __future__ import annotations

from itertools import product
from typing import Any, Final

from gritstone_conformance.model.flow.values import Ref
from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.flow.scene import SEALED, FlowScene, Outgoing, of_runs
from gritstone_conformance.strategies.flow_runs import TOOLS, call, end, policy, program
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_GIVEN: Final[dict[str, Any]] = {"x": 1, "card": Ref("card")}
_REFS: Final = {"card": SEALED, "spare": SEALED + b"2"}
_PLAN: Final = program("z", z=call(args={"x": "$prior.a"}))
_WAIT: Final[dict[str, Any]] = {"kind": "wait", "event": "go", "next": "e"}
_ONE: Final = policy(
    timer="edge",
    agent="edge",
    eraser="edge",
    events={"go": ["edge"]},
    control={name: ["edge"] for name in ("cancel", "erase", "replan", "cleanup")},
)
"""A policy in which one peer has every role, so that its messages are read in the order in which they were sent."""

_Said = tuple[str, bytes, dict[str, str]]


def _result(scene: FlowScene, members: dict[str, Any], to: Outgoing | None = None, **entries: bytes) -> _Said:
    """Return a result for a call, by default the newest, as the arguments of ``queue``."""
    found = scene.calls()[-1] if to is None else to
    attempt = int(dict(found.message.headers)["attempt"])
    packet = scene.packet({"attempt": attempt, **members}, request=found.packet, **entries)
    return "flow.result", packet, {}


def _ok(scene: FlowScene, value: Any = 1, to: Outgoing | None = None, **entries: bytes) -> _Said:
    return _result(scene, {"outcome": "ok", "value": value}, to, **entries)


def _error(scene: FlowScene, to: Outgoing | None = None) -> _Said:
    return _result(scene, {"outcome": "error", "error": {"class": "no", "retry": True}}, to)


def _fired(scene: FlowScene, timer: Outgoing | None = None) -> _Said:
    found = scene.sent("flow.timer")[-1] if timer is None else timer
    return "flow.fired", scene.packet(timer=found.packet), {}


def _receipt(scene: FlowScene, call: Outgoing) -> _Said:
    return "receipt", scene.blob(b""), {"reply": call.identity.hex()}


def _control(scene: FlowScene, name: str, **more: Any) -> _Said:
    return f"flow.{name}", scene.control_packet(**more), {}


def _tell(scene: FlowScene, rule: str, *said: _Said) -> None:
    """Send messages of the one peer, first all in one step and then each in a step of its own; ends where it began."""
    with scene.fork():
        for mt, content, headers in said:
            scene.queue(mt, content, **headers)
        scene.read(rule)
        scene.query("accepts", "query.accepts")
    with scene.fork():
        for mt, content, headers in said:
            scene.send(mt, content, rule=rule, **headers)


def _both(scene: FlowScene, rule: str, one: _Said, other: _Said) -> None:
    """Send two messages in both orders, together and apart."""
    _tell(scene, rule, one, other)
    _tell(scene, rule, other, one)


def _tools(**members: Any) -> dict[str, Any]:
    """Return the tools, all of the one peer."""
    return {name: {**tool, "peer": "edge", **members} for name, tool in TOOLS.items()}


def results_and_ends(trial: Trial, fmt: Format) -> None:
    """A result with a timeout, a cancel, an erase, a receipt or another result, in both orders."""
    scene = FlowScene(trial, fmt)
    rules = {**_ONE, "tools": _tools()}
    for retry in (None, {"max_attempts": 2}, {"max_attempts": 3, "backoff_ms": 7}):
        work: dict[str, Any] = {"timeout_ms": 50, **({"retry": retry} if retry else {})}
        nodes = {"a": call("b", args={"x": "$input.card"}, on_error="b", **work), "b": call(args={"x": "$input.card"})}
        scene.start(program("a", None, **nodes), rules, _GIVEN, _REFS, rule="step.fold")
        sent = scene.calls()[-1]
        others: tuple[tuple[str, _Said], ...] = (
            *(("timeout.race", _fired(scene)), ("step.fold", _control(scene, "cancel"))),
            *(("erase.denied", _control(scene, "erase", refs=["card"])), ("step.ignored", _error(scene))),
            *(("step.ignored", _receipt(scene, sent)), ("timeout.pending", _result(scene, {"outcome": "pending"}))),
            *(("result.malformed", _result(scene, {"outcome": "x"})), ("result.refs", _ok(scene, Ref("nope")))),
        )
        results = (_ok(scene), _error(scene), _result(scene, {"outcome": "pending"}))
        for (rule, other), result in product(others, results):
            _both(scene, rule, result, other)
    scene.flush()


def retries(trial: Trial, fmt: Format) -> None:
    """While an attempt is in a backoff: an old result, its timer, an erase, a cancel, a receipt and a late timeout."""
    scene = FlowScene(trial, fmt)
    work: dict[str, Any] = {
        "timeout_ms": 50,
        "retry": {"max_attempts": 3, "backoff_ms": 7},
        "args": {"x": "$input.card"},
    }
    for tools in (_tools(), _tools(cost=9)):
        for sub in (False, True):
            node = {"kind": "parallel", "calls": {"s": {"tool": "t", **work}}, "next": "e"} if sub else call(**work)
            limits = {"max_calls": 2, "max_tokens": 20}
            scene.start(program("a", limits, a=node), {**_ONE, "tools": tools}, _GIVEN, _REFS, rule="timeout.race")
            first = scene.calls()[-1]
            others: tuple[tuple[str, _Said], ...] = (
                *(("result.first-wins", _ok(scene, 1, first)), ("step.ignored", _error(scene, first))),
                *(("timeout.race", _fired(scene)), ("erase.denied", _control(scene, "erase", refs=["card"]))),
                *(("step.fold", _control(scene, "cancel")), ("step.ignored", _receipt(scene, first))),
            )
            scene.error(rule="retry.schedule")
            for rule, other in others:
                _both(scene, rule, other, _fired(scene))
            scene.fire(rule="retry.schedule")
            for rule, other in (*others, ("timeout.race", _fired(scene)), ("result.first-wins", _ok(scene))):
                _both(scene, rule, other, _error(scene))
            scene.error(rule="retry.schedule")
            scene.fire(rule="budget.calls")
    scene.flush()


def plans_with_results(trial: Trial, fmt: Format) -> None:
    """A replan right behind the result that ends the flow: the successor has its refs, facts and what was erased."""
    scene = FlowScene(trial, fmt)
    tools = {**_tools(), "u": {"peer": "edge", "params": ["x"], "refs": ["x"], "when": "not has $tool.t or True"}}
    limits = {"max_replans": 1, "max_calls": 4}
    new = {"new": scene.blob(SEALED + b"new", ct="sealed")}
    for erased in ([], ["card"], ["new"]):
        nodes = {"a": call("b"), "b": call("c", "u"), "c": call()}
        rules = {**_ONE, "tools": tools, "limits": limits}
        scene.start(program("a", {"max_calls": 1}, **nodes), rules, _GIVEN, _REFS, rule="replan.carries")
        result, plan = _ok(scene, Ref("new"), refs=scene.tree(**new)), _control(scene, "replan", program=_PLAN)
        erase = [_control(scene, "erase", refs=erased)] if erased else []
        _tell(scene, "replan.carries", plan, result, *erase, plan, result, plan)
        for mt, content, headers in (result, *erase, plan):
            scene.queue(mt, content, **headers)
        scene.read("replan.carries")
        assert "next" in scene.entries, "the model continues"
        later = scene.successor(rule="replan.carries")
        later.read("replan.heir")
        later.control("erase", "edge", refs=["new"], rule="erase.asked")
    scene.flush()


def late_for_successors(trial: Trial, fmt: Format) -> None:
    """A result that comes after the replan belongs to neither flow; a successor can be erased while it is planned."""
    scene = FlowScene(trial, fmt)
    subs = {name: {"tool": "t", "args": {"x": 1}, "optional": True} for name in ("a", "b", "c")}
    rules = {**_ONE, "tools": _tools(), "limits": {"max_replans": 2, "max_calls": 9}}
    nodes = {"p": {"kind": "parallel", "calls": subs, "next": "e"}}
    scene.start(program("p", {"max_calls": 2}, **nodes), rules, _GIVEN, _REFS, rule="replan.only-interrupted")
    plan, calls = _control(scene, "replan", program=program("e")), scene.calls()
    scene.control("replan", "edge", program=program("e"), rule="replan.only-interrupted")
    _tell(scene, "replan.only-interrupted", plan, _ok(scene, 1, calls[0]), plan, _ok(scene, 2, calls[1]), plan)
    for found in calls:
        scene.ok(1, call=found, rule="par.stop")
    late = [_ok(scene, 3, found) for found in calls]
    _tell(scene, "status.absorbing", *late, plan, *late)
    scene.control("replan", "edge", program=_PLAN, rule="replan.carries")
    later = scene.successor(rule="replan.carries")
    erase = _control(later, "erase", refs=["card"])
    for first in (late[0], erase, _control(later, "cancel"), _control(later, "replan", program=_PLAN)):
        with later.fork():
            later.send(first[0], first[1], rule="step.ignored")
            later.query("accepts", "query.accepts")
            later.read("replan.heir")
            later.send(*late[1][:2], rule="step.ignored")
    scene.flush()


def visits(trial: Trial, fmt: Format) -> None:
    """In a second visit, the results, timers and events of the first one are ignored."""
    scene = FlowScene(trial, fmt)
    again = {"kind": "branch", "if": "$out.w == 'again'", "then": "a", "else": "e"}
    subs: dict[str, Any] = {
        "s": {"tool": "t", "args": {"x": 1}, "timeout_ms": 9, "retry": {"max_attempts": 2, "backoff_ms": 3}}
    }
    for node in (call("w", **subs["s"]), {"kind": "parallel", "calls": subs, "next": "w"}):
        nodes = {"a": node, "w": {**_WAIT, "next": "b", "timeout_ms": 5}, "b": again}
        rules = {**_ONE, "tools": _tools()}
        scene.start(program("a", {"max_visits": 3}, **nodes), rules, _GIVEN, _REFS, rule="call.key-stable")
        old = [_ok(scene), _error(scene), _fired(scene), _result(scene, {"outcome": "pending"})]
        old.append(_receipt(scene, scene.calls()[-1]))
        scene.ok("v", rule="result.first-wins")
        old += [("flow.event", scene.event_packet("again"), {}), _fired(scene)]
        scene.event("again", "edge", rule="wait.once")
        for message in old:
            _both(scene, "step.ignored", message, _ok(scene, "v"))
            _both(scene, "step.ignored", message, _error(scene))
        scene.error(rule="retry.schedule")
        for message in old:
            _both(scene, "step.ignored", message, _fired(scene))
        scene.ok("v", rule="result.first-wins")
        for message in old:
            _both(scene, "step.ignored", message, ("flow.event", scene.event_packet("again"), {}))
    scene.flush()


def waits(trial: Trial, fmt: Format) -> None:
    """An event with the timer, a cancel, an erase of its ref, another event or a cleanup, in both orders."""
    scene = FlowScene(trial, fmt)
    nodes = {"w": {**_WAIT, "next": "c", "timeout_ms": 5, "on_error": "c"}, "c": call(args={"x": "$input.card"})}
    rules = {**_ONE, "tools": _tools()}
    scene.start(program("w", None, **nodes), rules, _GIVEN, _REFS, rule="wait.once")
    event: _Said = ("flow.event", scene.event_packet(Ref("card")), {})
    others = [_fired(scene), _control(scene, "cancel"), _control(scene, "erase", refs=["card"])]
    others += [("flow.event", scene.event_packet("v"), {}), ("flow.start", scene.control_packet(), {})]
    for other in others:
        _both(scene, "wait.once", event, other)
        _both(scene, "wait.once", other, others[1])
    scene.send("cleanup", scene.blob(b""), rule="step.function")
    scene.send("flow.event", event[1], rule="wait.once")
    scene.send("cleanup", scene.blob(b""), rule="step.function")
    scene.flush()


def stops(trial: Trial, fmt: Format) -> None:
    """A parallel that stops has subs that are called, pending and in a backoff; then a limit, results and timers."""
    scene = FlowScene(trial, fmt)
    work = {"tool": "t", "args": {"x": 1}, "timeout_ms": 50, "retry": {"max_attempts": 3, "backoff_ms": 7}}
    subs: dict[str, Any] = {name: {**work} for name in ("zz", "b", "aa", "c", "d")}
    subs["d"] |= {"optional": True, "retry": {"max_attempts": 3}}
    rules = {**_ONE, "tools": _tools(cost=2)}
    for limits in ({"max_calls": 5}, {"max_tokens": 10}, None):
        for node in ({"on_error": "e"}, {}):
            whole = program("p", limits, p={"kind": "parallel", "calls": subs, "next": "e", **node})
            scene.start(whole, rules, _GIVEN, _REFS, rule="par.stop")
            timers = {str(scene.value(scene.packet_of(each)["doc"])): each for each in scene.sent("flow.timer")}
            for name in ("zz", "b", "aa"):
                scene.error(call=scene.call_of(name), rule="par.stop")
            scene.pending(call=scene.call_of("c"), rule="par.stop")
            late = [_fired(scene, each) for each in timers.values()]
            optional = _error(scene, scene.call_of("d"))
            final = _result(scene, {"outcome": "x"}, scene.call_of("c"))
            _both(scene, "par.stop", optional, final)
            _both(scene, "par.stop", late[-1], final)
            _tell(scene, "par.stop", optional, _ok(scene, 1, scene.call_of("b")), *late, final)
            _tell(scene, "par.stop", final, _ok(scene, 1, scene.call_of("zz")), _ok(scene, 2, scene.call_of("d")))
            _tell(scene, "step.function", _control(scene, "cancel"), final, optional)
    scene.flush()


def spent(trial: Trial, fmt: Format) -> None:
    """What flows before have spent can be any number: nothing is called if the sum is above a limit."""
    scene = FlowScene(trial, fmt).start(program("e"), _ONE, _GIVEN, _REFS)
    most = 2**63 - 1
    for name in ("steps", "calls", "tokens", "replans"):
        for number in (most, most - 1, 2**62, 2**53, 2**32, 2**31 - 1, 9_999, 10_000):
            carry = {"calls": 0, "replans": 0, "steps": 0, "tokens": 0, name: number}
            entries: dict[str, Any] = {
                "from": scene.actor.identity,
                "starter": scene.peers["bank"],
                "carry": scene.document(carry),
            }
            rules = {**_ONE, "tools": _tools(cost=1), "limits": {"max_replans": 16}}
            later = FlowScene(trial, fmt, scene.bench)
            later.start(program("a", {"max_calls": 1}, a=call("b"), b=call()), rules, _GIVEN, _REFS, **entries)
            packet = later.packet(flow=later.actor.identity)
            later.send("flow.start", packet, scene.actor.identity, rule="budget.both")
            if later.state["at"] is not None:
                later.ok(1, usage=1, rule="budget.both")
            later.control("replan", "edge", program=_PLAN, rule="replan.once")
            later.query("accepts", "query.accepts")
    scene.flush()


def joined(trial: Trial, fmt: Format) -> None:
    """A parallel that is visited again has the outputs of this visit only, and stalls if they are the same."""
    scene = FlowScene(trial, fmt)
    subs: dict[str, Any] = {
        "a": {"tool": "t", "args": {}, "optional": True},
        "b": {"tool": "t", "args": {"x": "$dep.a"}},
    }
    subs["b"] |= {"depends_on": ["a"]}
    nodes = {
        "p": {"kind": "parallel", "calls": subs, "next": "q"},
        "q": {"kind": "branch", "if": "$out.p.b == 'end'", "then": "e", "else": "p"},
        "e": end(output="$out.p"),
    }
    limits = {"max_visits": 9, "max_stalled": 3}
    rules = {**_ONE, "tools": _tools()}
    for answers in (["v", "v", "v", "v"], ["v", None, "v", None, "end"], [None, "v", "w", "w", "w"], [None] * 4):
        scene.start(program("p", limits, **nodes), rules, _GIVEN, _REFS, rule="budget.stalled")
        for answer in answers:
            if scene.state["at"] is None:
                break
            if answer is None:
                scene.error(retry=False, call=scene.call_of("a"), rule="budget.stalled")
            else:
                scene.ok(answer, call=scene.call_of("a"), rule="budget.stalled")
            scene.ok("end" if answer == "end" else "v", call=scene.call_of("b"), rule="budget.stalled")
    scene.flush()


PROPERTIES: Final = (
    *of_runs(
        *("crossed/results", results_and_ends, "step.fold", "query.accepts", "timeout.race", "erase.denied"),
        *("step.ignored", "timeout.pending", "result.malformed", "result.refs"),
    ),
    *of_runs(
        *("crossed/retries", retries, "timeout.race", "retry.schedule", "query.accepts", "result.first-wins"),
        *("step.ignored", "erase.denied", "step.fold", "budget.calls"),
    ),
    *of_runs(
        *("crossed/plans", plans_with_results, "replan.carries"),
        *("replan.heir", "erase.asked", "query.accepts"),
    ),
    *of_runs(
        *("crossed/late", late_for_successors, "replan.only-interrupted", "replan.carries", "replan.heir"),
        *("par.stop", "status.absorbing", "step.ignored", "query.accepts"),
    ),
    *of_runs(
        *("crossed/visits", visits, "step.ignored", "call.key-stable", "result.first-wins", "wait.once"),
        *("retry.schedule", "query.accepts"),
    ),
    *of_runs("crossed/waits", waits, "wait.once", "step.function", "query.accepts"),
    *of_runs("crossed/stops", stops, "par.stop", "step.function", "query.accepts"),
    *of_runs("crossed/spent", spent, "budget.both", "replan.once", "query.accepts"),
    *of_runs("crossed/joined", joined, "budget.stalled"),
)
