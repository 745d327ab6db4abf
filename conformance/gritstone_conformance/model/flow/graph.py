"""The graph of a program: edges, ways, and the guards that hold.

It finds ways in the plainest manner: it follows edges from a node. A guard holds if its node cannot be reached when the
edge of the exit is taken away.

Spec: "Ways and guards" in ``flow/check``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["Graph", "edges_of"]


def edges_of(node: Mapping[str, Any]) -> dict[str, str]:
    """Return the members of a node that are edges, with the nodes where they lead."""
    members = ("then", "else") if node["kind"] == "branch" else ("next", "on_error")
    return {member: node[member] for member in members if member in node}


class Graph:
    """The graph of a program of which all targets exist."""

    def __init__(self, start: str, nodes: Mapping[str, Mapping[str, Any]]) -> None:
        self.start = start
        self.nodes = nodes
        self._ways = {
            name: [(f"{name}.{member}", target) for member, target in edges_of(node).items()]
            for name, node in nodes.items()
        }
        self._without: dict[str, set[str]] = {}

    def defects(self, *, may_cycle: bool) -> Iterator[tuple[str, str]]:
        """Yield the defects of stage 6.

        Args:
            may_cycle: whether a node may have several visits.

        Spec: :rule:`flow.check.defects`, :rule:`flow.check.guard`.
        """
        reachable = self._reached(self.start)
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

    def _reached(self, begin: str, without: str | None = None) -> set[str]:
        """Return the nodes to which ways lead that do not pass an exit."""
        reached, waiting = {begin}, [begin]
        while waiting:
            for member, target in self._ways[waiting.pop()]:
                if target not in reached and member != without:
                    reached.add(target)
                    waiting.append(target)
        return reached

    def _on_cycles(self) -> Iterator[str]:
        """Yield the nodes from which a way of at least one edge leads to themselves.

        Nodes are taken in the reverse of the order in which a walk along the edges has left them. What leads to one of
        them and was not taken before it can also be reached from it.
        """
        sources: dict[str, list[str]] = {name: [] for name in self.nodes}
        for name, ways in self._ways.items():
            for _, target in ways:
                sources[target].append(name)
        taken: set[str] = set()
        for name in reversed(self._left()):
            component, waiting = [], [name]
            while waiting:
                at = waiting.pop()
                if at not in taken:
                    taken.add(at)
                    component.append(at)
                    waiting += sources[at]
            if len(component) > 1 or (component and component[0] in sources[component[0]]):
                yield from component

    def _left(self) -> list[str]:
        """Return the nodes in the order in which a walk along the edges has left them."""
        left: list[str] = []
        seen: set[str] = set()
        for name in self.nodes:
            waiting = [(name, False)]
            while waiting:
                at, is_left = waiting.pop()
                if is_left:
                    left.append(at)
                elif at not in seen:
                    seen.add(at)
                    waiting.append((at, True))
                    waiting += [(target, False) for _, target in self._ways[at]]
        return left

    def _is_guarded(self, name: str, guard: str) -> bool:
        """Return whether a guard is an exit of a branch that every way from the start to a node passes."""
        branch = guard.partition(".")[0]
        if branch not in self.nodes or self.nodes[branch]["kind"] != "branch":
            return False
        if guard not in self._without:
            self._without[guard] = self._reached(self.start, guard)
        return name not in self._without[guard]
