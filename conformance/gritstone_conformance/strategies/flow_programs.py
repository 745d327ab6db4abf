"""Programs and policies of flows: worked ones, drawn graphs, and single edits."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from gritstone_conformance.model.flow.values import Ref, Value
from gritstone_conformance.strategies.flow_expressions import change_character, draw_expression
from gritstone_conformance.strategies.flow_values import KINDS
from gritstone_conformance.strategies.tape import Tape

__all__ = ["EVERYTHING", "GRAPH_TAPE", "REFUND", "FlowDraft", "draw_edit", "draw_graph", "edited", "places", "smallest"]

GRAPH_TAPE: Final = 120


@dataclass(frozen=True, slots=True)
class FlowDraft:
    """The arguments of ``flow.check``; a document may be bytes that are not an encoding."""

    program: Any
    policy: Any
    input: Any
    peers: tuple[str, ...] = ("edge",)
    refs: tuple[str, ...] = ()


def smallest(**nodes: Any) -> FlowDraft:
    """Return a program of a start ``s`` and some nodes, under a policy with the tool ``t``; ``e`` is an end."""
    every = {"e": {"kind": "end", "outcome": "success"}, **nodes}
    start = "s" if "s" in nodes else "e"
    policy = {"flow_policy": 1, "tools": {"t": {"peer": "edge", "params": ["v"]}}}
    return FlowDraft({"flow": 1, "name": "n", "start": start, "nodes": every}, policy, {})


REFUND: Final = FlowDraft(
    program={
        "flow": 1,
        "name": "refund",
        "start": "analyze",
        "nodes": {
            "analyze": {
                "kind": "call",
                "tool": "llm",
                "args": {"prompt": "Is order ${input.order} refundable?"},
                "one_of": ["yes", "no"],
                "next": "gate",
            },
            "gate": {
                "kind": "branch",
                "if": "$out.analyze == 'yes' and $input.amount <= 100",
                "then": "pay",
                "else": "reject",
            },
            "pay": {
                "kind": "call",
                "tool": "refund",
                "args": {"order": "$input.order", "amount": "$input.amount"},
                "guards": ["gate.then"],
                "next": "paid",
            },
            "reject": {
                "kind": "call",
                "tool": "mail",
                "args": {"to": "$input.customer", "text": "declined"},
                "next": "declined",
            },
            "paid": {"kind": "end", "outcome": "success", "output": {"receipt": "$out.pay"}},
            "declined": {"kind": "end", "outcome": "success", "output": "declined"},
        },
    },
    policy={
        "flow_policy": 1,
        "eraser": "edge",
        "control": {"cancel": ["edge"], "erase": ["edge"]},
        "tools": {
            "llm": {"peer": "edge", "params": ["prompt"], "cost": 100},
            "mail": {"peer": "edge", "params": ["to", "text"], "refs": ["to"]},
            "refund": {
                "peer": "edge",
                "params": ["order", "amount"],
                "when": "$args.amount <= 100",
                "guarded": True,
            },
        },
    },
    input={"order": "A-17", "amount": 40, "customer": Ref("customer")},
    refs=("customer",),
)
"""The refund of the text: a program with a guard, a policy, and an input with a ref."""

EVERYTHING: Final = FlowDraft(
    program={
        "flow": 1,
        "name": "everything",
        "desc": "every member once",
        "start": "ask",
        "limits": {"max_steps": 50, "max_calls": 20, "max_tokens": 9, "max_stalled": 5, "max_visits": 3},
        "nodes": {
            "ask": {
                "kind": "call",
                "tool": "model",
                "args": {"text": ["${input.name}: $$", {"deep": "$input.list"}]},
                "retry": {"max_attempts": 3, "backoff_ms": 100},
                "timeout_ms": 1_000,
                "one_of": ["yes", "no"],
                "next": "choose",
                "on_error": "lost",
            },
            "choose": {"kind": "branch", "if": "$out.ask == 'yes'", "then": "both", "else": "other"},
            "other": {"kind": "branch", "if": "has $prior.ask", "then": "rest", "else": "ask"},
            "both": {
                "kind": "parallel",
                "calls": {
                    "one": {"tool": "pay", "args": {"amount": "$input.amount", "card": Ref("card")}},
                    "two": {"tool": "model", "args": {}, "optional": True, "timeout_ms": 5},
                    "three": {
                        "tool": "model",
                        "args": {"text": "$dep.one", "note": "${dep.two}"},
                        "depends_on": ["one", "two"],
                        "retry": {"max_attempts": 2},
                    },
                },
                "width": 2,
                "guards": ["choose.then"],
                "next": "rest",
                "on_error": "lost",
            },
            "rest": {"kind": "wait", "event": "go", "timeout_ms": 60_000, "next": "done", "on_error": "lost"},
            "done": {"kind": "end", "outcome": "success", "output": {"all": "$out.both", "went": ["$out.rest"]}},
            "lost": {"kind": "end", "outcome": "failure", "output": "lost ${input.name}"},
        },
    },
    policy={
        "flow_policy": 1,
        "tools": {
            "model": {"peer": "edge", "params": ["text", "note"], "cost": 5},
            "pay": {
                "peer": "bank",
                "params": ["amount", "card"],
                "refs": ["card"],
                "when": "$args.amount <= 100 and (not has $tool.pay or $input.amount == 40)",
                "guarded": True,
            },
        },
        "timer": "clock",
        "eraser": "edge",
        "agent": "edge",
        "events": {"go": ["edge", "bank"], "unused event": ["edge"]},
        "limits": {
            "max_steps": 100,
            "max_calls": 100,
            "max_tokens": 100,
            "max_stalled": 100,
            "max_visits": 100,
            "max_replans": 2,
        },
        "control": {"cancel": ["edge"], "erase": [], "replan": ["edge", "bank"], "cleanup": ["edge"]},
    },
    input={"name": "n", "amount": 40, "list": [1, Ref("card")]},
    peers=("bank", "clock", "edge"),
    refs=("card", "spare"),
)
"""A program with nodes of all kinds under a policy with all members, and without defects."""


# --- edits ---------------------------------------------------------------------------------------------------


def places(value: Value, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Yield the paths of all values in a document, the document itself first."""
    yield path
    if isinstance(value, dict):
        for key, item in value.items():
            yield from places(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from places(item, (*path, index))


def edited(draft: FlowDraft, document: str, path: tuple[str | int, ...], value: Any) -> FlowDraft:
    """Return the draft with the value at a path replaced, or removed if it is ``...``."""
    changed = copy.deepcopy(getattr(draft, document))
    if not path:
        whole: Any = {document: b"" if value is ... else value}
        return replace(draft, **whole)
    at = changed
    for step in path[:-1]:
        at = at[step]
    if value is ...:
        del at[path[-1]]
    elif isinstance(at, list) and path[-1] == len(at):
        at.append(value)
    else:
        at[path[-1]] = value
    return replace(draft, **{document: changed})


_NAMES: Final = (
    *("ask", "choose", "both", "rest", "done", "lost", "other", "one", "three", "model", "pay", "go", "edge", "card"),
    *("nope", "start", "", "A", "1a", "a-b", "a" * 63, "a" * 64, "choose.else", "other.then", "choose", "nope.then"),
    *("both.then", "choose.other", "call", "parallel", "branch", "wait", "end", "success", "failure", "bank", "spare"),
)
_NUMBERS: Final = (
    *(0, 1, 2, -1, 10, 11, 16, 17, 64, 65, 1_000, 1_001, 10_000, 10_001, 30_000, 30_001, 86_400_000, 86_400_001),
    *(10**9, 10**9 + 1, 10**12, 10**12 + 1, 2**63 - 1, -(2**63)),
)
_MEMBERS: Final = (
    *("otherwise", "depends_on", "if", "then", "else", "next", "on_error", "guards", "timeout_ms", "retry", "one_of"),
    *("output", "width", "calls", "tool", "args", "kind", "desc", "limits", "when", "refs", "cost", "guarded", "x", ""),
    *("optional", "event", "outcome", "max_replans", "max_visits", "timer", "control", "events", "peer", "params"),
)
_LEAVES: Final = (
    *("$input.name", "$out.ask", "$out.done", "$out.nope", "$prior.any", "$args.amount", "$dep.one", "$dep.two"),
    *("$tool.model", "$tool.nope", "$env.x", "$5", "${input}", "$$", "$input.name ", "${out.ask} ${dep.three}", "$out"),
)
_CONDITIONS: Final = (
    *(
        "True",
        "$out.both == None",
        "$out.lost == 1",
        "$args.x == 1",
        "$dep.one == 1",
        "$tool.pay == 1",
        "$args.card in 'a'",
    ),
    *("!$out.ask", "", "$out.ask == 'yes' x", "$input.x == 1 or $out.nope == 1", "(" * 33 + "True" + ")" * 33),
)


def draw_edit(tape: Tape, draft: FlowDraft) -> FlowDraft:
    """Return the draft with one edit somewhere in its documents, or in the names of its peers or refs."""
    document = tape.pick(("program",) * 6 + ("policy",) * 3 + ("input", "peers", "refs"))
    if document in ("peers", "refs"):
        names = getattr(draft, document)
        return replace(draft, **{document: names[:-1] if tape.below(2) else names[1:]})
    whole = getattr(draft, document)
    paths = list(places(whole))
    path = paths[tape.below(len(paths))]
    at = whole
    for step in path:
        at = at[step]
    return edited(draft, document, *_change(tape, path, at))


def _change(tape: Tape, path: tuple[str | int, ...], at: Any) -> tuple[tuple[str | int, ...], Any]:
    """Return a path and a value for it, or ``...`` to remove what is there."""
    way = tape.below(5)
    if way == 0 and path:
        return path, ...
    if way == 1:
        return path, tape.pick(tuple(KINDS.values()))
    if isinstance(at, dict):
        return (*path, tape.pick((*_MEMBERS, *_NAMES))), tape.pick(_fresh(at))
    if isinstance(at, list):
        return (*path, len(at)), tape.pick((*at, *_NAMES, *_LEAVES))
    if isinstance(at, bool):
        return path, not at
    if isinstance(at, int):
        return path, tape.pick((*_NUMBERS, at + 1, at - 1))
    if isinstance(at, str):
        return path, _text(tape, path, at)
    return path, Ref(tape.pick(("spare", "nope", "card")))


def _fresh(at: dict[str, Any]) -> tuple[Any, ...]:
    """Return values for another member of a map: one of its own first."""
    return (*list(at.values())[:4], "done", 1, True, ["choose.then"], [], {}, "$input.name", "$dep.one", Ref("card"))


def _text(tape: Tape, path: tuple[str | int, ...], at: str) -> str:
    if path[-1] in ("if", "when"):
        kind = tape.below(4)
        if kind == 0:
            return draw_expression(tape, 1)
        return tape.pick(_CONDITIONS) if kind == 1 else change_character(tape, at)
    if "args" in path or "output" in path:
        return tape.pick(_LEAVES) if tape.below(2) else change_character(tape, at)
    return tape.pick(_NAMES) if tape.below(3) else change_character(tape, at)


# --- graphs --------------------------------------------------------------------------------------------------


def draw_graph(tape: Tape, most: int = 9) -> FlowDraft:
    """Return a program of a few nodes with drawn targets and guards, most without cycles, under a small policy."""
    count = tape.within(2, most)
    names = [f"n{index}" for index in range(count)]
    branches = [name for name in names if tape.below(2)]
    exits = [f"{name}.{side}" for name in branches for side in ("then", "else")] or ["n0.then"]
    backwards = tape.once_in(3)
    nodes: dict[str, Any] = {}
    for index, name in enumerate(names):
        targets = names if backwards else names[index + 1 :] or ["e"]
        nodes[name] = _drawn_node(tape, name in branches, [*targets, "e"], exits)
    nodes["e"] = {"kind": "end", "outcome": "success"}
    if tape.once_in(4):
        nodes["f"] = {"kind": "end", "outcome": "failure"}
    program = {"flow": 1, "name": "n", "start": tape.pick(("n0", "n0", "n1")), "nodes": nodes}
    if tape.below(2):
        program["limits"] = {"max_visits": tape.within(1, 2)}
    return replace(smallest(), program=program)


def _drawn_node(tape: Tape, is_branch: bool, targets: list[str], exits: list[str]) -> dict[str, Any]:
    if is_branch:
        return {"kind": "branch", "if": "True", "then": tape.pick(targets), "else": tape.pick(targets)}
    node: dict[str, Any] = {"kind": "call", "tool": "t", "args": {}, "next": tape.pick(targets)}
    if tape.once_in(4):
        node = {"kind": "parallel", "calls": {"c": {"tool": "t", "args": {}}}, "next": node["next"]}
    if tape.once_in(3):
        node["on_error"] = tape.pick(targets)
    if tape.below(2):
        guards = [tape.pick(exits) for _ in range(tape.within(1, 2))]
        node["guards"] = [*dict.fromkeys(guards)]
    return node
