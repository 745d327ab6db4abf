"""Steps of flows: calls and their results, time, parallels, waits, limits, and what is ignored."""

from __future__ import annotations

from typing import Any

import pytest

from gritstone.flow.values import Ref
from gritstone.grit import Blob, Tree

from .playing import Play, call, end, program_of
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


def event(play: Play, **other: Any) -> None:
    """Send the event ``go`` for the wait ``a``, with some members or entries replaced."""
    core = play.core()
    entries = {"flow": play.flow, "program": core["program"], "policy": core["policy"]}
    value = {"node": "a", "visit": 1, "event": "go", "value": "v"}
    play.send(
        "flow.event",
        value | {name: other[name] for name in value if name in other},
        **entries | {name: other[name] for name in ("flow", "program", "policy", "refs") if name in other},
    )


def failure(play: Play) -> Any:
    """Return the failure of a flow that ended with ``failed``."""
    assert play.state()["status"] == "failed"
    return play.state()["failure"]


# --- results ---------------------------------------------------------------------------------------------


def test_first_ok_of_any_attempt_counts(play: Play) -> None:
    play.start(program_of(a=call(retry=RETRY, timeout_ms=5), e=OUTPUT), POLICY)
    play.fire()
    assert play.log() == ["fired timeout a", "settled a timeout 1", "timer backoff a"]
    assert play.state()["flight"] == {"a": {"phase": "backoff", "attempt": 1}}
    play.ok("late", attempt=1)
    state = play.state()
    assert (state["status"], state["output"], state["tokens"], state["reserved"]) == ("succeeded", "late", 20, 0)


def test_error_is_retried_as_often_as_it_may(play: Play) -> None:
    play.start(program_of(a=call(retry={"max_attempts": 2})), POLICY)
    play.error("busy", retry=True)
    assert play.log() == ["settled a error 1", "called a 2"]
    assert play.calls()[0] == play.calls()[1]
    play.error("busy", attempt=2, retry=True)
    assert failure(play) == {"class": "tool", "node": "a", "why": "busy"}


def test_error_without_retry_takes_the_exit(play: Play) -> None:
    play.start(program_of(a=call(retry=RETRY, on_error="b"), b=call("u", on_error="e")), POLICY)
    play.error("no")
    assert play.log() == ["settled a error 1", "failed a", "entered b", "called b 1"]
    assert play.state()["idle"] == 1


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
def test_bad_result_fails_the_call_at_its_cost(play: Play, value: Any) -> None:
    play.start(program_of(a=call(retry=RETRY)), POLICY)
    play.send("flow.result", value, request=play.calls()[-1])
    assert failure(play) == {"class": "bad-result", "node": "a"}
    assert play.state()["tokens"] == 10


def test_pending_result_ends_the_timeout(play: Play) -> None:
    play.start(program_of(a=call(timeout_ms=5)), POLICY)
    pending = {"attempt": 1, "outcome": "pending"}
    play.send("flow.result", pending, request=play.calls()[-1])
    assert (play.log(), play.state()["status"]) == (["pending a 1"], "suspended")
    play.fire()
    assert play.log() == ["ignored stale-timer"]
    play.send("flow.result", pending, request=play.calls()[-1])
    assert play.log() == ["ignored already-pending"]
    play.ok(1)
    assert play.state()["status"] == "succeeded"


def test_fired_backoff_of_a_call_without_timeout_has_no_further_effect(play: Play) -> None:
    play.start(program_of(a=call(retry=RETRY)), POLICY)
    play.error("busy", retry=True)
    timer = play.sent("flow.timer")[-1]
    play.fire()
    assert (play.log(), "timers" in play.core()) == (["fired backoff a", "called a 2"], False)
    play.send("flow.fired", timer=timer)
    assert play.log() == ["ignored stale-timer"]


