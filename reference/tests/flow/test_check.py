"""The check of programs: every defect, its place, and the stages."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gritstone.flow.check import Defect, check
from gritstone.flow.graph import Dominators, on_cycles, reachable
from gritstone.flow.values import Ref, encode_value

from .worked import NO_TOOLS, REFUND, REFUND_INPUT, REFUND_POLICY, SMALLEST, edited, encoded


def defects(program: Any = REFUND, policy: Any = REFUND_POLICY, data: Any = None) -> list[Defect]:
    """Return the defects of the refund with one part replaced."""
    encodings = encoded(program, policy, REFUND_INPUT if data is None else data)
    return check(encodings[0], encodings[1], encodings[2], ["edge"], ["customer"])


def call(**members: Any) -> dict[str, Any]:
    """Return a call of ``mail``."""
    return {"kind": "call", "tool": "mail", "args": {}, "next": "e", **members}


def program_of(**nodes: Any) -> dict[str, Any]:
    """Return a program that starts at ``a`` and has an end ``e``."""
    return {"flow": 1, "name": "n", "start": "a", "nodes": {"e": {"kind": "end", "outcome": "success"}, **nodes}}


def branch(then: str, other: str, condition: str = "True") -> dict[str, Any]:
    return {"kind": "branch", "if": condition, "then": then, "else": other}


def test_worked_programs_have_no_defects() -> None:
    assert not defects()
    assert not defects(edited(REFUND, "nodes.gate.if", "True"))
    assert not check(encode_value(SMALLEST), encode_value(NO_TOOLS), encode_value({}), [], [])


@pytest.mark.parametrize(
    ("path", "new", "expected"),
    [
        ("nodes.pay.guards", None, "pay unguarded"),
        ("nodes.reject.next", "pay", "declined unreachable, pay guard"),
        ("nodes.gate.else", "pay", "declined unreachable, pay guard, reject unreachable"),
        ("nodes.pay.next", "gate", "gate cycle, paid unreachable, pay cycle"),
        ("nodes.gate.if", "!$out.analyze", "gate expression"),
        ("nodes.gate.if", "$dep.a == 1", "gate unknown-variable"),
        ("nodes.gate.if", "$out.paid == 1", "gate unknown-variable"),
        ("nodes.pay.guards", ["gate.else"], "pay guard"),
        ("nodes.pay.guards", ["analyze.then"], "pay guard"),
        ("nodes.pay.tool", "x", "pay unknown-tool"),
        ("nodes.pay.args.more", 1, "pay unknown-param"),
        ("nodes.pay.args.order", "$", "pay template"),
        ("nodes.pay.args.order", ["$", "$out.x"], "pay template, pay unknown-variable"),
        ("nodes.pay.args.order", Ref("x"), "pay unknown-ref"),
        ("nodes.pay.timeout_ms", 1, "pay no-timer"),
        ("nodes.pay.retry", {"max_attempts": 2, "backoff_ms": 0}, ""),
        ("nodes.pay.retry", {"max_attempts": 2, "backoff_ms": 1}, "pay no-timer"),
        ("nodes.pay.next", "x", "pay unknown-target"),
        ("start", "x", " unknown-target"),
        (
            "start",
            "declined",
            "analyze unreachable, gate unreachable, paid unreachable, pay unreachable, reject unreachable",
        ),
        ("nodes.pay.otherwise", "x", "pay shape"),
        ("nodes.pay.depends_on", ["gate"], "pay shape"),
        ("nodes.pay.kind", "x", "pay shape"),
        ("nodes.pay.timeout_ms", True, "pay shape"),
        ("nodes.pay.guards", ["gate.then", "gate.then"], "pay shape"),
        ("nodes.Pay", {}, " shape"),
        ("limits", {"max_replans": 1}, " shape"),
        ("flow", True, " shape"),
        ("nodes", {}, " shape"),
    ],
)
def test_edited_programs_have_defects(path: str, new: Any, expected: str) -> None:
    found = ", ".join(f"{at} {code}" for at, code in defects(edited(REFUND, path, new)))
    assert found == expected


@pytest.mark.parametrize(
    ("path", "new", "expected"),
    [
        ("tools.llm.peer", "x", "llm unknown-peer"),
        ("eraser", "x", " unknown-peer"),
        ("control.cancel", ["x"], " unknown-peer"),
        ("events", {"go": ["x"]}, " unknown-peer"),
        ("tools.refund.when", "1 =", "refund policy-expression"),
        ("tools.refund.when", "$out.analyze == 1", "refund policy-variable"),
        ("tools.refund.when", "$tool.x == 1", "refund policy-variable"),
        ("tools.refund.when", "$args.x == 1", "refund policy-variable"),
        ("tools.refund.when", "$tool.llm == 'yes' and $input.order != ''", ""),
        ("tools.mail.refs", ["x"], " policy-shape"),
        ("tools.mail.params", ["to", "to"], " policy-shape"),
        ("events", {"go": []}, " policy-shape"),
        ("limits", {"max_replans": 17}, " policy-shape"),
    ],
)
def test_edited_policies_have_defects(path: str, new: Any, expected: str) -> None:
    found = ", ".join(f"{at} {code}" for at, code in defects(policy=edited(REFUND_POLICY, path, new)))
    assert found == expected


def test_stages_end_at_the_first_one_with_a_defect() -> None:
    bad = edited(edited(REFUND, "nodes.pay.next", "x"), "nodes.gate.if", "")
    assert defects(bad) == [("gate", "expression"), ("pay", "unknown-target")]
    assert defects(edited(bad, "nodes.pay.x", 1)) == [("pay", "shape")]
    assert defects(edited(bad, "nodes.pay.x", 1), policy=1) == [("", "policy-shape")]
    assert check(None, b"", b"\x80", [], []) == [
        ("", "input-malformed"),
        ("", "policy-malformed"),
        ("", "program-malformed"),
    ]
    assert defects(data={"a": Ref("x")}) == [("", "unknown-ref")]


def test_parallels_are_checked_by_sub() -> None:
    def parallel(**subs: Any) -> list[Defect]:
        calls = {name: {"tool": "mail", "args": {}, **members} for name, members in subs.items()}
        return defects(program_of(a={"kind": "parallel", "calls": calls, "next": "e"}))

    assert not parallel(x={}, y={"depends_on": ["x"], "args": {"to": "$dep.x"}, "optional": True})
    assert parallel(x={}, y={"args": {"to": "$dep.x"}}) == [("a.y", "unknown-variable")]
    assert parallel(x={"depends_on": ["z"]}) == [("a.x", "unknown-target")]
    assert parallel(x={"tool": "z"}, y={"timeout_ms": 1}) == [("a.x", "unknown-tool"), ("a.y", "no-timer")]
    assert parallel(x={"tool": "refund"}, y={"tool": "refund"}) == [("a", "unguarded")]
    chain = {
        "x": {"depends_on": ["y"]},
        "y": {"depends_on": ["x"]},
        "z": {"depends_on": ["x"]},
        "w": {"depends_on": ["w"]},
    }
    assert parallel(**chain) == [("a.w", "depends-cycle"), ("a.x", "depends-cycle"), ("a.y", "depends-cycle")]


def test_waits_and_events_are_checked() -> None:
    wait = {"kind": "wait", "event": "go", "next": "e"}
    assert defects(program_of(a=wait)) == [("a", "unknown-event")]
    with_event = edited(REFUND_POLICY, "events", {"go": ["edge"]})
    assert not defects(program_of(a=wait), with_event)
    assert defects(program_of(a={**wait, "timeout_ms": 1}), with_event) == [("a", "no-timer")]


def test_cycles_need_visits_and_an_exit() -> None:
    loop = program_of(a=call(next="a"))
    assert defects(loop) == [("", "no-exit"), ("a", "cycle"), ("e", "unreachable")]
    assert defects({**loop, "limits": {"max_visits": 2}}) == [("", "no-exit"), ("e", "unreachable")]


def test_an_exit_guards_only_what_it_dominates() -> None:
    both = program_of(a=branch("b", "b"), b=call(guards=["a.then"]))
    assert defects(both) == [("b", "guard")]
    after = program_of(a=branch("b", "e"), b=call(next="c"), c=call(guards=["a.then"]))
    assert not defects(after)
    assert not defects(program_of(a=call(), b=branch("c", "e"), c=call(guards=["b.then"])))[2:]


def test_largest_program_is_checked() -> None:
    nodes: dict[str, Any] = {f"n{i}": branch(f"n{i + 1}", f"n{i // 2}") for i in range(1000)}
    nodes["n1000"] = call(guards=[f"n{i}.then" for i in range(985, 1000)])
    program = {**program_of(**nodes), "start": "n0", "limits": {"max_visits": 2}}
    assert not defects(program)


GRAPHS = st.integers(1, 8).flatmap(
    lambda size: st.lists(st.lists(st.integers(0, size - 1), max_size=3), min_size=size, max_size=size)
)


@given(GRAPHS)
def test_dominators_are_what_every_way_passes(graph: list[list[int]]) -> None:
    dominators = Dominators(graph, 0)
    for above in range(len(graph)):
        without = [[] if vertex == above else targets for vertex, targets in enumerate(graph)]
        passed = {above} | (set(range(len(graph))) - set(reachable(without, 0)))
        if above == 0:
            passed = set(range(len(graph)))
        expected = passed | (set(range(len(graph))) - set(reachable(graph, 0)))
        if above not in reachable(graph, 0):
            expected = set(range(len(graph))) - set(reachable(graph, 0))
        assert {one for one in range(len(graph)) if dominators.dominates(above, one)} == expected


@given(GRAPHS)
def test_cycles_lead_back(graph: list[list[int]]) -> None:
    expected = {
        vertex for vertex, targets in enumerate(graph) if any(vertex in reachable(graph, one) for one in targets)
    }
    assert on_cycles(graph) == expected


@given(st.recursive(st.none() | st.integers(0, 3) | st.sampled_from(["call", "a", "$"]), st.lists))
def test_any_value_has_defects_as_a_program(value: Any) -> None:
    assert defects(value) == [("", "shape")]
    assert defects({"nodes": {"a": value}}) == [("", "shape"), ("a", "shape")]


def test_any_bytes_have_defects() -> None:
    assert check(b"\xff", encode_value(NO_TOOLS), encode_value({}), [], []) == [("", "program-malformed")]
    assert check(b"\x81" * 200_000, b"\x9b" + b"\xff" * 8, b"", [], []) == [
        ("", "input-malformed"),
        ("", "policy-malformed"),
        ("", "program-malformed"),
    ]
