"""Calls: what is sent to whom, what the policy denies, and what a packet leads to."""

from __future__ import annotations

from typing import Any, Final

from gritstone_conformance.model.flow.values import Ref
from gritstone_conformance.model.formats import Format
from gritstone_conformance.properties.flow.scene import SEALED, FlowScene, of_runs
from gritstone_conformance.properties.wit.registry import tape
from gritstone_conformance.strategies.flow_runs import TOOLS, VALUES, call, end, policy, program
from gritstone_conformance.strategies.tape import Tape
from gritstone_conformance.trial import Trial

__all__ = ["PROPERTIES"]

_DEEP: Final[Any] = [[[[[[[[[[[[[[1]]]]]]]]]]]]]]
_GIVEN: Final[dict[str, Any]] = {
    "x": 1,
    "card": Ref("card"),
    "all": [{"k": Ref("card")}, Ref("spare")],
    "big": "x" * 50_000,
    "deep": _DEEP,
}
_REFS: Final = {"card": SEALED, "spare": SEALED + b"2", "unused": SEALED + b"3"}


def _started(scene: FlowScene, args: Any, tool: dict[str, Any], rule: str, **nodes: Any) -> FlowScene:
    """Start a flow that calls a tool ``w`` with arguments."""
    tools = {**TOOLS, "w": {"peer": "bank", "params": ["x", "y", "card", "nope"], **tool}}
    whole = program("a", a=call(tool="w", args=args, **nodes))
    return scene.start(whole, policy(tools=tools), _GIVEN, _REFS, rule=rule)


_RENDERED: Final[tuple[Any, ...]] = (
    *("$input.x", "$input.nope", "$input.x.y", "${input.x}", "${input.card}", "${input.all}", "$$", "$input.deep"),
    *("$out.a", "$prior.a", ["$input.big", "$input.big"], ["$input.big", "$input.big", "$input.nope"], "${input.nope}"),
    *(["$input.deep"], [["$input.deep"]], "${input.big}${input.big}", ["${input.big}${input.big}", "$input.x.y"]),
)


def rendering(trial: Trial, fmt: Format) -> None:
    """A call whose arguments cannot be rendered, or exceed a limit, is not sent; an error precedes a limit."""
    scene = FlowScene(trial, fmt)
    for value in _RENDERED:
        _started(scene, {"x": value}, {}, "tmpl.dispatch")
        _started(scene, {"x": value, "y": "$input.nope"}, {}, "tmpl.dispatch")
    for size in range(65_536 - 120, 65_536):
        if size % 16 == 0 or size > 65_536 - 90:
            _started(scene, {"x": "x" * size}, {}, "tmpl.dispatch")
    scene.flush()


def refs(trial: Trial, fmt: Format) -> None:
    """An argument with a ref at any depth is denied, unless the tool permits it; the packet has exactly its blobs."""
    scene = FlowScene(trial, fmt)
    values = ("$input.card", [["$input.card"]], {"k": {"k": Ref("spare")}}, "$input.all", 1, [Ref("card"), Ref("card")])
    for value in values:
        for allowed in ([], ["card"], ["card", "x"], ["y"]):
            _started(scene, {"x": value}, {"refs": allowed}, "policy.refs" if "x" not in allowed else "call.refs")
            _started(scene, {"card": value, "y": 1, "x": 1}, {"refs": allowed}, "policy.refs")
    _started(scene, {"x": "$input.card", "card": "$input.all"}, {"refs": ["x"], "when": "False"}, "policy.refs")
    scene.flush()


_CONDITIONS: Final = (
    *(
        "True",
        "False",
        "$args.x == 1",
        "$args.x == 2",
        "$args.nope == 1",
        "$args.x",
        "$input.nope == 1",
        "$input.x.y == 1",
    ),
    *(
        "$args.x < 'a'",
        "has $args.x",
        "not has $args.y",
        "has $tool.w",
        "$tool.w == 1",
        "$tool.t == None",
        "$input.x == 1",
    ),
)


def conditions(trial: Trial, fmt: Format) -> None:
    """A call is sent only if ``when`` is true; false and each error deny it."""
    scene = FlowScene(trial, fmt)
    for condition in _CONDITIONS:
        for value in (1, "$input.x", "1"):
            _started(scene, {"x": value}, {"when": condition}, "policy.when")
        _started(scene, {}, {"when": condition}, "policy.when")
    scene.flush()


