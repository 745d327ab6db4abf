"""Budgets: each limit of a program and of a policy, reached exactly and exceeded by one."""

from __future__ import annotations

from typing import Any, Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.flow.scene import FlowScene, of_runs
from gritstone_conformance.properties.wit.registry import tape
from gritstone_conformance.strategies.flow_runs import TOOLS, call, policy, program
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_BRANCH: Final[dict[str, Any]] = {"kind": "branch", "if": "$input.x == 1", "then": "e", "else": "e"}


def _limited(scene: FlowScene, nodes: dict[str, Any], limits: dict[str, int], whose: str, rule: str) -> FlowScene:
    """Start a flow with limits of its program, of its policy, or with a generous one of the other."""
    of_program = {**limits} if whose != "policy" else {name: 10_000 for name in limits if name in ("max_visits",)}
    rules = policy(limits=limits if whose != "program" else {})
    if whose == "policy":
        of_program |= {name: 1_000 if name == "max_stalled" else 10_000 for name in limits}
    return scene.start(program("a", of_program, **nodes), rules, {"x": 1}, rule=rule)


def _drain(scene: FlowScene, rule: str, value: Any = "again", most: int = 12) -> None:
    """Answer the open calls until the flow ends."""
    for _ in range(most):
        if scene.state["at"] is None:
            break
        if "waiting" in str(scene.state["flight"]):
            scene.event(value, rule=rule)
            continue
        found = scene.call_of(next(iter(scene.state["flight"])))
        scene.ok(value, call=found, attempt=int(dict(found.message.headers)["attempt"]), rule=rule)


_WHOSE: Final = ("program", "policy", "both")


def steps(trial: Trial, fmt: Format) -> None:
    """All nodes and the first attempts of subs count as steps; the limit is reached exactly."""
    subs = {"a": {"tool": "t", "args": {}, "retry": {"max_attempts": 2}}, "b": {"tool": "t", "args": {}}}
    nodes = {
        "a": call("b", retry={"max_attempts": 2}),
        "b": {**_BRANCH, "then": "w"},
        "w": {"kind": "wait", "event": "go", "next": "p"},
        "p": {"kind": "parallel", "calls": subs, "next": "e", "width": 1},
    }
    scene = FlowScene(trial, fmt)
    for whose in _WHOSE:
        for most in range(1, 9):
            _limited(scene, nodes, {"max_steps": most}, whose, "budget.steps")
            if most > 1:
                scene.error(rule="budget.steps")
            _drain(scene, "budget.steps")
            assert (scene.state["status"] == "succeeded") == (most >= 7), "seven steps are needed"
    scene.flush()


def calls(trial: Trial, fmt: Format) -> None:
    """Each attempt counts as a call: of nodes, of subs, and retries; the limit is reached exactly."""
    subs = {name: {"tool": "t", "args": {}} for name in ("a", "b")}
    nodes = {
        "a": call("p", retry={"max_attempts": 3, "backoff_ms": 5}),
        "p": {"kind": "parallel", "calls": subs, "next": "e"},
    }
    scene = FlowScene(trial, fmt)
    for whose in _WHOSE:
        for most in range(1, 6):
            _limited(scene, nodes, {"max_calls": most}, whose, "budget.calls")
            scene.error(rule="budget.calls")
            scene.fire(rule="budget.calls")
            _drain(scene, "budget.calls")
            assert (scene.state["status"] == "succeeded") == (most >= 4), "four calls are needed"
    scene.flush()


def tokens(trial: Trial, fmt: Format, tape: Tape) -> None:
    """The usage of each settled attempt counts, else the cost; a call needs its cost in addition to all reserves."""
    subs = {
        name: {"tool": tape.pick("tvu"), "args": {"x": 1}, "retry": {"max_attempts": 2}} for name in ("a", "b", "c")
    }
    nodes = {
        "a": call("p", tape.pick("tv"), args={"x": 1}, retry={"max_attempts": 3}),
        "p": {"kind": "parallel", "calls": subs, "next": "e", "width": tape.within(1, 3)},
    }
    scene = FlowScene(trial, fmt)
    _limited(scene, nodes, {"max_tokens": tape.within(0, 40)}, tape.pick(_WHOSE), "budget.tokens")
    for _ in range(10):
        flight = scene.state.get("flight", {})
        if not flight:
            break
        found = scene.call_of(tape.pick(sorted(flight)))
        attempt = int(dict(found.message.headers)["attempt"])
        usage = {"usage": tape.pick((0, 1, 3, 10, 30))} if tape.below(2) else {}
        way = tape.below(4)
        if way == 0:
            scene.error(call=found, attempt=attempt, rule="budget.tokens")
        elif way == 1:
            scene.ok("v", call=found, attempt=attempt, rule="budget.tokens", odd=1)
        else:
            scene.ok("v", call=found, attempt=attempt, rule="budget.tokens", **usage)
    scene.flush()


def exact_tokens(trial: Trial, fmt: Format) -> None:
    """A call is sent if tokens, reserves and its cost are exactly the limit, and not if they are one above."""
    scene = FlowScene(trial, fmt)
    for whose in _WHOSE:
        for usage in (0, 2, 3, 4, None):
            for most in range(4, 9):
                _limited(scene, {"a": call("b"), "b": call()}, {"max_tokens": most}, whose, "budget.tokens")
                reported: dict[str, Any] = {} if usage is None else {"usage": usage}
                scene.ok(1, rule="budget.tokens", **reported)
                used = 3 if usage is None else usage
                assert (scene.state["at"] == "b") == (used + 3 <= most), "the model counts otherwise"
    free = {"a": call("b", "u"), "b": call(tool="u")}
    _limited(scene, free, {"max_tokens": 0}, "both", "budget.tokens")
    scene.ok(1, rule="budget.tokens")
    scene.flush()


