"""Steps of flows: calls and their results, time, parallels, waits, limits, and what is ignored."""

from __future__ import annotations

from typing import Any

import pytest

from gritstone.flow.values import Ref
from gritstone.grit import Blob, Tree

from .staging import Stage, call, end, program_of
from .worked import SMALLEST, edited

TOOL = {"peer": "edge", "params": ["x", "y"], "refs": ["y"], "cost": 10}
ROLES = {
    "timer": "edge",
    "eraser": "edge",
    "agent": "edge",
    "events": {"go": ["edge"]},
    "control": {name: ["edge"] for name in ("cancel", "erase", "replan", "cleanup")},
    "limits": {"max_replans": 1},
}
POLICY: dict[str, Any] = {"flow_policy": 1, "tools": {"t": TOOL, "u": {**TOOL, "cost": 0}}, **ROLES}
WAIT = {"kind": "wait", "event": "go", "next": "e"}
OUTPUT = end(output="$out.a")
GO = {"node": "a", "visit": 1, "event": "go", "value": 1}
RETRY = {"max_attempts": 3, "backoff_ms": 100}


def parallel(**calls: Any) -> dict[str, Any]:
    """Return a parallel of calls of the tool ``t``."""
    subs = {name: {"tool": "t", "args": {}, **members} for name, members in calls.items()}
    return {"kind": "parallel", "calls": subs, "next": "e"}


def answer(attempt: int = 1, value: Any = 1, **members: Any) -> dict[str, Any]:
    return {"attempt": attempt, "outcome": "ok", "value": value, **members}


def event(stage: Stage, **other: Any) -> None:
    """Send the event ``go`` for the wait ``a``, with some members or entries replaced."""
    core = stage.core()
    entries = {"flow": stage.flow, "program": core["program"], "policy": core["policy"]}
    value = {"node": "a", "visit": 1, "event": "go", "value": "v"}
    stage.send(
        "flow.event",
        value | {name: other[name] for name in value if name in other},
        **entries | {name: other[name] for name in ("flow", "program", "policy", "refs") if name in other},
    )


def failure(stage: Stage) -> Any:
    """Return the failure of a flow that ended with ``failed``."""
    assert stage.state()["status"] == "failed"
    return stage.state()["failure"]


# --- results ---------------------------------------------------------------------------------------------


def test_first_ok_of_any_attempt_counts(stage: Stage) -> None:
    stage.start(program_of(a=call(retry=RETRY, timeout_ms=5), e=OUTPUT), POLICY)
    stage.fire()
    assert stage.log() == ["fired timeout a", "settled a timeout 1", "timer backoff a"]
    assert stage.state()["flight"] == {"a": {"phase": "backoff", "attempt": 1}}
    stage.ok("late", attempt=1)
    state = stage.state()
    assert (state["status"], state["output"], state["tokens"], state["reserved"]) == ("succeeded", "late", 20, 0)


def test_error_is_retried_as_often_as_it_may(stage: Stage) -> None:
    stage.start(program_of(a=call(retry={"max_attempts": 2})), POLICY)
    stage.error("busy", retry=True)
    assert stage.log() == ["settled a error 1", "called a 2"]
    assert stage.calls()[0] == stage.calls()[1]
    stage.error("busy", attempt=2, retry=True)
    assert failure(stage) == {"class": "tool", "node": "a", "why": "busy"}


def test_error_without_retry_takes_the_exit(stage: Stage) -> None:
    stage.start(program_of(a=call(retry=RETRY, on_error="b"), b=call("u", on_error="e")), POLICY)
    stage.error("no")
    assert stage.log() == ["settled a error 1", "failed a", "entered b", "called b 1"]
    assert stage.state()["idle"] == 1


