"""The check of a program under a policy: all defects, each with a place and a code.

Stages: the documents, the form of the policy, the form of the program, and then names and the graph together. A stage
is checked only if the stages before it have no defect.

Spec: ``flow/check``; :rule:`flow.check.defects`, :rule:`flow.check.total`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from gritstone.errors import Exhausted, Malformed
from gritstone.flow.expressions import Expression, Variable, read_expression
from gritstone.flow.forms import is_name
from gritstone.flow.graph import Dominators, on_cycles, reachable
from gritstone.flow.limits import MOST_PROGRAM_BYTES, MOST_VALUE_BYTES
from gritstone.flow.shapes import POLICY, PROGRAM_MEMBERS, PROGRAM_REQUIRED, is_node
from gritstone.flow.templates import read_template
from gritstone.flow.values import Value, decode_value, names_of_refs

__all__ = ["Defect", "check", "exits_of"]

Defect: TypeAlias = tuple[str, str]
"""A place (a node, a sub, a tool, or nothing) and a code."""

_PROGRAM_SPACES = frozenset({"input", "out", "prior"})
_SUB_SPACES = _PROGRAM_SPACES | {"dep"}
_EXITS = ("next", "on_error", "then", "else")


def check(
    program: bytes | None, policy: bytes | None, data: bytes | None, peers: Collection[str], refs: Collection[str]
) -> list[Defect]:
    """Return the defects, in ascending order.

    Args:
        program: the encoding of the program; None if there is no document. So for the next two.
        policy: the encoding of the policy.
        data: the encoding of the input.
        peers: the names of the peers of the policy.
        refs: the names of the sealed blobs of the flow.
    """
    values: dict[str, Value] = {}
    found = set()
    for name, encoding, most in (
        ("program", program, MOST_PROGRAM_BYTES),
        ("policy", policy, MOST_VALUE_BYTES),
        ("input", data, MOST_VALUE_BYTES),
    ):
        try:
            values[name] = decode_value(b"" if encoding is None else encoding, most)
        except (Malformed, Exhausted):
            found.add(("", f"{name}-malformed"))
    if type(values.get("input", {})) is not dict:
        found.add(("", "input-malformed"))
    if not found and not POLICY(values["policy"]):
        found.add(("", "policy-shape"))
    if not found:
        found.update(_shapes(values["program"]))
    if not found:
        written = values["program"]
        facts = _Facts(written, written["nodes"], values["policy"], frozenset(peers), frozenset(refs))
        found.update(_names(facts, values["input"]))
        if not any(code == "unknown-target" for _, code in found):
            found.update(_graph(facts))
    return sorted(found)


@dataclass(frozen=True, slots=True)
class _Facts:
    """What the checks of names need.

    Attributes:
        program: of the form of a program.
        nodes: its nodes by name.
        policy: of the form of a policy.
        peers: the names of the peers.
        refs: the names of the sealed blobs.
        expressions: the expressions that were read, by their texts; None for a malformed one.
    """

    program: Value
    nodes: Mapping[str, Value]
    policy: Value
    peers: frozenset[str]
    refs: frozenset[str]
    expressions: dict[str, Expression | None] = field(default_factory=dict)

    def expression(self, text: str) -> Expression | None:
        """Return the expression of a text; None if it is malformed. A program often repeats one."""
        if text not in self.expressions:
            self.expressions[text] = _expression(text)
        return self.expressions[text]


def exits_of(node: Value) -> list[str]:
    """Return the nodes that may be entered after a node."""
    return [node[name] for name in _EXITS if name in node]


def _shapes(program: Value) -> Iterator[Defect]:
    if type(program) is not dict:
        yield "", "shape"
        return
    known = PROGRAM_REQUIRED.keys() <= program.keys() <= PROGRAM_MEMBERS.keys()
    if not known or not all(PROGRAM_MEMBERS[name](member) for name, member in program.items()):
        yield "", "shape"
    nodes = program.get("nodes")
    if type(nodes) is dict:
        yield from ((name, "shape") for name, node in nodes.items() if is_name(name) and not is_node(node))


# --- names -----------------------------------------------------------------------------------------------


def _names(facts: _Facts, data: Value) -> Iterator[Defect]:
    if facts.program["start"] not in facts.nodes:
        yield "", "unknown-target"
    if not names_of_refs(data) <= facts.refs:
        yield "", "unknown-ref"
    yield from _policy(facts)
    for name, node in facts.nodes.items():
        if not facts.nodes.keys() >= set(exits_of(node)):
            yield name, "unknown-target"
        yield from _node(facts, name, node)


def _node(facts: _Facts, name: str, node: Value) -> Iterator[Defect]:
    match node["kind"]:
        case "call":
            yield from _work(facts, name, node, _PROGRAM_SPACES)
            yield from _unguarded(facts, name, node, [node])
        case "parallel":
            yield from _parallel(facts, name, node)
        case "branch":
            yield from _condition(facts, name, node["if"])
        case "wait":
            if node["event"] not in facts.policy.get("events", ()):
                yield name, "unknown-event"
            yield from _timed(facts, name, node)
        case "end":
            if "output" in node:
                yield from _template(facts, name, node["output"], _PROGRAM_SPACES, ())


def _policy(facts: _Facts) -> Iterator[Defect]:
    policy = facts.policy
    named = {policy[role] for role in ("timer", "eraser", "agent") if role in policy}
    named.update(*policy.get("events", {}).values(), *policy.get("control", {}).values())
    if not named <= facts.peers:
        yield "", "unknown-peer"
    for name, tool in policy["tools"].items():
        if tool["peer"] not in facts.peers:
            yield name, "unknown-peer"
        if "when" not in tool:
            continue
        expression = facts.expression(tool["when"])
        if expression is None:
            yield name, "policy-expression"
        elif not all(_is_known_to_tool(facts, tool, one) for one in expression.variables):
            yield name, "policy-variable"


def _is_known_to_tool(facts: _Facts, tool: Value, variable: Variable) -> bool:
    if variable.space == "tool":
        return variable.path[0] in facts.policy["tools"]
    if variable.space == "args":
        return variable.path[0] in tool["params"]
    return variable.space == "input"


def _work(facts: _Facts, at: str, work: Value, spaces: frozenset[str]) -> Iterator[Defect]:
    """Check the members that a call and a sub have in common."""
    tool = facts.policy["tools"].get(work["tool"])
    if tool is None:
        yield at, "unknown-tool"
    elif not work["args"].keys() <= set(tool["params"]):
        yield at, "unknown-param"
    yield from _template(facts, at, work["args"], spaces, work.get("depends_on", ()))
    yield from _timed(facts, at, work)


def _timed(facts: _Facts, at: str, timed: Value) -> Iterator[Defect]:
    if "timer" not in facts.policy and ("timeout_ms" in timed or timed.get("retry", {}).get("backoff_ms", 0)):
        yield at, "no-timer"


def _unguarded(facts: _Facts, name: str, node: Value, works: Iterable[Value]) -> Iterator[Defect]:
    tools = facts.policy["tools"]
    if "guards" not in node and any(tools.get(work["tool"], {}).get("guarded", False) for work in works):
        yield name, "unguarded"


def _parallel(facts: _Facts, name: str, node: Value) -> Iterator[Defect]:
    subs = node["calls"]
    for sub, work in subs.items():
        if not all(one in subs for one in work.get("depends_on", ())):
            yield f"{name}.{sub}", "unknown-target"
        yield from _work(facts, f"{name}.{sub}", work, _SUB_SPACES)
    yield from _unguarded(facts, name, node, subs.values())
    number = {sub: index for index, sub in enumerate(subs)}
    graph = [[number[one] for one in work.get("depends_on", ()) if one in number] for work in subs.values()]
    cyclic = on_cycles(graph)
    yield from ((f"{name}.{sub}", "depends-cycle") for sub, index in number.items() if index in cyclic)


def _condition(facts: _Facts, name: str, text: str) -> Iterator[Defect]:
    expression = facts.expression(text)
    if expression is None:
        yield name, "expression"
    elif not all(_is_known(facts, one, _PROGRAM_SPACES, ()) for one in expression.variables):
        yield name, "unknown-variable"


def _expression(text: str) -> Expression | None:
    try:
        return read_expression(text)
    except (Malformed, Exhausted):
        return None


def _template(
    facts: _Facts, at: str, value: Value, spaces: frozenset[str], depends_on: Collection[str]
) -> Iterator[Defect]:
    template = read_template(value)
    if template.is_malformed:
        yield at, "template"
    if not all(_is_known(facts, one, spaces, depends_on) for one in template.variables):
        yield at, "unknown-variable"
    if not names_of_refs(value) <= facts.refs:
        yield at, "unknown-ref"


def _is_known(facts: _Facts, variable: Variable, spaces: frozenset[str], depends_on: Collection[str]) -> bool:
    """Return whether a variable of a program is available.

    Spec: :ref:`flow-check`.
    """
    first = variable.path[0]
    if variable.space == "out":
        return first in facts.nodes and facts.nodes[first]["kind"] != "end"
    return variable.space in spaces and (variable.space != "dep" or first in depends_on)


# --- the graph -------------------------------------------------------------------------------------------


def _graph(facts: _Facts) -> Iterator[Defect]:
    """Check reachability, cycles and guards; all targets exist.

    Spec: :rule:`flow.check.guard`.
    """
    nodes = facts.nodes
    names = list(nodes)
    number = {name: index for index, name in enumerate(names)}
    graph = [[number[target] for target in exits_of(node)] for node in nodes.values()]
    start = number[facts.program["start"]]
    reached = set(reachable(graph, start))
    yield from ((name, "unreachable") for name, index in number.items() if index not in reached)
    if not any(nodes[names[index]]["kind"] == "end" for index in reached):
        yield "", "no-exit"
    if facts.program.get("limits", {}).get("max_visits", 1) == 1:
        yield from ((names[index], "cycle") for index in on_cycles(graph))
    guarded = {name: node["guards"] for name, node in nodes.items() if "guards" in node}
    if not guarded:
        return
    exits: dict[str, int] = {}
    for name, node in nodes.items():
        if node["kind"] == "branch":
            at = number[name]
            for side, target in zip(("then", "else"), graph[at], strict=True):
                exits[f"{name}.{side}"] = len(graph)
                graph.append([target])
            graph[at] = [exits[f"{name}.then"], exits[f"{name}.else"]]
    dominators = Dominators(graph, start)
    for name, guards in guarded.items():
        if not all(one in exits and dominators.dominates(exits[one], number[name]) for one in guards):
            yield name, "guard"