def test_refs_of_results_are_kept_and_free(play: Play) -> None:
    first, other = play.sealed(), play.sealed(b"other")
    play.start(program_of(a=call(to="b"), b=call(args={"y": "$out.a"}), e=end(output="$out.a")), POLICY)
    tree = play.put(Tree({"card": first}))
    play.send("flow.result", answer(value=Ref("card")), request=play.calls()[-1], refs=tree, proof=play.sealed(b"p"))
    packet = dict(play.load(play.calls()[-1]).entries)
    assert dict(play.load(packet["refs"]).entries) == {"card": first}
    assert set(play.core()) >= {"refs"}
    taken = play.put(Tree({"card": other}))
    play.send("flow.result", answer(), request=play.calls()[-1], refs=taken)
    assert failure(play)["class"] == "bad-result"


def test_receipt_fails_the_call_of_a_broken_peer(play: Play) -> None:
    node = play.put(Blob({"ct": "s"}, b"external:puppet/1"))
    play.peers["broken"] = play.put(Tree({"wit": node, "name": node}))
    play.start(program_of(a=call("b")), edited(POLICY, "tools.b", {**TOOL, "peer": "broken"}))
    play.flow, flow = play.peers["broken"], play.flow
    play.inject(play.flow, "genesis")
    play.flow = flow
    assert failure(play) == {"class": "undeliverable", "node": "a"}


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
def test_policy_denies_calls(play: Play, members: Any, why: str) -> None:
    policy = edited(POLICY, "tools.w", {**TOOL, "when": "$args.x == 1 or $tool.t == 2"})
    refs = {"card": play.sealed(), "gone": play.sealed(b"gone")}
    program = program_of(w=WAIT | {"next": "a"}, a=call(**members))
    play.start(program, policy, {"card": Ref("card")}, refs)
    play.send("flow.erase", {"refs": ["gone"]}, flow=play.flow)
    event(play, node="w")
    if why:
        assert failure(play) == {"class": "denied", "node": "a", "why": why}
    else:
        assert len(play.calls()) == 1


def test_facts_are_the_last_values_of_tools(play: Play) -> None:
    policy = edited(POLICY, "tools.w", {**TOOL, "when": "$tool.t == 2"})
    program = program_of(a=call(to="b", on_error="b"), b=call(to="c"), c=call("w"))
    for values, status in (((1, 2), "running"), ((2, 1), "failed")):
        play.start(program, policy, {"values": list(values)})
        for value in values:
            play.ok(value)
        assert play.state()["status"] == status


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
def test_call_without_arguments_is_not_sent(play: Play, members: Any, expected: Any) -> None:
    play.start(program_of(a=call(**members)), POLICY, {"text": "a" * 30_000})
    assert failure(play) == expected
    assert not play.calls()


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("$input.none", {"class": "unbound", "node": "e"}),
        (["$input.text", "$input.text", "$input.text"], {"class": "size", "node": "e"}),
        ("${input.most}", {"class": "size", "node": "e"}),
    ],
)
def test_end_without_output_fails(play: Play, output: Any, expected: Any) -> None:
    program = edited(edited(SMALLEST, "nodes.e.output", output), "nodes.e.outcome", "success")
    text = "most" if output == "${input.most}" else "text"
    play.start(program, POLICY, {text: "a" * (65_510 if text == "most" else 30_000)})
    assert failure(play) == expected


def test_failure_end_keeps_its_output(play: Play) -> None:
    play.start(edited(SMALLEST, "nodes.e", end("failure", output=7)), POLICY)
    assert (failure(play), play.state()["output"]) == ({"class": "ended", "node": "e"}, 7)
    report = play.value(play.load(play.sent("flow.report")[-1]).entries["doc"])
    assert report == {"flow": 1, "status": "failed", "failure": {"class": "ended", "node": "e"}, "output": 7}


# --- parallels -------------------------------------------------------------------------------------------


def test_parallel_stops_after_a_failure(play: Play) -> None:
    retry = {"retry": {"max_attempts": 2, "backoff_ms": 5}}
    play.start(program_of(a=parallel(p=retry, q=retry, r={}, s={"depends_on": ["r"]})), POLICY)
    p, q, r = play.calls()
    play.error("busy", q, retry=True)
    play.error("no", r)
    assert play.log() == ["settled a r error 1", "failed a r", "failed a q"]
    assert play.state()["stop"] == {"class": "tool", "node": "a", "sub": "r", "why": "no"}
    play.error("busy", p, retry=True)
    assert play.log() == ["settled a p error 1", "failed a p", "failed a", "ended failed"]
    assert failure(play) == {"class": "tool", "node": "a", "sub": "r", "why": "no"}
    assert not {"part", "sent", "timers"} & set(play.core())


