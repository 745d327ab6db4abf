"""Waits: which event resumes one, once, and that a wait changes nothing after it."""

from __future__ import annotations

from typing import Any, Final

from gritstone_conformance.model.flow.values import Ref
from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.flow.scene import SEALED, FlowScene, of_runs
from gritstone_conformance.properties.wit.registry import tape
from gritstone_conformance.strategies.flow_runs import call, end, policy, program
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_WAIT: Final[dict[str, Any]] = {"kind": "wait", "event": "go", "next": "e"}
_REFS: Final = {"card": SEALED}


def _waiting(scene: FlowScene, visits: int = 1, **members: Any) -> FlowScene:
    nodes = {"w": {**_WAIT, **members}, "e": end(output="$out.w")}
    limits = {"max_visits": visits} if visits > 1 else None
    return scene.start(program("w", limits, **nodes), policy(), {"x": 1}, _REFS)


def bound(trial: Trial, fmt: Format) -> None:
    """An event resumes a wait only from a listed peer, and with the six bindings of the open wait."""
    scene = _waiting(FlowScene(trial, fmt))
    document, tree = scene.document(1), scene.stranger
    others: tuple[dict[str, Any], ...] = (
        *({"node": "e"}, {"node": "W"}, {"node": ""}, {"visit": 0}, {"visit": 2}, {"visit": -1}, {"visit": "1"}),
        *({"event": "stop"}, {"event": "GO"}, {"event": ""}, {"event": "x" * 65}, {"flow": tree}, {"flow": document}),
        *({"program": document}, {"program": tree}, {"policy": tree}, {"policy": document}, {"refs": tree}),
        *({"refs": document}, {"refs": scene.tree(card=scene.blob(SEALED + b"x", ct="sealed"))}, {"extra": tree}),
        *({"refs": scene.tree(new=scene.blob(SEALED, ct="sealed"))}, {}),
    )
    for other in others:
        for value in (1, Ref("card"), Ref("new")):
            with scene.fork():
                scene.event(value, rule="wait.bound", **other)
    for sender in (*scene.peers.values(), scene.stranger, scene.actor.identity):
        with scene.fork():
            scene.event("v", sender, rule="wait.bound")
    doc = {"node": "w", "visit": 1, "event": "go", "value": 1}
    for part in ({name: each for name, each in doc.items() if name != absent} for absent in doc):
        with scene.fork():
            scene.send("flow.event", scene.event_packet(doc=scene.document(part)), "desk", rule="wait.bound")
    scene.flush()


def once(trial: Trial, fmt: Format, tape: Tape) -> None:
    """The first event that fits resumes the wait; others for this visit are ignored, in one step and in several."""
    scene = FlowScene(trial, fmt)
    nodes = {
        "w": {**_WAIT, "next": "b"},
        "b": {"kind": "branch", "if": "$out.w == 'again'", "then": "v", "else": "e"},
        "v": {**_WAIT, "next": "w"},
        "e": end(output="$out.w"),
    }
    scene.start(
        program("w", {"max_visits": 4, "max_stalled": 50}, **nodes), policy(), {"x": 1}, _REFS, rule="wait.once"
    )
    for _ in range(tape.within(2, 6)):
        if scene.state["at"] is None:
            break
        packets = [scene.event_packet(tape.pick(("again", "again", 2))) for _ in range(tape.within(2, 5))]
        for packet in packets:
            scene.queue("flow.event", packet, tape.pick(("desk", "edge")))
            if tape.below(2):
                scene.read("wait.once")
        scene.read("wait.once")
    scene.flush()


def transparent(trial: Trial, fmt: Format) -> None:
    """With and without a wait, the calls after it have the same tools and arguments in the same order."""
    found = set()
    scene = FlowScene(trial, fmt)
    for has_wait in (False, True):
        nodes: dict[str, Any] = {"a": call("w" if has_wait else "b"), "b": call("e", "u", args={"x": "$out.a"})}
        if has_wait:
            nodes["w"] = {**_WAIT, "next": "b"}
        scene.start(program("a", None, **nodes), policy(), {"x": 1}, _REFS)
        scene.ok("v", rule="wait.transparent")
        if has_wait:
            scene.event("go on", rule="wait.transparent")
        scene.query("trace", "wait.transparent")
        found.add(str([(each["tool"], each["args"]) for each in scene.trace if each["e"] == "called"]))
    assert len(found) == 1, "the model has the same calls"
    scene.flush()


def timers(trial: Trial, fmt: Format) -> None:
    """A wait that times out fails; a late event, and the timer after an event, are ignored."""
    scene = _waiting(FlowScene(trial, fmt), timeout_ms=50)
    packet = scene.event_packet("v")
    told = (
        ("flow.event", packet, "desk"),
        ("flow.fired", scene.packet(timer=scene.sent("flow.timer")[0].packet), "clock"),
    )
    for order in (told, told[::-1]):
        with scene.fork():
            for mt, content, sender in (*order, *order):
                scene.send(mt, content, sender, rule="wait.once")
        with scene.fork():
            for mt, content, sender in order:
                scene.queue(mt, content, sender)
            scene.read("wait.once")
    with scene.fork():
        scene.control("cancel", rule="status.absorbing")
        scene.send(*told[0], rule="status.absorbing")
    scene.flush()


PROPERTIES: Final = (
    *of_runs("wait/bound", bound, "wait.bound"),
    *of_runs("wait/once", once, "wait.once", given=tape(48), examples=10),
    *of_runs("wait/transparent", transparent, "wait.transparent"),
    *of_runs("wait/timers", timers, "wait.once", "status.absorbing"),
)
