"""The model of the check of programs."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gritstone_conformance.model.flow.checking import check
from gritstone_conformance.model.flow.graph import Graph, edges_of
from gritstone_conformance.model.flow.values import NotAValue, Ref, copy_of, decode, encode
from selftests.model.flow_programs import INPUT, POLICY, REFUND, defects, edited
from selftests.model.test_flow_values import VALUES

PAR: Any = {
    "flow": 1,
    "name": "par",
    "start": "p",
    "nodes": {
        "p": {
            "kind": "parallel",
            "calls": {
                "a": {"tool": "llm", "args": {}},
                "b": {"tool": "llm", "args": {"prompt": "$dep.a"}, "depends_on": ["a"]},
                "c": {"tool": "llm", "args": {}, "depends_on": ["b"]},
            },
            "next": "e",
        },
        "e": {"kind": "end", "outcome": "failure"},
    },
}
WAIT: Any = {
    "flow": 1,
    "name": "wait",
    "start": "w",
    "nodes": {"w": {"kind": "wait", "event": "go", "next": "e"}, "e": {"kind": "end", "outcome": "success"}},
}
SHAPE = [("", "shape")]


def test_the_refund_has_no_defects() -> None:
    assert defects() == []
    assert len(encode(REFUND)) == 522
    assert len(encode(POLICY)) == 218


@pytest.mark.parametrize(
    ("edits", "found"),
    [
        ({"pay__guards": ...}, ["pay unguarded"]),
        ({"reject__next": "pay"}, ["declined unreachable", "pay guard"]),
        ({"gate__else": "pay"}, ["declined unreachable", "pay guard", "reject unreachable"]),
        ({"pay__next": "gate"}, ["gate cycle", "paid unreachable", "pay cycle"]),
        ({"gate__if": "!$out.analyze"}, ["gate expression"]),
        ({"gate__if": " or ".join(["True"] * 257)}, ["gate expression"]),
        ({"gate__if": "True and $out.paid == 1"}, ["gate unknown-variable"]),
        ({"gate__if": "has $out.nope or has $args.x"}, ["gate unknown-variable"]),
        ({"gate__if": "$tool.llm == 1"}, ["gate unknown-variable"]),
        ({"gate__if": "$prior.anything == 1"}, []),
        ({"gate__then": "nope"}, ["gate unknown-target"]),
        ({"pay__on_error": "nope", "pay__guards": ...}, ["pay unguarded", "pay unknown-target"]),
        ({"pay__guards": ["gate.else"]}, ["pay guard"]),
        ({"pay__guards": ["gate.then", "analyze.then"]}, ["pay guard"]),
        ({"pay__guards": ["nope.then"]}, ["pay guard"]),
        ({"analyze__guards": ["gate.then"]}, ["analyze guard"]),
        ({"analyze__on_error": "pay"}, ["pay guard"]),
        (
            {"analyze__next": "paid"},
            ["declined unreachable", "gate unreachable", "pay unreachable", "reject unreachable"],
        ),
        ({"analyze__tool": "nope"}, ["analyze unknown-tool"]),
        ({"analyze__args": {"x": "$5"}}, ["analyze template", "analyze unknown-param"]),
        ({"analyze__args": {"prompt": ["$5", "$dep.x"]}}, ["analyze template", "analyze unknown-variable"]),
        ({"analyze__args": {"prompt": {"a": Ref("nope")}}}, ["analyze unknown-ref"]),
        (
            {"paid__output": [Ref("nope"), "$tool.llm", "$"]},
            ["paid template", "paid unknown-ref", "paid unknown-variable"],
        ),
        ({"analyze__timeout_ms": 1}, ["analyze no-timer"]),
        ({"analyze__retry": {"max_attempts": 2, "backoff_ms": 1}}, ["analyze no-timer"]),
        ({"analyze__retry": {"max_attempts": 2, "backoff_ms": 0}}, []),
        ({"analyze__retry": {"max_attempts": 11}}, ["analyze shape"]),
        ({"analyze__retry": {"max_attempts": True}}, ["analyze shape"]),
        ({"analyze__one_of": ["a", "a"]}, ["analyze shape"]),
        ({"analyze__one_of": []}, ["analyze shape"]),
        ({"analyze__one_of": ["", "x" * 1024]}, []),
        ({"analyze__one_of": ["x" * 1025]}, ["analyze shape"]),
        ({"gate__otherwize": "pay", "analyze__kind": "colour"}, ["analyze shape", "gate shape"]),
        ({"gate__else": ...}, ["gate shape"]),
        ({"gate": None, "pay__guards": []}, ["gate shape", "pay shape"]),
    ],
)
def test_edits_of_nodes_have_defects(edits: dict[str, Any], found: list[str]) -> None:
    program = edited(REFUND, **{f"nodes__{path}": member for path, member in edits.items()})
    assert [" ".join(each) for each in defects(program)] == found


@pytest.mark.parametrize(
    ("edits", "found"),
    [
        ({"tools__llm__peer": "x"}, [("llm", "unknown-peer")]),
        ({"timer": "x", "events": {"go": ["edge", "y"]}}, [("", "unknown-peer")]),
        ({"control__replan": ["x"]}, [("", "unknown-peer")]),
        ({"tools__llm__when": "$out.x == 1"}, [("llm", "policy-variable")]),
        ({"tools__llm__when": "$args.nope == 1"}, [("llm", "policy-variable")]),
        ({"tools__llm__when": "has $tool.nope"}, [("llm", "policy-variable")]),
        ({"tools__llm__when": "has $tool.mail.x and $input.x == $args.prompt"}, []),
        ({"tools__llm__when": "x"}, [("llm", "policy-expression")]),
        ({"tools__llm__refs": ["other"]}, [("", "policy-shape")]),
        ({"tools__llm__params": ["a", "a"]}, [("", "policy-shape")]),
        ({"tools__llm__cost": 1_000_000_001}, [("", "policy-shape")]),
        ({"tools__llm__cost": 1_000_000_000}, []),
        ({"limits": {"max_replans": 17}}, [("", "policy-shape")]),
        ({"limits": {"max_replans": 16, "max_tokens": 0}}, []),
        ({"events": {"go": []}}, [("", "policy-shape")]),
        ({"events": {"x" * 65: ["edge"]}}, [("", "policy-shape")]),
        ({"events": {"é" * 32: ["edge"]}}, []),
        ({"extra": 1}, [("", "policy-shape")]),
        ({"flow_policy": True}, [("", "policy-shape")]),
        ({"tools": {}}, [(at, "unknown-tool") for at in ("analyze", "pay", "reject")]),
    ],
)
def test_edits_of_the_policy_have_defects(edits: dict[str, Any], found: list[tuple[str, str]]) -> None:
    assert defects(policy=edited(POLICY, **edits)) == found


@pytest.mark.parametrize(
    ("edits", "found"),
    [
        ({"flow": 2}, SHAPE),
        ({"flow": True}, SHAPE),
        ({"name": ""}, SHAPE),
        ({"desc": ""}, []),
        ({"more": 1}, SHAPE),
        ({"start": "X"}, SHAPE),
        ({"start": "nope"}, [("", "unknown-target")]),
        ({"nodes": {}}, SHAPE),
        ({"nodes": []}, SHAPE),
        ({"nodes": ...}, SHAPE),
        ({"limits": {"max_replans": 1}}, SHAPE),
        ({"limits": {"max_visits": 0}}, SHAPE),
        ({"limits": {"max_visits": 10_000}, "nodes__pay__next": "gate"}, [("paid", "unreachable")]),
        ({"limits": {"max_visits": 10_001}, "nodes__pay": 5}, [("", "shape"), ("pay", "shape")]),
    ],
)
def test_edits_of_the_program_have_defects(edits: dict[str, Any], found: list[tuple[str, str]]) -> None:
    assert defects(edited(REFUND, **edits)) == found


@pytest.mark.parametrize(
    ("edits", "found"),
    [
        ({}, []),
        (
            {"a": {"tool": "llm", "args": {}, "depends_on": ["c"]}},
            ["p.a depends-cycle", "p.b depends-cycle", "p.c depends-cycle"],
        ),
        ({"a": {"tool": "llm", "args": {}, "depends_on": ["a"]}}, ["p.a depends-cycle"]),
        ({"c": {"tool": "llm", "args": {}, "depends_on": ["x"]}}, ["p.c unknown-target"]),
        ({"c": {"tool": "llm", "args": {}, "depends_on": []}}, ["p shape"]),
        ({"c": {"tool": "llm", "args": {"prompt": "$dep.a"}, "depends_on": ["b"]}}, ["p.c unknown-variable"]),
        ({"c": {"tool": "refund", "args": {}}}, ["p unguarded"]),
        ({"c": {"tool": "llm", "args": {}, "timeout_ms": 5}}, ["p.c no-timer"]),
        ({"c": {"tool": "llm", "args": {}, "optional": 1}}, ["p shape"]),
    ],
)
def test_edits_of_subs_have_defects(edits: dict[str, Any], found: list[str]) -> None:
    program = edited(PAR, **{f"nodes__p__calls__{path}": member for path, member in edits.items()})
    assert [" ".join(each) for each in defects(program)] == found


def test_a_wait_has_defects() -> None:
    policy = edited(POLICY, events={"go": ["edge"]})
    assert defects(WAIT, policy) == []
    assert defects(WAIT) == [("w", "unknown-event")]
    assert defects(edited(WAIT, nodes__w__timeout_ms=5), policy) == [("w", "no-timer")]
    assert defects(edited(WAIT, nodes__w__next="w"), edited(policy, timer="edge")) == [
        ("", "no-exit"),
        ("e", "unreachable"),
        ("w", "cycle"),
    ]


def test_the_input_has_defects() -> None:
    assert defects(refs=()) == [("", "unknown-ref")]
    assert defects(given=[]) == [("", "input-malformed")]
    assert check(b"", b"\xff", encode([])[:0], (), ()) == [
        ("", "input-malformed"),
        ("", "policy-malformed"),
        ("", "program-malformed"),
    ]


def test_exits_to_one_node_are_different_edges() -> None:
    nodes: dict[str, Any] = {
        "b": {"kind": "branch", "then": "e", "else": "e"},
        "e": {"kind": "end", "guards": ["b.then"]},
    }
    assert set(Graph("b", nodes).defects(may_cycle=False)) == {("e", "guard")}


def ways(nodes: dict[str, Any], start: str, longest: int) -> list[tuple[str, tuple[str, ...]]]:
    """Return all ways from the start with at most so many edges: where each ends, and the exits that it passes."""
    found: list[tuple[str, tuple[str, ...]]] = [(start, ())]
    for at, exits in found:
        if len(exits) < longest:
            found += [(target, (*exits, f"{at}.{member}")) for member, target in edges_of(nodes[at]).items()]
    return found


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_guards_are_those_that_every_way_passes(data: st.DataObject) -> None:
    names = ["a", "b", "c", "d", "e"]
    nodes: dict[str, Any] = {"e": {"kind": "end"}}
    for name in names[:4]:
        target = st.sampled_from(names)
        if data.draw(st.booleans()):
            nodes[name] = {"kind": "branch", "then": data.draw(target), "else": data.draw(target)}
        else:
            nodes[name] = {"kind": "call", "next": data.draw(target)}
    exits = [f"{name}.{member}" for name, member in itertools.product(names, ("then", "else"))]
    for node in nodes.values():
        node["guards"] = data.draw(st.lists(st.sampled_from(exits), min_size=1, max_size=2))
    found = set(Graph("a", nodes).defects(may_cycle=False))
    all_ways = ways(nodes, "a", 9)
    for name, node in nodes.items():
        passed = [exits for end, exits in all_ways if end == name]
        exist = all(nodes[guard[0]]["kind"] == "branch" for guard in node["guards"])
        holds = exist and all(guard in exits for guard in node["guards"] for exits in passed)
        assert ((name, "guard") in found) == (not holds)
        assert ((name, "unreachable") in found) == (not passed)
        cycle = any(end == name for end, exits in ways(nodes, name, 6) if exits)
        assert ((name, "cycle") in found) == cycle
    assert (("", "no-exit") in found) == all(end != "e" for end, _ in all_ways)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_check_is_total(data: st.DataObject) -> None:
    documents = [encode(REFUND), encode(POLICY), encode(INPUT)]
    which = data.draw(st.integers(0, 2))
    value: Any = copy_of(decode(documents[which], None))
    at = value
    while isinstance(at, dict) and at:
        key = data.draw(st.sampled_from(sorted(at)))
        if data.draw(st.booleans()) or not isinstance(at[key], dict):
            at[key] = data.draw(VALUES)
            break
        at = at[key]
    documents[which] = encode(value)
    found = check(documents[0], documents[1], documents[2], ("edge",), ("customer",))
    assert found == sorted(set(found))


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_check_accepts_any_bytes(program: bytes, policy: bytes) -> None:
    codes = [code for _, code in check(program, policy, b"\xa0", (), ())]
    for name, data in (("program", program), ("policy", policy)):
        try:
            decode(data)
        except NotAValue:
            assert f"{name}-malformed" in codes


def test_a_large_program_is_checked() -> None:
    nodes: dict[str, Any] = {"e": {"kind": "end", "outcome": "success"}}
    for at in range(1023):
        then = f"b{at + 1}" if at < 1022 else "e"
        nodes[f"b{at}"] = {"kind": "branch", "if": "True", "then": then, "else": "e"}
    program = {"flow": 1, "name": "n", "start": "b0", "nodes": nodes}
    assert defects(program, {"flow_policy": 1, "tools": {}}, {}) == []
    nodes["f"] = nodes["e"]
    assert defects(program, {"flow_policy": 1, "tools": {}}, {}) == SHAPE


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.booleans()), min_size=1, max_size=6))
def test_cycles_are_nodes_that_reach_themselves(drawn: list[tuple[int, int, bool]]) -> None:
    names = [f"n{at}" for at in range(len(drawn))]
    nodes: dict[str, Any] = {}
    for name, (then, other, is_branch) in zip(names, drawn, strict=True):
        first, second = names[then % len(names)], names[other % len(names)]
        nodes[name] = (
            {"kind": "branch", "then": first, "else": second} if is_branch else {"kind": "call", "next": first}
        )
    found = {at for at, code in Graph("n0", nodes).defects(may_cycle=False) if code == "cycle"}
    longest = len(names)
    assert found == {name for name in names if any(end == name and exits for end, exits in ways(nodes, name, longest))}
