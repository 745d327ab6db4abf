"""Drafts of vectors of the check of flows: programs, policies and inputs with an edit, and their defects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from gritstone_conformance.model.flow.values import Ref
from gritstone_conformance.strategies.flow_programs import EVERYTHING, REFUND, FlowDraft, edited, smallest
from selftests.vectors.flow_texts import FlowVector

__all__ = ["check_vectors"]

_Path = tuple[str | int, ...]
_NODES: Final = ("nodes",)
_CALLS: Final = (*_NODES, "both", "calls")

_REFUND: Final[dict[str, tuple[_Path, Any, list[list[str]]]]] = {
    "no-guards": ((*_NODES, "pay", "guards"), ..., [["pay", "unguarded"]]),
    "around-the-guard": ((*_NODES, "reject", "next"), "pay", [["declined", "unreachable"], ["pay", "guard"]]),
    "both-exits": (
        (*_NODES, "gate", "else"),
        "pay",
        [["declined", "unreachable"], ["pay", "guard"], ["reject", "unreachable"]],
    ),
    "cycle": ((*_NODES, "pay", "next"), "gate", [["gate", "cycle"], ["paid", "unreachable"], ["pay", "cycle"]]),
    "expression": ((*_NODES, "gate", "if"), "!$out.analyze", [["gate", "expression"]]),
}
"""The edits of the example of the chapter on checks."""

_PROGRAMS: Final[dict[str, tuple[_Path, Any, list[list[str]]]]] = {
    "start-unknown": (("start",), "nope", [["", "unknown-target"]]),
    "next-unknown": ((*_NODES, "ask", "next"), "nope", [["ask", "unknown-target"]]),
    "on-error-unknown": ((*_NODES, "rest", "on_error"), "nope", [["rest", "unknown-target"]]),
    "depends-unknown": ((*_CALLS, "three", "depends_on"), ["one", "two", "nope"], [["both.three", "unknown-target"]]),
    "tool-unknown": ((*_NODES, "ask", "tool"), "nope", [["ask", "unknown-tool"]]),
    "tool-of-sub-unknown": ((*_CALLS, "two", "tool"), "nope", [["both.two", "unknown-tool"]]),
    "param-unknown": ((*_NODES, "ask", "args"), {"texts": 1}, [["ask", "unknown-param"]]),
    "event-unknown": ((*_NODES, "rest", "event"), "gone", [["rest", "unknown-event"]]),
    "out-of-no-node": ((*_NODES, "choose", "if"), "$out.nope == 'yes'", [["choose", "unknown-variable"]]),
    "out-of-an-end": ((*_NODES, "choose", "if"), "has $out.done", [["choose", "unknown-variable"]]),
    "args-in-condition": ((*_NODES, "choose", "if"), "$args.x == 1", [["choose", "unknown-variable"]]),
    "dep-in-output": ((*_NODES, "done", "output"), "$dep.one", [["done", "unknown-variable"]]),
    "dep-not-listed": ((*_CALLS, "two", "args"), {"text": "$dep.one"}, [["both.two", "unknown-variable"]]),
    "tool-in-args": ((*_NODES, "ask", "args"), {"text": "$tool.pay"}, [["ask", "unknown-variable"]]),
    "variable-beside-malformed": (
        (*_NODES, "ask", "args"),
        {"text": ["$5", "$args.x"]},
        [["ask", "template"], ["ask", "unknown-variable"]],
    ),
    "ref-in-args": ((*_NODES, "ask", "args"), {"text": [Ref("nope")]}, [["ask", "unknown-ref"]]),
    "ref-in-output": ((*_NODES, "lost", "output"), {"deep": Ref("nope")}, [["lost", "unknown-ref"]]),
    "template": ((*_NODES, "done", "output"), "costs 5 $", [["done", "template"]]),
    "template-of-sub": ((*_CALLS, "one", "args", "amount"), "$input", [["both.one", "template"]]),
    "condition-empty": ((*_NODES, "other", "if"), "", [["other", "expression"]]),
    "condition-exhausted": ((*_NODES, "other", "if"), "(" * 33 + "True" + ")" * 33, [["other", "expression"]]),
    "depends-on-itself": (
        (*_CALLS, "two", "depends_on"),
        ["three"],
        [["both.three", "depends-cycle"], ["both.two", "depends-cycle"]],
    ),
    "unguarded-parallel": ((*_NODES, "both", "guards"), ..., [["both", "unguarded"]]),
    "guard-of-other-exit": ((*_NODES, "both", "guards"), ["choose.else"], [["both", "guard"]]),
    "guard-of-no-branch": ((*_NODES, "both", "guards"), ["ask.then"], [["both", "guard"]]),
    "guard-of-no-node": ((*_NODES, "both", "guards"), ["nope.then"], [["both", "guard"]]),
    "guard-avoided": ((*_NODES, "other", "then"), "both", [["both", "guard"]]),
    "visits-once": (
        ("limits", "max_visits"),
        1,
        [["ask", "cycle"], ["choose", "cycle"], ["other", "cycle"]],
    ),
    "unreachable": ((*_NODES, "choose", "then"), "rest", [["both", "unreachable"]]),
    "no-exit": (
        (*_NODES, "ask", "next"),
        "ask",
        [[name, "unreachable"] for name in ("both", "choose", "done", "other", "rest")],
    ),
}
"""Edits of the program with every member."""

_POLICIES: Final[dict[str, tuple[_Path, Any, list[list[str]]]]] = {
    "peer-unknown": (("tools", "model", "peer"), "nope", [["model", "unknown-peer"]]),
    "timer-unknown": (("timer",), "nope", [["", "unknown-peer"]]),
    "event-peer-unknown": (("events", "go"), ["edge", "nope"], [["", "unknown-peer"]]),
    "control-peer-unknown": (("control", "erase"), ["nope"], [["", "unknown-peer"]]),
    "no-timer": (("timer",), ..., [["ask", "no-timer"], ["both.two", "no-timer"], ["rest", "no-timer"]]),
    "when-malformed": (("tools", "pay", "when"), "$args.amount <", [["pay", "policy-expression"]]),
    "when-of-no-param": (("tools", "pay", "when"), "has $args.text", [["pay", "policy-variable"]]),
    "when-of-no-tool": (("tools", "pay", "when"), "has $tool.nope", [["pay", "policy-variable"]]),
    "when-of-output": (("tools", "pay", "when"), "has $out.ask", [["pay", "policy-variable"]]),
    "refs-not-in-params": (("tools", "pay", "refs"), ["cards"], [["", "policy-shape"]]),
    "params-twice": (("tools", "pay", "params"), ["amount", "card", "card"], [["", "policy-shape"]]),
    "event-without-peers": (("events", "go"), [], [["", "policy-shape"]]),
}

_CLOSED: Final[dict[str, tuple[str, _Path, Any, list[list[str]]]]] = {
    "program": ("program", ("nodez",), {}, [["", "shape"]]),
    "program-lacks-name": ("program", ("name",), ..., [["", "shape"]]),
    "limits": ("program", ("limits", "max_replans"), 0, [["", "shape"]]),
    "otherwise": ("program", (*_NODES, "choose", "otherwise"), "rest", [["choose", "shape"]]),
    "branch-lacks-else": ("program", (*_NODES, "choose", "else"), ..., [["choose", "shape"]]),
    "depends-on-a-call": ("program", (*_NODES, "ask", "depends_on"), ["one"], [["ask", "shape"]]),
    "call-lacks-args": ("program", (*_NODES, "ask", "args"), ..., [["ask", "shape"]]),
    "guards-of-a-branch": ("program", (*_NODES, "choose", "guards"), ["other.then"], [["choose", "shape"]]),
    "retry": ("program", (*_NODES, "ask", "retry", "backoff"), 1, [["ask", "shape"]]),
    "guards-of-a-sub": ("program", (*_CALLS, "one", "guards"), ["choose.then"], [["both", "shape"]]),
    "kind-unknown": ("program", (*_NODES, "done", "kind"), "stop", [["done", "shape"]]),
    "next-of-an-end": ("program", (*_NODES, "done", "next"), "lost", [["done", "shape"]]),
    "name-of-a-node": ("program", (*_NODES, "Ask"), {"kind": "end", "outcome": "success"}, [["", "shape"]]),
    "name-of-an-odd-node": ("program", (*_NODES, "Ask"), 1, [["", "shape"]]),
    "policy": ("policy", ("tool",), {}, [["", "policy-shape"]]),
    "policy-lacks-tools": ("policy", ("tools",), ..., [["", "policy-shape"]]),
    "tool": ("policy", ("tools", "pay", "guard"), True, [["", "policy-shape"]]),
    "tool-lacks-params": ("policy", ("tools", "pay", "params"), ..., [["", "policy-shape"]]),
    "control": ("policy", ("control", "resume"), [], [["", "policy-shape"]]),
    "any-member-of-args": ("program", (*_NODES, "ask", "args", "text"), {"otherwise": 1}, []),
}

_RANGES: Final[dict[str, tuple[str, _Path, int, int, str]]] = {
    "attempts": ("program", (*_NODES, "ask", "retry", "max_attempts"), 1, 10, "ask"),
    "backoff": ("program", (*_NODES, "ask", "retry", "backoff_ms"), 0, 30_000, "ask"),
    "timeout": ("program", (*_NODES, "rest", "timeout_ms"), 1, 86_400_000, "rest"),
    "width": ("program", (*_NODES, "both", "width"), 1, 64, "both"),
    "max-tokens": ("program", ("limits", "max_tokens"), 0, 10**12, ""),
    "max-stalled": ("program", ("limits", "max_stalled"), 1, 1_000, ""),
    "cost": ("policy", ("tools", "model", "cost"), 0, 10**9, ""),
    "max-replans": ("policy", ("limits", "max_replans"), 0, 16, ""),
}


def check_vectors() -> Iterator[FlowVector]:
    """Yield the vectors of the check."""
    yield _vector("check/refund", "check.defects", REFUND, [])
    yield _vector("check/everything", "check.defects", EVERYTHING, [])
    yield _vector("check/smallest", "check.defects", smallest(), [])
    for slug, (path, value, defects) in _REFUND.items():
        rule = "check.guard" if "guard" in {code for _, code in defects} else "check.defects"
        yield _vector(f"check/refund-{slug}", rule, edited(REFUND, "program", path, value), defects)
    draft = edited(REFUND, "policy", ("tools", "llm", "peer"), "x")
    yield _vector("check/refund-peer", "check.defects", draft, [["llm", "unknown-peer"]])
    for document, rows in (("program", _PROGRAMS), ("policy", _POLICIES)):
        for slug, (path, value, defects) in rows.items():
            rule = "check.guard" if "guard" in slug and "unguarded" not in slug else "check.defects"
            yield _vector(f"check/{slug}", rule, edited(EVERYTHING, document, path, value), defects)
    for slug, (document, path, value, defects) in _CLOSED.items():
        yield _vector(f"closed/{slug}", "check.closed", edited(EVERYTHING, document, path, value), defects)
    yield from _ranges()
    yield from _stages()


def _vector(name: str, rule: str, draft: FlowDraft, defects: list[list[str]]) -> FlowVector:
    args = {name: getattr(draft, name) for name in ("program", "policy", "input")}
    return FlowVector(name, (rule,), "check", args | {"peers": list(draft.peers), "refs": list(draft.refs)}, defects)


def _ranges() -> Iterator[FlowVector]:
    for slug, (document, path, least, most, at) in _RANGES.items():
        defect = [["", "policy-shape"]] if document == "policy" else [[at, "shape"]]
        rows = {"least": (least, []), "most": (most, []), "below": (least - 1, defect), "above": (most + 1, defect)}
        for end, (value, defects) in {**rows, "text": (str(least), defect), "bool": (True, defect)}.items():
            yield _vector(f"range/{slug}-{end}", "check.ranges", edited(EVERYTHING, document, path, value), defects)


def _stages() -> Iterator[FlowVector]:
    """Yield vectors of the order of stages, of bytes, and of several defects."""
    malformed = [["", "input-malformed"], ["", "policy-malformed"], ["", "program-malformed"]]
    bytes_only = FlowDraft(b"\xff", b"", b"\x9f\xff")
    yield _vector("check/only-bytes", "check.total", bytes_only, malformed)
    yield _vector("check/input-list", "check.total", replace(EVERYTHING, input=[]), [["", "input-malformed"]])
    yield _vector("check/program-null", "check.total", replace(EVERYTHING, program=None), [["", "shape"]])
    yield _vector("check/policy-null", "check.total", replace(EVERYTHING, policy=None), [["", "policy-shape"]])
    both = edited(edited(EVERYTHING, "program", ("name",), ""), "program", (*_NODES, "ask", "next"), 1)
    yield _vector("check/shapes-at-once", "check.defects", both, [["", "shape"], ["ask", "shape"]])
    first = edited(both, "policy", ("timers",), 1)
    yield _vector("check/policy-before-program", "check.defects", first, [["", "policy-shape"]])
    several = edited(edited(EVERYTHING, "program", ("start",), "nope"), "program", (*_NODES, "other", "if"), "x")
    yield _vector(
        "check/no-ways-without-targets", "check.defects", several, [["", "unknown-target"], ["other", "expression"]]
    )
    ways = edited(edited(EVERYTHING, "program", (*_NODES, "other", "if"), "x"), "program", ("limits", "max_visits"), 1)
    cycle = [["ask", "cycle"], ["choose", "cycle"], ["other", "cycle"], ["other", "expression"]]
    yield _vector("check/ways-beside-expressions", "check.defects", ways, cycle)
    yield _vector("check/input-ref", "check.defects", replace(EVERYTHING, refs=("spare",)), _unknown_refs())
    nodes = {f"x{number}": {"kind": "end", "outcome": "success"} for number in range(3)}
    odd = {"flow": 1, "name": "n", "start": "x0", "nodes": nodes}
    unreachable = [["x1", "unreachable"], ["x2", "unreachable"]]
    yield _vector("check/ends-only", "check.defects", replace(smallest(), program=odd), unreachable)


def _unknown_refs() -> list[list[str]]:
    return [["", "unknown-ref"], ["both.one", "unknown-ref"]]