@pytest.mark.parametrize(
    "value",
    [
        {"attempt": 1},
        {"attempt": 1, "outcome": "ok"},
        {"attempt": 1, "outcome": "OK", "value": 1},
        answer(more=1),
        answer(usage=-1),
        answer(usage=10**12 + 1),
        answer(value=Ref("unknown")),
        {"attempt": 1, "outcome": "error", "error": {"class": "", "retry": True}},
        {"attempt": 1, "outcome": ["ok"], "value": 1},
    ],
)
def test_bad_result_fails_the_call_at_its_cost(stage: Stage, value: Any) -> None:
    stage.start(program_of(a=call(retry=RETRY)), POLICY)
    stage.send("flow.result", value, request=stage.calls()[-1])
    assert failure(stage) == {"class": "bad-result", "node": "a"}
    assert stage.state()["tokens"] == 10


def test_pending_result_ends_the_timeout(stage: Stage) -> None:
    stage.start(program_of(a=call(timeout_ms=5)), POLICY)
    pending = {"attempt": 1, "outcome": "pending"}
    stage.send("flow.result", pending, request=stage.calls()[-1])
    assert (stage.log(), stage.state()["status"]) == (["pending a 1"], "suspended")
    stage.fire()
    assert stage.log() == ["ignored stale-timer"]
    stage.send("flow.result", pending, request=stage.calls()[-1])
    assert stage.log() == ["ignored already-pending"]
    stage.ok(1)
    assert stage.state()["status"] == "succeeded"


def test_fired_backoff_of_a_call_without_timeout_has_no_further_effect(stage: Stage) -> None:
    stage.start(program_of(a=call(retry=RETRY)), POLICY)
    stage.error("busy", retry=True)
    timer = stage.sent("flow.timer")[-1]
    stage.fire()
    assert (stage.log(), "timers" in stage.core()) == (["fired backoff a", "called a 2"], False)
    stage.send("flow.fired", timer=timer)
    assert stage.log() == ["ignored stale-timer"]


def test_refs_of_results_are_kept_and_free(stage: Stage) -> None:
    first, other = stage.sealed(), stage.sealed(b"other")
    stage.start(program_of(a=call(to="b"), b=call(args={"y": "$out.a"}), e=end(output="$out.a")), POLICY)
    tree = stage.put(Tree({"card": first}))
    stage.send("flow.result", answer(value=Ref("card")), request=stage.calls()[-1], refs=tree, proof=stage.sealed(b"p"))
    packet = dict(stage.load(stage.calls()[-1]).entries)
    assert dict(stage.load(packet["refs"]).entries) == {"card": first}
    assert set(stage.core()) >= {"refs"}
    taken = stage.put(Tree({"card": other}))
    stage.send("flow.result", answer(), request=stage.calls()[-1], refs=taken)
    assert failure(stage)["class"] == "bad-result"


def test_receipt_fails_the_call_of_a_broken_peer(stage: Stage) -> None:
    node = stage.put(Blob({"ct": "s"}, b"external:puppet/1"))
    stage.peers["broken"] = stage.put(Tree({"wit": node, "name": node}))
    stage.start(program_of(a=call("b")), edited(POLICY, "tools.b", {**TOOL, "peer": "broken"}))
    stage.flow, flow = stage.peers["broken"], stage.flow
    stage.inject(stage.flow, "genesis")
    stage.flow = flow
    assert failure(stage) == {"class": "undeliverable", "node": "a"}


# --- policy ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({"args": {"x": ["$input.card"]}}, "ref"),
        ({"args": {"y": [{"z": "$input.card"}]}}, ""),
        ({"args": {"y": Ref("gone")}}, "erased"),
        ({"args": {"x": Ref("gone")}}, "ref"),
        ({"tool": "w", "args": {"x": 5}}, "when"),
        ({"tool": "w", "args": {}}, "when"),
        ({"tool": "w", "args": {"x": 1}}, ""),
    ],
)
def test_policy_denies_calls(stage: Stage, members: Any, why: str) -> None:
    policy = edited(POLICY, "tools.w", {**TOOL, "when": "$args.x == 1 or $tool.t == 2"})
    refs = {"card": stage.sealed(), "gone": stage.sealed(b"gone")}
    program = program_of(w=WAIT | {"next": "a"}, a=call(**members))
    stage.start(program, policy, {"card": Ref("card")}, refs)
    stage.send("flow.erase", {"refs": ["gone"]}, flow=stage.flow)
    event(stage, node="w")
    if why:
        assert failure(stage) == {"class": "denied", "node": "a", "why": why}
    else:
        assert len(stage.calls()) == 1