def facts(trial: Trial, fmt: Format, tape: Tape) -> None:
    """``$tool.t`` is the last accepted value of t, from whichever node or sub; each attempt is judged by it."""
    when = "(not has $tool.t or $tool.t != 'stop') and (not has $tool.u or $tool.u == 1)"
    tools = {**TOOLS, "v": {**TOOLS["v"], "when": when}}
    subs = {
        "a": {"tool": "t", "args": {}, "retry": {"max_attempts": 3}},
        "b": {"tool": "u", "args": {}, "one_of": ["1", "stop"], "optional": True},
        "c": {"tool": "v", "args": {"x": 1}, "retry": {"max_attempts": 9}, "optional": True},
    }
    nodes = {
        "s": call("p", args={"x": 1}, on_error="p"),
        "p": {"kind": "parallel", "calls": subs, "next": "l", "on_error": "l"},
        "l": call("e", "v", args={"x": 1}, retry={"max_attempts": 9}),
    }
    scene = FlowScene(trial, fmt).start(program("s", **nodes), policy(tools=tools), _GIVEN, _REFS)
    for _ in range(12):
        state = scene.state
        if state["at"] is None:
            break
        open_call = scene.call_of(tape.pick(sorted(state["flight"])))
        attempt = dict(open_call.message.headers)["attempt"]
        if tape.below(3):
            value = tape.pick((1, "stop", "1", None))
            scene.ok(value, call=open_call, attempt=int(attempt), rule="policy.facts")
        else:
            scene.error(call=open_call, attempt=int(attempt), rule="policy.every-path")
    scene.flush()


def paths(trial: Trial, fmt: Format) -> None:
    """The policy holds for nodes and subs, for retries, after a wait, after ``on_error`` and in a successor."""
    denied = {"tool": "v", "args": {}}
    tools = {**TOOLS, "v": {**TOOLS["v"], "when": "not has $tool.t or $tool.t != 'stop'"}}
    ends = {"tools": tools, "limits": {"max_replans": 1}}
    scene = FlowScene(trial, fmt)
    last = {"l": call("e", "v")}
    wait = {"kind": "wait", "event": "go", "next": "l", "on_error": "l", "timeout_ms": 5}
    subs = {"a": {"tool": "t", "args": {}}, "b": {**denied, "depends_on": ["a"], "optional": True}}
    starts: tuple[dict[str, Any], ...] = (
        {"s": call("l"), **last},
        {"s": call("w"), "w": wait, **last},
        {"s": call("o"), "o": call("e", "u", on_error="l"), **last},
        {"s": {"kind": "parallel", "calls": subs, "next": "l"}, **last},
    )
    for nodes in starts:
        scene.start(program("s", **nodes), policy(**ends), _GIVEN, _REFS)
        scene.ok("stop", rule="policy.every-path")
        while scene.state["at"] is not None:
            if scene.state["at"] == "w":
                scene.event(rule="policy.every-path")
            else:
                scene.error(
                    retry=False, call=scene.call_of(next(iter(scene.state["flight"]))), rule="policy.every-path"
                )
    scene.start(program("s", {"max_calls": 1}, s=call("l"), **last), policy(**ends), _GIVEN, _REFS)
    scene.ok("stop", rule="policy.every-path")
    scene.control("replan", program=program("l", **last), rule="policy.every-path")
    scene.flush()


def retried(trial: Trial, fmt: Format) -> None:
    """A retry is rendered and judged again: a fact that changed in between denies it."""
    tools = {**TOOLS, "u": {"peer": "edge", "params": ["x"], "refs": ["x"], "when": "not has $tool.t or $tool.t != 1"}}
    subs = {
        "a": {"tool": "u", "args": {"x": "$input.card"}, "retry": {"max_attempts": 3, "backoff_ms": 10}},
        "b": {"tool": "t", "args": {}},
    }
    scene = FlowScene(trial, fmt)
    scene.start(program("s", s={"kind": "parallel", "calls": subs, "next": "e"}), policy(tools=tools), _GIVEN, _REFS)
    scene.error(call=scene.call_of("a"), rule="policy.every-path")
    with scene.fork():
        scene.ok(1, call=scene.call_of("b"), rule="policy.facts")
        scene.fire(rule="policy.every-path")
    with scene.fork():
        scene.ok(2, call=scene.call_of("b"), rule="policy.facts")
        scene.fire(rule="policy.when")
    scene.control("erase", refs=["card"], rule="erase.asked")
    scene.fire(rule="erase.denied")
    scene.flush()


