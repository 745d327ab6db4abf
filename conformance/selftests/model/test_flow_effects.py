"""The model of flows: dispatch, parallels, first cores and what ends a flow."""

from __future__ import annotations

from typing import Any

import pytest

from gritstone_conformance.model.executor import Executor
from gritstone_conformance.model.flow.law import FLOWS
from gritstone_conformance.model.flow.values import Map, Ref, Value, encode
from gritstone_conformance.model.formats import FORMATS
from gritstone_conformance.model.refusals import Refusal
from gritstone_conformance.model.transition import refusing_rule
from gritstone_conformance.model.values import Message
from selftests.model.flow_programs import edited
from selftests.model.flow_scene import SEALED, FlowScene
from selftests.model.test_flow_plays import SMALLEST, WAIT, policy

END: Any = {"kind": "end", "outcome": "success"}
T: Any = {"tool": "t", "args": {}}


def scene_of(nodes: Any, rules: Any = None, start: str = "a", given: Any = None, **limits: int) -> FlowScene:
    program = {"flow": 1, "name": "n", "start": start, "nodes": {"e": END, **nodes}, "limits": limits}
    rules = policy("x", "y", timer="edge", agent="edge") if rules is None else rules
    fmt = FORMATS["framed-sha256"]
    return FlowScene(fmt, program, rules, {"x": 1, **(given or {})}, refs={"card": SEALED}, name="effects")


def call(**members: Any) -> Any:
    return {"a": {"kind": "call", **T, "next": "e", **members}}


def parallel(calls: Any, **members: Any) -> Any:
    return {"a": {"kind": "parallel", "calls": calls, "next": "e", **members}}


def events(scene: FlowScene) -> list[str]:
    """Return the events of the newest step in short: name, sub, and what is particular."""
    keys = ("node", "sub", "taken", "attempt", "outcome", "why", "ms", "status")
    return [" ".join(str(event[key]) for key in ("e", *keys) if key in event) for event in scene.state["log"]]


def failed(scene: FlowScene) -> list[str]:
    """Return the status, and class, node, sub and reason of the failure."""
    failure = scene.state.get("failure", {})
    return [scene.state["status"], *(failure[key] for key in ("class", "node", "sub", "why") if key in failure)]


@pytest.mark.parametrize(
    ("members", "failure"),
    [
        ({"args": {"x": "$input.nope"}}, ["failed", "unbound", "a"]),
        ({"args": {"x": "$input.x.y"}}, ["failed", "type", "a"]),
        ({"args": {"x": ["$input.big", "$input.big"]}}, ["failed", "size", "a"]),
        ({"args": {"x": ["$input.big", "$input.big", "$input.nope"]}}, ["failed", "unbound", "a"]),
        ({"args": {"x": "$input.deep"}}, ["failed", "size", "a"]),
        ({"args": {"x": "${input.big}", "y": "x" * 15_500}}, ["failed", "size", "a"]),
        ({"args": {"x": Ref("card")}}, ["failed", "denied", "a", "ref"]),
        ({"args": {"y": [{"k": Ref("card")}]}}, ["running"]),
        ({"args": {"x": "$input.who"}}, ["failed", "denied", "a", "ref"]),
        ({"args": {"x": "stop"}}, ["failed", "denied", "a", "when"]),
        ({"args": {}}, ["failed", "denied", "a", "when"]),
    ],
)
def test_dispatch(members: Any, failure: list[str]) -> None:
    rules = policy("x", "y")
    rules["tools"]["t"] |= {"refs": ["y"], "when": "(has $args.y or $args.x != 'stop') and $input.x == 1"}
    deep: Value = 1
    for _ in range(15):
        deep = [deep]
    given = {"big": "x" * 50_000, "deep": deep, "who": Ref("card")}
    scene = scene_of(call(**members), rules, given=given)
    assert failed(scene) == failure
    assert [event.split()[0] for event in events(scene)][:2] == ["admitted", "entered"]


def test_a_request_has_one_more_map_than_its_arguments() -> None:
    deep: Value = 1
    for _ in range(14):
        deep = [deep]
    assert failed(scene_of(call(args={"x": "$input.deep"}), given={"deep": deep})) == ["running"]