def test_parallel_with_width_one_goes_on_after_denied_subs(play: Play) -> None:
    subs = parallel(
        p={"args": {"x": "$input.none"}, "optional": True}, q={}, r={"depends_on": ["p"], "args": {"x": "$dep.p"}}
    )
    play.start(program_of(a={**subs, "width": 1}, e=OUTPUT), POLICY)
    assert play.log()[2:] == ["failed a p", "called a q 1"]
    play.ok("q")
    play.ok("r")
    assert play.state()["output"] == {"p": None, "q": "q", "r": "r"}
    assert play.state()["steps"] == 4


@pytest.mark.parametrize(
    ("limits", "failed"), [({"max_calls": 1}, "calls"), ({"max_tokens": 15}, "tokens"), ({"max_steps": 2}, "steps")]
)
def test_limit_stops_a_parallel(play: Play, limits: dict[str, int], failed: str) -> None:
    play.start(program_of(a=parallel(p={}, q={"optional": True}), limits=limits), POLICY)
    assert play.state()["stop"] == {"class": failed, "node": "a", "sub": "q", "budget": True}
    play.ok(1)
    state = play.state()
    assert (state["status"], state["failure"]) == ("budget_exceeded", {"class": failed, "node": "a", "sub": "q"})


def test_parallel_with_a_large_output_fails(play: Play) -> None:
    play.start(program_of(a=parallel(p={}, q={})), POLICY)
    for packet in play.calls():
        play.ok("a" * 40_000, packet)
    assert failure(play) == {"class": "size", "node": "a"}


# --- waits and control -----------------------------------------------------------------------------------


def test_wait_is_resumed_once(play: Play) -> None:
    play.start(program_of(a={**WAIT, "timeout_ms": 5, "next": "b"}, b=call(args={"x": "$out.a"})), POLICY)
    assert play.log()[1:] == ["entered a", "waiting a", "timer wait a"]
    event(play)
    assert play.log() == ["resumed a", "entered b", "called b 1"]
    event(play)
    assert play.log() == ["ignored not-waiting"]
    play.fire()
    assert play.log() == ["ignored stale-timer"]


def test_wait_times_out(play: Play) -> None:
    play.start(program_of(a={**WAIT, "timeout_ms": 5}), POLICY)
    play.fire()
    assert failure(play) == {"class": "timeout", "node": "a"}


def test_cancel_finishes(play: Play) -> None:
    play.start(program_of(a=WAIT), POLICY)
    play.send("flow.cancel", flow=play.flow)
    assert failure(play) == {"class": "cancelled", "node": "a"}


def test_erasing_is_recorded_after_the_end(play: Play) -> None:
    refs = {"a": play.sealed(), "bb": play.sealed(b"b")}
    play.start(SMALLEST, POLICY, {}, refs)
    for names, log in ((["bb"], ["erased"]), (["a", "bb"], ["erased"]), (["a"], ["ignored erased-before"])):
        play.send("flow.erase", {"refs": names}, flow=play.flow)
        assert play.log() == log
    packets = play.sent("flow.erase")
    assert [play.value(play.load(one).entries["doc"]) for one in packets] == [
        {"flow": 1, "refs": ["bb"]},
        {"flow": 1, "refs": ["a"]},
    ]
    assert play.value(play.core()["erased"]) == ["a", "bb"]
    play.store.erase(refs["a"])
    play.runtime.forget()
    play.send("flow.erased", request=packets[1])
    assert play.log() == ["gone"]
    entries = dict(play.load(packets[0]).entries)
    for name, other in (
        ("flow", refs["a"]),
        ("doc", play.document({"flow": 1, "refs": ["a"]})),
        ("refs", entries["doc"]),
    ):
        play.send("flow.erased", request=play.put(Tree({**entries, name: other})))
        assert play.log() == ["ignored unknown-request"]