def receivers(trial: Trial, fmt: Format) -> None:
    """Whatever a value names, messages go to the peers of the policy, the starter and the successor only."""
    scene = FlowScene(trial, fmt)
    for value in (*VALUES, "bank", "edge", {"peer": "desk", "tool": "v", "next": "b"}):
        nodes = {"a": call("b", on_error="b"), "b": call("e", "v", args={"x": "$out.a", "y": "$out.a"}, on_error="f")}
        whole = program("a", {"max_visits": 2}, **nodes, f=end("failure", output="${input.x}"))
        scene.start(whole, policy(), _GIVEN, _REFS)
        scene.ok(value, rule="policy.deny-by-default")
        permitted = {*scene.peers.values()}
        assert set(scene.bench.executor.shelf.mail(scene.actor.value.outbox)) <= permitted, "the model asks others"
    scene.flush()


def whole(trial: Trial, fmt: Format) -> None:
    """The packet of a call has the tree of the policy with its peers, the program, and the flow."""
    scene = FlowScene(trial, fmt)
    ids = set()
    for name in ("1", "2"):
        for peer in (scene.peers["bank"], scene.stranger):
            peers = scene.tree(**{**scene.peers, "bank": peer})
            tree = scene.tree(doc=scene.document(policy()), peers=peers)
            entries: dict[str, Any] = {"policy": tree, "name": scene.blob(name.encode())}
            scene.start(program("a", a=call(tool="v")), policy(), _GIVEN, _REFS, rule="policy.whole", **entries)
            ids.add(scene.calls()[0].packet)
    assert len(ids) == 4, "keys differ"
    scene.flush()


def exact(trial: Trial, fmt: Format, tape: Tape) -> None:
    """Each message has exactly its headers and its packet, behind the last one to its receiver."""
    subs = {
        name: {"tool": tape.pick("tv"), "args": {"x": name}, "retry": {"max_attempts": 9, "backoff_ms": 5}}
        for name in ("a", "b", "c")
    }
    nodes = {
        "p": {"kind": "parallel", "calls": subs, "next": "w"},
        "w": {"kind": "wait", "event": "go", "timeout_ms": 9, "next": "a"},
        "a": call(timeout_ms=1, retry={"max_attempts": 2}),
    }
    scene = FlowScene(trial, fmt).start(program("p", **nodes), policy(), _GIVEN, _REFS, rule="call.exact")
    for _ in range(8):
        flight = scene.state.get("flight", {})
        backoff = [key for key in sorted(flight) if flight[key]["phase"] == "backoff"]
        if scene.state["at"] == "w" or (backoff and tape.below(2)):
            scene.fire(rule="call.exact") if backoff else scene.event(rule="call.exact")
        elif flight:
            found = scene.call_of(tape.pick(sorted(flight)))
            attempt = int(dict(found.message.headers)["attempt"])
            done = scene.ok if tape.below(2) else scene.error
            more: dict[str, Any] = {"call": found, "attempt": attempt, "rule": "call.exact"}
            done(1, **more) if done == scene.ok else scene.error(**more)
    scene.control("erase", refs=["spare", "unused"][: tape.within(1, 2)], rule="call.exact")
    scene.control("cancel", rule="call.exact")
    scene.flush()


PROPERTIES: Final = (
    *of_runs("tmpl/dispatch", rendering, "tmpl.dispatch"),
    *of_runs("policy/refs", refs, "policy.refs", "call.refs"),
    *of_runs("policy/when", conditions, "policy.when"),
    *of_runs("policy/facts", facts, "policy.facts", "policy.every-path", given=tape(48), examples=15),
    *of_runs("policy/paths", paths, "policy.every-path"),
    *of_runs("policy/retried", retried, "policy.every-path", "policy.facts", "policy.when", "erase.denied"),
    *of_runs("policy/receivers", receivers, "policy.deny-by-default"),
    *of_runs("policy/whole", whole, "policy.whole"),
    *of_runs("call/exact", exact, "call.exact", given=tape(40), examples=10),
)