def test_a_failure_leads_to_on_error() -> None:
    scene = scene_of(call(on_error="b") | {"b": {"kind": "branch", "if": "has $out.a", "then": "e", "else": "f"}})
    assert scene.state["status"] == "rejected"
    nodes = call(on_error="b") | {"b": {"kind": "branch", "if": "has $out.a", "then": "e", "else": "w"}}
    nodes["w"] = {"kind": "wait", "event": "go", "next": "e", "timeout_ms": 5}
    scene = scene_of(nodes, policy(timer="edge", events={"go": ["edge"]}))
    scene.error("no", retry=False)
    assert events(scene)[1:] == ["failed a", "entered b", "decided b w", "entered w", "waiting w", "timer w wait 5"]
    assert scene.state["idle"] == 0
    scene.fire()
    assert events(scene)[:2] == ["fired w wait", "failed w"]
    assert failed(scene) == ["failed", "timeout", "w"]


@pytest.mark.parametrize(
    ("node", "failure"),
    [
        ({"kind": "branch", "if": "$input.x", "then": "e", "else": "e"}, ["failed", "type", "a"]),
        ({"kind": "branch", "if": "$out.a", "then": "e", "else": "e"}, ["failed", "unbound", "a"]),
        ({"kind": "end", "outcome": "success", "output": "$input.nope"}, ["failed", "unbound", "a"]),
        ({"kind": "end", "outcome": "success", "output": ["$input.big", "$input.big"]}, ["failed", "size", "a"]),
        ({"kind": "end", "outcome": "success", "output": "${input.big}" + "x" * 15_510}, ["failed", "size", "a"]),
        ({"kind": "end", "outcome": "failure", "output": "${input.x}"}, ["failed", "ended", "a"]),
        ({"kind": "end", "outcome": "success", "output": Ref("card")}, ["succeeded"]),
    ],
)
def test_ends(node: Any, failure: list[str]) -> None:
    scene = scene_of({"a": node, "e": END} if node["kind"] == "branch" else {"a": node}, given={"big": "x" * 50_000})
    if node["kind"] == "end":
        scene = scene_of({"a": node, "e": node}, start="e", given={"big": "x" * 50_000}, max_visits=2)
        assert scene.state["status"] == "rejected"
        program = {"flow": 1, "name": "n", "start": "a", "nodes": {"a": node}}
        given: Map = {"x": 1, "big": "x" * 50_000}
        rules = {"flow_policy": 1, "tools": {}}
        scene = FlowScene(FORMATS["cbor-blake3"], program, rules, given, refs={"card": SEALED})
    assert failed(scene) == failure


def test_a_bad_result_with_refs() -> None:
    scene = scene_of(call())
    changed = scene.tree(card=scene.blob(SEALED + b"2", ct="sealed"))
    document = scene.document({"attempt": 1, "outcome": "ok", "value": 1, "usage": 5})
    scene.send("flow.result", scene.tree(request=scene.newest("flow.call"), doc=document, refs=changed))
    assert failed(scene) == ["failed", "bad-result", "a"]
    assert scene.state["tokens"] == 0
    assert scene.shelf.names(scene.entries["refs"]).keys() == {"card"}


@pytest.mark.parametrize(
    "document",
    [
        {"attempt": 1, "outcome": "ok"},
        {"attempt": 1, "outcome": "ok", "value": Ref("none")},
        {"attempt": 1, "outcome": "ok", "value": 1, "usage": 10**12 + 1},
        {"attempt": 1, "outcome": "ok", "value": 1, "more": 1},
        {"attempt": 1, "outcome": "pending", "usage": 1},
        {"attempt": 1, "outcome": "error", "error": {"class": "", "retry": False}},
        {"attempt": 1, "outcome": "error", "error": {"class": "x" * 65, "retry": False}},
        {"attempt": 1, "outcome": "error", "error": {"class": "x", "retry": 1}},
        {"attempt": 1},
    ],
)
def test_bad_results(document: Any) -> None:
    scene = scene_of(call(retry={"max_attempts": 2}))
    scene.answer(document)
    assert failed(scene) == ["failed", "bad-result", "a"]
    assert events(scene)[0] == "settled a 1 bad"


def test_a_late_result_counts() -> None:
    scene = scene_of(call(retry={"max_attempts": 2}, timeout_ms=5))
    scene.fire(attempt=1)
    assert events(scene) == ["fired a timeout", "settled a 1 timeout", "called a 2", "timer a timeout 5"]
    scene.result(1, attempt=1)
    assert scene.state["status"] == "succeeded"
    assert events(scene)[0] == "settled a 1 ok"


