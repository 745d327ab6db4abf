"""Graphs of small integers: reachable vertices, vertices on cycles, and dominators, all without recursion.

A graph is a list of the successors of each vertex. Everything here is linear in the edges, except the dominators, which
need a logarithm more.

Spec: ``flow/check``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

__all__ = ["Dominators", "Graph", "on_cycles", "reachable"]

Graph: TypeAlias = Sequence[Sequence[int]]

_NONE = -1


def reachable(graph: Graph, root: int) -> list[int]:
    """Return the vertices that are reachable from a root, in the order of a depth-first search."""
    return _search(graph, root)[0]


def _search(graph: Graph, root: int) -> tuple[list[int], list[int]]:
    """Return the reachable vertices in preorder, and the parent of each vertex in the tree of the search."""
    parents = [_NONE] * len(graph)
    seen = [False] * len(graph)
    order: list[int] = []
    waiting = [(root, _NONE)]
    while waiting:
        vertex, parent = waiting.pop()
        if seen[vertex]:
            continue
        seen[vertex] = True
        parents[vertex] = parent
        order.append(vertex)
        waiting += [(target, vertex) for target in graph[vertex] if not seen[target]]
    return order, parents


def on_cycles(graph: Graph) -> set[int]:
    """Return the vertices from which a way of at least one edge leads back."""
    found: set[int] = set()
    search = _Components(graph)
    for root in _unordered(graph):
        for members in search.below(root):
            if len(members) > 1 or members[0] in graph[members[0]]:
                found.update(members)
    return found


def _unordered(graph: Graph) -> list[int]:
    """Return the vertices that remain after vertices without incoming edges are removed until there are none.

    All vertices on cycles remain. A graph without cycles is removed whole.
    """
    into = [0] * len(graph)
    for targets in graph:
        for target in targets:
            into[target] += 1
    waiting = [vertex for vertex, count in enumerate(into) if not count]
    while waiting:
        for target in graph[waiting.pop()]:
            into[target] -= 1
            if not into[target]:
                waiting.append(target)
    return [vertex for vertex, count in enumerate(into) if count]


class _Components:
    """The strongly connected components of a graph, found by the algorithm of Tarjan."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._index = [_NONE] * len(graph)
        self._low = [0] * len(graph)  # the least index that a vertex reaches within its component
        self._open: list[int] = []
        self._is_open = [False] * len(graph)
        self._count = 0

    def below(self, root: int) -> Iterator[list[int]]:
        """Return the components that are reachable from a root and were not returned before."""
        path = [(root, 0)] if self._index[root] == _NONE else []
        while path:
            vertex, at = path.pop()
            if at == 0:
                self._enter(vertex)
            if at < len(self._graph[vertex]):
                path.append((vertex, at + 1))
                target = self._graph[vertex][at]
                if self._index[target] == _NONE:
                    path.append((target, 0))
                elif self._is_open[target]:
                    self._low[vertex] = min(self._low[vertex], self._index[target])
                continue
            if path:
                above = path[-1][0]
                self._low[above] = min(self._low[above], self._low[vertex])
            if self._low[vertex] == self._index[vertex]:
                yield self._leave(vertex)

    def _enter(self, vertex: int) -> None:
        self._index[vertex] = self._low[vertex] = self._count
        self._count += 1
        self._open.append(vertex)
        self._is_open[vertex] = True

    def _leave(self, vertex: int) -> list[int]:
        members: list[int] = []
        while not members or members[-1] != vertex:
            members.append(self._open.pop())
            self._is_open[members[-1]] = False
        return members


class Dominators:
    """The tree of dominators of a graph, found by the algorithm of Lengauer and Tarjan with path compression."""

    def __init__(self, graph: Graph, root: int) -> None:
        """Find the tree of the vertices that are reachable from a root."""
        self._order, parents = _search(graph, root)
        self._number = [_NONE] * len(graph)
        for number, vertex in enumerate(self._order):
            self._number[vertex] = number
        idom = self._link(graph, [parents[vertex] for vertex in self._order])
        self._enter, self._leave = _intervals(idom)

    def dominates(self, above: int, vertex: int) -> bool:
        """Return whether each way from the root to a vertex passes another vertex; also if there is no way."""
        first, second = self._number[above], self._number[vertex]
        if second == _NONE:
            return True
        return first != _NONE and self._enter[first] <= self._enter[second] < self._leave[first]

    def _link(self, graph: Graph, parents: list[int]) -> list[int]:
        """Return the immediate dominators; vertices have their numbers in preorder."""
        size = len(self._order)
        before: list[list[int]] = [[] for _ in range(size)]
        for number, vertex in enumerate(self._order):
            for target in graph[vertex]:
                before[self._number[target]].append(number)
        semi, label = list(range(size)), list(range(size))
        ancestor, idom = [_NONE] * size, [0] * size
        buckets: list[list[int]] = [[] for _ in range(size)]
        for vertex in range(size - 1, 0, -1):
            for source in before[vertex]:
                semi[vertex] = min(semi[vertex], semi[_least(source, ancestor, label, semi)])
            buckets[semi[vertex]].append(vertex)
            parent = ancestor[vertex] = self._number[parents[vertex]]
            for waiting in buckets[parent]:
                least = _least(waiting, ancestor, label, semi)
                idom[waiting] = least if semi[least] < parent else parent
            buckets[parent].clear()
        for vertex in range(1, size):
            if idom[vertex] != semi[vertex]:
                idom[vertex] = idom[idom[vertex]]
        return idom


def _least(vertex: int, ancestor: list[int], label: list[int], semi: list[int]) -> int:
    """Return the vertex with the least semidominator on the path to the root of its tree, and compress the path."""
    if ancestor[vertex] == _NONE:
        return vertex
    path = []
    at = vertex
    while ancestor[ancestor[at]] != _NONE:
        path.append(at)
        at = ancestor[at]
    for one in reversed(path):
        above = ancestor[one]
        if semi[label[above]] < semi[label[one]]:
            label[one] = label[above]
        ancestor[one] = ancestor[above]
    return label[vertex]


def _intervals(idom: list[int]) -> tuple[list[int], list[int]]:
    """Return for each vertex where its subtree begins and ends in a preorder of the tree."""
    size = len(idom)
    below: list[list[int]] = [[] for _ in range(size)]
    for vertex in range(1, size):
        below[idom[vertex]].append(vertex)
    enter, leave = [0] * size, [0] * size
    count = 0
    waiting = [0]
    while waiting:
        vertex = waiting.pop()
        if vertex < 0:
            leave[~vertex] = count
            continue
        enter[vertex] = count
        count += 1
        waiting += [~vertex, *below[vertex]]
    return enter, leave
