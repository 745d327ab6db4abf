"""The graph of a program: edges, ways, and the guards that hold.

It finds ways in the plainest manner: it follows edges from a node. A guard holds if its node cannot be reached when the
edge of the exit is taken away.

Spec: "Ways and guards" in ``flow/check``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Graph", "edges_of"]


def edges_of(node: Mapping[str, Any]) -> dict[str, str]:
    """Return the members of a node that are edges, with the nodes where they lead."""
    members = ("then", "else") if node["kind"] == "branch" else ("next", "on_error")
    return {member: node[member] for member in members if member in node}


@dataclass(slots=True)
class Graph:
    """The graph of a program of which all targets exist."""

    start: str
    nodes: Mapping[str, Mapping[str, Any]]
    _without: dict[str, frozenset[str]] = field(default_factory=dict)

    def defects(self, *, may_cycle: bool) -> Iterator[tuple[str, str]]:
        """Yield the defects of stage 6.

        Args:
            may_cycle: whether a node may have several visits.

        Spec: :rule:`flow.check.defects`, :rule:`flow.check.guard`.
        """
        reachable = self._reached([self.start])
        for name in self.nodes:
            if name not in reachable:
                yield name, "unreachable"
        if not any(self.nodes[name]["kind"] == "end" for name in reachable):
            yield "", "no-exit"
        for name in [] if may_cycle else self._on_cycles():
            yield name, "cycle"
        for name, node in self.nodes.items():
            if any(not self._is_guarded(name, guard) for guard in node.get("guards", ())):
                yield name, "guard"

    def _reached(self, begin: list[str], without: str | None = None) -> frozenset[str]:
        """Return the nodes to which ways lead that do not pass an exit."""
        reached, waiting = set(begin), list(begin)
        while waiting:
            at = waiting.pop()
            for member, target in edges_of(self.nodes[at]).items():
                if f"{at}.{member}" != without and target not in reached:
                    reached.add(target)
                    waiting.append(target)
        return frozenset(reached)

    def _on_cycles(self) -> Iterator[str]:
        """Yield the nodes from which a way of at least one edge leads to themselves."""
        for name, node in self.nodes.items():
            if name in self._reached(list(edges_of(node).values())):
                yield name

    def _is_guarded(self, name: str, guard: str) -> bool:
        """Return whether a guard is an exit of a branch that every way from the start to a node passes."""
        branch = guard.partition(".")[0]
        if branch not in self.nodes or self.nodes[branch]["kind"] != "branch":
            return False
        if guard not in self._without:
            self._without[guard] = self._reached([self.start], guard)
        return name not in self._without[guard]
