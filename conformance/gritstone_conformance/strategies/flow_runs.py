"""Programs and policies of flows that are run: small worked ones, and drawn ones with nodes of all kinds."""

from __future__ import annotations

from typing import Any, Final

from gritstone_conformance.model.flow.values import Ref
from gritstone_conformance.strategies.tape import Tape

__all__ = ["RUN_TAPE", "TOOLS", "VALUES", "call", "draw_policy", "draw_program", "end", "policy", "program"]

RUN_TAPE: Final = 120
"""Bytes of tape that a program of six nodes and its policy use."""

VALUES: Final[tuple[Any, ...]] = (
    *(1, "1", "yes", "no", True, None, "stop", 2, [1], {"a": 1}, Ref("card"), Ref("new"), Ref("spare"), [Ref("card")]),
    *({"k": [Ref("new"), Ref("card")]}, "$input.x", "${input.x}", "PENDING", "n1", "x" * 65_000, "yes ", "Yes"),
)
"""Values of results and of events: those that programs compare, refs, and texts that look like parts of a program."""

TOOLS: Final[dict[str, Any]] = {
    "t": {"peer": "edge", "params": ["x", "card"], "refs": ["card", "x"], "cost": 3},
    "u": {"peer": "edge", "params": ["x"], "refs": ["x"], "when": "not has $tool.t or $tool.t != 'stop'"},
    "v": {"peer": "bank", "params": ["x", "y"], "refs": ["y"], "cost": 10, "when": "has $args.x or $input.x == 1"},
}
"""Tools: one without a condition, one whose condition names a fact, and one of another peer."""

_CONTROL: Final[dict[str, Any]] = {
    "cancel": ["desk"],
    "erase": ["desk"],
    "replan": ["desk", "bank"],
    "cleanup": ["desk"],
}


def policy(**members: Any) -> dict[str, Any]:
    """Return a policy with all roles; members replace or add to it, and those that are ``...`` are removed."""
    whole = {"flow_policy": 1, "tools": TOOLS, "timer": "clock", "eraser": "desk", "agent": "desk"}
    whole |= {"events": {"go": ["desk", "edge"], "stop": ["desk"]}, "control": _CONTROL, "limits": {"max_replans": 2}}
    return {name: each for name, each in {**whole, **members}.items() if each is not ...}


def program(start: str, limits: dict[str, int] | None = None, /, **nodes: Any) -> dict[str, Any]:
    """Return a program with the end ``e`` and other nodes."""
    whole: dict[str, Any] = {"flow": 1, "name": "n", "start": start, "nodes": {"e": end(), **nodes}}
    return {**whole, "limits": limits} if limits else whole


def call(to: str = "e", tool: str = "t", **members: Any) -> dict[str, Any]:
    """Return a call without arguments."""
    return {"kind": "call", "tool": tool, "args": {}, "next": to, **members}


def end(outcome: str = "success", **members: Any) -> dict[str, Any]:
    """Return an end."""
    return {"kind": "end", "outcome": outcome, **members}


# --- drawn ---------------------------------------------------------------------------------------------------

_ARGS: Final[tuple[dict[str, Any], ...]] = (
    *({"x": 1}, {}, {"x": "$input.x"}, {"x": {"deep": ["$input.x", "${input.x}!"]}}, {"x": [[], {}, None]}),
)
_RARE_ARGS: Final[tuple[dict[str, Any], ...]] = (
    *({"x": "$input.card"}, {"x": "$input.nope"}, {"x": "$prior.n0"}, {"x": "${out.n0}"}, {"x": Ref("card")}),
    *({"x": "$out.n0"}, {"x": {"all": ["$out.n0", Ref("spare")]}}, {"x": "${input.x.y}"}),
)
_RETRIES: Final = (None, {"max_attempts": 2}, {"max_attempts": 3, "backoff_ms": 100}, {"max_attempts": 10}, None)
_CONDITIONS: Final = (
    *("has $out.n0 and $out.n0 == 1", "$input.x == 1", "has $out.n1", "not has $out.n2 or $out.n2 == None"),
    *("has $prior.n0", "$input.x != 1", "has $out.n0 and has $out.n1", "$out.n0 == 1", "$out.n1 in $out.n0"),
)
_OUTPUTS: Final = (None, "$input.card", {"all": ["$input.x", "${input.x}"]}, "done", "$out.n0", "${out.n0}")