def test_facts_are_the_last_values_of_tools(stage: Stage) -> None:
    policy = edited(POLICY, "tools.w", {**TOOL, "when": "$tool.t == 2"})
    program = program_of(a=call(to="b", on_error="b"), b=call(to="c"), c=call("w"))
    for values, status in (((1, 2), "running"), ((2, 1), "failed")):
        stage.start(program, policy, {"values": list(values)})
        for value in values:
            stage.ok(value)
        assert stage.state()["status"] == status


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"args": {"x": "$input.none"}}, {"class": "unbound", "node": "a"}),
        ({"args": {"x": "$input.text.a"}}, {"class": "type", "node": "a"}),
        ({"args": {"x": ["$input.text", "$input.text", "$input.text"]}}, {"class": "size", "node": "a"}),
        (
            {"args": {"x": ["$input.text", "$input.text", "$input.text", "$input.none"]}},
            {"class": "unbound", "node": "a"},
        ),
        (
            {"args": {"x": ["${input.text}${input.text}${input.text}", "$input.none"]}},
            {"class": "unbound", "node": "a"},
        ),
    ],
)
def test_call_without_arguments_is_not_sent(stage: Stage, members: Any, expected: Any) -> None:
    stage.start(program_of(a=call(**members)), POLICY, {"text": "a" * 30_000})
    assert failure(stage) == expected
    assert not stage.calls()


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("$input.none", {"class": "unbound", "node": "e"}),
        (["$input.text", "$input.text", "$input.text"], {"class": "size", "node": "e"}),
        ("${input.most}", {"class": "size", "node": "e"}),
    ],
)
def test_end_without_output_fails(stage: Stage, output: Any, expected: Any) -> None:
    program = edited(edited(SMALLEST, "nodes.e.output", output), "nodes.e.outcome", "success")
    text = "most" if output == "${input.most}" else "text"
    stage.start(program, POLICY, {text: "a" * (65_510 if text == "most" else 30_000)})
    assert failure(stage) == expected


def test_failure_end_keeps_its_output(stage: Stage) -> None:
    stage.start(edited(SMALLEST, "nodes.e", end("failure", output=7)), POLICY)
    assert (failure(stage), stage.state()["output"]) == ({"class": "ended", "node": "e"}, 7)
    report = stage.value(stage.load(stage.sent("flow.report")[-1]).entries["doc"])
    assert report == {"flow": 1, "status": "failed", "failure": {"class": "ended", "node": "e"}, "output": 7}


# --- parallels -------------------------------------------------------------------------------------------


def test_parallel_stops_after_a_failure(stage: Stage) -> None:
    retry = {"retry": {"max_attempts": 2, "backoff_ms": 5}}
    stage.start(program_of(a=parallel(p=retry, q=retry, r={}, s={"depends_on": ["r"]})), POLICY)
    p, q, r = stage.calls()
    stage.error("busy", q, retry=True)
    stage.error("no", r)
    assert stage.log() == ["settled a r error 1", "failed a r", "failed a q"]
    assert stage.state()["stop"] == {"class": "tool", "node": "a", "sub": "r", "why": "no"}
    stage.error("busy", p, retry=True)
    assert stage.log() == ["settled a p error 1", "failed a p", "failed a", "ended failed"]
    assert failure(stage) == {"class": "tool", "node": "a", "sub": "r", "why": "no"}
    assert not {"part", "sent", "timers"} & set(stage.core())


