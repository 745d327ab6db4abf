"""Ignored messages: of several reasons that apply to a message, the first of the table is logged."""

from __future__ import annotations

from typing import Any, Final

from gritstone_conformance.model.flow.values import Ref
from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.flow.scene import SEALED, FlowScene, of_runs
from gritstone_conformance.strategies.flow_runs import call, policy, program
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_RULE: Final = "step.ignored"
_REFS: Final = {"card": SEALED, "spare": SEALED + b"2"}
_WAIT: Final[dict[str, Any]] = {"kind": "wait", "event": "go", "next": "e"}
_PLAN: Final = program("e")


def _try(scene: FlowScene, mt: str, content: bytes, *why: str, **headers: str) -> None:
    """Send a message of every peer and of a stranger; the model logs one of the reasons for the stranger."""
    for sender in (*scene.peers.values(), scene.stranger):
        with scene.fork():
            scene.send(mt, content, sender, rule=_RULE, **headers)
    if why:
        with scene.fork():
            scene.send(mt, content, scene.stranger, rule=_RULE, **headers)
            assert scene.log == list(why), f"the model logs {scene.log}"


def _results(scene: FlowScene, request: bytes) -> None:
    for attempt in (0, 1, 2, 3):
        for members in (
            {"outcome": "ok", "value": 1},
            {"outcome": "pending"},
            {"outcome": "x"},
            {"outcome": "ok", "value": Ref("n")},
        ):
            _try(scene, "flow.result", scene.packet({"attempt": attempt, **members}, request=request))
    _try(scene, "flow.result", scene.packet({"attempt": 9}, request=scene.stranger))


def calling(trial: Trial, fmt: Format) -> None:
    """Messages with two and more faults to an open call: called, pending and in a backoff."""
    scene = FlowScene(trial, fmt)
    retry = {"max_attempts": 3, "backoff_ms": 5}
    scene.start(program("a", a=call(retry=retry)), policy(), {"x": 1}, _REFS)
    request = scene.calls()[0].packet
    _results(scene, request)
    _try(scene, "flow.fired", scene.packet(timer=request), "wrong-sender")
    _try(scene, "flow.event", scene.event_packet(node="z", flow=scene.stranger), "not-waiting")
    _try(scene, "flow.cancel", scene.packet(flow=scene.stranger), "wrong-sender")
    _try(scene, "flow.cancel", scene.packet(flow=scene.stranger, x=request), "malformed")
    _try(scene, "receipt", scene.stranger, "wrong-sender", reply="0" * 64)
    _try(scene, "receipt", scene.stranger, "malformed", reply="0" * 63)
    _try(scene, "flow.start", scene.packet(flow=scene.stranger), "not-planned")
    _try(scene, "flow.replan", scene.packet(flow=scene.stranger, program=scene.document(1)), "wrong-sender")
    _try(scene, "flow.replan", scene.control_packet(program=1), "wrong-sender")
    _try(scene, "flow.erased", scene.packet(request=request), "wrong-sender")
    _try(scene, "other", scene.stranger, "unknown-message")
    with scene.fork():
        scene.pending(rule=_RULE)
        _results(scene, request)
    scene.error(rule=_RULE)
    _results(scene, request)
    scene.fire(rule=_RULE)
    _results(scene, request)
    scene.flush()


def erasing(trial: Trial, fmt: Format) -> None:
    """An erase: the sender before the flow, unknown names before those that were erased."""
    scene = FlowScene(trial, fmt).start(program("a", a=call()), policy(), {"x": 1}, _REFS)
    scene.control("erase", refs=["card"], rule=_RULE)
    for names in (["card"], ["nope"], ["card", "nope"], ["nope", "card"], [], ["Bad"], ["card", "spare"]):
        for flow in (scene.actor.identity, scene.stranger):
            _try(scene, "flow.erase", scene.packet({"refs": names}, flow=flow))
    scene.flush()


def waiting(trial: Trial, fmt: Format) -> None:
    """An event: the sender before the binding, the binding before unknown refs; a form before all."""
    scene = FlowScene(trial, fmt).start(program("w", w=_WAIT), policy(), {"x": 1}, _REFS)
    other = scene.tree(card=scene.blob(SEALED + b"x", ct="sealed"))
    for members in ({}, {"visit": 2}, {"flow": scene.stranger}, {"refs": other}, {"visit": 2, "refs": other}):
        for value in (1, Ref("nope")):
            _try(scene, "flow.event", scene.event_packet(value, **members))
    _try(scene, "flow.event", scene.event_packet(1, visit=2, refs=scene.tree(card=scene.stranger)), "malformed")
    scene.flush()