@pytest.mark.parametrize(("backoff", "delays"), [(0, []), (9_000, [9_000, 18_000, 30_000, 30_000])])
def test_delays(backoff: int, delays: list[int]) -> None:
    scene = scene_of(call(retry={"max_attempts": 5, "backoff_ms": backoff}))
    found = []
    for attempt in range(1, 6):
        scene.error("no", retry=True, attempt=attempt)
        if delays and attempt < 5:
            assert scene.state["status"] == "running"
            found.append(scene.value(scene.shelf.names(scene.newest("flow.timer"))["doc"])["ms"])
            scene.fire(why="backoff")
    assert (found, failed(scene)) == (delays, ["failed", "tool", "a", "no"])
    assert scene.state["calls"] == 5


def test_facts() -> None:
    rules = policy("x")
    rules["tools"]["u"] = {"peer": "edge", "params": [], "when": "has $tool.t and $tool.t.ok"}
    nodes = call(next="b") | {"b": {"kind": "call", "tool": "u", "args": {}, "next": "e"}}
    cases: list[tuple[Value, list[str]]] = [
        ({"ok": True}, ["running"]),
        ({"ok": 1}, ["failed", "denied", "b", "when"]),
    ]
    for value, failure in cases:
        scene = scene_of(nodes, rules)
        scene.result(value)
        assert failed(scene) == failure
        assert scene.shelf.names(scene.entries["facts"]).keys() == {"t"}


def test_a_parallel_has_a_width_and_an_order() -> None:
    subs = {"c": T, "aa": T, "b": {**T, "depends_on": ["c"]}}
    scene = scene_of(parallel(subs, width=1))
    assert events(scene)[2:] == ["called a c 1"]
    scene.result(1)
    assert events(scene) == ["settled a c 1 ok", "called a b 1"]
    scene.result(2)
    assert events(scene) == ["settled a b 1 ok", "called a aa 1"]
    assert (scene.state["steps"], scene.state["calls"]) == (4, 3)


def test_a_parallel_stops() -> None:
    retry = {"retry": {"max_attempts": 2, "backoff_ms": 5}}
    subs = {"w": {**T, **retry}, "x": T, "y": {**T, **retry}, "z": {**T, "depends_on": ["x"]}}
    scene = scene_of(parallel(subs))
    scene.error("slow", retry=True, sub="w")
    scene.error("no", retry=False, sub="x")
    assert events(scene) == ["settled a x 1 error", "failed a x", "failed a w"]
    assert scene.state["stop"] == {"class": "tool", "node": "a", "sub": "x", "why": "no"}
    assert scene.state["done"] == {"w": False, "x": False}
    scene.error("late", retry=True, sub="y")
    assert events(scene) == ["settled a y 1 error", "failed a y", "failed a", "ended failed"]
    assert failed(scene) == ["failed", "tool", "a", "x", "no"]
    assert scene.state["log"][2]["failure"] == {"class": "tool", "why": "no"}


def test_a_limit_stops_a_parallel() -> None:
    subs = {"x": T, "y": {**T, "optional": True}}
    cases: list[tuple[Any, str, Any]] = [
        ({"max_calls": 1}, "calls", policy()),
        ({"max_steps": 2}, "steps", policy()),
        ({"max_tokens": 3}, "tokens", edited(policy(), tools__t__cost=2)),
    ]
    for limits, kind, rules in cases:
        scene = scene_of(parallel(subs), rules, **limits)
        assert events(scene)[2:] == ["called a x 1"]
        assert scene.state["stop"] == {"class": kind, "node": "a", "sub": "y", "budget": True}
        scene.result(1)
        assert events(scene) == ["settled a x 1 ok", "ended budget_exceeded"]
        assert failed(scene) == ["budget_exceeded", kind, "a", "y"]


def test_a_limit_ends_a_retry_in_a_parallel() -> None:
    retry = {**T, "retry": {"max_attempts": 3, "backoff_ms": 5}}
    scene = scene_of(parallel({"x": retry, "y": retry}), max_calls=2)
    for sub in "xy":
        scene.error("no", retry=True, sub=sub)
    scene.fire(sub="x")
    assert events(scene) == ["fired a x backoff", "failed a y", "ended budget_exceeded"]
    assert failed(scene) == ["budget_exceeded", "calls", "a", "x"]