_LOOP: Final[dict[str, Any]] = {"a": call("b"), "b": {**_BRANCH, "if": "$out.a == 'again'", "then": "a"}}


def visits(trial: Trial, fmt: Format) -> None:
    """A node is entered at most ``max_visits`` times, the smaller of both limits."""
    scene = FlowScene(trial, fmt)
    for of_program, of_policy in ((2, 10_000), (5, 3), (3, 3), (2, 1), (10_000, 4)):
        rules = policy(limits={"max_visits": of_policy, "max_stalled": 1_000})
        whole = program("a", {"max_visits": of_program}, **_LOOP)
        scene.start(whole, rules, {"x": 1}, rule="budget.visits")
        _drain(scene, "budget.visits")
        failure = {"class": "visits", "node": "a"}
        assert scene.state["failure"] == failure, "the model ends otherwise"
    scene.flush()


def stalled(trial: Trial, fmt: Format) -> None:
    """Outputs equal to the last one, and failures, in sequence end a flow; another output begins to count again."""
    nodes = {
        "a": call("b", on_error="b"),
        "b": {**_BRANCH, "if": "has $out.a and $out.a == 'again' or not has $out.a", "then": "a"},
    }
    scene = FlowScene(trial, fmt)
    for whose in _WHOSE:
        for most in (1, 2, 3):
            for values in (("again",), ("again", "again", 1), (None, None), ("again", None, "again")):
                limits = {"max_stalled": most, "max_visits": 20}
                _limited(scene, nodes, limits, whose, "budget.stalled")
                for value in values * 3:
                    if scene.state["at"] is None:
                        break
                    if value is None:
                        scene.error(retry=False, rule="budget.stalled")
                    else:
                        scene.ok(value, rule="budget.stalled")
    scene.query("trace", "budget.stalled")
    scene.flush()


def moves(trial: Trial, fmt: Format) -> None:
    """At most 1,000 nodes are entered for one message, and the flow ends before the next one."""
    scene = FlowScene(trial, fmt)
    nodes = {
        "a": {"kind": "branch", "if": "not has $out.b or $out.b == False", "then": "b", "else": "c"},
        "b": {"kind": "branch", "if": "$input.x == 2", "then": "e", "else": "a"},
        "c": {**_BRANCH, "then": "a", "else": "e"},
    }
    limits = {"max_visits": 10_000, "max_steps": 10_000, "max_stalled": 1_000}
    scene.start(program("a", limits, **nodes), policy(), {"x": 1}, rule="budget.moves")
    chain: dict[str, Any] = {f"n{number}": {**_BRANCH, "then": f"n{number + 1}"} for number in range(999)}
    for last in ("e", "m"):
        chain |= {"n998": {**_BRANCH, "then": last}}
        more = {"m": _BRANCH} if last == "m" else {}
        whole = program("n0", {"max_steps": 10_000}, **chain, **more)
        scene.start(whole, policy(), {"x": 1}, rule="budget.moves")
        assert scene.state["status"] == ("succeeded" if last == "e" else "budget_exceeded"), (
            "the model counts otherwise"
        )
    scene.flush()


def both(trial: Trial, fmt: Format) -> None:
    """Of a limit of the program and one of the policy, the stricter holds, whichever it is."""
    scene = FlowScene(trial, fmt)
    nodes = {"a": call("b"), "b": call("c"), "c": call()}
    for name, values in (("max_calls", (1, 2, 3)), ("max_steps", (1, 2, 4)), ("max_tokens", (3, 6, 9))):
        for of_program in values:
            for of_policy in values:
                whole = program("a", {name: of_program}, **nodes)
                scene.start(whole, policy(limits={name: of_policy}), {"x": 1}, rule="budget.both")
                _drain(scene, "budget.both", "v")
    scene.flush()


def carried(trial: Trial, fmt: Format) -> None:
    """The limits of the policy hold for all flows of a sequence together, those of a program for its flow alone."""
    scene = FlowScene(trial, fmt)
    nodes = {"a": call("b"), "b": call("c"), "c": call()}
    for name, first in (("max_calls", 4), ("max_steps", 5), ("max_tokens", 14)):
        limits = {name: first, "max_replans": 2}
        whole = program("a", {name: {"max_calls": 2, "max_steps": 2, "max_tokens": 6}[name]}, **nodes)
        scene.start(whole, policy(limits=limits, tools=TOOLS), {"x": 1}, rule="budget.both")
        _drain(scene, "budget.both", "v")
        scene.control("replan", program=program("a", None, **nodes), rule="replan.only-interrupted")
        later = scene.successor(rule="replan.carries")
        later.read("replan.heir")
        _drain(later, "budget.both", "v")
        assert later.state["status"] == "budget_exceeded", "the policy counts both flows"
    scene.flush()


PROPERTIES: Final = (
    *of_runs("budget/steps", steps, "budget.steps"),
    *of_runs("budget/calls", calls, "budget.calls"),
    *of_runs("budget/tokens", tokens, "budget.tokens", given=tape(48), examples=15),
    *of_runs("budget/exact-tokens", exact_tokens, "budget.tokens"),
    *of_runs("budget/visits", visits, "budget.visits"),
    *of_runs("budget/stalled", stalled, "budget.stalled"),
    *of_runs("budget/moves", moves, "budget.moves"),
    *of_runs("budget/both", both, "budget.both"),
    *of_runs("budget/carried", carried, "budget.both", "replan.carries"),
)
