"""The defects of a program under a policy.

Spec: ``flow/check``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from gritstone_conformance.model.flow.expressions import BadExpression, parse, paths_of
from gritstone_conformance.model.flow.forms import has_form_of_a_policy, program_defects
from gritstone_conformance.model.flow.graph import Graph, edges_of
from gritstone_conformance.model.flow.limits import FLOW, PROGRAM_BYTES, VALUE_BYTES
from gritstone_conformance.model.flow.paths import Path
from gritstone_conformance.model.flow.templates import is_template, leaves, paths_of_leaf
from gritstone_conformance.model.flow.values import NotAValue, Value, decode, refs_in

__all__ = ["Defects", "check", "check_documents"]

Defect: TypeAlias = tuple[str, str]
Defects: TypeAlias = list[Defect]
"""Places and codes, ascending, each once."""

_IN_IF: Final = ("input", "out", "prior")
_IN_ARGS: Final = ("input", "out", "prior")
_IN_ARGS_OF_SUB: Final = ("input", "out", "prior", "dep")
_IN_OUTPUT: Final = ("input", "out", "prior")
_IN_WHEN: Final = ("input", "args", "tool")


def check(
    program: bytes | None, policy: bytes | None, given: bytes | None, peers: Collection[str], refs: Collection[str]
) -> Defects:
    """Return all defects of a program.

    Args:
        program: the bytes of the program; None for a blob that is not a document, like the next two.
        policy: the bytes of the policy.
        given: the bytes of the input.
        peers: the names in ``policy/peers``.
        refs: the names in ``refs``.

    Spec: :rule:`flow.check.defects`, :rule:`flow.check.total`.
    """
    documents = (("program", program, PROGRAM_BYTES), ("policy", policy, VALUE_BYTES), ("input", given, VALUE_BYTES))
    values: dict[str, Value] = {}
    for name, data, most in documents:
        try:
            if data is not None:
                values[name] = decode(data, most)
        except NotAValue:
            continue
    if not isinstance(values.get("input"), dict):
        values.pop("input", None)
    if len(values) < len(documents):
        return sorted(("", f"{name}-malformed") for name, _, _ in documents if name not in values)
    return check_documents(values["program"], values["policy"], values["input"], peers, refs)


def check_documents(program: Any, policy: Any, given: Value, peers: Collection[str], refs: Collection[str]) -> Defects:
    """Return the defects of stages 3 to 6: of a program, a policy and an input that are values within their limits."""
    if not has_form_of_a_policy(policy):
        return [("", "policy-shape")]
    defects = program_defects(program)
    if defects:
        return sorted(defects)
    defects = set(_Names(program, policy, given, peers, refs).defects())
    if all(code != "unknown-target" for _, code in defects):
        most = program.get("limits", {}).get("max_visits", FLOW["max_visits"]["program"])
        defects |= set(Graph(program["start"], program["nodes"]).defects(may_cycle=most > 1))
    return sorted(defects)


@dataclass(frozen=True, slots=True)
class _Names:
    """Stage 5: what a program and a policy name."""

    program: dict[str, Any]
    policy: dict[str, Any]
    given: Value
    peers: Collection[str]
    refs: Collection[str]

    def defects(self) -> Iterator[Defect]:
        """Yield the defects; some of them may be yielded several times."""
        nodes = self.program["nodes"]
        if self.program["start"] not in nodes:
            yield "", "unknown-target"
        yield from self._of_refs("", self.given)
        yield from self._of_policy()
        for tool, entry in self.policy["tools"].items():
            yield from self._of_tool(tool, entry)
        for at, node in nodes.items():
            if any(target not in nodes for target in edges_of(node).values()):
                yield at, "unknown-target"
            yield from self._of_node(at, node)

    def _of_node(self, at: str, node: dict[str, Any]) -> Iterator[Defect]:
        match node["kind"]:
            case "call":
                yield from self._of_work(at, node, _IN_ARGS)
                yield from self._of_guards(at, node, [node["tool"]])
            case "parallel":
                yield from self._of_guards(at, node, [sub["tool"] for sub in node["calls"].values()])
                for name, sub in node["calls"].items():
                    yield from self._of_work(f"{at}.{name}", sub, _IN_ARGS_OF_SUB)
                    yield from self._of_depends(f"{at}.{name}", name, node["calls"])
            case "branch":
                yield from self._of_condition(at, node["if"])
            case "wait":
                yield from self._of_times(at, node)
                if node["event"] not in self.policy.get("events", {}):
                    yield at, "unknown-event"
            case "end":
                yield from self._of_template(at, node.get("output"), _IN_OUTPUT, ())

    def _of_policy(self) -> Iterator[Defect]:
        """Yield a defect if the policy, apart from its tools, names an unknown peer."""
        named = [self.policy[member] for member in ("timer", "eraser", "agent") if member in self.policy]
        for member in ("events", "control"):
            for listed in self.policy.get(member, {}).values():
                named += listed
        if not set(named) <= set(self.peers):
            yield "", "unknown-peer"

    def _of_tool(self, tool: str, entry: dict[str, Any]) -> Iterator[Defect]:
        if entry["peer"] not in self.peers:
            yield tool, "unknown-peer"
        if "when" not in entry:
            return
        paths = _paths_of_condition(entry["when"])
        if paths is None:
            yield tool, "policy-expression"
            return
        for path in paths:
            unknown_tool = path.namespace == "tool" and path.first not in self.policy["tools"]
            unknown_param = path.namespace == "args" and path.first not in entry["params"]
            if path.namespace not in _IN_WHEN or unknown_tool or unknown_param:
                yield tool, "policy-variable"

    def _of_work(self, at: str, work: dict[str, Any], namespaces: Collection[str]) -> Iterator[Defect]:
        """Yield the defects of a call or a sub."""
        tool = self.policy["tools"].get(work["tool"])
        if tool is None:
            yield at, "unknown-tool"
        elif not work["args"].keys() <= set(tool["params"]):
            yield at, "unknown-param"
        yield from self._of_template(at, work["args"], namespaces, work.get("depends_on", ()))
        yield from self._of_times(at, work)

    def _of_guards(self, at: str, node: dict[str, Any], tools: list[str]) -> Iterator[Defect]:
        is_guarded = any(self.policy["tools"].get(tool, {}).get("guarded", False) for tool in tools)
        if is_guarded and "guards" not in node:
            yield at, "unguarded"

    def _of_depends(self, at: str, sub: str, calls: dict[str, Any]) -> Iterator[Defect]:
        """Yield the defects of ``depends_on`` of a sub."""
        if any(name not in calls for name in calls[sub].get("depends_on", ())):
            yield at, "unknown-target"
        before: set[str] = set()
        waiting = [sub]
        while waiting:
            for name in calls[waiting.pop()].get("depends_on", ()):
                if name in calls and name not in before:
                    before.add(name)
                    waiting.append(name)
        if sub in before:
            yield at, "depends-cycle"

    def _of_times(self, at: str, element: dict[str, Any]) -> Iterator[Defect]:
        needs_timer = "timeout_ms" in element or element.get("retry", {}).get("backoff_ms", 0) > 0
        if needs_timer and "timer" not in self.policy:
            yield at, "no-timer"

    def _of_condition(self, at: str, condition: str) -> Iterator[Defect]:
        paths = _paths_of_condition(condition)
        if paths is None:
            yield at, "expression"
        elif not all(self._is_known(path, _IN_IF, ()) for path in paths):
            yield at, "unknown-variable"

    def _of_template(
        self, at: str, template: Value, namespaces: Collection[str], depends: Collection[str]
    ) -> Iterator[Defect]:
        yield from self._of_refs(at, template)
        if not is_template(template):
            yield at, "template"
        for leaf in leaves(template):
            if not all(self._is_known(path, namespaces, depends) for path in paths_of_leaf(leaf) or ()):
                yield at, "unknown-variable"

    def _of_refs(self, at: str, value: Value) -> Iterator[Defect]:
        if not set(refs_in(value)) <= set(self.refs):
            yield at, "unknown-ref"

    def _is_known(self, path: Path, namespaces: Collection[str], depends: Collection[str]) -> bool:
        """Return whether a var of the program is available."""
        match path.namespace:
            case "out":
                node = self.program["nodes"].get(path.first)
                return node is not None and node["kind"] != "end"
            case "dep":
                return "dep" in namespaces and path.first in depends
            case _:
                return path.namespace in namespaces


def _paths_of_condition(condition: str) -> list[Path] | None:
    """Return the paths of an expression, or None if it is malformed or exhausted."""
    try:
        return list(paths_of(parse(condition)))
    except BadExpression:
        return None