def test_an_output_of_a_parallel_has_limits() -> None:
    scene = scene_of(parallel({"x": T, "y": T}))
    for sub in "xy":
        scene.result("x" * 40_000, sub=sub)
    assert failed(scene) == ["failed", "size", "a"]


def test_a_parallel_whose_subs_cannot_be_called() -> None:
    bad = {"tool": "t", "args": {"x": "$input.nope"}, "optional": True}
    scene = scene_of(parallel({"x": bad, "y": {**T, "args": {"x": "$dep.x"}, "depends_on": ["x"]}}, width=1))
    assert events(scene)[2:] == ["failed a x", "called a y 1"]
    scene = scene_of(parallel({"x": bad}))
    assert events(scene)[2:] == ["failed a x", "entered e", "ended succeeded"]
    assert scene.value(scene.shelf.names(scene.entries["out"])["a"]) == {"x": None}


def test_a_message_enters_at_most_1000_nodes() -> None:
    nodes = {"a": {"kind": "branch", "if": "True", "then": "b", "else": "e"}}
    nodes["b"] = {"kind": "branch", "if": "True", "then": "a", "else": "e"}
    scene = scene_of(nodes, policy(limits={"max_stalled": 501}), max_visits=10_000, max_stalled=1000)
    assert failed(scene) == ["stalled", "stalled", "b"]
    chain: Any = {f"n{at}": {"kind": "branch", "if": "True", "then": f"n{at + 1}", "else": "e"} for at in range(1001)}
    chain["n1001"] = END
    assert failed(scene_of(chain, start="n0", max_steps=1001)) == ["budget_exceeded", "moves", "n1000"]


def test_a_step_reads_64_messages_of_a_sender() -> None:
    scene = scene_of(call())
    tips = [scene.queue("x", scene.blob(b"")) for _ in range(70)]
    scene.read(tips[-1])
    assert scene.reasons == ["unknown-message"] * 64
    assert scene.shelf.mail(scene.step.inbox) == {scene.edge: tips[63]}
    scene.read(tips[-1])
    assert len(scene.reasons) == 6


def event_of(scene: FlowScene, visit: int) -> bytes:
    fixed = {name: scene.entries[name] for name in ("program", "policy")}
    document = scene.document({"node": "w", "visit": visit, "event": "go", "value": visit})
    return scene.queue("flow.event", scene.tree(doc=document, flow=scene.actor, **fixed))


def test_a_step_that_entered_1000_nodes_reads_nothing_more() -> None:
    nodes: Any = {"w": {"kind": "wait", "event": "go", "next": "n0"}}
    for at in range(499):
        nodes[f"n{at}"] = {"kind": "branch", "if": "True", "then": f"n{at + 1}" if at < 498 else "w", "else": "e"}
    rules = policy(events={"go": ["edge"]})
    scene = scene_of(nodes, rules, start="w", max_visits=9, max_stalled=1000, max_steps=10_000)
    tips = [event_of(scene, visit) for visit in (1, 2, 3)]
    scene.read(tips[-1])
    assert scene.shelf.mail(scene.step.inbox) == {scene.edge: tips[1]}
    assert (scene.state["visit"], scene.state["steps"]) == (3, 1001)
    scene.read(tips[-1])
    assert scene.state["visit"] == 4


def changed_core(**entries: Any) -> FlowScene:
    """Return the scene of a flow whose first core has other entries; None for an absent one."""

    class Changed(FlowScene):
        def core(self) -> bytes:
            names = dict(self.shelf.names(FlowScene.core(self)))
            for name, target in entries.items():
                names.pop(name, None)
                if target is not None:
                    names[name] = target(self)
            return self.tree(**names)

    return Changed(FORMATS["framed-sha256"], SMALLEST, {"flow_policy": 1, "tools": {}}, refs={"card": SEALED})


def doc(value: Value) -> Any:
    return lambda scene: scene.document(value)


def flow_tree(scene: FlowScene) -> bytes:
    return scene.tree(wit=scene.blob(b"external:flow/1", ct="s"))


CARRY: Map = {"calls": 0, "replans": 1, "steps": 0, "tokens": 0}
SUCCESSOR = {"from": flow_tree, "carry": doc(CARRY), "starter": lambda scene: scene.edge}