def test_successor_waits_for_its_parent(play: Play) -> None:
    program = program_of(a=call(), limits={"max_calls": 1, "max_tokens": 5})
    play.start(program, POLICY)
    assert play.state()["failure"]["class"] == "tokens"
    entries = play.core()
    carry = play.document({"calls": 0, "replans": 1, "steps": 1, "tokens": 0})
    first = {name: entries[name] for name in ("wit", "wit_query", "name", "policy", "input", "starter")}
    second = play.document(SMALLEST)
    heir = play.put(Tree({**first, "program": second, "from": play.flow, "carry": carry}))
    parent, play.flow = play.flow, heir
    play.inject(heir, "genesis")
    assert (play.log(), play.state()["status"]) == (["planned"], "planned")
    play.send("flow.start", flow=heir)
    assert play.log() == ["ignored wrong-sender"]
    play.send("flow.cancel", flow=heir)
    assert play.log() == ["ignored planned"]
    play.flow = parent
    play.send("flow.replan", flow=parent, program=play.document({**SMALLEST, "start": "x"}))
    assert play.log() == ["ignored rejected-plan"]
    play.send("flow.replan", flow=parent, program=second)
    assert play.core()["next"] == heir
    assert play.state(heir)["status"] == "succeeded"
    play.send("flow.replan", flow=parent, program=second)
    assert play.log() == ["ignored already-continued"]


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
def test_messages_are_ignored(play: Play, mt: str, value: Any, entries: list[str], why: str) -> None:
    play.start(program_of(a=call()), POLICY)
    known = {**play.core(), "flow": play.flow, "request": play.calls()[-1]}
    before = {name: target for name, target in play.core().items() if name != "state"}
    state = play.state()
    play.send(mt, value, **{one.partition(":")[0]: known[one.rpartition(":")[2]] for one in entries})
    assert play.log() == [f"ignored {why}"]
    assert {name: target for name, target in play.core().items() if name != "state"} == before
    assert {**play.state(), "log": state["log"], "seq": state["seq"]} == state


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
def test_events_for_something_else_are_ignored(play: Play, other: dict[str, Any], why: str) -> None:
    play.start(program_of(a=WAIT), POLICY)
    known = {**play.core(), "flow": play.flow}
    event(play, **{name: known.get(part, part) if type(part) is str else part for name, part in other.items()})
    assert play.log() == [f"ignored {why}"]


def test_every_message_to_a_rejected_flow_is_terminal(play: Play) -> None:
    play.start({}, POLICY)
    assert play.state()["log"][0]["defects"] == [["", "shape"]]
    for mt in ("flow.cancel", "flow.replan", "flow.start"):
        play.send(mt, flow=play.flow, **({"program": play.core()["program"]} if mt == "flow.replan" else {}))
        assert play.log() == ["ignored terminal"]
    head = play.head()
    play.inject(play.core()["input"], "cleanup")
    assert play.head() == head


# --- bounds ----------------------------------------------------------------------------------------------


def test_step_covers_64_messages_of_a_sender(play: Play) -> None:
    play.start(program_of(a=WAIT), POLICY)
    for _ in range(65):
        play.queue(play.core()["input"], "hello")
    play.run()
    assert len(play.state()["log"]) == 1
    assert play.state()["seq"] == 3 + 65


def test_loop_without_calls_ends(play: Play) -> None:
    limits = {"max_visits": 10_000, "max_steps": 10_000, "max_stalled": 1_000}
    first = {"kind": "branch", "if": "has $out.b", "then": "b", "else": "b"}
    second = {"kind": "branch", "if": "not has $out.b or $out.b != True", "then": "a", "else": "a"}
    policy = edited(POLICY, "limits", {"max_stalled": 1_000})
    play.start(program_of(w=WAIT | {"next": "a", "on_error": "e"}, a=first, b=second, limits=limits), policy)
    event(play, node="w")
    state = play.state()
    assert (state["status"], state["failure"]["class"]) == ("budget_exceeded", "moves")
    assert state["steps"] == 1_001


# --- the life of an actor --------------------------------------------------------------------------------