def test_parallel_with_width_one_goes_on_after_denied_subs(stage: Stage) -> None:
    subs = parallel(
        p={"args": {"x": "$input.none"}, "optional": True}, q={}, r={"depends_on": ["p"], "args": {"x": "$dep.p"}}
    )
    stage.start(program_of(a={**subs, "width": 1}, e=OUTPUT), POLICY)
    assert stage.log()[2:] == ["failed a p", "called a q 1"]
    stage.ok("q")
    stage.ok("r")
    assert stage.state()["output"] == {"p": None, "q": "q", "r": "r"}
    assert stage.state()["steps"] == 4


@pytest.mark.parametrize(
    ("limits", "failed"), [({"max_calls": 1}, "calls"), ({"max_tokens": 15}, "tokens"), ({"max_steps": 2}, "steps")]
)
def test_limit_stops_a_parallel(stage: Stage, limits: dict[str, int], failed: str) -> None:
    stage.start(program_of(a=parallel(p={}, q={"optional": True}), limits=limits), POLICY)
    assert stage.state()["stop"] == {"class": failed, "node": "a", "sub": "q", "budget": True}
    stage.ok(1)
    state = stage.state()
    assert (state["status"], state["failure"]) == ("budget_exceeded", {"class": failed, "node": "a", "sub": "q"})


def test_parallel_with_a_large_output_fails(stage: Stage) -> None:
    stage.start(program_of(a=parallel(p={}, q={})), POLICY)
    for packet in stage.calls():
        stage.ok("a" * 40_000, packet)
    assert failure(stage) == {"class": "size", "node": "a"}


# --- waits and control -----------------------------------------------------------------------------------


def test_wait_is_resumed_once(stage: Stage) -> None:
    stage.start(program_of(a={**WAIT, "timeout_ms": 5, "next": "b"}, b=call(args={"x": "$out.a"})), POLICY)
    assert stage.log()[1:] == ["entered a", "waiting a", "timer wait a"]
    event(stage)
    assert stage.log() == ["resumed a", "entered b", "called b 1"]
    event(stage)
    assert stage.log() == ["ignored not-waiting"]
    stage.fire()
    assert stage.log() == ["ignored stale-timer"]


def test_wait_times_out(stage: Stage) -> None:
    stage.start(program_of(a={**WAIT, "timeout_ms": 5}), POLICY)
    stage.fire()
    assert failure(stage) == {"class": "timeout", "node": "a"}


def test_cancel_finishes(stage: Stage) -> None:
    stage.start(program_of(a=WAIT), POLICY)
    stage.send("flow.cancel", flow=stage.flow)
    assert failure(stage) == {"class": "cancelled", "node": "a"}


def test_erasing_is_recorded_after_the_end(stage: Stage) -> None:
    refs = {"a": stage.sealed(), "bb": stage.sealed(b"b")}
    stage.start(SMALLEST, POLICY, {}, refs)
    for names, log in ((["bb"], ["erased"]), (["a", "bb"], ["erased"]), (["a"], ["ignored erased-before"])):
        stage.send("flow.erase", {"refs": names}, flow=stage.flow)
        assert stage.log() == log
    packets = stage.sent("flow.erase")
    assert [stage.value(stage.load(one).entries["doc"]) for one in packets] == [
        {"flow": 1, "refs": ["bb"]},
        {"flow": 1, "refs": ["a"]},
    ]
    assert stage.value(stage.core()["erased"]) == ["a", "bb"]
    stage.store.erase(refs["a"])
    stage.runtime.forget()
    stage.send("flow.erased", request=packets[1])
    assert stage.log() == ["gone"]
    entries = dict(stage.load(packets[0]).entries)
    for name, other in (
        ("flow", refs["a"]),
        ("doc", stage.document({"flow": 1, "refs": ["a"]})),
        ("refs", entries["doc"]),
    ):
        stage.send("flow.erased", request=stage.put(Tree({**entries, name: other})))
        assert stage.log() == ["ignored unknown-request"]