def interrupted(trial: Trial, fmt: Format) -> None:
    """A replan: the status before a successor, that before the number of replans, that before the program."""
    scene = FlowScene(trial, fmt)
    for most in (0, 1):
        rules = policy(limits={"max_replans": most})
        for limits in ({"max_calls": 1}, None):
            scene.start(program("a", limits, a=call("b"), b=call()), rules, {"x": 1}, _REFS)
            scene.ok(1, rule=_RULE)
            for _ in range(2):
                for plan in (_PLAN, 1):
                    _try(scene, "flow.replan", scene.control_packet(program=plan))
                _try(scene, "flow.replan", scene.packet(flow=scene.stranger, program=scene.document(_PLAN)))
                scene.control("replan", program=_PLAN, rule=_RULE)
    scene.flush()


def ended(trial: Trial, fmt: Format) -> None:
    """To a flow that ended: types and forms precede the end, the end precedes the rest; a rejected one ignores all."""
    scene = FlowScene(trial, fmt)
    for name in ("a", "nope"):
        scene.start(
            program(name, a=call()) if name == "a" else program(name), policy(), {"x": 1}, _REFS, rejected=name != "a"
        )
        if name == "a":
            scene.control("cancel", rule=_RULE)
        for mt in ("flow.cancel", "flow.start", "flow.erase", "flow.erased", "flow.replan", "flow.fired", "flow.event"):
            _try(scene, mt, scene.stranger, "malformed")
        _try(scene, "flow.cancel", scene.control_packet(), "terminal")
        _try(scene, "flow.start", scene.control_packet(), "terminal")
        _try(scene, "flow.result", scene.packet({"attempt": 0}, request=scene.stranger), "terminal")
        _try(scene, "flow.fired", scene.packet(timer=scene.stranger), "terminal")
        _try(scene, "flow.event", scene.event_packet(1), "terminal")
        _try(scene, "receipt", scene.stranger, "terminal", reply="0" * 64)
        _try(scene, "flow.erase", scene.control_packet(refs=["card"]))
        _try(scene, "flow.erased", scene.packet(request=scene.stranger))
        _try(scene, "flow.replan", scene.control_packet(program=_PLAN))
        _try(scene, "note", scene.stranger, "unknown-message")
    scene.flush()


def planned(trial: Trial, fmt: Format) -> None:
    """A planned flow ignores all but a start, an erase and an erased; of a start the sender is before the flow."""
    scene = FlowScene(trial, fmt)
    scene.start(program("a", {"max_calls": 1}, a=call("b"), b=call()), policy(), {"x": 1}, _REFS)
    scene.ok(1, rule=_RULE)
    scene.control("replan", program=_PLAN, rule=_RULE)
    later = scene.successor(rule=_RULE)
    later.actor.tips.clear()
    _try(later, "flow.start", scene.packet(flow=scene.stranger), "wrong-sender")
    with later.fork():
        later.send("flow.start", scene.packet(flow=scene.stranger), scene.actor.identity, rule=_RULE)
    _try(later, "flow.cancel", later.control_packet(), "planned")
    _try(later, "flow.replan", later.control_packet(program=_PLAN), "planned")
    _try(later, "flow.result", scene.packet({"attempt": 0}, request=scene.stranger), "planned")
    _try(later, "flow.fired", scene.packet(timer=scene.stranger), "planned")
    _try(later, "flow.event", scene.event_packet(1), "planned")
    _try(later, "receipt", scene.stranger, "planned", reply="0" * 64)
    _try(later, "flow.erase", later.control_packet(refs=["card"]), "wrong-sender")
    _try(later, "flow.erased", scene.packet(request=scene.stranger), "wrong-sender")
    scene.flush()


PROPERTIES: Final = (
    *of_runs("ignored/calling", calling, _RULE),
    *of_runs("ignored/erasing", erasing, _RULE),
    *of_runs("ignored/waiting", waiting, _RULE),
    *of_runs("ignored/interrupted", interrupted, _RULE),
    *of_runs("ignored/ended", ended, _RULE),
    *of_runs("ignored/planned", planned, _RULE),
)
