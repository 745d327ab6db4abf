"""Steps: the order and the number of messages, when a step ends, and what holds after each of them."""

from __future__ import annotations

from typing import Any, Final

from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.flow.conversation import GIVEN, REFS, Conversation
from gritstone_conformance.properties.flow.scene import FlowScene, of_runs
from gritstone_conformance.properties.wit.registry import tape
from gritstone_conformance.strategies.flow_runs import call, end, policy, program
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_WAIT: Final[dict[str, Any]] = {"kind": "wait", "event": "go", "next": "e"}


def order(trial: Trial, fmt: Format) -> None:
    """Messages are read in ascending order of senders, those of one sender oldest first, however they were sent."""
    scene = FlowScene(trial, fmt)
    nodes = {"w": _WAIT, "e": end(output="$out.w")}
    senders = [scene.tree(name=scene.blob(b"sender %d" % number)) for number in range(5)]
    peers = scene.tree(**{**scene.peers, **{f"s{number}": each for number, each in enumerate(senders)}})
    rules = policy(events={"go": [f"s{number}" for number in range(5)]})
    tree = scene.tree(doc=scene.document(rules), peers=peers)
    scene.actor = scene.start(program("w", None, **nodes), rules, GIVEN, REFS, policy=tree).actor
    for turn in range(5):
        with scene.fork():
            for number, sender in enumerate(senders[turn:] + senders[:turn]):
                for value in (f"first of {number}", f"second of {number}"):
                    scene.queue("flow.event", scene.event_packet(value), sender)
            scene.read("step.order")
    with scene.fork():
        for text in ("oldest", "newer", "newest"):
            scene.queue("flow.event", scene.event_packet(text), senders[0])
        scene.read("step.order")
        assert scene.state["output"] == "oldest", "the oldest is read first"
    scene.flush()


def bound(trial: Trial, fmt: Format) -> None:
    """A step covers at most 64 messages of each sender, and all proposed ones up to that; others stay unread."""
    scene = FlowScene(trial, fmt).start(program("a", a=call()), policy(), GIVEN, REFS)
    note = scene.blob(b"")
    for counts in ((63, 64), (64, 1), (65, 64), (130, 2)):
        with scene.fork():
            for sender, count in zip(("edge", "desk"), counts, strict=True):
                for _ in range(count):
                    scene.queue("note", note, sender)
            for _ in range(2):
                scene.read("step.bound")
            assert len(scene.state["log"]) == scene.state["seq"] - 3 or counts[0] > 64, "all are logged"
    scene.flush()


def nodes(trial: Trial, fmt: Format) -> None:
    """A step that has entered 1,000 nodes reads no further message; each message may enter 1,000."""
    chain: dict[str, Any] = {
        f"n{number}": {"kind": "branch", "if": "$input.x == 1", "then": f"n{number + 1}", "else": "e"}
        for number in range(498)
    }
    chain["n498"] = {**_WAIT, "next": "last"}
    chain["last"] = {"kind": "branch", "if": "$out.n498 == 'again'", "then": "n0", "else": "e"}
    limits = {"max_visits": 20, "max_steps": 10_000, "max_stalled": 1_000}
    scene = FlowScene(trial, fmt)
    scene.start(program("n0", limits, **chain), policy(), GIVEN, REFS, rule="step.bound")
    packets = [scene.event_packet("again", visit=number) for number in range(1, 6)]
    for packet in packets:
        scene.queue("flow.event", packet, "desk")
    scene.queue("note", scene.blob(b""), "edge")
    for _ in range(4):
        scene.read("step.bound")
    scene.query("trace", "step.bound")
    scene.flush()


def quiescent(trial: Trial, fmt: Format) -> None:
    """A step ends only when an answer is needed, or the flow has ended."""
    branch = {"kind": "branch", "if": "$input.x == 1", "else": "e"}
    subs = {name: {"tool": "t", "args": {"x": "$input.nope"}, "optional": True} for name in ("a", "b")}
    lost = call("e", args={"x": "$input.nope"}, on_error="p")
    scene = FlowScene(trial, fmt)
    starts: tuple[dict[str, Any], ...] = (
        {"s": {**branch, "then": "t"}, "t": {**branch, "then": "e"}},
        {"s": {**lost, "next": "p"}, "p": {"kind": "parallel", "calls": subs, "next": "w"}, "w": _WAIT},
        {"s": call("t", "u"), "t": {**branch, "then": "p"}, "p": {"kind": "parallel", "calls": subs, "next": "e"}},
    )
    for each in starts:
        scene.start(program("s", None, **each), policy(), GIVEN, REFS, rule="step.quiescent")
        if scene.state["at"] is not None and scene.state["at"] != "w":
            scene.ok("v", rule="step.quiescent")
    scene.flush()