def test_successor_waits_for_its_parent(stage: Stage) -> None:
    program = program_of(a=call(), limits={"max_calls": 1, "max_tokens": 5})
    stage.start(program, POLICY)
    assert stage.state()["failure"]["class"] == "tokens"
    entries = stage.core()
    carry = stage.document({"calls": 0, "replans": 1, "steps": 1, "tokens": 0})
    first = {name: entries[name] for name in ("wit", "wit_query", "name", "policy", "input", "starter")}
    second = stage.document(SMALLEST)
    heir = stage.put(Tree({**first, "program": second, "from": stage.flow, "carry": carry}))
    parent, stage.flow = stage.flow, heir
    stage.inject(heir, "genesis")
    assert (stage.log(), stage.state()["status"]) == (["planned"], "planned")
    stage.send("flow.start", flow=heir)
    assert stage.log() == ["ignored wrong-sender"]
    stage.send("flow.cancel", flow=heir)
    assert stage.log() == ["ignored planned"]
    stage.flow = parent
    stage.send("flow.replan", flow=parent, program=stage.document({**SMALLEST, "start": "x"}))
    assert stage.log() == ["ignored rejected-plan"]
    stage.send("flow.replan", flow=parent, program=second)
    assert stage.core()["next"] == heir
    assert stage.state(heir)["status"] == "succeeded"
    stage.send("flow.replan", flow=parent, program=second)
    assert stage.log() == ["ignored already-continued"]


# --- ignored messages ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mt", "value", "entries", "why"),
    [
        ("hello", None, ["flow"], "unknown-message"),
        ("flow.report", None, ["flow"], "unknown-message"),
        ("flow.result", answer(), ["flow"], "malformed"),
        ("flow.result", {"attempt": -1}, ["request"], "malformed"),
        ("flow.result", answer(0), ["request"], "wrong-attempt"),
        ("flow.result", answer(2), ["request"], "wrong-attempt"),
        ("flow.result", answer(), ["request:flow"], "unknown-request"),
        ("flow.fired", None, ["flow"], "malformed"),
        ("flow.fired", None, ["timer:flow"], "stale-timer"),
        (
            "flow.event",
            {"node": "a", "visit": 1, "event": "go", "value": 1},
            ["flow", "program", "policy"],
            "not-waiting",
        ),
        ("flow.event", {"node": "a", "visit": 1, "event": "go"}, ["flow", "program", "policy"], "malformed"),
        ("flow.cancel", None, ["flow", "program"], "malformed"),
        ("flow.cancel", None, ["flow:policy"], "wrong-binding"),
        ("flow.cancel", None, ["flow:program"], "malformed"),
        ("flow.erase", {"refs": ["b", "a"]}, ["flow"], "malformed"),
        ("flow.erase", {"refs": ["b"]}, ["flow"], "unknown-ref"),
        ("flow.erased", None, ["request:flow"], "unknown-request"),
        ("flow.replan", None, ["flow", "program"], "not-interrupted"),
        ("flow.start", None, ["flow"], "not-planned"),
    ],
)
def test_messages_are_ignored(stage: Stage, mt: str, value: Any, entries: list[str], why: str) -> None:
    stage.start(program_of(a=call()), POLICY)
    known = {**stage.core(), "flow": stage.flow, "request": stage.calls()[-1]}
    before = {name: target for name, target in stage.core().items() if name != "state"}
    state = stage.state()
    stage.send(mt, value, **{one.partition(":")[0]: known[one.rpartition(":")[2]] for one in entries})
    assert stage.log() == [f"ignored {why}"]
    assert {name: target for name, target in stage.core().items() if name != "state"} == before
    assert {**stage.state(), "log": state["log"], "seq": state["seq"]} == state


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({"node": "b"}, "wrong-binding"),
        ({"visit": 2}, "wrong-binding"),
        ({"event": "stop"}, "wrong-binding"),
        ({"flow": "policy"}, "wrong-binding"),
        ({"program": "input"}, "wrong-binding"),
        ({"policy": "flow"}, "wrong-binding"),
        ({"value": Ref("x")}, "unknown-ref"),
    ],
)
def test_events_for_something_else_are_ignored(stage: Stage, other: dict[str, Any], why: str) -> None:
    stage.start(program_of(a=WAIT), POLICY)
    known = {**stage.core(), "flow": stage.flow}
    event(stage, **{name: known.get(part, part) if type(part) is str else part for name, part in other.items()})
    assert stage.log() == [f"ignored {why}"]


