"""Erasing: which names are requested, once, and that arguments with erased refs are denied."""

from __future__ import annotations

from typing import Any, Final

from gritstone_conformance.model.flow.values import Ref
from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.flow.scene import SEALED, FlowScene, of_runs
from gritstone_conformance.properties.wit.registry import tape
from gritstone_conformance.strategies.flow_runs import call, policy, program
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_NAMES: Final = ("card", "b", "aa", "spare")
_REFS: Final = {name: SEALED + name.encode() for name in _NAMES}
_GIVEN: Final[dict[str, Any]] = {"x": 1, "card": Ref("card")}


def asked(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Each erase that is not ignored makes one request with exactly the new names; no name is requested twice."""
    rules = policy(**({"eraser": ...} if tape.once_in(5) else {}))
    scene = FlowScene(trial, fmt).start(program("a", a=call(args={"card": "$input.card"})), rules, _GIVEN, _REFS)
    for _ in range(tape.within(2, 6)):
        count = tape.within(1, 3)
        names = list(dict.fromkeys(tape.pick(("b", "aa", "card", "spare", "nope")) for _ in range(count)))
        if tape.below(4):
            names.sort(key=lambda name: (len(name), name))
        scene.control("erase", refs=names, rule="erase.asked")
        requests = scene.sent("flow.erase")
        if requests and tape.below(2):
            scene.erased(request=tape.pick(requests).packet, rule="erase.asked")
        if tape.once_in(4) and scene.state["at"] is not None:
            scene.ok(Ref("card"), rule="erase.asked")
    found = [name for each in scene.sent("flow.erase") for name in _names(scene, each.packet)]
    assert len(found) == len(set(found)), "the model requests a name twice"
    scene.flush()


def _names(scene: FlowScene, packet: bytes) -> list[str]:
    value: Any = scene.value(scene.bench.executor.shelf.names(packet)["doc"])
    found: list[str] = value["refs"]
    return found


def ended(trial: Trial, fmt: Format) -> None:
    """An erase is recorded in a new step, also before a start and after the end, but not by a rejected flow."""
    scene = FlowScene(trial, fmt)
    scene.start(program("a", {"max_calls": 1}, a=call("b"), b=call()), policy(), _GIVEN, _REFS)
    before = scene.actor.head
    scene.ok(1, rule="erase.appended")
    scene.control("erase", refs=["card"], rule="erase.appended")
    scene.erased(rule="erase.appended")
    scene.control("replan", program=program("a", a=call(args={"card": "$input.card"})), rule="erase.appended")
    later = scene.successor(rule="replan.carries")
    start = later.actor.tips.pop(scene.actor.identity)
    later.control("erase", refs=["b", "card"], rule="erase.appended")
    later.erased(rule="erase.appended")
    later.actor.tips[scene.actor.identity] = start
    later.read("erase.denied")
    scene.query("trace", "erase.appended")
    assert scene.actor.value.previous is not None, "a step was added"
    assert before is not None, "the flow has steps"
    scene.start(program("nope"), policy(), _GIVEN, _REFS, rejected=True)
    scene.control("erase", refs=["card"], rule="erase.appended")
    scene.flush()


def denied(trial: Trial, fmt: Format) -> None:
    """An argument with an erased ref, at any depth, is denied: the first attempt, a retry, and in a sub."""
    scene = FlowScene(trial, fmt)
    values = (
        "$input.card",
        [["$input.card"]],
        [Ref("spare"), "$input.card"],
        {"k": Ref("card")},
        Ref("spare"),
        "$out.w",
    )
    for value in values:
        wait = {"kind": "wait", "event": "go", "next": "a"}
        node = call(args={"card": value, "x": "$input.x"}, retry={"max_attempts": 3, "backoff_ms": 5})
        scene.start(program("w", w=wait, a=node), policy(), _GIVEN, _REFS)
        with scene.fork():
            scene.control("erase", refs=["card"], rule="erase.asked")
            scene.event(Ref("card"), rule="erase.denied")
        scene.event(Ref("card"), rule="call.refs")
        scene.error(rule="retry.schedule")
        scene.control("erase", refs=["aa", "card"], rule="erase.asked")
        with scene.fork():
            scene.fire(rule="erase.denied")
        scene.ok(Ref("card"), attempt=1, rule="result.first-wins")
    subs = {name: {"tool": "t", "args": {"card": "$input.card"}, "optional": True} for name in ("a", "b")}
    scene.start(program("p", p={"kind": "parallel", "calls": subs, "next": "e", "width": 1}), policy(), _GIVEN, _REFS)
    scene.control("erase", refs=["card"], rule="erase.asked")
    scene.ok(1, rule="erase.denied")
    both = call(args={"card": "$input.card", "x": "$input.card"}, tool="u", on_error="w")
    nodes = {"w": {"kind": "wait", "event": "go", "next": "a", "timeout_ms": 5}, "a": {**both, "on_error": "b"}}
    nodes["b"] = call("e", "v", args={"x": "$input.card"})
    scene.start(program("w", None, **nodes), policy(tools={**policy()["tools"], "u": _U}), _GIVEN, _REFS)
    scene.control("erase", refs=["card"], rule="erase.asked")
    scene.event(rule="erase.denied")
    scene.flush()


_U: Final = {"peer": "edge", "params": ["x", "card"], "refs": ["card"], "when": "False"}


def answered(trial: Trial, fmt: Format) -> None:
    """``gone`` is logged for exactly the requests that the flow sent, or could have sent."""
    scene = FlowScene(trial, fmt).start(program("a", a=call()), policy(), _GIVEN, _REFS)
    scene.control("erase", refs=["b", "aa"], rule="erase.asked")
    sealed = {name: scene.blob(data, ct="sealed") for name, data in _REFS.items()}
    flow = scene.actor.identity

    def request(names: list[Any], entries: dict[str, bytes], **other: bytes) -> bytes:
        parts = {"flow": flow, **({"refs": scene.tree(**entries)} if entries else {}), **other}
        return scene.packet({"flow": 1, "refs": names}, **parts)

    two = {name: sealed[name] for name in ("b", "aa")}
    requests = [
        request(["b", "aa"], two),
        request(["b"], {"b": sealed["b"]}),
        request(["aa", "b"], two),
        request(["b", "b"], {"b": sealed["b"]}),
        request([], {}),
        request(["card"], {"card": sealed["card"]}),
        request(["b", "aa"], {"b": sealed["b"]}),
        request(["b"], two),
        request(["b"], {"b": sealed["card"]}),
        request(["b"], {"b": sealed["b"]}, flow=scene.stranger),
        request(["b"], {"b": sealed["b"]}, extra=scene.stranger),
        scene.packet({"refs": ["b"]}, flow=flow, refs=scene.tree(b=sealed["b"])),
        scene.packet(flow=flow, refs=scene.tree(b=sealed["b"])),
        scene.calls()[0].packet,
    ]
    for each in requests:
        with scene.fork():
            scene.erased(request=each, rule="erase.asked")
    scene.flush()


PROPERTIES: Final = (
    *of_runs("erase/asked", asked, "erase.asked", given=tape(60), examples=15),
    *of_runs("erase/ended", ended, "erase.appended", "erase.denied", "replan.carries"),
    *of_runs("erase/denied", denied, "erase.denied", "erase.asked", "call.refs"),
    *of_runs("erase/answered", answered, "erase.asked"),
)