@pytest.mark.parametrize(
    ("entries", "codes"),
    [
        ({}, []),
        ({"name": None, "wit_query": None, "refs": None}, []),
        ({"more": doc(1)}, ["core"]),
        ({"state": doc(1)}, ["core"]),
        ({"out": lambda scene: scene.edge}, ["core"]),
        ({"carry": doc(CARRY)}, ["core"]),
        ({"starter": lambda scene: scene.edge}, ["core"]),
        ({"wit_query": lambda scene: scene.blob(b"external:puppet/1")}, ["core"]),
        ({"name": lambda scene: scene.edge}, ["core"]),
        ({"input": None}, ["core"]),
        ({"program": lambda scene: scene.edge}, ["core"]),
        ({"program": lambda scene: scene.blob(encode(SMALLEST), ct="s")}, ["program-malformed"]),
        ({"program": doc("x" * 131_072), "input": doc(1)}, ["input-malformed", "program-malformed"]),
        ({"policy": doc(1)}, ["core"]),
        ({"policy": lambda scene: scene.tree(doc=scene.blob(b""))}, ["policy-malformed"]),
        ({"policy": lambda scene: scene.tree(doc=scene.document(1), more=scene.edge)}, ["core"]),
        ({"policy": lambda scene: scene.tree(doc=scene.document(1), peers=scene.blob(b""))}, ["core"]),
        ({"policy": lambda scene: scene.tree(doc=scene.document(1), peers=scene.tree(A=scene.edge))}, ["core"]),
        ({"policy": lambda scene: scene.tree(doc=scene.document(1), peers=scene.tree(a=scene.blob(b"")))}, ["core"]),
        ({"policy": lambda scene: scene.tree(doc=scene.document(1))}, ["policy-shape"]),
        ({"refs": lambda scene: scene.tree(card=scene.blob(SEALED))}, ["core"]),
        ({"refs": lambda scene: scene.tree(card=scene.blob(SEALED[:15], ct="sealed"))}, ["core"]),
        ({"refs": lambda scene: scene.tree(card=scene.blob(SEALED[:16], ct="sealed"))}, []),
        ({"refs": lambda scene: scene.tree(Card=scene.blob(SEALED, ct="sealed"))}, ["core"]),
        (SUCCESSOR, []),
        ({**SUCCESSOR, "carry": None}, ["core"]),
        ({**SUCCESSOR, "starter": None}, ["core"]),
        ({**SUCCESSOR, "carry": doc({**CARRY, "calls": -1})}, ["core"]),
        ({**SUCCESSOR, "from": lambda scene: scene.edge}, ["core"]),
        ({**SUCCESSOR, "prior": lambda scene: scene.tree(a=scene.document(1))}, []),
        ({**SUCCESSOR, "prior": lambda scene: scene.tree(a=scene.blob(b"\x01"))}, ["core"]),
        ({**SUCCESSOR, "facts": lambda scene: scene.edge}, ["core"]),
        ({**SUCCESSOR, "erased": doc(["card"])}, []),
        ({**SUCCESSOR, "erased": doc(["none"])}, ["core"]),
        ({**SUCCESSOR, "erased": doc([])}, ["core"]),
        ({**SUCCESSOR, "erased": doc([Ref("card")])}, ["core"]),
    ],
)
def test_first_cores(entries: Any, codes: list[str]) -> None:
    scene = changed_core(**entries)
    state, first = scene.state, scene.shelf.names(scene.actor)
    if not codes:
        assert state["status"] == ("planned" if "from" in entries else "succeeded")
        return
    assert state["status"] == "rejected"
    assert state["log"] == [
        {"e": "rejected", "defects": [["", code] for code in codes]},
        {"e": "ended", "status": "rejected"},
    ]
    assert {**scene.entries, "state": b"", "starter": b""} == {**first, "state": b"", "starter": b""}
    if codes == ["core"]:
        assert scene.entries["starter"] == scene.edge
    assert [dict(message.headers)["mt"] for message in scene.outgoing()] == ["flow.report"]
    scene.send("flow.cancel", scene.tree(flow=scene.actor))
    assert scene.reasons == ["terminal"]


def refused(action: Any) -> str | None:
    with pytest.raises(Refusal) as caught:
        action()
    return caught.value.defects[0].code