def test_every_message_to_a_rejected_flow_is_terminal(stage: Stage) -> None:
    stage.start({}, POLICY)
    assert stage.state()["log"][0]["defects"] == [["", "shape"]]
    for mt in ("flow.cancel", "flow.replan", "flow.start"):
        stage.send(mt, flow=stage.flow, **({"program": stage.core()["program"]} if mt == "flow.replan" else {}))
        assert stage.log() == ["ignored terminal"]
    head = stage.head()
    stage.inject(stage.core()["input"], "cleanup")
    assert stage.head() == head


# --- bounds ----------------------------------------------------------------------------------------------


def test_step_covers_64_messages_of_a_sender(stage: Stage) -> None:
    stage.start(program_of(a=WAIT), POLICY)
    for _ in range(65):
        stage.queue(stage.core()["input"], "hello")
    stage.run()
    assert len(stage.state()["log"]) == 1
    assert stage.state()["seq"] == 3 + 65


def test_loop_without_calls_ends(stage: Stage) -> None:
    limits = {"max_visits": 10_000, "max_steps": 10_000, "max_stalled": 1_000}
    first = {"kind": "branch", "if": "has $out.b", "then": "b", "else": "b"}
    second = {"kind": "branch", "if": "not has $out.b or $out.b != True", "then": "a", "else": "a"}
    policy = edited(POLICY, "limits", {"max_stalled": 1_000})
    stage.start(program_of(w=WAIT | {"next": "a", "on_error": "e"}, a=first, b=second, limits=limits), policy)
    event(stage, node="w")
    state = stage.state()
    assert (state["status"], state["failure"]["class"]) == ("budget_exceeded", "moves")
    assert state["steps"] == 1_001


# --- the life of an actor --------------------------------------------------------------------------------


def test_second_genesis_and_updates_change_nothing(stage: Stage) -> None:
    stage.start(program_of(a=call()), POLICY)
    core = stage.load(stage.head()).core
    stage.inject(stage.flow, "genesis")
    stage.inject(stage.put(Tree({"name": stage.core()["program"]})), "update")
    stage.inject(stage.put(Tree({"wit_update": stage.core()["wit"]})), "update")
    assert stage.load(stage.head()).core == core
    stage.ok(1)
    assert stage.state()["status"] == "succeeded"
    assert stage.replay() == (5, None)


def test_history_is_cut_after_the_end(stage: Stage) -> None:
    stage.start(program_of(a=call()), POLICY)
    head = stage.head()
    stage.inject(stage.core()["input"], "cleanup")
    assert stage.head() == head
    stage.flow = stage.start(program_of(a=call()), POLICY, name="2")
    stage.ok(1)
    stage.inject(stage.core()["input"], "cleanup")
    step = stage.load(stage.head())
    assert (step.previous, stage.log()) == (None, ["cut"])
    stage.send("flow.cancel", flow=stage.flow)
    assert stage.replay() == (2, None)


