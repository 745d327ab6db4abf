"""Plans: programs and policies without defects, in the form in which flows use them.

A plan depends on the encodings of its program and its policy only, so plans are remembered.

Spec: ``flow/documents``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from gritstone.flow.expressions import Expression, read_expression
from gritstone.flow.limits import DEFAULTS, MOST_PROGRAM_BYTES, RANGES
from gritstone.flow.templates import Template, read_template
from gritstone.flow.values import Value, decode_value, digest, key_order

__all__ = ["Node", "Plan", "Tool", "Work", "plan_of"]

_MOST_PLANS = 32


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool of a policy.

    Attributes:
        name: its name.
        peer: the name of its peer.
        refs: the arguments that may contain refs.
        when: the condition of its calls, if there is one.
        cost: the tokens of a call without usage.
        is_fact: whether a ``when`` names it.
    """

    name: str
    peer: str
    refs: frozenset[str]
    when: Expression | None
    cost: int
    is_fact: bool


@dataclass(frozen=True, slots=True)
class Work:
    """What a call and a sub have in common.

    Attributes:
        tool: the called tool.
        args: the template of the arguments.
        attempts: the maximum number of attempts.
        backoff_ms: the delay before the second attempt.
        timeout_ms: the time of an attempt, if it is limited.
        one_of: the permitted values, if they are limited.
        depends_on: the subs that end first.
        is_optional: whether the parallel continues if it fails.
    """

    tool: Tool
    args: Template
    attempts: int
    backoff_ms: int
    timeout_ms: int | None
    one_of: frozenset[str] | None
    depends_on: tuple[str, ...]
    is_optional: bool


@dataclass(frozen=True, slots=True)
class Node:
    """A node of a program.

    Attributes:
        name: its name.
        kind: ``call``, ``parallel``, ``branch``, ``wait`` or ``end``.
        value: the node as it is written.
        next: the node that is entered next, if there is one.
        on_error: the node that is entered after a failure, if there is one.
        work: that of a call.
        subs: the work of a parallel, in key order.
        condition: the expression of a branch.
        output: the template of an end that has one.
    """

    name: str
    kind: str
    value: Value
    next: str | None
    on_error: str | None
    work: Work | None
    subs: Mapping[str, Work]
    condition: Expression | None
    output: Template | None


@dataclass(frozen=True, slots=True)
class Plan:
    """A program under a policy.

    Attributes:
        program: the digest of the program.
        policy: the digest of the document of the policy.
        start: the first node.
        nodes: the nodes by name.
        tools: the tools by name.
        roles: the policy as it is written.
        limits: the limits of the program.
        bounds: the limits of the policy.
    """

    program: str
    policy: str
    start: str
    nodes: Mapping[str, Node]
    tools: Mapping[str, Tool]
    roles: Value
    limits: Mapping[str, int]
    bounds: Mapping[str, int]


@lru_cache(maxsize=_MOST_PLANS)
def plan_of(program: bytes, policy: bytes) -> Plan:
    """Return the plan of the encodings of a program and a policy without defects."""
    written, roles = decode_value(program, MOST_PROGRAM_BYTES), decode_value(policy)
    conditions = {name: read_expression(tool["when"]) for name, tool in roles["tools"].items() if "when" in tool}
    facts = {one.path[0] for condition in conditions.values() for one in condition.variables if one.space == "tool"}
    tools = {
        name: Tool(
            name,
            tool["peer"],
            frozenset(tool.get("refs", ())),
            conditions.get(name),
            tool.get("cost", 0),
            name in facts,
        )
        for name, tool in roles["tools"].items()
    }
    bounds = {name: most for name, (_, most) in RANGES.items()} | {"max_replans": 0} | roles.get("limits", {})
    return Plan(
        digest(program),
        digest(policy),
        written["start"],
        {name: _node(name, node, tools) for name, node in written["nodes"].items()},
        tools,
        roles,
        {**DEFAULTS, **written.get("limits", {})},
        bounds,
    )


def _node(name: str, node: Value, tools: Mapping[str, Tool]) -> Node:
    subs = node.get("calls", {})
    return Node(
        name,
        node["kind"],
        node,
        node.get("next"),
        node.get("on_error"),
        _work(node, tools) if node["kind"] == "call" else None,
        {sub: _work(subs[sub], tools) for sub in sorted(subs, key=key_order)},
        read_expression(node["if"]) if "if" in node else None,
        read_template(node["output"]) if "output" in node else None,
    )


def _work(work: Value, tools: Mapping[str, Tool]) -> Work:
    retry = work.get("retry", {})
    return Work(
        tools[work["tool"]],
        read_template(work["args"]),
        retry.get("max_attempts", 1),
        retry.get("backoff_ms", 0),
        work.get("timeout_ms"),
        frozenset(work["one_of"]) if "one_of" in work else None,
        tuple(work.get("depends_on", ())),
        work.get("optional", False),
    )