def test_second_genesis_and_updates_change_nothing(play: Play) -> None:
    play.start(program_of(a=call()), POLICY)
    core = play.load(play.head()).core
    play.inject(play.flow, "genesis")
    play.inject(play.put(Tree({"name": play.core()["program"]})), "update")
    play.inject(play.put(Tree({"wit_update": play.core()["wit"]})), "update")
    assert play.load(play.head()).core == core
    play.ok(1)
    assert play.state()["status"] == "succeeded"
    assert play.replay() == (5, None)


def test_history_is_cut_after_the_end(play: Play) -> None:
    play.start(program_of(a=call()), POLICY)
    head = play.head()
    play.inject(play.core()["input"], "cleanup")
    assert play.head() == head
    play.flow = play.start(program_of(a=call()), POLICY, name="2")
    play.ok(1)
    play.inject(play.core()["input"], "cleanup")
    step = play.load(play.head())
    assert (step.previous, play.log()) == (None, ["cut"])
    play.send("flow.cancel", flow=play.flow)
    assert play.replay() == (2, None)


def test_flow_without_its_program_fails(play: Play) -> None:
    play.start(program_of(a=call()), POLICY)
    head = play.head()
    play.store.erase(play.core()["program"])
    play.runtime.forget()
    play.ok(1)
    assert play.head() == head


@pytest.mark.parametrize(
    "change",
    [
        lambda play, core: {**core, "more": core["input"]},
        lambda play, core: {**core, "state": core["input"]},
        lambda play, core: {**core, "starter": play.runtime.agent},
        lambda play, core: {**core, "refs": play.put(Tree({"a": core["input"]}))},
        lambda play, core: {**core, "name": play.runtime.agent},
        lambda play, core: {**core, "policy": play.put(Tree({"doc": core["input"], "x": core["input"]}))},
        lambda play, core: {**core, "from": play.runtime.agent, "carry": core["input"], "starter": play.runtime.agent},
        lambda play, core: {name: core[name] for name in core if name != "input"},
    ],
)
def test_other_first_cores_are_rejected(play: Play, change: Any) -> None:
    core = play.first_core(SMALLEST, POLICY)
    play.flow = play.put(Tree(change(play, core)))
    play.inject(play.flow, "genesis")
    assert play.state()["log"] == [{"e": "rejected", "defects": [["", "core"]]}, {"e": "ended", "status": "rejected"}]
    assert play.core()["starter"] == play.runtime.agent
    assert len(play.sent("flow.report")) == 1


def test_replay_names_the_first_step_that_differs(play: Play) -> None:
    play.start(program_of(a=call(to="b"), b=call()), POLICY)
    play.ok(1)
    play.ok(2)
    steps = [play.load(play.head())]
    while steps[0].previous is not None:
        steps.insert(0, play.load(steps[0].previous))
    for number, step in enumerate(steps):
        state = play.value(play.load(step.core).entries["state"])
        core = play.put(Tree({**play.load(step.core).entries, "state": play.document({**state, "tokens": 77})}))
        previous = play.put(type(step)(step.previous, step.actor, step.inbox, step.outbox, core))
        for later in steps[number + 1 :]:
            previous = play.put(type(step)(previous, later.actor, later.inbox, later.outbox, later.core))
        assert play.replay(step=previous) == (3, number)


def test_accepts_lists_what_fits(play: Play) -> None:
    play.start(program_of(a=parallel(p={"timeout_ms": 5}, q={})), POLICY, {}, {"r": play.sealed()})
    accepts = play.query("accepts")
    assert accepts is not None
    edge = {"peers": ["edge"]}
    p, q = {"node": "a", "sub": "p", "visit": 1}, {"node": "a", "sub": "q", "visit": 1}
    assert play.value(accepts) == [
        {"mt": "flow.cancel", **edge},
        {"mt": "flow.erase", **edge},
        {"mt": "flow.fired", **edge, **p},
        {"mt": "flow.result", **edge, **p, "attempts": 1},
        {"mt": "flow.result", **edge, **q, "attempts": 1},
        {"mt": "receipt", **edge, **p},
        {"mt": "receipt", **edge, **q},
    ]
    assert play.query("state") == play.core()["state"]
    assert play.query("other") is None