def test_flow_without_its_program_fails(stage: Stage) -> None:
    stage.start(program_of(a=call()), POLICY)
    head = stage.head()
    stage.store.erase(stage.core()["program"])
    stage.runtime.forget()
    stage.ok(1)
    assert stage.head() == head


@pytest.mark.parametrize(
    "change",
    [
        lambda stage, core: {**core, "more": core["input"]},
        lambda stage, core: {**core, "state": core["input"]},
        lambda stage, core: {**core, "starter": stage.runtime.agent},
        lambda stage, core: {**core, "refs": stage.put(Tree({"a": core["input"]}))},
        lambda stage, core: {**core, "name": stage.runtime.agent},
        lambda stage, core: {**core, "policy": stage.put(Tree({"doc": core["input"], "x": core["input"]}))},
        lambda stage, core: {
            **core,
            "from": stage.runtime.agent,
            "carry": core["input"],
            "starter": stage.runtime.agent,
        },
        lambda stage, core: {name: core[name] for name in core if name != "input"},
    ],
)
def test_other_first_cores_are_rejected(stage: Stage, change: Any) -> None:
    core = stage.first_core(SMALLEST, POLICY)
    stage.flow = stage.put(Tree(change(stage, core)))
    stage.inject(stage.flow, "genesis")
    assert stage.state()["log"] == [{"e": "rejected", "defects": [["", "core"]]}, {"e": "ended", "status": "rejected"}]
    assert stage.core()["starter"] == stage.runtime.agent
    assert len(stage.sent("flow.report")) == 1


def test_replay_names_the_first_step_that_differs(stage: Stage) -> None:
    stage.start(program_of(a=call(to="b"), b=call()), POLICY)
    stage.ok(1)
    stage.ok(2)
    steps = [stage.load(stage.head())]
    while steps[0].previous is not None:
        steps.insert(0, stage.load(steps[0].previous))
    for number, step in enumerate(steps):
        state = stage.value(stage.load(step.core).entries["state"])
        core = stage.put(Tree({**stage.load(step.core).entries, "state": stage.document({**state, "tokens": 77})}))
        previous = stage.put(type(step)(step.previous, step.actor, step.inbox, step.outbox, core))
        for later in steps[number + 1 :]:
            previous = stage.put(type(step)(previous, later.actor, later.inbox, later.outbox, later.core))
        assert stage.replay(step=previous) == (3, number)


def test_accepts_lists_what_fits(stage: Stage) -> None:
    stage.start(program_of(a=parallel(p={"timeout_ms": 5}, q={})), POLICY, {}, {"r": stage.sealed()})
    accepts = stage.query("accepts")
    assert accepts is not None
    edge = {"peers": ["edge"]}
    p, q = {"node": "a", "sub": "p", "visit": 1}, {"node": "a", "sub": "q", "visit": 1}
    assert stage.value(accepts) == [
        {"mt": "flow.cancel", **edge},
        {"mt": "flow.erase", **edge},
        {"mt": "flow.fired", **edge, **p},
        {"mt": "flow.result", **edge, **p, "attempts": 1},
        {"mt": "flow.result", **edge, **q, "attempts": 1},
        {"mt": "receipt", **edge, **p},
        {"mt": "receipt", **edge, **q},
    ]
    assert stage.query("state") == stage.core()["state"]
    assert stage.query("other") is None


def test_input_is_checked_for_each_flow_of_a_program(stage: Stage) -> None:
    """A program whose check is remembered is rejected for an input that is not a map or has an unknown ref."""
    program = program_of(a=call(args={"x": "$input.v"}))
    defects = {}
    for name, data in {"sound": {"v": 1}, "ref": {"v": Ref("r")}, "list": [1], "again": {"v": 2}}.items():
        stage.start(program, POLICY, data)
        defects[name] = stage.state()["log"][0].get("defects", [])
    assert defects == {"sound": [], "ref": [["", "unknown-ref"]], "list": [["", "input-malformed"]], "again": []}