@pytest.mark.parametrize("name", ["program", "policy", "state"])
def test_an_erased_document_fails_the_step(name: str) -> None:
    scene = scene_of(call())
    target = scene.entries[name]
    assert scene.store is not None
    scene.store.erase(scene.shelf.names(target)["doc"] if name == "policy" else target)
    assert refused(lambda: scene.send("x", scene.blob(b""))) == "failed"


@pytest.mark.parametrize("name", ["program", "input", "policy", "carry", "erased", "prior"])
@pytest.mark.parametrize("more", [False, True])
def test_an_erased_document_of_a_first_core(name: str, more: bool) -> None:
    entries = {**SUCCESSOR, "erased": doc(["card"]), "prior": lambda scene: scene.tree(a=scene.document(5))}
    scene = changed_core(**entries, **({"more": doc(1)} if more else {}))
    names = scene.shelf.names(scene.actor)
    target = {"policy": "doc", "prior": "a"}.get(name)
    assert scene.store is not None
    scene.store.erase(names[name] if target is None else scene.shelf.names(names[name])[target])
    genesis = [(scene.edge, scene.sent or b"")]
    if more or name == "prior":
        scene.head = scene.executor.step(scene.actor, None, genesis)
        assert scene.state["status"] == ("rejected" if more else "planned")
    else:
        assert refused(lambda: scene.executor.step(scene.actor, None, genesis)) == "failed"


def test_an_erased_input_fails_only_what_reads_it() -> None:
    scene = scene_of(call(next="b") | {"b": {"kind": "branch", "if": "$input.x == 1", "then": "e", "else": "e"}})
    assert scene.store is not None
    scene.store.erase(scene.entries["input"])
    scene.send("x", scene.blob(b""))
    assert refused(lambda: scene.result(1)) == "failed"


def test_updates_are_refused() -> None:
    scene = scene_of(call())
    assert scene.store is not None
    assert scene.head is not None
    before = scene.step
    code = scene.blob(b"external:puppet/1", ct="s")
    for content in (scene.tree(x=code), scene.tree(wit=code), scene.tree(wit_update=code)):
        tip = scene.queue("update", content)
        assert refusing_rule(scene.shelf, scene.head, (scene.edge, tip)) == "flow.start.update"
        scene.read(tip)
        assert (scene.step.core, scene.step.outbox) == (before.core, before.outbox)
    scene.send("x", scene.actor)
    assert scene.step.core == before.core


def test_a_flow_is_no_code_of_an_update() -> None:
    scene = scene_of(call())
    puppet = scene.blob(b"external:puppet/1", ct="s")
    actor = scene.tree(wit=puppet, wit_query=puppet)
    assert scene.store is not None
    first = scene.put(Message(None, (("mt", "genesis"),), actor))
    head = Executor(scene.store).step(actor, None, [(scene.edge, first)])
    code = scene.blob(b"external:flow/1", ct="s")
    update = scene.put(Message(first, (("mt", "update"),), scene.tree(wit_update=code)))
    assert refused(lambda: scene.executor.step(actor, head, [(scene.edge, update)])) == "failed"
    update = scene.put(Message(first, (("mt", "update"),), scene.tree(wit=code, wit_query=code)))
    head = scene.executor.step(actor, head, [(scene.edge, update)])
    message = scene.put(Message(update, (("mt", "x"),), code))
    assert refused(lambda: scene.executor.step(actor, head, [(scene.edge, message)])) == "failed"
    assert refused(lambda: scene.executor.query(head, "wut", b"")) == "failed"


def test_what_a_check_of_a_history_names() -> None:
    paths = ("inbox/00", "outbox/00", "core/state", "core", "previous", "actor")
    assert [FLOWS.broken_rule(path) for path in paths] == [
        "flow.step.order",
        "flow.call.exact",
        *["flow.step.function"] * 4,
    ]


def test_other_queries_have_no_answer() -> None:
    scene = FlowScene(FORMATS["cbor-blake3"], WAIT, {"flow_policy": 1, "tools": {}, "events": {"go": ["edge"]}})
    assert scene.ask("other") is None
    assert scene.ask("state") == scene.entries["state"]
    assert scene.value(scene.ask("accepts")) == [
        {"mt": "flow.event", "peers": ["edge"], "node": "w", "visit": 1, "event": "go"}
    ]
