"""Documents of a core that were erased: which steps, queries and replays need them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from gritstone_conformance.model.flow.values import Ref
from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.flow.scene import SEALED, FlowScene, of_runs
from gritstone_conformance.strategies.flow_runs import TOOLS, call, policy, program
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_RULE: Final = "step.erased"
_PLAN: Final = program("z", z=call(args={"x": "$prior.a"}))
_SUBS: Final[dict[str, Any]] = {
    "s": {"tool": "t", "args": {}},
    "u": {"tool": "t", "args": {"x": "$out.a"}, "depends_on": ["s"], "retry": {"max_attempts": 2}},
}
_NODES: Final[dict[str, Any]] = {
    "a": call("p", args={"x": "$input.x"}),
    "p": {"kind": "parallel", "calls": _SUBS, "next": "w", "width": 1},
    "w": {"kind": "wait", "event": "go", "next": "b"},
    "b": {"kind": "branch", "if": "has $out.p and $out.a != ''", "then": "c", "else": "e"},
    "c": call(tool="u", args={"x": ["$input.x", Ref("card")]}, retry={"max_attempts": 2}),
}
_TREES: Final = ("out", "part", "prior", "facts")


def _erasable(scene: FlowScene) -> Iterator[bytes]:
    """Yield the documents of the core that no other flow has."""
    shelf, entries = scene.bench.executor.shelf, scene.entries
    names = {"program", "input", "carry", "erased", *(() if scene.state["status"] == "planned" else ("state",))}
    for name, target in sorted(entries.items()):
        if name in names:
            yield target
    yield from sorted(each for each in _outputs(scene) if scene.value(each) is not True)
    yield dict(shelf.names(entries["policy"]))["doc"]


def _outputs(scene: FlowScene) -> set[bytes]:
    """Return the documents in trees of the core."""
    shelf = scene.bench.executor.shelf
    trees = [target for name, target in scene.entries.items() if name in _TREES]
    return {each for tree in trees for each in dict(shelf.names(tree)).values()}


def _messages(scene: FlowScene) -> Iterator[tuple[str, bytes, bytes]]:
    """Yield messages, some of which fit, with their senders."""
    desk = scene.peers["desk"]
    for sent in scene.calls()[-1:]:
        attempt = int(dict(sent.message.headers)["attempt"])
        for members in ({"outcome": "ok", "value": 1}, {"outcome": "error", "error": {"class": "no", "retry": True}}):
            packet = scene.packet({"attempt": attempt, **members}, request=sent.packet)
            yield "flow.result", packet, sent.receiver
    yield "flow.event", scene.event_packet("v"), desk
    yield "flow.cancel", scene.control_packet(), desk
    yield "flow.erase", scene.control_packet(refs=["card"]), desk
    yield "flow.replan", scene.control_packet(program=_PLAN), desk
    yield "cleanup", scene.blob(b""), desk
    yield "cleanup", scene.blob(b""), scene.peers["clock"]
    yield "note", scene.blob(b""), desk
    yield "flow.start", scene.packet(flow=scene.actor.identity), scene.entries.get("from", desk)


def _refs(number: int) -> dict[str, bytes]:
    return {"card": SEALED, f"spare{number}": SEALED + b"2"}


def _start(scene: FlowScene, number: int) -> None:
    """Start a flow of its own, so that no other flow has its documents."""
    tools = {**TOOLS, "v": {**TOOLS["v"], "when": "not has $tool.t or True"}}
    rules = policy(tools=tools, limits={"max_replans": 1, "max_calls": 500 + number})
    whole = {**program("a", {"max_calls": 4}, **_NODES), "name": f"f{number}"}
    scene.start(whole, rules, {"x": f"flow {number}", "card": Ref("card")}, _refs(number), rule=_RULE)


def _advance(scene: FlowScene, number: int, stage: int) -> FlowScene:
    """Return a flow at a stage: three calls, a wait, a call, an end; a cancel or a limit, and a successor."""
    _start(scene, number)
    for value in ("one", "two", "three")[:stage]:
        scene.ok(f"{value} {number}", usage=number, rule=_RULE)
    if stage > 3:
        scene.control("erase", refs=[f"spare{number}"], rule=_RULE)
        scene.event(f"event {number}", rule=_RULE)
    if stage > 4:
        scene.error(rule=_RULE)  # the limit of calls is reached
    if stage > 5:
        with_next = program("z", {"max_steps": 1}, z=call("y", args={"x": "$prior.a"}), y=call(args={"x": "$prior.a"}))
        scene.control("replan", program={**with_next, "name": f"g{number}"}, rule=_RULE)
        scene = scene.successor(rule=_RULE)
    if stage > 6:
        scene.read(_RULE)
    return scene


_STAGES: Final = 8


def _probe(scene: FlowScene, target: bytes) -> None:
    """Erase a document; then read each message, ask the queries, and replay."""
    head, messages = scene.actor.head, []
    said, outputs = [*_messages(scene)], _outputs(scene)
    for mt, content, sender in said:
        with scene.fork():
            messages.append((sender, scene.queue(mt, content, sender)))
    scene.erase(target)
    for sender, message in messages:
        scene.bench.step(scene.actor.identity, head, [(sender, message)], rule=f"flow.{_RULE}")
    for name in ("wut", "state", "trace", "accepts", "other"):
        scene.query(name, "query.erased")
    if target not in outputs:  # a step may read an output that it wrote, from an erased blob or not
        scene.replay("replay.refused")


def needed(trial: Trial, fmt: Format) -> None:
    """With one document erased, a step or a query fails if and only if it needs the document."""
    scene, number = FlowScene(trial, fmt), 0
    for stage in range(_STAGES):
        found = 1
        at = 0
        while at < found:
            flow = _advance(scene, number, stage)
            targets = [*dict.fromkeys(_erasable(flow))]
            found = len(targets)
            _probe(flow, targets[at])
            at, number = at + 1, number + 1
        scene.flush()
    for target in ("program", "input", "state"):
        whole = {**program(target, a=call()), "name": target}
        scene.start(whole, policy(), {"x": target}, _refs(number), rule=_RULE, rejected=True)
        _probe(scene, scene.entries[target])
    scene.flush()


PROPERTIES: Final = (
    *of_runs(
        *("tombstones/needed", needed, _RULE, "query.erased", "replay.refused"),
        features=("erase",),
    ),
)