def draw_program(tape: Tape, name: str = "n") -> dict[str, Any]:
    """Return a program of one to five nodes and two ends; most are without defects."""
    names = [f"n{number}" for number in range(tape.within(1, 5))]
    nodes: dict[str, Any] = {"e": _drawn_end(tape, "success"), "f": _drawn_end(tape, "failure")}
    for number, node in enumerate(names):
        following = [*names[number + 1 :], "e"][0]
        nodes[node] = _drawn_node(tape, following, ("f", *names, "e"))
    targets = {each for node in nodes.values() for key, each in node.items() if key in ("next", "then", "else")}
    if "f" not in targets | {node.get("on_error") for node in nodes.values()}:
        del nodes["f"]
    whole: dict[str, Any] = {"flow": 1, "name": name, "start": "n0", "nodes": nodes}
    limits = {"max_visits": tape.pick((3, 2, 20, 3, 20, 1)), **_drawn_limits(tape)}
    return {**whole, "limits": limits}


def _drawn_limits(tape: Tape) -> dict[str, int]:
    choices = {
        "max_steps": (6, 10, 3, 10_000),
        "max_calls": (4, 6, 2, 10_000),
        "max_tokens": (40, 100, 12, 10**12),
        "max_stalled": (3, 2, 1, 1_000),
    }
    return {name: tape.pick(values) for name, values in choices.items() if tape.once_in(3)}


def _drawn_end(tape: Tape, outcome: str) -> dict[str, Any]:
    output = tape.pick(_OUTPUTS)
    return end(outcome) if output is None else end(outcome, output=output)


def _drawn_node(tape: Tape, following: str, others: tuple[str, ...]) -> dict[str, Any]:
    kind = tape.pick(("call", "call", "parallel", "wait", "branch"))
    if kind == "branch":
        sides = {"then": following, "else": tape.pick((following, *others))}
        return {"kind": "branch", "if": tape.pick(_CONDITIONS), **sides}
    node: dict[str, Any] = {"kind": kind, "next": following}
    if tape.below(2):
        node["on_error"] = tape.pick(others)
    if kind == "wait":
        return {**node, "event": tape.pick(("go", "stop")), **({"timeout_ms": 50} if tape.below(2) else {})}
    if kind == "call":
        return {**node, **_drawn_work(tape)}
    subs: dict[str, Any] = {}
    for sub in ("b", "a", "d", "cc")[: tape.within(1, 4)]:
        depends = [each for each in subs if tape.once_in(3)]
        subs[sub] = _drawn_work(tape) | ({"depends_on": depends} if depends else {})
        if depends and tape.below(2):
            subs[sub]["args"] = {"x": f"$dep.{depends[0]}"}
        if tape.once_in(3):
            subs[sub]["optional"] = True
    return {**node, "calls": subs, **({"width": tape.within(1, 3)} if tape.below(2) else {})}


def _drawn_work(tape: Tape) -> dict[str, Any]:
    work: dict[str, Any] = {
        "tool": tape.pick(("t", "u", "v")),
        "args": tape.pick(_RARE_ARGS if tape.once_in(4) else _ARGS),
    }
    retry = tape.pick(_RETRIES)
    if retry is not None:
        work["retry"] = retry
    if tape.once_in(3):
        work["timeout_ms"] = tape.pick((50, 86_400_000))
    if tape.once_in(4):
        work["one_of"] = ["1", "yes"]
    return work


def draw_policy(tape: Tape) -> dict[str, Any]:
    """Return a policy for drawn programs, most with all roles."""
    limits = {"max_replans": tape.pick((2, 1, 0)), "max_visits": tape.pick((10_000, 2)), **_drawn_limits(tape)}
    without: dict[str, Any] = dict.fromkeys(("eraser", "agent", "control"), ...) if tape.once_in(6) else {}
    return policy(limits=limits, **without)