_BRANCHES: Final = (
    *("$input.nope == 1", "$input.x", "$input.x.y == 1", "$input.x < 'a'", "$input.x == 1", "not $input.x == 1"),
    *("$input.nope == 1 or True", "True or $input.nope == 1", "False and $input.nope == 1", "has $input.x.y"),
)


def exits(trial: Trial, fmt: Format) -> None:
    """A node is left by the exit that the outcome determines: an error is not an exit, a failure is not ``next``."""
    scene = FlowScene(trial, fmt)
    for condition in _BRANCHES:
        whole = {"s": {"kind": "branch", "if": condition, "then": "a", "else": "b"}, "a": call(), "b": call(tool="u")}
        scene.start(program("s", None, **whole), policy(), GIVEN, REFS, rule="step.exits")
    kinds: tuple[dict[str, Any], ...] = (
        call("good", "t", retry={"max_attempts": 2}),
        call("good", "t", one_of=["yes"]),
        {"kind": "parallel", "calls": {"c": {"tool": "t", "args": {}}}, "next": "good"},
    )
    for node in kinds:
        for on_error in ({}, {"on_error": "bad"}):
            more = {"bad": call(tool="u")} if on_error else {}
            nodes = {"s": {**node, **on_error}, "good": call(), **more}
            scene.start(program("s", None, **nodes), policy(), GIVEN, REFS, rule="step.exits")
            with scene.fork():
                scene.ok("yes", rule="step.exits")
            with scene.fork():
                scene.ok("no", rule="step.exits")
            with scene.fork():
                scene.error(retry=False, rule="step.exits")
            with scene.fork():
                scene.receipt(rule="step.exits")
            with scene.fork():
                scene.ok("x", odd=1, rule="step.exits")
    scene.flush()


def absorbing(trial: Trial, fmt: Format, tape: Tape) -> None:
    """A flow that ended keeps its status, failure and output, whatever is sent to it."""
    scene = FlowScene(trial, fmt)
    nodes = {"s": call("w", timeout_ms=9), "w": {**_WAIT, "timeout_ms": 9}, "e": end(output="$out.w")}
    limits = {"max_steps": 1} if tape.below(2) else None
    scene.start(program("s", limits, **nodes), policy(), GIVEN, REFS)
    scene.ok(1, rule="step.function")
    if limits is None and tape.below(2):
        scene.event("v", rule="step.function")
    elif limits is None:
        scene.control("cancel", rule="step.function")
    before = {name: scene.state.get(name) for name in ("status", "failure", "output", "steps", "calls", "at")}
    talk = Conversation(scene, tape)
    for _ in range(tape.within(4, 10)):
        talk.say("status.absorbing")
        found = {name: scene.state.get(name) for name in before}
        assert found == before, "the model keeps the status"
    scene.flush()


def suspended(trial: Trial, fmt: Format, tape: Tape) -> None:
    """A flow is suspended if every open call or wait is pending or waiting, else running."""
    retry = {"max_attempts": 3, "backoff_ms": 9}
    subs = {name: {"tool": "t", "args": {}, "retry": retry, "timeout_ms": 9} for name in ("a", "b", "c")}
    nodes = {"p": {"kind": "parallel", "calls": subs, "next": "w"}, "w": _WAIT}
    scene = FlowScene(trial, fmt).start(program("p", None, **nodes), policy(), GIVEN, REFS, rule="status.suspended")
    for _ in range(10):
        flight = scene.state.get("flight", {})
        if not flight or scene.state["at"] == "w":
            break
        key = tape.pick(sorted(flight))
        found = scene.call_of(key)
        attempt = int(dict(found.message.headers)["attempt"])
        if flight[key]["phase"] == "backoff" and tape.below(2):
            timers = [
                each for each in scene.sent("flow.timer") if f'"{key}"' in str(scene.value(_doc(scene, each.packet)))
            ]
            scene.fire(timer=timers[-1] if timers else None, rule="status.suspended")
        elif tape.below(3):
            scene.pending(call=found, attempt=attempt, rule="status.suspended")
        elif tape.below(2):
            scene.error(call=found, attempt=attempt, rule="status.suspended")
        else:
            scene.ok("v", call=found, attempt=attempt, rule="status.suspended")
        scene.query("state", "status.suspended")
    scene.flush()


def _doc(scene: FlowScene, packet: bytes) -> bytes:
    return scene.bench.executor.shelf.names(packet)["doc"]


PROPERTIES: Final = (
    *of_runs("step/order", order, "step.order"),
    *of_runs("step/bound", bound, "step.bound"),
    *of_runs("step/nodes", nodes, "step.bound"),
    *of_runs("step/quiescent", quiescent, "step.quiescent"),
    *of_runs("step/exits", exits, "step.exits"),
    *of_runs("status/absorbing", absorbing, "status.absorbing", given=tape(120), examples=15),
    *of_runs("status/suspended", suspended, "status.suspended", given=tape(60), examples=15),
)
